"""Who calls: credentials are checked before anything else, scopes by the alias that a route's parameter has."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPBearer, SecurityScopes
from fastapi.security.http import HTTPAuthorizationCredentials
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.authenticate import authenticate
from app.access.caller import Caller
from app.errors import Forbidden, Unauthenticated

#: Everything else needs credentials, what does not exist included.
PUBLIC = frozenset({"/", "/livez", "/readyz", "/docs", "/openapi.json", "/problems", "/favicon.ico"})
PUBLIC_BELOW = ("/problems/", "/schemas/", "/assets/")

_bearer = HTTPBearer(
    scheme_name="bearer",
    bearerFormat="API key",
    description="An API key of an application. Keys are made by `alliance apps create`.",
    auto_error=False,
)


def is_public(path: str) -> bool:
    """Say whether a path answers without credentials."""
    return path in PUBLIC or path.startswith(PUBLIC_BELOW)


class Authentication:
    """Middleware that finds the caller of every request that is not public."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the bearer credential and leave the caller in the request's state."""
        if scope["type"] == "http" and not is_public(scope["path"]):
            scheme, _, credential = Headers(scope=scope).get("authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                raise Unauthenticated
            runtime = scope["app"].state.runtime
            scope["state"]["caller"] = await authenticate(runtime, credential.strip())
        await self._app(scope, receive, send)


async def _caller(
    request: Request,
    needed: SecurityScopes,
    _credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    caller: Caller = request.state.caller
    for scope in needed.scopes:
        if scope not in caller.scopes:
            raise Forbidden(scope=scope)
    return caller


InstrumentsReader = Annotated[Caller, Security(_caller, scopes=["instruments:read"])]
SubmissionsWriter = Annotated[Caller, Security(_caller, scopes=["submissions:write"])]
SubmissionsReader = Annotated[Caller, Security(_caller, scopes=["submissions:read"])]
ScoresReader = Annotated[Caller, Security(_caller, scopes=["scores:read"])]
