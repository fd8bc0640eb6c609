"""Invitations: a form that is due for a client, and the client's way to it."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.access.administer import enabled_instruments
from app.invitations.bring_check import bring_check
from app.invitations.fetch import fetch
from app.invitations.invitation import Invitation
from app.invitations.invite import invite
from app.invitations.offer_check import offer_check, offers_check
from app.invitations.renew import renew
from app.invitations.revoke import revoke
from app.invitations.show import show
from app.invitations.submit import submit
from app.stages.advice import FALLBACK_LANGUAGE, shipped_advice
from app.web.audited import telling
from app.web.auth import InvitationsWriter, Invited
from app.web.instruments import LANGUAGE
from app.web.instruments_wire import instrument_out, without_stages
from app.web.invitations_wire import (
    WHO_SEES,
    DueFormOut,
    DueSafetyCheckIn,
    DueSubmissionIn,
    InvitationIn,
    InvitationOut,
    MadeInvitationOut,
    RenewalIn,
    RevocationIn,
    answered_check,
    due_of,
    filled_in,
    invitation_out,
    made_out,
)
from app.web.keys import IdempotencyKey, checked_key
from app.web.language import preferred_language
from app.web.openapi import problems
from app.web.route import StrictRoute
from app.web.safeguarding import choosing, form_answer, receipt_answer
from app.web.safeguarding_wire import ReceiptOut, SafetyFormOut
from app.web.submissions_wire import SubmissionOut
from app.web.told_form import View, submission_out
from app.web.wire import Service, answer

router = APIRouter(prefix="/v1/invitations", tags=["invitations"], route_class=StrictRoute)


@router.post(
    "",
    status_code=201,
    response_model=MadeInvitationOut,
    summary="Invite a client to a form",
    description=(
        "Makes a token for one form: for this client, therapist, session and instrument, between `opens_at` and "
        "`expires_at`. The token is shown once; a repeat with the same key answers the invitation without it. For a "
        "client who was erased it answers 410, until a form that was completed later makes them known again."
    ),
    responses=problems(400, 401, 403, 404, 409, 410, 413, 415, 422, 503),
)
async def post_invitation(
    request: Request,
    caller: InvitationsWriter,
    service: Service,
    sent: InvitationIn,
    idempotency_key: IdempotencyKey,
) -> Response:
    """Make an invitation."""
    made = await invite(service, caller, due_of(sent), key=checked_key(idempotency_key))
    _tell(request, made.invitation, has_events=made.token is not None)
    headers = {"Location": f"/v1/invitations/{made.invitation.invitation_id}"}
    if made.token is None:
        headers["Idempotent-Replayed"] = "true"
        if caller.lacks_a_person:  # by now it says whether the form came in
            return Response(status_code=201, headers=headers | {"Preference-Applied": "return=minimal"})
    return answer(made_out(made), status=201, headers=headers)


@router.get(
    "/mine",
    response_model=DueFormOut,
    summary="Fetch the form that is due",
    description=(
        "With the token of an invitation as bearer: the questions in the client's language and who sees the answers. "
        "It may be fetched ahead of `opens_at`, for a phone that will be without a network."
    ),
    responses=problems(400, 401, 403, 404, 410, 503),
    openapi_extra=LANGUAGE,
)
async def get_mine(request: Request, caller: Invited, service: Service) -> Response:
    """Read the form of an invitation."""
    found = await fetch(service, caller)
    _tell(request, found.invitation)
    due, catalog = found.invitation, service.catalog
    wished = ",".join(request.headers.getlist("accept-language")) or found.form.locale
    instrument = catalog.get(due.instrument, due.instrument_version)
    told = catalog.told(instrument, preferred_language(wished, catalog.locales(instrument)))
    allowed = await enabled_instruments(service, organisation=caller.organisation)
    language = preferred_language(wished, list(WHO_SEES)) or FALLBACK_LANGUAGE
    body = DueFormOut(
        id=due.invitation_id,
        status="used" if due.status == "used" else "open",
        opens_at=due.opens_at,
        expires_at=due.expires_at,
        session_number=due.session_number,
        rater=due.rater,
        who_sees=WHO_SEES[language],
        safety_check=await offers_check(service, caller, due),
        instrument=without_stages(instrument_out(told, catalog, allowed=allowed)),
    )
    return answer(body, headers={"Content-Language": language, "Vary": "Accept-Language"})


@router.post(
    "/mine/submission",
    status_code=201,
    response_model=SubmissionOut,
    summary="Bring the form that is due",
    description=(
        "With the token of an invitation as bearer. Safe to repeat: the same content answers the first status and "
        "body with `Idempotent-Replayed: true`, other content 409. What was filled in between `opens_at` and "
        "`expires_at` is taken until 30 days after `expires_at`."
    ),
    responses=problems(400, 401, 403, 404, 409, 410, 413, 415, 422, 503),
)
async def post_mine(request: Request, caller: Invited, service: Service, sent: DueSubmissionIn) -> Response:
    """Record the form of an invitation."""
    outcome = await submit(service, caller, filled_in(sent))
    telling(request).about(outcome.submission.client_id)
    telling(request).has_events = not outcome.replayed
    wished = request.headers.get("accept-language")
    language = preferred_language(wished, list(shipped_advice().entries[0].words)) or FALLBACK_LANGUAGE
    view = View(catalog=service.catalog, sight_of=caller.sight_of, language=language)
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    if outcome.replayed:
        headers["Idempotent-Replayed"] = "true"
    return answer(submission_out(outcome.submission, view), status=201, headers=headers)


@router.get(
    "/mine/safety-check",
    response_model=SafetyFormOut,
    summary="Read the safety check beside the form that is due",
    description=(
        "With the token of an invitation as bearer, whether or not the form was brought, until `expires_at`. Show "
        "`before` whole, then the questions. It may be fetched ahead, for a phone that will be without a network."
    ),
    responses=problems(400, 401, 403, 404, 409, 410, 503),
    openapi_extra=LANGUAGE,
)
async def get_invited_safety_form(request: Request, caller: Invited, service: Service) -> Response:
    """Read the safety check in the language that the client would rather read."""
    return form_answer(await offer_check(service, caller, choose=choosing(request)))


@router.post(
    "/mine/safety-check",
    status_code=201,
    response_model=ReceiptOut,
    summary="Send the safety check beside the form that is due",
    description=(
        "With the token of an invitation as bearer, before or after its form, and as long as the form would be taken. "
        "Safe to repeat: the same content is kept once, and answered like a first one, in the language that is asked "
        "for now. Other content is another check: who has the token can't find out whether one was sent, nor send one "
        "in its place. No other operation shows that there is one."
    ),
    responses=problems(400, 401, 403, 404, 409, 410, 413, 415, 422, 503),
    openapi_extra=LANGUAGE,
)
async def post_invited_safety_check(
    request: Request, caller: Invited, service: Service, sent: DueSafetyCheckIn
) -> Response:
    """Receive one check."""
    return receipt_answer(await bring_check(service, caller, answered_check(sent), choose=choosing(request)))


@router.get(
    "/{invitation_id:id}",
    response_model=InvitationOut,
    summary="Read how an invitation stands",
    responses=problems(400, 401, 403, 404, 503),
)
async def get_invitation(
    request: Request, caller: InvitationsWriter, service: Service, invitation_id: UUID
) -> Response:
    """Read an invitation, without its token."""
    found = await show(service, caller, invitation_id)
    _tell(request, found)
    return answer(invitation_out(found))


@router.post(
    "/{invitation_id:id}/renewal",
    response_model=MadeInvitationOut,
    summary="Renew an invitation",
    description="A new token and a new end. The token before is dead; what was used or revoked can't be renewed.",
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
async def post_renewal(
    request: Request, caller: InvitationsWriter, service: Service, invitation_id: UUID, sent: RenewalIn
) -> Response:
    """Make a new token."""
    made = await renew(service, caller, invitation_id, expires_at=sent.expires_at)
    _tell(request, made.invitation, has_events=True)
    return answer(made_out(made))


@router.post(
    "/{invitation_id:id}/revocation",
    response_model=InvitationOut,
    summary="Revoke an invitation",
    description="Its token opens nothing any longer. Once more changes nothing; what was used can't be revoked.",
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
async def post_revocation(
    request: Request,
    caller: InvitationsWriter,
    service: Service,
    invitation_id: UUID,
    sent: RevocationIn,  # noqa: ARG001 - an empty object, so that nothing is taken for a body
) -> Response:
    """Revoke an invitation."""
    found = await revoke(service, caller, invitation_id)
    _tell(request, found)
    return answer(invitation_out(found))


def _tell(request: Request, invitation: Invitation, *, has_events: bool = False) -> None:
    """Say whom an answer is about, and whether events of its own tell it."""
    told = telling(request)
    told.about(invitation.client_id)
    told.has_events = has_events
