"""What connecting costs, from four sides in the same minute, on the same server, as the app's role.

The lab's figure is ``connect_ms.p50`` of a NullPool app with one user. Beside it stand a bare loop of
``psycopg2.connect``, the same loop without the negotiation of TLS, and what ``pgbench -C`` prints: the wheel's, whose
libpq computes SCRAM without OpenSSL, and the system's, if there is one, whose libpq usually has OpenSSL. The bare loop
is run before and after the lab and pgbench, so that drift shows.
"""

import math
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg2

from lab import config, experiment, server
from lab.plan import LoadPlan, PoolConfig, Variant
from lab.record.run import open_run
from lab.server import binaries

CONNECTS = 200


def bare_loop_ms(dsn: str) -> float:
    """Return the median time of ``psycopg2.connect``, milliseconds."""
    times = []
    for _ in range(CONNECTS):
        began = time.perf_counter()
        connection = psycopg2.connect(dsn)
        times.append((time.perf_counter() - began) * 1000)
        connection.close()
    return statistics.median(times)


def pgbench_programs(settings: config.Config) -> dict[str, str]:
    """Return the pgbench of the server's own binaries, and the one that the system has, if it is another."""
    own = binaries.find(settings.pg_bin).bin_dir / "pgbench"
    debian = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/pgbench")), reverse=True)
    others = [shutil.which("pgbench"), *debian]
    found = {"the server's": str(own)} if own.exists() else {}
    system = next((program for program in others if program and program != str(own)), None)
    return found | ({"the system's": system} if system else {})


def pgbench_ms(program: str, where: server.Server, folder: Path) -> float:
    """Return the average connection time that ``pgbench -C`` prints, milliseconds; nan if it prints none."""
    script = folder / "one.sql"
    script.write_text("SELECT 1;\n")
    command = [program, "-C", "-n", "-c", "1", "-t", str(CONNECTS), "-f", str(script), where.app_dsn]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"average connection time = ([0-9.]+) ms", printed)
    return float(found.group(1)) if found else math.nan


def lab_ms(settings: config.Config, where: server.Server) -> float:
    """Return the lab's own figure: the median connect of a NullPool app with one user, milliseconds."""
    from lab.analyse.summary import summarise

    plan = LoadPlan(users=1, warmup_s=1.0, measured_s=4.0)
    question = experiment.Question((Variant("null", PoolConfig(kind="null")),), plan, pairs=1)
    folder = experiment.perform(question, settings, where=where)
    runs = [open_run(folder / slot.folder_name) for slot in question.slots()]
    return summarise("null", runs).connect_ms_p50 or float("nan")


def main() -> None:
    """Print the figures of each round and their ratio to the bare loop."""
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as name:
        folder = Path(name)
        settings = config.read({"LAB_HOME": str(folder / "home")})
        with server.running(settings) as where:
            programs = pgbench_programs(settings)
            for _ in range(3):
                before = bare_loop_ms(where.app_dsn)
                lab = lab_ms(settings, where)
                pgbench = {name: pgbench_ms(program, where, folder) for name, program in programs.items()}
                after = bare_loop_ms(where.app_dsn)
                plain = bare_loop_ms(where.app_dsn + "&sslmode=disable&gssencmode=disable")
                bare = (before + after) / 2
                print(
                    f"connect: lab {lab:.2f} ms, bare loop {bare:.2f} ms ({before:.2f} before, {after:.2f} after), "
                    f"ratio {lab / bare:.3f} (goal 0.85 to 1.15); without TLS and GSS negotiation {plain:.2f} ms; "
                    f"pgbench -C: {', '.join(f'{name} {ms:.2f} ms' for name, ms in pgbench.items()) or 'not found'}"
                )


if __name__ == "__main__":
    main()
