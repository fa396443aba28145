"""A bystander asks at its own pace, and what it waits behind a lock is counted from when it was due."""

import time

import psycopg2
import pytest

from lab.demonstrate.bystander import bystander
from lab.errors import ServerError
from lab.server import Server

QUESTION = "SELECT title FROM posts WHERE id = 1"


def test_a_bystander_that_has_to_wait_counts_what_was_due_meanwhile(server: Server) -> None:
    owner = psycopg2.connect(server.owner_dsn)
    with bystander(server.app_dsn, QUESTION, every_s=0.02) as seen:
        time.sleep(0.2)
        with owner, owner.cursor() as cursor:
            cursor.execute("LOCK TABLE posts")
            time.sleep(0.5)
        time.sleep(0.3)
    owner.close()
    waited = [ms for ms in seen.times_ms if ms > 100]
    assert max(seen.times_ms) > 400
    assert len(waited) > 5  # a closed loop would have noticed one


def test_a_bystander_who_cannot_ask_is_told(server: Server) -> None:
    with pytest.raises(ServerError, match="could not ask"), bystander(server.app_dsn, "SELECT nothing"):
        pass


def test_a_bystander_whose_session_is_ended_is_an_error_with_its_reason(server: Server) -> None:
    owner = psycopg2.connect(server.owner_dsn)
    owner.autocommit = True
    with pytest.raises(ServerError, match="stopped asking"), bystander(server.app_dsn, QUESTION), owner.cursor() as end:
        end.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lab-admin-bystander'"
        )
        time.sleep(0.3)
    owner.close()
