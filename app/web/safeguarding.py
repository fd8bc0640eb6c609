"""Safety checks: asked of clients, read by those whom the organisation has named, and by nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.safeguarding.acknowledge import acknowledge
from app.safeguarding.check import State
from app.safeguarding.close import close
from app.safeguarding.offer import Choose, Offered, offer
from app.safeguarding.open_check import open_check
from app.safeguarding.read import checks
from app.safeguarding.receive import Received, receive
from app.web.audited import telling
from app.web.auth import SafeguardingReader, SubmissionsWriter
from app.web.header_parameters import ACTING_USER
from app.web.instruments import LANGUAGE
from app.web.keys import IdempotencyKey, checked_key
from app.web.language import preferred_language
from app.web.lists import Cursor, Limit, next_link
from app.web.openapi import problems
from app.web.route import StrictRoute
from app.web.safeguarding_wire import (
    ClosingIn,
    OpenedCheckOut,
    ReceiptOut,
    SafetyCheckIn,
    SafetyChecksOut,
    SafetyFormOut,
    SafetyStandingOut,
    checks_out,
    opened_out,
    receipt_out,
    safety_check_of,
    safety_form_out,
    standing_out,
)
from app.web.wire import Service, answer

router = APIRouter(prefix="/v1/safeguarding", tags=["safeguarding"], route_class=StrictRoute)

#: Read with the credentials, before anything else; whoever is named must be a recipient.
PERSON: dict[str, Any] = {
    "parameters": [
        ACTING_USER
        | {
            "required": True,
            "description": "The recipient for whom the application asks: your own id of the person, never a name.",
            "example": "officer-1",
        }
    ]
}
InState = Annotated[State | None, Query(description="Only those in this state.")]


@router.get(
    "/form",
    response_model=SafetyFormOut,
    summary="Read the safety check",
    description=(
        "The form that a client may fill in beside the session's, with the organisation's own sentences: who reads it, "
        "that nobody watches it live, whom to call in a crisis. Show them before the question. It is offered only "
        "where somebody would read it."
    ),
    responses=problems(400, 401, 403, 404, 409, 503),
    openapi_extra=LANGUAGE,
)
async def get_safety_form(request: Request, caller: SubmissionsWriter, service: Service) -> Response:
    """Read the form in the language that the caller would rather read."""
    return form_answer(await offer(service, caller, choose=choosing(request)))


@router.post(
    "",
    status_code=201,
    response_model=ReceiptOut,
    summary="Send a safety check",
    description=(
        "It goes to the organisation's recipients, encrypted with a key of its own, and is told to nobody else: no "
        "other operation shows that there is one. The receipt has no id."
    ),
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    openapi_extra=LANGUAGE,
)
async def post_safety_check(
    request: Request,
    caller: SubmissionsWriter,
    service: Service,
    sent: SafetyCheckIn,
    idempotency_key: IdempotencyKey,
) -> Response:
    """Receive one check."""
    key = checked_key(idempotency_key)
    found = await receive(service, caller, safety_check_of(sent), key=key, choose=choosing(request))
    response = receipt_answer(found)
    if found.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@router.get(
    "",
    response_model=SafetyChecksOut,
    summary="List safety checks",
    description=(
        "The newest first, without anything that was said. `Acting-User` names a recipient; checks of a client whose "
        "therapist they are or were are not there for them. One that was damaged and does not open is not `readable`: "
        "it is there for those who treat nobody, and may be acknowledged and closed, but not opened."
    ),
    responses=problems(400, 401, 403, 503),
    openapi_extra=PERSON,
)
async def get_safety_checks(
    caller: SafeguardingReader, service: Service, state: InState = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Read one page."""
    found = await checks(service, caller, state=state, limit=limit, cursor=cursor)
    headers = {}
    if found.next_cursor is not None:
        headers = next_link(state=state, limit=limit, cursor=found.next_cursor)
    return answer(checks_out(found), headers=headers)


@router.get(
    "/{check_id}",
    response_model=OpenedCheckOut,
    summary="Open a safety check",
    description="Each opening is kept with the person whom `Acting-User` names, before the answer leaves.",
    responses=problems(400, 401, 403, 404, 409, 503),
    openapi_extra=PERSON,
)
async def get_safety_check(caller: SafeguardingReader, service: Service, check_id: UUID) -> Response:
    """Open one check."""
    return answer(opened_out(await open_check(service, caller, check_id=check_id)))


@router.post(
    "/{check_id}/acknowledgement",
    status_code=201,
    response_model=SafetyStandingOut,
    summary="Acknowledge a safety check",
    description="Says that somebody takes care of it: it does not go to the next recipient any more.",
    responses={
        200: {"model": SafetyStandingOut, "description": "It was acknowledged or closed before."},
        **problems(400, 401, 403, 404, 503),
    },
    openapi_extra=PERSON,
)
async def post_safety_acknowledgement(
    request: Request, caller: SafeguardingReader, service: Service, check_id: UUID
) -> Response:
    """Acknowledge one check; a repeat changes nothing, and is an access like any other."""
    found = await acknowledge(service, caller, check_id=check_id)
    telling(request).has_events = found.changed
    return answer(standing_out(found.standing), status=201 if found.changed else 200)


@router.post(
    "/{check_id}/closing",
    status_code=201,
    response_model=SafetyStandingOut,
    summary="Close a safety check",
    description="With the reason, which is sealed as the check is. It stays readable until its time is over.",
    responses={
        200: {"model": SafetyStandingOut, "description": "The same person closed it before, with this reason."},
        **problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    openapi_extra=PERSON,
)
async def post_safety_closing(
    request: Request, caller: SafeguardingReader, service: Service, check_id: UUID, sent: ClosingIn
) -> Response:
    """Close one check; a repeat changes nothing, and is an access like any other."""
    found = await close(service, caller, check_id=check_id, reason=sent.reason)
    telling(request).has_events = found.changed
    return answer(standing_out(found.standing), status=201 if found.changed else 200)


def form_answer(found: Offered) -> Response:
    """Answer with the form."""
    headers = {"Content-Language": found.form.locale, "Vary": "Accept-Language"}
    return answer(safety_form_out(found), headers=headers)


def receipt_answer(found: Received) -> Response:
    """Answer that a check came in, and not whether it was here before."""
    headers = {"Content-Language": found.receipt.locale, "Vary": "Accept-Language"}
    return answer(receipt_out(found.receipt), status=201, headers=headers)


def choosing(request: Request) -> Choose:
    """Choose among languages as the caller would."""
    header = ",".join(request.headers.getlist("accept-language"))

    def choose(offered: Sequence[str]) -> str | None:
        return preferred_language(header, offered)

    return choose
