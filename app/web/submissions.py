"""Intake: forms come in, scores, stage and recommendations go out."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header
from pydantic import Field
from starlette.responses import Response

from app.submissions.read import read
from app.submissions.record import Entry, Recorded, record
from app.web.auth import SubmissionsReader, SubmissionsWriter
from app.web.body import StrictRoute
from app.web.openapi import problems
from app.web.problems import WebProblem
from app.web.submissions_wire import (
    StoredSubmissionOut,
    SubmissionIn,
    SubmissionOut,
    form_of,
    stored_submission_out,
    submission_out,
)
from app.web.wire import Service, answer

router = APIRouter(prefix="/v1/submissions", tags=["submissions"], route_class=StrictRoute)

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        description="A fresh key for each form, the same with every retry of it; bare or in quotes. Required.",
        json_schema_extra={"minLength": 1, "maxLength": 255},
    ),
]
Prefer = Annotated[
    Annotated[str, Field(max_length=200)] | None,
    Header(
        description="`return=minimal` leaves the body out: status and `Location` only.",
    ),
]


@router.post(
    "",
    status_code=201,
    response_model=SubmissionOut,
    summary="Post a form",
    description=(
        "Stores one form and answers its scores, the change since earlier sessions, the likely stage and "
        "recommendations. Safe to repeat: the same key with the same content answers the first status and body "
        "with `Idempotent-Replayed: true`; the answer is sent after the commit, never before."
    ),
    responses={
        200: {"model": SubmissionOut, "description": "The same form was stored before under another key."},
        **problems(400, 401, 403, 409, 413, 415, 422, 503),
    },
)
async def post_submission(
    caller: SubmissionsWriter,
    service: Service,
    form: SubmissionIn,
    idempotency_key: IdempotencyKey,
    prefer: Prefer = None,
) -> Response:
    """Record one form."""
    entry = Entry(form=form_of(form), key=_key(idempotency_key))
    outcome = (await record(service, caller, [entry]))[0]
    if not isinstance(outcome, Recorded):
        raise outcome
    headers = {"Location": f"/v1/submissions/{outcome.submission.submission_id}"}
    if outcome.replayed:
        headers["Idempotent-Replayed"] = "true"
    status = 201 if outcome.created else 200
    if prefer is not None and "return=minimal" in prefer.replace(" ", "").split(","):
        return Response(status_code=status, headers=headers | {"Preference-Applied": "return=minimal"})
    return answer(submission_out(outcome.submission, service.catalog), status=status, headers=headers)


@router.get(
    "/{submission_id}",
    response_model=StoredSubmissionOut,
    summary="Read a form back",
    description="The stored form with the scores and everything that was said when it came in.",
    responses=problems(400, 401, 403, 404, 503),
)
async def get_submission(caller: SubmissionsReader, service: Service, submission_id: UUID) -> Response:
    """Read one form."""
    return answer(stored_submission_out(await read(service, caller, submission_id), service.catalog))


def _key(header: str) -> str:
    """Take the key out of its quotes, or refuse it."""
    if not header.strip():
        raise WebProblem("idempotency_key_missing")
    key = header.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not (0 < len(key) <= 255 and all("!" <= char <= "~" for char in key)):
        raise WebProblem("idempotency_key_invalid")
    return key
