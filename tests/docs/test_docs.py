"""The docs say what is there: settings, scopes, instruments, commands, links."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.access.caller import SCOPES
from app.cli.main import app as commands
from app.instruments.catalog import shipped
from app.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def table(page: str, first_column: str) -> dict[str, list[str]]:
    """Read a table of a page by its first column's heading: first cell -> the other cells."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    found = re.search(rf"^\| {first_column} \|.*\n\|[-| ]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert found, f"{page} has no table of {first_column}"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_every_setting_is_documented_with_its_default() -> None:
    """The operators' table names each setting and its default, and no other."""
    shown = {name: cells[0].strip("`") for name, cells in table("operators.md", "variable").items()}
    real = {
        f"ALLIANCE_{name.upper()}": "none" if field.default is None else str(field.default)
        for name, field in Settings.model_fields.items()
    }
    assert shown == real


def test_every_scope_is_documented() -> None:
    """The integrators' table names each scope, and no other."""
    assert list(table("integrators.md", "scope")) == [
        "submissions:write",
        "submissions:read",
        "scores:read",
        "instruments:read",
    ]
    assert set(SCOPES) == {"submissions:write", "submissions:read", "scores:read", "instruments:read"}


def test_every_instrument_is_documented() -> None:
    """The page on instruments, which is written from the definitions, names each that is shipped, and no other."""
    assert set(table("instruments.md", "key")) == {instrument.key for instrument in shipped().listed()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """Each relative link names a file or folder that exists."""
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_json_in_the_docs_is_json(page: Path) -> None:
    """Each JSON block can be parsed."""
    for block in re.findall(r"```json\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        assert json.loads(block)


def test_the_commands_of_the_operators_page_exist() -> None:
    """Each `alliance ...` line of the operators' page names a command and options that its help knows."""
    text = (ROOT / "docs" / "operators.md").read_text("utf-8")
    lines = re.findall(r"^alliance (.+)$", text, re.MULTILINE)
    assert len(lines) == 5
    for line in lines:
        words = line.split()
        shown = CliRunner().invoke(commands, [*words[:2], "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, line
        assert [word for word in words if word.startswith("--") and word not in shown.output] == [], line
