"""What is known about one client. References never stand in a URL: look the client up first."""

from __future__ import annotations

from typing import Annotated, Literal, get_args
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from app.progress.discrepancy import discrepancy
from app.progress.explain import explain
from app.progress.look_up import look_up
from app.progress.progress import progress
from app.progress.stage import stage
from app.progress.trajectory import trajectory
from app.web.audited import telling
from app.web.auth import ScoresReader
from app.web.clients_wire import (
    ClientOut,
    ExplanationOut,
    LookupIn,
    ProgressOut,
    StageDetailOut,
    explanation_out,
    progress_out,
    stage_detail_out,
)
from app.web.discrepancy_wire import DiscrepancyOut, discrepancy_out
from app.web.openapi import problems
from app.web.problems import WebProblem
from app.web.route import StrictRoute
from app.web.submissions_wire import ReferenceIn
from app.web.trajectory_wire import TrajectoryOut, trajectory_out
from app.web.wire import Service, answer, cached

router = APIRouter(prefix="/v1/clients", tags=["clients"], route_class=StrictRoute)

EpisodeId = Annotated[UUID | None, Query(description="Another episode than the client's latest.")]
Part = Literal["episode", "series", "signals", "stage"]
Fields = Annotated[
    Annotated[str, Field(max_length=60)] | None,
    Query(
        description=f"Only these parts, separated by commas: {', '.join(get_args(Part))}. All unless given.",
    ),
]


@router.post(
    "/lookup",
    response_model=ClientOut,
    summary="Look a client up",
    description="From what you call a client to the opaque `client_id` that every URL uses.",
    responses=problems(400, 401, 403, 404, 413, 415, 422, 503),
)
async def post_lookup(request: Request, caller: ScoresReader, service: Service, sent: LookupIn) -> Response:
    """Look a client up."""
    ref = sent.ref
    system, value = (ref.system, ref.value) if isinstance(ref, ReferenceIn) else (None, ref)
    client_id = await look_up(service, caller, system=system, value=value)
    telling(request).about(client_id)
    return answer(ClientOut(client_id=client_id))


@router.get(
    "/{client_id}/progress",
    response_model=ProgressOut,
    summary="Read a client's progress",
    description=(
        "Small and cacheable: the latest scores of each instrument and rater, the totals of the last 20 sessions, "
        "the signals that are open, and the stage. Send the `ETag` back in `If-None-Match` and get 304 while nothing "
        "is new."
    ),
    responses={304: {"description": "Nothing is new."}, **problems(400, 401, 403, 404, 503)},
)
async def get_progress(  # noqa: PLR0917 - FastAPI passes by name
    request: Request,
    caller: ScoresReader,
    service: Service,
    client_id: UUID,
    episode_id: EpisodeId = None,
    fields: Fields = None,
) -> Response:
    """Read the progress in one episode."""
    parts = _parts(fields)
    found = await progress(service, caller, client_id=client_id, episode_id=episode_id)
    return cached(request, progress_out(found, parts), control="private, no-cache")


@router.get(
    "/{client_id}/stage",
    response_model=StageDetailOut,
    summary="Read where a client's episode stands",
    description=(
        "The probabilities of the four stages at the last session, and what time, a reported rupture and each "
        "session-focus item contributed. Experimental and not validated."
    ),
    responses={304: {"description": "Nothing is new."}, **problems(400, 401, 403, 404, 503)},
)
async def get_stage(
    request: Request, caller: ScoresReader, service: Service, client_id: UUID, episode_id: EpisodeId = None
) -> Response:
    """Read the stage of one episode."""
    found = await stage(service, caller, client_id=client_id, episode_id=episode_id)
    return cached(request, stage_detail_out(found), control="private, no-cache")


@router.get(
    "/{client_id}/trajectory",
    response_model=TrajectoryOut,
    summary="Read the whole course of a client's scores",
    description=(
        "Every form that counts, per instrument and rater, by session: all components, in the instrument's unit and in "
        "percent of the maximum possible. A form that came in late stands where its session stands. For those who "
        "treat, each series has its shape so far, never a prognosis, and the band that its totals are expected in."
    ),
    responses={304: {"description": "Nothing is new."}, **problems(400, 401, 403, 404, 503)},
)
async def get_trajectory(
    request: Request, caller: ScoresReader, service: Service, client_id: UUID, episode_id: EpisodeId = None
) -> Response:
    """Read every series of one episode."""
    found = await trajectory(service, caller, client_id=client_id, episode_id=episode_id)
    return cached(request, trajectory_out(found), control="private, no-cache")


@router.get(
    "/{client_id}/discrepancy",
    response_model=DiscrepancyOut,
    summary="Compare how client and therapist rated the same sessions",
    description=(
        "Therapist minus client, in percent of the maximum possible, of each session that both rated on instruments "
        "that ask both the same; how alike their profiles are, and from five sessions on how the therapist's totals "
        "follow the client's. The two are never averaged. A key of the client's own gets 404."
    ),
    responses={304: {"description": "Nothing is new."}, **problems(400, 401, 403, 404, 503)},
)
async def get_discrepancy(
    request: Request, caller: ScoresReader, service: Service, client_id: UUID, episode_id: EpisodeId = None
) -> Response:
    """Compare the raters of one episode."""
    found = await discrepancy(service, caller, client_id=client_id, episode_id=episode_id)
    return cached(request, discrepancy_out(found), control="private, no-cache")


@router.get(
    "/{client_id}/scores/{score_id}/explanation",
    response_model=ExplanationOut,
    summary="Explain a score",
    description="Every step from the answers to the number, with versions and sources.",
    responses=problems(400, 401, 403, 404, 503),
)
async def get_explanation(caller: ScoresReader, service: Service, client_id: UUID, score_id: UUID) -> Response:
    """Explain one score."""
    return answer(explanation_out(await explain(service, caller, client_id=client_id, score_id=score_id)))


def _parts(fields: str | None) -> frozenset[str]:
    known = frozenset(get_args(Part))
    if fields is None:
        return known
    wanted = frozenset(fields.split(","))
    if not wanted <= known:
        raise WebProblem("invalid_parameter", parameter="fields")
    return wanted
