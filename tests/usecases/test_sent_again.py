"""Forms that are sent again: under another key, after they were corrected or withdrawn, or spelled otherwise."""

from __future__ import annotations

from typing import Any

import pytest

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
    ({"seen_by_therapist": ...}, {"seen_by_therapist": False}),
    ({"seen_by_therapist": None}, {"seen_by_therapist": False}),
    ({"reported": ...}, {"reported": {"rupture": False, "wish_to_talk": None}}),
]


@pytest.mark.parametrize("source", [None, SOURCE])
@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize("spellings", SAME, ids=["version", "seen", "seen null", "reported"])
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


def test_what_was_seen_by_the_therapist_is_another_form(clinic: Clinic) -> None:
    """Only false is as good as absent."""
    first = clinic.recorded(form())
    told = refused(clinic.post(form(seen_by_therapist=True)), 409, "session_already_rated")
    assert told["submission_id"] == first["id"]
