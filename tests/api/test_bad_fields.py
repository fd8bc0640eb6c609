"""One field at a time is wrong: 422 with its pointer and its code, nothing echoed, nothing stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.refusals import CANARY, NUMBERS, TEXTS, marked, nothing_stored, refused, spelled, told
from tests.harness import ANSWERS, Clinic, form, scores_by_component

NO_INTEGER = ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "4.5", "1.0", "1e0", "-0.0", "true", "false"]
NO_INTEGER += ['"3"', f'"{CANARY}"', '""', "[]", "[3]", "{}", f'{{"{CANARY}": 3}}']
NO_TEXT = ["NaN", "Infinity", "1e999", "7361", "true", "[]", f'["{CANARY}"]']
ODD = {
    "high surrogate": r"\ud83d",
    "low surrogate": r"\ude00",
    "surrogates the wrong way round": r"\ude00\ud83d",
    "NUL": r"\u0000",
    "SOH": r"\u0001",
    "line feed": r"\n",
    "tab": r"\t",
    "escape": r"\u001b",
    "unit separator": r"\u001f",
    "DEL": r"\u007f",
    "C1 control": r"\u0085",
}

#: What is changed, and the places and codes that are answered.
WRONG: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "instrument: number": ({"instrument": 7361}, [("/instrument", "wrong_type")]),
    "instrument: null": ({"instrument": None}, [("/instrument", "wrong_type")]),
    "instrument: empty": ({"instrument": ""}, [("/instrument", "invalid_format")]),
    "instrument: upper case": ({"instrument": CANARY}, [("/instrument", "invalid_format")]),
    "instrument: NUL": ({"instrument": "trq-s\0"}, [("/instrument", "invalid_format")]),
    "instrument: surrogate": ({"instrument": "trq-s\ud800"}, [("/instrument", "invalid_text")]),
    "instrument: line feed": ({"instrument": "trq-s\n"}, [("/instrument", "invalid_format")]),
    "instrument: long": ({"instrument": "canary-7361" * 4}, [("/instrument", "too_long")]),
    "instrument: unknown": ({"instrument": "canary-7361"}, [("/instrument", "unknown_instrument")]),
    "version: number": ({"instrument_version": 1.0}, [("/instrument_version", "wrong_type")]),
    "version: two parts": ({"instrument_version": "1.0"}, [("/instrument_version", "invalid_format")]),
    "version: other digits": (
        {"instrument_version": "\u0661.\u0660.\u0660"},
        [("/instrument_version", "invalid_format")],
    ),
    "version: long": ({"instrument_version": "1.0." + "0" * 20}, [("/instrument_version", "too_long")]),
    "version: unknown": ({"instrument_version": "7361.0.0"}, [("/instrument_version", "unknown_version")]),
    "rater: unknown": ({"rater": CANARY}, [("/rater", "not_allowed")]),
    "rater: number": ({"rater": 7361}, [("/rater", "not_allowed")]),
    "rater: null": ({"rater": None}, [("/rater", "not_allowed")]),
    "rater: list": ({"rater": ["client"]}, [("/rater", "not_allowed")]),
    "rater: therapist for the client's form": ({"rater": "therapist"}, [("/rater", "wrong_rater")]),
    "rater: observer": ({"rater": "observer"}, [("/rater", "wrong_rater")]),
    "rater: parent": ({"rater": "parent"}, [("/rater", "wrong_rater")]),
    "rater: client for the therapist's form": (
        {"instrument": "trq-s-t", "answers": {"1": 4}},
        [("/rater", "wrong_rater")],
    ),
    "client_ref: null": ({"client_ref": None}, [("/client_ref", "wrong_type")]),
    "client_ref: empty": ({"client_ref": ""}, [("/client_ref", "too_short")]),
    "client_ref: long": ({"client_ref": "x" * 201}, [("/client_ref", "too_long")]),
    "client_ref: no value": ({"client_ref": {"system": CANARY}}, [("/client_ref/value", "required")]),
    "client_ref: no system": ({"client_ref": {"value": CANARY}}, [("/client_ref/system", "required")]),
    "client_ref: a field too many": (
        {"client_ref": {"system": CANARY, "value": CANARY, "use": CANARY}},
        [("/client_ref/use", "unknown_field")],
    ),
    "client_ref: another shape": (
        {"client_ref": {"reference": CANARY}},
        [
            ("/client_ref/system", "required"),
            ("/client_ref/value", "required"),
            ("/client_ref/reference", "unknown_field"),
        ],
    ),
    "therapist_ref: absent": ({"therapist_ref": ...}, [("/therapist_ref", "required")]),
    "episode_ref: empty": ({"episode_ref": ""}, [("/episode_ref", "too_short")]),
    "episode_ref: long": ({"episode_ref": CANARY * 20}, [("/episode_ref", "too_long")]),
    "episode_ref: object": ({"episode_ref": {"system": CANARY, "value": CANARY}}, [("/episode_ref", "wrong_type")]),
    "session_number: null": ({"session_number": None}, [("/session_number", "wrong_type")]),
    "session_number: 0": ({"session_number": 0}, [("/session_number", "out_of_range")]),
    "session_number: negative": ({"session_number": -7361}, [("/session_number", "out_of_range")]),
    "session_number: 2001": ({"session_number": 2001}, [("/session_number", "out_of_range")]),
    "planned_sessions: 0": ({"planned_sessions": 0}, [("/planned_sessions", "out_of_range")]),
    "planned_sessions: 2001": ({"planned_sessions": 2001}, [("/planned_sessions", "out_of_range")]),
    "locale: number": ({"locale": 7361}, [("/locale", "wrong_type")]),
    "locale: underscore": ({"locale": "en_US"}, [("/locale", "invalid_format")]),
    "locale: long": ({"locale": "en-" + "canary73" * 3}, [("/locale", "too_long")]),
    "locale: surrogate": ({"locale": "en\udc00"}, [("/locale", "invalid_text")]),
    "channel: unknown": ({"channel": CANARY}, [("/channel", "not_allowed")]),
    "channel: object": ({"channel": {CANARY: CANARY}}, [("/channel", "not_allowed")]),
    "channel: surrogate": ({"channel": "video\ud800"}, [("/channel", "invalid_text")]),
    "modality: upper case": ({"modality": CANARY}, [("/modality", "invalid_format")]),
    "modality: long": ({"modality": "canary-7361" * 4}, [("/modality", "too_long")]),
    "modality: list": ({"modality": [CANARY]}, [("/modality", "wrong_type")]),
    "answers: absent": ({"answers": ...}, [("/answers", "required")]),
    "answers: null": ({"answers": None}, [("/answers", "wrong_type")]),
    "answers: text": ({"answers": CANARY}, [("/answers", "wrong_type")]),
    "answers: list": ({"answers": [4, 3, 5]}, [("/answers", "wrong_type")]),
    "answers: 201 items": ({"answers": {f"canary-7361-{i}": 1 for i in range(201)}}, [("/answers", "too_long")]),
    "answer: too low": ({"answers": {**ANSWERS, "7": 0}}, [("/answers/7", "out_of_range")]),
    "answer: too high": ({"answers": {**ANSWERS, "7": 6}}, [("/answers/7", "out_of_range")]),
    "answer: negative": ({"answers": {**ANSWERS, "7": -7361}}, [("/answers/7", "out_of_range")]),
    "answer: focus item too high": ({"answers": {**ANSWERS, "f4": 6}}, [("/answers/f4", "out_of_range")]),
    "item: unknown": ({"answers": {**ANSWERS, "9": 3}}, [("/answers/9", "unknown_item")]),
    "item: unknown and unanswered": ({"answers": {**ANSWERS, "9": None}}, [("/answers/9", "unknown_item")]),
    "item: padded": ({"answers": {**ANSWERS, "01": 3}}, [("/answers/01", "unknown_item")]),
    "item: empty": ({"answers": {**ANSWERS, "": 3}}, [("/answers/?", "unknown_item")]),
    "item: with a slash and a tilde": ({"answers": {**ANSWERS, "a/b~c": 3}}, [("/answers/a~1b~0c", "unknown_item")]),
    "item: NUL": ({"answers": {**ANSWERS, f"{CANARY}\0": 3}}, [("/answers/?", "unknown_item")]),
    "item: line feed": ({"answers": {**ANSWERS, f"{CANARY}\n": 3}}, [("/answers/?", "unknown_item")]),
    "item: another script": ({"answers": {**ANSWERS, f"{CANARY}é": 3}}, [("/answers/?", "unknown_item")]),
    "item: long": ({"answers": {**ANSWERS, CANARY * 4: 3}}, [("/answers/?", "too_long")]),
    "item: surrogate": ({"answers": {**ANSWERS, f"{CANARY}\ud800": 3}}, [("/answers", "invalid_text")]),
    "field: unknown": ({"mood": CANARY}, [("/mood", "unknown_field")]),
    "field: unknown and null": ({"mood": None}, [("/mood", "unknown_field")]),
    "field: other case": ({"Rater": CANARY}, [("/Rater", "unknown_field")]),
    "field: other style": ({"sessionNumber": 7361}, [("/sessionNumber", "unknown_field")]),
    "field: the id": ({"id": CANARY}, [("/id", "unknown_field")]),
    "field: the organisation": ({"organisation_id": CANARY}, [("/organisation_id", "unknown_field")]),
    "field: NUL": ({f"{CANARY}\0": CANARY}, [("/?", "unknown_field")]),
    "field: another script": ({f"{CANARY}é": CANARY}, [("/?", "unknown_field")]),
    "field: long": ({CANARY * 4: CANARY}, [("/?", "unknown_field")]),
    "field: surrogate": ({f"{CANARY}\udfff": CANARY}, [("", "invalid_text")]),
    "reported: list": ({"reported": [CANARY]}, [("/reported", "wrong_type")]),
    "reported: unknown field": ({"reported": {"mood": CANARY}}, [("/reported/mood", "unknown_field")]),
    "reported: surrogate": ({"reported": {f"{CANARY}\ud800": CANARY}}, [("/reported", "invalid_text")]),
    "reported: rupture 1": ({"reported": {"rupture": 1}}, [("/reported/rupture", "wrong_type")]),
    "reported: rupture text": ({"reported": {"rupture": "true"}}, [("/reported/rupture", "wrong_type")]),
    "reported: wish 0": ({"reported": {"wish_to_talk": 0}}, [("/reported/wish_to_talk", "wrong_type")]),
    "reported: ending unknown": ({"reported": {"ending": CANARY}}, [("/reported/ending", "not_allowed")]),
    "reported: stage unknown": ({"reported": {"stage": CANARY}}, [("/reported/stage", "not_allowed")]),
    "seen_by_therapist: 1": ({"seen_by_therapist": 1}, [("/seen_by_therapist", "wrong_type")]),
    "seen_by_therapist: text": ({"seen_by_therapist": "yes"}, [("/seen_by_therapist", "wrong_type")]),
    "source: text": ({"source": CANARY}, [("/source", "wrong_type")]),
    "source: no id": ({"source": {"system": CANARY}}, [("/source/id", "required")]),
    "source: unknown field": (
        {"source": {"system": CANARY, "id": CANARY, "url": CANARY}},
        [("/source/url", "unknown_field")],
    ),
    "comment: text": ({"comment": CANARY}, [("/comment", "comment_not_allowed")]),
    "comment: empty": ({"comment": ""}, [("/comment", "too_short")]),
    "comment: long": ({"comment": CANARY * 1000}, [("/comment", "too_long")]),
    "comment: false": ({"comment": False}, [("/comment", "wrong_type")]),
    "comment: object": ({"comment": {"text": CANARY}}, [("/comment", "wrong_type")]),
}


@pytest.mark.parametrize("field", sorted({name.partition(":")[0] for name in WRONG}))
def test_a_fault_in_a_field_is_named_by_pointer_and_code(clinic: Clinic, field: str) -> None:
    """The answer names the place and what is wrong there, and no more."""
    cases = {name: case for name, case in WRONG.items() if name.partition(":")[0] == field}
    with nothing_stored(clinic):
        answers = {
            name: told(clinic.post_bytes(json.dumps(marked(**changes)).encode()))
            for name, (changes, _) in cases.items()
        }
    assert answers == {name: (422, "validation_failed", sorted(places)) for name, (_, places) in cases.items()}


@pytest.mark.parametrize("pointer", NUMBERS)
def test_what_is_no_integer_is_of_the_wrong_type(clinic: Clinic, pointer: str) -> None:
    """Booleans, texts, floats without a fraction, NaN and infinities are never taken for an integer."""
    with nothing_stored(clinic):
        for spelling in NO_INTEGER:
            refused(clinic.post_bytes(spelled(pointer, spelling)), 422, "validation_failed", (pointer, "wrong_type"))


@pytest.mark.parametrize("digits", [20, 4_000, 5_000, 100_000])
def test_an_integer_of_any_length_is_out_of_range(clinic: Clinic, digits: int) -> None:
    """A number of thousands of digits is JSON, so it is refused at its place like any other that is too large."""
    with nothing_stored(clinic):
        answers = {pointer: told(clinic.post_bytes(spelled(pointer, "9" * digits))) for pointer in NUMBERS}
    assert answers == {pointer: (422, "validation_failed", [(pointer, "out_of_range")]) for pointer in NUMBERS}


@pytest.mark.parametrize("pointer", TEXTS)
def test_what_is_no_text_is_of_the_wrong_type(clinic: Clinic, pointer: str) -> None:
    """Numbers, infinities, booleans and lists are never taken for a reference."""
    with nothing_stored(clinic):
        for spelling in NO_TEXT:
            refused(clinic.post_bytes(spelled(pointer, spelling)), 422, "validation_failed", (pointer, "wrong_type"))


@pytest.mark.parametrize("pointer", TEXTS)
def test_a_text_that_cannot_be_kept_is_refused(clinic: Clinic, pointer: str) -> None:
    """Lone surrogates, NUL and other control characters get 422 at their place, in whatever text they stand."""
    with nothing_stored(clinic):
        for odd in ODD.values():
            sent = spelled(pointer, f'"{CANARY}{odd}"')
            refused(clinic.post_bytes(sent), 422, "validation_failed", (pointer, "invalid_text"))


@pytest.mark.parametrize(
    "text", ["x" * 200, "\U0001f600" * 200, "mrn 1042/7-é", "李", "' OR 1=1 --", "\u200b", "\ufffe"], ids=ascii
)
def test_any_other_text_names_a_client(clinic: Clinic, text: str) -> None:
    """Up to 200 characters of any script are a reference, and the client is found by it."""
    made = clinic.recorded(form(client_ref=text))
    found = clinic.request("POST", "/v1/clients/lookup", json={"ref": text})
    assert found.json() == {"client_id": made["client_id"]}


def test_two_spellings_of_one_reference_are_one_client(clinic: Clinic) -> None:
    """An accent in one character or in two is the same name (NFC), in every reference of a form."""
    one, two = "Andr\u00e9", "Andre\u0301"
    names = ("client_ref", "therapist_ref", "episode_ref")
    first = clinic.recorded(form(session_number=1, **dict.fromkeys(names, one)))
    second = clinic.recorded(form(session_number=2, **dict.fromkeys(names, two)))
    assert (first["client_id"], first["episode_id"]) == (second["client_id"], second["episode_id"])
    assert [clinic.count(table) for table in ("clients", "therapists", "episodes", "submissions")] == [1, 1, 1, 2]


def test_several_faults_are_reported_together(clinic: Clinic) -> None:
    """A sender sees every fault of the schema at once."""
    sent = marked(
        rater=CANARY,
        client_ref={"system": ""},
        session_number=0,
        completed_at="yesterday",
        comment=["x"],
        mood=CANARY,
        therapist_ref=...,
        answers={"7": 4.5, "8": True},
    )
    with nothing_stored(clinic):
        refused(
            clinic.post(sent),
            422,
            "validation_failed",
            ("/rater", "not_allowed"),
            ("/client_ref/system", "too_short"),
            ("/client_ref/value", "required"),
            ("/session_number", "out_of_range"),
            ("/completed_at", "invalid_time"),
            ("/comment", "wrong_type"),
            ("/mood", "unknown_field"),
            ("/therapist_ref", "required"),
            ("/answers/7", "wrong_type"),
            ("/answers/8", "wrong_type"),
        )


def test_several_faults_against_the_instrument_are_reported_together(clinic: Clinic) -> None:
    """Every item that the instrument cannot hold is named."""
    with nothing_stored(clinic):
        refused(
            clinic.post(marked(answers={"1": 6, "2": 0, "9": 1, "f1": 4})),
            422,
            "validation_failed",
            ("/answers/1", "out_of_range"),
            ("/answers/2", "out_of_range"),
            ("/answers/9", "unknown_item"),
        )


def test_the_rater_the_times_and_the_answers_are_reported_together(clinic: Clinic) -> None:
    """What is wrong against the instrument and against the clock is told at once, too."""
    day = "2999-01-01"
    sent = marked(rater="therapist", completed_at=f"{day}T00:00:00Z", session_date=day, answers={"7": 6})
    with nothing_stored(clinic):
        refused(
            clinic.post(sent),
            422,
            "validation_failed",
            ("/rater", "wrong_rater"),
            ("/completed_at", "in_the_future"),
            ("/session_date", "in_the_future"),
            ("/answers/7", "out_of_range"),
        )


@pytest.mark.parametrize(
    "answers",
    [{}, dict.fromkeys(ANSWERS), dict.fromkeys(ANSWERS, "not_applicable"), {"1": None, "f1": "not_applicable"}],
    ids=["absent", "all null", "all not applicable", "a mixture"],
)
def test_a_form_without_answers_is_refused(clinic: Clinic, answers: dict[str, Any]) -> None:
    """At least one item needs a number."""
    with nothing_stored(clinic):
        refused(clinic.post(marked(answers=answers)), 422, "no_answers", ("/answers", "no_answers"))


def test_a_form_with_focus_items_only_is_taken_and_nothing_is_scored(clinic: Clinic) -> None:
    """A number anywhere is an answer: the stage has its evidence, and every component says that it is not scored."""
    answer = clinic.recorded(form(answers={"f1": 5, "f2": 3, "f3": 1, "f4": 1}))
    scores = scores_by_component(answer)
    names = {"rapport", "empathy", "respect", "trust", "collaboration", "genuineness", "acceptance", "encouragement"}
    names |= {"relationship", "elements", "total"}
    assert {name: (score["status"], score["value"]) for name, score in scores.items()} == dict.fromkeys(
        names, ("not_scored", None)
    )
    assert scores["total"]["missing"] == ["1", "2", "3", "4", "5", "6", "7", "8"]
    assert (answer["stage"]["basis"], answer["stage"]["current"]) == ("focus_items", "establishing_rapport")


def test_the_stateless_score_refuses_the_same_answers(clinic: Clinic) -> None:
    """The pointers and codes of scoring without storing are those of intake."""
    path = "/v1/instruments/trq-s/score"

    def post(sent: Any) -> Any:
        return clinic.request("POST", path, content=json.dumps(sent), headers={"Content-Type": "application/json"})

    with nothing_stored(clinic):
        for value, code in (
            (True, "wrong_type"),
            (4.0, "wrong_type"),
            (float("nan"), "wrong_type"),
            (6, "out_of_range"),
        ):
            refused(post({"answers": {"1": 4, "7": value}}), 422, "validation_failed", ("/answers/7", code))
        refused(post({"answers": {"1": 4, "9": 1}}), 422, "validation_failed", ("/answers/9", "unknown_item"))
        refused(post({"answers": {"1": None}}), 422, "no_answers", ("/answers", "no_answers"))
        refused(post({"answers": {"1": 4}, "rater": CANARY}), 422, "validation_failed", ("/rater", "unknown_field"))
        refused(post({}), 422, "validation_failed", ("/answers", "required"))


def test_the_look_up_refuses_the_same_texts(clinic: Clinic) -> None:
    """A reference that cannot be kept cannot be looked up either."""
    headers = {"Content-Type": "application/json"}
    for odd in ODD.values():
        body = f'{{"ref": "{CANARY}{odd}"}}'
        answer = clinic.request("POST", "/v1/clients/lookup", content=body, headers=headers)
        refused(answer, 422, "validation_failed", ("/ref", "invalid_text"))
