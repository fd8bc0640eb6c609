from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

import app.instruments
from app.errors import Fault, InvalidSubmission, NotFound
from app.instruments.catalog import Catalog, definition_schema, read_definition, shipped
from app.instruments.missing import standard_minimum
from app.instruments.model import NOT_APPLICABLE, Answer, InstrumentRef, ItemId, check_answers, pointer_part
from app.scoring.score import Score, score
from app.stages.model import STAGES

DEFINITIONS = Path(app.instruments.__file__).parent / "definitions"
VECTORS = Path(__file__).parent.parent / "vectors" / "scoring"
#: Definitions are named KEY/1.0.0.yaml, texts KEY/1.0.0.es.yaml.
FILES = {
    f"{path.parent.name} {path.stem}": path
    for path in sorted(DEFINITIONS.glob("*/*.yaml"))
    if path.stem.count(".") == 2
}

#: Digests of what was released, as each file of worked cases pins its definition.
RELEASED: dict[str, str] = {
    f"{cases['instrument']} {cases['version']}": cases["digest"]
    for cases in (yaml.safe_load(path.read_text("utf-8")) for path in sorted(VECTORS.glob("*.yaml")))
}

TRQ_PARTS = {
    "rapport": "1",
    "empathy": "2",
    "respect": "3",
    "trust": "4",
    "collaboration": "5",
    "genuineness": "6",
    "acceptance": "7",
    "encouragement": "8",
    "relationship": "1 2 3",
    "elements": "4 3 5",
    "total": "1 2 3 4 5 6 7 8",
}
TRQ_NEEDS = {**dict.fromkeys(TRQ_PARTS, 1), "relationship": 3, "elements": 3, "total": 7}
FULL_PARTS = {
    "rapport": "1 2 3",
    "empathy": "4 5 6",
    "respect": "7 8 9",
    "trust": "10 11 12",
    "collaboration": "13 14 15",
    "genuineness": "16 17 18",
    "acceptance": "19 20 21",
    "encouragement": "22 23 24",
    "relationship": "1 2 3 4 5 6 7 8 9",
    "elements": "10 11 12 7 8 9 13 14 15",
    "total": "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24",
}
FULL_NEEDS = {**dict.fromkeys(FULL_PARTS, 3), "relationship": 8, "elements": 8, "total": 20}
THEIRS = (
    "Items are the property of their authors; only the scoring key is shipped. "
    "A site loads texts it is licensed to use."
)
TWELVE = "1 2 3 4 5 6 7 8 9 10 11 12"


def _ours(parts: dict[str, str], needs: dict[str, int], rater: str) -> dict[str, Any]:
    return {
        "range": (1, 5),
        "divisor": 1,
        "parts": parts,
        "needs": needs,
        "total needs components": False,
        "reversed": "",
        "convention": "mean",
        "raters": (rater,),
        "status": "own",
        "validated": False,
        "license": "CC0-1.0",
    }


def _theirs(**facts: Any) -> dict[str, Any]:
    usual = {"divisor": 1, "total needs components": False, "reversed": "", "raters": ("client",), "license": THEIRS}
    return usual | {"status": "secondary", "validated": True} | facts


