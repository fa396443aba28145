"""The pool's telemetry from the real app: by route, while it is exhausted, and while the event loop is blocked."""

import json
import threading
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from lab import app as stage
from lab.observe.pool import PoolSamples
from lab.plan import PoolConfig
from lab.process import wait_until
from lab.record.tables import TABLES


@contextmanager
def running(server, tmp_path, spec, workers=1):
    pool = PoolConfig.parse(spec, workers)
    app = stage.start(server.app_dsn, pool, port=0, name="lab-app-pool", log=Path(tmp_path) / "app.log")
    try:
        yield app
    finally:
        app.stop()


def ask(app, path, method="GET"):
    connection = HTTPConnection("127.0.0.1", app.port, timeout=30)
    connection.request(method, path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def at_once(app, path, count):
    threads = [threading.Thread(target=ask, args=(app, path)) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_the_routes_add_up_to_the_meter(server, tmp_path):
    with running(server, tmp_path, "queue:size=2,overflow=0") as app:
        for path in ("/posts/1", "/posts/2", "/classic/posts/1", "/posts", "/health"):
            ask(app, path)
        answer, gauge = app.samples(0)[0], app.gauges()[0]
    routes = {route["route"]: route for route in answer["routes"]}
    counted = {name: route["checkouts"] for name, route in routes.items()}
    assert counted == {"/posts/{post_id}": 2, "/classic/posts/{post_id}": 1, "/posts": 1}
    for name in ("checkouts", "connects", "wait_s", "connect_s", "hold_s"):
        assert sum(route[name] for route in routes.values()) == pytest.approx(gauge["meter"][name])


def test_samples_have_the_columns_of_the_record(server, tmp_path):
    with running(server, tmp_path, "queue") as app:
        ask(app, "/posts/1")
        assert wait_until(lambda: app.samples(0)[0]["samples"], 5)
        answer = app.samples(0)[0]
        last_us = answer["samples"][-1]["t_us"]
        assert all(sample["t_us"] > last_us for sample in app.samples(last_us)[0]["samples"])
    assert set(answer["samples"][0]) == set(TABLES["pool"].names)
    assert set(answer["routes"][0]) == set(TABLES["pool_routes"].names)


def test_an_exhausted_pool_shows_who_waits_and_who_holds(server, tmp_path):
    with running(server, tmp_path, "queue:size=2,overflow=0,timeout=20") as app:
        threads = at_once(app, "/slow?ms=1000", 6)
        full = lambda: [s for s in app.samples(0)[0]["samples"] if (s["pending"], s["held_now"]) == (4, 2)]  # noqa: E731
        assert wait_until(lambda: len(full()) >= 3, 10)
        route = app.samples(0)[0]["routes"][0]
        for thread in threads:
            thread.join()
        samples = full()
    assert (route["route"], route["pending"], route["held_now"]) == ("/slow", 4, 2)
    assert all((sample["checked_out"], sample["threads_borrowed"]) == (2, 6) for sample in samples)
    same = [sample for sample in samples if sample["checkouts"] == samples[0]["checkouts"]]
    took_s = (same[-1]["t_us"] - same[0]["t_us"]) / 1e6
    assert same[-1]["waiting_s"] - same[0]["waiting_s"] == pytest.approx(4 * took_s, rel=0.2)


def test_handlers_that_wait_for_a_thread_are_seen(server, tmp_path):
    with running(server, tmp_path, "queue:size=1,overflow=0,timeout=20,threads=2") as app:
        threads = at_once(app, "/slow?ms=500", 5)
        waiting = lambda: [s for s in app.samples(0)[0]["samples"] if s["threads_waiting"] == 3]  # noqa: E731
        assert wait_until(waiting, 10)
        assert {(s["threads_borrowed"], s["threads_total"]) for s in waiting()} == {(2, 2)}
        for thread in threads:
            thread.join()


def test_a_blocked_event_loop_is_sampled_all_the_same(server, tmp_path):
    with running(server, tmp_path, "queue:size=1,overflow=0") as app:
        ask(app, "/posts/1")  # connects
        before_us = app.gauges()[0]["t_us"]
        ask(app, "/patterns/blocking?ms=1500")
        after_us = app.gauges()[0]["t_us"]
        samples = [sample for sample in app.samples(before_us)[0]["samples"] if sample["t_us"] < after_us]
    held = [sample for sample in samples if (sample["held_now"], sample["checked_out"]) == (1, 1)]
    assert len(held) >= 5
    assert held[-1]["held_longest_s"] - held[0]["held_longest_s"] == pytest.approx(
        (held[-1]["t_us"] - held[0]["t_us"]) / 1e6, rel=0.2
    )


def test_a_leaked_connection_names_its_route(server, tmp_path):
    with running(server, tmp_path, "queue:size=2,overflow=0") as app:
        for path in ("/posts/1", "/patterns/leak"):
            ask(app, path)
        held = {route["route"]: route["held_now"] for route in app.samples(0)[0]["routes"]}
    assert held == {"/posts/{post_id}": 0, "/patterns/leak": 1}


def test_every_worker_is_fetched_once_and_for_all(server, tmp_path):
    with running(server, tmp_path, "queue", workers=2) as app:
        samples = PoolSamples(app.samples, tmp_path, every_s=0.2)
        samples.begin()
        time.sleep(1.2)
        samples.end()
        pids = set(app.pids())
    rows = [json.loads(line) for line in (tmp_path / "observer-pool.jsonl").read_text().splitlines()]
    stamps = [(row["pid"], row["t_us"]) for row in rows if row["table"] == "pool"]
    assert len(stamps) == len(set(stamps))
    assert {pid for pid, _ in stamps} == pids
    samples.end()  # the app is gone: nothing happens
