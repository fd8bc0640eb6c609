"""Where an organisation wants persons named, nothing of a client is told or erased without one; every form is taken."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.storage.tables import events
from tests.api.acting import want_persons
from tests.api.operations import Ids, body_of
from tests.contract.validator import Contract
from tests.harness import Clinic, form, problem

CONTRACT = Contract.committed()
PERSON = {"Acting-User": "person-1"}
STATEMENT = {"text_version": "2026-1", "stated_at": "2026-11-01T10:00:00Z", "decision": "informed"}
PUT_ID = "019a0000-0000-7000-8000-00000000ab01"


def told(answer: httpx.Response) -> tuple[int, bytes, str | None]:
    """Tell what an answer says, which is as declared."""
    assert CONTRACT.faults(answer) == []
    return answer.status_code, answer.content, answer.headers.get("Preference-Applied")


def send(clinic: Clinic, way: str, sent: dict[str, Any], made: dict[str, Any], **headers: str) -> httpx.Response:
    """Send a form by one of the ways that there are."""
    keyed = {"Idempotency-Key": f"key-{way}", **headers}
    if way == "put":
        return clinic.put(PUT_ID, sent, **headers)
    path = f"/v1/submissions/{made['id']}/corrections" if way == "correction" else "/v1/submissions"
    return clinic.request("POST", path, json=sent, headers=keyed)


@pytest.mark.parametrize("way", ["post", "put", "correction"])
def test_a_form_is_taken_from_nobody_and_answered_without_one(clinic: Clinic, way: str) -> None:
    """As a first one, which is compared with those before, and as a repeat; a person gets all of it."""
    made = clinic.recorded(form())
    want_persons(clinic)
    sent = form(session_number=1 if way == "correction" else 2, planned_sessions=9)
    for _ in range(2):
        answer = send(clinic, way, sent, made)
        assert told(answer) == (201, b"", "return=minimal")
        assert answer.headers["Location"].startswith("/v1/submissions/")
    named = send(clinic, way, sent, made, **PERSON)
    assert (named.status_code, named.json()["session_number"], len(named.json()["scores"])) == (
        201, sent["session_number"], len(made["scores"]),
    )  # fmt: skip


def test_a_form_that_is_there_is_told_to_nobody(clinic: Clinic) -> None:
    """Under another key it is found by its place."""
    clinic.recorded(form())
    want_persons(clinic)
    assert told(clinic.post(form())) == (200, b"", "return=minimal")


def test_a_batch_tells_nobody_of_its_forms(clinic: Clinic) -> None:
    """Statuses and places, and no scores, of what is new and of what was there."""
    clinic.recorded(form())
    want_persons(clinic)
    items = [("a", form()), ("b", form(session_number=2))]
    found = clinic.post_batch(items)
    assert CONTRACT.faults(found) == []
    assert [(one["status"], one["submission"]) for one in found.json()["items"]] == [(200, None), (201, None)]
    assert [one["submission"]["session_number"] for one in clinic.post_batch(items, **PERSON).json()["items"]] == [1, 2]


def test_a_withdrawal_tells_nobody_of_the_one_before(clinic: Clinic) -> None:
    """Neither how it was withdrawn by another request, nor how many sessions moved; a person gets that."""
    made = clinic.recorded(form())
    clinic.withdraw(made["id"], reason="client_request", key="first")
    want_persons(clinic)
    assert told(clinic.withdraw(made["id"], reason="entered_in_error")) == (200, b"", "return=minimal")
    path = f"/v1/submissions/{made['id']}/withdrawal"
    body = {"reason": "client_request"}
    named = clinic.request("POST", path, json=body, headers={"Idempotency-Key": "first", **PERSON})
    assert (named.status_code, named.json()["reason"]) == (201, "client_request")


def test_an_invitation_that_was_made_before_is_told_to_nobody(clinic: Clinic) -> None:
    """It says whether the form came in: by a repeat, and by a revocation, which can't be undone either."""
    want_persons(clinic)
    headers = {"Idempotency-Key": "once"}
    body = body_of("POST /v1/invitations", Ids())
    made = clinic.request("POST", "/v1/invitations", json=body, headers=headers)
    assert (made.status_code, "token" in made.json()) == (201, True)
    again = clinic.request("POST", "/v1/invitations", json=body, headers=headers)
    assert told(again) == (201, b"", "return=minimal")
    assert again.headers["Idempotent-Replayed"] == "true"
    path = f"{made.headers['Location']}/revocation"
    refused = clinic.request("POST", path, json={})
    assert (refused.status_code, problem(refused)["code"]) == (403, "acting_user_required")
    assert clinic.request("POST", path, json={}, headers=PERSON).status_code == 200


def test_nobody_erases_without_a_name(clinic: Clinic) -> None:
    """The refusal is kept, the client stays; with a name the erasure says whose it was."""
    made = clinic.recorded(form())
    want_persons(clinic)
    path = f"/v1/clients/{made['client_id']}"
    refused = clinic.request("DELETE", path)
    assert (refused.status_code, problem(refused)["code"]) == (403, "acting_user_required")
    assert CONTRACT.faults(refused) == []
    query = select(events.c.kind, events.c.subject).where(events.c.organisation_id == clinic.organisation)
    kept = [
        subject for kind, subject in clinic.service.read(lambda c: c.execute(query).all()) if kind == "access.denied"
    ]
    assert [(one["operation"], one["outcome"]) for one in kept] == [("delete_client", "acting_user_required")]
    assert clinic.count("clients") == 1
    assert clinic.request("DELETE", path, headers=PERSON).status_code == 200
    assert clinic.count("clients") == 0


def test_a_statement_is_taken_from_nobody_and_the_others_are_not_told(clinic: Clinic) -> None:
    """What was stated before is a read, whatever is stated now."""
    made = clinic.recorded(form())
    want_persons(clinic)
    path, any_state = f"/v1/clients/{made['client_id']}/notice", {"If-Match": "*"}
    for _ in range(2):
        assert told(clinic.request("PUT", path, json=STATEMENT, headers=any_state)) == (200, b"", "return=minimal")
    named = clinic.request("PUT", path, json=STATEMENT, headers=any_state | PERSON)
    assert len(named.json()["history"]) == 1
