"""Notice and consent: what a client was told, and what they agreed to."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from app.access.caller import Caller
from app.people.consents import Statement, Statements, consents, state
from app.storage.runtime import Runtime
from app.web.audited import telling
from app.web.auth import ConsentWriter, ScoresReader
from app.web.export_wire import StatementOut, statement_out
from app.web.openapi import problems
from app.web.preconditions import IfMatch, known_states, tags
from app.web.route import StrictRoute
from app.web.wire import In, Out, Service, Time, answer

router = APIRouter(prefix="/v1/clients", tags=["people"], route_class=StrictRoute)

TextVersion = Annotated[
    str,
    Field(
        min_length=1,
        max_length=40,
        pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Which version of your text the client was shown.",
    ),
]


class NoticeIn(In):
    """That the client was told what is measured, why, and who sees it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"decision": "informed", "text_version": "2026-1", "stated_at": "2026-11-20T14:00:00+01:00"}]
        }
    )

    decision: Literal["informed"]
    text_version: TextVersion
    stated_at: Time


class ResearchConsentIn(In):
    """What the client decided about research."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"decision": "given", "text_version": "2026-1", "stated_at": "2026-11-20T14:00:00+01:00"}]
        }
    )

    decision: Literal["given", "refused", "withdrawn"]
    text_version: TextVersion
    stated_at: Time


class ConsentsOut(Out):
    """What counts now, and everything that was stated, the newest first."""

    client_id: UUID
    notice: StatementOut | None
    research: StatementOut | None = Field(description="null: nothing was decided, which is no consent.")
    history: Annotated[list[StatementOut], Field(max_length=1000)]


@router.get(
    "/{client_id}/consents",
    response_model=ConsentsOut,
    summary="Read what a client was told and agreed to",
    description=(
        "Every statement; the one that was stated last counts. Send the `ETag` in `If-Match` to add one. For the "
        "organisation's systems, the client's own key and a parent's."
    ),
    responses={304: {"description": "Nothing is new."}, **problems(400, 401, 403, 404, 503)},
)
async def get_consents(request: Request, caller: ScoresReader, service: Service, client_id: UUID) -> Response:
    """Read one client's statements."""
    found = await consents(service, caller, client_id=client_id)
    asked = request.headers.get("if-none-match", "").strip()
    if asked == "*" or f'"{found.tag}"' in {tag.removeprefix("W/") for tag in tags(asked)}:
        return Response(status_code=304, headers=_headers(found))
    return _told(found)


@router.put(
    "/{client_id}/notice",
    response_model=ConsentsOut,
    summary="Say that a client was informed",
    description=(
        "Notice of the measurement itself, apart from research. What was stated already may be sent again. Answered "
        "without a body where a person has to be named (`Acting-User`) and is not."
    ),
    responses=problems(400, 401, 403, 404, 412, 413, 415, 422, 428, 503),
)
async def put_notice(  # noqa: PLR0917 - FastAPI passes by name
    request: Request,
    caller: ConsentWriter,
    service: Service,
    client_id: UUID,
    sent: NoticeIn,
    if_match: IfMatch = None,
) -> Response:
    """Keep a notice."""
    statement = Statement(
        subject="measurement", decision=sent.decision, text_version=sent.text_version, stated_at=sent.stated_at
    )
    return await _stated(request, service, caller, statement, client_id, if_match)


@router.put(
    "/{client_id}/research-consent",
    response_model=ConsentsOut,
    summary="Say what a client decided about research",
    description=(
        "Given, refused or withdrawn. Nothing that was stated is overwritten; of several the one that was stated last "
        "counts, whenever it comes in. What was stated already may be sent again. Answered without a body where a "
        "person has to be named (`Acting-User`) and is not."
    ),
    responses=problems(400, 401, 403, 404, 412, 413, 415, 422, 428, 503),
)
async def put_research_consent(  # noqa: PLR0917 - FastAPI passes by name
    request: Request,
    caller: ConsentWriter,
    service: Service,
    client_id: UUID,
    sent: ResearchConsentIn,
    if_match: IfMatch = None,
) -> Response:
    """Keep a decision about research."""
    statement = Statement(
        subject="research", decision=sent.decision, text_version=sent.text_version, stated_at=sent.stated_at
    )
    return await _stated(request, service, caller, statement, client_id, if_match)


async def _stated(  # noqa: PLR0917 - as it comes in
    request: Request, service: Runtime, caller: Caller, statement: Statement, client_id: UUID, if_match: str | None
) -> Response:
    made = await state(service, caller, statement, client_id=client_id, known=known_states(if_match))
    telling(request).has_events = made.is_new
    if caller.lacks_a_person:  # the statement is taken; all that was stated before is a read
        return Response(headers=_headers(made) | {"Preference-Applied": "return=minimal"})
    return _told(made)


def _told(found: Statements) -> Response:
    notice, research = found.newest("measurement"), found.newest("research")
    body = {
        "client_id": found.client_id,
        "notice": None if notice is None else statement_out(notice),
        "research": None if research is None else statement_out(research),
        "history": [statement_out(row) for row in found.rows],
    }
    return answer(body, headers=_headers(found))


def _headers(found: Statements) -> dict[str, str]:
    return {"ETag": f'"{found.tag}"', "Cache-Control": "private, no-cache"}
