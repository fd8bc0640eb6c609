"""What makes two posts the same, field by field, and what each kind of repeat is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.refusals import CANARY, nothing_stored, refused
from tests.harness import ANSWERS, Clinic, form, problem

SOURCE = {"system": "https://ehr.example/forms", "id": "qr-889"}
WHOLE: dict[str, Any] = {
    "instrument_version": "1.0.0",
    "episode_ref": "2026-a",
    "planned_sessions": 12,
    "session_date": "2026-11-01",
    "completed_at": "2026-11-01T14:05:00+01:00",
    "locale": "en",
    "channel": "in_person",
    "modality": "cbt",
    "answers": {**ANSWERS, "7": None, "8": "not_applicable"},
    "reported": {"rupture": True, "wish_to_talk": False, "ending": None, "stage": "working_on_solutions"},
    "comment": None,
    "seen_by_therapist": True,
    "source": SOURCE,
}

#: Another way to write the same content.
SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "another zone": ({"completed_at": "2026-11-01T14:05:00+01:00"}, {"completed_at": "2026-11-01T13:05:00Z"}),
    "another day there": ({"completed_at": "2026-11-01T23:30:00-05:00"}, {"completed_at": "2026-11-02T04:30:00Z"}),
    "small letters": ({"completed_at": "2026-11-01T13:05:00Z"}, {"completed_at": "2026-11-01t13:05:00z"}),
    "zero seconds": ({"completed_at": "2026-11-01T13:05:00Z"}, {"completed_at": "2026-11-01T13:05:00.000Z"}),
    "null for an absent answer": (
        {"answers": {"1": 4, "2": None, "f1": None}},
        {"answers": {"1": 4}},
    ),
    "answers in another order": (
        {"answers": ANSWERS},
        {"answers": dict(reversed(ANSWERS.items()))},
    ),
    "null for absent fields": (
        {},
        dict.fromkeys(WHOLE.keys() - {"answers", "completed_at"}),
    ),
    "nothing reported": ({"reported": {}}, {"reported": {"rupture": None, "ending": None, "stage": None}}),
    "two spellings of a name": ({"client_ref": "Andr\u00e9"}, {"client_ref": "Andre\u0301"}),
}

#: One field of WHOLE that is another one.
OTHER: dict[str, dict[str, Any]] = {
    "client": {"client_ref": "mrn-2"},
    "client of a system": {"client_ref": {"system": "https://ehr.example", "value": "mrn-1042"}},
    "therapist": {"therapist_ref": "th-8"},
    "therapist of a system": {"therapist_ref": {"system": "https://ehr.example", "value": "th-7"}},
    "episode": {"episode_ref": "2026-b"},
    "no episode": {"episode_ref": None},
    "session": {"session_number": 2},
    "plan": {"planned_sessions": 11},
    "no plan": {"planned_sessions": None},
    "date": {"session_date": "2026-10-31"},
    "moment": {"completed_at": "2026-11-01T14:05:00.000001+01:00"},
    "zone alone": {"completed_at": "2026-11-01T14:05:00Z"},
    "locale": {"locale": "de"},
    "channel": {"channel": "video"},
    "modality": {"modality": "act"},
    "answer": {"answers": {**ANSWERS, "1": 5, "7": None, "8": "not_applicable"}},
    "an answer more": {"answers": {**ANSWERS, "8": "not_applicable"}},
    "an answer less": {"answers": {**ANSWERS, "6": None, "7": None, "8": "not_applicable"}},
    "null for not applicable": {"answers": {**ANSWERS, "7": None, "8": None}},
    "focus item": {"answers": {**ANSWERS, "7": None, "8": "not_applicable", "f4": 2}},
    "rupture": {"reported": {**WHOLE["reported"], "rupture": False}},
    "wish": {"reported": {**WHOLE["reported"], "wish_to_talk": True}},
    "ending": {"reported": {**WHOLE["reported"], "ending": "planned"}},
    "reported stage": {"reported": {**WHOLE["reported"], "stage": None}},
    "seen": {"seen_by_therapist": False},
    "seen, not said": {"seen_by_therapist": None},
    "source": {"source": {**SOURCE, "id": "qr-890"}},
    "no source": {"source": None},
}


def test_a_repeat_answers_the_first_status_bytes_and_place(clinic: Clinic) -> None:
    """However often it is sent: nothing is stored again, and the header says that it is a replay."""
    first = clinic.post(form(**WHOLE), key="k")
    assert first.status_code == 201
    assert "idempotent-replayed" not in first.headers
    with nothing_stored(clinic):
        for _ in range(3):
            again = clinic.post(form(**WHOLE), key="k")
            assert (again.status_code, again.content) == (201, first.content)
            assert again.headers["idempotent-replayed"] == "true"
            assert again.headers["location"] == first.headers["location"]
            assert again.headers["cache-control"] == "no-store"


def test_a_repeat_answers_what_was_said_then(clinic: Clinic) -> None:
    """Later sessions change neither the scores nor the stage of an answer that is repeated."""
    first = clinic.post(form(session_number=1), key="k")
    for session in (2, 3):
        clinic.recorded(form(session_number=session, answers={**ANSWERS, "1": 1}, reported={"ending": "planned"}))
    again = clinic.post(form(session_number=1), key="k")
    assert (again.status_code, again.content) == (201, first.content)


def test_a_key_is_the_same_in_quotes(clinic: Clinic) -> None:
    """A quoted key (as the draft standard writes it) and a bare one are one key; case matters."""
    first = clinic.post(form(), key='"a-Key"')
    assert clinic.post(form(), key="a-Key").content == first.content
    assert clinic.post(form(), key='  "a-Key" ').headers["idempotent-replayed"] == "true"
    assert clinic.post(form(session_number=2), key="a-key").status_code == 201


@pytest.mark.parametrize("name", SAME)
def test_another_way_to_write_it_is_the_same_content(clinic: Clinic, name: str) -> None:
    """Under the same key it is a replay, under another one the stored form."""
    one, other = SAME[name]
    first = clinic.post(form(**one), key="k")
    assert first.status_code == 201
    again, elsewhere = clinic.post(form(**other), key="k"), clinic.post(form(**other), key="another")
    assert (again.status_code, again.content) == (201, first.content)
    assert (elsewhere.status_code, elsewhere.content) == (200, first.content)
    assert clinic.count("submissions") == 1


def test_the_layout_of_the_json_is_not_content(clinic: Clinic) -> None:
    """Blanks, escapes and the order of fields make no other content."""
    first = clinic.post(form(**WHOLE), key="k")
    turned = json.dumps(dict(reversed(form(**WHOLE).items())), indent=4).replace("mrn", r"\u006drn")
    assert clinic.post_bytes(turned.encode(), key="k").content == first.content


def test_every_field_belongs_to_the_content(clinic: Clinic) -> None:
    """A key with any field changed is refused, stores nothing, and still replays its own content."""
    first = clinic.post(form(**WHOLE), key="k")
    with nothing_stored(clinic):
        answers = {name: clinic.post(form(**(WHOLE | changes)), key="k") for name, changes in OTHER.items()}
        assert {name: problem(answer)["code"] for name, answer in answers.items()} == dict.fromkeys(
            OTHER, "idempotency_key_reused"
        )
        assert {answer.status_code for answer in answers.values()} == {422}
        assert clinic.post(form(**WHOLE), key="k").content == first.content


def test_the_instrument_and_the_rater_belong_to_the_content(clinic: Clinic) -> None:
    """The same numbers to another instrument are another form."""
    answers = {str(i): 4 for i in range(1, 9)}
    assert clinic.post(form(answers=answers), key="k").status_code == 201
    for other in ({"instrument": "trq-s-t", "rater": "therapist"}, {"instrument": "wai-sr"}):
        with nothing_stored(clinic):
            refused(clinic.post(form(answers=answers, **other), key="k"), 422, "idempotency_key_reused")


def test_the_same_content_under_another_key_is_the_stored_form(clinic: Clinic) -> None:
    """200 with the first answer, which the new key then replays: as 200, with the header."""
    first = clinic.post(form(**WHOLE))
    again = clinic.post(form(**WHOLE), key="k")
    assert (again.status_code, again.content) == (200, first.content)
    assert "idempotent-replayed" not in again.headers
    assert again.headers["location"] == first.headers["location"]
    with nothing_stored(clinic):
        replayed = clinic.post(form(**WHOLE), key="k")
    assert (replayed.status_code, replayed.content) == (200, first.content)
    assert replayed.headers["idempotent-replayed"] == "true"
    assert clinic.count("submissions") == 1


def test_other_content_at_the_same_place_is_refused_with_the_id(clinic: Clinic) -> None:
    """One form per episode, session, instrument and rater; the answer says which one to correct."""
    first = clinic.recorded(form())
    with nothing_stored(clinic):
        told = refused(clinic.post(form(answers={**ANSWERS, "1": 1})), 409, "session_already_rated")
    assert told["submission_id"] == first["id"]


def test_a_source_names_one_form(clinic: Clinic) -> None:
    """The same source under a new key is the stored form; with other content, here or elsewhere, 409 with its id."""
    first = clinic.post(form(source=SOURCE))
    again = clinic.post(form(source=SOURCE), key="k")
    assert (again.status_code, again.content) == (200, first.content)
    for other in ({"session_number": 2}, {"client_ref": CANARY}, {"answers": {**ANSWERS, "1": 1}}):
        with nothing_stored(clinic):
            told = refused(clinic.post(form(source=SOURCE, **other)), 409, "source_conflict")
        assert told["submission_id"] == first.json()["id"]


def test_both_parts_of_a_source_count(clinic: Clinic) -> None:
    """The same id in another system is another source, and parts are not just strung together."""
    clinic.recorded(form(session_number=1, source={"system": "ab", "id": "c"}))
    clinic.recorded(form(session_number=2, source={"system": "a", "id": "bc"}))
    clinic.recorded(form(session_number=3, source={"system": "c", "id": "ab"}))


def test_the_source_is_not_content(clinic: Clinic) -> None:
    """The same form sent with its source later is the same form."""
    first = clinic.post(form())
    again = clinic.post(form(source=SOURCE))
    assert (again.status_code, again.content) == (200, first.content)


def test_a_refused_post_does_not_bind_its_key(clinic: Clinic) -> None:
    """Whatever it was refused for, the key is free for the mended form."""
    clinic.recorded(form(session_number=4, source=SOURCE))
    clinic.recorded(form(session_number=1, client_ref="mrn-3", episode_ref="e"))
    refusals: list[tuple[int, str, dict[str, Any]]] = [
        (422, "validation_failed", {"session_number": 0}),
        (422, "validation_failed", {"answers": {"1": 9}}),
        (422, "validation_failed", {"rater": "therapist"}),
        (422, "no_answers", {"answers": {}}),
        (409, "session_already_rated", {"session_number": 4, "answers": {"1": 1}}),
        (409, "source_conflict", {"session_number": 5, "source": SOURCE}),
        (409, "episode_therapist_mismatch", {"client_ref": "mrn-3", "episode_ref": "e", "therapist_ref": "th-9"}),
        (409, "instrument_not_enabled", {"instrument": "wai-s", "answers": {"1": 7}}),
    ]
    with nothing_stored(clinic):
        for status, code, changes in refusals:
            answer = clinic.post(form(**changes), key="k")
            assert (answer.status_code, answer.json()["code"]) == (status, code)
    mended = clinic.post(form(session_number=5), key="k")
    assert (mended.status_code, mended.json()["session_number"]) == (201, 5)


def test_a_key_belongs_to_its_application(clinic: Clinic) -> None:
    """The same text is another key for another application, which still meets the organisation's stored forms."""
    first = clinic.post(form(session_number=1), key="k")
    other = clinic.service.application(clinic.organisation)
    assert other.post(form(session_number=2), key="k").status_code == 201
    assert clinic.post(form(session_number=1), key="k").content == first.content
    same = other.post(form(session_number=1), key="k-1")
    assert (same.status_code, same.content) == (200, first.content)
    assert "idempotent-replayed" not in same.headers


