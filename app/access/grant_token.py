"""Give out an access token: to an application that proves itself by a signed assertion, or by its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.access.access_token import Grant, sign_token
from app.access.api_key import parse_api_key
from app.access.assertion import Assertion, claimed_client, read_assertion
from app.access.binding import Binding, bind
from app.access.by_key import find_key
from app.access.caller import SCOPES, allowed_scopes
from app.access.client_id import parse_client_id, spell_client_id
from app.access.token_store import find_application, use_assertion
from app.errors import ClientErased, FetchRefused, GrantRefused, Unauthenticated
from app.storage.runtime import Runtime
from app.storage.signing_keys import LIFETIME
from app.storage.types import AnyRow

#: Where tokens are given out, below the service's public address.
TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 - a path


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Asked:
    """What was asked: the scopes, all when there are none, and the proof of who asks."""

    scopes: tuple[str, ...]
    client_id: str | None = None
    client_secret: str | None = None
    assertion: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NewToken:
    """A token, what it opens, and for how many seconds."""

    text: str
    scopes: tuple[str, ...]
    seconds: int


def named_client(asked: Asked) -> str | None:
    """Return the client id that is asked for, unproven."""
    if asked.assertion is None:
        return asked.client_id
    try:
        organisation, application, _ = claimed_client(asked.assertion)
    except Unauthenticated:
        return None
    return spell_client_id(organisation=organisation, application=application)


async def grant_token(runtime: Runtime, asked: Asked) -> NewToken:
    """Return a new token, or raise GrantRefused; why a proof fails is not told."""
    try:
        grant = await (_by_key(runtime, asked) if asked.assertion is None else _by_assertion(runtime, asked))
    except (Unauthenticated, FetchRefused):
        raise GrantRefused("invalid_client") from None
    except ClientErased:
        raise GrantRefused("invalid_request") from None
    text = sign_token(runtime, grant, now=runtime.now())
    return NewToken(text=text, scopes=grant.scopes, seconds=int(LIFETIME.total_seconds()))


async def _by_key(runtime: Runtime, asked: Asked) -> Grant:
    """Take an API key as the client's secret; whom it opens, the token opens too."""
    named = parse_client_id(asked.client_id)
    key = parse_api_key(asked.client_secret or "")
    row = await find_key(runtime, key)
    if named != (key.organisation, row.application_id):
        raise Unauthenticated
    return Grant(
        organisation=key.organisation,
        application=row.application_id,
        scopes=_narrowed(row, asked.scopes),
        epoch=row.epoch,
        key_id=key.key_id,
        client_id=row.client_id,
        therapist_id=row.therapist_id,
    )


async def _by_assertion(runtime: Runtime, asked: Asked) -> Grant:
    """Hold an assertion against the application's public keys, and use it up."""
    text = asked.assertion or ""
    organisation, application, key_id = claimed_client(text)
    if asked.client_id is not None and parse_client_id(asked.client_id) != (organisation, application):
        raise Unauthenticated
    row = await runtime.database.read(
        lambda c: find_application(c, organisation=organisation, application=application), organisation=organisation
    )
    keys = await _keys(runtime, row, key_id)
    audiences = frozenset({runtime.issuer, runtime.issuer + TOKEN_PATH})
    assertion = read_assertion(text, keys, audiences=audiences, now=runtime.now())
    if row is None:
        raise Unauthenticated
    scopes = _narrowed(row, asked.scopes)
    _check_binding(row.audience, assertion.binding)
    bound = await _use(runtime, assertion, organisation=organisation, application=application)
    return Grant(
        organisation=organisation,
        application=application,
        scopes=scopes,
        epoch=row.epoch,
        acting=assertion.acting,
        **bound,
    )


async def _keys(runtime: Runtime, row: AnyRow | None, key_id: str | None) -> Mapping[str, Any]:
    """Return the application's public keys: none for one that is not there or has none."""
    if row is None or (row.jwks is None and row.jwks_url is None):
        return {"keys": []}
    keys: Mapping[str, Any] = row.jwks or await runtime.key_sets.get(row.jwks_url, key_id=key_id)
    return keys


async def _use(runtime: Runtime, assertion: Assertion, *, organisation: UUID, application: UUID) -> dict[str, UUID]:
    """Use an assertion up and find whom its token is for, in one transaction."""
    digest = runtime.keys.content("assertion", assertion.assertion_id, organisation=organisation)

    def work(connection: Connection) -> dict[str, UUID]:
        now = runtime.now()
        if assertion.until <= now:  # it has ended since it was read
            raise Unauthenticated
        fresh = use_assertion(
            connection,
            organisation=organisation,
            application=application,
            assertion=digest,
            expires_at=assertion.until,
            now=now,
        )
        if not fresh:
            raise Unauthenticated
        return bind(connection, runtime, assertion.binding, organisation=organisation, at=now)

    return await runtime.database.write(work, organisation=organisation)


def _check_binding(audience: str, binding: Binding | None) -> None:
    """Refuse a token for the wrong person: a supervisor's names the supervisor, that of safeguarding nobody."""
    if audience == "supervisor" and (binding is None or binding.kind != "therapist"):
        raise GrantRefused("unauthorized_client")
    if audience == "safeguarding" and binding is not None:
        raise GrantRefused("unauthorized_client")


def _narrowed(row: AnyRow, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of the scopes that are asked for the application has; refuse when it is none."""
    allowed = allowed_scopes(row.audience, row.scopes)
    found = tuple(scope for scope in SCOPES if scope in allowed and (not asked or scope in asked))
    if not found:
        raise GrantRefused("invalid_scope")
    return found
