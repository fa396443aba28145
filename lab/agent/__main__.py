"""The agent's process: ``python -m lab.agent app`` or ``load``. It ends, with all that it started, at SIGTERM."""

import argparse
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from lab import config, server
from lab.agent import web
from lab.agent.app import AppKeeper, Order
from lab.agent.load import LoadKeeper
from lab.agent.token import token
from lab.errors import LabError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one agent; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab.agent", description=__doc__)
    parser.add_argument("part", choices=("app", "load"), help="what this agent starts")
    part = parser.parse_args(arguments).part
    # where the last order lies: it outlives the process, and ends with the container
    folder = Path(tempfile.gettempdir()) / f"lab-agent-{part}"
    try:
        settings = config.read()
        folder.mkdir(mode=0o700, exist_ok=True)
        if part == "app":
            standard = Order(config.value("LAB_POOL"), name=config.value("LAB_APP_NAME"))
            app_keeper = AppKeeper(server.composed_app_dsn(settings), folder, standard)
            agent, watch, end = web.for_app(app_keeper, token(settings)), app_keeper.watch, app_keeper.end
        else:
            runs = settings.home / "runs"
            load_keeper = LoadKeeper(folder, runs, config.value("LAB_LOAD_WORKERS"), config.value("LAB_LOAD_TARGET"))
            agent, watch, end = web.for_load(load_keeper, token(settings)), load_keeper.watch, load_keeper.end
    except (LabError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    threading.Thread(target=watch, daemon=True).start()
    # children end with this process: the leash sees to it, also when it is killed
    uvicorn.run(agent, host="0.0.0.0", port=web.PORT, log_level="warning", access_log=False)
    end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
