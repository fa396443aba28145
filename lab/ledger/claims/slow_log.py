"""What the slow log has of what was sent, who may switch it on, and what it takes to read it."""

from lab.demonstrate import slow_log
from lab.demonstrate.bench import Bench
from lab.demonstrate.slow_log import THRESHOLD_MS, Parsed, Rights
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, threshold_ms: float = THRESHOLD_MS) -> Finding:
    """Send slow and short statements, read the log in three ways, and have a plain role switch it on."""
    with slow_log.server(bench) as lent:
        mixed = slow_log.mixture(bench, lent, log_min_duration_statement=threshold_ms)
        parsed = slow_log.parsed(bench, lent)
        rights = slow_log.rights(bench, lent)
    missing_pct = 100 * mixed.missing_share_of_time
    measured = (
        f"{mixed.slow_logged} of {len(mixed.slow_ms)} statements above {THRESHOLD_MS} ms and {mixed.short_logged} of "
        f"{len(mixed.short_ms)} below are in the log, {missing_pct:.0f} % of the time is not; of {parsed.sent} "
        f"statements on several lines csvlog gives {parsed.by_csv} read as CSV and {parsed.by_line} line by line; "
        f"0 in a session logs {rights.own_logged} of {rights.sent} there and {rights.others_logged} elsewhere; "
        f"a plain role reads {rights.plain or 'nothing against it'}{_after_grant(rights)}"
    )
    numbers = {
        "slow_logged": float(mixed.slow_logged),
        "short_logged": float(mixed.short_logged),
        "missing_pct": missing_pct,
        "by_csv": float(parsed.by_csv),
        "by_line": float(parsed.by_line),
    }
    if mixed.slow_logged_share < 1 or mixed.short_logged_share > 0.1 or rights.own_logged < rights.sent:
        return Finding(NOT_HERE, measured, numbers=numbers)
    limits = condition(parsed, rights)
    return Finding(IN_PART if limits else HOLDS, measured, limits, numbers)


def condition(parsed: Parsed, rights: Rights) -> str:
    """Return under which conditions the claim held, as they were seen; empty if it held without any."""
    limits = ["with a reader of CSV"] if parsed.by_line < parsed.sent else []
    if rights.plain and rights.granted == "":
        limits.append("for a session whose role was given the right")
    elif rights.plain and rights.by_role_logged >= rights.sent:
        limits.append("for a superuser, or a role for which one has set it")
    elif rights.plain:
        limits.append("for a superuser")
    return ", and ".join(limits)


def _after_grant(rights: Rights) -> str:
    """Say what a grant of the parameter changed, where the version has one."""
    return "" if rights.granted is None else f", and after GRANT SET {rights.granted or 'nothing'}"


CLAIM = Claim(
    id="slow-log",
    sentence="log_min_duration_statement = 100 logs what takes longer, 0 in a session all; csvlog is easy to parse",
    folklore="100 ms; csvlog; SET log_min_duration_statement = 0",
    test=test,
    expected=(IN_PART,),
    mutation={"threshold_ms": -1},
    lesson="10_slow_query_log",
)