#: The table of the science page, copied by hand.
TABLE: dict[str, dict[str, Any]] = {
    "trq": _ours(FULL_PARTS, FULL_NEEDS, "client"),
    "trq-t": _ours(FULL_PARTS, FULL_NEEDS, "therapist"),
    "trq-s": _ours(TRQ_PARTS, TRQ_NEEDS, "client"),
    "trq-s-t": _ours(TRQ_PARTS, TRQ_NEEDS, "therapist"),
    "wai-36": _theirs(
        range=(1, 7),
        parts={
            "task": "2 4 7 11 13 15 16 18 24 31 33 35",
            "bond": "1 5 8 17 19 20 21 23 26 28 29 36",
            "goal": "3 6 9 10 12 14 22 25 27 30 32 34",
            "total": " ".join(map(str, range(1, 37))),
        },
        needs={"task": 10, "bond": 10, "goal": 10, "total": 29},
        reversed="1 3 7 9 10 11 12 15 20 27 29 31 33 34",
        convention="sum",
        raters=("client", "therapist", "observer"),
        status="recall",
        **{"total needs components": True},
    ),
    "wai-s": _theirs(
        range=(1, 7),
        parts={"task": "1 2 8 12", "bond": "3 5 7 9", "goal": "4 6 10 11", "total": TWELVE},
        needs={"task": 3, "bond": 3, "goal": 3, "total": 10},
        reversed="4 10",
        convention="sum",
        raters=("client", "therapist"),
        status="recall",
        **{"total needs components": True},
    ),
    "wai-sr": _theirs(
        range=(1, 5),
        parts={"task": "1 2 10 12", "bond": "3 5 7 9", "goal": "4 6 8 11", "total": TWELVE},
        needs={"task": 3, "bond": 3, "goal": 3, "total": 10},
        convention="mean",
        **{"total needs components": True},
    ),
    "sai": _theirs(
        range=(0, 5),
        parts={"total": "1 2 3 4 5 6"},
        needs={"total": 5},
        convention="mean",
        raters=("client", "therapist"),
        status="recall",
    ),
    "srs": _theirs(
        range=(0, 100),
        divisor=10,
        parts={"relationship": "1", "goals": "2", "approach": "3", "overall": "4", "total": "1 2 3 4"},
        needs={"relationship": 1, "goals": 1, "approach": 1, "overall": 1, "total": 4},
        convention="sum",
    ),
    "arm-5": _theirs(
        range=(1, 7),
        parts={"total": "1 2 3 4 5"},
        needs={"total": 4},
        reversed="3",
        convention="mean",
        raters=("client", "therapist"),
    ),
    "haq-ii": _theirs(
        range=(1, 6),
        parts={"total": "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"},
        needs={"total": 16},
        reversed="4 8 11 16 19",
        convention="sum",
    ),
    "care": _theirs(
        range=(1, 5),
        parts={"total": "1 2 3 4 5 6 7 8 9 10"},
        needs={"total": 8},
        convention="sum",
        status="verified",
    ),
    "tasc-r": _theirs(
        range=(1, 4),
        parts={"total": TWELVE},
        needs={"total": 10},
        reversed="2 5 7 8 11",
        convention="sum",
        raters=("client", "parent"),
    ),
}
SCORED_OURS = ("trq", "trq-t", "trq-s", "trq-s-t")


def _text(name: str) -> str:
    return FILES[name].read_text("utf-8")


def _as_json(value: Any) -> Any:
    """Turn what PyYAML read into what JSON could have said: keys are strings."""
    if isinstance(value, dict):
        return {str(key): _as_json(inner) for key, inner in value.items()}
    return [_as_json(inner) for inner in value] if isinstance(value, list) else value


def test_the_schema_is_itself_a_good_schema() -> None:
    """The JSON Schema of definitions follows the draft it names."""
    Draft202012Validator.check_schema(definition_schema())


@pytest.mark.parametrize("name", FILES)
def test_a_definition_passes_the_json_schema(name: str) -> None:
    """A shipped definition passes the published schema when read by a plain YAML reader, too."""
    data = _as_json(yaml.safe_load(_text(name)))
    assert list(Draft202012Validator(definition_schema()).iter_errors(data)) == []


def test_released_definitions_are_never_edited() -> None:
    """Stored scores name these digests, so if this fails: undo the edit, and put the change into a new version.

    A new version is a new file beside the old one (definitions/KEY/1.0.1.yaml) with worked cases of its own
    (vectors/scoring/KEY@1.0.1.yaml, which pin its digest), and the changelog says which scores it affects. A digest in
    those files is never changed. Comments and layout may change, for they are not part of it.
    """
    assert {f"{i.key} {i.version}": i.digest for i in shipped().instruments} == RELEASED


