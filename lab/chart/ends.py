"""Names at the ends of lines, of one or more text lines each, kept apart from each other."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.chart.style import BODY, TEXT, Look, spread

_LINE = 1.3  # of the font's size


def name_ends(ax: Axes, ends: Sequence[tuple[tuple[float, float], str, Look]]) -> None:
    """Write each text right of the axes, beside its mark, as near to where its line ends as the others allow."""
    figure = ax.get_figure()
    assert isinstance(figure, Figure)
    height_points = ax.get_position().height * figure.get_size_inches()[1] * 72
    to_share = ax.transAxes.inverted()
    heights = [float(to_share.transform(ax.transData.transform(point))[1]) for point, _, _ in ends]
    sizes = [(_LINE * BODY * (text.count("\n") + 1) + 8) / height_points for _, text, _ in ends]
    for (_, text, look), where in zip(ends, spread(heights, sizes, 0, 1), strict=True):
        ax.plot(
            [1.025], [where], look.marker, color=look.colour, ms=7, mew=2 if look.marker in "x+" else 1,
            transform=ax.transAxes, clip_on=False,
        )  # fmt: skip
        ax.annotate(
            text, (1.045, where), xycoords="axes fraction", va="center", fontsize=BODY, color=TEXT,
            annotation_clip=False, linespacing=_LINE - 0.1,
        )  # fmt: skip
