"""The exercises of *Your turn*: hints in three levels, and checks that look at the state of the server or the runs.

Each lesson that has some is a module here, with ``CHECKS`` (name -> function of what the reader made, which returns
whether it is done and what was seen), and a file of hints beside it under the same name. Names are the exercises',
unique among all lessons.
"""

import importlib
import pkgutil
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from lab.errors import UsageError
from lab.lesson.desk import at

LEVELS = ("where to look", "what to look for", "the mechanism")
Check = Callable[[Any], tuple[bool, str]]


@cache
def _checks() -> dict[str, Check]:
    modules = (importlib.import_module(f"{__name__}.{item.name}") for item in pkgutil.iter_modules(__path__))
    return {name: check for module in modules for name, check in module.CHECKS.items()}


@cache
def _hints() -> dict[str, list[str]]:
    texts = (file.read_text(encoding="utf-8") for file in sorted(Path(__file__).parent.glob("*.toml")))
    return {name: values["hints"] for text in texts for name, values in tomllib.loads(text).items()}


def hint(name: str) -> None:
    """Print the exercise's next hint: first where to look, then what to look for, then the mechanism.

    :raises UsageError: if there is no such exercise.
    """
    if name not in _hints():
        raise UsageError(f"no hints for {name!r}; there are some for {', '.join(_hints())}")
    level = at().notes.next_hint(name, most=len(LEVELS))
    print(f"{LEVELS[level - 1]}: {_hints()[name][level - 1]}")  # noqa: T201


def check(name: str, state: object = None) -> None:
    """Look at the state of the server, or of the runs, and say whether the exercise is done.

    :raises UsageError: if there is no such exercise.
    """
    if name not in _checks():
        raise UsageError(f"no check {name!r}; there are {', '.join(_checks())}")
    done, text = _checks()[name](state)
    print(f"{'DONE' if done else 'NOT YET'}: {text}")  # noqa: T201
