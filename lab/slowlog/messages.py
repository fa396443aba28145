"""Messages of the log taken apart by column: which are statements, how long they took, and what is asked.

Most of a log repeats a few statements with other values. So the values are taken out of all messages of a block at
once, by one regular expression of RE2, and only the few texts that are left are looked at one by one. That expression
knows strings, quoted names and numbers; a text in which something else may hide a quote (comments, ``E''``, ``$$``)
goes through a second one that knows comments, and what is still not plain is normalised from its own message. So the
groups are those of :func:`lab.sql.normal.normalise`, whichever way a message went.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lab.slowlog.block import Entries

STATEMENT, PARSE, BIND, LEFT_OUT = "statement", "parse", "bind", ""

_SIZES = r"(?:\s+rows: [0-9]+\s+size: [0-9]+ bytes)?"  # which some servers add
_HEAD = r"^duration: (?P<ms>[0-9]{1,15}(?:\.[0-9]{1,6})?) ms" + _SIZES + r"(?:\s+(?P<kind>[a-z]+))?"
_COMMENT = "\x03"
_VALUE, _END = "\x01", "\x02"  # stand where a value was, around what tells its kind
_QUICK = r"""(')[^']*'|("[^"]*")|\b[0-9]+(?:\.[0-9]+)?\b"""
_THOROUGH = (
    r"""(?s)(')[^']*'|("[^"]*")|(/\*)(?:[^*/]|\*+[^*/]|/+[^*/])*\*+/|(--)[^\n\r]*"""
    r"""|\b[0-9]+(?:\.[0-9]+)?\b"""
)
_QUICK_LEFT, _THOROUGH_LEFT = _VALUE + r"\1\2" + _END, _VALUE + r"\1\2\3\4" + _END

_NAMES = re.compile(_VALUE + r'("[^"]*")' + _END)
_COMMENTS = re.compile(_VALUE + r"(?:/\*|--)" + _END)
_PLAIN = re.compile(r"""(?:[^'"$\\/*-]|'0'|"[^"]*"|(?<![A-Za-z0-9_$])\$0(?![A-Za-z0-9_])|-(?!-)|/(?!\*)|\*(?!/))*""")
_ESCAPING = re.compile(r"[eE]'")
_TIMED = re.compile(r"duration: [0-9.]+ ms" + _SIZES + r"\s*", re.ASCII)
_SENT = re.compile(r"(?:(?:query|statement):\s*|(?P<step>prepare|parse|bind|execute)\s+[^:]+:(?:[^\s]+:)?\s)", re.ASCII)
_STEPS = {"prepare": PARSE, "parse": PARSE, "bind": BIND}
BEGINNINGS = ("duration: ", "statement: ", "execute ")


@dataclass(frozen=True, slots=True)
class Rows:
    """The statements and plans of a block, in the order of the log.

    *texts* are the messages without their values, *code* says which of them each row has; *message* is the row's own.
    A plan of auto_explain has True in *is_plan*, and no text. ``nan`` ms where a message has no duration.
    """

    entries: int
    skipped: int
    time: Any
    session: Any
    message: Any
    detail: Any
    ms: npt.NDArray[np.float64]
    is_plan: npt.NDArray[np.bool_]
    code: npt.NDArray[np.int32]
    texts: list[str]

    def __len__(self) -> int:
        return len(self.code)


def rows(entries: Entries) -> Rows:
    """Return the rows of a block that are statements or plans."""
    said = entries.message
    wanted = _is_log(entries.severity)
    begins = pc.starts_with(said, BEGINNINGS[0])
    for beginning in BEGINNINGS[1:]:
        begins = pc.or_(begins, pc.starts_with(said, beginning))
    wanted = pc.and_(wanted, begins)
    columns = [entries.time, entries.session, said, entries.detail]
    if pc.sum(wanted).as_py() != len(said):
        columns = [column.filter(wanted) for column in columns]
    time, session, message, detail = columns
    head = pc.extract_regex(message, _HEAD)
    is_plan = _numpy(pc.fill_null(pc.equal(pc.struct_field(head, "kind"), "plan"), False))
    code, texts = _texts(message, is_plan)
    ms = _numpy(pc.fill_null(pc.struct_field(head, "ms").cast(pa.float64()), float("nan")))
    return Rows(len(entries), entries.skipped, time, session, message, detail, ms, is_plan, code, texts)


def _is_log(severity: Any) -> Any:
    """Compare numbers, and not as many strings."""
    coded = severity if pa.types.is_dictionary(severity.type) else severity.dictionary_encode()
    return pc.equal(coded.indices, coded.dictionary.index("LOG"))


def _numpy(column: Any) -> Any:
    return column.to_numpy(zero_copy_only=False)


def _texts(message: Any, is_plan: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Return each message's number among the texts, -1 for plans, and the texts; one that is not plain stays whole."""
    if is_plan.any():
        all_code = np.full(len(message), -1, np.int32)
        all_code[~is_plan], others = _texts(message.filter(pa.array(~is_plan)), np.zeros(0, np.bool_))
        return all_code, others
    code, found = _encoded(pc.replace_substring_regex(message, _QUICK, _QUICK_LEFT))
    texts: list[Any] = [_plain(text) for text in found]
    hard = np.array([text is None for text in texts], np.bool_)
    if hard.any():
        again = hard[code]
        own = message.filter(pa.array(again))
        code[again], more = _thorough(own)
        code[again] += len(texts)
        texts += more
    return code, [text or "" for text in texts]


def _thorough(message: Any) -> tuple[npt.NDArray[np.int32], list[str]]:
    code, texts = _encoded(pc.replace_substring_regex(message, _THOROUGH, _THOROUGH_LEFT))
    plain: list[Any] = [_thoroughly(text) for text in texts]
    hard = np.array([text is None for text in plain], np.bool_)
    if hard.any():
        again = hard[code]
        code[again], own = _encoded(message.filter(pa.array(again)))
        code[again] += len(plain)
        plain += own
    return code, [text or "" for text in plain]


def _encoded(column: Any) -> tuple[npt.NDArray[np.int32], list[Any]]:
    encoded = column.dictionary_encode()
    return _numpy(encoded.indices).copy(), encoded.dictionary.to_pylist()


def _thoroughly(text: str) -> str | None:
    plain = _plain(_COMMENTS.sub(_COMMENT, text))
    return plain and plain.replace(_COMMENT, "/**/")


def _plain(text: str) -> str | None:
    """Return a text with values in place of the marks; None if the expression may have misread it."""
    text = _NAMES.sub(r"\1", text).replace(f"{_VALUE}'{_END}", "'0'").replace(_VALUE + _END, "0")
    return text if text.isascii() and _PLAIN.fullmatch(text) and not _ESCAPING.search(text) else None


def kind_and_text(message: str) -> tuple[str, str]:
    """Return what a message is (``statement``, ``parse``, ``bind``, or empty for none of these), and its statement.

    >>> kind_and_text("duration: 0.512 ms  execute <unnamed>: SELECT $1")
    ('statement', 'SELECT $1')
    >>> kind_and_text("duration: 0.512 ms")
    ('statement', '')
    """
    timed = _TIMED.match(message)
    rest = message[timed.end() :] if timed else message
    if timed and not rest:
        return STATEMENT, ""
    sent = _SENT.match(rest)
    if sent is None or "statement: DEALLOCATE" in message:
        return LEFT_OUT, ""
    return _STEPS.get(sent["step"], STATEMENT), rest[sent.end() :]