def test_keys_sources_and_references_belong_to_their_organisation(clinic: Clinic) -> None:
    """Two organisations send the same bytes under the same key, and neither hears of the other."""
    other = clinic.service.clinic()
    one, two = clinic.post(form(**WHOLE), key="k"), other.post(form(**WHOLE), key="k")
    assert (one.status_code, two.status_code) == (201, 201)
    for name in ("id", "client_id", "episode_id"):
        assert one.json()[name] != two.json()[name]
    assert "idempotent-replayed" not in two.headers


def test_a_reference_of_a_system_is_another_person(clinic: Clinic) -> None:
    """The plain text, the same text in a system, and in another system are three clients."""
    refs = ["mrn-1042", {"system": "a", "value": "mrn-1042"}, {"system": "b", "value": "mrn-1042"}]
    assert len({clinic.recorded(form(client_ref=ref))["client_id"] for ref in refs}) == 3
    again = clinic.recorded(form(client_ref={"system": "a", "value": "mrn-1042"}, session_number=2))
    found = clinic.request("POST", "/v1/clients/lookup", json={"ref": refs[1]})
    assert found.json() == {"client_id": again["client_id"]}
    assert clinic.count("clients") == 3


def test_a_client_and_a_therapist_of_one_name_are_two_people(clinic: Clinic) -> None:
    """The kinds of references are apart."""
    made = clinic.recorded(form(client_ref="mrn-7", therapist_ref="mrn-7"))
    stored = clinic.get(f"/v1/submissions/{made['id']}").json()
    assert stored["client_id"] != stored["therapist_id"]


def test_a_minimal_answer_is_replayed_whole_or_minimal(clinic: Clinic) -> None:
    """`Prefer: return=minimal` is a matter of the answer, not of what is stored."""
    headers = {"Idempotency-Key": "k", "Prefer": "respond-async, return=minimal"}
    minimal = clinic.request("POST", "/v1/submissions", json=form(), headers=headers)
    assert (minimal.status_code, minimal.content) == (201, b"")
    assert minimal.headers["preference-applied"] == "return=minimal"
    whole = clinic.post(form(), key="k")
    assert (whole.status_code, whole.headers["location"]) == (201, minimal.headers["location"])
    again = clinic.request("POST", "/v1/submissions", json=form(), headers=headers)
    assert (again.status_code, again.content, again.headers["idempotent-replayed"]) == (201, b"", "true")
