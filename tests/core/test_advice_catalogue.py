"""The advice catalogue as data: never edited once released, found again, and refused when it has a fault."""

from __future__ import annotations

import json
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from app.errors import CatalogueFault
from app.instruments.strict_yaml import load_strict
from app.stages import advice
from app.stages.advice import (
    advice_schema,
    advice_text,
    read_advice,
    read_catalogues,
    released_advice,
    shipped_advice,
    stored_advice,
)
from app.stages.recommend import Recommendation
from app.web.scores_wire import RecommendationOut, recommendation_out

LANGUAGES = ("en", "es", "de")
TEXT = resources.files("app.stages").joinpath("advice_catalogues", "1.0.0.yaml").read_text("utf-8")
WITH_SIGNALS = resources.files("app.stages").joinpath("advice_catalogues", "1.1.0.yaml").read_text("utf-8")

TRUST = Recommendation(id="practice.build_trust", catalogue="1.0.0", because=())

#: Released catalogues -> digest of all but the status of the languages. A line is never changed, only added.
RELEASED = {
    "1.0.0": "sha256:17300e1498fc4af6996cf067a935569b85e08b8af31f8e784aaa1bb4143f9368",
    "1.1.0": "sha256:3fd7c37697bc7b16b3d280e5c9f4963649f376c2d196d5b352b6bb5c0b95d54a",
}


# --- released and found again ---


def test_released_catalogues_are_not_edited() -> None:
    """Stored recommendations name these versions, so if this fails: undo the edit, and put it into a new version.

    A new version is a new file beside the old one and a new line in RELEASED. Comments and layout may change, and a
    translation's status when it has been checked; another word is another version.
    """
    folder = resources.files("app.stages").joinpath(advice.FOLDER)
    assert {f.name.removesuffix(".yaml"): _digest(f.read_text("utf-8")) for f in folder.iterdir()} == RELEASED
    assert list(released_advice()) == list(RELEASED)
    assert shipped_advice().version == list(RELEASED)[-1]


def test_the_digest_is_of_the_words_and_not_of_the_layout_or_the_status() -> None:
    """A comment or a checked translation leaves the digest alone; one word changes it."""
    assert _digest(TEXT.replace("de: {status: draft}", "de: {status: checked}") + "# more\n") == RELEASED["1.0.0"]
    assert _digest(TEXT.replace("Echt und präsent sein", "Echt sein")) != RELEASED["1.0.0"]
    assert _digest(TEXT.replace("rapport: get_to", "zeal: get_to")) != RELEASED["1.0.0"]


def test_1_1_0_adds_advice_on_signals_and_changes_nothing_else() -> None:
    """Recommendations of both versions are in the same words, and stored ones of 1.0.0 are read as ever."""
    before, after = load_strict(TEXT), load_strict(WITH_SIGNALS)
    assert (before["format"], after["format"]) == (1, 2)
    assert (after["languages"], after["practice_of"]) == (before["languages"], before["practice_of"])
    assert after["entries"][: len(before["entries"])] == before["entries"]
    assert [e["id"] for e in after["entries"][len(before["entries"]) :]] == [
        "signal.rupture.repair_in_four_steps",
        "signal.wish_to_talk.make_room",
        "signal.low.ask_what_is_missing",
        "signal.decline.look_back_together",
        "signal.cut_off.ask_about_the_form",
        "signal.dip.check_in_gently",
    ]
    old = released_advice()["1.0.0"]
    assert (len(old.entries), old.for_signal("rupture")) == (len(before["entries"]), ())


def test_an_entry_is_found_again_in_its_version_and_language() -> None:
    """Every entry of every released version has its words in each language, with the status of that language."""
    for version, catalogue in released_advice().items():
        for e in catalogue.entries:
            assert stored_advice(version, e.id) is e
            for language in LANGUAGES:
                words = advice_text(version, e.id, language)
                assert (words.language, words) == (language, e.words[language])


@pytest.mark.parametrize("language", ["fr", "", "english", "e", "*"])
def test_an_unknown_language_is_answered_in_english(language: str) -> None:
    """Words in English that say so are better than none."""
    words = advice_text("1.0.0", "practice.offer_empathy", language)
    assert (words.title, words.language, words.status) == ("Offer empathy", "en", "checked")


@pytest.mark.parametrize("language", ["es", "es-MX", "ES", "Es-419"])
def test_a_region_or_capitals_change_nothing(language: str) -> None:
    """The language decides, whatever the region."""
    assert advice_text("1.0.0", "practice.offer_empathy", language).title == "Ofrezca empatía"


@pytest.mark.parametrize(
    ("catalogue", "advice_id", "says"),
    [
        ("1.0.0", "practice.small_talk", "^advice catalogue 1.0.0 has no entry practice.small_talk$"),
        ("9.9.9", "practice.offer_empathy", "^no advice catalogue 9.9.9$"),
        ("../../secrets", "practice.offer_empathy", "^no advice catalogue ../../secrets$"),
    ],
)
def test_what_was_never_released_is_a_fault(catalogue: str, advice_id: str, says: str) -> None:
    """A stored name that is not found is a fault that says which, never other advice in its place."""
    with pytest.raises(CatalogueFault, match=says):
        advice_text(catalogue, advice_id, "en")


