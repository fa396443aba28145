"""A log is read while its server writes it, and the demonstrations of the slow log count what was sent."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from lab import config as settings
from lab.demonstrate import slow_log
from lab.demonstrate.bench import Bench
from lab.ledger import IN_PART, NOT_HERE, chosen
from lab.server.private import Private
from lab.slowlog import read

SENT = 3000


@pytest.fixture(scope="module")
def bench(server, server_config, tmp_path_factory) -> Bench:
    quick = settings.read({"LAB_HOME": str(server_config.home), "LAB_SCALE": "ci"})
    return Bench(server, quick, tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def lent(bench: Bench) -> Iterator[Private]:
    with slow_log.server(bench) as made:
        yield made


def send(dsn: str) -> None:
    connection = psycopg2.connect(dsn, options="-c log_min_duration_statement=0")
    connection.autocommit = True
    with connection.cursor() as cursor:
        for number in range(SENT):
            cursor.execute(f"SELECT '{number}, \"{number}\"'\n  AS while_written")
    connection.close()


def seen(file: Path) -> tuple[int, int]:
    """Return how many of the statements are in the log by now, and the entries skipped."""
    found = read([file])
    return sum(group.calls for group in found.groups if "while_written" in group.statement), found.skipped


def test_a_log_is_read_while_the_server_writes_it(lent: Private) -> None:
    files = sorted((lent.where.data / "log").iterdir())
    writer = threading.Thread(target=send, args=(lent.dsn(),))
    writer.start()
    counts = {file: [0] for file in files}
    until = time.monotonic() + 60
    while min(counts[file][-1] for file in files) < SENT and time.monotonic() < until:
        for file in files:
            count, skipped = seen(file)
            assert skipped <= 1  # the entry that is being written
            counts[file].append(count)
    writer.join()
    for file in files:
        assert counts[file] == sorted(counts[file]), file
        assert seen(file) == (SENT, 0)


def test_what_was_sent_is_what_each_form_has(bench: Bench, lent: Private) -> None:
    found = slow_log.parsed(bench, lent)
    assert (found.by_csv, found.by_line) == (found.sent, 0)
    assert set(found.by_form.values()) == {found.sent}


def test_the_threshold_can_be_set_with_the_right_to_do_so(bench: Bench, lent: Private) -> None:
    found = slow_log.rights(bench, lent)
    assert (found.plain, found.granted) == ("42501", "" if lent.major >= 15 else None)
    assert (found.own_logged, found.by_role_logged) == (found.sent, found.sent)


def test_each_driver_writes_in_its_own_way(bench: Bench, lent: Private) -> None:
    two, three = slow_log.drivers(bench, lent)
    assert (two.texts, two.details, two.groups) == (two.sent, 0, 1)
    assert (three.texts, three.details, three.groups) == (1, three.sent, 1)
    assert three.entries > three.statements == three.sent


def test_an_execution_with_a_plan_is_counted_once(bench: Bench, lent: Private) -> None:
    found = slow_log.explained(bench, lent)
    assert (found.entries, found.statements, found.joined) == (2 * found.sent, found.sent, found.sent)


def test_the_claim_comes_to_its_verdict_and_turns_over(bench: Bench) -> None:
    (claim,) = chosen(["slow-log"])
    assert claim.test(bench).verdict == IN_PART
    assert claim.test(bench, **claim.mutation).verdict == NOT_HERE
