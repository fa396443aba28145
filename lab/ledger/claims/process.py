"""A process for each connection: yes. Megabytes: it depends on which figure is read, and RSS counts what is shared."""

import math

from lab.demonstrate import memory
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, NOT_SHOWN, Claim, Finding
from lab.server.private import private

LEAST_MB = 5.0  # of the advice's 5 to 10


def test(bench: Bench, figure: str = "private_bytes", connections: int = 10) -> Finding:
    """Count the processes behind connections, and read a figure of their memory after queries and a scan."""
    with private(bench.config, settings={"max_parallel_workers_per_gather": "0"}) as server:
        grown = memory.grown(server, connections)
    if any(math.isnan(grown.mb(name)) for name in ("private_bytes", "rss_bytes", figure)):
        return Finding(NOT_SHOWN, "the server cannot read the memory of its processes on this system")
    processes, mb = len(set(grown.fresh.pids)), grown.mb(figure)
    fresh_mb = (grown.fresh.middle() or 0.0) / 1024**2
    measured = (
        f"{connections} connections were {processes} processes; each had {fresh_mb:.1f} MB to itself when fresh "
        f"and {grown.mb():.1f} MB after catalog queries and the scan of a table of {grown.table_bytes // 1024**2} MB, "
        f"while RSS said {grown.mb('rss_bytes'):.1f} MB"
    )
    numbers = {"processes": float(processes), "private_mb": grown.mb(), "rss_mb": grown.mb("rss_bytes")}
    if processes != connections:
        return Finding(NOT_HERE, measured, numbers=numbers)
    if mb >= LEAST_MB:
        return Finding(HOLDS, measured, numbers=numbers)
    by_rss = grown.mb("rss_bytes") >= LEAST_MB
    condition = (
        "the megabytes only by RSS, which counts shared buffers in every process again" if by_rss else "fewer MB"
    )
    return Finding(IN_PART, measured, f"a process each; {condition}", numbers)


CLAIM = Claim(
    id="process",
    sentence="each connection is an operating system process of 5 to 10 MB",
    folklore="5 to 10 MB",
    test=test,
    expected=(IN_PART,),
    mutation={"figure": "rss_bytes"},
    lesson="01_cost_of_a_connection",
)
