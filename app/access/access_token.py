"""Access tokens of our own (RFC 9068): for minutes, signed by a key of ours, and good only while their source is."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from joserfc import jwt

from app.access.client_id import parse_client_id, spell_client_id
from app.access.jose import proven
from app.errors import Unauthenticated
from app.storage.runtime import Runtime
from app.storage.signing_keys import ALGORITHM, LIFETIME

TYPE: Final = "at+jwt"
#: So far the clock of another of our machines may run ahead.
_AHEAD = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token opens, and what it hangs on: the application's epoch and, if one brought it, an API key."""

    organisation: UUID
    application: UUID
    scopes: tuple[str, ...]
    epoch: int
    key_id: UUID | None = None
    client_id: UUID | None = None
    therapist_id: UUID | None = None
    acting: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A grant that was read from a token, the key that had signed it, and when it ends."""

    grant: Grant
    signed_by: str
    until: datetime


def sign_token(runtime: Runtime, grant: Grant, *, now: datetime) -> str:
    """Write a grant as a token."""
    key = runtime.signing.signer(now=now)
    client = spell_client_id(organisation=grant.organisation, application=grant.application)
    claims = {
        "iss": runtime.issuer,
        "aud": runtime.issuer,
        "sub": client,
        "client_id": client,
        "org": str(grant.organisation),
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
        "jti": runtime.new_id().hex,
        "scope": " ".join(grant.scopes),
        "epoch": grant.epoch,
        "key": grant.key_id and str(grant.key_id),
        "client": grant.client_id and str(grant.client_id),
        "therapist": grant.therapist_id and str(grant.therapist_id),
        "act": grant.acting and {"sub": grant.acting},
    }
    told = {name: value for name, value in claims.items() if value is not None}
    header = {"alg": ALGORITHM, "typ": TYPE, "kid": key.key_id}
    return jwt.encode(header, told, key.private, algorithms=[ALGORITHM])


def read_token(runtime: Runtime, text: str, *, key_id: str | None, now: datetime) -> Verified:
    """Return what a token of ours says, or raise Unauthenticated."""
    key = runtime.signing.public(key_id) if key_id else None
    if key is None or key_id is None:
        raise Unauthenticated
    signed = proven(text, key, algorithms=[ALGORITHM])
    claims = signed.claims
    if signed.header.get("typ") != TYPE or claims.get("iss") != runtime.issuer or claims.get("aud") != runtime.issuer:
        raise Unauthenticated
    made, until = moment(claims.get("iat")), moment(claims.get("exp"))
    if not (now < until <= made + LIFETIME and made <= now + _AHEAD):
        raise Unauthenticated
    return Verified(grant=_grant(claims), signed_by=key_id, until=until)


def moment(claim: object) -> datetime:
    """Read a time of a token, or raise Unauthenticated."""
    if isinstance(claim, int | float) and not isinstance(claim, bool):
        with suppress(ValueError, OverflowError, OSError):
            return datetime.fromtimestamp(claim, UTC)
    raise Unauthenticated


def _grant(claims: Mapping[str, Any]) -> Grant:
    organisation, application = parse_client_id(claims.get("client_id"))
    acting = claims.get("act")
    try:
        if UUID(claims["org"]) != organisation or claims["sub"] != claims["client_id"]:
            raise Unauthenticated
        return Grant(
            organisation=organisation,
            application=application,
            scopes=tuple(str(claims["scope"]).split()),
            epoch=int(claims["epoch"]),
            key_id=_id(claims.get("key")),
            client_id=_id(claims.get("client")),
            therapist_id=_id(claims.get("therapist")),
            acting=None if acting is None else str(acting["sub"]),
        )
    except (KeyError, ValueError, TypeError, AttributeError):
        raise Unauthenticated from None


def _id(claim: str | None) -> UUID | None:
    return None if claim is None else UUID(claim)
