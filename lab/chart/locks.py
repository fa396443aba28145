"""The tree of waits as a figure: whoever is in the way at the top, those behind it below and further right.

One row for each node, in the order of the text; a session that waits for several stands in several rows, and is grey
where it comes again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lab.analyse.locks import Node, behind
from lab.chart.plain import WIDTH_IN, headline
from lab.chart.style import BODY, GREY, INK, SHADE, SOFT, TEXT, TITLE, blank, styled, text_width_in

ROW_IN, INDENT_IN, LEFT_IN = 0.62, 0.45, 0.2


@dataclass(frozen=True, slots=True)
class Box:
    """One row: the node's name, what it does below it, and on its line what it asks of the one above."""

    name: str
    does: str
    asks: str
    depth: int
    parent: int | None  # the row of the one above
    again: bool  # it stands above already


def rows(trees: Sequence[Node], named: dict[object, tuple[str, str]]) -> list[Box]:
    """Return the rows of all trees from above to below; *named*: party -> its name and what it does."""
    found: list[Box] = []
    shown: set[object] = set()

    stack: list[tuple[Node, int, int | None]] = [(tree, 0, None) for tree in reversed(trees)]
    while stack:
        node, depth, parent = stack.pop()
        name, does = named.get(node.party, (str(node.party), ""))
        asked = node.wait.asked if node.wait else None
        queued = " (queued behind it)" if node.wait and node.wait.queued else ""
        asks = f"asks {asked.mode} on {asked.what}{queued}" if asked else ""
        stack += [(one, depth + 1, len(found)) for one in reversed(node.below)]
        found.append(Box(name, does, asks, depth, parent, node.party in shown))
        shown.add(node.party)
    return found


def finding(trees: Sequence[Node], named: dict[object, tuple[str, str]]) -> str:
    """Return what the tree shows, for its title."""
    if not trees:
        return "Nobody waits for a lock"
    name, does = named.get(trees[0].party, (str(trees[0].party), ""))
    waiters = {party for tree in trees for party in behind(tree)}
    doing = f", {does.rpartition(' for ')[0] or does}" if does else ""
    return f"{len(behind(trees[0]))} of {len(waiters)} that wait are behind {name}{doing}"


def tree(trees: Sequence[Node], named: dict[object, tuple[str, str]], subtitle: str) -> Figure:
    """Return the figure; *named*: party -> its name and what it does."""
    boxes = rows(trees, named)
    title = headline(finding(trees, named))
    head_in = 0.75 + 0.26 * title.count("\n")
    height_in = head_in + ROW_IN * max(len(boxes), 1) + 0.15
    with styled():
        figure = blank(WIDTH_IN, height_in)
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set_axis_off()
        ax.set_xlim(0, WIDTH_IN)
        ax.set_ylim(height_in, 0)
        figure.text(0.02, 1 - 0.12 / height_in, title, va="top", fontsize=TITLE - 2, color=INK, weight="bold")
        ax.text(0.18, head_in - 0.18, subtitle, va="center", fontsize=BODY, color=SOFT)
        for number, box in enumerate(boxes):
            _draw(ax, box, head_in + ROW_IN * number, head_in)
    return figure


def structure(trees: Sequence[Node], named: dict[object, tuple[str, str]]) -> str:
    """Return the constant line that CI compares: who hangs below whom."""
    return "chart: tree of waits; " + ", ".join(
        f"{'>' * box.depth}{box.name}{' again' if box.again else ''}" for box in rows(trees, named)
    )


def _draw(ax: Axes, box: Box, top_in: float, head_in: float) -> None:
    left = LEFT_IN + INDENT_IN * box.depth
    width = max(text_width_in(box.name, BODY, bold=True), text_width_in(box.does, BODY)) + 0.3
    middle = top_in + (ROW_IN - 0.12) / 2
    ax.add_patch(
        FancyBboxPatch(
            (left, top_in), width, ROW_IN - 0.12, boxstyle="round,pad=0,rounding_size=0.06",
            facecolor=SHADE if box.depth else "#ffffff", edgecolor=GREY if box.again else INK,
            linewidth=1.0 if box.depth else 2.0, linestyle=(0, (4, 3)) if box.again else "-",
        )
    )  # fmt: skip
    ax.text(left + 0.12, top_in + 0.17, box.name, va="center", fontsize=BODY, weight="bold",
            color=GREY if box.again else INK)  # fmt: skip
    ax.text(left + 0.12, top_in + 0.37, box.does, va="center", fontsize=BODY, color=TEXT)
    ax.text(left + width + 0.12, middle, box.asks, va="center", fontsize=BODY, color=TEXT)
    if box.parent is not None:
        trunk = left - INDENT_IN / 2
        above = head_in + ROW_IN * box.parent + ROW_IN - 0.12
        ax.plot([trunk, trunk, left], [above, middle, middle], color=GREY, linewidth=1.2, zorder=0)
