"""Bad input gets a clear error, echoes nothing, stores nothing, and is never a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import ANSWERS, Clinic, form, problem

CANARY = "CANARY-7361"
FIELDS: list[tuple[dict[str, Any], str, str]] = [
    ({"answers": {**ANSWERS, "7": 6}}, "/answers/7", "out_of_range"),
    ({"answers": {**ANSWERS, "7": 10**400}}, "/answers/7", "out_of_range"),
    ({"answers": {**ANSWERS, "7": True}}, "/answers/7", "wrong_type"),
    ({"answers": {**ANSWERS, "7": "3"}}, "/answers/7", "wrong_type"),
    ({"answers": {**ANSWERS, "7": 1.0}}, "/answers/7", "wrong_type"),
    ({"answers": {**ANSWERS, "7": [CANARY]}}, "/answers/7", "wrong_type"),
    ({"answers": {**ANSWERS, "99": 3}}, "/answers/99", "unknown_item"),
    ({"answers": {**ANSWERS, "\ud800": 3}}, "/answers", "invalid_text"),
    ({"answers": [CANARY]}, "/answers", "wrong_type"),
    ({"session_number": True}, "/session_number", "wrong_type"),
    ({"session_number": "1"}, "/session_number", "wrong_type"),
    ({"session_number": 0}, "/session_number", "out_of_range"),
    ({"client_ref": f"{CANARY}\u0000"}, "/client_ref", "invalid_text"),
    ({"client_ref": f"{CANARY}\ud800"}, "/client_ref", "invalid_text"),
    ({"client_ref": {"system": CANARY}}, "/client_ref/value", "required"),
    ({"client_ref": CANARY * 40}, "/client_ref", "too_long"),
    ({"completed_at": 1763640000}, "/completed_at", "wrong_type"),
    ({"completed_at": "2026-11-20T14:05:00"}, "/completed_at", "invalid_time"),
    ({"completed_at": "0001-01-01T00:00:00Z"}, "/completed_at", "too_early"),
    ({"completed_at": "1999-12-31T23:59:59Z"}, "/completed_at", "too_early"),
    ({"completed_at": "2999-01-01T00:00:00Z"}, "/completed_at", "in_the_future"),
    ({"session_date": "2999-01-01"}, "/session_date", "in_the_future"),
    ({"session_date": "20-11-2026"}, "/session_date", "invalid_date"),
    ({"rater": "therapist"}, "/rater", "wrong_rater"),
    ({"rater": CANARY}, "/rater", "not_allowed"),
    ({"instrument": "canary"}, "/instrument", "unknown_instrument"),
    ({"instrument_version": "9.9.9"}, "/instrument_version", "unknown_version"),
    ({"comment": CANARY}, "/comment", "comment_not_allowed"),
    ({"unknown": CANARY}, "/unknown", "unknown_field"),
    ({"reported": {"rupture": CANARY}}, "/reported/rupture", "wrong_type"),
    ({"therapist_ref": ...}, "/therapist_ref", "required"),
]


@pytest.mark.parametrize(
    ("changes", "pointer", "code"), FIELDS, ids=lambda value: str(value)[:40].encode("ascii", "replace").decode()
)
def test_a_fault_in_a_field_is_named_by_pointer_and_code(
    clinic: Clinic, changes: dict[str, Any], pointer: str, code: str
) -> None:
    """422 with the place and the code; no value comes back, no row is written."""
    before = clinic.counts()
    response = clinic.post_bytes(json.dumps(form(**changes)).encode())
    told = problem(response)
    assert (told["status"], {"pointer": pointer, "code": code} in told["errors"]) == (422, True), told
    assert CANARY not in response.text
    assert clinic.counts() == before


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "4.5"])
@pytest.mark.parametrize("place", ["answers/7", "session_number", "planned_sessions"])
def test_numbers_that_are_no_integers_are_refused_at_their_place(clinic: Clinic, number: str, place: str) -> None:
    """NaN and infinities get 422 like any wrong type, not a 500."""
    sent = form(**({"answers": {**ANSWERS, "7": 77177}} if place == "answers/7" else {place: 77177}))
    told = problem(clinic.post_bytes(json.dumps(sent).replace("77177", number).encode()))
    assert told["status"] == 422
    assert told["errors"][0]["pointer"] == f"/{place}"


VALID = json.dumps(form())
BODIES: list[tuple[bytes, str, int, str]] = [
    (b"", "application/json", 422, "validation_failed"),
    (b"null", "application/json", 422, "validation_failed"),
    (b"[]", "application/json", 422, "validation_failed"),
    (b"{", "application/json", 400, "invalid_json"),
    (VALID.encode() + b" x", "application/json", 400, "invalid_json"),
    (VALID.encode("utf-16"), "application/json", 400, "not_utf8"),
    (b"\xff" + VALID.encode(), "application/json", 400, "not_utf8"),
    (b"\xef\xbb\xbf" + VALID.encode(), "application/json", 400, "invalid_json"),
    (b"[" * 100_000, "application/json", 400, "nesting_too_deep"),
    (VALID.encode(), "text/plain", 415, "unsupported_media_type"),
    (VALID.replace('"1": 4', '"1": 4, "1": 5').encode(), "application/json", 400, "duplicate_key"),
    (b" " * (50 * 1024 * 1024), "application/json", 413, "too_large"),
]


@pytest.mark.parametrize(("body", "media_type", "status", "code"), BODIES, ids=lambda value: str(value)[:20])
def test_a_body_that_cannot_be_read_is_refused(
    clinic: Clinic, body: bytes, media_type: str, status: int, code: str
) -> None:
    """Not JSON, not UTF-8, twice the same key, too deep, too large: a code of its own, and nothing stored."""
    before = clinic.counts()
    told = problem(clinic.post_bytes(body, media_type=media_type))
    assert (told["status"], told["code"]) == (status, code)
    assert clinic.counts() == before


def test_a_repeated_key_is_named_by_pointer(clinic: Clinic) -> None:
    """The pointer leads to the key that stands twice, nested as it is."""
    told = problem(clinic.post_bytes(VALID.replace('"1": 4', '"1": 4, "1": 5').encode()))
    assert told["errors"] == [{"pointer": "/answers/1", "code": "duplicate_key"}]


def test_a_body_without_a_declared_length_is_cut_off(clinic: Clinic) -> None:
    """A chunked body is counted while it comes in."""

    async def chunks() -> Any:
        for _ in range(50):
            yield b" " * 1024 * 1024

    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    told = problem(clinic.request("POST", "/v1/submissions", content=chunks(), headers=headers))
    assert (told["status"], told["code"]) == (413, "too_large")


@pytest.mark.parametrize("answers", [{}, {"1": None}, {"1": "not_applicable", "f1": None}])
def test_a_form_without_answers_is_refused(clinic: Clinic, answers: dict[str, Any]) -> None:
    """At least one item needs a number."""
    assert problem(clinic.post(form(answers=answers)))["code"] == "no_answers"


def test_a_key_is_needed_and_freed_by_a_refusal(clinic: Clinic) -> None:
    """Missing and unusable keys get 400; a refused post may be mended and sent under its key."""
    assert problem(clinic.request("POST", "/v1/submissions", json=form()))["code"] == "idempotency_key_missing"
    assert problem(clinic.post(form(), key="a b"))["code"] == "idempotency_key_invalid"
    assert clinic.post(form(session_number=0), key="k").status_code == 422
    assert clinic.post(form(), key="k").status_code == 201


def _odd_requests() -> Iterator[tuple[str, str, int, str]]:
    yield "GET", "/v1/submissions/not-a-uuid", 404, "not_found"
    yield "GET", "/v1/clients/123/progress", 404, "not_found"
    yield "GET", "/v1/nothing", 404, "not_found"
    yield "DELETE", "/v1/submissions", 405, "method_not_allowed"
    yield "GET", "/v1/instruments?x=1", 400, "unknown_parameter"
    yield "GET", "/v1/instruments/none", 404, "not_found"


@pytest.mark.parametrize(("method", "path", "status", "code"), list(_odd_requests()))
def test_odd_requests_get_problems_after_credentials(
    clinic: Clinic, method: str, path: str, status: int, code: str
) -> None:
    """With a key each gets its own code; without one each gets 401 first."""
    told = problem(clinic.request(method, path))
    assert (told["status"], told["code"]) == (status, code)
    assert problem(clinic.service.request(method, path))["code"] == "unauthenticated"
