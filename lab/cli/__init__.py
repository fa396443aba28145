"""The command ``lab``: a thin face on the lab's functions.

Results go to standard output, everything else to standard error. An error is one line and exit code 1, or 2 for a
wrong word; ``--json`` prints one document and nothing else.
"""

from lab.cli.main import main

__all__ = ["main"]
