"""Break-glass for tests: applications that may, and what a request says that does."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from app.access.administer import create_application
from app.access.binding import Binding
from app.audit.break_glass import BrokenGlass, broken_glass
from tests.api.operations import SCOPE_OF
from tests.harness import SYSTEM_SCOPES, Clinic

SCOPE = "clients:break_glass"
REASON = "On call for th-7: the client asks for a session today."
#: What has to be said.
BREAKING = {"Break-Glass": "1", "Access-Reason": REASON, "Acting-User": "person-4711"}
#: What it opens, as the brief of it has them: the reads about one client.
OPENED = (
    "GET /v1/submissions/{submission_id}",
    "GET /v1/clients/{client_id}/progress",
    "GET /v1/clients/{client_id}/trajectory",
    "GET /v1/clients/{client_id}/discrepancy",
    "GET /v1/clients/{client_id}/stage",
    "GET /v1/clients/{client_id}/episodes/{episode_id}/schedule",
    "GET /v1/clients/{client_id}/scores/{score_id}/explanation",
    "GET /v1/clients/{client_id}/signals",
    "GET /v1/clients/{client_id}/signals/{signal_id}/explanation",
)
#: Everything else stays as it is.
CLOSED = tuple(name for name in SCOPE_OF if name not in OPENED)


def utf8(headers: dict[str, str]) -> dict[str, Any]:
    """Spell headers as the service reads them."""
    return {name: text.encode() for name, text in headers.items()}


def allowed(clinic: Clinic) -> Clinic:
    """Make an application of the clinic's organisation to which the operator gave the scope."""
    return clinic.service.application(clinic.organisation, scopes=(*SYSTEM_SCOPES, SCOPE))


def on_call(clinic: Clinic, ref: str = "th-8") -> Clinic:
    """Make a key of such an application that opens one therapist."""
    return allowed(clinic).bound("therapist", ref)


def supervising(clinic: Clinic, ref: str) -> Clinic:
    """Make an application for supervisors to which the operator gave the scope, and its key for one of them."""
    work = partial(
        create_application,
        clinic.service.runtime,
        organisation=clinic.organisation,
        name="supervision",
        scopes=["scores:read", "caseload:read", SCOPE],
        audience="supervisor",
        binding=Binding(kind="therapist", system=None, value=ref),
    )
    made = clinic.service.portal.call(work)
    return replace(clinic, application=made.application_id, api_key=made.api_key)


def listed(clinic: Clinic, **options: Any) -> list[BrokenGlass]:
    """List as an operator does who broke the glass, and why."""

    async def whole() -> list[BrokenGlass]:
        found = broken_glass(clinic.service.runtime, organisation=clinic.organisation, acting="auditor-1", **options)
        return [one async for one in found]

    return clinic.service.portal.call(whole)
