"""The real Compose file on a real engine: the lab's experiments through it, faults, and what must not leak."""

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.compose.env import NAMES
from tests.compose.conftest import Stack, wait_for

OPEN = ("--model", "open", "--rate", "100", "--warmup", "1", "--seconds", "11", "--pairs", "1")
TOTAL_S = 12.0
MACHINES = ("generator late", "machine starved")  # reasons that blame the machine on which these tests run


def now_us() -> int:
    return time.monotonic_ns() // 1000


def test_without_passwords_it_is_refused_in_one_line(copy: Path) -> None:
    done = subprocess.run(
        ["docker", "compose", "--env-file", os.devnull, "-p", "lab-test-none", "up"],
        cwd=copy, capture_output=True, text=True,
        env={key: text for key, text in os.environ.items() if key not in NAMES},
    )  # fmt: skip
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) == 1
    assert "run: make env" in done.stderr


def test_every_service_is_healthy_and_the_file_is_valid(stack: Stack) -> None:
    assert stack.compose("config", "--quiet").stderr == ""
    rows = [json.loads(line) for line in stack.compose("ps", "--format", "json").stdout.splitlines()]
    assert {row["Service"] for row in rows} == {"postgres", "app", "jupyter", "pgbouncer", "locust", "locust-worker"}
    assert all(row["State"] == "running" and row["Health"] in ("healthy", "") for row in rows)
    assert sum(row["Service"] == "locust-worker" for row in rows) == 3


def test_null_against_queue_from_three_workers_is_one_merged_run(stack: Stack) -> None:
    found = stack.lab("compare", "null", "queue", "--pairs", "2")
    effect = found["effect"]
    assert effect["verdict"] == "faster" or all(r.startswith(MACHINES) for r in effect["reasons"]), effect["reasons"]
    null = found["variants"]["null"]
    assert null["sessions_opened"] == null["planned"] == null["done"]
    manifest = stack.manifest(found["experiment"], "run-01")
    assert len(manifest["loaders"]) == 3
    assert all(re.match(rf"{stack.name}-locust-worker-\d/", loader["name"]) for loader in manifest["loaders"])
    assert {loader["offset_us"] for loader in manifest["loaders"]} == {0}
    for key in ("planned", "done", "failed", "unfinished"):
        assert sum(loader[key] for loader in manifest["loaders"]) == manifest["books"][key]
    assert manifest["books"]["planned"] == manifest["files"]["requests"] > 0
    assert manifest["files"]["pool"] > 0 < manifest["files"]["pool_routes"]  # through the app's agent


def test_without_its_containers_the_load_is_made_beside_the_lab(stack: Stack) -> None:
    stack.compose("stop", "locust", "locust-worker")
    try:
        found = stack.lab("compare", "null", "queue", "--pairs", "1", "--seconds", "2")
    finally:
        stack.compose("start", "locust", "locust-worker")
    manifest = stack.manifest(found["experiment"], "run-01")
    assert manifest["books"]["done"] > 0
    assert not manifest["load"]["joined"]


def test_memory_and_limits_are_read_where_the_backends_are(stack: Stack) -> None:
    found = stack.lab("compare", "queue", "queue", "--pairs", "1", "--seconds", "1")
    manifest = stack.manifest(found["experiment"], "run-01")
    assert set(manifest["environment"]["containers"]) == {"server", "app", "load"}
    code = """
from pathlib import Path
from lab.record.run import open_run
(folder,) = Path('/var/lib/lab/runs').glob('{}/run-01*')
rows = open_run(folder).table('memory').to_pylist()
print(sum(row['application'].startswith('lab-app') and row['pss_bytes'] > 1e6 for row in rows))
roles = open_run(folder).table('system')['role'].to_pylist()
print(*sorted(set(roles)))
"""
    backends, roles = stack.python("jupyter", code.format(found["experiment"])).splitlines()
    assert int(backends) >= 5
    assert set(roles.split()) >= {"app", "server", "observer", "machine"}


