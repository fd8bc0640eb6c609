"""The caseload of an organisation, a therapist or a supervisor."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from app.progress.caseload import Attention, Case, Wanted, caseload
from app.progress.caseload_words import LANGUAGES, Code
from app.web.audited import telling
from app.web.auth import CaseloadReader
from app.web.instruments import LANGUAGE
from app.web.language import preferred_language
from app.web.lists import Cursor, Limit, NextCursor, next_link
from app.web.openapi import problems
from app.web.route import StrictRoute
from app.web.scores_wire import SessionNumber
from app.web.wire import Moment, Out, Service, answer

router = APIRouter(prefix="/v1/caseload", tags=["caseload"], route_class=StrictRoute)

TherapistId = Annotated[UUID | None, Query(description="The episodes of this therapist only.")]
State = Annotated[
    Wanted | None,
    Query(
        description=(
            "Only this state of attention; `needs_attention` is `alert`, `watch` and `missing_form` together. All "
            "open episodes unless given."
        )
    ),
]


class WhyOut(Out):
    """The one reason for the place in the list: a prompt to look, never a diagnosis."""

    code: Code = Field(description="It never changes: what the signal is about and whether somebody looked at it.")
    text: Annotated[str, Field(max_length=200, description="One line in the language of `Content-Language`.")]


class CaseOut(Out):
    """One open episode. Without a schedule no form is expected, and none is missed."""

    client_id: UUID
    episode_id: UUID
    therapist_id: UUID
    attention: Attention
    why: WhyOut
    signal_id: UUID | None = Field(description="The signal behind the reason; there may be others.")
    last_session: SessionNumber | None
    last_completed_at: Moment | None
    next_expected_at: Moment | None = Field(
        description="One cadence after the last form; null without one, or when the expected sessions are reached."
    )


class CaseloadOut(Out):
    """A page of the caseload, those who need attention first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "as_of": "2026-11-24T09:00:00Z",
                    "items": [
                        {
                            "client_id": "0199a1b2-0000-7000-8000-000000000001",
                            "episode_id": "0199a1b2-0000-7000-8000-000000000002",
                            "therapist_id": "0199a1b2-0000-7000-8000-000000000003",
                            "attention": "alert",
                            "why": {
                                "code": "rupture_alert",
                                "text": "Possible rupture at session 6, not yet looked at.",
                            },
                            "signal_id": "0199a1b2-0000-8000-8000-000000000004",
                            "last_session": 6,
                            "last_completed_at": "2026-11-20T13:05:00Z",
                            "next_expected_at": "2026-11-27T13:05:00Z",
                        }
                    ],
                    "next_cursor": None,
                }
            ]
        }
    )

    as_of: Moment = Field(description="The moment that all pages of one walk show.")
    items: Annotated[list[CaseOut], Field(max_length=200)]
    next_cursor: NextCursor


@router.get(
    "",
    response_model=CaseloadOut,
    summary="Read the caseload",
    description=(
        "Open episodes, those that need attention first: open signals of level `alert` that nobody looked at, then of "
        "level `watch`, then a missing form (none within 1.5 cadences of the last one, and at least 3 days late: a "
        "design choice, not validated), then signals that were looked at and are still open, then the rest; within a "
        "state the longest waiting first. A therapist's key reads their own, a supervisor's key those of their teams. "
        "There are no figures about therapists, and they are in no order. All pages of a walk show the moment of the "
        "first: begin anew to see what is new."
    ),
    responses=problems(400, 401, 403, 404, 503),
    openapi_extra=LANGUAGE,
)
async def get_caseload(  # noqa: PLR0917 - FastAPI passes by name
    request: Request,
    caller: CaseloadReader,
    service: Service,
    therapist_id: TherapistId = None,
    state: State = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Read one page."""
    found = await caseload(service, caller, therapist_id=therapist_id, state=state, limit=limit, cursor=cursor)
    told = telling(request)
    told.is_list = True
    told.about(*(one.client_id for one in found.cases))
    header = ",".join(request.headers.getlist("accept-language"))
    language = preferred_language(header, LANGUAGES) or LANGUAGES[0]
    items = [_out(one, language) for one in found.cases]
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    if found.next_cursor is not None:
        headers |= next_link(therapist_id=therapist_id, state=state, limit=limit, cursor=found.next_cursor)
    body = CaseloadOut(as_of=found.as_of, items=items, next_cursor=found.next_cursor)
    return answer(body, headers=headers)


def _out(case: Case, language: str) -> CaseOut:
    return CaseOut(
        client_id=case.client_id,
        episode_id=case.episode_id,
        therapist_id=case.therapist_id,
        attention=case.attention,
        why=WhyOut(code=case.why.code, text=case.why.told(language)),
        signal_id=case.signal_id,
        last_session=case.last_session,
        last_completed_at=case.last_completed_at,
        next_expected_at=case.next_expected_at,
    )
