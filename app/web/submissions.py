"""Intake: forms come in, scores, stage and recommendations go out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request
from pydantic import Field
from starlette.responses import Response

from app.access.caller import Caller
from app.errors import AllianceError
from app.stages.advice import FALLBACK_LANGUAGE, shipped_advice
from app.storage.runtime import Runtime
from app.submissions.intake import Outcome, Recorded
from app.submissions.prepare import Entry
from app.submissions.read import read
from app.submissions.record import record
from app.submissions.withdraw import withdraw
from app.web.audited import telling
from app.web.auth import SubmissionsReader, SubmissionsWriter
from app.web.batch_wire import BatchIn, BatchOut, item_out, sent_items
from app.web.keys import IdempotencyKey, checked_key
from app.web.language import preferred_language
from app.web.openapi import problems
from app.web.problems import WebProblem
from app.web.route import StrictRoute
from app.web.submissions_wire import (
    StoredSubmissionOut,
    SubmissionIn,
    SubmissionOut,
    WithdrawalIn,
    WithdrawnOut,
    form_of,
    stored_submission_out,
    withdrawn_out,
)
from app.web.told_form import View, submission_out
from app.web.wire import Service, answer

router = APIRouter(prefix="/v1/submissions", tags=["submissions"], route_class=StrictRoute)

IfNoneMatch = Annotated[
    Annotated[str, Field(max_length=200)] | None,
    Header(alias="If-None-Match", description="`*`: the form must not be there yet, or be the same. Required."),
]
Prefer = Annotated[
    Annotated[str, Field(max_length=200)] | None,
    Header(
        description=(
            "`return=minimal` leaves the body out: status and `Location` only. Done for every key that opens a "
            "therapist's clients, and where a person has to be named (`Acting-User`) and is not: read the form back."
        ),
    ),
]
_MINIMAL = {"Preference-Applied": "return=minimal"}
_THERE = {"model": SubmissionOut, "description": "The same form was stored before, under another key or id."}


@router.post(
    "",
    status_code=201,
    response_model=SubmissionOut,
    summary="Post a form",
    description=(
        "Stores one form and answers its scores, the change since earlier sessions, the likely stage and "
        "recommendations. Safe to repeat: the same key with the same content answers the first status and body "
        "with `Idempotent-Replayed: true`; the answer is sent after the commit, never before. Sessions may come late "
        "and in any order: `recomputed_later_sessions` says how many later ones were looked at again."
    ),
    responses={200: _THERE, **problems(400, 401, 403, 404, 409, 410, 413, 415, 422, 503)},
)
async def post_submission(  # noqa: PLR0917 - FastAPI passes by name
    request: Request,
    caller: SubmissionsWriter,
    service: Service,
    form: SubmissionIn,
    idempotency_key: IdempotencyKey,
    prefer: Prefer = None,
) -> Response:
    """Record one form."""
    entry = Entry(form=form_of(form), key=checked_key(idempotency_key))
    return await _recorded(request, service, caller, entry, prefer)


@router.put(
    "/{submission_id:id}",
    status_code=201,
    response_model=SubmissionOut,
    summary="Put a form under an id of your own",
    description=(
        "The phone's safe path: make a UUID when the form is filled in and send it with `If-None-Match: *` until there "
        "is an answer. The same content again is answered as the first time; other content gets 412."
    ),
    responses={200: _THERE, **problems(400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 428, 503)},
)
async def put_submission(  # noqa: PLR0917 - FastAPI passes by name
    request: Request,
    caller: SubmissionsWriter,
    service: Service,
    submission_id: UUID,
    form: SubmissionIn,
    if_none_match: IfNoneMatch = None,
    prefer: Prefer = None,
) -> Response:
    """Record one form under the sender's id."""
    if (if_none_match or "").strip() != "*":
        raise WebProblem("precondition_required")
    if submission_id.int == 0:  # what goes through forms by their ids begins behind it
        raise WebProblem("not_found")
    entry = Entry(form=form_of(form), key=str(submission_id), route="put", submission_id=submission_id)
    return await _recorded(request, service, caller, entry, prefer)


@router.post(
    "/batch",
    response_model=BatchOut,
    summary="Post up to 500 forms",
    description=(
        "One result for each form, in order, each with its own idempotency key and its own status: a form with faults "
        "does not keep the others out. Safe to repeat as a whole or in other pieces. `Prefer: return=minimal` leaves "
        "the bodies of stored forms out; a key that opens a therapist's clients never gets them, nor who names nobody "
        "where a person has to be named. By a key or token of one person each form counts as a request, and there are "
        "as many at most as `RateLimit-Policy` says."
    ),
    responses=problems(400, 401, 403, 413, 415, 422, 503),
)
async def post_batch(
    request: Request, caller: SubmissionsWriter, service: Service, batch: BatchIn, prefer: Prefer = None
) -> Response:
    """Record many forms in one transaction."""
    entries, refused = sent_items(batch)
    outcomes = dict(zip(entries, await record(service, caller, list(entries.values())), strict=True))
    _tell(request, list(outcomes.values()))
    view = None if _minimal(prefer, caller) else _view(request, service, caller)
    trace_id = request.state.trace_id
    items = [item_out(index, {**outcomes, **refused}[index], view, trace_id) for index in range(len(batch.items))]
    if view is None:
        return answer({"items": items}, headers={"Preference-Applied": "return=minimal"})
    return _told({"items": items}, view)


