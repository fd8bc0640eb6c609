"""What the pages on security claim: each requirement has a row, and each test or document that shows one is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.docs.asvs import CHAPTERS, ROOT, STATUSES, Row, levels, page, rows
from tests.docs.test_docs import PAGES, anchors
from tests.faults.registry import HARNESSES

SECURITY = (ROOT / "docs" / "security.md").read_text("utf-8")


@cache
def named_tests(path: Path) -> frozenset[str]:
    """Name the tests of a module."""
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def is_there(shown: str) -> bool:
    """Say whether a test or a document, with its heading, exists."""
    path, _, test = shown.partition("::")
    file, _, anchor = path.partition("#")
    target = ROOT / file
    if not target.is_file() or (anchor and anchor not in anchors(target)):
        return False
    return test in named_tests(target) if test or file.endswith(".py") else True


def faults(said: list[Row]) -> Iterator[str]:
    """Tell what is wrong with what is said of the requirements."""
    if [row.id for row in said] != list(levels()):
        yield "not one row for each id, in their order"
    for row in said:
        wrong = {
            "no status": row.status not in STATUSES,
            "about nothing": not row.about,
            "shown by nothing": row.status in {"met", "operator"} and not row.shown_by,
            "no reason": row.status in {"not met", "does not apply"} and not row.note,
        }
        wrong |= {f"{shown} is not there": not is_there(shown) for shown in row.shown_by}
        yield from (f"{row.id}: {fault}" for fault, is_so in wrong.items() if is_so)


def test_every_requirement_has_a_row_that_holds() -> None:
    """One for each id of the standard's list, with tests and documents that are there, or a reason."""
    assert list(faults(rows())) == []


def test_the_list_is_that_of_the_standard() -> None:
    """Levels 1 and 2 of 17 chapters and level 3 of three: as many as the standard's own file has."""
    listed = levels()
    counted = {level: list(listed.values()).count(level) for level in "123"}
    assert counted == {"1": 70, "2": 183, "3": 7}
    assert {id_.split(".")[0] for id_, level in listed.items() if level == "3"} == {"V8", "V16"}
    assert {id_.split(".")[0] for id_ in listed} == CHAPTERS.keys()


def test_the_page_is_made_from_the_rows() -> None:
    """If this fails: run `make docs` and commit the page."""
    assert (ROOT / "docs" / "asvs.md").read_text("utf-8") == page(rows())


def test_a_row_that_does_not_hold_is_found() -> None:
    """Planted faults: a row gone, a test renamed, a heading gone, nothing that shows it, no reason, no such status."""
    whole = rows()
    first = next(row for row in whole if row.status == "met" and row.shown_by[0].startswith("tests/"))
    other = next(row for row in whole if row.status == "does not apply")

    def told(row: Row, **changes: object) -> list[str]:
        at = whole.index(row)
        return list(faults([*whole[:at], replace(row, **changes), *whole[at + 1 :]]))  # type: ignore[arg-type]

    assert list(faults(whole[1:])) == ["not one row for each id, in their order"]
    renamed = first.shown_by[0] + "_of_before"
    assert told(first, shown_by=(renamed,)) == [f"{first.id}: {renamed} is not there"]
    for gone in ("docs/operators.md#no-such-heading", "docs/none.md", "tests/api/test_access.py"):
        assert told(first, shown_by=(gone,)) == [f"{first.id}: {gone} is not there"]
    assert told(first, shown_by=()) == [f"{first.id}: shown by nothing"]
    assert told(other, note="") == [f"{other.id}: no reason"]
    assert told(first, status="surely") == [f"{first.id}: no status"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tests_that_pages_name_are_there(page: Path) -> None:
    """A link whose text is a test leads to the module that holds it."""
    for name, target in re.findall(r"\[(test_\w+)\]\(([^)]+\.py)\)", page.read_text("utf-8")):
        assert name in named_tests((page.parent / target).resolve()), (name, target)


@pytest.mark.parametrize("number", range(1, 11))
def test_each_risk_of_the_api_list_has_a_module(number: int) -> None:
    """OWASP's API Security Top 10 (2023): one module each, which the page names."""
    [module] = (ROOT / "tests" / "owasp").glob(f"test_api{number:02}_*.py")
    assert named_tests(module)
    assert f"| API{number} |" in SECURITY
    assert f"(../tests/owasp/{module.name})" in SECURITY


def test_a_promise_has_its_test() -> None:
    """Each row of what is promised names a test; each row of the law names a test, a document, or what is missing."""
    for heading, words in (("What is promised", ()), ("HIPAA, 45 CFR 164.312", ("not met",)), ("GDPR", ("not met",))):
        part = SECURITY[SECURITY.index(f"\n## {heading}") :].split("\n## ")[1]
        lines = [line for line in part.splitlines() if line.startswith("| ")][1:]
        assert len(lines) > 5, heading
        for line in lines:
            last = line.strip("|").split(" | ")[-1]
            assert "](" in last or any(word in last for word in words), line


def test_what_the_harnesses_run_is_what_the_page_says() -> None:
    """One row for each harness, with what its short form runs."""
    part = SECURITY[SECURITY.index("\n## What the harnesses do") :].split("\n## ")[1]
    rows_ = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in part.splitlines() if line[:3] == "| `"]
    assert {row[0].strip("` "): row[2] for row in rows_} == {one.name: f"{one.short:,}" for one in HARNESSES}


def test_no_address_is_invented() -> None:
    """Vulnerabilities are told through GitHub's private reporting: no page names a mailbox of ours."""
    for name in ("SECURITY.md", "docs/security.md", "docs/dpia-template.md", "docs/intended-use.md"):
        text = (ROOT / name).read_text("utf-8")
        assert re.findall(r"[\w.+-]+@[\w-]+\.\w+", text) == [], name
    assert "Report a vulnerability" in (ROOT / "SECURITY.md").read_text("utf-8")
