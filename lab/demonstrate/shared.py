"""Applications for demonstrations that are short: starting one takes longer than most of them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

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


@contextmanager
def applications(bench: Bench, specs: Sequence[str]) -> Iterator[dict[str, App]]:
    """Lend a fresh application for each pool, by its specification; they are started side by side."""
    with ExitStack() as stack, ThreadPoolExecutor(len(specs)) as starters:
        # the stack may be entered from one thread only: each application is lent by a starter, and kept by the stack
        lent = [bench.application(spec) for spec in specs]
        starting = [starters.submit(one.__enter__) for one in lent]
        for one, start in zip(lent, starting, strict=True):
            if start.exception() is None:
                stack.push(one)
        yield {spec: start.result() for spec, start in zip(specs, starting, strict=True)}
