"""The docs say what is there: settings, scopes, routes, errors, instruments, commands, links, words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from app.access.caller import SCOPES
from app.cli.main import app as commands
from app.instruments.catalog import shipped
from app.settings import Settings
from app.stages import weaker
from app.web.problem_table import PROBLEMS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def cells(line: str) -> list[str]:
    """Take a row of a table apart."""
    return [cell.strip() for cell in line.strip("|").split("|")]


def table(page: str, first_column: str) -> dict[str, list[str]]:
    """Read a table of a page by its first column's heading: first cell -> the other cells."""
    text = (ROOT / page).read_text("utf-8")
    found = re.search(rf"^\| {first_column} \|.*\n\|[-| ]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert found, f"{page} has no table of {first_column}"
    rows = [cells(line) for line in found[1].splitlines()]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_every_setting_is_documented_with_its_default() -> None:
    """The operators' table names each setting and its default, and no other."""
    shown = {name: rest[0].strip("`") for name, rest in table("docs/operators.md", "variable").items()}
    real = {
        f"ALLIANCE_{name.upper()}": "none" if field.default is None else str(field.default)
        for name, field in Settings.model_fields.items()
    }
    assert shown == real


def test_every_scope_is_documented_with_its_operations() -> None:
    """The integrators' table names each scope, and beside it each operation that the contract puts under it."""
    shown = {
        scope: set(re.findall(r"`(.+?)`", opens)) for scope, [opens] in table("docs/integrators.md", "scope").items()
    }
    assert list(shown) == [
        "submissions:write", "submissions:read", "scores:read", "caseload:read", "signals:write",
        "consent:write", "clients:erase", "clients:break_glass", "invitations:write", "safeguarding:read",
        "instruments:read", "admin", "metrics:read",
    ]  # fmt: skip
    assert set(shown) == set(SCOPES)
    contract = json.loads((ROOT / "openapi" / "openapi.json").read_text("utf-8"))
    # The one opens no operation, but what operations may be about; the other what is not in the contract.
    real: dict[str, set[str]] = {"clients:break_glass": set(), "metrics:read": set()}
    for path, operations in contract["paths"].items():
        for method, operation in operations.items():
            for needed in (one for one in operation.get("security", []) if "bearer" in one):
                real.setdefault(needed["bearer"][0], set()).add(f"{method.upper()} {path}")
    assert shown == real


def test_every_error_is_documented_with_its_advice() -> None:
    """The integrators' table has each code that an answer can have, with its status and what to do, and no other."""
    shown = {code: (int(status), advice) for code, (status, advice) in table("docs/integrators.md", "code").items()}
    assert shown == {code: (kind.status, kind.advice) for code, kind in PROBLEMS.items() if kind.status is not None}


def test_every_instrument_is_documented() -> None:
    """The page on instruments, which is written from the definitions, names each that is shipped, and no other."""
    assert set(table("docs/instruments.md", "key")) == {instrument.key for instrument in shipped().listed()}


def test_the_science_page_has_each_instruments_key_status() -> None:
    """Its short table tells of each instrument what the definition says."""
    assert table("docs/science.md", "key") == {
        one.key: [
            ", ".join(one.raters),
            f"{sum(item.role == 'scored' for item in one.items)}, {one.lowest:g} to {one.highest:g}",
            one.convention,
            one.key_status,
        ]
        for one in shipped().listed()
    }


def test_the_science_page_has_the_simulated_rates() -> None:
    """Its two tables on weaker components hold the numbers of the rule's own docstring."""
    numbers = re.compile(r"\d+(?:\.\d+)? \(\d+(?:\.\d+)?\)")
    told = weaker.weaker.__doc__ or ""
    page = (ROOT / "docs" / "science.md").read_text("utf-8")
    assert len(numbers.findall(told)) == 30
    assert numbers.findall(page) == numbers.findall(told)


def anchors(page: Path) -> set[str]:
    """Name a page's headings as links do."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """Each relative link names a file or folder that exists, and a heading in it if it names one."""
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if "://" not in link:
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_page_is_sane_markdown(page: Path) -> None:
    """Fences are closed, every table is one and has no cell too many, and there is one title."""
    text = page.read_text("utf-8")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    assert [t for t in tokens if t.type == "inline" and (t.content.startswith("|") or "```" in t.content)] == []
    assert sum(token.type == "heading_open" and token.tag == "h1" for token in tokens) == 1
    for token in tokens:
        if token.type == "table_open" and token.map is not None:
            rows = text.splitlines()[token.map[0] : token.map[1]]
            assert len({len(cells(row)) for row in rows}) == 1, rows[0]
        if token.type == "fence" and token.map is not None:
            assert text.splitlines()[token.map[1] - 1].startswith("```"), token.map


def named_commands() -> Iterator[tuple[str, str]]:
    """Find the `alliance ...` commands that pages name between back quotes."""
    for page in PAGES:
        for line in re.findall(r"`alliance ([a-z][^`]*)`", page.read_text("utf-8")):
            yield page.name, line


def test_the_commands_that_pages_name_exist() -> None:
    """Each names a command and options that its help knows."""
    named = set(named_commands())
    assert ("operators.md", "serve --host 0.0.0.0 --port 8000 --workers 2") in named
    for page, line in named:
        words = line.split()
        grouped = int(words[0] in {group.name for group in commands.registered_groups})
        grouped += words[:2] == ["apps", "jwks"]
        shown = CliRunner().invoke(commands, [*words[: 1 + grouped], "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, (page, line)
        assert [word for word in words if word.startswith("--") and word not in shown.output] == [], (page, line)


def test_the_make_targets_that_pages_name_exist() -> None:
    """Each `make ...` is a target, and each target that is explained stands in the README or in CONTRIBUTING."""
    targets = set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE))
    named = {page.name: set(re.findall(r"`make ([a-z-]+)", page.read_text("utf-8"))) for page in PAGES}
    assert {page: names - targets for page, names in named.items() if names - targets} == {}
    assert targets - named["README.md"] - named["CONTRIBUTING.md"] == set()


def test_the_glossary_is_in_order() -> None:
    """Each word stands once, where one looks for it, and is explained."""
    words = re.findall(r"^\| ([^|]+) \| .+ \|$", (ROOT / "GLOSSARY.md").read_text("utf-8"), re.MULTILINE)[1:]
    assert words == sorted(set(words), key=str.lower)
    assert {
        "correction",
        "withdrawal",
        "revision",
        "trajectory",
        "overlay",
        "text file",
        "bound key",
        "batch",
        "catalogue version",
    } <= set(words)