def test_the_newest_version_is_recommended_from_and_older_ones_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1.10.0 is newer than 1.9.0; a file of another kind is left alone, one that is named otherwise is a fault."""
    for version in ("1.10.0", "1.9.0", "1.0.0"):
        (tmp_path / f"{version}.yaml").write_text(TEXT.replace("version: 1.0.0", f"version: {version}"), "utf-8")
    (tmp_path / "notes.txt").write_text("no catalogue", "utf-8")
    read = read_catalogues(tmp_path)
    assert [(name, catalogue.version) for name, catalogue in read.items()] == [
        ("1.0.0", "1.0.0"),
        ("1.9.0", "1.9.0"),
        ("1.10.0", "1.10.0"),
    ]
    monkeypatch.setattr(advice, "released_advice", lambda: read)
    assert (shipped_advice().version, stored_advice("1.9.0", "practice.be_genuine").id) == (
        "1.10.0",
        "practice.be_genuine",
    )
    (tmp_path / "2.0.0.yaml").write_text(TEXT, "utf-8")
    with pytest.raises(CatalogueFault, match=r"^advice catalogue 1\.0\.0 stands in the file of 2\.0\.0$"):
        read_catalogues(tmp_path)


@pytest.mark.parametrize(
    ("language", "answered", "title"),
    [
        ("en", "en", "Build trust by following through"),
        ("es", "es", "Genere confianza cumpliendo lo dicho"),
        ("de", "de", "Vertrauen aufbauen: Zusagen einhalten"),
        ("de-AT", "de", "Vertrauen aufbauen: Zusagen einhalten"),
        ("fr", "en", "Build trust by following through"),
    ],
)
def test_on_the_wire_the_words_are_in_the_language_asked_for(language: str, answered: str, title: str) -> None:
    """The language that is not there is answered in English, and the answer says which one it is in."""
    out = RecommendationOut.model_validate(recommendation_out(TRUST, language))
    assert (out.id, out.catalogue_version, out.language, out.title) == (
        "practice.build_trust",
        "1.0.0",
        answered,
        title,
    )
    assert (out.practice, out.evidence, out.review_after_sessions) == ("build_trust", "design", 1)
    assert recommendation_out(TRUST)["language"] == "en"


# --- faults of a catalogue ---


def broken(old: str, new: str) -> str:
    """Break the first such place of a copy of the catalogue, and return what the loader says."""
    assert old in TEXT
    with pytest.raises(CatalogueFault) as fault:
        read_advice(TEXT.replace(old, new, 1))
    return str(fault.value)


def test_the_schema_is_a_schema_and_the_catalogue_is_read_once() -> None:
    """The schema is of the draft it names, and the shipped catalogue is kept."""
    assert advice_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert shipped_advice() is shipped_advice()
    Draft202012Validator.check_schema(advice_schema())


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "id: practice.be_genuine",
            "id: practice.build_trust",
            "entries: the id practice.build_trust stands twice",
        ),
        (
            "rapport: get_to_know_the_client",
            "rapport: small_talk",
            "practice_of/component/rapport: no such practice: small_talk",
        ),
        ("bond: build_trust", "bond: small_talk", "practice_of/facet/bond: no such practice: small_talk"),
        ("    task: agree", "    zeal: agree", "practice_of/facet: no such facet: zeal"),
        (
            "practice: get_to_know_the_client",
            "practice: small_talk",
            "establishing_rapport.slow_down: no such practice: small_talk",
        ),
        (
            "{practice: be_genuine}",
            "{practice: build_trust}",
            "practice.be_genuine: applies to another practice; practice be_genuine: no advice",
        ),
        (
            "practice: be_non_judgemental",
            "practice: offer_empathy",
            "stage exploring_the_problem: two entries with the practice offer_empathy",
        ),
        (
            "{ending: dropout}",
            "{ending: ghosting}",
            "ending.dropout.leave_the_door_open: no such ending: ghosting; ending dropout: no advice",
        ),
    ],
)
def test_a_broken_rule_is_named(old: str, new: str, says: str) -> None:
    """What the schema can't say is said by the loader, fault by fault."""
    assert broken(old, new) == says


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("format: 1", "format: 3", "format: 3 is not one of [1, 2]"),
        ("evidence: design", "evidence: strong", "entries/0/evidence: 'strong' is not one of"),
        ("{stage: establishing_rapport}", "{mood: good}", "entries/0/applies_to: Additional properties"),
        ("{stage: establishing_rapport}", "{}", "entries/0/applies_to: "),
        ("  es: {status: draft}\n", "", "languages: 'es' is a required property"),
        ("es: {status: draft}", "es: {status: fine}", "languages/es/status: 'fine' is not one of"),
        ("review_after_sessions: 2", "review_after_sessions: 0", "entries/0/review_after_sessions: 0 is less than"),
        ("Design choice of this project, not validated", "As everybody knows", "entries/0/source/en: "),
        ("Decisión de diseño de este proyecto, no validada", "Como se sabe", "entries/0/source/es: "),
        ("Gestaltungsentscheidung dieses Projekts, nicht validiert", "Bekanntlich", "entries/0/source/de: "),
        ('en: "Slow down and ask about the person\'s context"', 'en: " "', "entries/0/title/en: "),
        ('de: "Langsamer werden', 'de: "' + "Langsamer werden" * 6, "entries/0/title/de: "),
        ("There is no hurry", "There is no hurry" * 30, "entries/0/text/en: "),
        ("No hay prisa", "No hay prisa " * 40, "entries/0/text/es: "),
    ],
)
def test_a_broken_format_is_named(old: str, new: str, says: str) -> None:
    """What the schema refuses is named with its place."""
    assert broken(old, new).startswith(says)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("part", ["title", "text", "source"])
