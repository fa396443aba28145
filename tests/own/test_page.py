"""What docs/own-application.md promises: its snippets work as they stand there, without the lab."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab.config import PROJECT
from lab.record import load
from tests.own.scene import PAGE, Lab, Shop, serving


def snippets() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder with the timing module, as somebody would take it along."""
    shutil.copy(PROJECT / "lab" / "app" / "timing.py", tmp_path / "timing.py")
    return tmp_path


def database_url(shop: Shop, driver: str) -> str:
    return shop.looker_dsn.replace("postgresql://", f"postgresql+{driver}://").replace("@", f":{shop.password}@")


@pytest.mark.parametrize(("number", "driver"), [(0, "psycopg2"), (1, "asyncpg")])
def test_the_pages_application_tells_where_the_time_went(
    number: int, driver: str, shop: Shop, lab: Lab, copied: Path
) -> None:
    source = snippets()[number] + "\n\nimport sys\nassert 'lab' not in sys.modules\n"
    (copied / "answering.py").write_text(source)
    with serving(copied, "answering:app", DATABASE_URL=database_url(shop, driver)) as url:
        words = ("--path", "/", "--users", "2", "--seconds", "2", "--dsn", shop.looker_dsn, "--json")
        done = lab("run", "--host", url, *words, password=shop.password)
    found = done.document["load"]
    assert found["failed"] == 0 and found["done"] > 20, done.err
    split = found["split_ms"]
    assert all(split[part] is not None for part in ("queue", "network", "pool", "connect", "sql", "rest"))
    assert split["sql"] > 0 and split["network"] > 0
    frame = load(done.document["folder"])["requests"]
    inside = frame["pool_us"] + frame["connect_us"] + frame["sql_us"]
    assert (inside <= frame["app_us"]).all() and (frame["app_us"] <= frame["done_us"] - frame["sent_us"]).all()


def test_the_pages_program_tells_what_its_pool_did(shop: Shop, copied: Path) -> None:
    (copied / "program.py").write_text(snippets()[2] + "\nimport sys\nassert 'lab' not in sys.modules\n")
    env = {**os.environ, "DATABASE_URL": database_url(shop, "psycopg2")}
    done = subprocess.run([sys.executable, "program.py"], cwd=copied, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("checkouts 10, connections opened 1, timeouts 0\n")


def test_a_part_that_the_application_does_not_send_is_absent_and_not_zero(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "partly.py").write_text(
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'http':\n"
        "        headers = [(b'server-timing', b'db;dur=9, app;dur=0.4, sql;desc=\"x\";dur=0.3')]\n"
        "        await send({'type': 'http.response.start', 'status': 200, 'headers': headers})\n"
        "        await send({'type': 'http.response.body', 'body': b'ok'})\n"
    )
    with serving(tmp_path, "partly:app") as url:
        done = lab("run", "--host", url, "--path", "/", "--users", "1", "--seconds", "1")
        again = lab("show", "last", "--json")
    assert done.code == 0 and "not sent" in done.out
    split = again.document["load"]["split_ms"]
    assert split["pool"] is None and split["connect"] is None and split["sql"] == pytest.approx(0.3)
    assert split["rest"] == pytest.approx(0.1)
