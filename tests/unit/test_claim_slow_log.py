"""The condition of the claim about the slow log says what was seen, and nothing else."""

import pytest

from lab.demonstrate.slow_log import Parsed, Rights
from lab.ledger.claims.slow_log import condition


@pytest.mark.parametrize(
    ("plain", "granted", "by_role", "said"),
    [
        ("42501", "", 10, "for a session whose role was given the right"),
        ("42501", "42501", 10, "for a superuser, or a role for which one has set it"),
        ("42501", None, 10, "for a superuser, or a role for which one has set it"),
        ("42501", None, 0, "for a superuser"),
        ("", None, 10, ""),
    ],
)
def test_the_condition_names_the_right_that_helped(plain: str, granted: str | None, by_role: int, said: str) -> None:
    rights = Rights(plain, granted, sent=10, own_logged=10, others_logged=0, by_role_logged=by_role)
    assert condition(Parsed(20, 20, 20, {}, {}), rights) == said
    both = ", and ".join(filter(None, ["with a reader of CSV", said]))
    assert condition(Parsed(20, 0, 20, {}, {}), rights) == both
