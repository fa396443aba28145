"""Entries written as a server writes them, in each form of its log."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FORMS = ("csv23", "csv24", "csv26", "json", "stderr")
START = datetime(2026, 11, 23, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Said:
    """An entry of a log."""

    message: str
    detail: str = ""
    session: str = "6561a000.1"
    severity: str = "LOG"


def log_of(form: str, said: Sequence[Said]) -> bytes:
    """Return a log: csv23, csv24, csv26, json or stderr (with the prefix ``%m [%p] ``)."""
    write = {"json": _json, "stderr": _stderr}.get(form)
    lines = []
    for number, one in enumerate(said):
        at = (START + timedelta(milliseconds=10 * number)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"
        lines.append(write(at, one) if write else _csv(at, one, number, int(form[3:])))
    return "".join(lines).encode()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if text else ""


def _csv(at: str, said: Said, number: int, columns: int) -> str:
    fields = [
        at, '"me"', '"lab"', "42", '"[local]"', said.session, str(number), '"SELECT"', "2026-11-23 09:00:00 UTC",
        "3/4", "0", said.severity, "00000", _quoted(said.message), _quoted(said.detail), *[""] * 7, '"psql"',
        '"client backend"', "", "-6424182341",
    ]  # fmt: skip
    return ",".join(fields[:columns]) + "\n"


def _json(at: str, said: Said) -> str:
    entry = {
        "timestamp": at, "user": "me", "pid": 42, "session_id": said.session, "line_num": 1,
        "error_severity": said.severity, "message": said.message, "detail": said.detail, "query_id": -5,
    }  # fmt: skip
    return json.dumps({key: value for key, value in entry.items() if value != ""}, ensure_ascii=False) + "\n"


def _stderr(at: str, said: Said) -> str:
    detail = f"{at} [42] DETAIL:  {_tabbed(said.detail)}\n" if said.detail else ""
    return f"{at} [42] {said.severity}:  {_tabbed(said.message)}\n{detail}"


def _tabbed(text: str) -> str:
    return text.replace("\n", "\n\t")