class Fault:
    """An open run of one pair, and what is done to a container in the middle of its first run."""

    def __init__(self, stack: Stack) -> None:
        known = set(stack.files("*"))
        self.stack = stack
        self.child = stack.begin("compare", "queue", "queue", *OPEN)
        (folder,) = wait_for(lambda: [name for name in stack.files("*") if name not in known], 60)
        self.experiment = Path(folder).name
        self.started_us = 0

    def wait_until_loaded(self, after_s: float) -> None:
        """Return this long after the load began to record."""
        pattern = f"{self.experiment}/run-01*/requests-*.bin"
        size = f"import glob, os; print(sum(os.path.getsize(f) for f in glob.glob('/var/lib/lab/runs/{pattern}')))"
        wait_for(lambda: int(self.stack.python("jupyter", size)) > 0, 60)
        time.sleep(after_s)

    def result(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the comparison's document, and the manifest of the run that was disturbed."""
        out, complaint = self.child.communicate(timeout=180)
        assert self.child.returncode == 0, complaint
        return json.loads(out), self.stack.manifest(self.experiment, "run-01")


def events(manifest: dict[str, Any], kind: str) -> list[int]:
    return [event["t_us"] for event in manifest["events"] if event["event"].startswith(kind)]


def test_a_paused_database_shows_at_its_time_and_p99_is_arithmetic(stack: Stack) -> None:
    fault = Fault(stack)
    fault.wait_until_loaded(2)
    subprocess.run(["docker", "pause", stack.container("postgres")], check=True, capture_output=True)
    paused_us = now_us()
    time.sleep(3)
    subprocess.run(["docker", "unpause", stack.container("postgres")], check=True, capture_output=True)
    paused_s = (now_us() - paused_us) / 1e6
    found, manifest = fault.result()
    (silent,), (again,) = events(manifest, "server silent"), events(manifest, "server answers")
    assert abs(silent - paused_us) < 400_000
    assert abs(again - paused_us - paused_s * 1e6) < 400_000
    assert found["effect"]["verdict"] == "invalid"
    assert any("server silent" in reason and "run-01" in reason for reason in found["effect"]["reasons"])
    runs = [run for side in found["variants"].values() for run in side["runs"] if run["run"].startswith("run-01")]
    # what arrives in a pause of F waits evenly from F to 0, so P(latency > x) = (F - x) / T; the backlog comes on top
    expected_ms = 1000 * (paused_s - 0.01 * runs[0]["window_s"])
    assert 0.95 * expected_ms < runs[0]["latency_ms"]["p99"] < expected_ms + 800


def test_a_restarted_server_shows_at_its_time(stack: Stack) -> None:
    fault = Fault(stack)
    fault.wait_until_loaded(2)
    begun_us = now_us()
    stack.compose("restart", "postgres")
    ended_us = now_us()
    _, manifest = fault.result()
    lost, back = events(manifest, "server lost"), events(manifest, "server back")
    assert begun_us - 100_000 < lost[0] < ended_us + 1_000_000
    assert lost[0] < back[-1] < ended_us + 15_000_000
    assert manifest["books"]["failed"] > 0
    planned = manifest["books"]
    assert planned["planned"] == planned["done"] + planned["failed"] + planned["unfinished"]
    assert any("server lost" in flag for flag in manifest["flags"])


KILL = """
import os, psutil, signal
(pid,) = [p.pid for p in psutil.process_iter(['cmdline']) if 'lab.app.main:create_app' in ' '.join(p.info['cmdline'])
          and 'leash' not in ' '.join(p.info['cmdline'])]
os.kill(pid, signal.SIGKILL)
"""


def test_a_killed_app_shows_at_its_time_and_comes_back(stack: Stack) -> None:
    fault = Fault(stack)
    fault.wait_until_loaded(2)
    stack.python("app", KILL)
    killed_us = now_us()
    found, manifest = fault.result()
    (died,), (back,) = events(manifest, "app died"), events(manifest, "app back")
    assert abs(died - killed_us) < 700_000
    assert 0 < back - died < 20_000_000
    assert manifest["books"]["failed"] > 0
    assert any("app died" in reason for reason in found["effect"]["reasons"])


def test_a_killed_container_of_the_app_shows_at_its_time(stack: Stack) -> None:
    fault = Fault(stack)
    fault.wait_until_loaded(2)
    stack.compose("kill", "app")
    killed_us = now_us()
    stack.compose("start", "app")
    _, manifest = fault.result()
    away = events(manifest, "app away")
    assert abs(away[0] - killed_us) < 2_000_000
    assert events(manifest, "app back")[-1] > killed_us
    assert manifest["books"]["failed"] > 0


def test_a_killed_worker_is_named_in_the_verdict(stack: Stack) -> None:
    fault = Fault(stack)
    fault.wait_until_loaded(3)
    victim = stack.container("locust-worker", 2)
    subprocess.run(["docker", "kill", victim], check=True, capture_output=True)
    out, complaint = fault.child.communicate(timeout=180)
    stack.compose("start", "locust-worker")
    assert fault.child.returncode == 0, complaint
    found = json.loads(out)
    assert found["effect"]["verdict"] == "invalid"
    manifest = stack.manifest(fault.experiment, "run-01")
    (flag,) = [flag for flag in manifest["flags"] if flag.startswith("load process lost")]
    assert victim in flag
    assert flag in found["effect"]["reasons"]
    # the second run is made by the two that are left
    assert len(stack.manifest(fault.experiment, "run-02")["loaders"]) == 2
    lost = [loader for loader in manifest["loaders"] if loader["lost_us"]]
    assert len(lost) == 1
    books = manifest["books"]
    assert books["planned"] == books["done"] + books["failed"] + books["unfinished"] == manifest["files"]["requests"]


def test_the_notebooks_run_unchanged(stack: Stack) -> None:
    code = """
import glob, os
os.environ['LAB_SCALE'] = 'ci'
import nbformat
from nbclient import NotebookClient
for file in sorted(glob.glob('/var/lib/lab/notebooks/*.ipynb')):
    NotebookClient(nbformat.read(file, 4), timeout=300, kernel_name='python3').execute()
    print(os.path.basename(file))
"""
    done = stack.compose("exec", "-T", "jupyter", "python", "-c", code)
    assert len(done.stdout.split()) >= 2


def test_pgbouncer_lets_the_app_in(stack: Stack) -> None:
    code = """
import psycopg2
word = open('/run/secrets/lab_app').read().strip()
conn = psycopg2.connect(host='127.0.0.1', port=6432, user='lab_app', dbname='lab', password=word)
cursor = conn.cursor()
cursor.execute('SELECT count(*) FROM posts')
print(cursor.fetchone()[0])
"""
    assert int(stack.python("pgbouncer", code)) >= 1000


def test_nothing_runs_as_root_that_need_not(stack: Stack) -> None:
    containers = stack.compose("ps", "-q").stdout.split()
    assert len(containers) == 8
    for container in containers:
        name = json.loads(subprocess.check_output(["docker", "inspect", container]))[0]["Name"]
        lines = subprocess.check_output(["docker", "top", container, "-eo", "pid,uid,args"], text=True).splitlines()[1:]
        assert lines
        # init, which Docker itself puts there, has the container's own user
        assert not [line for line in lines if line.split()[1] == "0"], name


def test_no_port_is_open_to_others(stack: Stack) -> None:
    for container in stack.compose("ps", "-q").stdout.split():
        bound = json.loads(subprocess.check_output(["docker", "inspect", container]))[0]["NetworkSettings"]["Ports"]
        assert all(place["HostIp"] == "127.0.0.1" for places in bound.values() if places for place in places)
    mine = set(stack.ports.values())
    listening = [c.laddr for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port in mine]
    assert {address.port for address in listening} == mine
    assert {address.ip for address in listening} == {"127.0.0.1"}


def test_no_password_is_anywhere_but_in_its_secret(stack: Stack) -> None:
    lines = (stack.folder / ".env").read_text().splitlines()
    words = [line.partition("=")[2] for line in lines if line.partition("=")[0] in NAMES]
    assert len(words) == len(NAMES)
    image = "postgresql-performance-lab"
    told = {
        "image": subprocess.check_output(["docker", "inspect", image], text=True),
        "history": subprocess.check_output(["docker", "history", "--no-trunc", image], text=True),
        "logs": stack.compose("logs", "--no-color").stdout,
        "config": stack.compose("config").stdout,
    }
    for container in stack.compose("ps", "-q").stdout.split():
        told[container] = subprocess.check_output(["docker", "inspect", container], text=True)
        told[f"top {container}"] = subprocess.check_output(["docker", "top", container, "-eo", "pid,args"], text=True)
    for place, text in told.items():
        assert not [word for word in words if word in text], place
    search = "import sys; from pathlib import Path; words = sys.stdin.read().split(); " \
        "print([str(f) for f in Path('/var/lib/lab').rglob('*') if f.is_file() and f.name != 'passfile' " \
        "and any(w.encode() in f.read_bytes() for w in words)])"  # fmt: skip
    argv = ["docker", "compose", "-p", stack.name, "exec", "-T", "jupyter", "python", "-c", search]
    done = subprocess.run(argv, cwd=stack.folder, input="\n".join(words), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    files = "import os, stat; print(oct(stat.S_IMODE(os.stat('/var/lib/lab/passfile').st_mode)))"
    assert stack.python("jupyter", files).strip() == "0o600"


@pytest.mark.parametrize("version", ["13", "14", "15", "16", "17"])
def test_older_servers_start_with_the_same_settings(stack: Stack, version: str) -> None:
    if subprocess.run(["docker", "image", "inspect", f"postgres:{version}"], capture_output=True).returncode != 0:
        pulled = subprocess.run(["docker", "pull", f"postgres:{version}"], capture_output=True, text=True)
        if pulled.returncode != 0:
            pytest.skip(f"there is no image postgres:{version} here: {pulled.stderr.strip().splitlines()[-1][:200]}")
    other = Stack(stack.folder, f"{stack.name}-{version}", dict.fromkeys(stack.ports, 0))
    try:
        other.compose("up", "--detach", "--wait", "postgres", VERSION=version)
        ask = [
            "exec",
            "-T",
            "postgres",
            "psql",
            "-h",
            "/var/run/postgresql",
            "-U",
            "lab_owner",
            "-d",
            "postgres",
            "-Atc",
        ]
        said = other.compose(*ask, "SHOW shared_preload_libraries; SHOW server_version", VERSION=version).stdout.split()
        assert said[0] == "pg_stat_statements,auto_explain"
        assert said[1].startswith(f"{version}.")
    finally:
        other.compose("down", "--volumes", "--timeout", "5", VERSION=version)


def test_down_leaves_nothing(stack: Stack) -> None:
    """The last of these tests: it ends the stack."""
    stack.compose("down", "--volumes")
    mark = f"label=com.docker.compose.project={stack.name}"
    for kind in (["ps", "-a"], ["volume", "ls"], ["network", "ls"]):
        assert subprocess.check_output(["docker", *kind, "-q", "--filter", mark], text=True) == ""
