"""The commands, and the one place where an error becomes a line and an exit code."""

import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from lab import config as settings
from lab import plan
from lab.cli.watch import ERRORS, Progressing
from lab.compose.stack import Stack, document
from lab.errors import LabError, StoppedError, UsageError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="A performance laboratory for PostgreSQL behind a FastAPI application.",
    epilog="A first run: [bold]lab compare null queue[/bold]",
)
OUT = Console(highlight=False)
Role = Literal["owner", "app", "observer"]
# commands with modules of their own, which are imported when they are asked for: name -> module and example
_ELSEWHERE = {
    "sizing": ("sizing", "lab sizing --workers 4 --size 10 --max-connections 200 --rate 400 --hold-ms 12 --cores 4"),
    "claims": ("claims", "lab claims size overflow"),
    "observe": ("own", "lab observe --dsn service=shop --seconds 60"),
    "run": ("own", "lab run --host http://127.0.0.1:8000 --locustfile mine.py --users 20 --dsn service=shop"),
    "sweep": ("sweep", "lab sweep experiments/quick.toml"),
    "capacity": ("capacity", 'lab capacity --objective "p99 < 50 ms, failed < 0.1 %"'),
    "report": ("report", "lab report last"),
    "noise": ("sessions", "lab noise --runs 5"),
    "between": ("sessions", "lab between YESTERDAY TODAY --variant queue"),
    "indexes": ("indexes", "lab indexes --what-if; lab indexes --dsn service=production --plan"),
    "statements": ("statements", "lab statements --seconds 5 --by calls"),
    "autovacuum": ("autovacuum", "lab autovacuum --watch 10 public.sessions"),
    "bloat": ("bloat", "lab bloat public.posts --dsn postgresql://me@db/shop"),
    "slowlog": ("slowlog", "lab slowlog '/var/log/postgresql/*.csv*' --top 5"),
    "activity": ("activity", "lab activity --longer 5s --seconds 10"),
    "locks": ("activity", "lab locks --dsn postgresql://me@127.0.0.1/shop"),
    "cancel": ("signals", "lab cancel 2080@hoewnoff4v-q32r"),
    "terminate": ("signals", "lab terminate 2080@hoewnoff4v-t32r"),
}
# typer carries its own copy of click, and gives the base class of its usage errors no public name
_WRONG_USAGE: Any = typer.BadParameter.__mro__[1]
_INTERRUPTED = 130
JSON = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else there.")
]


