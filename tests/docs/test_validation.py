"""docs/validation.md is what the committed numbers give, and says what they are not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.validation.page import KINDS, page
from app.validation.report import read_documents

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGE = (DOCS / "validation.md").read_text("utf-8")


def test_the_page_is_made_from_the_committed_numbers() -> None:
    """Word for word: `make validation` writes both."""
    assert page(read_documents(DOCS)) == PAGE


@pytest.mark.parametrize("kind", KINDS)
def test_the_committed_run_is_the_whole_one(kind: str) -> None:
    """On the default seed and number of courses, without options, and no gate was missed."""
    document = read_documents(DOCS)[kind]
    assert document["simulated"] is True
    assert document["passed"] is True
    assert re.fullmatch(rf"alliance validate {kind} --seed 2026 --courses \d+", document["command"])
    assert len(document["results"]) == {"stages": 8, "signals": 5}[kind]


def test_the_page_says_what_it_is_and_what_was_never_shown() -> None:
    """The word stands in its first sentence, and the section is there."""
    assert "**simulated**" in PAGE[:200]
    assert "\n## Never shown on real clients\n" in PAGE


def test_the_page_names_no_date_and_no_machine() -> None:
    """It changes when the numbers do, and at no other time."""
    written = [PAGE, *(file.read_text("utf-8") for file in sorted((DOCS / "validation").iterdir()))]
    assert [text for text in written if re.search(r"20\d\d-\d\d-\d\d|/home/|/work/|/tmp/", text)] == []


def test_each_plot_of_the_page_is_there() -> None:
    """And each that is there stands on the page."""
    shown = set(re.findall(r"\]\(validation/([\w-]+\.svg)\)", PAGE))
    assert shown == {file.name for file in (DOCS / "validation").glob("*.svg")}
