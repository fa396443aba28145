"""What PostgreSQL refuses while a sweep's tables are prepared is one line, whichever statement it was."""

import psycopg2
import pytest

from lab import server as servers
from lab.errors import ServerError, UsageError
from lab.study.storage import set_storage


@pytest.fixture
def owner_dsn(own_config):
    with servers.running(own_config, lambda _: None) as where:
        yield where.owner_dsn


def test_what_is_refused_is_one_line(owner_dsn):
    with pytest.raises(UsageError, match="unrecognized parameter") as unknown:
        set_storage(owner_dsn, {"posts": {"fillfactr": "50"}})
    with pytest.raises(ServerError, match="no_such_table") as rewrite:
        set_storage(owner_dsn, {}, ["no_such_table"])
    set_storage(owner_dsn, {"posts": {"fillfactor": "50"}})
    impatient = f"{owner_dsn}&options=-c%20lock_timeout%3D50"
    with psycopg2.connect(owner_dsn) as holder, pytest.raises(ServerError, match="lock timeout") as reset:
        holder.cursor().execute("LOCK TABLE posts")
        set_storage(impatient, {})
    assert not any("\n" in str(caught.value) for caught in (unknown, rewrite, reset))
