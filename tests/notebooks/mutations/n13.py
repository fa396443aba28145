"""Mutations of 13_capacity."""

from tests.notebooks.mutation import Mutation

NAME = "13_capacity"
LOADS, SWEEP, LITTLE = "Two loads, one standstill", "A sweep", "Little's law"
HOLD, LAW = "What it must hold", "A law, and where it knows nothing"


def mutated(sections: tuple[str, ...], before: str, after: str, *red: str) -> Mutation:
    """Return a mutation by one change."""
    return Mutation(NAME, sections, ((before, after),), red)


MUTATIONS = (
    mutated(
        ("Predict", LOADS),
        "plan = LoadPlan(users=2,",
        "plan = LoadPlan(users=8,",
        "While the table was locked, two users sent no more than one request each",
        "Of two users there are never more than two requests under way",
    ),
    mutated(
        ("Predict", LOADS),
        'arrivals = replace(plan, model="open", rate_per_s=rate)',
        "arrivals = plan",
        "The arrivals of the open load came all the same",
        "Of the open load there are many more",
        "Of the open load at least twice as many requests waited for the lock",
    ),
    mutated(
        ("Why",),
        "open_ms = scaling.open_ms(per_s)",
        "open_ms = scaling.open_ms(per_s / 4)",
        "At the same rate the open load waits at least three times as long",
    ),
    mutated(
        (SWEEP,),
        "found = concurrency.model(",
        'import shutil\nshutil.rmtree(next(sweep.folder.glob("run-02-*")))\nfound = concurrency.model(',
        "Every cell was measured as often as it was asked",
        "Not one run is lost: those that prove nothing are kept, and named",
    ),
    Mutation(
        NAME,
        (SWEEP, LITTLE),
        (
            (
                'begun, ended = last["intended_us"].to_numpy(), last["done_us"].to_numpy()',
                'begun, ended = (pd.concat([last[name]] * 2).to_numpy() for name in ("intended_us", "done_us"))',
            ),
        ),
        (
            "Rate times mean latency is what was counted under way",
            "Never were more requests under way than there were users",
        ),
    ),
    mutated(
        (SWEEP, LITTLE),
        'requests["users"] == 1]',
        'requests["users"] == max(users)]',
        "Of one user, no more than one request is under way",
        "Of the most users, several are at any moment",
    ),
    mutated(
        (HOLD,),
        "searched = scaling.searched(serves_per_s=500, limit_ms=50)",
        "from lab.analyse import search\nsearch.MOST_RUNS = 30\n"
        "searched = scaling.searched(serves_per_s=500, limit_ms=50, noise=1.0)",
        "The search ends within twelve runs",
    ),
    mutated(
        (HOLD,),
        "answer, truth = searched.answer, searched.truth_per_s",
        "answer, truth = searched.answer, scaling.searched(limit_ms=20).truth_per_s",
        "Its answer is within a twentieth of the truth",
        "Its interval holds the truth",
    ),
    mutated(
        (LAW,),
        "usl.solve(scaling.PUBLISHED, relative=False)",
        "usl.solve(scaling.PUBLISHED)",
        "The published peak comes out of the published measurement",
    ),
    mutated(
        (LAW,),
        "if users <= 16}",
        "if users <= 96}",
        "From the first half the lab tells no peak",
        "What the first half fits as well differs by more than a factor of three",
    ),
    mutated(
        (LAW,),
        "known = scaling.throughputs((1, 2, 4, 8, 16, 32, 48, 64, 96))",
        "known = scaling.throughputs((1, 2, 4, 8, 16))",
        "The whole sweep tells the peak, and its interval holds the truth",
    ),
    mutated(
        ("Your turn",),
        "bounded = lesson.closed_load(users=10, think_s=0.2)",
        "bounded = lesson.closed_load(users=10, think_s=0.02)",
        "The users asked hardly more often than the pause allows",
    ),
)
