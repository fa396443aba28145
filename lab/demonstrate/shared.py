"""One application for several demonstrations: starting one takes longer than most of them."""

from collections.abc import Iterator
from contextlib import contextmanager

from lab.app import App
from lab.demonstrate.bench import Bench

SIZE = 5
SPEC = f"queue:size={SIZE},overflow=0,timeout=1"


@contextmanager
def application(bench: Bench, web: App | None) -> Iterator[App]:
    """Lend *web*, which stays as it is; without one a fresh application, which ends with the demonstration."""
    if web is not None:
        yield web
        return
    with bench.application(SPEC) as fresh:
        yield fresh
