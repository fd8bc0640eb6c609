"""API3:2023, broken object property level authorization: nobody sets what is the service's to set.

What a client's own key, a therapist's and a supervisor's are shown stands in `tests/api/test_bound_keys.py`,
`tests/api/test_supervisors.py` and `tests/usecases/test_bound_to_one.py`.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.api.operations import BY_INVITATION, Ids, body_of, request
from tests.api.refusals import nothing_stored, told
from tests.api.safety import who_may
from tests.api.test_invitations import invited
from tests.harness import Clinic
from tests.owasp.contract import answered_fields, body_schema, fields_of, operations

WITH_BODY = [name for name, operation in operations().items() if body_schema(operation) is not None]
#: What rows and callers hold, beside everything that an answer tells.
INTERNAL = {
    "organisation_id", "organisation", "application_id", "scopes", "audience", "binding", "acting", "sequence", "chain",
    "client_id", "therapist_id", "status", "superseded_by", "created_at", "received_at", "admin", "role", "__proto__",
}  # fmt: skip


def named(name: str) -> dict[str, str]:
    """Make the headers of a write."""
    condition = {"If-None-Match": "*"} if "{submission_id}" in name else {"If-Match": "*"}
    return {"Idempotency-Key": str(uuid4())} | (condition if name.startswith("PUT ") else {})


@pytest.mark.parametrize("name", WITH_BODY)
def test_nobody_sets_what_the_service_sets(clinic: Clinic, name: str) -> None:
    """Every field that an answer has and a body has not is refused at its place, and nothing is stored."""
    schema = body_schema(operations()[name])
    assert schema is not None
    ids = Ids.made(clinic)
    method, path, _ = request(name, ids)
    by, named_person = who_may(clinic, name) if name not in BY_INVITATION else (invited(clinic)[1], {})
    with nothing_stored(clinic):
        extra = dict.fromkeys(sorted((answered_fields() | INTERNAL) - fields_of(schema)), str(uuid4()))
        answer = by.request(
            method, path, json={**(body_of(name, ids) or {}), **extra}, headers=named(name) | named_person
        )
        status, code, places = told(answer)
    assert (status, code) == (422, "validation_failed")
    assert places == sorted((f"/{field}", "unknown_field") for field in extra)
    assert len(places) > 30


@pytest.mark.parametrize("place", ["answers", "reported", "source", "client_ref"])
def test_nor_does_anybody_within_a_part(clinic: Clinic, place: str) -> None:
    """Objects within a form are as closed as the form."""
    ids = Ids.made(clinic)
    whole: dict[str, Any] = body_of("POST /v1/submissions", ids) or {}
    inside = {"source": {"system": "s", "id": "1"}, "client_ref": {"system": "s", "value": "1"}, "reported": {}}
    whole[place] = {**inside.get(place, whole.get(place, {})), "organisation_id": str(uuid4())}
    with nothing_stored(clinic):
        status, code, places = told(clinic.post(whole))
    assert (status, code) == (422, "validation_failed")
    assert [pointer for pointer, _ in places] == [f"/{place}/organisation_id"]


def test_an_answer_holds_no_secret_and_no_reference_of_others(clinic: Clinic) -> None:
    """No field of the contract is named like a secret or a digest of a reference."""
    words = ("secret", "digest_of", "pepper", "password", "key_hash", "sealed", "reference_digest")
    assert [field for field in answered_fields() if any(word in field for word in words)] == []
    assert clinic.api_key not in clinic.get("/v1/caseload").text


@pytest.mark.parametrize("query", ["limit=1&limit=200", "limit=1&limit=1", "limit=1&limit=", "limit=&limit=1"])
def test_a_parameter_stands_once(clinic: Clinic, query: str) -> None:
    """What looks at the first of two, and what at the last, must not be shown two questions."""
    answer = clinic.get(f"/v1/changes?{query}")
    assert told(answer)[:2] == (400, "invalid_parameter")
    assert answer.json()["parameter"] == "limit"
