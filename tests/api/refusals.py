"""What every refusal has in common: its status and code, the places, no word of what was sent, and nothing stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.harness import ANSWERS, Clinic, form, problem

#: Stands in everything that is sent with a fault, in upper or lower case; no answer may hold it.
CANARY = "CANARY-7361"

#: Where a number may be sent, as a pointer.
NUMBERS = ("/answers/7", "/session_number", "/planned_sessions")

#: Where a text of the sender's own may be sent, as a pointer.
TEXTS = (
    "/client_ref",
    "/client_ref/system",
    "/client_ref/value",
    "/therapist_ref",
    "/therapist_ref/system",
    "/therapist_ref/value",
    "/episode_ref",
    "/source/system",
    "/source/id",
)


def marked(**changes: Any) -> dict[str, Any]:
    """Make a valid form whose every free text holds the marker; changes replace fields."""
    texts = {
        "client_ref": f"{CANARY} client",
        "therapist_ref": {"system": f"{CANARY} system", "value": f"{CANARY} therapist"},
        "episode_ref": f"{CANARY} episode",
        "modality": CANARY.lower(),
        "source": {"system": f"{CANARY} forms", "id": f"{CANARY} id"},
    }
    return form(**(texts | changes))


def placed(pointer: str, value: Any) -> dict[str, Any]:
    """Make the changes that put a value at a place of the form, with a valid neighbour where one is needed."""
    top, *below = pointer.removeprefix("/").split("/")
    if not below:
        return {top: value}
    around: dict[str, dict[str, Any]] = {
        "answers": dict(ANSWERS),
        "source": {"system": CANARY, "id": CANARY},
        "reported": {},
    }
    return {top: {**around.get(top, {"system": CANARY, "value": CANARY}), below[0]: value}}


def spelled(pointer: str, spelling: str) -> bytes:
    """Write a form as JSON with a value at a place spelled as given, which Python's writer may not be able to."""
    return json.dumps(marked(**placed(pointer, "SPELLED"))).replace('"SPELLED"', spelling).encode()


def refused(response: httpx.Response, status: int, code: str, *places: tuple[str, str]) -> dict[str, Any]:
    """Check that an answer is this problem at these places and repeats nothing of what was sent."""
    body = problem(response)
    assert told(response) == (status, code, sorted(places))
    return body


def told(response: httpx.Response) -> tuple[int, str, list[tuple[str, str]]]:
    """Sum up a problem that repeats nothing of what was sent: status, code, and the places with their codes."""
    body = problem(response)
    assert silent(response)
    return response.status_code, body["code"], sorted((one["pointer"], one["code"]) for one in body["errors"])


def silent(response: httpx.Response) -> bool:
    """Say whether the marker is nowhere in an answer: not in the body and not in a header."""
    said = response.content + b"".join(name + value for name, value in response.headers.raw)
    return CANARY.lower().encode() not in said.lower()


@contextmanager
def nothing_stored(clinic: Clinic) -> Iterator[None]:
    """Check that no table of the organisation has another number of rows afterwards."""
    before = clinic.counts()
    yield
    assert clinic.counts() == before
