"""One run over time: what the app's pool held and who waited for it, its threads, and what the server saw meanwhile.

The three panels share the time axis, which is the machine's monotonic clock: what happens in one has happened at the
same moment in the others. Lines are samples, about ten a second; the means beside them are those of the samples in the
server, and exact ones where the meter's sums tell them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lab.analyse.connections import backends_in
from lab.analyse.measured import bounds_us
from lab.analyse.pool import PoolUse, pool_use, samples, together
from lab.chart import style
from lab.chart.labels import pool_name
from lab.chart.side import say
from lab.chart.style import BODY, GREY, GRID, INK, SHADE, SMALL, SOFT, TITLE, spread
from lab.record.run import Run
from lab.units import format_number

SIZE_IN = (11.0, 8.2)
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.075, 0.80, 0.855, 0.075
_WAITING, _WORKING, _HOLDING = "#E69F00", "#009E73", "#56B4E9"
_DOTTED = (0, (1.5, 1.2))
_FULL = 0.8  # of the capacity, held on average


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """A count over time, and how it is drawn and named at its end."""

    name: str
    t_us: np.ndarray[Any, Any]
    counts: np.ndarray[Any, Any]
    mean: float | None
    colour: str
    line: str | tuple[int, tuple[float, ...]] = "-"
    unit: str = "on average"

    @property
    def text(self) -> str:
        """What stands at the line's end."""
        return self.name if self.mean is None else f"{self.name}\n{format_number(self.mean)} {self.unit}"


def figure(run: Run) -> Figure:
    """Return the figure of one run; a run whose pool was not sampled has the server's panel alone filled.

    :raises RecordError: if the run cannot be read.
    """
    use = pool_use(run)
    start_us, warm_us, end_us = bounds_us(run.manifest)
    with style.styled():
        drawn = style.blank(*SIZE_IN)
        drawn.text(_LEFT, 0.955, finding(run), fontsize=_size(finding(run)), weight="bold", color=INK)
        drawn.text(_LEFT, 0.918, _conditions(run, use), fontsize=BODY, color=SOFT)
        grid = drawn.add_gridspec(
            3, 1, height_ratios=[1.25, 1, 1], hspace=0.42, left=_LEFT, right=_RIGHT, top=_TOP, bottom=_BOTTOM
        )
        axes = [drawn.add_subplot(grid[row, 0]) for row in range(3)]
        panels = (
            ("In the app: connections held, and checkouts that wait", "connections", _pool_lines(run, use)),
            ("In the app: worker threads", "threads", _thread_lines(run, use)),
            ("In the server: backends of the app", "backends", _server_lines(run, start_us, end_us)),
        )
        limits = ((use.capacity, "capacity"), (use.threads_total, "all threads")) if use else ()
        for ax, (title, unit, lines) in zip(axes, panels, strict=True):
            limit = limits[axes.index(ax)] if axes.index(ax) < len(limits) else (None, "")
            _panel(ax, title, unit, lines, (start_us, warm_us, end_us), limit)
        axes[-1].set_xlabel("seconds from the start of the load")
    return drawn


def finding(run: Run) -> str:
    """Return what the pool did, as a sentence without a full stop."""
    use, name = pool_use(run), pool_name(run.manifest.pool)
    if use is None:
        return f"Nothing is known of the {name} in this run"
    held, pending = format_number(use.held_mean), format_number(use.pending_mean)
    if not use.balances:
        return "The pool's books do not balance: these figures are not to be believed"
    if use.capacity is None:
        return f"{held} connections are held on average, while {pending} are being opened"
    if use.held_mean >= _FULL * use.capacity and use.pending_mean >= 1:
        return f"The {name} is used up: {held} of {use.capacity} connections held, {pending} checkouts waiting"
    return f"Of {use.capacity} connections {held} are held on average, and {pending} checkouts wait"


def describe(run: Run) -> str:
    """Return what kind of figure this is, its axes and its series, in one line without a measured value."""
    return (
        f"pool over time of {pool_name(run.manifest.pool)}: connections held and checkouts waiting; threads busy and "
        "handlers waiting; backends active and idle in transaction; by seconds from the start of the load"
    )


def alt(run: Run) -> str:
    """Return the finding as a sentence, for those who don't see the figure."""
    return f"{finding(run)}."


def _size(title: str) -> float:
    size = float(TITLE)
    while size > BODY and style.text_width_in(title, size, bold=True) > 0.89 * SIZE_IN[0]:
        size -= 0.5
    return size


