"""What every test and every notebook under test runs in: a home of its own, short loads, no settings from outside.

This stands in hooks and not in fixtures, because session fixtures do not run for notebook cells; kernels inherit the
environment that is set here.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from lab.errors import PoolerError
from lab.server.pgbouncer_conf import find

_HOME = pytest.StashKey[Path]()
_WITH_COMPOSE = os.environ.get("LAB_TEST_COMPOSE") == "1"


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave the containers' tests to `make test-compose`: they need an engine, and minutes."""
    return True if collection_path == Path(__file__).parent / "tests" / "compose" and not _WITH_COMPOSE else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs PgBouncer where there is none: it is optional, and `.ci/run` installs it."""
    try:
        find()
    except PoolerError as error:
        for item in filter(_needs_pgbouncer, items):
            item.add_marker(pytest.mark.skip(reason=str(error)))


def _needs_pgbouncer(item: pytest.Item) -> bool:
    claim = getattr(getattr(item, "callspec", None), "params", {}).get("claim")
    mutation = "test_mutations.py" in item.nodeid and "[06-" in item.nodeid
    named = any(file in item.nodeid for file in ("06_external_pooler.ipynb", "integration/test_pgbouncer.py"))
    return mutation or named or getattr(claim, "lesson", "") == "06_external_pooler"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Make the home, and take settings of the caller's shell out of the way."""
    for name in [name for name in os.environ if name.startswith("LAB_") and not name.startswith("LAB_TEST_")]:
        del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="lab-tests-"))
    home.chmod(0o711)  # the server does not run as root, and has to get there
    session.config.stash[_HOME] = home
    os.environ.update(LAB_HOME=str(home), LAB_SCALE="ci")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove the home; every server in it has ended with its test or its kernel."""
    home = session.config.stash.get(_HOME, None)
    if home is not None:
        shutil.rmtree(home, ignore_errors=True)