@pytest.mark.parametrize("name", FILES)
def test_a_definition_lies_where_its_key_and_version_say(name: str) -> None:
    """The folder is the key and the file is the version."""
    instrument = read_definition(_text(name))
    assert f"{instrument.key} {instrument.version}" == name


def test_the_digest_is_of_the_facts_and_not_of_the_layout() -> None:
    """A comment or another order of the keys leaves the digest alone; another fact changes it."""
    text = _text("wai-sr 1.0.0")
    first, _, rest = text.partition("title: ")
    title, _, rest = rest.partition("\n")
    moved = f"# a comment\n{first}{rest}title: {title}\n"
    assert moved != text
    assert read_definition(moved).digest == RELEASED["wai-sr 1.0.0"]
    assert read_definition(text.replace("convention: mean", "convention: sum")).digest != RELEASED["wai-sr 1.0.0"]


@pytest.mark.parametrize("key", TABLE)
def test_a_key_equals_the_table(key: str) -> None:
    """Range, components, reversals, convention, raters, status and minimum answers are those of the science page."""
    instrument = shipped().latest(key)
    told = {
        "range": (instrument.minimum, instrument.maximum),
        "divisor": instrument.divisor,
        "parts": {part.key: " ".join(part.items) for part in instrument.components},
        "needs": instrument.missing_rule.minimum,
        "total needs components": instrument.missing_rule.total_needs_components,
        "reversed": " ".join(item.id for item in instrument.items if item.reversed),
        "convention": instrument.convention,
        "raters": instrument.raters,
        "status": instrument.key_status,
        "validated": instrument.validated,
        "license": instrument.license,
    }
    assert told == TABLE[key]


@pytest.mark.parametrize("key", TABLE)
def test_every_item_offers_each_number_of_its_range(key: str) -> None:
    """Options are the whole numbers from lowest to highest, with a label for each of ours and none for others'."""
    low, high = TABLE[key]["range"]
    ours = ["not at all", "a little", "somewhat", "mostly", "completely"]
    labels = ours if key.startswith("trq") else [None] * (high - low + 1)
    for item in shipped().latest(key).items:
        assert [option.value for option in item.options] == list(range(low, high + 1))
        assert [option.label for option in item.options] == labels


def test_only_a_key_from_recall_has_to_be_enabled() -> None:
    """WAI, WAI-S and SAI are by recall and score nothing until an organisation has checked them; the rest do."""
    waiting = {key for key in TABLE if shipped().latest(key).needs_enabling}
    assert waiting == {"wai-36", "wai-s", "sai"}


def test_our_own_measure_has_all_its_texts() -> None:
    """The client's form asks 8 scored items and 4 focus items, the therapist's 8; no text is empty or there twice."""
    texts = {key: [(item.role, item.text) for item in shipped().latest(key).items] for key in ("trq-s", "trq-s-t")}
    assert [role for role, _ in texts["trq-s"]] == ["scored"] * 8 + ["focus"] * 4
    assert [role for role, _ in texts["trq-s-t"]] == ["scored"] * 8
    every = [text for told in texts.values() for _, text in told]
    assert all(every)
    assert len(set(every)) == 20


def test_the_focus_items_stand_in_the_order_of_the_stages() -> None:
    """One focus item a stage, in the order in which the stage model reads them."""
    focus = [(i.id, i.stage) for i in shipped().latest("trq-s").items if i.role == "focus"]
    assert focus == [
        ("f1", "establishing_rapport"),
        ("f2", "exploring_the_problem"),
        ("f3", "working_on_solutions"),
        ("f4", "termination"),
    ]
    assert [stage for _, stage in focus] == list(STAGES)


@pytest.mark.parametrize("key", [key for key in TABLE if key not in SCORED_OURS])
def test_no_wording_of_others_is_shipped(key: str) -> None:
    """A third-party instrument is a key only: numbers of items, and no text, label, instruction or language."""
    data = yaml.safe_load(_text(f"{key} 1.0.0"))
    assert all(set(item) == {"id"} for item in data["items"])
    assert set(data["scale"]) <= {"min", "max", "divisor"}
    assert not {"instructions", "focus", "beside", "language"} & set(data)
    instrument = shipped().get(key, "1.0.0")
    assert {item.text for item in instrument.items} == {None}
    assert (instrument.instructions, shipped().locales(instrument)) == ({}, [])


