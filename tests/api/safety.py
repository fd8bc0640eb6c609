"""Safety checks for tests: an organisation that offers them, a check, and those who read it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

import httpx

from app.access.administer import create_application
from app.safeguarding.configure import configure
from app.safeguarding.escalate import escalate
from app.safeguarding.recipients import add_recipient, take_recipient_off
from tests.api.operations import SAFETY_SCOPE_OF
from tests.harness import Clinic

TEXTS: dict[str, Any] = {
    "default": "en",
    "texts": {
        "en": {
            "who_reads": "Two people of our complaints office read this. Your therapist does not.",
            "not_watched": "Nobody watches this live. It may take two working days.",
            "in_a_crisis": "If you are in danger now, call 112.",
        },
        "de": {
            "who_reads": "Zwei Leute der Beschwerdestelle lesen das.",
            "not_watched": "Niemand schaut gerade jetzt darauf.",
            "in_a_crisis": "In Not: 112 anrufen.",
        },
    },
}


def settle(clinic: Clinic, *, texts: Any = None, minutes: int = 60, months: int = 24) -> None:
    """Say what clients are told before the question."""
    work = partial(
        configure,
        clinic.service.runtime,
        organisation=clinic.organisation,
        texts=texts or TEXTS,
        escalate_after_minutes=minutes,
        retention_months=months,
    )
    clinic.service.portal.call(work)


def recipient(clinic: Clinic, person: str) -> None:
    """Put somebody on the list of those who read."""
    work = partial(add_recipient, clinic.service.runtime, organisation=clinic.organisation, person=person)
    clinic.service.portal.call(work)


def no_recipient(clinic: Clinic, person: str) -> None:
    """Take somebody off the list."""
    work = partial(take_recipient_off, clinic.service.runtime, organisation=clinic.organisation, person=person)
    clinic.service.portal.call(work)


def escalated(clinic: Clinic) -> int:
    """Move on what is due."""
    return clinic.service.portal.call(partial(escalate, clinic.service.runtime, organisation=clinic.organisation))


def offering(clinic: Clinic, *people: str) -> Clinic:
    """Let an organisation offer safety checks, and return the application of those who read them."""
    settle(clinic)
    for person in people or ("officer-1",):
        recipient(clinic, person)
    return desk(clinic)


def desk(clinic: Clinic) -> Clinic:
    """Make the application of those who read safety checks."""
    work = partial(
        create_application,
        clinic.service.runtime,
        organisation=clinic.organisation,
        name="safeguarding desk",
        scopes=["safeguarding:read"],
        audience="safeguarding",
    )
    made = clinic.service.portal.call(work)
    return replace(clinic, application=made.application_id, api_key=made.api_key)


def safety_check(**changes: Any) -> dict[str, Any]:
    """Make a safety check; changes replace fields."""
    sent: dict[str, Any] = {
        "form": "safety-1",
        "client_ref": "mrn-1042",
        "completed_at": "2026-11-01T10:00:00Z",
        "answers": {
            "happened": "yes",
            "may_contact": "yes",
            "contact": "0123, after six",
            "words": "It was not right.",
        },
    }
    return {name: value for name, value in (sent | changes).items() if value is not ...}


def post_check(clinic: Clinic, sent: dict[str, Any] | None = None, *, key: str | None = None) -> httpx.Response:
    """Post a safety check."""
    headers = {"Idempotency-Key": key or str(uuid4())}
    return clinic.request("POST", "/v1/safeguarding", json=sent or safety_check(), headers=headers)


def listed(reader: Clinic, person: str, query: str = "") -> list[dict[str, Any]]:
    """List what a recipient may read."""
    answer = reader.get(f"/v1/safeguarding{query}", headers={"Acting-User": person})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def opened(reader: Clinic, person: str, check_id: str) -> httpx.Response:
    """Open a check."""
    return reader.get(f"/v1/safeguarding/{check_id}", headers={"Acting-User": person})


def taken(reader: Clinic, person: str, check_id: str, step: str, **body: Any) -> httpx.Response:
    """Acknowledge or close a check."""
    sent = {"json": body} if body else {}
    return reader.request("POST", f"/v1/safeguarding/{check_id}/{step}", headers={"Acting-User": person}, **sent)


def who_may(clinic: Clinic, name: str) -> tuple[Clinic, dict[str, str]]:
    """Return the application that an operation is for, and the headers that it needs beside its key."""
    if SAFETY_SCOPE_OF.get(name) == "safeguarding:read":
        return offering(clinic), {"Acting-User": "officer-1"}
    return clinic, {}
