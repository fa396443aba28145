"""``python -m lab.cli`` is the command ``lab``."""

from lab.cli.main import main

main()
