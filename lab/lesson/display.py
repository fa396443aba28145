"""Pictures in a notebook whose structure can be compared: a PNG, and one constant line of text.

nbval compares the text and not the picture, so a chart of random data passes while its axes and series stay what they
are. A live picture is one display that is updated in place, at most twice a second, which every front end shows
smoothly. Figures are built without pyplot, whose global state concurrent cells can corrupt.
"""

import time
from typing import Any

from IPython.display import display
from matplotlib.figure import Figure

from lab.chart.live import png

MOST_PER_S = 2.0


def bundle(figure: Figure, structure: str) -> dict[str, Any]:
    """Return what a front end needs to show *figure*, and the line that CI compares."""
    return {"image/png": png(figure), "text/plain": structure}


def show(figure: Figure, structure: str, alt: str) -> None:
    """Show a figure once; *alt* says its finding to those who cannot see it."""
    display(bundle(figure, structure), raw=True, metadata={"image/png": {"alt": alt}})


class LivePicture:
    """One picture that changes in place."""

    def __init__(self, structure: str) -> None:
        """Nothing is shown before the first :meth:`show`."""
        self._structure = structure
        self._handle: Any = None
        self._shown_s = 0.0

    def due(self) -> bool:
        """Whether a new frame may be drawn, so that drawing is not done in vain."""
        return time.monotonic() - self._shown_s >= 1 / MOST_PER_S

    def show(self, figure: Figure, alt: str) -> None:
        """Replace the picture. The metadata goes along each time, or the alternative text is lost."""
        self._shown_s = time.monotonic()
        data, metadata = bundle(figure, self._structure), {"image/png": {"alt": alt}}
        if self._handle is None:
            self._handle = display(data, raw=True, metadata=metadata, display_id=True)
        else:
            self._handle.update(data, raw=True, metadata=metadata)
