"""The ledger as a page: ``docs/claims.md``, with the date and the machine that it was made on."""

from collections.abc import Mapping, Sequence
from typing import Any

from lab import environment
from lab.ledger import Entry
from lab.units import utc_now


def document(entries: Sequence[Entry], facts: Mapping[str, Any], scale: str) -> str:
    """Return the page in Markdown. *facts* is what :func:`lab.environment.capture` found."""
    host, server = facts["host"], facts["server"]
    made = f"{utc_now():%Y-%m-%d}, {host['cores']} cores, PostgreSQL {server['version']}, scale {scale}"
    lines = [
        "# The ledger of claims",
        "",
        "What the classic advice says, and what was measured. Made by `lab claims`, which runs every experiment anew;",
        "make it on your machine, and it is about your machine.",
        "",
        f"*{made}. {_versions(facts)}.*",
        "",
        "| id | the advice | folklore | measured here | verdict |",
        "|---|---|---|---|---|",
    ]
    for entry in entries:
        claim, finding = entry.claim, entry.finding
        verdict = finding.verdict + (f": {finding.condition}" if finding.condition else "")
        cells = (f"`{claim.id}`", claim.sentence, claim.folklore, finding.measured, f"**{verdict}**")
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    lines += ["", *_lessons(entries)]
    return "\n".join(lines) + "\n"


def made_on(server_version: str, settings: Mapping[str, str]) -> dict[str, Any]:
    """Return what stands above the table."""
    return environment.capture({"version": server_version, "settings": dict(settings), "notes": []})


def _versions(facts: Mapping[str, Any]) -> str:
    packages = facts.get("packages", {})
    wanted = ("fastapi", "sqlalchemy", "psycopg2-binary")
    return ", ".join(f"{name} {packages[name]}" for name in wanted if name in packages)


def _lessons(entries: Sequence[Entry]) -> list[str]:
    """Say which notebook shows which claims."""
    shown: dict[str, list[str]] = {}
    for entry in entries:
        if entry.claim.lesson:
            shown.setdefault(entry.claim.lesson, []).append(f"`{entry.claim.id}`")
    return [f"- [{name}](../notebooks/{name}.ipynb): {', '.join(shown[name])}" for name in sorted(shown)]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
