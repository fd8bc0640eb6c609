"""What a person has a right to: their data, and erasure."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from app.people.erase import erase
from app.people.export import Of, export
from app.stages.advice import FALLBACK_LANGUAGE
from app.web.audited import telling
from app.web.auth import Eraser, SubmissionsReader
from app.web.export_wire import ExportOut, export_parts
from app.web.few_at_once import FewAtOnce
from app.web.openapi import problems
from app.web.people_wire import ErasureOut, erasure_out
from app.web.route import StrictRoute
from app.web.told_form import View
from app.web.wire import Service, answer

router = APIRouter(prefix="/v1/clients", tags=["people"], route_class=StrictRoute)
exports = APIRouter(route_class=FewAtOnce)

OfWhom = Annotated[
    Of | None,
    Query(
        alias="of",
        description=(
            "`parent`: the forms of a parent, who has an export of their own. Without it, the client's; for a key that "
            "acts as a parent, the parent's. The other one's is absent for a key of the client or of a parent."
        ),
    ),
]


@exports.get(
    "/{client_id}/export",
    response_model=ExportOut,
    summary="Export everything held about a client",
    description=(
        "One document: references, episodes, forms with answers, comments and scores, corrected and withdrawn ones "
        "too, signals, statements of notice and consent, invitations and keys of the client's own without what opens "
        "them, and who had access. It is sent while it is read, so that "
        "it may be long; one that breaks off is no JSON, and is asked for again. An organisation has three under way "
        "at once (503 `too_many_exports`). A key of the client's own gets what "
        "is theirs, a parent's what is the parent's; `left_out` names the rest. Keys of therapists get 404. Safety "
        "checks are never part of it."
    ),
    responses=problems(400, 401, 403, 404, 503),
)
async def get_export(caller: SubmissionsReader, service: Service, client_id: UUID, of: OfWhom = None) -> Response:
    """Export one client's data."""
    found = await export(service, caller, client_id=client_id, of=of)
    view = View(catalog=service.catalog, sight_of=lambda _: found.sight, language=FALLBACK_LANGUAGE)
    return StreamingResponse(
        export_parts(found, view), media_type="application/json", headers={"Cache-Control": "no-store"}
    )


router.include_router(exports)


@router.delete(
    "/{client_id:id}",
    response_model=ErasureOut,
    summary="Erase a client",
    description=(
        "Destroys the client's keys and deletes everything about them, for good, in one transaction; what their forms "
        "counted is subtracted exactly. Afterwards the id answers 404 everywhere, and a late repeat of a form 410. "
        "Refused with 409 while a legal hold stands. Asked again it answers the same. Keys that are bound to a person "
        "get 404: the organisation answers requests for erasure. Where it wants persons named, it wants the one who "
        "decided (`Acting-User`)."
    ),
    responses=problems(400, 401, 403, 404, 409, 503),
)
async def delete_client(request: Request, caller: Eraser, service: Service, client_id: UUID) -> Response:
    """Erase one client."""
    made = await erase(service, caller, client_id=client_id)
    telling(request).has_events = made.is_new
    return answer(erasure_out(made))
