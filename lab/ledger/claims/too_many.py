"""What an app reads when its server is full depends on its role."""

from lab.demonstrate import refusals
from lab.demonstrate.bench import Bench
from lab.demonstrate.refusals import FULL_WORDS, RESERVED_WORDS
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, role: str = "lab_app") -> Finding:
    """Have an app ask for more connections than there are, and read what the server says to it and to a superuser."""
    found = refusals.provoked(bench, ordinary=role)
    over, superuser = found.overfull, found.full
    measured = (
        f"{over.asked} connections wanted of max_connections {found.max_connections}: the app got {over.answered}, its "
        f'user read {over.status}, its driver "{over.refusal.message}", a superuser "{superuser.message}"'
    )
    numbers = {"wanted": over.asked, "got": over.answered, "kept_back": found.kept_back, "status": over.status}
    if FULL_WORDS in over.refusal.message:
        return Finding(HOLDS, measured, numbers=numbers)
    if RESERVED_WORDS in over.refusal.message and FULL_WORDS in superuser.message and over.answered == found.slots:
        condition = (
            f"for a superuser; an ordinary role is stopped at {found.slots}: {found.kept_back} slots are reserved"
        )
        return Finding(IN_PART, measured, condition, numbers)
    return Finding(NOT_HERE, measured, numbers=numbers)


CLAIM = Claim(
    id="too-many",
    sentence='an app that wants more connections than there are reads "sorry, too many clients already"',
    folklore="4 x 100 against max_connections 100: sorry, too many clients already",
    test=test,
    expected=(IN_PART,),
    mutation={"role": "lab_owner"},
    lesson="04_sizing_the_pool",
)
