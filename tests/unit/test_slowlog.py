"""Logs of every form become the same numbers, and whatever is broken in one costs only itself."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import LogError, UsageError
from lab.slowlog import csvlog, entries, jsonlog, read, sources, statements, stderr
from lab.slowlog.block import from_rows
from lab.slowlog.groups import Sums
from lab.slowlog.messages import kind_and_text, rows
from lab.slowlog.plans import Joiner, Plan, Ran, askeds
from lab.slowlog.prefix import Prefix, compiled
from lab.slowlog.reading import _Reading
from lab.sql.normal import normalise
from tests.logs import FORMS, Said, log_of

SLOW = Said("duration: 1500.250 ms  statement: SELECT 'a,\"b\"\n\tc' FROM t WHERE x = 5")
QUICK = Said("duration: 0.500 ms  execute <unnamed>: SELECT $1", detail="Parameters: $1 = 'it''s, \"x\"'")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_numbers(form: str, tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(log_of(form, [SLOW, QUICK, QUICK, Said("connection received: host=[local]")]))
    found = read([file])
    assert (found.statements, found.duration_ms, found.skipped, found.entries) == (3, 1501.25, 0, 4)
    assert [(g.statement, g.calls, g.total_ms) for g in found.groups] == [
        ("select ? from t where x = ?", 1, 1500.25),
        ("select ?", 2, 1.0),
    ]


@pytest.mark.parametrize(
    ("message", "counts"),
    [
        ("duration: 1.000 ms  statement: SELECT 1", (1, 1.0)),
        ("duration: 1.000 ms  execute a/b: SELECT 1", (1, 1.0)),
        ("duration: 1.000 ms  execute fetch from a/b: SELECT 1", (1, 1.0)),
        ("duration: 1.000 ms", (1, 1.0)),
        ("statement: SELECT 1", (1, 0.0)),
        ("execute <unnamed>: SELECT 1", (1, 0.0)),
        ("duration: 1.000 ms  parse <unnamed>: SELECT 1", (0, 0.0)),
        ("duration: 1.000 ms  bind <unnamed>: SELECT 1", (0, 0.0)),
        ("duration: 1.000 ms  statement: DEALLOCATE a", (0, 0.0)),
        ("duration: 1.000 ms  fastpath function call: \"f\" (OID 1)", (0, 0.0)),
        ("checkpoint complete: wrote 5 buffers", (0, 0.0)),
        ("duration: 1.000 ms  plan:\nQuery Text: SELECT 1\nResult  (cost=0.00..0.01 rows=1 width=4)", (1, 1.0)),
    ],
)  # fmt: skip
def test_what_counts_is_what_pgbadger_counts(message: str, counts: tuple[int, float], tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(log_of("csv26", [Said(message)]))
    found = read([tmp_path / "log"])
    assert (found.statements, found.duration_ms, found.skipped) == (*counts, 0)


PLAN = "duration: {} ms  plan:\nQuery Text: SELECT 1\nResult  (cost=0.00..0.01 rows=1 width=4)"


@pytest.mark.parametrize(
    ("order", "statements_", "joined"),
    [
        ("PS", 1, 1),  # the simple protocol
        ("SP", 1, 1),  # the extended one
        ("PSPS", 2, 2),
        ("P", 1, 0),  # the statement was under its threshold
        ("PP", 2, 0),
    ],
)
def test_a_plan_and_its_statement_are_one_execution(order: str, statements_: int, joined: int, tmp_path: Path) -> None:
    texts = {"P": PLAN.format("1.000"), "S": "duration: 20.000 ms  statement: SELECT 1"}
    (tmp_path / "log").write_bytes(log_of("csv26", [Said(texts[one], session="a.1") for one in order]))
    found = read([tmp_path / "log"])
    assert (found.statements, found.joined, found.plans) == (statements_, joined, order.count("P"))
    assert found.groups[0].plan.endswith("Result  (cost=0.00..0.01 rows=1 width=4)")


@pytest.mark.parametrize("form", ["csv26", "json", "stderr"])
@pytest.mark.parametrize("prepare", ["PREPARE p1(int) AS\n  SELECT 1", "/* one */ prepare p1 as select ';'"])
def test_the_plan_of_an_sql_execute_is_that_of_its_execution(form: str, prepare: str, tmp_path: Path) -> None:
    said = [Said(f"duration: 9.000 ms  statement: {prepare}")]
    for number in range(20):
        said.append(Said(PLAN.format("0.100").replace("SELECT 1", prepare)))
        said.append(Said(f"duration: 30.000 ms  statement: EXECUTE p1({number})", detail=f"prepare: {prepare}"))
    (tmp_path / "log").write_bytes(log_of(form, said))
    found = read([tmp_path / "log"])
    assert (found.statements, found.plans, found.joined) == (21, 20, 20)
    groups = {group.statement: (group.calls, group.plans) for group in found.groups}
    assert groups == {"execute p1(?)": (20, 20), normalise(prepare): (1, 0)}


def test_a_plan_of_another_session_is_another_execution(tmp_path: Path) -> None:
    said = [Said(PLAN.format("1.000"), session="a.1"), Said("duration: 2.000 ms  statement: SELECT 1", session="a.2")]
    (tmp_path / "log").write_bytes(log_of("csv26", said))
    assert read([tmp_path / "log"]).statements == 2


@pytest.mark.parametrize("form", FORMS)
def test_newlines_of_windows_change_no_number(form: str, tmp_path: Path) -> None:
    plan = Said(PLAN.format("1400.000"))
    lined = Said("duration: 1.000 ms  statement: SELECT 1\n  FROM t", detail="Parameters: $1 = 'a\nb'")
    log = log_of(form, [plan, Said("duration: 1500.000 ms  statement: SELECT 1"), lined, plan, SLOW, QUICK] * 3)
    (tmp_path / "unix").write_bytes(log)
    (tmp_path / "windows").write_bytes(log.replace(b"\n", b"\r\n"))
    unix, windows = (read([tmp_path / name]).as_json() for name in ("unix", "windows"))
    assert (unix["statements"], unix["joined"], unix["skipped"]) == (15, 3, 0)
    assert windows | {"files": ()} == unix | {"files": ()}


@pytest.mark.parametrize("form", FORMS)
def test_a_byte_order_mark_costs_no_entry(form: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\xef\xbb\xbf" + log_of(form, [SLOW, QUICK]))
    found = read([tmp_path / "log"])
    assert (found.statements, found.duration_ms, found.skipped) == (2, 1500.75, 0)


def test_rotated_and_packed_files_are_one_log_in_the_order_of_time(tmp_path: Path) -> None:
    said = [Said(f"duration: {n}.000 ms  statement: SELECT {n}") for n in range(6)]
    whole = log_of("csv24", said)
    lines = whole.splitlines(keepends=True)
    (tmp_path / "b.csv").write_bytes(b"".join(lines[:2]))
    (tmp_path / "c.gz").write_bytes(gzip.compress(b"".join(lines[2:3])) + gzip.compress(b"".join(lines[3:4])))
    with pa.OSFile(str(tmp_path / "a.zst"), "wb") as raw, pa.CompressedOutputStream(raw, "zstd") as packed:
        packed.write(b"".join(lines[4:]))
    found = read([tmp_path / name for name in ("a.zst", "b.csv", "c.gz")])
    assert [Path(name).name for name in found.files] == ["b.csv", "c.gz", "a.zst"]
    assert (found.statements, found.duration_ms, found.skipped) == (6, 15.0, 0)


def test_a_packed_file_that_was_cut_off_gives_what_is_there_and_says_so(tmp_path: Path) -> None:
    said = [Said(f"duration: 1.000 ms  statement: SELECT '{n:x}'") for n in range(5000)]
    (tmp_path / "a.gz").write_bytes(gzip.compress(log_of("csv26", said))[:-200])
    found = read([tmp_path / "a.gz"])
    assert 0 < found.statements < 5000
    assert found.skipped >= 1


def test_one_log_in_two_forms_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(log_of("csv26", [SLOW]))
    (tmp_path / "a.json").write_bytes(log_of("json", [SLOW]))
    with pytest.raises(UsageError, match="one log"):
        read([tmp_path / "a.csv", tmp_path / "a.json"])


@pytest.mark.parametrize("other", ["./a.csv", "link.csv", "hard.csv", "a.csv"])
def test_one_file_by_two_paths_is_refused(other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_bytes(log_of("csv26", [SLOW]))
    Path("link.csv").symlink_to("a.csv")
    Path("hard.csv").hardlink_to("a.csv")
    for files in (["a.csv", other], [str(tmp_path / "a.csv"), other]):
        with pytest.raises(UsageError, match="one log"):
            read(files)


QUIET = Said("ending log output to stderr", detail="x" * 70_000)


@pytest.mark.parametrize(("csv_name", "log_name"), [("a.csv", "a.log"), ("a.csv.1", "a.log.1"), ("a.csv.gz", "a.log")])
def test_what_a_server_writes_to_stderr_too_is_refused_and_what_it_does_not_is_read(
    csv_name: str, log_name: str, tmp_path: Path
) -> None:
    files = [tmp_path / csv_name, tmp_path / log_name]
    packed = gzip.compress if csv_name.endswith(".gz") else bytes
    files[0].write_bytes(packed(log_of("csv26", [SLOW])))
    files[1].write_bytes(log_of("stderr", [QUIET]))
    assert read(files).statements == 1
    files[1].write_bytes(log_of("stderr", [QUIET, SLOW]))
    with pytest.raises(UsageError, match="one log"):
        read(files)


def test_a_file_that_is_not_there_is_an_error_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="No such file"):
        read([tmp_path / "none.csv"])


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("%m [%p] ", "2026-11-23 10:00:00.123 UTC [42] LOG:  duration: 1.000 ms"),
        ("%t:%r:%u@%d:[%p]:", "2026-11-23 10:00:00 UTC:127.0.0.1(5432):me@db:[42]:LOG:  duration: 1.000 ms"),
        ("%m [%p] %q%u@%d/%a ", "2026-11-23 10:00:00.123 UTC [42] LOG:  duration: 1.000 ms"),
        ("%m [%p] %q%u@%d/%a ", "2026-11-23 10:00:00.123 UTC [42] me@db/an app LOG:  00000: duration: 1.000 ms"),
        ("%n %-8p %Q ", "1700000000.123 42       -12345 LOG:  duration: 1.000 ms"),
        ("%c %p|%%|%e|%v|%x|%l|%b|%P ", "6561a000.2a 42|%|00000|3/4|0|1|client backend| LOG:  duration: 1.000 ms"),
        ("%s|%i|%h|%p| ", "2026-11-23 10:00:00 UTC|SELECT|[local]|42| LOG:  duration: 1.000 ms"),
        ("pid=%p ", "pid=42 LOG:  duration: 1.000 ms"),
    ],
)  # fmt: skip
def test_any_prefix_is_understood_given_or_not(setting: str, line: str) -> None:
    assert compiled(setting).match(line)
    for prefix in (Prefix(setting), Prefix()):
        begun = prefix.match(line)
        assert begun is not None
        assert line[begun.rest :] == "duration: 1.000 ms"
        assert begun.session in ("42", "6561a000.2a")
        assert begun.time in ("", "1700000000.123") or begun.time.endswith(" UTC")


def test_an_escape_that_no_version_has_is_refused() -> None:
    with pytest.raises(UsageError, match="%z"):
        Prefix("%m %z ")


def test_statements_are_to_be_had_one_by_one_with_their_parameters(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(log_of("csv26", [SLOW, QUICK]))
    table = pa.concat_tables(statements([tmp_path / "log"]))
    assert table["statement"].to_pylist() == ["SELECT 'a,\"b\"\n\tc' FROM t WHERE x = 5", "SELECT $1"]
    assert table["detail"].to_pylist() == ["", "Parameters: $1 = 'it''s, \"x\"'"]


VACUUM = Said('automatic vacuum of table "lab.public.posts": index scans: 1\npages: 0 removed', session="6561a000.2a")


@pytest.mark.parametrize("form", FORMS)
def test_entries_of_any_kind_are_to_be_had_one_by_one(form: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(log_of(form, [SLOW, VACUUM, Said("it is wrong", severity="ERROR")]))
    found = list(entries([tmp_path / "log"]))
    assert [(one.severity, one.message) for one in found[1:]] == [("LOG", VACUUM.message), ("ERROR", "it is wrong")]
    assert (found[1].time, found[1].pid) == ("2026-11-23 10:00:00.010 UTC", 42)
    assert [one.message for one in entries([tmp_path / "log"], begins=["automatic "])] == [VACUUM.message]


def test_entries_that_do_not_say_their_process_have_none(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("LOG:  ready\n")
    (one,) = entries([tmp_path / "log"])
    assert (one.time, one.pid, one.message) == ("", None, "ready")


@pytest.mark.parametrize("ms", [0.001, 0.0374, 1.23, 1500.25])
def test_the_percentile_is_not_outside_of_what_was_seen(ms: float) -> None:
    sums = Sums()
    for group in (0, 1):
        sums.add(np.array([group] * 3), np.array([ms] * 3), group + 1)
    assert sums.percentile_ms(0.95).tolist() == [ms, ms]


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=300))
def test_the_percentile_is_within_half_a_per_cent(values: list[float]) -> None:
    sums = Sums()
    sums.add(np.zeros(len(values), np.int64), np.array(values), 1)
    exact = sorted(values)[int(np.ceil(0.95 * len(values))) - 1]
    assert sums.percentile_ms(0.95)[0] == pytest.approx(exact, rel=0.0051)


PIECES = [*"ab'\"$,;\\-/*\n\r\t() 12E=é\u2028", "''", "E'", "$$", "--", "/*", "*/", "SELECT ", "'x'", "$1"]
TEXT = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@given(st.lists(TEXT, max_size=5))
def test_the_quick_way_to_a_group_gives_the_statements_own(texts: list[str]) -> None:
    entries = from_rows([("", "", "LOG", f"duration: 1.5 ms  statement: {text}", "") for text in texts])
    found = rows(entries)
    quick = [normalise(kind_and_text(found.texts[code])[1]) for code in found.code]
    assert quick == [normalise(text) for text in texts]


TEXTS = st.text(alphabet=st.characters(exclude_characters="\x00\r", exclude_categories=["Cs"]))
HEADS = st.sampled_from(["statement: ", "execute S_1: "])
ENTRY = st.builds(
    Said,
    st.tuples(HEADS, TEXTS).map(lambda parts: "duration: 1.000 ms  " + "".join(parts)),
    detail=st.sampled_from(["", "Parameters: $1 = 'x\ny', $2 = '\"'"]),
)


@settings(max_examples=60)
@given(st.lists(ENTRY, max_size=8), st.sampled_from(FORMS))
def test_no_entry_is_lost_whatever_is_in_it(said: list[Said], form: str) -> None:
    assert counted(log_of(form, said), form) == (len(said), 0)


def counted(data: bytes, form: str) -> tuple[int, int]:
    """Return the entries of a log that were read as statements, and the number skipped."""
    if form.startswith("csv"):
        blocks = [csvlog.parse(block, int(form[3:])) for block in csvlog.blocks([data])]
    elif form == "json":
        blocks = [jsonlog.parse(block) for block in jsonlog.blocks([data])]
    else:
        blocks = list(stderr.blocks([data], Prefix()))
    return sum(len(rows(block)) for block in blocks), sum(block.skipped for block in blocks)


SMALL = [
    Said(f"duration: 1.000 ms  statement: SELECT '{n}, \"{n}\"\n next'", detail="Parameters: $1 = '1'")
    for n in range(5)
]


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_a_log_that_is_cut_anywhere_gives_its_whole_entries(form: str, data: st.DataObject) -> None:
    parts = [log_of(form, SMALL[: n + 1])[len(log_of(form, SMALL[:n])) :] for n in range(len(SMALL))]
    whole = b"".join(parts)
    at = data.draw(st.integers(0, len(whole)))
    complete = sum(len(b"".join(parts[: n + 1])) <= at for n in range(len(parts)))
    found, skipped = counted(whole[:at], form)
    assert complete <= found <= complete + 1
    partial = len(whole[:at].strip()) > len(b"".join(parts[:complete]).strip())
    if form == "stderr":  # that a line is cut off is known from its newline alone
        assert skipped == (at > 0 and whole[at - 1 : at] != b"\n")
    else:
        assert skipped == 0 if not partial else found + skipped == complete + 1


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_bytes_that_change_cost_the_entry_they_are_in_and_no_other(form: str, data: st.DataObject) -> None:
    parts = [log_of(form, SMALL[: n + 1])[len(log_of(form, SMALL[:n])) :] for n in range(len(SMALL))]
    hurt = data.draw(st.integers(0, len(parts) - 1))
    at = data.draw(st.integers(0, len(parts[hurt]) - 2))
    broken = bytearray(parts[hurt])
    broken[at] = data.draw(st.integers(0, 255).filter(lambda value: value != 10))
    found, _ = counted(b"".join([*parts[:hurt], bytes(broken), *parts[hurt + 1 :]]), form)
    assert found >= len(parts) - 1
    assert found <= len(parts) + 1


@given(st.binary(max_size=400), st.sampled_from(FORMS))
def test_anything_at_all_can_be_read(data: bytes, form: str) -> None:
    counted(data, form)


def test_a_log_after_a_crash_goes_on_in_the_middle_of_a_line() -> None:
    whole = log_of("csv26", SMALL)
    found, skipped = counted(whole[:-150] + whole, "csv26")
    assert (found, skipped) == (9, 1)


LONG = Said("duration: 1.000 ms  statement: SELECT '" + 'long, "text"\n' * 1_600_000 + "'")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("lines", [True, False])
def test_an_entry_of_over_16_mb_is_skipped_and_counted(form: str, lines: bool, tmp_path: Path) -> None:
    long = LONG if lines else Said(LONG.message.replace("\n", " "))
    (tmp_path / "log").write_bytes(log_of(form, [SLOW, long, QUICK]))
    found = read([tmp_path / "log"])
    assert (found.statements, found.duration_ms, found.skipped) == (2, 1500.75, 1)


@pytest.mark.parametrize("junk", [b"x" * 2**20, b'"x,\n' * 2**18, b"x\ny," * 2**18])
def test_what_is_no_log_is_not_kept(junk: bytes) -> None:
    for blocks in (csvlog.blocks, jsonlog.blocks):
        assert max(map(len, blocks(junk for _ in range(24)))) < 2**24 + 2**21
    found = sum(len(block) for block in stderr.blocks((junk for _ in range(24)), Prefix()))
    assert found == 0


def test_a_plan_whose_session_never_returns_costs_no_other_session(tmp_path: Path) -> None:
    reading = _Reading()
    reading.add(rows(csvlog.parse(log_of("csv26", [Said(PLAN.format("1.000"), session="a.1")]), 26)))
    later = rows(csvlog.parse(log_of("csv26", [QUICK] * 2000), 26))
    assert len(reading._to_follow(later)) < 300
    reading.add(later)
    assert reading.result((), 0).statements == 2001


def test_plans_that_wait_are_not_kept_without_end() -> None:
    joiner = Joiner()
    plans = [Plan(f"SELECT {n}", "x" * 2**20, 1.0, None) for n in range(40)]
    decided = [plan for plan in plans for plan in joiner.plan("a.1", plan)]
    assert 20 < len(decided) < 40
    last = joiner.statement("a.1", Ran(askeds("SELECT 39", ""), 7, 1.0, None))
    assert decided + last == plans
    assert [plan.group for plan in last][-2:] == [-1, 7]


def test_blocks_are_cut_between_entries_wherever_a_chunk_ends() -> None:
    whole = log_of("csv26", SMALL * 4)
    for size in (1, 7, 100, 333):
        chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
        blocks = [csvlog.parse(block, 26) for block in csvlog.blocks(chunks)]
        assert (sum(map(len, blocks)), sum(block.skipped for block in blocks)) == (20, 0)


def test_a_message_with_lines_like_entries_is_one_entry() -> None:
    inner = log_of("csv26", SMALL[:2]).decode()
    said = [SLOW, Said(f"duration: 1.000 ms  statement: SELECT '{inner}'"), SLOW]
    assert counted(log_of("csv26", said), "csv26") == (3, 0)


def test_the_form_of_a_file_is_seen_in_it(tmp_path: Path) -> None:
    for form in FORMS:
        (tmp_path / form).write_bytes(log_of(form, SMALL))
        (source,) = sources.find([tmp_path / form])
        assert source.form == re.sub(r"\d", "", form)


def test_a_log_is_a_document_that_json_can_hold(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(log_of("csv26", [SLOW, Said("statement: SELECT 1")]))
    document = json.loads(json.dumps(read([tmp_path / "log"]).as_json(), allow_nan=False))
    assert {"statements", "duration_ms", "skipped", "groups"} <= document.keys()
    assert {"statement", "calls", "total_ms", "mean_ms", "p95_ms", "max_ms"} <= document["groups"][0].keys()
    assert document["groups"][1]["mean_ms"] is None
