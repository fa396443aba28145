"""An agent's orders over HTTP. Everything but ``/health`` asks for the token in the lab's secrets."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import Body, Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse

from lab import limits
from lab.agent.app import AppKeeper, read_order
from lab.agent.load import LoadKeeper
from lab.errors import LabError, LoadError
from lab.observe.cpu import here, tree
from lab.plan import LoadPlan

PORT = 8001


def _guarded(token: str) -> FastAPI:
    def check(authorization: Annotated[str, Header()] = "") -> None:
        if not secrets.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
            raise HTTPException(
                401, "the token is not the one in the secret lab_agent; see that both containers have it"
            )

    agent = FastAPI(title="PostgreSQL Performance Lab: agent", dependencies=[Depends(check)], openapi_url=None)

    @agent.exception_handler(LabError)
    def refuse(_: Request, error: LabError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=409)

    return agent


def for_app(keeper: AppKeeper, token: str) -> FastAPI:
    """Return the agent of the sample app."""
    agent = _guarded(token)

    @agent.put("/app")
    def order(values: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        return keeper.order(read_order(values))

    @agent.put("/standard")
    def standard() -> dict[str, Any]:
        return keeper.standard()

    @agent.delete("/app")
    def stop() -> dict[str, Any]:
        return keeper.stop()

    @agent.get("/app")
    def status() -> dict[str, Any]:
        found = keeper.ask()
        return found | {"usage": _usage(found["pid"]), "limits": limits.here()}

    @agent.get("/gauges")
    def gauges() -> list[dict[str, Any]]:
        return keeper.gauges()

    @agent.get("/samples")
    def samples(after: int = 0) -> list[dict[str, Any]]:
        return keeper.samples(after)

    return _with_health(agent, lambda: keeper.status()["state"] != "starting")


def for_load(keeper: LoadKeeper, token: str) -> FastAPI:
    """Return the agent of the load."""
    agent = _guarded(token)

    @agent.put("/load")
    def order(values: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        try:
            plan, url, folder = LoadPlan.from_dict(values["plan"]).checked(), str(values["url"]), Path(values["folder"])
        except (KeyError, TypeError, AttributeError) as error:
            raise LoadError(f"no order for a load ({error}): the lab and its agent are of different versions") from None
        return keeper.order(plan, url, folder)

    @agent.delete("/load")
    def stop() -> dict[str, Any]:
        return keeper.stop()

    @agent.get("/load")
    def status() -> dict[str, Any]:
        return keeper.status() | {"limits": limits.here()}

    return _with_health(agent, lambda: True)


def _with_health(agent: FastAPI, well: Callable[[], bool]) -> FastAPI:
    outer = FastAPI(title=agent.title, openapi_url=None)

    @outer.get("/health")
    def health() -> JSONResponse:
        return JSONResponse({"well": well()}, status_code=200 if well() else 503)

    outer.mount("/", agent)
    return outer


def _usage(pid: int | None) -> dict[str, float] | None:
    """Return the CPU time (s) and the resident memory (bytes) of a process and those below it."""
    used = tree(here(), pid) if pid else None
    return {"cpu_s": used.cpu_s, "rss_bytes": used.rss_bytes} if used else None
