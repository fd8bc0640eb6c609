"""The feed of changes, for programs that keep a copy."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from app.progress.changes import Change, Told, changes
from app.web.audited import telling
from app.web.auth import ScoresReader
from app.web.lists import Limit, Whole
from app.web.openapi import problems
from app.web.route import StrictRoute
from app.web.wire import Moment, Out, Service, answer

router = APIRouter(prefix="/v1/changes", tags=["changes"], route_class=StrictRoute)

_LAST = 2_147_483_647
After = Annotated[
    Annotated[int, Field(ge=0, le=_LAST), Whole] | None,
    Query(description="The `next_after` of the answer before; 0 from the beginning; without it, where the end is now."),
]
Sequence = Annotated[int, Field(ge=0, le=_LAST)]


class HappenedOut(Out):
    """Something that happened, with the ids of what it happened to; null where there is none."""

    sequence: Sequence
    kind: Told
    recorded_at: Moment
    client_id: UUID
    episode_id: UUID | None
    submission_id: UUID | None
    supersedes: UUID | None = Field(description="The form that a correction took the place of.")
    signal_id: UUID | None


class ChangesOut(Out):
    """A part of the feed. `next_after` may be ahead of the last item: what lies between is about others."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "sequence": 41,
                            "kind": "submission.recorded",
                            "recorded_at": "2026-11-20T13:05:01Z",
                            "client_id": "0199a1b2-0000-7000-8000-000000000001",
                            "episode_id": "0199a1b2-0000-7000-8000-000000000002",
                            "submission_id": "0199a1b2-0000-7000-8000-000000000005",
                            "supersedes": None,
                            "signal_id": None,
                        }
                    ],
                    "next_after": 41,
                    "more": False,
                }
            ]
        }
    )

    items: Annotated[list[HappenedOut], Field(max_length=200)]
    next_after: Sequence = Field(description="Send it as `after` the next time.")
    more: bool = Field(description="Whether there is more now: ask again at once, also when there are no items.")


@router.get(
    "",
    response_model=ChangesOut,
    summary="Read what happened since",
    description=(
        "Ids and kinds, no scores, in the order of a number that the server gives each event after it is committed: "
        "whoever goes on from `next_after` misses nothing, also of writers that were slow. Without `after` there are "
        "no items, only where to begin: read that first, then what you need, then what came after it. A key that is "
        "bound gets what is about those whom it opens; a client's, their own forms and no signals. What operators do "
        "is not told here."
    ),
    responses=problems(400, 401, 403, 409, 503),
)
async def get_changes(
    request: Request, caller: ScoresReader, service: Service, after: After = None, limit: Limit = 50
) -> Response:
    """Read a part of the feed."""
    found = await changes(service, caller, after=after, limit=limit)
    told = telling(request)
    told.is_list = True
    told.about(*(one.client_id for one in found.items))
    items = [_out(one) for one in found.items]
    return answer(ChangesOut(items=items, next_after=found.next_after, more=found.more))


def _out(change: Change) -> HappenedOut:
    return HappenedOut(
        sequence=change.sequence,
        kind=change.kind,
        recorded_at=change.recorded_at,
        client_id=change.client_id,
        episode_id=change.episode_id,
        submission_id=change.submission_id,
        supersedes=change.supersedes,
        signal_id=change.signal_id,
    )
