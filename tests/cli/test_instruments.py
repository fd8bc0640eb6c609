from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.access.administer import enabled_instruments
from tests.cli.conftest import Shell, plain

ROOT = Path(__file__).parents[2]
CHECKED = ("--checked-against", "our licensed copy of 1989")


def test_instruments_are_listed_with_the_standing_of_their_keys(bare: Shell) -> None:
    """The list needs no database, says where each scoring key comes from, and has those without a key."""
    listed = {one["key"]: (one["status"], one.get("key_status")) for one in bare.data("instruments", "list")}
    assert {key: listed[key] for key in ("trq", "wai-36", "srs", "care", "arm-28", "wai-sr-t")} == {
        "trq": ("available", "own"),
        "wai-36": ("needs_enabling", "recall"),
        "srs": ("available", "secondary"),
        "care": ("available", "verified"),
        "arm-28": ("key_not_available", None),
        "wai-sr-t": ("key_not_available", None),
    }
    table = bare.run("instruments", "list")
    assert (table.code, "Working Alliance Inventory, short form revised" in table.out) == (0, True)
    assert "Known, without a key" in table.out


def test_the_page_on_instruments_is_what_the_definitions_say(bare: Shell) -> None:
    """docs/instruments.md is written by the command; if this fails: run `make docs` and commit the page."""
    written = bare.run("instruments", "list", "--markdown").out
    assert written == (ROOT / "docs" / "instruments.md").read_text("utf-8"), "run `make docs` and commit the page"


def test_an_instrument_is_shown_in_a_language(bare: Shell) -> None:
    """The texts are those of the language; one it lacks is named with those it has."""
    told = bare.data("instruments", "show", "trq-s", "--locale", "es")
    assert (told["locale"], told["locales"]) == ("es", ["en", "de", "es"])
    assert told["items"][0]["text"] == "Mi terapeuta me acogió con calidez."
    said = bare.refused("instruments", "show", "trq-s", "--locale", "fr")
    assert "trq-s has no texts in fr; it has: en, de, es" in said


def test_what_has_no_key_is_shown_and_scores_nothing(bare: Shell, shell: Shell) -> None:
    """The reason is told by show, score and enable alike."""
    told = bare.data("instruments", "show", "arm-12")
    assert (told["status"], told["items"]) == ("key_not_available", [])
    reason = (
        "Which items it keeps, their scales and the reversed ones were not found in a source that could be checked."
    )
    assert told["reason"] == reason
    assert reason in plain(bare.run("instruments", "show", "arm-12").out)
    assert f"the scoring key of arm-12 is not available: {reason}" in bare.refused("score", "arm-12", "1=4")
    words = ("instruments", "enable", "arm-12", "--org", shell.organisation(), *CHECKED)
    assert "the scoring key of arm-12 is not available" in shell.refused(*words)


def test_a_sites_own_folder_is_seen_by_every_command(shell: Shell) -> None:
    """List, show, score, enable and doctor have the version and the texts of ALLIANCE_INSTRUMENTS_DIR."""
    folder = shell.folder / "own"
    place = folder / "wai-s"
    place.mkdir(parents=True)
    shipped_one = (ROOT / "app" / "instruments" / "definitions" / "wai-s" / "1.0.0.yaml").read_text("utf-8")
    newer = shipped_one.replace("1.0.0", "1.0.1").replace("key_status: recall", "key_status: verified")
    (place / "1.0.1.yaml").write_text(newer, "utf-8")
    own = {"ALLIANCE_INSTRUMENTS_DIR": str(folder)}
    listed = json.loads(shell.run("instruments", "list", "--json", **own).out)
    found = next(one for one in listed if one["key"] == "wai-s")
    assert (found["version"], found["status"]) == ("1.0.1", "available")
    assert json.loads(shell.run("instruments", "show", "wai-s", "--json", **own).out)["version"] == "1.0.1"
    assert json.loads(shell.run("score", "wai-s", "1=7", "--json", **own).out)["version"] == "1.0.1"
    words = ("instruments", "enable", "wai-s", "--org", shell.organisation(), *CHECKED)
    assert "wai-s needs no enabling" in shell.refused(*words, **own)
    assert shell.run("doctor", **own).code == 0
    (place / "1.0.2.yaml").write_text(newer, "utf-8")
    fault = "wai-s/1.0.2.yaml: what it says belongs into wai-s/1.0.1.yaml; move it, or mend what it says"
    for command in (("instruments", "list"), ("instruments", "show", "wai-s"), ("score", "wai-s", "1=7"), ("serve",)):
        assert fault in plain(shell.refused(*command, **own)), command
    checks = json.loads(shell.run("doctor", "--json", **own).out)["checks"]
    assert checks[0] == {"name": "instruments", "ok": False, "wrong": fault}


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
