"""Whether the process lives, and whether it can work."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from app.errors import AllianceError
from app.storage.migrate import is_current
from app.storage.probe import keys_on_disk
from app.storage.role import what_is_wrong_with_role
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
    writing: Literal["ok", "busy", "full", "read_only", "unavailable", "unknown"] = Field(
        description="Whether a transaction that leaves nothing behind could be committed; asked once a second at most."
    )
    role: Literal["ok", "refused", "unknown"] = Field(
        description="Whether the service's login is one that row-level security holds; on SQLite there are none."
    )
    keys: Literal["ok", "unreadable", "changed"] = Field(
        description="Whether the secrets could be read at another start, and are those in use."
    )


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
    """Ask the database: for its schema, for a write, and who the service is to it; and look for the secrets."""
    keys = await keys_on_disk(service.secrets_dir, in_use=service.keys, masters=service.vault.masters)
    unknown = {"migrations": "unknown", "writing": "unknown", "keys": keys}
    try:
        if await what_is_wrong_with_role(service.database):
            return _not_ready(database="ok", role="refused", **unknown)
        migrations = "at_head" if await is_current(service.database) else "behind"
    except AllianceError:
        return _not_ready(database="unavailable", role="unknown", **unknown)
    writing = await service.probe(service.database)
    found = {"database": "ok", "migrations": migrations, "writing": writing, "role": "ok", "keys": keys}
    if found != {"database": "ok", "migrations": "at_head", "writing": "ok", "role": "ok", "keys": "ok"}:
        return _not_ready(**found)
    return answer(ReadyOut.model_validate({"status": "ready", **found}))


def _not_ready(**found: str) -> Response:
    return answer(ReadyOut.model_validate({"status": "not_ready", **found}), status=503)
