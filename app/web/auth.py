"""Who calls: credentials are checked before anything else, scopes by the alias that a route's parameter has."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import Request, Security
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.authenticate import authenticate
from app.access.caller import Caller
from app.access.caller import Scope as Permission
from app.errors import Forbidden, InvitationNeeded, Unauthenticated
from app.web.problems import WebProblem

#: Everything else needs credentials, what does not exist included.
PUBLIC = frozenset(
    {
        "/", "/livez", "/readyz", "/docs", "/openapi.json", "/problems", "/favicon.ico", "/oauth/token",
        "/.well-known/jwks.json",
    }
)  # fmt: skip
#: The header that names the person for whom an application asks.
ACTING = "acting-user"
LONGEST_ACTING = 100
PUBLIC_BELOW = ("/problems/", "/schemas/", "/assets/")


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
            headers = Headers(scope=scope)
            given = headers.getlist("authorization")
            scheme, _, credential = given[0].partition(" ") if given else ("", "", "")
            if scheme.lower() != "bearer" or len(given) > 1:  # of two a proxy may have looked at the other one
                raise Unauthenticated
            runtime = scope["app"].state.runtime
            caller = await authenticate(runtime, credential.strip())
            scope["app"].state.organisations.add(caller.organisation)
            scope["state"]["caller"] = _acting_for(caller, headers) if ACTING in headers else caller
        await self._app(scope, receive, send)


def _acting_for(caller: Caller, headers: Headers) -> Caller:
    """Read whom the application acts for: the organisation's own id of that person, whom a token may name already.

    Who has a client's own credential can't say to be somebody else: the log would believe a phone that names a nurse.
    """
    given = headers.getlist(ACTING)
    acting = given[0].strip()
    if len(given) > 1:  # of two a proxy may have looked at the other one
        raise WebProblem("invalid_parameter", parameter="Acting-User")
    if not (0 < len(acting) <= LONGEST_ACTING and acting.isascii() and acting.isprintable()):
        raise WebProblem("invalid_parameter", parameter="Acting-User")
    if caller.acting not in {None, acting} or (caller.client_id is not None and caller.acting is None):
        raise WebProblem("invalid_parameter", parameter="Acting-User")
    return replace(caller, acting=acting)


class _Opens(SecurityBase):
    """The security of an operation: the bearer scheme with the scope that opens it.

    The middleware has found the caller already: of the framework's own schemes nothing is left but the description.
    """

    scheme_name = "bearer"
    model = HTTPBearerModel(
        bearerFormat="API key or JWT",
        description=(
            "An API key of an application, made by `alliance apps create`, unless the organisation takes tokens only; "
            "an access token from `POST /oauth/token`; or a token of the organisation's own identity provider."
        ),
    )

    def __init__(self, scope: Permission) -> None:
        self._scope = scope

    async def __call__(self, request: Request) -> Caller:
        """Return the caller, or refuse one without the scope."""
        caller: Caller = request.state.caller
        if self._scope not in caller.scopes:
            raise Forbidden(scope=self._scope)
        return caller


class _OpensInvitation(SecurityBase):
    """The security of the operations that an invitation opens, and that nothing else does."""

    scheme_name = "invitation"
    model = HTTPBearerModel(
        bearerFormat="Invitation",
        description=(
            "The token of an invitation. It opens the form that is due, the safety check beside it, and nothing else."
        ),
    )

    async def __call__(self, request: Request) -> Caller:
        """Return who was invited, or refuse anybody else."""
        caller: Caller = request.state.caller
        if caller.invitation is None:
            raise InvitationNeeded
        return caller


InstrumentsReader = Annotated[Caller, Security(_Opens("instruments:read"), scopes=["instruments:read"])]
SubmissionsWriter = Annotated[Caller, Security(_Opens("submissions:write"), scopes=["submissions:write"])]
SubmissionsReader = Annotated[Caller, Security(_Opens("submissions:read"), scopes=["submissions:read"])]
ScoresReader = Annotated[Caller, Security(_Opens("scores:read"), scopes=["scores:read"])]
SignalsWriter = Annotated[Caller, Security(_Opens("signals:write"), scopes=["signals:write"])]
ConsentWriter = Annotated[Caller, Security(_Opens("consent:write"), scopes=["consent:write"])]
Eraser = Annotated[Caller, Security(_Opens("clients:erase"), scopes=["clients:erase"])]
CaseloadReader = Annotated[Caller, Security(_Opens("caseload:read"), scopes=["caseload:read"])]
SafeguardingReader = Annotated[Caller, Security(_Opens("safeguarding:read"), scopes=["safeguarding:read"])]
InvitationsWriter = Annotated[Caller, Security(_Opens("invitations:write"), scopes=["invitations:write"])]
Invited = Annotated[Caller, Security(_OpensInvitation())]
Administrator = Annotated[Caller, Security(_Opens("admin"), scopes=["admin"])]
MetricsReader = Annotated[Caller, Security(_Opens("metrics:read"), scopes=["metrics:read"])]
