from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from app.access.administer import enabled_instruments
from tests.cli.conftest import Shell, plain

CHECKED = ("--checked-against", "our licensed copy of 1989")


def test_instruments_are_listed_with_the_standing_of_their_keys(bare: Shell) -> None:
    """The list needs no database, and says where each scoring key comes from."""
    assert {i["key"]: i["key_status"] for i in bare.data("instruments", "list")} == {
        "trq-s": "own",
        "trq-s-t": "own",
        "wai-s": "recall",
        "wai-sr": "secondary",
    }
    table = bare.run("instruments", "list")
    assert (table.code, "Working Alliance Inventory, short form revised" in table.out) == (0, True)


def test_an_instrument_is_shown_with_its_items_and_components(bare: Shell) -> None:
    """Our own has its wording; one of others is shown as a key without it."""
    own = bare.data("instruments", "show", "trq-s")
    assert own["items"][0] == {
        "id": "1",
        "text": "My therapist was warm and made me feel welcome.",
        "role": "scored",
        "reversed": False,
    }
    theirs = bare.data("instruments", "show", "wai-s")
    assert {item["text"] for item in theirs["items"]} == {None}
    assert [item["id"] for item in theirs["items"] if item["reversed"]] == ["4", "10"]
    assert {c["key"]: c["items"] for c in theirs["components"]}["bond"] == ["3", "5", "7", "9"]
    assert "(not ours to print)" in plain(bare.run("instruments", "show", "wai-s").out)


def test_an_unknown_instrument_is_a_sentence(bare: Shell) -> None:
    """It is named, since it was typed a moment ago."""
    assert "no instrument wai-99" in bare.refused("instruments", "show", "wai-99")


def test_an_instrument_from_recall_is_enabled_for_one_organisation(shell: Shell) -> None:
    """The other organisation goes on without it; doing it twice changes nothing."""
    organisation, other = shell.organisation(), shell.organisation()
    words = ("instruments", "enable", "wai-s", "--org", organisation, *CHECKED)
    assert shell.data(*words) == {"instrument": "wai-s", "enabled": True}
    assert "wai-s is enabled" in shell.run(*words).err
    assert shell.ask(lambda runtime: enabled_instruments(runtime, organisation=UUID(organisation))) == {"wai-s"}
    assert shell.ask(lambda runtime: enabled_instruments(runtime, organisation=UUID(other))) == set()


@pytest.mark.parametrize("key", ["trq-s", "wai-sr"])
def test_an_instrument_that_needs_no_enabling_is_refused(shell: Shell, key: str) -> None:
    """Its key is not from recall, and the sentence says so."""
    said = shell.refused("instruments", "enable", key, "--org", shell.organisation(), *CHECKED)
    assert f"{key} needs no enabling: its key is not from recall" in said


def test_enabling_says_what_the_key_was_checked_against(shell: Shell) -> None:
    """An empty statement is refused, and leaving it out is a wrong call."""
    words = ("instruments", "enable", "wai-s", "--org", shell.organisation())
    assert "say in up to 500 characters" in shell.refused(*words, "--checked-against", " ")
    assert shell.run(*words).code == 2


@pytest.mark.parametrize("key", ["wai-s", "wai-99"])
def test_enabling_finds_nothing_for_an_unknown_id(shell: Shell, key: str) -> None:
    """Neither an unknown organisation nor an unknown instrument is enabled."""
    assert "there is no such thing" in shell.refused("instruments", "enable", key, "--org", str(uuid4()), *CHECKED)
