"""Every operation under /v1 with the scope that opens it, after the contract, and how to call it well."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from tests.harness import Clinic, form

ABSENT = "019a0000-0000-7000-8000-000000000000"

#: What answers without credentials.
PUBLIC = {
    "/",
    "/favicon.ico",
    "/docs",
    "/openapi.json",
    "/problems",
    "/problems/{code}",
    "/schemas/instrument.json",
    "/assets",
    "/assets/swagger",
    "/livez",
    "/readyz",
    "/oauth/token",
    "/.well-known/jwks.json",
}

#: "instruments and `score` need `instruments:read`; intake `submissions:write`; submissions `submissions:read`;
#: look-up, progress, trajectory, discrepancy, stage, explanations `scores:read`"
SCOPE_OF = {
    "POST /v1/submissions": "submissions:write",
    "POST /v1/submissions/batch": "submissions:write",
    "PUT /v1/submissions/{submission_id}": "submissions:write",
    "POST /v1/submissions/{submission_id}/corrections": "submissions:write",
    "POST /v1/submissions/{submission_id}/withdrawal": "submissions:write",
    "GET /v1/submissions/{submission_id}": "submissions:read",
    "POST /v1/clients/lookup": "scores:read",
    "GET /v1/clients/{client_id}/progress": "scores:read",
    "GET /v1/clients/{client_id}/trajectory": "scores:read",
    "GET /v1/clients/{client_id}/discrepancy": "scores:read",
    "GET /v1/clients/{client_id}/stage": "scores:read",
    "GET /v1/clients/{client_id}/episodes/{episode_id}/schedule": "scores:read",
    "PUT /v1/clients/{client_id}/episodes/{episode_id}/schedule": "submissions:write",
    "GET /v1/clients/{client_id}/scores/{score_id}/explanation": "scores:read",
    "GET /v1/clients/{client_id}/signals": "scores:read",
    "POST /v1/clients/{client_id}/signals/{signal_id}/acknowledgements": "signals:write",
    "GET /v1/clients/{client_id}/signals/{signal_id}/explanation": "scores:read",
    "GET /v1/clients/{client_id}/consents": "scores:read",
    "PUT /v1/clients/{client_id}/notice": "consent:write",
    "PUT /v1/clients/{client_id}/research-consent": "consent:write",
    "GET /v1/clients/{client_id}/export": "submissions:read",
    "DELETE /v1/clients/{client_id}": "clients:erase",
    "GET /v1/caseload": "caseload:read",
    "GET /v1/changes": "scores:read",
    "GET /v1/organisations/me/psychometrics": "admin",
    "GET /v1/instruments": "instruments:read",
    "GET /v1/instruments/{key}": "instruments:read",
    "GET /v1/instruments/{key}/versions/{version}": "instruments:read",
    "POST /v1/instruments/{key}/score": "instruments:read",
}
#: When something was told or decided, and on what text.
STATED = {"text_version": "2026-1", "stated_at": "2026-11-01T10:00:00Z"}
#: For the operator's programs, and not in the contract.
UNLISTED = {"GET /metrics": "metrics:read"}
#: Safety checks, apart as in the service: a system sends them, an application of their own reads them.
SAFETY_SCOPE_OF = {
    "GET /v1/safeguarding/form": "submissions:write",
    "POST /v1/safeguarding": "submissions:write",
    "GET /v1/safeguarding": "safeguarding:read",
    "GET /v1/safeguarding/{check_id}": "safeguarding:read",
    "POST /v1/safeguarding/{check_id}/acknowledgement": "safeguarding:read",
    "POST /v1/safeguarding/{check_id}/closing": "safeguarding:read",
}
#: Invitations, apart as in the service: a system sends them, and only who was invited fetches and brings the form.
INVITATION_SCOPE_OF = {
    "POST /v1/invitations": "invitations:write",
    "GET /v1/invitations/{invitation_id}": "invitations:write",
    "POST /v1/invitations/{invitation_id}/renewal": "invitations:write",
    "POST /v1/invitations/{invitation_id}/revocation": "invitations:write",
}
BY_INVITATION = (
    "GET /v1/invitations/mine",
    "POST /v1/invitations/mine/submission",
    "GET /v1/invitations/mine/safety-check",
    "POST /v1/invitations/mine/safety-check",
)
#: All that need credentials and are in the contract.
EVERY = (*SCOPE_OF, *SAFETY_SCOPE_OF, *INVITATION_SCOPE_OF, *BY_INVITATION)
#: Operations whose path names something of an organisation. A PUT names what is not there yet.
PERSONAL = [
    name
    for name in SCOPE_OF
    if any(place in name for place in ("{submission_id}", "{client_id}")) and "PUT /v1/submissions" not in name
]
_CHANGING_FORMS = [name for name in SCOPE_OF if name.endswith(("/corrections", "/withdrawal"))]
#: After these a form is no longer what it was: each needs a form of its own.
CHANGING = [*_CHANGING_FORMS, "DELETE /v1/clients/{client_id}"]
#: What is answered with 201 though the form of `Ids` is there.
MAKING = [*_CHANGING_FORMS, *(name for name in SCOPE_OF if name.endswith("/acknowledgements"))]
#: What a client's own key does not open: it is for those who treat and supervise.
NOT_FOR_CLIENTS = [name for name in SCOPE_OF if name.endswith(("/stage", "/discrepancy")) or "/signals" in name]
NOT_FOR_CLIENTS += ["PUT /v1/clients/{client_id}/episodes/{episode_id}/schedule", "GET /v1/caseload"]
#: What no therapist's own key opens: it is between the client and the organisation.
NOT_FOR_THERAPISTS = [
    name for name in SCOPE_OF if name.endswith(("/export", "/consents", "/notice", "/research-consent"))
]
#: What is the organisation's as a whole, and no bound key's.
OF_THE_WHOLE = ["GET /v1/organisations/me/psychometrics", "DELETE /v1/clients/{client_id}"]


@dataclass(frozen=True, kw_only=True)
class Ids:
    """What a path may name, and whom a body is about."""

    submission_id: str = ABSENT
    client_id: str = ABSENT
    score_id: str = ABSENT
    signal_id: str = ABSENT
    episode_id: str = ABSENT
    check_id: str = ABSENT
    invitation_id: str = ABSENT
    key: str = "trq-s"
    version: str = "1.0.0"
    client_ref: str = "mrn-1042"
    therapist_ref: str = "th-7"

    @classmethod
    def of(cls, made: dict[str, Any], **refs: str) -> Ids:
        """Take the ids out of the answer to a post."""
        return cls(
            submission_id=made["id"],
            client_id=made["client_id"],
            score_id=made["scores"][0]["id"],
            signal_id=made["signals"][0]["id"],
            episode_id=made["episode_id"],
            **refs,
        )

    @classmethod
    def made(cls, clinic: Clinic, client_ref: str = "mrn-1042", therapist_ref: str = "th-7") -> Ids:
        """Record a form of a client, with a signal, and take the ids out of the answer."""
        refs = {"client_ref": client_ref, "therapist_ref": therapist_ref}
        return cls.of(clinic.recorded(form(**refs, reported={"rupture": True})), **refs)


def targets(clinic: Clinic) -> dict[str, Ids]:
    """Make a form for all operations that change nothing, and one for each that does."""
    shared = Ids.made(clinic)
    return {name: Ids.made(clinic, f"mrn of {name}") if name in CHANGING else shared for name in SCOPE_OF}


def body_of(name: str, ids: Ids) -> dict[str, Any] | None:
    """Make the body of an operation, about the client of these ids."""
    whole = form(client_ref=ids.client_ref, therapist_ref=ids.therapist_ref, reported={"rupture": True})
    return {
        "POST /v1/submissions": whole,
        "POST /v1/submissions/batch": {"items": [{"key": str(uuid4()), "form": whole}]},
        "PUT /v1/submissions/{submission_id}": whole,
        "POST /v1/submissions/{submission_id}/corrections": whole,
        "POST /v1/submissions/{submission_id}/withdrawal": {"reason": "other"},
        "POST /v1/clients/lookup": {"ref": ids.client_ref},
        "PUT /v1/clients/{client_id}/notice": {"decision": "informed", **STATED},
        "PUT /v1/clients/{client_id}/research-consent": {"decision": "given", **STATED},
        "PUT /v1/clients/{client_id}/episodes/{episode_id}/schedule": {"expected_sessions": 12, "cadence_days": 7},
        "POST /v1/clients/{client_id}/signals/{signal_id}/acknowledgements": {"acting": "th-7", "reason": "other"},
        "POST /v1/instruments/{key}/score": {"answers": {"1": 4}},
        "POST /v1/invitations": {
            "client_ref": ids.client_ref,
            "therapist_ref": ids.therapist_ref,
            "session_number": 1,
            "instrument": "trq-s",
            "rater": "client",
        },
        "POST /v1/invitations/{invitation_id}/renewal": {},
        "POST /v1/invitations/{invitation_id}/revocation": {},
        "POST /v1/invitations/mine/submission": {
            "instrument": "trq-s",
            "answers": {"1": 4},
            "completed_at": "2026-11-01T10:00:00Z",
        },
        "POST /v1/invitations/mine/safety-check": {
            "form": "safety-1",
            "completed_at": "2026-11-01T10:00:00Z",
            "answers": {"happened": "yes"},
        },
        "POST /v1/safeguarding": {
            "form": "safety-1",
            "client_ref": ids.client_ref,
            "completed_at": "2026-11-01T10:00:00Z",
            "answers": {"happened": "yes"},
        },
        "POST /v1/safeguarding/{check_id}/closing": {"reason": "Talked to them."},
    }.get(name)


def request(name: str, ids: Ids) -> tuple[str, str, bytes | None]:
    """Make an operation's method, path and body."""
    method, path = name.split(" ")
    body = body_of(name, ids)
    return method, path.format(**vars(ids)), None if body is None else json.dumps(body).encode()


def call(clinic: Clinic, name: str, ids: Ids, headers: dict[str, str] | None = None) -> httpx.Response:
    """Call an operation as it should be called; other headers replace the usual ones."""
    method, path, body = request(name, ids)
    usual = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())} if body else {}
    if method == "PUT":
        usual["If-None-Match" if "{submission_id}" in name else "If-Match"] = "*"
    return clinic.request(method, path, content=body, headers=usual | (headers or {}))
