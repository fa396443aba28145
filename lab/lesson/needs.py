"""Lessons about a program that a machine may not have: without it their cells say so, and the notebook still runs.

The rest of the notebook cannot be left out from within it, and an error would end its execution. So every later cell
is replaced by a line that prints one sentence, until the kernel ends or a lesson begins anew.
"""

from collections.abc import Callable

from lab.errors import LabError
from lab.lesson.desk import at
from lab.plan import PoolConfig
from lab.site import check_pools

_PROGRAMS = {"pgbouncer": PoolConfig("pgbouncer")}
_skipping: list[Callable[[list[str]], list[str]]] = []


def needs(program: str) -> None:
    """Look for *program* (pgbouncer), say whether it can be used here, and have the later cells skipped if not."""
    _stop_skipping()
    try:
        check_pools(at().settings, [_PROGRAMS[program]])
    except LabError as error:
        print(f"{program} is not to be had here: {error}")  # noqa: T201
        _skip(f"Skipped: {program} is not to be had here.")
        return
    print(f"{program} is there.")  # noqa: T201


def _skip(sentence: str) -> None:
    from IPython import get_ipython

    def instead(lines: list[str]) -> list[str]:
        again = any("lesson.needs(" in line or "lesson.begin(" in line for line in lines)
        return lines if again else [f"print({sentence!r})\n"]

    shell = get_ipython()
    if shell is not None:
        shell.input_transformers_cleanup.append(instead)
        _skipping.append(instead)


def _stop_skipping() -> None:
    from IPython import get_ipython

    shell = get_ipython()
    while _skipping:
        instead = _skipping.pop()
        if shell is not None and instead in shell.input_transformers_cleanup:
            shell.input_transformers_cleanup.remove(instead)