def _conditions(run: Run, use: PoolUse | None) -> str:
    load, pool = run.manifest.load, run.manifest.pool
    who = f"{load['users']} users" if load.get("model") != "open" else f"{load['rate_per_s']:g} arrivals/s"
    workers = int(pool.get("workers", 1))
    parts = [str(pool["spec"]), f"{workers} worker" + ("s" if workers != 1 else ""), who]
    parts.append(f"{float(load['warmup_s']):g} + {float(load['measured_s']):g} s")
    parts += [f"{use.checkouts:,} checkouts", f"{use.samples} samples"] if use else []
    return "  ·  ".join(parts)


def _pool_lines(run: Run, use: PoolUse | None) -> list[_Line]:
    if use is None:
        return []
    workers, look = samples(run), style.looks([str(run.manifest.pool.get("kind", "queue"))])[0]
    return [
        _Line("held", *together(workers, "held_now"), use.held_mean, look.colour, look.line),
        _Line("waiting, connecting", *together(workers, "pending"), use.pending_mean, _WAITING, _DOTTED),
    ]


def _thread_lines(run: Run, use: PoolUse | None) -> list[_Line]:
    if use is None or use.threads_total is None:
        return []
    workers = samples(run)
    return [
        _Line("busy", *together(workers, "threads_borrowed"), use.threads_mean, _WORKING),
        _Line(
            "handlers that wait",
            *together(workers, "threads_waiting"),
            use.threads_waiting_peak,
            _WAITING,
            _DOTTED,
            "at most",
        ),
    ]


def _server_lines(run: Run, start_us: int, end_us: int) -> list[_Line]:
    kinds = (
        ("active", ("active", "fastpath function call"), _WORKING, "-"),
        ("idle in transaction", ("idle in transaction", "idle in transaction (aborted)"), _HOLDING, "--"),
    )
    lines = []
    for name, states, colour, line in kinds:
        t_us, counts = backends_in(run, *states)
        inside = (t_us >= start_us) & (t_us <= end_us)
        if inside.any():
            mean = float(counts[inside].mean())
            lines.append(_Line(name, t_us[inside], counts[inside], mean, colour, line))
    return lines


def _panel(
    ax: Axes,
    title: str,
    unit: str,
    lines: Sequence[_Line],
    bounds: tuple[int, int, int],
    limit: tuple[int | None, str],
) -> None:
    start_us, warm_us, end_us = bounds
    total_s, most = (end_us - start_us) / 1e6, max((int(line.counts.max()) for line in lines), default=1)
    top = max(1.25 * most, 2.0)
    ax.set_title(title)
    ax.set_ylabel(unit)
    ax.set_xlim(0, total_s)
    _shade_warm_up(ax, (warm_us - start_us) / 1e6, total_s)
    ax.grid(axis="y", color=GRID, lw=0.8)
    ax.xaxis.set_major_locator(MaxNLocator(7, integer=total_s >= 5))
    if not lines:
        ax.set_ylim(0, top)
        say(ax, "was not sampled")
        return
    for line in lines:
        seconds = (line.t_us - start_us) / 1e6
        ax.step(seconds, line.counts, where="post", color=line.colour, linestyle=line.line, lw=1.5, clip_on=False)
    level, name = limit
    if level is not None and level <= 2 * most:
        top = max(top, 1.2 * level)
        ax.axhline(level, color=GREY, lw=1.1, ls=":")
        ax.text(
            total_s * 0.995, level + 0.03 * top, f"{name} {level}", ha="right", va="bottom", fontsize=SMALL, color=GREY,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip
    ax.set_ylim(0, top)
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    _name_lines(ax, lines, top)


def _shade_warm_up(ax: Axes, warm_s: float, total_s: float) -> None:
    ax.axvspan(0, warm_s, color=SHADE, zorder=0)
    if style.text_width_in("warm-up", SMALL) < warm_s / total_s * style.axes_width_in(ax):
        place = (warm_s / total_s / 2, 0.93)
        ax.annotate("warm-up", place, xycoords="axes fraction", ha="center", va="center", fontsize=SMALL, color=SOFT)


def _name_lines(ax: Axes, lines: Sequence[_Line], top: float) -> None:
    """Name each line at its end, near where its last quarter runs, and apart from the others."""
    height_in = float(ax.get_position().height * SIZE_IN[1])
    levels = [float(np.median(line.counts[-max(1, len(line.counts) // 4) :])) for line in lines]
    sizes = [(0.17 * len(line.text.split("\n")) + 0.08) * top / height_in for line in lines]
    for line, at in zip(lines, spread(levels, sizes, 0, top), strict=True):
        ax.plot(
            [1.01, 1.035], [at / top] * 2, color=line.colour, ls=line.line, lw=2, transform=ax.transAxes, clip_on=False
        )
        ax.annotate(
            line.text,
            (1.045, at / top),
            xycoords="axes fraction",
            va="center",
            fontsize=SMALL,
            color=INK,
            annotation_clip=False,
        )
