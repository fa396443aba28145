"""The application, a home, and the lab's commands: one of each for a module."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.server import Server
from tests.own.scene import STRANGERS, Done, Lab, Shop, begun, made_database, run, serving


@pytest.fixture(scope="module")
def shop(server: Server) -> Iterator[Shop]:
    mark, password = secrets.token_hex(3), secrets.token_urlsafe(12)
    roles = {"shop": f"shop_{mark}", "looker": f"looker_{mark}", "stranger": f"stranger_{mark}"}
    with made_database(server, f"shop_{mark}", statements=True) as owner_dsn:
        for role in roles.values():
            run(owner_dsn, f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        run(owner_dsn, f"GRANT pg_monitor TO {roles['looker']}")
        run(owner_dsn, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {roles['shop']}")
        run(owner_dsn, f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {roles['shop']}")
        dsn = {name: f"postgresql://{role}@{server.host}:{server.port}/shop_{mark}" for name, role in roles.items()}
        app_dsn = dsn["shop"].replace("postgresql://", "postgresql+psycopg2://").replace("@", f":{password}@")
        with serving(STRANGERS, "shop:app", SHOP_DSN=app_dsn) as url:
            yield Shop(url, owner_dsn, dsn["looker"], dsn["stranger"], password)
        run(owner_dsn, "DROP TABLE shop_items")
    for role in roles.values():
        run(server.owner_dsn, f"DROP ROLE {role}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a home with spaces, ü") / "läb home"


@pytest.fixture(scope="module")
def lab(home: Path) -> Lab:
    def call(*arguments: str, password: str = "", cwd: Path | None = None) -> Done:
        child = begun(home, *arguments, password=password, cwd=cwd)
        out, err = child.communicate(timeout=150)
        return Done(child.returncode, out, err)

    return call
