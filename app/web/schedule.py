"""What is expected of an episode: how many sessions, and how often a form."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from app.progress.schedule import Schedule, read_schedule, set_schedule
from app.web.audited import telling
from app.web.auth import ScoresReader, SubmissionsWriter
from app.web.openapi import problems
from app.web.preconditions import IfMatch, known_states, tags
from app.web.route import StrictRoute
from app.web.wire import In, Out, Service, answer

router = APIRouter(prefix="/v1/clients", tags=["clients"], route_class=StrictRoute)

ExpectedSessions = Annotated[
    Annotated[int, Field(ge=1, le=2000, strict=True)] | None,
    Field(description="How many sessions are expected; null: nothing is said."),
]
CadenceDays = Annotated[
    Annotated[int, Field(ge=1, le=365, strict=True)] | None,
    Field(description="Days from one form to the next; null: nothing is said, and no form is missed."),
]


class ScheduleIn(In):
    """What is expected of an episode."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"expected_sessions": 12, "cadence_days": 7}]})

    expected_sessions: ExpectedSessions
    cadence_days: CadenceDays


class ScheduleOut(Out):
    """What is expected of an episode; null: nothing is said."""

    client_id: UUID
    episode_id: UUID
    expected_sessions: ExpectedSessions
    cadence_days: CadenceDays


@router.get(
    "/{client_id}/episodes/{episode_id}/schedule",
    response_model=ScheduleOut,
    summary="Read what is expected of an episode",
    description="How many sessions, and how often a form. Send the `ETag` in `If-Match` to change it.",
    responses={304: {"description": "Nothing is new."}, **problems(400, 401, 403, 404, 503)},
)
async def get_schedule(
    request: Request, caller: ScoresReader, service: Service, client_id: UUID, episode_id: UUID
) -> Response:
    """Read the schedule of one episode."""
    found = await read_schedule(service, caller, client_id=client_id, episode_id=episode_id)
    asked = request.headers.get("if-none-match", "").strip()
    if asked == "*" or f'"{found.tag}"' in {tag.removeprefix("W/") for tag in tags(asked)}:
        return Response(status_code=304, headers=_headers(found))
    return _told(found)


@router.put(
    "/{client_id}/episodes/{episode_id}/schedule",
    response_model=ScheduleOut,
    summary="Say what is expected of an episode",
    description=(
        "The caseload calls a form missing when none came within 1.5 cadences of the last one, and at least 3 days "
        "late: a design choice, not validated. Without a cadence nothing is missed. `If-Match` names the state that "
        "you read; what is set already may be sent again."
    ),
    responses=problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 503),
)
async def put_schedule(  # noqa: PLR0917 - FastAPI passes by name
    request: Request,
    caller: SubmissionsWriter,
    service: Service,
    client_id: UUID,
    episode_id: UUID,
    sent: ScheduleIn,
    if_match: IfMatch = None,
) -> Response:
    """Set the schedule of one episode."""
    known = known_states(if_match)
    made, is_new = await set_schedule(
        service,
        caller,
        client_id=client_id,
        episode_id=episode_id,
        expected_sessions=sent.expected_sessions,
        cadence_days=sent.cadence_days,
        known=known,
    )
    telling(request).has_events = is_new
    return _told(made)


def _told(schedule: Schedule) -> Response:
    body = ScheduleOut(
        client_id=schedule.client_id,
        episode_id=schedule.episode_id,
        expected_sessions=schedule.expected_sessions,
        cadence_days=schedule.cadence_days,
    )
    return answer(body, headers=_headers(schedule))


def _headers(schedule: Schedule) -> dict[str, str]:
    return {"ETag": f'"{schedule.tag}"', "Cache-Control": "private, no-cache"}
