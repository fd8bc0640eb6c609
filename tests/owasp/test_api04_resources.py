"""API4:2023, unrestricted resource consumption: everything that a caller may ask for has a size.

Rates, deadlines and bodies stand in `tests/api/test_limits.py` and `tests/api/test_bad_bodies.py`, slow and many
sockets in `tests/faults`; that every string, number and list of the contract is bounded in
`tests/contract/test_document.py`.
"""

from __future__ import annotations

import gzip
import json
from uuid import uuid4

import pytest

from tests.api.refusals import nothing_stored, told
from tests.api.safety import who_may
from tests.harness import Clinic, form
from tests.owasp.contract import operations

LISTS = [
    name
    for name, operation in operations().items()
    if any(one["name"] == "limit" for one in operation.get("parameters", []))
]


def test_what_may_grow_is_read_in_pages() -> None:
    """The caseload, the feed and safety checks; what is one client's or one instrument's is bounded by itself."""
    assert sorted(LISTS) == ["GET /v1/caseload", "GET /v1/changes", "GET /v1/safeguarding"]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("limit", ["201", "0", "-1", "1e9", "99999999999999999999", "", "all"])
def test_a_page_has_200_entries_at_most(clinic: Clinic, name: str, limit: str) -> None:
    """More, none, and what is no number is refused by the parameter's name."""
    method, path = name.split(" ")
    by, named = who_may(clinic, name)
    assert told(by.request(method, f"{path}?limit={limit}", headers=named))[:2] == (400, "invalid_parameter")
    assert by.request(method, f"{path}?limit=200", headers=named).status_code == 200


def test_a_compressed_body_is_not_unpacked(clinic: Clinic) -> None:
    """A few kilobytes could stand for gigabytes: what is not JSON as it comes is no JSON."""
    packed = gzip.compress(json.dumps(form()).encode())
    bomb = gzip.compress(b" " * 50_000_000)
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", "Idempotency-Key": str(uuid4())}
    with nothing_stored(clinic):
        for body in (packed, bomb):
            answer = clinic.request("POST", "/v1/submissions", content=body, headers=headers)
            assert told(answer)[:2] in {(400, "not_utf8"), (400, "invalid_json")}


def test_a_batch_has_500_forms_at_most_and_each_counts(clinic: Clinic) -> None:
    """One more is refused as a whole, and so is a batch of nothing."""
    small = {"key": "k", "form": {}}
    with nothing_stored(clinic):
        for items in ([], [small] * 501):
            answer = clinic.request("POST", "/v1/submissions/batch", json={"items": items})
            status, code, places = told(answer)
            assert (status, code) == (422, "validation_failed")
            assert [pointer for pointer, _ in places] == ["/items"]
