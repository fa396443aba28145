"""Prepare the database of the containers, before JupyterLab opens: ``python -m lab.compose.prepare``."""

import sys

from lab import config, server
from lab.errors import LabError


def _say(text: str) -> None:
    """Tell what goes on, for the container's log."""
    sys.stderr.write(f"{text}\n")


def main() -> int:
    """Make what is not there yet; returns the exit code, and says in one line why it could not be made."""
    try:
        server.ensure(config.read(), _say)
    except LabError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