def _print_json(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


@app.command(epilog="Example: lab up --pool queue:size=5,overflow=0 --workers 2")
def up(
    pool: Annotated[
        str, typer.Option(help="The app's pool, written as for lab compare; pgbouncer is for lab compare only.")
    ] = "",
    workers: Annotated[int, typer.Option(help="Processes of the app, each with a pool of its own.")] = 1,
    compose: Annotated[
        bool, typer.Option("--compose", help="In containers, with Docker Compose; later commands then use these.")
    ] = False,
    load_workers: Annotated[
        int | None, typer.Option(help="With --compose: containers that make the load; 0 makes it beside the lab. 2.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Start PostgreSQL and the sample app, and leave them running."""
    from lab import standing

    config = settings.read()
    chosen = plan.PoolConfig.parse(pool or settings.value("LAB_POOL"), workers)
    stack = Stack(config.home)
    if load_workers is not None and not (compose and 0 <= load_workers <= 64):
        raise UsageError(f"--load-workers is {load_workers}; give 0 to 64, together with --compose")
    if stack.stands() or compose:
        with Progressing() as watch:
            if compose:
                stack.up(2 if load_workers is None else load_workers, watch)
            text = stack.lab("up", "--pool", chosen.spec, "--workers", str(chosen.workers), "--json")
        _show_status(document(text), as_json)
        return
    with Progressing() as watch:
        state = standing.up(config, chosen, watch)
    _show_status(state.as_json(), as_json)


@app.command(epilog="Example: lab down")
def down(as_json: JSON = False) -> None:
    """Stop the sample app and PostgreSQL; what is in containers is removed, its data stay."""
    from lab import standing

    config = settings.read()
    with Progressing() as watch:
        if Stack(config.home).stands():
            Stack(config.home).down(watch)
        state = standing.down(config, watch)
    _show_status(state.as_json(), as_json)


@app.command(epilog="Example: lab status --json")
def status(as_json: JSON = False) -> None:
    """Tell what runs, and where."""
    from lab import standing

    stack = Stack(settings.read().home)
    if stack.stands():
        _show_status(document(stack.lab("status", "--json")), as_json)
        return
    _show_status(standing.status(settings.read()).as_json(), as_json)


def _show_status(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(document)
        return
    server, web = document["server"], document["app"]
    pid = f", pid {server['pid']}" if server["pid"] else ""
    where = f" {server['version']}, port {server['port']}{pid}" if server["state"] == "running" else ""
    pids = ", ".join(str(pid) for pid in web["pids"])
    what = f" {web['url']}, pool {web['pool']}, pid {pids}" if web["state"] == "running" else ""
    OUT.print(f"PostgreSQL  {server['state']}{where}", markup=False, soft_wrap=True)
    if server["note"]:
        OUT.print(f"            {server['note']}", markup=False, soft_wrap=True)
    OUT.print(f"sample app  {web['state']}{what}", markup=False, soft_wrap=True)
    OUT.print(f"home        {document['home']}", markup=False, soft_wrap=True)


@app.command(epilog="Example: lab reset")
def reset(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Make the cluster anew, instead of copying its template.")
    ] = False,
) -> None:
    """Put the lab's database back to its first state. Whatever was written to it is gone."""
    from lab import standing

    config = settings.read()
    if Stack(config.home).stands():
        OUT.print(Stack(config.home).lab("reset", *(["--fresh"] if fresh else [])).rstrip(), markup=False)
        return
    with Progressing() as watch:
        state = standing.reset(config, watch, fresh)
    _show_status(state.as_json(), as_json=False)


@app.command(epilog="Example: LAB_DSN=postgresql://me@127.0.0.1/empty lab adopt")
def adopt() -> None:
    """Mark the empty database that LAB_DSN names as the lab's own, and fill it."""
    from lab import server

    with Progressing() as watch:
        watch.say("marking and filling the database")
        adopted = server.adopt(settings.read())
    for note in adopted.notes:
        ERRORS.print(note, markup=False, soft_wrap=True)
    OUT.print(
        f"adopted: PostgreSQL {adopted.version} on {adopted.host}:{adopted.port}, size {adopted.size}", markup=False
    )


@app.command(epilog="Example: lab doctor")
def doctor() -> None:
    """Check what the lab needs, and say what to do about what is missing."""
    from lab import server

    checks = server.doctor(settings.read())
    for check in checks:
        OUT.print(f"{'ok     ' if check.ok else 'MISSING'}  {check.name}: {check.text}", markup=False, soft_wrap=True)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


@app.command(
    epilog="Example: lab psql -- -c 'select count(*) from posts'",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def psql(
    context: typer.Context,
    role: Annotated[Role, typer.Option(help="Whom to connect as.")] = "owner",
) -> None:
    """Open psql on the running server; what follows is handed to psql."""
    from lab import server

    command = server.psql_command(settings.read(), role) + context.args
    sys.stdout.flush()
    os.execv(command[0], command)


@app.command(epilog="Example: lab dsn app")
def dsn(role: Annotated[Role, typer.Argument(help="Whose DSN.")]) -> None:
    """Print a DSN of the running server, with its password: for other tools, not for a log."""
    from lab import server

    sys.stdout.write(server.dsn_with_password(settings.read(), role) + "\n")


@app.command(epilog="Example: lab compare null queue:size=5,overflow=0 --model open --rate 100")
def compare(
    variants: Annotated[
        list[str],
        typer.Argument(
            help="Two of connect, null, queue, async, psycopg_pool and pgbouncer, each with its parameters or without: "
            "queue:size=5,overflow=0,pre_ping=true. docs/reference.md lists them.",
            show_default=False,
        ),
    ],
    size: Annotated[int, typer.Option(help="The size of a pool that does not name its own.")] = 10,
    overflow: Annotated[int, typer.Option(help="The overflow of a queue or async that does not name its own.")] = 20,
    model: Annotated[
        str, typer.Option(help="closed: users who wait for their answer. open: arrivals that do not.")
    ] = "closed",
    users: Annotated[int | None, typer.Option(help="Closed model: how many users; 16 if not given.")] = None,
    think: Annotated[
        float | None, typer.Option(help="Closed model: mean seconds between an answer and the next request; 0.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Open model: arrivals per second, Poisson; 200 if not given.")
    ] = None,
    journey: Annotated[str, typer.Option(help=f"What is asked for: {', '.join(plan.JOURNEYS)}.")] = "read",
    warmup: Annotated[float, typer.Option(help="Seconds of load before measuring.")] = 1.0,
    seconds: Annotated[float, typer.Option(help="Seconds measured in each run.")] = 4.0,
    pairs: Annotated[
        int, typer.Option(help="Runs of each variant, interleaved; five or more give narrow intervals.")
    ] = 3,
    workers: Annotated[int, typer.Option(help="Processes of the app.")] = 1,
    processes: Annotated[
        int, typer.Option(help="Processes of the load generator; with Compose all its workers, whatever is given here.")
    ] = 1,
    join: Annotated[
        bool,
        typer.Option("--join", help="Wait for these processes to come from elsewhere: docs/scaling.md says how."),
    ] = False,
    detail: Annotated[
        str,
        typer.Option(
            help=f"Keep requests, or only a histogram; auto: that above {plan.HISTOGRAM_ABOVE_PER_S:,.0f} arrivals/s."
        ),
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Of order, arrivals and keys.")] = 1,
    as_json: JSON = False,
) -> None:
    """Load two variants in interleaved runs, and say whether the second is faster than the first."""
    config = settings.read()
    _only_of(model, {"closed": {"--users": users, "--think": think}, "open": {"--rate": rate}})
    load = plan.LoadPlan(
        model=model,
        users=16 if users is None else users,
        think_s=think or 0.0,
        rate_per_s=(200.0 if rate is None else rate) if model == "open" else 0.0,
        journey=journey,
        weights=plan.journey(journey),
        warmup_s=warmup,
        measured_s=seconds,
        seed=seed,
        processes=processes,
        joined=join,
        detail=detail,
    ).checked()
    sides = plan.Variant.parse_all(variants, workers, {"size": size, "overflow": overflow})
    from lab import experiment
    from lab.cli import results

    question = experiment.Question(sides, load, pairs, seed)
    stack = Stack(config.home)
    if join and stack.stands():
        raise UsageError("--join is for a lab beside its app; in containers the load's workers join by themselves")
    with Progressing() as watch:
        if stack.stands():
            question.checked()
            others = {"size": size, "overflow": overflow, "pairs": pairs, "workers": workers, "seed": seed}
            result = experiment.read(stack.fetch(_compare_in(stack, variants, load, **others)))
        else:
            result = experiment.compare(question, config, watch)
        watch.say("drawing the chart")
        results.draw(result)
    _print_json(results.document(result)) if as_json else results.print_result(OUT, result)


def _compare_in(stack: Stack, variants: list[str], load: plan.LoadPlan, **others: object) -> str:
    """Have the containers' lab answer the question; return the experiment's name."""
    given: dict[str, object] = {
        "model": load.model,
        **({"users": load.users, "think": load.think_s} if load.model == "closed" else {"rate": load.rate_per_s}),
        "journey": load.journey,
        "warmup": load.warmup_s,
        "seconds": load.measured_s,
        "processes": load.processes,
        "detail": load.detail,
        **others,
    }
    options = [f"--{name}={value}" for name, value in given.items()]
    return str(document(stack.lab("compare", *variants, *options, "--json"))["experiment"])


def _only_of(model: str, options: dict[str, dict[str, float | None]]) -> None:
    """Refuse an option of the other model: it would be ignored, and the reader would not know."""
    for owner, given in options.items():
        for name, value in given.items():
            if value is not None and owner != model and model in plan.MODELS:
                raise UsageError(f"{name} belongs to the {owner} model, and this load is {model}; leave it out")


@app.command(epilog="Example: lab show last")
def show(
    run: Annotated[str, typer.Argument(help="An experiment or a run: its name, its folder, or last.")] = "last",
    as_json: JSON = False,
) -> None:
    """Show a recorded experiment or run again; no server is needed."""
    from lab import experiment
    from lab.cli import results
    from lab.record import experiment as folders
    from lab.record import places

    home = settings.read().home
    places.refuse_many(home, run)
    folder = folders.find(home, run)
    if not folders.is_experiment(folder):
        results.show_run(OUT, folder, as_json, _print_json)
        return
    result = experiment.read(folder)
    _print_json(results.document(result)) if as_json else results.print_result(OUT, result)


def _stop_on_signal(number: int, _frame: object) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def _complain(text: str) -> None:
    ERRORS.print(f"error: {' '.join(text.split())}", markup=False, soft_wrap=True)


def _unexpected(error: Exception) -> int:
    """Keep the traceback in a file of the home, and say one line."""
    if isinstance(error, OSError | subprocess.SubprocessError):
        _complain(f"{error}; see that the disk has room and the home can be written, then give the command again")
        return 1
    try:
        home = settings.read().home
        home.mkdir(parents=True, exist_ok=True)
        file: Path | None = home / "crash.log"
        with (home / "crash.log").open("a", encoding="utf-8") as stream:
            traceback.print_exception(error, file=stream)
    except (OSError, LabError):
        file = None
    _complain(f"a defect of the lab: {type(error).__name__}: {error}; " + (f"{file} holds the details" if file else ""))
    return 1


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop_on_signal)
    sys.exit(run(sys.argv[1:]))


def _bring(names: Iterable[str]) -> None:
    """Import the modules of commands, and add these; each once."""
    for name in names:
        if name not in {command.name for command in app.registered_commands}:
            module, example = _ELSEWHERE[name]
            function = getattr(importlib.import_module(f"lab.cli.{module}"), name)
            app.command(name, epilog=f"Example: {example}")(function)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code: 0, 1 for an error, 2 for wrong usage, 130 when interrupted."""
    try:
        _bring(arguments[:1] if arguments[:1] and arguments[0] in _ELSEWHERE else _ELSEWHERE)
        command = typer.main.get_command(app)
        code = command.main(args=arguments, prog_name="lab", standalone_mode=False)
        if code == _INTERRUPTED:  # typer turns a Ctrl-C into this code
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except _WRONG_USAGE as error:
        if error.format_message():  # empty after the help was shown
            _complain(error.format_message().replace("Value error, ", ""))
        return 2
    except StoppedError as stopped:
        ERRORS.print(str(stopped), markup=False, soft_wrap=True)
        return stopped.exit_code
    except LabError as error:
        _complain(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _complain("interrupted; what this command started is stopped, complete runs are kept")
        return _INTERRUPTED
    except Exception as error:
        return _unexpected(error)
