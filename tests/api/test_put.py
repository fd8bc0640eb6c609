"""A form under an id that the sender made: the phone's safe path."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.api.operations import ABSENT
from tests.api.refusals import marked, nothing_stored, refused
from tests.faults.accounting import faults
from tests.harness import ANSWERS, Clinic, form

SOURCE = {"system": "https://app.example", "id": "1"}
OTHER = {**ANSWERS, "1": 1}


def test_a_form_is_stored_under_the_senders_id(clinic: Clinic) -> None:
    """201 with that id, in the body and in the address, and it is read back there."""
    made = uuid4()
    answer = clinic.put(made, form())
    assert (answer.status_code, answer.json()["id"], answer.headers["location"]) == (
        201, str(made), f"/v1/submissions/{made}",
    )  # fmt: skip
    assert clinic.read_back(made)["form"]["answers"] == ANSWERS
    assert clinic.service.read(lambda c: faults(c, [made], organisation=clinic.organisation)) == []


def test_the_same_content_replays_the_first_answer(clinic: Clinic) -> None:
    """However often it is sent, and however the id is spelled, until and after the answer came through."""
    made = UUID(ABSENT)
    first = clinic.put(made, form())
    clinic.recorded(form(session_number=2))
    with nothing_stored(clinic):
        for spelled in (str(made), str(made).upper(), made.hex, f"{{{made}}}", f"urn:uuid:{made}"):
            again = clinic.put(spelled, form())
            assert (again.status_code, again.content) == (201, first.content)
            assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    "changes", [{"answers": OTHER}, {"session_number": 2}, {"client_ref": "mrn-2"}, {"source": SOURCE}]
)
def test_other_content_under_the_id_is_refused(clinic: Clinic, changes: dict[str, Any]) -> None:
    """412 with the id, and nothing is stored: not even the new client of the other form."""
    made = uuid4()
    clinic.put(made, form())
    with nothing_stored(clinic):
        told = refused(clinic.put(made, form(**changes)), 412, "already_exists")
    assert told["submission_id"] == str(made)


def test_the_nil_uuid_is_no_id_of_a_form(clinic: Clinic) -> None:
    """As what is no UUID: it was taken, and stood in no export."""
    with nothing_stored(clinic):
        refused(clinic.put(UUID(int=0), form()), 404, "not_found")


@pytest.mark.parametrize("value", [None, "", '"etag"', "W/*", "**"])
def test_the_precondition_is_required(clinic: Clinic, value: str | None) -> None:
    """Without `If-None-Match: *` a PUT might replace what is there: 428."""
    headers = {} if value is None else {"If-None-Match": value}
    with nothing_stored(clinic):
        answer = clinic.request("PUT", f"/v1/submissions/{uuid4()}", json=form(), headers=headers)
        refused(answer, 428, "precondition_required")


def test_faults_are_told_and_leave_the_id_free(clinic: Clinic) -> None:
    """Whatever it was refused for, the mended form is stored under the same id."""
    made = uuid4()
    clinic.recorded(form(session_number=4, source=SOURCE))
    with nothing_stored(clinic):
        faulty = clinic.put(made, marked(session_number=0))
        refused(faulty, 422, "validation_failed", ("/session_number", "out_of_range"))
        refused(clinic.put(made, form(answers={})), 422, "no_answers", ("/answers", "no_answers"))
        refused(clinic.put(made, form(session_number=4, answers=OTHER)), 409, "session_already_rated")
        refused(clinic.put(made, form(session_number=5, source=SOURCE)), 409, "source_conflict")
        refused(clinic.put("CANARY-7361", form()), 404, "not_found")
    assert clinic.put(made, form()).status_code == 201


def test_a_form_that_is_there_under_another_id_is_answered(clinic: Clinic) -> None:
    """200 with the stored form, whose id is the other one; the sender's id then replays that, and stays bound to it."""
    first = clinic.recorded(form())
    made = uuid4()
    there = clinic.put(made, form())
    assert (there.status_code, there.json()["id"]) == (200, first["id"])
    assert there.headers["location"] == f"/v1/submissions/{first['id']}"
    with nothing_stored(clinic):
        again = clinic.put(made, form())
        assert (again.status_code, again.content) == (200, there.content)
        refused(clinic.put(made, form(session_number=2)), 412, "already_exists")
        refused(clinic.get(f"/v1/submissions/{made}"), 404, "not_found")


