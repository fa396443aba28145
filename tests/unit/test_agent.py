"""Orders over HTTP: what the lab asks of an agent arrives at the app that the agent keeps."""

import threading
from collections.abc import Iterator

import pytest
import uvicorn

from lab.agent.client import Agent, AppElsewhere
from lab.agent.web import for_app
from lab.plan import PoolConfig
from lab.process import free_port, wait_until

TOKEN = "sixteen letters and more"
ANSWER = {"pid": 7, "samples": [{"t_us": 5, "occupied_s": None}], "routes": [{"route": "/a"}]}


class Keeper:
    """Stands for an agent's app, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def order(self, wanted: object) -> dict[str, object]:
        return {}

    def stop(self) -> dict[str, object]:
        return {}

    def samples(self, after_us: int) -> list[dict[str, object]]:
        self.asked.append(after_us)
        return [ANSWER]


@pytest.fixture
def kept() -> Iterator[tuple[Keeper, str]]:
    keeper, port = Keeper(), free_port(0, "LAB_APP_PORT")
    config = uvicorn.Config(for_app(keeper, TOKEN), host="127.0.0.1", port=port, log_level="error")  # type: ignore[arg-type]
    served = uvicorn.Server(config)
    thread = threading.Thread(target=served.run)
    thread.start()
    assert wait_until(lambda: served.started, 10)
    yield keeper, f"http://127.0.0.1:{port}"
    served.should_exit = True
    thread.join()


def test_samples_come_through_the_agent(kept: tuple[Keeper, str]) -> None:
    keeper, url = kept
    app = AppElsewhere(Agent(url, TOKEN), PoolConfig(), "lab-app", "run-01")
    assert (app.samples(42), keeper.asked) == ([ANSWER], [42])


def test_an_agent_that_cannot_be_asked_has_no_samples(kept: tuple[Keeper, str]) -> None:
    app = AppElsewhere(Agent(kept[1], TOKEN), PoolConfig(), "lab-app", "run-01")
    app._agent = Agent(kept[1], "another token, also long")
    assert app.samples(0) == []
