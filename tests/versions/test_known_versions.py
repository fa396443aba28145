"""The server that a version's tests run on is what it says it is."""

from lab.server.private import Private
from tests.asking import value


def test_the_server_is_of_the_version_that_was_asked_for(any_server: Private, database: str) -> None:
    assert int(str(value(database, "SHOW server_version_num"))) // 10000 == any_server.major


def test_the_database_has_what_the_observers_need(database: str) -> None:
    assert (
        value(database, "SELECT count(*) FROM pg_extension WHERE extname IN ('pg_stat_statements', 'pgstattuple')") == 2
    )
