"""The signals of a client: read, explained, acknowledged."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.signals.acknowledge import acknowledge
from app.signals.explain import explain
from app.signals.read import signals
from app.web.audited import telling
from app.web.auth import ScoresReader, SignalsWriter
from app.web.clients import EpisodeId
from app.web.keys import IdempotencyKey, checked_key
from app.web.openapi import problems
from app.web.route import StrictRoute
from app.web.signals_wire import (
    AcknowledgementIn,
    AcknowledgementOut,
    SignalExplanationOut,
    SignalsOut,
    acknowledgement_out,
    signal_explanation_out,
    signals_out,
)
from app.web.wire import Service, answer, cached

router = APIRouter(prefix="/v1/clients", tags=["signals"], route_class=StrictRoute)


@router.get(
    "/{client_id}/signals",
    response_model=SignalsOut,
    summary="Read a client's signals",
    description=(
        "Every signal of the episode with what became of it: open, acknowledged, repaired, unresolved, passed, or "
        "retracted because a late form or a correction took away what it rested on. A signal is a prompt for a "
        "conversation, never a diagnosis."
    ),
    responses={304: {"description": "Nothing is new."}, **problems(400, 401, 403, 404, 503)},
)
async def get_signals(
    request: Request, caller: ScoresReader, service: Service, client_id: UUID, episode_id: EpisodeId = None
) -> Response:
    """Read the signals of one episode."""
    found = await signals(service, caller, client_id=client_id, episode_id=episode_id)
    return cached(request, signals_out(found), control="private, no-cache")


@router.post(
    "/{client_id}/signals/{signal_id}/acknowledgements",
    status_code=201,
    response_model=AcknowledgementOut,
    summary="Acknowledge a signal",
    description="Keeps who looked at the signal and why. It goes on being watched: it may still be repaired or not.",
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
async def post_acknowledgement(  # noqa: PLR0917 - FastAPI passes by name
    request: Request,
    caller: SignalsWriter,
    service: Service,
    client_id: UUID,
    signal_id: UUID,
    sent: AcknowledgementIn,
    idempotency_key: IdempotencyKey,
) -> Response:
    """Acknowledge one signal."""
    found = await acknowledge(
        service,
        caller,
        client_id=client_id,
        signal_id=signal_id,
        acting=sent.acting,
        reason=sent.reason,
        key=checked_key(idempotency_key),
    )
    telling(request).has_events = not found.replayed
    headers = {"Idempotent-Replayed": "true"} if found.replayed else {}
    return answer(acknowledgement_out(found.acknowledgement), status=201, headers=headers)


@router.get(
    "/{client_id}/signals/{signal_id}/explanation",
    response_model=SignalExplanationOut,
    summary="Explain a signal",
    description=(
        "Every number from the totals of the series to the one that raised the signal, with the rule, its parameters, "
        "its source and what it can't say."
    ),
    responses=problems(400, 401, 403, 404, 503),
)
async def get_signal_explanation(caller: ScoresReader, service: Service, client_id: UUID, signal_id: UUID) -> Response:
    """Explain one signal."""
    return answer(signal_explanation_out(await explain(service, caller, client_id=client_id, signal_id=signal_id)))
