"""``pg_cancel_backend`` stops a query that runs, and does nothing else; by pid it may be somebody else's."""

from lab.demonstrate import aiming, endings
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding
from lab.observe.signals import CANCEL, TERMINATE


def test(bench: Bench, states: tuple[str, ...] = endings.STATES, guarded: bool = False) -> Finding:
    """Signal a session in each state, and cancel on pooled connections with a moment between look and signal."""
    found = endings.endings(bench, states)
    shots = aiming.shots(bench, guarded=guarded, tries=bench.scaled(ci=40, workshop=200))
    cancels = [one for one in found if one.act == CANCEL]
    nothing = [one.state for one in cancels if one.said and not one.over]
    ended = sum(not one.session_left for one in found if one.act == TERMINATE)
    measured = (
        f"terminate ended {ended} of {len(states)} sessions; cancel said true {sum(one.said for one in cancels)} times "
        f"and did nothing to {' and '.join(nothing) or 'none'}; of {shots.sent} cancels on pooled connections "
        f"({'guarded' if guarded else 'by pid'}), {shots.innocent_hit} hit the next query of somebody else"
    )
    numbers = {
        "states_without_effect": float(len(nothing)),
        "terminated": float(ended),
        "innocent_hit_pct": shots.innocent_pct,
    }
    if ended < len(states) or len(nothing) == len(states):
        return Finding(NOT_HERE, measured, numbers=numbers)
    if nothing or shots.innocent_hit:
        said = ["by pid it is whatever query runs by then"] if shots.innocent_hit else []
        said += [f"to a session that is {' or '.join(nothing)} a cancel does nothing"] if nothing else []
        return Finding(IN_PART, measured, "; ".join(said), numbers)
    return Finding(HOLDS, measured, numbers=numbers)


CLAIM = Claim(
    id="cancel",
    sentence="pg_cancel_backend stops a query, pg_terminate_backend a connection",
    folklore="pg_cancel_backend(pid), and if that does not help pg_terminate_backend(pid)",
    test=test,
    expected=(IN_PART,),
    mutation={"states": endings.STATES[:2], "guarded": True},
    lesson="12_live_triage",
)
