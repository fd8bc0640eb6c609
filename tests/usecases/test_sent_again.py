"""Forms that are sent again: under another key, after they were corrected or withdrawn, or spelled otherwise."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from app.submissions.form import canonical_content
from app.web.submissions_wire import SubmissionIn, form_of
from tests.api.refusals import nothing_stored, refused
from tests.harness import ANSWERS, Clinic, form
from tests.usecases.test_corrections import corrected

SOURCE = {"system": "https://forms.example", "id": "qr-1"}
MENDED = {**ANSWERS, "1": 1}


def test_a_withdrawn_form_is_not_taken_for_the_same_again(clinic: Clinic) -> None:
    """Its source under a new key is a conflict that names no form; its old key still answers as the first time."""
    sent = form(source=SOURCE)
    first = clinic.post(sent, key="k")
    assert first.status_code == 201
    assert clinic.withdraw(first.json()["id"]).status_code == 201
    phone = clinic.bound("client", "mrn-1042")
    with nothing_stored(clinic):
        for again in (clinic.post(sent), phone.post(sent)):
            assert refused(again, 409, "not_current").get("submission_id") is None
        (item,) = clinic.post_batch([("in-a-batch", sent)]).json()["items"]
        assert (item["status"], item["problem"]["code"], item["id"]) == (409, "not_current", None)
        repeat = clinic.post(sent, key="k")
    assert (repeat.status_code, repeat.content, repeat.headers["idempotent-replayed"]) == (201, first.content, "true")
    assert clinic.read_back(first.json()["id"])["status"] == "withdrawn"


def test_a_corrected_form_is_not_taken_for_the_same_again(clinic: Clinic) -> None:
    """Its source under a new key is a conflict that names what counts now; its old key answers as the first time."""
    sent = form(source=SOURCE)
    first = clinic.post(sent, key="k")
    middle = corrected(clinic, first.json()["id"], form(answers={**ANSWERS, "1": 2}))
    last = corrected(clinic, middle["id"], form(answers=MENDED))
    phone = clinic.bound("client", "mrn-1042")
    with nothing_stored(clinic):
        assert refused(clinic.post(sent), 409, "not_current")["submission_id"] == last["id"]
        told = refused(phone.post(sent), 409, "not_current")
        assert told.get("submission_id") is None
        repeat = clinic.post(sent, key="k")
    assert (repeat.status_code, repeat.content, repeat.headers["idempotent-replayed"]) == (201, first.content, "true")
    now = clinic.post(form(answers=MENDED, source=SOURCE))
    assert (now.status_code, now.json()["id"]) == (200, last["id"])


def test_a_corrected_and_withdrawn_form_names_nothing(clinic: Clinic) -> None:
    """Neither its first content nor the one that was withdrawn looks as if it counted."""
    first = clinic.recorded(form(source=SOURCE))
    last = corrected(clinic, first["id"], form(answers=MENDED))
    assert clinic.withdraw(last["id"]).status_code == 201
    with nothing_stored(clinic):
        for sent in (form(source=SOURCE), form(source=SOURCE, answers=MENDED)):
            assert refused(clinic.post(sent), 409, "not_current").get("submission_id") is None
    assert clinic.post(form()).status_code == 201  # without its source it is a new form


SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"instrument_version": ...}, {"instrument_version": "1.0.0"}),
    ({"seen_by_therapist": ...}, {"seen_by_therapist": None}),
    ({"reported": ...}, {"reported": {"rupture": False, "wish_to_talk": None}}),
]


@pytest.mark.parametrize("source", [None, SOURCE])
@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize("spellings", SAME, ids=["version", "seen", "reported"])
def test_what_is_left_out_equals_what_it_stands_for(
    clinic: Clinic, spellings: tuple[dict[str, Any], dict[str, Any]], source: dict[str, str] | None, *, is_turned: bool
) -> None:
    """Under a new key the other spelling is the same form, with a source and without, and in a batch too."""
    one, other = reversed(spellings) if is_turned else spellings
    named = {} if source is None else {"source": source}
    first = clinic.recorded(form(**named, **one))
    again = clinic.post(form(**named, **other))
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    (item,) = clinic.post_batch([("in-a-batch", form(**named, **other))]).json()["items"]
    assert (item["status"], item["id"]) == (200, first["id"])
    assert clinic.count("submissions") == 1


SEEN: dict[str, bool | None] = {"not said": None, "seen": True, "kept from the therapist": False}


@pytest.mark.parametrize("first", SEEN)
def test_what_a_client_was_told_of_the_therapist_is_content(clinic: Clinic, first: str) -> None:
    """Each of the three is another form than the others: under its key, at its place, under its id and in a batch.

    What a client wants kept from their therapist must not be answered as if it were stored.
    """
    made = uuid4()
    at_id = {"session_number": 2, "seen_by_therapist": SEEN[first]}
    assert clinic.put(made, form(**at_id)).status_code == 201
    stored = clinic.post(form(seen_by_therapist=SEEN[first], source=SOURCE), key="k").json()["id"]
    with nothing_stored(clinic):
        for other in (told for name, told in SEEN.items() if name != first):
            sent = form(seen_by_therapist=other, source=SOURCE)
            refused(clinic.post(sent, key="k"), 422, "idempotency_key_reused")
            assert refused(clinic.post(sent), 409, "source_conflict")["submission_id"] == stored
            unnamed = form(seen_by_therapist=other)
            assert refused(clinic.post(unnamed), 409, "session_already_rated")["submission_id"] == stored
            refused(clinic.put(made, form(**(at_id | {"seen_by_therapist": other}))), 412, "already_exists")
            (item,) = clinic.post_batch([("in-a-batch", unnamed)]).json()["items"]
            assert (item["status"], item["problem"]["code"]) == (409, "session_already_rated")
    assert clinic.read_back(stored)["form"]["seen_by_therapist"] is SEEN[first]


@pytest.mark.parametrize(
    ("told", "spelled"), [(None, "false"), (True, "true"), (False, '"kept_from_therapist"')], ids=list(SEEN)
)
def test_forms_of_before_are_spelled_as_they_were(told: bool | None, spelled: str) -> None:  # noqa: FBT001 - parametrised
    """Digests are kept with forms: a repeat of one that was sent without the field, or with true, is still a repeat."""
    sent = form_of(SubmissionIn.model_validate(form(answers={"1": 4}, seen_by_therapist=told)))
    assert canonical_content(sent, version="1.0.0") == (
        '{"answers":{"1":4},"channel":null,"client_ref":["","mrn-1042"],"completed_at":"2025-01-14T10:00:00+00:00",'
        '"episode_ref":null,"instrument":"trq-s","instrument_version":"1.0.0","locale":null,"modality":null,'
        '"planned_sessions":null,"rater":"client","reported":{"ending":null,"rupture":false,"stage":null,'
        f'"wish_to_talk":false}},"seen_by_therapist":{spelled},"session_date":null,"session_number":1,'
        '"therapist_ref":["","th-7"]}'
    )
