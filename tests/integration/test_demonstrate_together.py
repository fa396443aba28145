"""What dies in a thread is raised where it is waited for, and what the demonstrations count is what happened."""

import threading
from pathlib import Path

import psycopg2
import pytest

from lab import config as settings
from lab.demonstrate import active, fairness, filling, horizon, transactions
from lab.demonstrate.bench import Bench
from lab.demonstrate.filling import backends, checked_out
from lab.demonstrate.together import beside, together
from lab.errors import AppError, LabError, ServerError


@pytest.fixture
def bench(server, server_config, tmp_path: Path) -> Bench:
    quick = settings.read({"LAB_HOME": str(server_config.home), "LAB_SCALE": "ci"})
    return Bench(server, quick, tmp_path)


def fail() -> None:
    raise ValueError("first line\nsecond line")


def test_the_first_error_of_a_thread_is_raised_in_one_line() -> None:
    done: list[int] = []
    with pytest.raises(LabError, match=r"ValueError: first line\); try again$"):
        together([fail, lambda: done.append(1)])
    assert done == [1]


def test_an_error_of_the_lab_stays_what_it_is() -> None:
    def refused() -> None:
        raise AppError("no answer")

    with pytest.raises(AppError, match=r"^no answer$"):
        together([refused])


def test_nobody_waits_at_the_gate_for_one_who_failed() -> None:
    gate = threading.Barrier(2)
    with pytest.raises(LabError, match="ValueError"):
        together([fail, lambda: gate.wait(timeout=30)], gate)


def test_work_beside_a_body_fails_after_it_and_does_not_hide_its_error() -> None:
    with pytest.raises(LabError, match="ValueError"), beside(lambda over: fail()):
        pass
    with pytest.raises(KeyError), beside(lambda over: fail()):
        raise KeyError


def test_a_user_who_cannot_be_served_ends_the_count(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    found = filling.churn(bench, 2, overflow=1, users=4, each=3)
    assert (found.checkouts, found.opened) >= (12, 2)
    monkeypatch.setattr("lab.demonstrate.filling.sql.load", lambda name: "SELECT nothing")
    with pytest.raises(LabError, match="4 of the demonstration's threads failed"):
        filling.churn(bench, 2, overflow=2, users=4, each=3)
    with pytest.raises(LabError, match="threads failed"):
        fairness.shares(bench, threads=3, size=2, seconds=0.1)
    with pytest.raises(LabError, match="threads failed"):
        active.at_work(bench, 2, seconds=0.1)


def test_connections_go_back_when_a_demonstration_fails(bench: Bench) -> None:
    with bench.reader() as reader, bench.engine(pool_size=2) as engine:
        with pytest.raises(KeyError), checked_out(engine, 2):
            raise KeyError
        assert engine.pool.checkedout() == 0
        assert len(backends(reader)) <= 2


def test_old_data_are_refused_before_anything_is_asked(bench: Bench) -> None:
    def deferrable(word: str) -> None:
        owner = psycopg2.connect(bench.where.owner_dsn)
        with owner, owner.cursor() as cursor:
            cursor.execute(f"ALTER TABLE public.sessions ALTER CONSTRAINT sessions_user_id_fkey {word}")
        owner.close()

    deferrable("NOT DEFERRABLE")
    try:
        with pytest.raises(ServerError, match="lab reset --fresh"):
            transactions.written(bench, web=object())
    finally:
        deferrable("DEFERRABLE")


def test_a_prepared_transaction_is_added_only_where_it_is_wanted(bench: Bench) -> None:
    names = [one.holder for one in horizon.blocked(bench, horizon.HOLDERS, prepared=False)]
    assert names == [one.name for one in horizon.HOLDERS]
