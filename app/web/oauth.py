"""Where applications get access tokens, and the public keys that these are signed with.

The form and the errors are those of OAuth (RFC 6749), which its clients expect, and not problem+json.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.access.grant_token import TOKEN_PATH, grant_token, named_client
from app.errors import GrantRefused
from app.web.oauth_wire import JwkOut, JwksOut, OAuthErrorOut, TokenOut, read_request, token_request
from app.web.openapi import problems
from app.web.route import StrictRoute
from app.web.wire import Service, answer

router = APIRouter(tags=["oauth"], route_class=StrictRoute)
_REFUSED = {"model": OAuthErrorOut, "description": "The request can't be understood, or asks for what is not given."}
_UNKNOWN = {"model": OAuthErrorOut, "description": "The application has not proven who it is (`invalid_client`)."}


@router.post(
    TOKEN_PATH,
    response_model=TokenOut,
    summary="Get an access token",
    description=(
        "Client credentials (RFC 6749, section 4.4) with a signed assertion (`private_key_jwt`, as in SMART Backend "
        "Services) or, for small sites, with an API key as the client's secret, by HTTP Basic or in the form. The "
        "token lives 5 minutes; it ends at once when the application's tokens or the API key are revoked, or the key "
        "is over. Errors are those of OAuth, not problem+json."
    ),
    responses={400: _REFUSED, 401: _UNKNOWN, **problems(413, 503)},
    openapi_extra=token_request(),
)
async def post_token(request: Request, service: Service) -> Response:
    """Give out a token."""
    headers = request.headers
    authorization = headers.get("authorization")
    try:
        asked = read_request(
            await request.body(), media_type=headers.get("content-type", ""), authorization=authorization
        )
        if "named" in request.scope["state"]:
            request.state.named(named_client(asked))
        made = await grant_token(service, asked)
    except GrantRefused as refused:
        unknown = refused.error == "invalid_client"
        told = {"WWW-Authenticate": 'Basic realm="alliance", charset="UTF-8"'} if unknown else {}
        return answer(OAuthErrorOut(error=refused.error), status=401 if unknown else 400, headers=told | _NOT_KEPT)
    body = TokenOut(access_token=made.text, expires_in=made.seconds, scope=" ".join(made.scopes))
    return answer(body, headers=_NOT_KEPT)


_NOT_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@router.get(
    "/.well-known/jwks.json",
    response_model=JwksOut,
    summary="The keys that tokens are signed with",
    description="A new key is published ten minutes before it signs: keep the set for five at most.",
    responses=problems(400),
)
async def get_jwks(service: Service) -> Response:
    """List the public keys."""
    keys = [JwkOut(**key.public()) for key in service.signing.all()]
    return answer(JwksOut(keys=keys), headers={"Cache-Control": "public, max-age=300"})
