"""``lab run`` on an application that is not the lab's, under a real Locust with locustfiles of several styles.

Figures are checked by other means: the application's own count of requests, the time that it sleeps, and what
pg_stat_statements counted.
"""

import json
import re
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lab.analyse.own import load_of
from lab.process import free_port, wait_until
from lab.record import load
from lab.record import run as record
from tests.own.scene import (
    STRANGERS,
    Done,
    Lab,
    Shop,
    about,
    begun,
    folders,
    latest,
    locustfile,
    serving,
    wait_for_load,
)
from tests.targets import MakeTarget


@dataclass
class Measured:
    """The run of the shopper, and what the shop counted meanwhile."""

    done: Done
    served: dict[str, int]
    run: record.Run


@pytest.fixture(scope="module")
def measured(shop: Shop, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """One load of the shopper's users, whose file and the module beside it lie in a folder with a space."""
    folder = tmp_path_factory.mktemp("my load") / "with space"
    folder.mkdir()
    for name in ("shopper.py", "catalogue.py"):
        shutil.copy(STRANGERS / name, folder / name)
    before = shop.served()
    done = lab(
        "run", "--host", shop.url, "--locustfile", "with space/shopper.py", "--users", "6", "--warmup", "0.5",
        "--seconds", "3", "--dsn", shop.looker_dsn, "--json", password=shop.password, cwd=folder.parent,
    )  # fmt: skip
    assert done.code == 0, done.err
    served = {path: count - before.get(path, 0) for path, count in shop.served().items()}
    return Measured(done, served, record.open_run(Path(done.document["folder"])))


def test_every_request_that_the_application_served_is_in_the_record(measured: Measured) -> None:
    found = measured.done.document["load"]
    assert measured.served["GET /old"] > 0
    # a redirected request is one to the user, and two to the application
    assert found["planned"] == sum(measured.served.values()) - measured.served["GET /old"]
    assert found["planned"] == found["done"] + found["failed"] + found["unfinished"] > 100
    assert found["unfinished"] == 0
    assert measured.run.manifest.books["planned"] == found["planned"]


def test_names_are_the_locustfiles_own_and_counted_apart(measured: Measured) -> None:
    by_name = {one["name"]: one for one in measured.done.document["load"]["routes"]}
    served = measured.served
    assert by_name["POST /items"]["planned"] == served["POST /items"]
    assert by_name["GET nap"]["planned"] == served["GET /nap"]
    assert by_name["GET search [bold] 'ü' <x>"]["planned"] == served["GET /items/6"]
    assert by_name["GET first look"]["planned"] == 3
    read = by_name["GET /items/[id]"]["planned"]
    assert read == sum(served[f"GET /items/{number}"] for number in (2, 3, 4))


def test_whether_a_request_failed_says_the_locustfile(measured: Measured) -> None:
    frame = load(measured.run.folder)["requests"]
    failed = {name: set(rows["failed"]) for name, rows in frame.groupby("route", observed=True)}
    status = {name: set(rows["status"]) for name, rows in frame.groupby("route", observed=True)}
    assert (failed["GET disliked"], status["GET disliked"]) == ({True}, {200})
    assert (failed["GET missing"], status["GET missing"]) == ({False}, {404})
    assert (failed["GET /error"], status["GET /error"]) == ({True}, {500})
    found = measured.done.document["load"]
    assert set(found["failures"]) == {"HTTP 200, a failure by the locustfile", "HTTP 500"}
    assert sum(found["failures"].values()) == found["failed"]
    assert failed["GET left"] == {False}


def test_a_known_sleep_is_in_the_service_time(measured: Measured) -> None:
    frame = load(measured.run.folder)["requests"]
    took_us = frame["done_us"] - frame["sent_us"]
    assert (took_us[frame["route"] == "GET nap"] >= 50_000).all()
    assert (frame["intended_us"] == frame["sent_us"]).all()
    assert measured.done.document["load"]["latency_from"] == "send"


def test_only_new_connections_are_called_first(measured: Measured) -> None:
    frame = load(measured.run.folder)["requests"]
    assert 6 <= frame["first"].sum() < len(frame) / 2


def test_statements_are_called_as_often_as_the_application_was(measured: Measured) -> None:
    rows = measured.run.table("statements").to_pandas()
    calls = {
        mark: rows[(rows["mark"] == mark) & rows["query"].str.startswith("SELECT id, name FROM shop_items")][
            "calls"
        ].sum()
        for mark in ("start", "after")
    }
    asked = sum(count for path, count in measured.served.items() if path.startswith("GET /items/"))
    assert calls["after"] - calls["start"] == asked
    database = measured.done.document["database"]
    # whoever reads the summary finds as many calls as requests, warm-up and all
    shown = [one["calls"] for one in database["statements"] if "from shop_items where" in one["statement"]]
    assert asked in shown
    assert database["seconds"] >= measured.done.document["load"]["load_s"] > 3
    inserted = {table["name"]: table["counts"] for table in measured.done.document["database"]["tables"]}
    late = any("have not reported" in text for text in measured.done.document["absent"])
    assert late or inserted["shop_items"]["n_tup_ins"] == measured.served["POST /items"]


def test_the_pools_connections_were_seen(measured: Measured) -> None:
    seen = measured.done.document["database"]["connections"]
    assert 1 <= seen["peak"] <= 15  # pool_size and max_overflow of the shop
    assert {one["application"] for one in seen["states"]} == {"shop"}


def test_what_a_closed_load_of_strangers_cannot_tell_is_said(measured: Measured) -> None:
    notes = " ".join(measured.done.document["load"]["notes"])
    for text in ("coordinated omission", "no intended start", "were redirected", "sends no Server-Timing"):
        assert text in notes
    assert "ValueError: a slip in a task" in notes
    assert "KeyError: 'inside the with block'" in notes
    assert "never judged by the locustfile" in notes
    assert measured.done.document["load"]["split_ms"]["sql"] is None


def test_no_password_and_no_folder_is_in_the_record(measured: Measured, shop: Shop, home: Path) -> None:
    for file in measured.run.folder.rglob("*"):
        assert shop.password.encode() not in file.read_bytes()
        assert b"with space" not in file.read_bytes() or file.name == "load.log", "a folder of its reader"
    assert measured.run.manifest.load["locustfile"] == "shopper.py"
    assert not list(measured.run.folder.glob("*.bin")) and not list(measured.run.folder.glob("names.json"))


def test_every_reader_of_records_reads_it(measured: Measured, lab: Lab) -> None:
    folder = str(measured.run.folder)
    shown = lab("show", measured.run.folder.name)
    assert shown.code == 0 and "GET search [bold] 'ü' <x>" in shown.out and "service time p50" in shown.out
    page = lab("report", folder)
    text = Path(page.out.strip()).read_text()
    assert page.code == 0 and "GET /items/[id]" in text and text.count("<img ") == 2 and "coordinated omission" in text
    statements = lab("statements", folder, "--json")
    assert any(one["statement"].startswith("select id, name") for one in statements.document["statements"])
    sizing = lab("sizing", "--run", folder)
    assert sizing.code == 2 and "whose pool told nothing" in sizing.err
    frames = load(folder)
    assert {"requests", "activity", "statements", "tables", "lag", "system"} <= set(frames)
    with pytest.raises(KeyError, match="a run on somebody's own lacks it"):
        frames["pool"]


FAILING = {
    "no user class": ("x = 1\n", "has no user class", 1),
    "raises": ("from locust import HttpUser\n1 / 0\n", "ZeroDivisionError", 1),
    "exits": ("import sys\nsys.exit('no')\n", "SystemExit", 1),
    "no module": ("import a_module_of_nobody\n", "install it in the lab's environment", 1),
    "syntax": ("def (:\n", "SyntaxError", 1),
    "shape": (
        "from locust import HttpUser, LoadTestShape, task\nclass U(HttpUser):\n    @task\n    def t(self): pass\n"
        "class S(LoadTestShape):\n    def tick(self): return None\n",
        "LoadTestShape",
        1,
    ),
    "no user starts": (
        "from locust import HttpUser, task\nclass U(HttpUser):\n    @task\n    def start(self): pass\n",
        "its users cannot be started: TypeError",
        1,
    ),
    "asks nothing": (
        "from locust import HttpUser, constant, task\nclass U(HttpUser):\n    wait_time = constant(0.1)\n"
        "    @task\n    def t(self): raise RuntimeError('no luck')\n",
        "RuntimeError: no luck",
        1,
    ),
}


@pytest.mark.parametrize("case", FAILING)
def test_a_locustfile_that_cannot_be_measured_is_one_line(
    case: str, lab: Lab, target: MakeTarget, tmp_path: Path, home: Path
) -> None:
    text, said, code = FAILING[case]
    file = locustfile(tmp_path, text)
    done = lab("run", "--host", target().url, "--locustfile", file, "--seconds", "1", "--warmup", "0", "--users", "2")
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert done.code == code and len(errors) == 1 and said in errors[0], done.err
    assert "Traceback" not in done.err + done.out
    assert record.read_manifest(latest(home)).state == "failed"


WRONG = {
    "no such file": (["--host", "http://127.0.0.1:9", "--locustfile", "nowhere.py"], "is no file"),
    "elsewhere": (["--host", "http://example.com", "--path", "/"], "is not this machine"),
    "private": (["--host", "http://10.1.2.3:80", "--path", "/"], "is not this machine"),
    "https": (["--host", "https://127.0.0.1", "--path", "/"], "is no HTTP address"),
    "port": (["--host", "http://127.0.0.1:99999", "--path", "/"], "--host cannot be read"),
    "bracket": (["--host", "http://[::1", "--path", "/"], "--host cannot be read"),
    "no port": (["--host", "http://me:secret/x@127.0.0.1:80x/", "--path", "/"], "--host cannot be read"),
    "password": (["--host", "http://me:secret@127.0.0.1:9", "--path", "/"], "carries a name or password"),
    "neither": (["--host", "http://127.0.0.1:9"], "either --locustfile, or one --path"),
    "rate": (["--host", "http://127.0.0.1:9", "--locustfile", __file__, "--rate", "9"], "--rate is for --path"),
    "both": (["--host", "http://127.0.0.1:9", "--path", "/", "--rate", "9", "--users", "1"], "give one of them"),
    "path": (["--host", "http://127.0.0.1:9", "--path", "x y"], "begin with /"),
    "users": (["--host", "http://127.0.0.1:9", "--path", "/", "--users", "0"], "give 1 to 5000"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_is_one_line_and_starts_nothing(case: str, lab: Lab) -> None:
    words, said = WRONG[case]
    done = lab("run", *words)
    assert (done.code, done.out) == (2, "") and said in done.err and len(done.err.splitlines()) == 1
    assert "secret" not in done.err


AWAY = """
from locust import FastHttpUser, HttpUser, constant, task

class Slow(HttpUser):
    wait_time = constant(0.02)
    @task
    def absolute(self):
        self.client.get("http://example.com/x", name="absolute")
    @task
    def redirected(self):
        self.client.get("/away", name="redirected")
    @task
    def unreadable(self):
        self.client.get("http://127.0.0.1:99999/", name="unreadable")
    @task
    def home(self):
        self.client.get("/items/1", name="home")

class Quick(FastHttpUser):
    wait_time = constant(0.02)
    @task
    def absolute(self):
        self.client.get("https://example.org/x", name="absolute")
    @task
    def redirected(self):
        self.client.get("/away", name="redirected")
"""


def test_what_leads_to_another_machine_is_refused_and_named(shop: Shop, lab: Lab, tmp_path: Path) -> None:
    file = locustfile(tmp_path, AWAY)
    done = lab("run", "--host", shop.url, "--locustfile", file, "--users", "4", "--seconds", "1", "--json")
    assert done.code == 0, done.err
    found = done.document["load"]
    by_name = {one["name"]: one for one in found["routes"]}
    for name in ("GET absolute", "GET redirected"):
        assert by_name[name]["failed"] == by_name[name]["planned"] > 0
    assert by_name["GET home"]["failed"] == 0
    refused = next(text for text in found["reasons"] if text.startswith("refused requests"))
    assert "to example.com" in refused and "to example.org" in refused and not found["valid"]
    assert by_name["GET unreadable"]["failed"] == by_name["GET unreadable"]["planned"] > 0
    told = sum(int(count.replace(",", "")) for count in re.findall(r"([\d,]+) to example", refused))
    assert told == by_name["GET absolute"]["planned"] + by_name["GET redirected"]["planned"]


QUICK = """
from locust import FastHttpUser, constant, task

class Quick(FastHttpUser):
    wait_time = constant(0.01)
    @task
    def ask(self):
        self.client.get("/")
"""


def test_hidden_resends_are_counted(lab: Lab, target: MakeTarget, tmp_path: Path) -> None:
    closing_server = target("close")
    words = ("--users", "2", "--warmup", "0", "--seconds", "1", "--json")
    done = lab("run", "--host", closing_server.url, "--locustfile", locustfile(tmp_path, QUICK), *words)
    found = done.document["load"]
    assert found["planned"] == found["failed"] > 0
    facts = record.read_manifest(Path(done.document["folder"])).own["locust"]
    assert facts["resent"] == closing_server.seen()["requests"] - found["planned"] > 0
    assert any("sent again after a broken connection" in text for text in found["notes"])


MANY = """
from itertools import count
from locust import FastHttpUser, HttpUser, constant, events, task

number = count()

class Many(FastHttpUser):
    wait_time = constant(0.001)
    @task
    def ask(self):
        self.client.get("/", name=f"page {next(number)}")
        events.request.fire(request_type="SQL", name="own", response_time=1.0, response_length=0, exception=None,
                            context={}, response=None)
"""


def test_more_names_than_can_be_told_apart_are_put_together(lab: Lab, target: MakeTarget, tmp_path: Path) -> None:
    server = target("ok", 0)
    words = ("--users", "8", "--warmup", "0", "--seconds", "3", "--json")
    done = lab("run", "--host", server.url, "--locustfile", locustfile(tmp_path, MANY), *words)
    found = done.document["load"]
    assert found["planned"] == server.seen()["requests"] > 300
    assert len(found["routes"]) == 256
    others = next(one for one in found["routes"] if one["name"] == "(other names)")
    assert others["planned"] == found["planned"] - 255
    assert any("more names" in text for text in found["notes"])
    assert any("of clients other than" in text for text in found["notes"])


SLOW = """
from locust import HttpUser, constant, task

class Slow(HttpUser):
    wait_time = constant(0)
    @task
    def nap(self):
        self.client.get("/nap?ms=60000", name="endless")

class Brisk(HttpUser):
    wait_time = constant(0.05)
    @task
    def item(self):
        self.client.get("/items/1", name="item")
"""


def test_a_load_that_is_stopped_is_a_whole_record_and_says_so(target: MakeTarget, home: Path, tmp_path: Path) -> None:
    hanging, known = target("hang"), folders(home)
    text = QUICK.replace("constant(0.01)", "constant(0)")
    file = locustfile(tmp_path, text)
    words = ("--host", hanging.url, "--locustfile", file, "--users", "3", "--seconds", "600", "--json")
    child = begun(home, "run", *words)
    assert wait_until(lambda: hanging.seen()["requests"] >= 3, 90, every_s=0.1)
    time.sleep(0.7)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    document = json.loads(out)
    assert document["interrupted"] is True and folders(home) - known == {Path(document["folder"])}
    load = document["load"]
    assert (load["planned"], load["unfinished"], load["done"]) == (3, 3, 0)
    assert ends_with_its_books(Path(document["folder"]))


def ends_with_its_books(folder: Path) -> bool:
    """Whether a load ends in its record when it ended, and not when its process had gone."""
    manifest = record.read_manifest(folder)
    return bool(manifest.marks["load_end"] == manifest.loaders[0]["stopped_us"])


ENDING = """
from itertools import count
import gevent
from locust import HttpUser, constant, task

number = count(1)

class Ending(HttpUser):
    wait_time = constant(0.01)
    @task
    def ask(self):
        self.client.get("/")
        if next(number) == 60:
            gevent.spawn(self.environment.runner.quit)
"""


def test_a_locustfile_that_ends_its_load_itself_was_not_interrupted(
    target: MakeTarget, lab: Lab, tmp_path: Path
) -> None:
    file = locustfile(tmp_path, ENDING)
    done = lab("run", "--host", target().url, "--locustfile", file, "--users", "2", "--seconds", "600", "--warmup", "0")
    assert done.code == 0, done.err
    assert "note: the locustfile ended its load itself" in done.out and "was stopped" not in done.out
    shown = lab("show", "last", "--json")
    assert shown.document["interrupted"] is False
    assert shown.document["load"]["done"] >= 60 and shown.document["load"]["failed"] == 0
    assert ends_with_its_books(Path(shown.document["folder"]))


SWALLOWING = """
from locust import FastHttpUser, HttpUser, constant, task

class Slow(HttpUser):
    wait_time = constant(0)
    def on_stop(self):
        self.client.get("/items/2")
    @task
    def ask(self):
        while True:
            try:
                self.client.get("/items/1")
            except Exception:
                pass

class Napping(FastHttpUser):
    wait_time = constant(0)
    @task
    def nap(self):
        self.client.get("/nap?ms=1300")
"""


def test_users_that_swallow_exceptions_ask_no_more_at_the_end(shop: Shop, lab: Lab, tmp_path: Path) -> None:
    before = sum(shop.served().values())
    words = ("--users", "2", "--warmup", "0", "--seconds", "1", "--json")
    done = lab("run", "--host", shop.url, "--locustfile", locustfile(tmp_path, SWALLOWING), *words)
    assert done.code == 0, done.err
    served = sum(shop.served().values()) - before
    # the nap is still in the air when the time is over; what on_stop sends is not part of the load
    assert done.document["load"]["planned"] == served - 1 > 50


def test_the_labs_own_load_can_be_stopped_too(target: MakeTarget, home: Path) -> None:
    server, known = target(), folders(home)
    words = ("--host", server.url, "--path", "/a", "--rate", "100", "--seconds", "600", "--json")
    child = begun(home, "run", *words)
    wait_for_load(home, known)
    time.sleep(1.5)
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    document = json.loads(out)
    assert document["interrupted"] is True
    assert document["load"]["planned"] == document["load"]["done"] + document["load"]["unfinished"] > 50
    assert document["load"]["done"] <= server.seen()["requests"]


def test_a_killed_command_leaves_no_process_and_no_whole_record(
    shop: Shop, home: Path, lab: Lab, tmp_path: Path
) -> None:
    known = folders(home)
    words = ("--host", shop.url, "--locustfile", locustfile(tmp_path, SLOW), "--users", "4", "--dsn", shop.looker_dsn)
    child = begun(home, "run", *words, password=shop.password)
    folder = wait_for_load(home, known)
    assert len(about(folder)) >= 3
    child.kill()
    child.communicate(timeout=20)
    assert wait_until(lambda: not about(folder), 20, every_s=0.2), [one.cmdline() for one in about(folder)]
    shown = lab("show", folder.name)
    assert shown.code == 0 and "incomplete: it was cut short" in shown.out
    report = lab("report", str(folder))
    assert report.code == 1 and "not complete" in report.err


def test_paths_make_an_open_load_with_an_intended_start(target: MakeTarget, lab: Lab) -> None:
    server = target("ok", 5)
    paths = ("/a?x=1", "/b%20c", "/[x]")
    words = [word for path in paths for word in ("--path", path)]
    done = lab("run", "--host", server.url, *words, "--rate", "80", "--seconds", "2", "--json")
    found = done.document["load"]
    assert found["planned"] == server.seen()["requests"] == found["done"] > 100
    assert {one["name"] for one in found["routes"]} == set(paths)
    assert (found["model"], found["latency_from"]) == ("open", "intended start")
    assert found["split_ms"]["sql"] == pytest.approx(1.5) and found["split_ms"]["pool"] == pytest.approx(0.25)
    assert done.document["database"] is None
    assert any("no --dsn was given" in text for text in done.document["absent"])
    statements = lab("statements", done.document["folder"])
    assert statements.code == 1 and "no database was observed" in statements.err
    assert "activity" not in load(done.document["folder"])


def test_paths_make_a_closed_load_too(target: MakeTarget, lab: Lab) -> None:
    server = target("some")
    done = lab("run", "--host", server.url, "--path", "/a", "--users", "3", "--seconds", "1")
    assert done.code == 0 and server.seen()["requests"] > 50
    assert "closed load, 3 users" in done.out and "latency p50" in done.out and "coordinated omission" in done.out
    assert "not to be quoted: failed requests" in done.out


def test_a_host_that_is_down_is_recorded_as_failures(lab: Lab) -> None:
    url = f"http://127.0.0.1:{free_port(0, 'a test')}"
    done = lab("run", "--host", url, "--path", "/", "--users", "1", "--seconds", "1", "--warmup", "0", "--json")
    found = done.document["load"]
    assert done.code == 0 and found["planned"] == found["failed"] > 0 and not found["valid"]
    assert found["failures"] == {"connection refused": found["failed"]}
    assert not any("no steady state" in text for text in (*found["reasons"], *found["notes"]))
    shown = lab("show", "last")
    assert "connection refused" in shown.out
    page = Path(lab("report", "last").out.strip()).read_text()
    assert "Why requests failed" in page and "connection refused" in page
    assert any("its process cannot be seen" in text for text in done.document["absent"])


GOES = """
import asyncio, os
asked = 0

async def app(scope, receive, send):
    global asked
    if scope["type"] == "http":
        asked += 1
        if asked > 20:
            os._exit(0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
"""


@pytest.mark.parametrize("client", ["HttpUser", "FastHttpUser"])
def test_an_application_that_goes_away_is_an_event(client: str, lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "going.py").write_text(GOES)
    file = locustfile(tmp_path, QUICK.replace("FastHttpUser", client).replace("0.01", "0.1"))
    with serving(tmp_path, "going:app") as url:
        words = ("--users", "2", "--warmup", "0", "--seconds", "4", "--json")
        done = lab("run", "--host", url, "--locustfile", file, *words)
    assert done.code == 0, done.err
    found = done.document["load"]
    assert any(text.startswith("app died") for text in found["notes"])
    assert found["failures"]["connection refused"] > 0
    assert sum(found["failures"].values()) == found["failed"] == found["planned"] - 20


def test_the_whole_run_agrees_with_itself(measured: Measured) -> None:
    load_seen = load_of(measured.run)
    assert load_seen is not None
    assert sum(one.planned for one in load_seen.routes) == load_seen.summary.counts.planned
    took = load(measured.run.folder)["requests"]
    begin = measured.run.manifest.marks["load_start"]
    assert (took["sent_us"] >= begin).all() and (took["sent_us"] <= begin + 3_500_000).all()
    assert np.all(np.diff(took["intended_us"]) >= 0)
