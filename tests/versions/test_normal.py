"""What was sent and what pg_stat_statements kept of it have one text, on every major version."""

import psycopg2
import pytest

from lab.sql.normal import normalise

STATEMENTS = [
    "SELECT * FROM t WHERE a = 5 AND b = 'it''s'",
    "select a, -3, a -3, 4 - 2, +7 from t where a <> -5 and a != - 6",
    "SELECT * FROM t WHERE a IN (1, 2, 3) OR a IN (4)",
    "SELECT * FROM t WHERE a IN ('1'::int, '2'::int, '3'::int)",
    "SELECT * FROM t WHERE a = ANY(ARRAY[1, 2, 3]) OR a = ANY('{4,5}')",
    "INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y'), (3, NULL)",
    "INSERT INTO t VALUES (1, default), (2, default)",
    "UPDATE t SET b = NULL, c = true WHERE b IS NOT NULL AND c IS NOT FALSE",
    "DELETE FROM t WHERE c = false AND d < date '2020-01-01' + interval '1 day'",
    "SELECT extract(year FROM now()), EXTRACT(epoch from now()) , date_part('year', now())",
    "SELECT E'a\\'b', $$dollar$$, $x$ it's $x$, B'101', X'1F', U&'\\0061', 1.5e3, .5, 10.",
    "SELECT 'two'\n   'lines', /* why /* nested */ */ 1 -- end",
    "SELECT a::text || 'x'::text, CAST('5' AS int), '5'::numeric(10,2)::int FROM t ORDER BY 1 LIMIT 10 OFFSET 20",
    "SELECT count(*) FILTER (WHERE a > 3), sum(a) OVER (PARTITION BY a ORDER BY a ROWS 2 PRECEDING) FROM t GROUP BY a",
    "SELECT '{\"a\": 1}'::jsonb ? 'a', '[1]'::jsonb @> '1', '{\"a\": {\"b\": 1}}'::jsonb #>> '{a,b}'",
    "SELECT CASE WHEN a > 1 THEN 'x' WHEN a < -1 THEN 'y' ELSE NULL END FROM t",
    "WITH s AS (SELECT 1 AS n UNION ALL SELECT 2) SELECT * FROM s WHERE n BETWEEN 1 AND 2",
    "SELECT (array[1,2,3])[1:2], (ARRAY['a','b'])[1]",
    "SELECT t.\"a\", t.\"b\" FROM public.t AS \"T x\" JOIN t ON t.a=\"T x\".a",
    "VALUES (1, 'a'), (2, 'b')",
    "SELECT true, FALSE, NULL, NOT true, 1 IN (1, -2)",
    "SELECT substring('abc' from 2 for 1), position('b' in 'abc'), trim(both 'x' from 'xax')",
    "SELECT 'abc' LIKE 'a%' ESCAPE '!', now() AT TIME ZONE 'utc' IS NULL FROM (SELECT now()) s WHERE false",
    "SET work_mem = '4MB'",
    "SET LOCAL statement_timeout TO 100",
    "SET search_path = public, pg_catalog",
    "SET TIME ZONE 'UTC'",
    "CREATE TABLE made (a int DEFAULT 5, b varchar(10) NOT NULL)",
    "DROP TABLE IF EXISTS made",
    "VACUUM (ANALYZE) t",
    "EXPLAIN SELECT * FROM t WHERE a = 5",
]  # fmt: skip
SEQUENCE = ["BEGIN", "SAVEPOINT s1", "RELEASE SAVEPOINT s1", "SAVEPOINT s2", "ROLLBACK TO s2",
            "DECLARE c CURSOR FOR SELECT * FROM t WHERE a = 7", "FETCH 10 FROM c", "CLOSE c", "COMMIT"]  # fmt: skip


@pytest.fixture
def kept(database: str):
    """Run statements, and return the texts that pg_stat_statements has of them."""
    connection = psycopg2.connect(database)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a int, b text, c bool, d date)")

    def run(statements: list[str]) -> list[str]:
        cursor.execute("SELECT pg_stat_statements_reset()")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SELECT query FROM pg_stat_statements WHERE query !~ 'pg_stat_statements'")
        return [query for (query,) in cursor]

    yield run
    connection.close()


def test_each_statement_is_found_again_in_the_view(kept) -> None:
    wrong = {
        s: [t, normalise(s), *map(normalise, t)]
        for s in STATEMENTS
        if (t := kept([s])) and normalise(s) not in map(normalise, t)
    }
    assert not wrong


def test_a_transactions_statements_are_found_again(kept) -> None:
    assert {normalise(text) for text in kept(SEQUENCE)} == {normalise(text) for text in SEQUENCE}
