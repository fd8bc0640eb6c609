"""No statement without its organisation: the fault it prevents is one clinic reading another's rows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from app.storage.tables import metadata
from tests.architecture.tenancy import EXEMPT, faults

APP = Path(__file__).parents[2] / "app"
TABLES = set(metadata.tables)


@pytest.mark.parametrize("path", sorted(APP.rglob("*.py")), ids=lambda path: str(path.relative_to(APP)))
def test_every_statement_names_its_organisation(path: Path) -> None:
    """Every select, update, delete and insert is bound to an organisation."""
    assert faults(path.read_text("utf-8"), TABLES) == []


def test_the_organisation_is_passed_by_keyword() -> None:
    """Whoever takes the organisation takes it keyword-only, so that it can't be swapped with another id."""
    wrong = []
    for path in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                wrong += [f"{path.name}: {node.name}" for a in node.args.args if a.arg == "organisation"]
    assert wrong == []


@pytest.mark.parametrize(
    "source",
    [
        "def read(c):\n    return c.execute(select(clients).where(clients.c.client_id == 1))",
        (
            "def read(c, organisation):\n    return select(scores).join(submissions, scores.c.x == submissions.c.x)"
            ".where(scores.c.organisation_id == organisation)"
        ),
        "def drop(c):\n    c.execute(delete(events))",
        "def change(c):\n    c.execute(update(episodes).values(ending='x'))",
        "def add(c):\n    c.execute(insert(clients).values(client_id=1))",
        "def people(c, table: Table):\n    return select(table.c.x).where(table.c.y == 1)",
        "_FIND = select(clients.c.client_id).where(clients.c.reference == bindparam('digest'))",
        (
            "_FIND = select(scores).join(submissions, scores.c.x == submissions.c.x)"
            ".where(scores.c.organisation_id == bindparam('organisation'))"
        ),
        "_FIND: Select = select(clients)",
        "class Store:\n    find = select(clients)",
        "_CHANGES = {'episodes': update(episodes).where(episodes.c.episode_id == bindparam('id'))}",
        "_DROP = delete(events)",
        "_ADD = insert(clients).values(client_id=bindparam('id'))",
        "def find(c):\n    rows = clients.c\n    return select(rows.client_id).where(rows.reference == 1)",
        (
            "_ALL = union_all(*[select(rows.x).where(rows.x == 1) for rows in (clients.c, therapists.c)], "
            "select(clients).where(clients.c.organisation_id == 1))"
        ),
    ],
)
def test_the_rule_finds_a_statement_without_an_organisation(source: str) -> None:
    """Planted faults: a read, a join bound on one side, a delete, an update, an insert, a table by another name.

    In functions, and in constants of a module or a class.
    """
    assert faults(source, TABLES)


@pytest.mark.parametrize(
    "source",
    [
        "_FIND = select(clients).where(clients.c.organisation_id == bindparam('organisation'))",
        "def find(c):\n    rows = clients.c\n    return select(rows.x).where(rows.organisation_id == 1)",
        "_ALL = [select(rows.x).where(rows.organisation_id == 1) for rows in (clients.c, therapists.c)]",
        "def add(c, organisation):\n    c.execute(insert(events), [event_row(1, organisation=organisation)])",
        "WRITTEN = (clients, therapists)",
    ],
)
def test_the_rule_lets_a_bound_statement_be(source: str) -> None:
    """A constant with its organisation, a table by another name, rows that are made with it, and no statement."""
    assert faults(source, TABLES) == []


def test_exemptions_still_exist() -> None:
    """An exemption whose function is gone is removed from the list."""
    source = "\n".join(path.read_text("utf-8") for path in APP.rglob("*.py"))
    assert [name for name in EXEMPT if f"def {name}(" not in source] == []
