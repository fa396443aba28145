"""Mutations of 08_autovacuum."""

from tests.notebooks.mutation import Mutation

NAME = "08_autovacuum"
COUNTS = ("When does it come?", "At which moment?")
FACTORS = "Three scale factors, and none"
PAYS = "What an innocent query pays"
VAIN = "Autovacuum that comes in vain"
WATCHED = "triggers.watched(bench, server)"
SEASON = "season = churn.churned(bench, server)\n"
READS = "pictures.reads(season)"
HELD = "held.held(bench, server)"
PICTURE = ("pictures.moments(climbs)", "None")

MUTATIONS = (
    Mutation(  # one row too many, which the prediction did not hear of; the churn slows down after the prediction
        NAME,
        COUNTS,
        (
            (WATCHED, "triggers.came(server, at=1, unseen=1), triggers.climbed(bench, server, then=0.15)"),
            PICTURE,
        ),
        (
            "At its threshold autovacuum left every table alone",
            "Each time it had been predicted, from the counters and the settings",
            "It came in the interval that was predicted, or within two turns of it",
        ),
    ),
    Mutation(  # no row more; tables with a scale factor of their own
        NAME,
        COUNTS,
        (
            (
                WATCHED,
                'triggers.came(server, more=0), triggers.climbed(bench, server, options={triggers.SCALE: "0.05"})',
            ),
            PICTURE,
        ),
        (
            "One row later it came to every one of them",
            "It never came before fifty rows and a fifth of the table were dead, and one more",
        ),
    ),
    Mutation(  # all four tables with the smallest factor
        NAME,
        (FACTORS, PAYS),
        (
            (
                SEASON,
                "import dataclasses\nguess = None\n"
                "alike = [dataclasses.replace(one, options=churn.SMALLEST.options) for one in churn.TREATMENTS]\n"
                "season = churn.churned(bench, server, alike)\n",
            ),
            ("pictures.dead(season, guess)", "None"),
            ("pictures.sizes(season)", "None"),
            (READS, "None"),
            ("pictures.costs(season)", "None"),
        ),
        (
            "The smaller the scale factor, the more often autovacuum came",
            "And the fewer dead rows it found",
            "Where it is switched off it never came",
            "The table without autovacuum is clearly larger than that with the smallest factor",
            "Without autovacuum it grew in every round",
            "Without autovacuum it reads more than twice as many blocks",
        ),
    ),
    Mutation(  # nothing is switched on again
        NAME,
        (PAYS,),
        (
            (READS, f"{SEASON}smallest, off = season.tables[2:]"),
            ("churn.mended(server)", 'churn.mended(server, enabled="false")'),
        ),
        ("One visit removes every dead row", "The query reads as little as with the smallest factor"),
    ),
    Mutation(  # the table with the smallest factor is neglected too; VACUUM FULL
        NAME,
        (PAYS,),
        (
            (
                READS,
                "import dataclasses\n"
                "neglected = dataclasses.replace(churn.SMALLEST, options=churn.OFF.options)\n"
                "season = churn.churned(bench, server, [neglected, churn.OFF])\n"
                "smallest, off = season.tables",
            ),
            ("churn.mended(server)", "churn.mended(server, rewrite=True)"),
        ),
        (
            "With the smallest factor it reads no more at the end than at the beginning",
            "The file has not become smaller",
        ),
    ),
    Mutation(  # each kind does what another one does; asked in another database; and none of them ends
        NAME,
        (VAIN,),
        (
            (
                HELD,
                "None\nimport dataclasses\n"
                "kinds = held.HOLDERS\n"
                "others = zip((1, 0, 0, 0, 3), kinds)\n"
                "acts = [dataclasses.replace(kinds[act], name=kind.name) for act, kind in others]\n"
                'beside = held.held(bench, server, acts, ask_in="postgres", ends=False)',
            ),
        ),
        (
            "Beside one that has only read, or is elsewhere, everything was removed",
            "Beside every other one not a single row was",
            "The server says who it is where something is in the way, and names nobody elsewhere",
            "When the transaction had ended, everything was removed",
        ),
    ),
    Mutation(  # one that is not in the way
        NAME,
        (VAIN,),
        ((HELD, "held.held(bench, server, held.HOLDERS[:1])"),),
        ("There autovacuum came again and again all the same",),
    ),
)
