"""Whether the process lives, and whether it can work."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from app.errors import AllianceError
from app.storage.migrate import is_current
from app.web.openapi import problems
from app.web.route import StrictRoute
from app.web.wire import Out, Service, answer

router = APIRouter(tags=["health"], route_class=StrictRoute)


class LiveOut(Out):
    """The process answers."""

    status: Literal["alive"]


class ReadyOut(Out):
    """What the service needs, and whether it is there."""

    status: Literal["ready", "not_ready"]
    database: Literal["ok", "unavailable"]
    migrations: Literal["at_head", "behind", "unknown"]


@router.get("/livez", response_model=LiveOut, summary="Does the process live?", responses=problems(400))
async def get_livez() -> Response:
    """Answer as long as the process does."""
    return answer(LiveOut(status="alive"))


@router.get(
    "/readyz",
    response_model=ReadyOut,
    summary="Can the service work?",
    responses={503: {"model": ReadyOut, "description": "It can't, and says what is wrong."}, **problems(400)},
)
async def get_readyz(service: Service) -> Response:
    """Ask the database, and whether its schema is the newest."""
    try:
        current = await is_current(service.database)
    except AllianceError:
        return answer(ReadyOut(status="not_ready", database="unavailable", migrations="unknown"), status=503)
    if not current:
        return answer(ReadyOut(status="not_ready", database="ok", migrations="behind"), status=503)
    return answer(ReadyOut(status="ready", database="ok", migrations="at_head"))