@router.post(
    "/{submission_id:id}/corrections",
    status_code=201,
    response_model=SubmissionOut,
    summary="Correct a form",
    description=(
        "Sends the whole form again, as it should have been: a new form that supersedes the old one, which stays "
        "readable. Client, therapist, episode, instrument and rater stay the same; anything else may differ, the "
        "session number too. Later sessions are looked at again. Only the current form can be corrected."
    ),
    responses={200: _THERE, **problems(400, 401, 403, 404, 409, 410, 413, 415, 422, 503)},
)
async def post_correction(  # noqa: PLR0917 - FastAPI passes by name
    request: Request,
    caller: SubmissionsWriter,
    service: Service,
    submission_id: UUID,
    form: SubmissionIn,
    idempotency_key: IdempotencyKey,
    prefer: Prefer = None,
) -> Response:
    """Record a form that supersedes another one."""
    entry = Entry(form=form_of(form), key=checked_key(idempotency_key), route="corrections", corrects=submission_id)
    return await _recorded(request, service, caller, entry, prefer)


@router.post(
    "/{submission_id:id}/withdrawal",
    status_code=201,
    response_model=WithdrawnOut,
    summary="Withdraw a form",
    description=(
        "The form counts no longer: its place is free, and later sessions are looked at again. It stays readable, "
        "marked as withdrawn."
    ),
    responses={
        200: {"model": WithdrawnOut, "description": "It was withdrawn before."},
        **problems(400, 401, 403, 404, 409, 410, 413, 415, 422, 503),
    },
)
async def post_withdrawal(  # noqa: PLR0917 - FastAPI passes by name
    request: Request,
    caller: SubmissionsWriter,
    service: Service,
    submission_id: UUID,
    sent: WithdrawalIn,
    idempotency_key: IdempotencyKey,
) -> Response:
    """Withdraw one form."""
    found = await withdraw(service, caller, submission_id, reason=sent.reason, key=checked_key(idempotency_key))
    telling(request).has_events = found.is_new
    headers = {"Idempotent-Replayed": "true"} if found.replayed else {}
    if caller.lacks_a_person:  # it may have been withdrawn before, with somebody's reason
        return Response(status_code=201 if found.created else 200, headers=headers | _MINIMAL)
    view = _view(request, service, caller)
    return answer(withdrawn_out(found, view), status=201 if found.created else 200, headers=headers)


@router.get(
    "/{submission_id:id}",
    response_model=StoredSubmissionOut,
    summary="Read a form back",
    description="The stored form with the scores, what is said about it now, and what became of it.",
    responses=problems(400, 401, 403, 404, 503),
)
async def get_submission(
    request: Request, caller: SubmissionsReader, service: Service, submission_id: UUID
) -> Response:
    """Read one form."""
    view = _view(request, service, caller)
    found = await read(service, caller, submission_id)
    telling(request).about(found.submission.client_id)
    return _told(stored_submission_out(found, view), view)


def _tell(request: Request, outcomes: Sequence[Outcome]) -> None:
    """Say what is told beyond the events of the forms that are stored now: forms that were there, and refusals."""
    told = telling(request)
    there = [one for one in outcomes if isinstance(one, Recorded) and (one.replayed or not one.created)]
    told.about(*(one.submission.client_id for one in there))
    told.has_events = not there
    for one in outcomes:
        if isinstance(one, AllianceError):
            told.refuse(one, request.state.trace_id)


async def _recorded(request: Request, service: Runtime, caller: Caller, entry: Entry, prefer: str | None) -> Response:
    """Record one form and answer as the contract says."""
    outcome = (await record(service, caller, [entry]))[0]
    if not isinstance(outcome, Recorded):
        raise outcome
    _tell(request, [outcome])
    headers = {"Location": f"/v1/submissions/{outcome.submission.submission_id}"}
    if outcome.replayed:
        headers["Idempotent-Replayed"] = "true"
    status = 201 if outcome.created else 200
    if _minimal(prefer, caller):
        return Response(status_code=status, headers=headers | _MINIMAL)
    view = _view(request, service, caller)
    return _told(submission_out(outcome.submission, view), view, status=status, headers=headers)


def _view(request: Request, service: Runtime, caller: Caller) -> View:
    language = _language(request.headers.get("accept-language"))
    return View(catalog=service.catalog, sight_of=caller.sight_of, language=language)


@lru_cache(maxsize=256)
def _language(header: str | None) -> str:
    """Choose the language of recommendations; callers send few different headers."""
    return preferred_language(header, list(shipped_advice().entries[0].words)) or FALLBACK_LANGUAGE


def _told(
    body: StoredSubmissionOut | dict[str, Any], view: View, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Answer in a language: the words of recommendations are in it."""
    said = {"Content-Language": view.language, "Vary": "Accept-Language"}
    return answer(body, status=status, headers={**(headers or {}), **said})


def _minimal(prefer: str | None, caller: Caller) -> bool:
    """Say whether bodies are left out, as asked; for some always.

    Else they tell of hidden forms, or of a client whom nobody may read about without a name: a repeat has the whole
    form, and a new one is compared with those before. The form itself is taken from anybody.
    """
    is_asked = prefer is not None and "return=minimal" in prefer.replace(" ", "").split(",")
    return is_asked or caller.treats is not None or caller.lacks_a_person