def test_the_id_of_a_posted_form_is_taken(clinic: Clinic) -> None:
    """The same content is the stored form, other content gets 412."""
    made = clinic.recorded(form())
    there = clinic.put(made["id"], form())
    assert (there.status_code, there.json()) == (200, made)
    with nothing_stored(clinic):
        told = refused(clinic.put(made["id"], form(session_number=2)), 412, "already_exists")
    assert told["submission_id"] == made["id"]


def test_a_put_after_a_correction_replays_what_was_said_then(clinic: Clinic) -> None:
    """A phone that did not hear the answer is not told of what became of the form since."""
    made = uuid4()
    first = clinic.put(made, form())
    clinic.correct(made, form(answers=OTHER))
    again = clinic.put(made, form())
    assert (again.status_code, again.content) == (201, first.content)
    assert clinic.read_back(made)["status"] == "superseded"


def test_an_id_belongs_to_its_organisation(clinic: Clinic) -> None:
    """Two organisations may use the same id for forms of their own, and neither hears of the other."""
    other, made = clinic.service.clinic(), uuid4()
    ours, theirs = clinic.put(made, form()), other.put(made, form(answers=OTHER))
    assert (ours.status_code, theirs.status_code) == (201, 201)
    assert ours.json()["client_id"] != theirs.json()["client_id"]
    assert clinic.read_back(made)["form"]["answers"] != other.read_back(made)["form"]["answers"]


def test_an_id_belongs_to_the_organisation_not_to_an_application(clinic: Clinic) -> None:
    """Another application of the organisation meets the stored form, as under any other key."""
    made = uuid4()
    first = clinic.put(made, form())
    other = clinic.service.application(clinic.organisation)
    there = other.put(made, form())
    assert (there.status_code, there.content) == (200, first.content)
    refused(other.put(made, form(answers=OTHER)), 412, "already_exists")


def test_what_was_taken_back_is_not_told_as_stored_to_another_application(clinic: Clinic) -> None:
    """A form that counts no longer: who puts it anew would believe that it does, and it would be lost."""
    other = clinic.service.application(clinic.organisation)
    gone, old = uuid4(), uuid4()
    clinic.put(gone, form())
    clinic.withdraw(gone)
    clinic.put(old, form(session_number=2))
    new = clinic.correct(old, form(session_number=2, answers=OTHER)).json()["id"]
    with nothing_stored(clinic):
        assert "submission_id" not in refused(other.put(gone, form()), 409, "not_current")
        assert refused(other.put(old, form(session_number=2)), 409, "not_current")["submission_id"] == new


def test_a_minimal_answer_has_the_place_only(clinic: Clinic) -> None:
    """`Prefer: return=minimal`."""
    made = uuid4()
    answer = clinic.put(made, form(), Prefer="return=minimal")
    assert (answer.status_code, answer.content, answer.headers["location"]) == (201, b"", f"/v1/submissions/{made}")


def test_sixteen_at_once_store_one(clinic: Clinic) -> None:
    """The same form under one id: one is stored and the others replay it."""
    made = uuid4()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: clinic.put(made, form()), range(16)))
    assert Counter(answer.status_code for answer in answers) == {201: 16}
    assert len({answer.content for answer in answers}) == 1
    assert Counter(answer.headers.get("idempotent-replayed") for answer in answers) == {"true": 15, None: 1}
    assert clinic.service.read(lambda c: faults(c, [made], organisation=clinic.organisation)) == []
    assert clinic.count("submissions") == 1


def test_sixteen_forms_at_once_under_one_id_store_one(clinic: Clinic) -> None:
    """Different forms under one id: one is stored, the others get 412."""
    made = uuid4()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: clinic.put(made, form(session_number=n + 1)), range(16)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 412: 15}
    assert clinic.count("submissions") == 1
