"""The command ``lab``: a thin face on the lab's functions.

Results go to standard output, everything else to standard error. An error is one line and exit code 1, or 2 for a
wrong word; ``--json`` prints one document and nothing else.
"""

import sys

try:
    from lab.cli.main import main
except KeyboardInterrupt:  # reading the modules takes a moment, and a Ctrl-C then is one line, too
    print("error: interrupted; nothing was begun", file=sys.stderr)
    sys.exit(130)

__all__ = ["main"]
