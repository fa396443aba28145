"""What Locust's own statistics say of a load: to be shown beside the recorded truth, never to be used instead.

Locust rounds response times to two digits, mixes failures in, and counts from the send, not from the intended start.
"""

import json
from pathlib import Path
from typing import Any

from lab.record.files import write_atomically

FILE = "locust-stats.json"


def figures(stats: Any) -> dict[str, float]:
    """Return the totals of Locust's RequestStats, as Locust computes them."""
    total = stats.total
    percentiles = {f"p{pct}_ms": total.get_response_time_percentile(pct / 100) for pct in (50, 95, 99)}
    return {"requests": total.num_requests, "failures": total.num_failures, **percentiles}


def write(folder: Path, stats: Any) -> None:
    """Write the figures to ``locust-stats.json`` in *folder*."""
    write_atomically(folder / FILE, json.dumps(figures(stats)))
