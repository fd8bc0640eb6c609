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
}

#: "instruments and `score` need `instruments:read`; intake `submissions:write`; submissions `submissions:read`;
#: look-up, progress, stage, explanations `scores:read`"
SCOPE_OF = {
    "POST /v1/submissions": "submissions:write",
    "GET /v1/submissions/{submission_id}": "submissions:read",
    "POST /v1/clients/lookup": "scores:read",
    "GET /v1/clients/{client_id}/progress": "scores:read",
    "GET /v1/clients/{client_id}/stage": "scores:read",
    "GET /v1/clients/{client_id}/scores/{score_id}/explanation": "scores:read",
    "GET /v1/instruments": "instruments:read",
    "GET /v1/instruments/{key}": "instruments:read",
    "GET /v1/instruments/{key}/versions/{version}": "instruments:read",
    "POST /v1/instruments/{key}/score": "instruments:read",
}
BODIES: dict[str, dict[str, Any]] = {
    "POST /v1/submissions": form(),
    "POST /v1/clients/lookup": {"ref": "mrn-1042"},
    "POST /v1/instruments/{key}/score": {"answers": {"1": 4}},
}
#: Operations whose path or body names something of an organisation.
PERSONAL = [name for name in SCOPE_OF if "{" in name.replace("{key}", "").replace("{version}", "")]


@dataclass(frozen=True, kw_only=True)
class Ids:
    """What a path may name."""

    submission_id: str = ABSENT
    client_id: str = ABSENT
    score_id: str = ABSENT
    key: str = "trq-s"
    version: str = "1.0.0"

    @classmethod
    def of(cls, made: dict[str, Any]) -> Ids:
        """Take the ids out of the answer to a post."""
        return cls(submission_id=made["id"], client_id=made["client_id"], score_id=made["scores"][0]["id"])


def request(name: str, ids: Ids) -> tuple[str, str, bytes | None]:
    """Make an operation's method, path and body."""
    method, path = name.split(" ")
    body = json.dumps(BODIES[name]).encode() if name in BODIES else None
    return method, path.format(**vars(ids)), body


def call(clinic: Clinic, name: str, ids: Ids, headers: dict[str, str] | None = None) -> httpx.Response:
    """Call an operation as it should be called; other headers replace the usual ones."""
    method, path, body = request(name, ids)
    usual = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())} if body else {}
    return clinic.request(method, path, content=body, headers=usual | (headers or {}))
