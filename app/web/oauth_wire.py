"""What goes over the wire where tokens are given out: the form and the errors of OAuth (RFC 6749, RFC 7523)."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, unquote_plus

from pydantic import ConfigDict, Field

from app.access.grant_token import Asked
from app.errors import GrantError, GrantRefused
from app.web.wire import Out

GRANT = "client_credentials"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*", re.ASCII)
_MOST_FIELDS = 20
_FORM = "application/x-www-form-urlencoded"


class TokenOut(Out):
    """An access token: send it as `Authorization: Bearer`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "access_token": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6Ii4uLiJ9.e30.c2ln",
                    "token_type": "Bearer",
                    "expires_in": 300,
                    "scope": "submissions:write scores:read",
                }
            ]
        }
    )

    access_token: Annotated[str, Field(max_length=4000)]
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a kind, no token
    expires_in: Annotated[int, Field(ge=1, le=300, description="Seconds.")]
    scope: Annotated[str, Field(max_length=1000, description="What it opens, with blanks between.")]


class OAuthErrorOut(Out):
    """An error in the words of OAuth (RFC 6749, section 5.2)."""

    error: GrantError


class JwkOut(Out):
    """A public key (RFC 7517)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Annotated[str, Field(max_length=43)]
    y: Annotated[str, Field(max_length=43)]
    kid: Annotated[str, Field(max_length=100)]
    use: Literal["sig"]
    alg: Literal["ES256"]


class JwksOut(Out):
    """The public keys of the service, those that sign no more but have signed a living token among them."""

    keys: Annotated[list[JwkOut], Field(max_length=20)]


def token_request() -> dict[str, Any]:
    """Describe the form; the framework knows of JSON only."""
    text = {"type": "string", "maxLength": 200, "pattern": r"^[!-~]*$"}
    properties = {
        "grant_type": {"type": "string", "enum": [GRANT]},
        "scope": {
            "type": "string",
            "maxLength": 1000,
            "pattern": r"^[!#-\[\]-~]+( [!#-\[\]-~]+)*$",
            "description": "Scopes with blanks between; all that the application has when absent. "
            "Those that it lacks are left out.",
        },
        "client_assertion_type": {"type": "string", "enum": [JWT_BEARER]},
        "client_assertion": {
            "type": "string",
            "maxLength": 8192,
            "pattern": "^[A-Za-z0-9_-]*[.][A-Za-z0-9_-]*[.][A-Za-z0-9_-]*$",
            "description": "A JWT signed by the application (RFC 7523), good for one token: `iss` and `sub` the client "
            "id, `aud` the address of this operation or of the service, `exp` at most 5 minutes ahead, `jti`. Signed "
            "with RS384, ES384, ES256 or EdDSA. Claims of its own: `client_ref` or `therapist_ref` narrows the token "
            'to one person, `act` `{"sub": ...}` names the person behind the requests.',
        },
        "client_id": {**text, "description": "As `alliance apps show` prints it. May be left out with an assertion."},
        "client_secret": {**text, "description": "An API key of the application, in place of an assertion."},
    }
    example = {
        "grant_type": GRANT,
        "scope": "scores:read",
        "client_id": "0199e0b0c0de7000800000000000000a.0199e0b0c0de7000800000000000000b",
        "client_secret": "alliance_...",
    }
    schema = {
        "type": "object",
        "required": ["grant_type"],
        "properties": properties,
        "maxProperties": _MOST_FIELDS,
        "examples": [example],
    }
    return {"requestBody": {"required": True, "content": {_FORM: {"schema": schema}}}}


def read_request(body: bytes, *, media_type: str, authorization: str | None) -> Asked:
    """Read a request for a token, or raise GrantRefused. Empty fields count as absent, unknown ones are passed over."""
    form = _form(body, media_type)
    grant = form.get("grant_type")
    if grant is None:
        raise GrantRefused("invalid_request")
    if grant != GRANT:
        raise GrantRefused("unsupported_grant_type")
    scope = form.get("scope", "")
    if scope and not _SCOPE.fullmatch(scope):
        raise GrantRefused("invalid_scope")
    return Asked(scopes=tuple(scope.split()), **_proof(form, authorization))


def _form(body: bytes, media_type: str) -> dict[str, str]:
    if media_type.partition(";")[0].strip().lower() != _FORM:
        raise GrantRefused("invalid_request")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise GrantRefused("invalid_request") from None
    if len({name for name, _ in pairs}) != len(pairs):
        raise GrantRefused("invalid_request")
    return {name: value for name, value in pairs if value}


def _proof(form: dict[str, str], authorization: str | None) -> dict[str, str | None]:
    """Take the one proof that was sent; two ways at once are one too many (RFC 6749, section 2.3)."""
    basic = _basic(authorization) if authorization else {}
    secret, assertion = form.get("client_secret"), form.get("client_assertion")
    if sum(proof is not None for proof in (authorization, secret, assertion)) > 1:
        raise GrantRefused("invalid_request")
    if assertion is not None and form.get("client_assertion_type") != JWT_BEARER:
        raise GrantRefused("invalid_request")
    named = form.get("client_id")
    if basic and named not in {None, basic["client_id"]}:
        raise GrantRefused("invalid_request")
    return {"client_id": named, "client_secret": secret, "assertion": assertion, **basic}


def _basic(authorization: str) -> dict[str, str | None]:
    """Read client id and secret of HTTP Basic, where both are encoded as in a form."""
    scheme, _, sent = authorization.partition(" ")
    try:
        user, colon, password = b64decode(sent.strip(), validate=True).decode("ascii").partition(":")
    except ValueError:
        raise GrantRefused("invalid_client") from None
    if scheme.lower() != "basic" or not colon:
        raise GrantRefused("invalid_client")
    return {"client_id": unquote_plus(user), "client_secret": unquote_plus(password)}
