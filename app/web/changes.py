"""The feed of changes, for programs that keep a copy."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from app.progress.changes import Change, Told, changes
from app.storage.cursor import BEGINNING, PLACE, read_place, spell_place
from app.web.audited import telling
from app.web.auth import ScoresReader
from app.web.lists import Limit
from app.web.openapi import problems
from app.web.route import StrictRoute
from app.web.wire import Moment, Out, Service, answer

router = APIRouter(prefix="/v1/changes", tags=["changes"], route_class=StrictRoute)

_PATTERN = f"^({BEGINNING}|[A-Za-z0-9_-]{{{PLACE}}})$"
After = Annotated[
    Annotated[str, Field(min_length=1, max_length=PLACE, pattern=_PATTERN)] | None,
    Query(description="The `next_after` of the answer before; 0 from the beginning; without it, where the end is now."),
]


class HappenedOut(Out):
    """Something that happened, with the ids of what it happened to; null where there is none."""

    kind: Told
    recorded_at: Moment
    client_id: UUID
    episode_id: UUID | None
    submission_id: UUID | None
    supersedes: UUID | None = Field(description="The form that a correction took the place of.")
    signal_id: UUID | None


class ChangesOut(Out):
    """A part of the feed. `next_after` may be ahead of the last item: what lies between is about others.

    It is a place and no number: of two of them nobody sees how much lies between.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "kind": "submission.recorded",
                            "recorded_at": "2026-11-20T13:05:01Z",
                            "client_id": "0199a1b2-0000-7000-8000-000000000001",
                            "episode_id": "0199a1b2-0000-7000-8000-000000000002",
                            "submission_id": "0199a1b2-0000-7000-8000-000000000005",
                            "supersedes": None,
                            "signal_id": None,
                        }
                    ],
                    "next_after": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g",
                    "more": False,
                }
            ]
        }
    )

    items: Annotated[list[HappenedOut], Field(max_length=200)]
    next_after: Annotated[str, Field(min_length=1, max_length=PLACE, pattern=_PATTERN)] = Field(
        description="Send it as `after` the next time."
    )
    more: bool = Field(description="Whether there is more now: ask again at once, also when there are no items.")


@router.get(
    "",
    response_model=ChangesOut,
    summary="Read what happened since",
    description=(
        "Ids and kinds, no scores, in the order of a place that the server gives each event after it is committed: "
        "whoever goes on from `next_after` misses nothing, also of writers that were slow. Without `after` there are "
        "no items, only where to begin: read that first, then what you need, then what came after it. A key that is "
        "bound gets what is about those whom it opens; a client's, their own forms and no signals; a therapist's, no "
        "`episode.ended`, `episode.reopened` and `episode.recomputed`, which a form may have brought that is not for "
        "their eyes: the forms that they may see are told. What operators do is not told here."
    ),
    responses=problems(400, 401, 403, 409, 503),
)
async def get_changes(
    request: Request, caller: ScoresReader, service: Service, after: After = None, limit: Limit = 50
) -> Response:
    """Read a part of the feed."""
    organisation = caller.organisation
    number = None if after is None else read_place(service.keys, after, organisation=organisation)
    found = await changes(service, caller, after=number, limit=limit)
    told = telling(request)
    told.is_list = True
    told.about(*(one.client_id for one in found.items))
    items = [_out(one) for one in found.items]
    place = spell_place(service.keys, found.next_after, anew=not caller.is_unbound, organisation=organisation)
    return answer(ChangesOut(items=items, next_after=place, more=found.more))


def _out(change: Change) -> HappenedOut:
    return HappenedOut(
        kind=change.kind,
        recorded_at=change.recorded_at,
        client_id=change.client_id,
        episode_id=change.episode_id,
        submission_id=change.submission_id,
        supersedes=change.supersedes,
        signal_id=change.signal_id,
    )
