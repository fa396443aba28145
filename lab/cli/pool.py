"""What a run's pools did, for people: a few lines, and a table of the routes that held the connections."""

from collections.abc import Callable, Iterator

from rich.console import Console
from rich.table import Table

from lab.analyse.pool import Law, PoolUse, RouteUse
from lab.units import format_number

_COLUMNS: dict[str, Callable[[RouteUse], str]] = {
    "checkouts": lambda route: f"{route.checkouts:,}",
    "wait ms": lambda route: format_number(route.wait_ms),
    "connect ms": lambda route: format_number(route.connect_ms),
    "hold ms": lambda route: format_number(route.hold_ms),
    "longest ms": lambda route: format_number(1000 * route.hold_longest_s),
}
_RARE: dict[str, Callable[[RouteUse], int]] = {  # shown where there is one
    "timeouts": lambda route: route.timeouts,
    "failed": lambda route: route.failed,
    "not back": lambda route: route.held_at_end,
}


def print_pool(out: Console, use: PoolUse) -> None:
    """Print the figures of the pools, whether their books balance, and the table of routes; times are means."""
    for label, text in _lines(use):
        out.print(f"{label:9} {text}", markup=False, soft_wrap=True)
    rare = {name: read for name, read in _RARE.items() if any(read(route) for route in use.routes)}
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("route", overflow="fold")
    for name in (*_COLUMNS, *rare):
        table.add_column(name, justify="right", no_wrap=True)
    for route in use.routes:
        cells = [read(route) for read in _COLUMNS.values()] + [f"{read(route):,}" for read in rare.values()]
        table.add_row(route.route, *cells)
    out.print(table)


def _lines(use: PoolUse) -> Iterator[tuple[str, str]]:
    share = "" if use.utilisation_pct is None else f", {format_number(use.utilisation_pct)} % of {use.capacity}"
    yield "held", f"{format_number(use.held_mean)} connections on average{share}; at most {use.held_peak}, sampled"
    waiting = format_number(use.pending_mean)
    yield "waiting", f"{waiting} checkouts on average, those that connect among them; at most {use.pending_peak}"
    if use.threads_total:
        yield (
            "threads",
            f"at most {use.threads_peak} of {use.threads_total}; {use.threads_waiting_peak} handlers waited",
        )
    for law in use.laws:
        yield "books", told(law)
    if not use.laws:
        yield "books", "not judged: too few samples or checkouts, or a pool that does not count"


def told(law: Law) -> str:
    """Say whether one of the books balances.

    >>> told(Law("held", 4.81, 4.5, 0.24))
    'held: DO NOT BALANCE, a mean of 4.81 by the sums and 4.5 by counting, limit 0.24 apart'
    """
    verdict = "balance" if law.balances else "DO NOT BALANCE"
    sums, count, limit = (format_number(value) for value in (law.by_sums, law.by_count, law.limit))
    return f"{law.what}: {verdict}, a mean of {sums} by the sums and {count} by counting, limit {limit} apart"
