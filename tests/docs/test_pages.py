"""Every code block of the pages, run as a reader would: what they send is taken, what they show is answered."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.docs.pages import README, ROOT, RUN, Block, Workshop, blocks, keys_of_the_readme, lacking

#: Commands that are not run here, by the first words of their block, with the reason.
NOT_RUN = {
    "make serve": "the fixture does what it does, on a port of its own",
    "psql ": "there is no PostgreSQL here; tests/cli/test_roles.py makes the same roles",
    "pg_": "tests/faults/test_pg_dump.py runs them on a PostgreSQL of its own",
    "docker ": "a machine with Python and make has no docker; hadolint reads the Dockerfile in tests/contract",
}


def is_run(block: Block) -> bool:
    """Say whether a block is run here."""
    return not block.text.startswith(tuple(NOT_RUN))


def check(block: Block, workshop: Workshop) -> list[str]:
    """Run a block, or hold what it shows against what was answered just before."""
    if block.language in {"sh", "python"}:
        if is_run(block):
            workshop.run(block)
        return []
    if block.language == "json":
        return lacking(json.loads(block.text), json.loads(workshop.last().body))
    if block.language == "http":
        status, *headers = block.text.splitlines()
        last = workshop.last()
        shown = dict(line.lower().split(": ", 1) for line in headers)
        answered = {name: value.lower() for name, value in last.headers.items()}
        return lacking({"status": status.split()[1], **shown}, {"status": str(last.status), **answered})
    said = [" ".join(line.split()) for line in workshop.said.splitlines()]
    return [line for line in block.text.splitlines() if " ".join(line.split()) not in said]


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_each_block_runs_and_shows_what_is_answered(page: Path, workshop: Workshop) -> None:
    """From top to bottom: commands end well, and each answer shown is a part of the one that came."""
    workshop.begin(page)
    for block in blocks(page):
        assert check(block, workshop) == [], block.where


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_no_block_is_of_an_unknown_kind(page: Path) -> None:
    """A block without a language, or of one that is not checked here, would be believed unseen."""
    assert {block.language for block in blocks(page)} <= {"sh", "python", "json", "http", "text"}


def test_only_the_listed_blocks_are_not_run() -> None:
    """Each entry of the list is needed, and the list is short."""
    left_out = [block.text for page in RUN for block in blocks(page) if not is_run(block)]
    assert [name for name in NOT_RUN if not any(text.startswith(name) for text in left_out)] == []
    assert len(NOT_RUN) <= 4


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_what_python_reads_from_the_environment_was_exported(page: Path) -> None:
    """The shell that runs the blocks here exports everything; a reader's does only what a page says."""
    said = "".join(block.text for one in (README, page) for block in blocks(one) if block.language == "sh")
    exported = set(re.findall(r"export ((?:\w+ ?)+)", said))
    names = {name for words in exported for name in words.split()}
    read = {n for b in blocks(page) if b.language == "python" for n in re.findall(r'os\.environ\["(\w+)"\]', b.text)}
    assert read <= names


def test_the_same_post_again_is_a_replay(workshop: Workshop) -> None:
    """The README's curl, run twice, gives the same status and body, and says that it is a replay."""
    workshop.begin(README)
    workshop.run(keys_of_the_readme())
    post = next(block for block in blocks(README) if block.text.startswith("curl"))
    workshop.run(post)
    first = workshop.last()
    workshop.run(post)
    again = workshop.last()
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert again.headers["idempotent-replayed"] == "true"


def test_a_page_that_shows_another_thing_is_found(workshop: Workshop) -> None:
    """A wrong status, header, value or line is named, and a command that fails stops the page."""

    def of(language: str, text: str) -> Block:
        return Block(page="a page", line=1, language=language, text=text)

    workshop.begin(README)
    assert check(of("sh", "curl -sS http://127.0.0.1:8000/livez\n"), workshop) == []
    assert check(of("json", '{"status": "alive"}'), workshop) == []
    assert check(of("json", '{"status": "dead"}'), workshop) == ["/status: 'dead' shown, 'alive' answered"]
    assert check(of("http", "HTTP/1.1 200 OK\nContent-Type: application/json\n"), workshop) == []
    assert check(of("http", "HTTP/1.1 404 Not Found\nX-None: 1\n"), workshop) == [
        "/status: '404' shown, '200' answered",
        "/x-none: absent",
    ]
    assert check(of("sh", "echo one; echo two   words\n"), workshop) == []
    assert check(of("text", "two words\n"), workshop) == []
    assert check(of("text", "one\nthree\n"), workshop) == ["three"]
    for wrong in ("false\ntrue\n", "curl --silent http://127.0.0.1:8000/livez\n"):
        with pytest.raises(AssertionError, match="a page:1"):
            workshop.run(of("sh", wrong))


@pytest.mark.parametrize(
    ("shown", "answer", "faults"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, []),
        ({"a": "..."}, {"a": "anything"}, []),
        ({"a": "..."}, {"a": 1}, ["/a: '...' shown, 1 answered"]),
        ({"a": 1}, {"a": 2}, ["/a: 1 shown, 2 answered"]),
        ({"a": {"c": 1}}, {"a": {"b": 1}}, ["/a/c: absent"]),
        ([{"component": "b", "v": 1}], [{"component": "a", "v": 0}, {"component": "b", "v": 1}], []),
        ([{"component": "c"}], [{"component": "a"}], ["/0: absent"]),
        ([{"v": 1}, {"v": 2}], [{"v": 1}], ["/1: absent"]),
        ([1, 2], [1, 2, 3], [": [1, 2] shown, [1, 2, 3] answered"]),
    ],
)
def test_what_is_not_in_the_answer_is_found(shown: object, answer: object, faults: list[str]) -> None:
    """The comparison finds another value, an absent field and an absent entry, and no more."""
    assert lacking(shown, answer) == faults


def test_the_pages_are_there() -> None:
    """One page for each reader, and those on instruments, numbers, simulations, security and use."""
    assert [page.relative_to(ROOT).as_posix() for page in RUN] == [
        "README.md",
        "docs/asvs.md",
        "docs/dpia-template.md",
        "docs/instrument-authors.md",
        "docs/instruments.md",
        "docs/integrators.md",
        "docs/intended-use.md",
        "docs/mobile.md",
        "docs/operators.md",
        "docs/researchers.md",
        "docs/safeguarding.md",
        "docs/science.md",
        "docs/security.md",
        "docs/validation.md",
    ]
