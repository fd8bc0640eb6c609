"""Who calls with a token of the organisation's own identity provider.

Such a token names its organisation in its audience, so that no look-up is unbound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import Connection

from app.access.access_token import Grant, moment
from app.access.administer_tokens import EPOCHS_BEGIN
from app.access.assertion import APART, acting_person, read_reference
from app.access.binding import Binding, bind
from app.access.by_token import Standing, standing_of
from app.access.caller import Caller
from app.access.issuer_store import find_live_issuers
from app.access.jose import ISSUER_ALGORITHMS, Signed, proven, usable_keys
from app.access.store import find_person
from app.errors import ClientErased, FetchRefused, Unauthenticated
from app.storage.runtime import Runtime
from app.storage.types import AnyRow

#: So long a token of others may live; they come from an hour on.
LONGEST: Final = timedelta(hours=2)
#: So long a signature that was looked at is believed, while the issuer's keys may change.
_BELIEVED: Final = timedelta(minutes=5)
_TYPES = (None, "JWT", "at+jwt", "application/at+jwt")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What was read from a token under an issuer as it was registered then, and whom it opens."""

    registered: UUID
    made_at: datetime
    grant: Grant


async def caller_of_issuer(runtime: Runtime, text: str, claimed: Signed) -> Caller:
    """Return the caller behind a token of an issuer, or raise Unauthenticated."""
    organisation = _organisation(runtime, claimed.claims.get("aud"))
    row = await _look_up(runtime, claimed.claims.get("iss"), organisation=organisation)
    if row is None:
        raise Unauthenticated
    read = await _known(runtime, text, claimed, row)
    standing = await standing_of(runtime, read.grant)
    if standing is None or read.made_at <= _ended_until(standing):
        raise Unauthenticated
    grant = read.grant
    return Caller(
        organisation=organisation,
        application=grant.application,
        scopes=standing.scopes if row.claims["scope"] is None else standing.scopes & frozenset(grant.scopes),
        client_id=grant.client_id,
        therapist_id=grant.therapist_id,
        supervised=standing.supervised,
        acting=grant.acting,
        acting_required=standing.acting_required,
    )


def _ended_until(standing: Standing) -> datetime:
    """Say until which time by an issuer's clock tokens were ended: that clock may run ahead of ours."""
    return EPOCHS_BEGIN + timedelta(seconds=standing.epoch) + (APART if standing.epoch else timedelta())


def _organisation(runtime: Runtime, audience: object) -> UUID:
    """Read for which organisation a token was made: for one, and by a name of ours."""
    prefix = f"{runtime.issuer}/organisations/"
    named = audience if isinstance(audience, list) else [audience]
    ours = [one.removeprefix(prefix) for one in named if isinstance(one, str) and one.startswith(prefix)]
    try:
        (only,) = ours
        organisation = UUID(only)
    except ValueError:
        raise Unauthenticated from None
    if str(organisation) != only:  # an id has several spellings; only one of them is the name
        raise Unauthenticated
    return organisation


async def _look_up(runtime: Runtime, issuer: object, *, organisation: UUID) -> AnyRow | None:
    if not isinstance(issuer, str) or len(issuer) > 500:
        raise Unauthenticated
    return await runtime.lanes.run(
        "issuers", issuer, partial(_find, runtime, organisation=organisation), organisation=organisation, most=500
    )


async def _find(runtime: Runtime, wanted: Sequence[str], *, organisation: UUID) -> list[AnyRow | None]:
    found = await runtime.database.read(
        lambda c: find_live_issuers(c, set(wanted), organisation=organisation), organisation=organisation
    )
    return [found.get(issuer) for issuer in wanted]


async def _known(runtime: Runtime, text: str, claimed: Signed, row: AnyRow) -> _Read:
    """Read a token; the signature of one that comes again and again is looked at once in a few minutes."""
    now, digest = runtime.now(), sha256(text.encode()).digest()
    known: _Read | None = runtime.tokens.get(digest, now=now)
    if known is not None and known.registered == row.issuer_id:
        return known
    try:
        keys = await runtime.key_sets.get(row.jwks_url, key_id=claimed.key_id)
    except FetchRefused:
        raise Unauthenticated from None
    signed = proven(text, usable_keys(keys), algorithms=ISSUER_ALGORITHMS)
    made_at, until = _times(signed, now)
    bound = await _bound(runtime, _binding(signed.claims, row.claims), organisation=row.organisation_id)
    grant = Grant(
        organisation=row.organisation_id,
        application=row.application_id,
        scopes=_scopes(signed.claims.get(row.claims["scope"])) if row.claims["scope"] else (),
        epoch=0,
        acting=acting_person(signed.claims.get(row.claims["acting"])),
        **bound,
    )
    read = _Read(registered=row.issuer_id, made_at=made_at, grant=grant)
    runtime.tokens.put(digest, read, until=min(until, now + _BELIEVED))
    return read


def _times(signed: Signed, now: datetime) -> tuple[datetime, datetime]:
    """Return when a token was made and when it ends."""
    claims = signed.claims
    made_at, until = moment(claims.get("iat")), moment(claims.get("exp"))
    opens = max(made_at, moment(claims.get("nbf", 0)))
    if signed.header.get("typ") not in _TYPES or not (now < until <= made_at + LONGEST and opens <= now + APART):
        raise Unauthenticated
    return made_at, until


def _binding(claims: Mapping[str, Any], mapping: Mapping[str, Any]) -> Binding | None:
    """Read whom a token opens; where its issuer is to name a person, one without is refused."""
    kind: Literal["client", "therapist"]
    for kind in ("client", "therapist"):
        if mapping[kind] is not None:
            found = read_reference(kind, claims.get(mapping[kind]))
            return (
                found if mapping["system"] is None else Binding(kind=kind, system=mapping["system"], value=found.value)
            )
    return None


async def _bound(runtime: Runtime, binding: Binding | None, *, organisation: UUID) -> dict[str, UUID]:
    """Find the person whom a token opens; who is not known yet is made known, as by a key."""
    if binding is None:
        return {}
    parts = (binding.system or "", binding.value)
    reference = runtime.keys.reference(binding.kind, *parts, organisation=organisation)
    found = await runtime.database.read(
        lambda c: find_person(c, binding.kind, reference, organisation=organisation), organisation=organisation
    )
    if found is not None:
        return {f"{binding.kind}_id": found}

    def work(connection: Connection) -> dict[str, UUID]:
        return bind(connection, runtime, binding, organisation=organisation, at=runtime.now())

    try:
        return await runtime.database.write(work, organisation=organisation)
    except ClientErased:
        raise Unauthenticated from None


def _scopes(claim: object) -> tuple[str, ...]:
    """Read scopes as a text with blanks or as a list."""
    if isinstance(claim, str):
        return tuple(claim.split())
    return tuple(one for one in claim if isinstance(one, str)) if isinstance(claim, list) else ()