def test_a_doubtful_key_says_what_is_doubtful() -> None:
    """The notes of wai-36 name what was confirmed, what was not, and that printed keys differ."""
    notes = " ".join(shipped().latest("wai-36").notes)
    assert "items 1, 3, 7, 9, 10, 11, 12, 15, 20, 27 and 29" in notes
    assert "31, 33 and 34" in notes
    assert "item 4 as reversed instead of item 7" in notes
    for key in ("wai-36", "wai-s", "sai"):
        assert shipped().latest(key).notes[0].startswith("By recall. It scores nothing until")


def test_the_only_cut_off_is_that_of_the_srs() -> None:
    """A total of 36 or less of 40, and no other instrument has one."""
    cut = {i.key: [(c.component, c.value, c.direction) for c in i.cut_offs] for i in shipped().listed() if i.cut_offs}
    assert cut == {"srs": [("total", 36.0, "at_or_below")]}


def test_boundaries_are_asked_beside_and_are_in_no_score() -> None:
    """Two items of the full forms have the role and topic for it, and no component has them."""
    for key in ("trq", "trq-t"):
        instrument = shipped().latest(key)
        assert [(i.id, i.topic) for i in instrument.items if i.role == "beside"] == [
            ("b1", "boundaries"),
            ("b2", "boundaries"),
        ]
        assert not {"b1", "b2"} & {item for part in instrument.components for item in part.items}
        with_them = score(
            instrument, {ItemId("1"): 3, ItemId("2"): 4, ItemId("3"): 5, ItemId("b1"): 1, ItemId("b2"): 1}
        )
        assert with_them == score(instrument, {ItemId("1"): 3, ItemId("2"): 4, ItemId("3"): 5})
        assert check_answers(instrument, {"b1": 2})[ItemId("b1")] == 2


@pytest.mark.parametrize("key", SCORED_OURS)
def test_facets_follow_the_blueprint(key: str) -> None:
    """Collaboration is goal and task; rapport, empathy, respect, trust and acceptance are bond; the rest is other."""
    facets = {c.key: set(c.facets) for c in shipped().latest(key).components if c.kind == "component"}
    assert facets == {
        "rapport": {"bond"},
        "empathy": {"bond"},
        "respect": {"bond"},
        "trust": {"bond"},
        "collaboration": {"goal", "task"},
        "genuineness": {"other"},
        "acceptance": {"bond"},
        "encouragement": {"other"},
    }


@pytest.mark.parametrize("key", ["wai-36", "wai-s", "wai-sr"])
def test_wai_components_are_their_own_facets(key: str) -> None:
    """Task, bond and goal of the WAI are facets by the same names."""
    facets = {c.key: c.facets for c in shipped().latest(key).components if c.kind == "component"}
    assert facets == {"task": ("task",), "bond": ("bond",), "goal": ("goal",)}


def _syllables(word: str) -> int:
    """Count groups of vowels, without a silent e at the end, and at least one."""
    letters = re.sub(r"[^a-z]", "", word.lower())
    groups = len(re.findall(r"[aeiouy]+", letters))
    silent = letters.endswith("e") and not letters.endswith("le")
    return max(1, groups - silent)


def _grade(texts: list[str]) -> float:
    """Flesch-Kincaid grade of texts taken together, each of them one sentence at least (Kincaid et al. 1975)."""
    words = [word for text in texts for word in text.split()]
    sentences = sum(max(1, len(re.findall(r"[.?!]", text))) for text in texts)
    return 0.39 * len(words) / sentences + 11.8 * sum(map(_syllables, words)) / len(words) - 15.59


