"""Identities, receipts, trees of waits and averages: known answers without a server."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analyse import active, locks
from lab.analyse.locks import Wait
from lab.cli.target import again
from lab.demonstrate.aiming import INNOCENT, WANTED, Hit, Signal, counted
from lab.errors import UsageError
from lab.record.triage import (
    CHANGED,
    GONE,
    NO_CLIENT,
    QUERY,
    TRANSACTION,
    UNSEEN,
    Identity,
    Lock,
    Prepared,
    Receipt,
    Sample,
    Scene,
    Session,
    no_client,
)

NOW = datetime(2026, 11, 23, 1, 2, 3, 456789, tzinfo=UTC)


def session(
    pid: int, blocked_by: tuple[int, ...] = (), leader: int | None = None, state: str | None = "active"
) -> Session:
    return Session(
        pid, "u", "d", "a", None, "client backend", leader, NOW, NOW, NOW, NOW, state, None, None, "SELECT 1", None,
        False, False, NOW + timedelta(seconds=7), blocked_by,
    )  # fmt: skip


def trees(*edges: tuple[int, int]) -> tuple[locks.Node, ...]:
    return locks.forest([Wait(waiter, blocker, None, None) for waiter, blocker in edges])


def shape(node: locks.Node) -> object:
    return (node.party, [shape(one) for one in node.below]) if node.below else node.party


@given(
    st.integers(1, 10**7),
    st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1)),
    st.timedeltas(timedelta(days=-1), timedelta(days=999)),
    st.sampled_from(["query", "transaction", "idle"]),
)
def test_an_identity_is_read_back_to_the_microsecond(pid: int, start: datetime, after: timedelta, kind: str) -> None:
    one = Identity(pid, start.replace(tzinfo=UTC), kind, start.replace(tzinfo=UTC) + after)
    assert Identity.parse(str(one)) == one


@pytest.mark.parametrize(
    "text", ["", "812", "812@", "812@abc", "812@abc-z1", "x@abc-q1", "1@zzzzzzzzzzzzzz-q1", "1@a-q1 "]
)
def test_what_is_no_identity_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Identity.parse(text)


def test_an_identity_says_what_the_session_is_at() -> None:
    assert session(1).identity == Identity(1, NOW, QUERY, NOW)
    assert session(1, state="idle in transaction (aborted)").identity.kind == "transaction"  # type: ignore[union-attr]
    assert session(1, state="idle").identity.kind == "idle"  # type: ignore[union-attr]
    assert session(1, state="disabled").identity is None


def test_a_session_that_may_not_be_seen_is_known_as_hidden() -> None:
    hidden = Session(1, "u", "d", "", None, None, None, *[None] * 7, UNSEEN, None, False, False, NOW)  # type: ignore[arg-type]
    assert hidden.hidden
    assert hidden.identity is None
    assert hidden.hidden_client
    assert not replace(hidden, user=None).hidden_client  # a process of the server's own
    assert not session(1).hidden


def test_a_receipt_says_why_nothing_was_sent() -> None:
    receipt = Receipt("cancel", Identity(7, NOW, QUERY, NOW), GONE, None)
    assert str(receipt) == "nothing was sent: pid 7 is gone, or is another session now"
    assert receipt.as_json()["sent"] is False


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("checkpointer", "pid 7 is the checkpointer, it serves no client"),
        ("logical replication launcher", "pid 7 is the logical replication launcher, it serves no client"),
        ("walsender", "pid 7 is a walsender, it serves no client; it streams to a replica or a backup"),
        ("parallel worker", "pid 7 is a parallel worker of 3, it serves no client; it ends with its leader"),
        (
            "autovacuum worker",
            "pid 7 is an autovacuum worker, it serves no client; unless it prevents wraparound, it gives way to whom "
            "it blocks",
        ),
    ],
)
def test_what_serves_no_client_is_named_as_what_it_is(kind: str, said: str) -> None:
    found = replace(session(7, leader=3), backend_type=kind)
    assert no_client(found) == said
    assert str(Receipt("cancel", Identity(7, NOW, QUERY, NOW), NO_CLIENT, found)) == f"nothing was sent: {said}"


def test_a_transaction_in_which_a_statement_runs_is_not_called_over() -> None:
    same, later = Identity(7, NOW, TRANSACTION, NOW), Identity(7, NOW, TRANSACTION, NOW - timedelta(seconds=1))
    assert "a statement runs in that transaction now" in str(Receipt("terminate", same, CHANGED, session(7)))
    assert "not at that transaction any more" in str(Receipt("terminate", later, CHANGED, session(7)))


def test_a_proposed_command_repeats_the_dsn_and_no_secret() -> None:
    assert again("host=db sslpassword=abc") == " --dsn host=db"
    assert again("postgresql://me:abc@db/shop") == " --dsn 'user=me dbname=shop host=db'"
    assert again("postgresql://me@db/shop?sslmode=require") == " --dsn 'postgresql://me@db/shop?sslmode=require'"


def test_a_receipt_that_is_not_certain_says_so() -> None:
    sent = Receipt("cancel", Identity(7, NOW, QUERY, NOW), "sent", session(7), False, True, 1.0)
    assert "what came next was hit" in str(sent)


def test_a_chain_hangs_below_whoever_waits_for_nobody() -> None:
    (tree,) = trees((2, 1), (3, 2), (4, 2))
    assert shape(tree) == (1, [(2, [3, 4])])
    assert locks.behind(tree) == {2, 3, 4}


def test_who_waits_for_several_stands_below_each_and_is_followed_once() -> None:
    found = trees((3, 1), (3, 2), (4, 3))
    assert [shape(tree) for tree in found] == [(1, [(3, [4])]), (2, [3])]
    below_second = found[1].below[0]
    assert (below_second.seen_above, below_second.others) == (True, (1,))


def test_a_circle_without_a_root_is_shown_once() -> None:
    (tree,) = trees((1, 2), (2, 3), (3, 1), (4, 1))
    assert tree.circle == (1, 2, 3)
    assert locks.behind(tree) == {2, 3, 4}


def test_a_circle_that_waits_for_a_root_hangs_below_it() -> None:
    (tree,) = trees((1, 2), (2, 1), (2, 9))
    assert tree.party == 9
    assert locks.behind(tree) == {1, 2}


EDGE = st.tuples(st.integers(1, 12), st.integers(1, 12)).filter(lambda edge: edge[0] != edge[1])


@given(st.dictionaries(EDGE, st.sampled_from([None, True, False])))
def test_every_wait_is_drawn_or_counted_whatever_waits_for_whom(edges: dict[tuple[int, int], bool | None]) -> None:
    held = {said: None if said is None else Lock(1, "ShareLock", said, ("t",), "x") for said in (None, True, False)}
    forest = locks.forest([Wait(waiter, blocker, None, held[said]) for (waiter, blocker), said in edges.items()])
    found = [node for tree in forest for node in locks.flat(tree)]
    assert {node.party for node in found} == {party for edge in edges for party in edge}
    drawn = {(node.wait.waiter, node.wait.blocker) for node in found if node.wait}
    counted = {(waiter, node.party) for node in found for waiter in node.more}
    assert drawn | counted == set(edges)
    assert not drawn & counted


def queue(waiters: int) -> Scene:
    """A table that one session holds, and a queue for it, as pg_blocking_pids tells of it."""
    tag, mode = ("relation", 7), "AccessExclusiveLock"
    taken = tuple(Lock(pid, mode, pid == 1, tag, "things") for pid in range(1, waiters + 2))
    return Scene(tuple(session(pid, tuple(range(1, pid))) for pid in range(1, waiters + 2)), taken)


def test_a_queue_of_a_thousand_hangs_below_whoever_holds_the_lock() -> None:
    scene = queue(1000)
    edges = locks.waits(scene)
    assert len(edges) == 1000 * 1001 / 2
    (tree,) = locks.forest(edges)
    assert [node.party for node in tree.below] == list(range(2, 1002))
    assert not any(node.below or node.seen_above for node in tree.below)
    text = locks.lines(scene, (tree,))
    assert text[0].endswith("; 1000 behind it")
    assert text[-1].endswith("where AccessExclusiveLock is held; waits for 2 and 3 and 4 and 996 more too")
    assert sum(map(len, text)) < 200 * 1001


def test_of_a_queue_the_nearest_waits_are_for_whoever_holds_the_lock() -> None:
    found = locks.nearest(locks.waits(queue(50)), each=3)
    assert sum(one.blocker == 1 for one in found) == 50
    assert max(sum(one.waiter == pid for one in found) for pid in range(2, 52)) == 3


def test_a_thousand_who_hold_what_one_asks_for_are_all_roots() -> None:
    forest = trees(*((1, blocker) for blocker in range(2, 1002)))
    assert len(forest) == 1000
    assert all(locks.behind(tree) == {1} for tree in forest)
    assert locks.lines(Scene(()), forest[-1:])[-1] == "└─ and 1 more, which stand elsewhere"


def test_a_chain_of_two_thousand_is_no_matter_of_depth() -> None:
    (tree,) = trees(*((number + 1, number) for number in range(1, 2001)))
    assert len(locks.behind(tree)) == 2000
    assert len(locks.lines(Scene(()), (tree,))) == 2001


def test_a_worker_that_waits_counts_as_its_leader_and_never_for_itself() -> None:
    scene = Scene((session(1), session(5), session(6, (1, 1), leader=5), session(7, (6,))))
    assert {(wait.waiter, wait.blocker) for wait in locks.waits(scene)} == {(5, 1), (7, 5)}


def test_a_prepared_transaction_is_named_by_its_gid() -> None:
    tag = ("transactionid", 801)
    asked, held = Lock(2, "ShareLock", False, tag, "x"), Lock(None, "ExclusiveLock", True, tag, "x", prepared_xid="801")
    prepared = (Prepared("801", "order-7", "u", "d", NOW), Prepared("802", "other", "u", "d", NOW))
    (wait,) = locks.waits(Scene((session(2, (0,)),), (asked, held), prepared))
    assert wait.blocker == "order-7"


def test_a_prepared_transaction_that_went_meanwhile_stays_unknown() -> None:
    scene = Scene((session(2, (0,)),))
    assert locks.lines(scene, locks.forest(locks.waits(scene)))[0].startswith(
        "a prepared transaction that is not known"
    )


def test_who_is_only_before_in_the_queue_is_told_from_who_holds_the_lock() -> None:
    tag = ("relation", 1)
    mine, theirs = Lock(3, "AccessShareLock", False, tag, "posts"), Lock(2, "AccessExclusiveLock", False, tag, "posts")
    (wait,) = locks.waits(Scene((session(2), session(3, (2,))), (mine, theirs)))
    assert wait.queued
    assert "queued" in locks.about(wait)


def test_lock_modes_conflict_as_the_manual_says_and_both_ways() -> None:
    modes = locks._MODES
    assert all(locks.conflict(a, b) == locks.conflict(b, a) for a in modes for b in modes)
    assert [b for b in modes if locks.conflict("ShareLock", b)] == list(modes[2:4] + modes[5:])


def test_a_hit_is_laid_to_the_last_signal_to_its_connection() -> None:
    sent = [Signal(1, 1.0, True), Signal(2, 2.0, True), Signal(1, 3.0, False), Signal(1, 5.0, None)]
    hits = [Hit(INNOCENT, 1, 1.1), Hit(INNOCENT, 1, 3.1), Hit(WANTED, 2, 2.1), Hit(INNOCENT, 1, 5.1)]
    found = counted(True, 9, sent, hits)
    assert (found.wanted_hit, found.innocent_hit, found.uncertain, found.certain_innocent) == (1, 3, 1, 1)


def test_averages_count_absence_as_none() -> None:
    waiting = ("active", "Lock", "transactionid")
    samples = [Sample(number / 10, {waiting: 2} if number % 2 else {}) for number in range(40)]
    (one,) = active.averages(samples)
    assert (one.sessions, one.wait) == (1.0, "Lock: transactionid")
    assert one.low is not None and one.high is not None and one.low <= 1 <= one.high
    assert active.active_sessions(samples) == 1.0
    assert active.hidden_sessions([Sample(0, {}, 3), Sample(1, {}, 4)]) == 3.5
