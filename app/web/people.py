"""What a person has a right to: erasure."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.people.erase import erase
from app.web.audited import telling
from app.web.auth import Eraser
from app.web.openapi import problems
from app.web.people_wire import ErasureOut, erasure_out
from app.web.route import StrictRoute
from app.web.wire import Service, answer

router = APIRouter(prefix="/v1/clients", tags=["people"], route_class=StrictRoute)


@router.delete(
    "/{client_id:id}",
    response_model=ErasureOut,
    summary="Erase a client",
    description=(
        "Destroys the client's keys and deletes everything about them, for good, in one transaction; what their forms "
        "counted is subtracted exactly. Afterwards the id answers 404 everywhere, and a late repeat of a form 410. "
        "Refused with 409 while a legal hold stands. Asked again it answers the same. Keys that are bound to a person "
        "get 404: the organisation answers requests for erasure."
    ),
    responses=problems(400, 401, 403, 404, 409, 503),
)
async def delete_client(request: Request, caller: Eraser, service: Service, client_id: UUID) -> Response:
    """Erase one client."""
    made = await erase(service, caller, client_id=client_id)
    telling(request).has_events = made.is_new
    return answer(erasure_out(made))