def test_the_reading_grade_is_counted_as_published() -> None:
    """Six words of one syllable give -1.45, and some words of the form have as many syllables as spoken."""
    assert _grade(["The cat sat on the mat."]) == pytest.approx(-1.45)
    assert _grade(["My therapist understood everything."]) == pytest.approx(0.39 * 4 + 11.8 * 11 / 4 - 15.59)
    spoken = {"therapist": 3, "decisions": 3, "welcome": 2, "left": 1, "little": 2, "courage.": 2, "problem": 2}
    assert {word: _syllables(word) for word in spoken} == spoken


@pytest.mark.parametrize("key", ["trq-s", "trq-s-t"])
def test_our_texts_are_easy_to_read(key: str) -> None:
    """Items and instructions taken together need no more than six years of school."""
    instrument = shipped().latest(key)
    texts = [item.text for item in instrument.items if item.text] + list(instrument.instructions.values())
    assert _grade(texts) <= 6.0


def test_a_definition_may_state_its_own_minimum() -> None:
    """Components with a minimum of their own have it, the others keep the standard one."""
    stated = _text("wai-sr 1.0.0").replace("minimum: standard", "minimum: {goal: 4, total: 12}")
    assert read_definition(stated).missing_rule.minimum == {"task": 3, "bond": 3, "goal": 4, "total": 12}


def test_the_standard_minimum_is_that_of_the_science_page() -> None:
    """All of up to 3, 3 of 4, 4 of 5, and 80 percent rounded up above, for every size that an instrument has."""
    needed = {1: 1, 2: 2, 3: 3, 4: 3, 5: 4, 6: 5, 7: 6, 8: 7, 9: 8, 10: 8, 12: 10, 15: 12, 19: 16, 24: 20, 36: 29}
    assert {items: standard_minimum(items) for items in needed} == needed
    with pytest.raises(ValueError, match="at least one item"):
        standard_minimum(0)


def test_the_catalogue_lists_what_is_shipped() -> None:
    """Every shipped instrument is listed once, by key, and can be got by its version."""
    assert [i.key for i in shipped().listed()] == sorted({i.key for i in shipped().instruments})
    assert set(TABLE) <= {i.key for i in shipped().listed()}
    assert shipped().get("wai-sr", "1.0.0") == shipped().get("wai-sr", None) == shipped().latest("wai-sr")


def test_the_newest_version_is_the_newest_by_number() -> None:
    """Version 1.10.0 is newer than 1.9.0, although it comes first in the alphabet."""
    base = shipped().latest("trq-s")
    catalogue = Catalog(tuple(replace(base, version=version) for version in ("1.9.0", "1.10.0", "1.2.0")))
    assert [i.version for i in catalogue.versions("trq-s")] == ["1.2.0", "1.9.0", "1.10.0"]
    assert catalogue.latest("trq-s").version == "1.10.0"
    assert [i.version for i in catalogue.listed()] == ["1.10.0"]


@pytest.mark.parametrize(("key", "version"), [("wai", None), ("", None), ("TRQ-S", None), ("trq-s", "9.9.9")])
def test_what_is_not_in_the_catalogue_is_not_found(key: str, version: str | None) -> None:
    """An unknown key, another spelling of one, or an unknown version is not found."""
    with pytest.raises(NotFound):
        shipped().get(key, version)


def test_an_instrument_finds_its_parts_by_name() -> None:
    """Items and components are found by id and key, others are None, and a ref carries key, version and digest."""
    wai = shipped().latest("wai-sr")
    item, part = wai.item("12"), wai.component("goal")
    assert item is not None
    assert item.id == "12"
    assert part is not None
    assert part.items == ("4", "6", "8", "11")
    assert (wai.item("13"), wai.component("relationship")) == (None, None)
    assert wai.ref == InstrumentRef(key=wai.key, version="1.0.0", digest=RELEASED["wai-sr 1.0.0"])