def test_every_text_of_every_entry_is_there_in_every_language(part: str, language: str) -> None:
    """A catalogue that lacks any is refused, and says which."""
    data = load_strict(TEXT)
    for e in data["entries"]:
        del e[part][language]
    with pytest.raises(CatalogueFault) as fault:
        read_advice(yaml.safe_dump(data))
    assert str(fault.value).split("; ") == [f"{e['id']}: {part} missing in {language}" for e in data["entries"]]


def test_a_language_that_the_head_does_not_declare_is_refused() -> None:
    """A text in a language of its own would never be shown; a code `no` is a language, not False."""
    first = 'es: "Vaya despacio'
    assert broken(first, f"no: x\n      {first}") == (
        "establishing_rapport.slow_down: title in an undeclared language: no"
    )


def test_all_faults_are_named_at_once() -> None:
    """Somebody who mends a catalogue sees every fault in one go."""
    data = yaml.safe_load(TEXT)
    data["entries"] = data["entries"][:2]
    data["practice_of"]["component"]["trust"] = "small_talk"
    with pytest.raises(CatalogueFault) as fault:
        read_advice(yaml.safe_dump(data))
    said = str(fault.value).split("; ")
    assert said[0] == "practice_of/component/trust: no such practice: small_talk"
    assert said[1:4] == [
        "stage exploring_the_problem: no advice",
        "stage working_on_solutions: no advice",
        "stage termination: no advice",
    ]
    assert len(said) == 1 + 3 + 3 + 8


@pytest.mark.parametrize("concern", ["rupture", "wish_to_talk", "low", "decline", "cut_off", "dip"])
def test_format_2_is_to_have_advice_for_every_signal(concern: str) -> None:
    """A catalogue that knows signals and leaves one out is refused by name."""
    data = yaml.safe_load(WITH_SIGNALS)
    data["entries"] = [e for e in data["entries"] if e["applies_to"] != {"signal": concern}]
    with pytest.raises(CatalogueFault, match=f"^signal {concern}: no advice$"):
        read_advice(yaml.safe_dump(data))


def test_format_1_knows_no_signals() -> None:
    """An older reader of the format would refuse the file, so the format says what is in it."""
    with pytest.raises(CatalogueFault) as fault:
        read_advice(WITH_SIGNALS.replace("format: 2", "format: 1"))
    assert str(fault.value) == (
        "signal cut_off: format 1 has no signals; signal decline: format 1 has no signals; "
        "signal dip: format 1 has no signals; signal low: format 1 has no signals; "
        "signal rupture: format 1 has no signals; signal wish_to_talk: format 1 has no signals"
    )
    assert broken("format: 1", "format: 2").startswith("signal rupture: no advice; signal wish_to_talk: no advice; ")


def test_a_signal_that_does_not_exist_and_a_practice_without_advice_of_its_own_are_named() -> None:
    """A component can't lead to a practice that only signals have, or nothing would be said of it."""
    with pytest.raises(CatalogueFault) as fault:
        read_advice(WITH_SIGNALS.replace("{signal: dip}", "{signal: storm}"))
    assert str(fault.value) == "signal.dip.check_in_gently: no such signal: storm; signal dip: no advice"
    with pytest.raises(CatalogueFault) as fault:
        read_advice(WITH_SIGNALS.replace("trust: build_trust", "trust: make_room_to_talk"))
    assert str(fault.value) == "practice_of/component/trust: no such practice: make_room_to_talk"


def test_a_key_that_stands_twice_is_named() -> None:
    """A repeated key would silently replace the first text, so it is refused."""
    assert "a key stands twice" in broken("    bond: build_trust", "    bond: build_trust\n    bond: offer_empathy")


@pytest.mark.parametrize("text", ["", "entries: [", "- a\n- b\n"])
def test_what_is_no_catalogue_is_refused(text: str) -> None:
    """Nothing, broken YAML and a list are faults of the catalogue, not crashes."""
    with pytest.raises(CatalogueFault):
        read_advice(text)


def _digest(text: str) -> str:
    data: dict[str, Any] = load_strict(text)
    data["languages"] = sorted(data["languages"])
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{sha256(canonical.encode()).hexdigest()}"
