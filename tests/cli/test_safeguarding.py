"""`alliance safeguarding`: what clients are told, who reads, what moves on, what is deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.api.safety import TEXTS
from tests.cli.conftest import Shell, plain


@pytest.fixture
def org(shell: Shell) -> str:
    """An organisation."""
    return shell.organisation()


def written(shell: Shell, texts: Any) -> str:
    """Write a file of texts; JSON is YAML."""
    path = shell.folder / "texts.yaml"
    path.write_text(texts if isinstance(texts, str) else json.dumps(texts), "utf-8")
    return str(path)


def settled(org: str, path: str, **changes: str) -> tuple[str, ...]:
    """Spell the command that settles."""
    options = {"--texts": path, "--escalate-after": "60", "--retention-months": "24"} | {
        f"--{name.replace('_', '-')}": value for name, value in changes.items()
    }
    return ("safeguarding", "configure", org, *(word for pair in options.items() for word in pair))


def test_texts_and_recipients_are_settled(shell: Shell, org: str) -> None:
    """In their order, who is named twice once, who is removed no more; the person is told to the operator only here."""
    assert shell.data(*settled(org, written(shell, TEXTS))) == {"locales": ["de", "en"], "default": "en"}
    recipients = ("safeguarding", "recipients")
    ids = [
        shell.data(*recipients, "add", org, "--person", person)["recipient_id"]
        for person in ("officer-1", "officer-2", "officer-1")
    ]
    assert ids[0] == ids[2] != ids[1]
    told = shell.data(*recipients, "list", org)
    assert [(one["position"], one["person"], one["recipient_id"]) for one in told] == [
        (1, "officer-1", ids[0]), (2, "officer-2", ids[1]),
    ]  # fmt: skip
    assert shell.data(*recipients, "remove", org, "--person", "officer-1") == {"recipient_id": ids[0], "removed": True}
    assert [one["person"] for one in shell.data(*recipients, "list", org)] == ["officer-2"]
    assert "there is no such thing" in shell.refused(*recipients, "remove", org, "--person", "officer-1")
    assert "officer-2" in plain(shell.run(*recipients, "list", org).out)
    assert b"officer-2" not in (shell.folder / "alliance.db").read_bytes()


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ("{", "is no YAML"),
        ({}, "are to look like this"),
        ({"default": "en", "texts": {}}, "none in their default language"),
        ({"default": "en", "texts": {"en": {"who_reads": "a", "not_watched": "b"}}}, "are to look like this"),
        ({"default": "fr", "texts": {"fr": TEXTS["texts"]["en"]}}, "the form is not there in fr; it is in de, en, es"),
        ({"default": "en", "texts": {"en": TEXTS["texts"]["en"] | {"in_a_crisis": " "}}}, "en: in_a_crisis has 1 to"),
        ({"default": "en", "texts": {"en": TEXTS["texts"]["en"] | {"who_reads": "a" * 1001}}}, "en: who_reads has 1"),
        ({"default": "en", "texts": {"en": TEXTS["texts"]["en"] | {"who_reads": "a\u0000"}}}, "en: who_reads has 1"),
    ],
)
def test_texts_that_leave_something_out_are_refused(shell: Shell, org: str, texts: Any, says: str) -> None:
    """With what is wrong; then nothing is settled, so nothing is offered."""
    assert says in plain(shell.refused(*settled(org, written(shell, texts))))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"escalate_after": "0"}, "after 1 to 10080 minutes"),
        ({"escalate_after": "10081"}, "after 1 to 10080 minutes"),
        ({"retention_months": "0"}, "for 1 to 600 months"),
        ({"retention_months": "601"}, "for 1 to 600 months"),
    ],
)
def test_times_have_limits(shell: Shell, org: str, changes: Mapping[str, str], says: str) -> None:
    """A check that never moves on, or is never deleted, is a mistake."""
    assert says in plain(shell.refused(*settled(org, written(shell, TEXTS), **changes)))


def test_persons_and_organisations_that_can_not_be_are_refused(shell: Shell, org: str) -> None:
    """An organisation that is not there; a person whom no header could name; more than twenty."""
    absent = "019a0000-0000-7000-8000-000000000000"
    assert "there is no such thing" in shell.refused(*settled(absent, written(shell, TEXTS)))
    add = ("safeguarding", "recipients", "add")
    assert "there is no such thing" in shell.refused(*add, absent, "--person", "x")
    assert "there is no organisation" in shell.refused("safeguarding", "recipients", "list", absent)
    for person in ("", "x" * 101, "m\u00fcller", "a\tb"):
        assert "1 to 100 printable characters" in plain(shell.refused(*add, org, "--person", person))
    for number in range(20):
        shell.data(*add, org, "--person", f"p-{number}")
    assert "at most 20 people" in plain(shell.refused(*add, org, "--person", "one-more"))


def test_what_is_due_is_done_by_command(shell: Shell, org: str) -> None:
    """Nothing is due here, of one organisation or of all: where nothing is settled nothing is kept, so nothing ends."""
    for which in ((), (org,)):
        assert shell.data("safeguarding", "escalate", *which) == {"escalated": 0}
    assert "0 moved on" in plain(shell.run("safeguarding", "escalate", org).err)
    run = ("safeguarding", "retention", "run")
    assert shell.data(*run, org) == {"deleted": 0, "not_closed": 0, "held": 0}
    shell.data(*settled(org, written(shell, TEXTS)))
    for which in ((), (org,)):
        assert shell.data(*run, *which) == {"deleted": 0, "not_closed": 0, "held": 0}
    assert "0 deleted" in plain(shell.run(*run, org).err)


def test_the_audience_of_readers_may_do_nothing_else(shell: Shell, org: str) -> None:
    """The scope is for no other audience, the audience has no other scope, and its keys are bound to nobody."""
    create = ("apps", "create", "x", "--org", org)
    assert "not for the audience system: safeguarding:read" in plain(
        shell.refused(*create, "--scope", "safeguarding:read")
    )
    of_readers = (*create, "--audience", "safeguarding")
    assert "not for the audience safeguarding: scores:read" in plain(
        shell.refused(*of_readers, "--scope", "safeguarding:read", "--scope", "scores:read")
    )
    made = shell.data(*of_readers, "--scope", "safeguarding:read")
    assert made["scopes"] == ["safeguarding:read"]
    bound = ("apps", "add-key", "--org", org, "--app", made["application_id"], "--therapist-ref", "th-7")
    assert "bound to nobody" in plain(shell.refused(*bound))
