"""What is documented is what there is."""

import ast
import re
from pathlib import Path

import pyarrow as pa
import pytest

from lab import errors, sql
from lab.config import PROJECT
from lab.plan import JOURNEYS
from lab.record.tables import TABLES, unit

REFERENCE = (PROJECT / "docs" / "reference.md").read_text()


def kind(column: pa.Field) -> str:
    """Return a column's type as readers see it: a dictionary is how a text is stored."""
    return str(column.type.value_type if pa.types.is_dictionary(column.type) else column.type)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_is_documented_as_it_is(name: str) -> None:
    """Each column with its type and meaning, in order, and none that is not there."""
    section = REFERENCE.split(f"### {name}.parquet\n")[1].split("\n#")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    columns = [(column.name, kind(column), column.metadata[b"help"].decode()) for column in TABLES[name]]
    assert rows == [f"| `{column}` | {of} | {text} |" for column, of, text in columns]


def test_a_time_that_no_unit_names_is_none() -> None:
    """Numbers without a unit are counts and ids: whole ones, but for an estimate of rows."""
    for name, schema in TABLES.items():
        bare = [column.name for column in schema if kind(column) == "double" and not unit(column.name)]
        assert bare in ([], ["reltuples"]), name


def test_every_error_is_documented_and_stands_in_the_tree() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.LabError)]
    for kind in kinds:
        assert f"| `{kind.__name__}` |" in REFERENCE
        assert kind.__name__ in (errors.__doc__ or "")


def test_every_question_has_a_title_and_is_listed() -> None:
    for name, title in sql.titles().items():
        assert f"| `{name}` | {title} |" in REFERENCE


def test_every_journey_is_documented() -> None:
    assert all(f"| `{name}` |" in REFERENCE for name in JOURNEYS)


def strings(file: Path) -> list[str]:
    """Return the file's string constants, docstrings left out."""
    tree = ast.parse(file.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings]
    return [node.value for node in constants if isinstance(node.value, str)]


def test_sql_stands_only_in_its_folder() -> None:
    statement = re.compile(r"(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|GRANT|SET) [A-Za-z]")
    for file in (PROJECT / "lab").rglob("*.py"):
        found = [text for text in strings(file) if statement.match(text)]
        assert not found, f"{file.name}: {found}"