REFUSED: list[tuple[dict[str, Answer], list[tuple[str, str]]]] = [
    ({"1": 4, "9": 4}, [("/answers/9", "unknown_item")]),
    ({"1": 0}, [("/answers/1", "out_of_range")]),
    ({"1": 6}, [("/answers/1", "out_of_range")]),
    ({"f4": -1}, [("/answers/f4", "out_of_range")]),
    ({"2": 9, "x": 4, "3": 5}, [("/answers/2", "out_of_range"), ("/answers/x", "unknown_item")]),
    ({"01": None}, [("/answers/01", "unknown_item")]),
    ({"a/b~c": 4}, [("/answers/a~1b~0c", "unknown_item")]),
    ({"<ä>": 4}, [("/answers/?", "unknown_item")]),
    ({"": NOT_APPLICABLE}, [("/answers/?", "unknown_item")]),
    ({}, [("/answers", "no_answers")]),
    ({"1": None, "2": NOT_APPLICABLE, "f1": None}, [("/answers", "no_answers")]),
]


@pytest.mark.parametrize(("answers", "faults"), REFUSED)
def test_answers_that_a_form_cannot_hold_are_refused(answers: dict[str, Answer], faults: list[tuple[str, str]]) -> None:
    """Every place that is wrong is named by a JSON pointer and a code, and the answer itself is not repeated."""
    with pytest.raises(InvalidSubmission) as refused:
        check_answers(shipped().latest("trq-s"), answers)
    assert list(refused.value.faults) == [Fault(pointer=pointer, code=code) for pointer, code in faults]
    empty = faults == [("/answers", "no_answers")]
    assert refused.value.specific_code == ("no_answers" if empty else "validation_failed")


def test_accepted_answers_come_back_for_every_item() -> None:
    """The items come in the order of the form, what was not sent is None, and "does not apply" stays what it is."""
    sent: dict[str, Answer] = {"f1": 5, "8": 1, "2": NOT_APPLICABLE, "1": 5}
    checked = check_answers(shipped().latest("trq-s"), sent)
    assert list(checked) == ["1", "2", "3", "4", "5", "6", "7", "8", "f1", "f2", "f3", "f4"]
    kept = {"1": 5, "2": NOT_APPLICABLE, "8": 1, "f1": 5}
    assert {item: answer for item, answer in checked.items() if answer is not None} == kept


def test_a_pointer_repeats_only_short_plain_names() -> None:
    """Names of up to 40 printable ASCII characters are echoed, everything else becomes a question mark."""
    assert pointer_part("a" * 40) == "a" * 40
    assert [pointer_part(name) for name in ("a" * 41, "a\nb", "é", "")] == ["?", "?", "?", "?"]


def test_focus_answers_are_all_four_or_none() -> None:
    """The focus of a session is four numbers in the order of the stages, and None with a gap or without the block."""
    trq = shipped().latest("trq-s")
    whole = check_answers(trq, {"1": 3, "f4": 4, "f3": 3, "f2": 2, "f1": 1})
    assert trq.focus(whole) == (1, 2, 3, 4)
    assert trq.focus(check_answers(trq, {"1": 3, "f1": 1, "f2": 2, "f3": 3})) is None
    assert trq.focus(check_answers(trq, {"f1": 1, "f2": 2, "f3": 3, "f4": NOT_APPLICABLE})) is None
    wai = shipped().latest("wai-sr")
    assert wai.focus(check_answers(wai, {"1": 3})) is None


def test_a_boolean_is_no_answer() -> None:
    """True is an int to Python, and is refused all the same."""
    with pytest.raises(InvalidSubmission):
        check_answers(shipped().latest("trq-s"), {"1": True})


def test_a_rollup_does_not_keep_the_total_from_being_scored() -> None:
    """Where the total needs every component, a rollup that is not scored is no component."""
    text = (DEFINITIONS / "wai-sr" / "1.0.0.yaml").read_text("utf-8")
    text = text.replace("total: {key: total}", "rollups: [{key: work, of: [task, goal]}]\ntotal: {key: total}")
    answers = {ItemId(str(i)): 4 for i in range(1, 13) if i not in {1, 4}}
    found = {s.component: isinstance(s, Score) for s in score(read_definition(text), {**answers})}
    assert found == {"task": True, "bond": True, "goal": True, "work": False, "total": True}
