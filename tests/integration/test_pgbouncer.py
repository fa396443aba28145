"""A real PgBouncer before a real server: what it bounds, what it hides, and that it ends with who started it."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import psycopg2
import pytest

from lab import app as stage
from lab.analyse.comparison import compare_runs
from lab.demonstrate import pooler as demonstrations
from lab.demonstrate.bench import Bench
from lab.errors import PoolerError
from lab.experiment import Question, perform, read
from lab.plan import ROUTES, LoadPlan, PoolConfig, Variant, journey
from lab.process import wait_until
from lab.server import pgbouncer
from lab.server.pgbouncer_conf import door_to
from tests.integration.test_app import ask, backends, timed

HOLD = """
import sys
from pathlib import Path
from types import SimpleNamespace
from lab import config
from lab.plan import PoolConfig
from lab.server import pgbouncer
settings = config.read({"LAB_HOME": sys.argv[1]})
where = SimpleNamespace(app_dsn=sys.argv[2])
made = pgbouncer.start(settings, where, PoolConfig("pgbouncer"), Path(sys.argv[3]))
print(made.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(server, server_config, tmp_path):
    """Start PgBouncers that end with the test."""
    made = []

    def begin(spec="pgbouncer:size=3", workers=1):
        pool = PoolConfig.parse(spec, workers)
        made.append(pgbouncer.start(server_config, server, pool, tmp_path / "pgbouncer.log"))
        return made[-1]

    yield begin
    for pooler in made:
        pooler.stop()


@pytest.fixture
def bench(server, server_config, tmp_path):
    return Bench(server, server_config, tmp_path)


@pytest.mark.parametrize("spec", ["pgbouncer:size=2", "pgbouncer:size=2,client=4"])
def test_every_route_of_the_plan_answers_through_it(server, start, tmp_path, spec):
    pool = PoolConfig.parse(spec)
    app = stage.start(start(spec).dsn, pool, port=0, name="lab-app-through", log=tmp_path / "app.log")
    try:
        for route in ROUTES:
            status, _, header = ask(app, route.path.format(post=7, user=3, word="a", page=0), route.method)
            assert status == 500 if route.name == "error" else status < 400, route
            assert (timed(header)["sql"] > 0) == route.touches_database
        assert backends(server, "lab-app-through") <= 2
    finally:
        app.stop()


def test_the_pool_before_it_times_out_like_any_other(start, tmp_path):
    pool = PoolConfig.parse("pgbouncer:size=2,client=1,timeout=0.2")
    app = stage.start(start().dsn, pool, port=0, name="lab-app-before", log=tmp_path / "app.log")
    try:
        slow = threading.Thread(target=ask, args=(app, "/slow?ms=1500"))
        slow.start()
        assert wait_until(lambda: app.gauges()[0]["checked_out"] == 1, 5)
        status, body, _ = ask(app, "/posts/1")
        slow.join()
    finally:
        app.stop()
    assert (status, body["detail"][:60]) == (503, "no connection within 0.2 s: all of the pool's 1 are in use; ")


def test_no_password_is_on_a_command_line_in_a_log_or_open_to_others(server, start, tmp_path):
    made = start()
    password = door_to(server).password
    psycopg2.connect(made.dsn).close()
    seen = [*psutil.Process(made.pid).cmdline(), *psutil.Process(made.child.leash_pid).cmdline(), made.dsn, repr(made)]
    seen += psutil.Process(made.pid).environ().values()
    assert not any(password in text for text in seen)
    assert password not in (tmp_path / "pgbouncer.log").read_text()
    folder = made._folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert (password in file.read_text()) == (file.name in ("userlist.txt", "passfile"))


def test_it_does_not_run_as_root_and_listens_on_loopback_only(start):
    process = psutil.Process(start().pid)
    assert process.uids().effective != 0
    assert {c.laddr.ip for c in process.net_connections("tcp") if c.status == "LISTEN"} == {"127.0.0.1"}


def test_a_wrong_password_and_the_apps_role_are_kept_out_of_the_console(start):
    made = start()
    with pytest.raises(psycopg2.OperationalError, match="not allowed"):
        psycopg2.connect(made.dsn.replace("/lab?", "/pgbouncer?"))
    with pytest.raises(psycopg2.OperationalError, match="authentication failed"):
        psycopg2.connect(f"postgresql://lab_app:wrong@127.0.0.1:{made.port}/lab")
    with pytest.raises(PoolerError, match="is not asked for 'PEERS'"):
        made.show("PEERS")


def test_what_it_tells_is_what_was_done(start):
    made = start("pgbouncer:size=2")
    for _ in range(3):
        connection = psycopg2.connect(made.dsn)
        connection.cursor().execute("SELECT 1")
        connection.commit()
        connection.close()
    # a transaction is in the totals when its connection has come back
    assert wait_until(lambda: int(made.counters()["stats"][0]["total_xact_count"]) == 3, 5)
    told = made.counters()
    assert (told["version"], told["servers"]) == (made.program.text, 1)
    assert told["pools"][0]["pool_mode"] == "transaction"
    assert made.cool()
    assert made.servers() == 0


def test_it_is_gone_with_its_folder_after_stop_and_says_so_when_asked(start):
    made = start()
    made.stop()
    assert not psutil.pid_exists(made.pid)
    assert not made._folder.exists()
    with pytest.raises(PoolerError, match="does not answer"):
        made.show("POOLS")
    made.stop()


def test_it_ends_with_its_killed_holder_and_the_next_sweeps_its_folder(server_config, server, start, tmp_path):
    argv = [sys.executable, "-c", HOLD, str(server_config.home), server.app_dsn, str(tmp_path / "held.log")]
    holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdin is not None
    pid = int(holder.stdout.readline())
    left = list(start()._folder.parent.glob(f"{holder.pid}-*"))
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert wait_until(lambda: not psutil.pid_exists(pid), 10)
    assert len(left) == 1
    start()
    assert not left[0].exists()
    holder.stdin.close()
    holder.stdout.close()


def test_a_start_that_fails_is_told_in_one_line_with_its_last_words(server, server_config, tmp_path, monkeypatch):
    monkeypatch.setattr(pgbouncer, "configuration", lambda *_: "[pgbouncer]\npool_mode = nonsense\n")
    with pytest.raises(PoolerError, match=r"PgBouncer \S+ ended: .*nonsense.*log: ") as caught:
        pgbouncer.start(server_config, server, PoolConfig("pgbouncer"), tmp_path / "pgbouncer.log")
    assert "\n" not in str(caught.value)
    assert not list((server_config.home / "server" / "pgbouncer").glob(f"{os.getpid()}-*"))


@pytest.fixture(scope="module")
def compared(server, server_config):
    sides = Variant.parse_all(["null", "pgbouncer:size=3"], 2, {})
    load = LoadPlan(users=8, weights=journey("read"), warmup_s=0.3, measured_s=1.0)
    return read(perform(Question(sides, load, pairs=1), server_config, where=server))


def test_a_run_has_a_fresh_one_and_keeps_what_it_told(compared):
    run = compared.runs[[r.manifest.variant for r in compared.runs].index("pgbouncer:size=3")]
    told = run.manifest.pool_counters["pgbouncer"]
    assert told["servers"] == compared.comparison.second.sessions_opened <= 3
    assert int(told["stats"][0]["total_xact_count"]) >= compared.comparison.second.planned
    assert run.manifest.marks.keys() >= {"start", "after"}
    assert "pooler" in set(run.table("system", ("role",))["role"].to_pylist())
    assert json.loads((run.folder / "manifest.json").read_text())["state"] == "complete"


def test_its_sessions_are_the_poolers_and_nobody_is_said_to_be_connected_beside(compared):
    null, through = compared.comparison.first, compared.comparison.second
    assert null.sessions_opened == null.planned
    assert through.peak_backends <= 3
    assert not any("others were connected" in note for note in compared.comparison.notes)


def test_no_secret_is_in_the_folder_of_a_run(compared, server):
    password = door_to(server).password.encode()
    files = [file for file in Path(compared.folder).rglob("*") if file.is_file()]
    assert {"pgbouncer.log", "app.log", "manifest.json"} <= {file.name for file in files}
    assert not any(password in file.read_bytes() for file in files)


def test_a_run_whose_pooler_dies_fails_and_names_it(server, server_config, monkeypatch):
    from lab import experiment
    from lab.errors import AppError

    real = experiment._generator

    def killing(bench, plan, url, folder):
        for child in psutil.process_iter(["cmdline", "ppid"]):
            words = child.info["cmdline"] or []
            if words[:2] and words[0].endswith("pgbouncer") and str(server_config.home) in words[-1]:
                child.kill()
        return real(bench, plan, url, folder)

    monkeypatch.setattr(experiment, "_generator", killing)
    sides = (Variant("pgbouncer", PoolConfig("pgbouncer")),)
    with pytest.raises(AppError, match="its PgBouncer died"):
        perform(Question(sides, LoadPlan(users=2, warmup_s=0.2, measured_s=1.0), pairs=1), server_config, where=server)


@pytest.mark.parametrize(("mode", "found"), [("transaction", 3), ("session", 0)])
def test_what_of_a_session_reaches_the_next_client_depends_on_the_mode(bench, mode, found):
    assert demonstrations.leaks(bench, mode).found == found


def test_clients_beyond_its_size_wait_in_it(bench):
    seen = demonstrations.queue(bench, size=1, clients=4, hold_s=0.1)
    assert (seen.active, seen.waiting, seen.server_active, seen.served) == (1, 3, 1, 4)
    assert demonstrations.queue(bench, size=4, clients=4, hold_s=0.0).waiting == 0


def test_prepared_statements_do_as_the_version_promises(bench):
    named = demonstrations.prepared(bench)
    assert named.as_promised, named
    assert demonstrations.prepared(bench, threshold=None).failed == 0
    assert demonstrations.prepared(bench, mode="session").failed == 0


def test_workers_do_not_multiply_the_backends_behind_it(bench):
    assert demonstrations.backends(bench, "pgbouncer:size=2", workers=2, users=8, each=2).most <= 2


def test_the_verdict_is_made_of_runs_with_and_without_it(compared):
    again = compare_runs(compared.runs, "null", "pgbouncer:size=3")
    assert [side.failed for side in again.variants] == [0, 0]
