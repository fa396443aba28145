"""The lab's settings: one table, read once from the environment.

A setting is an environment variable. One that begins with ``LAB_`` and is not in the table is refused by name, so a
slip of the pen never runs an experiment under a setting that was not asked for. ``LAB_TEST_`` is left to the tests.
"""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.errors import SettingError

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: what can be set, and what it means."""

    name: str
    default: str
    unit: str
    help: str
    choices: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None


TABLE: tuple[Setting, ...] = (
    Setting(
        "LAB_HOME",
        str(PROJECT / ".lab"),
        "folder",
        "where the lab keeps its server, its runs and its passwords",
    ),
    Setting("LAB_PORT", "0", "port", "PostgreSQL's TCP port on 127.0.0.1; 0 takes a free one", low=1024, high=65535),
    Setting(
        "LAB_APP_PORT",
        "0",
        "port",
        "the sample app's port on 127.0.0.1; 0 takes a free one",
        low=1024,
        high=65535,
    ),
    Setting("LAB_PG_BIN", "", "folder", "server binaries to use instead of the ones found (initdb, postgres)"),
    Setting("LAB_DSN", "", "DSN", "an owner's DSN of a running PostgreSQL 13 to 18 to use instead of starting one"),
    Setting(
        "LAB_SERVER",
        "",
        "HOST:PORT",
        "a PostgreSQL that another container runs for the lab alone; its roles' passwords are in LAB_SECRETS",
    ),
    Setting("LAB_SECRETS", "/run/secrets", "folder", "files lab_owner, lab_app, lab_observer and lab_agent: passwords"),
    Setting("LAB_APP_AGENT", "", "URL", "the agent that starts the sample app, where another container runs it"),
    Setting("LAB_LOAD_AGENT", "", "URL", "the agent that leads the load, where other containers make it"),
    Setting("LAB_SIZE", "small", "", "how much data the blog holds", choices=("small", "medium", "large")),
    Setting(
        "LAB_SCALE",
        "workshop",
        "",
        "how long the notebooks load: ci is for tests, workshop for people, full for publishing",
        choices=("ci", "workshop", "full"),
    ),
    Setting("LAB_POOL", "queue", "", "the sample app's pool, written as for lab compare: queue:size=5,overflow=0"),
    Setting("LAB_APP_DSN", "", "DSN", "the database of a sample app that is started by hand"),
    Setting("LAB_APP_NAME", "lab-app", "", "the application_name under which the sample app connects"),
    Setting("LAB_LOAD_PLAN", "", "file", "the load plan (JSON) for a locustfile that is started by hand"),
    Setting(
        "LAB_LOAD_HOSTS",
        "",
        "names",
        "hosts that may be loaded besides this machine, by name, with commas between; only private addresses",
    ),
    Setting("LAB_LOAD_WORKERS", "locust-worker", "name", "the name that a load's workers share in their network"),
    Setting("LAB_LOAD_TARGET", "http://app:8000", "URL", "what the web page of a load's agent proposes to load"),
    Setting(
        "LAB_LOAD_BIND",
        "127.0.0.1",
        "address",
        "this machine's own, at which load processes from elsewhere find the app and their leader; see --join",
    ),
    Setting("LAB_LOAD_RECORD", "", "folder", "where a locustfile that is started by hand writes its records"),
)
_BY_NAME = {setting.name: setting for setting in TABLE}


@dataclass(frozen=True, slots=True)
class Config:
    """The settings in force. Ports: 0 means any free one. Empty strings mean not set."""

    home: Path
    port: int
    app_port: int
    pg_bin: Path | None
    dsn: str
    server: str
    secrets: Path
    app_agent: str
    load_agent: str
    load_bind: str
    size: str
    scale: str


def _value(setting: Setting, environ: Mapping[str, str]) -> str:
    value = environ.get(setting.name, "").strip() or setting.default
    if setting.choices and value not in setting.choices:
        raise SettingError(f"{setting.name}={value!r} is not one of {', '.join(setting.choices)}")
    return value


def _integer(name: str, environ: Mapping[str, str]) -> int:
    setting, text = _BY_NAME[name], _value(_BY_NAME[name], environ)
    low, high = setting.low or 0, setting.high or 0
    if not text.isdecimal() or not (text == "0" or low <= int(text) <= high):
        raise SettingError(f"{name}={text!r} is no {setting.unit}; give 0, or a whole number from {low} to {high}")
    return int(text)


def refuse_unknown(environ: Mapping[str, str]) -> None:
    """Refuse variables that look like settings and are none.

    :raises SettingError: naming the first unknown one and the nearest known one.
    """
    for name in sorted(environ):
        if name.startswith("LAB_") and not name.startswith("LAB_TEST_") and name not in _BY_NAME:
            near = difflib.get_close_matches(name, _BY_NAME, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(_BY_NAME)}"
            raise SettingError(f"{name} is no setting of the lab; {hint}")


def read(environ: Mapping[str, str] | None = None) -> Config:
    """Read the settings from *environ* (default: the process's environment).

    :raises SettingError: for an unknown name, or a value out of range.
    """
    environ = os.environ if environ is None else environ
    refuse_unknown(environ)
    pg_bin = _value(_BY_NAME["LAB_PG_BIN"], environ)
    home = Path(_value(_BY_NAME["LAB_HOME"], environ)).expanduser().absolute()
    if home.exists() and not home.is_dir():
        raise SettingError(f"LAB_HOME={home} is a file; set it to a folder, which need not exist yet")
    return Config(
        home=home,
        port=_integer("LAB_PORT", environ),
        app_port=_integer("LAB_APP_PORT", environ),
        pg_bin=Path(pg_bin).expanduser().absolute() if pg_bin else None,
        dsn=_value(_BY_NAME["LAB_DSN"], environ),
        server=_value(_BY_NAME["LAB_SERVER"], environ),
        secrets=Path(_value(_BY_NAME["LAB_SECRETS"], environ)),
        app_agent=_value(_BY_NAME["LAB_APP_AGENT"], environ).rstrip("/"),
        load_agent=_value(_BY_NAME["LAB_LOAD_AGENT"], environ).rstrip("/"),
        load_bind=_value(_BY_NAME["LAB_LOAD_BIND"], environ),
        size=_value(_BY_NAME["LAB_SIZE"], environ),
        scale=_value(_BY_NAME["LAB_SCALE"], environ),
    )


def value(name: str, environ: Mapping[str, str] | None = None) -> str:
    """Read a single setting by its name, for the processes that the lab starts.

    :raises SettingError: if the value is not among the choices.
    """
    return _value(_BY_NAME[name], os.environ if environ is None else environ)
