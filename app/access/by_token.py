"""Who calls with an access token: what it says holds as long as what it hangs on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from uuid import UUID

from sqlalchemy import Connection

from app.access.access_token import Grant, Verified, read_token
from app.access.by_key import look_up_key, supervised_by
from app.access.caller import Caller, Scope, allowed_scopes
from app.access.jose import Signed
from app.access.token_store import find_applications, find_clients, find_supervised
from app.access.visibility import ActsAs, acting_as
from app.errors import Unauthenticated
from app.storage.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an application stands now, whom a supervisor's token opens, and whether a person has to be named.

    A token acts as the key that brought it; one that no key brought acts as the client whom it opens.
    """

    epoch: int
    scopes: frozenset[Scope]
    supervised: frozenset[UUID] | None
    acting_required: bool
    acts_as: ActsAs = "client"


async def caller_of_token(runtime: Runtime, text: str, claimed: Signed) -> Caller:
    """Return the caller behind a token of ours, or raise Unauthenticated."""
    grant = _read(runtime, text, claimed, now=runtime.now()).grant
    standing = await _of_key(runtime, grant) if grant.key_id else await standing_of(runtime, grant)
    if standing is None or standing.epoch != grant.epoch:
        raise Unauthenticated
    return Caller(
        organisation=grant.organisation,
        application=grant.application,
        scopes=standing.scopes & frozenset(grant.scopes),
        client_id=grant.client_id,
        acts_as=standing.acts_as,
        therapist_id=grant.therapist_id,
        supervised=standing.supervised,
        acting=grant.acting,
        acting_required=standing.acting_required,
    )


async def standing_of(runtime: Runtime, grant: Grant) -> Standing | None:
    """Look up how an application stands; None when it is not there, or the client whom the grant opens is not.

    A key of one client goes with the client. What hangs on no key has to be told.
    """
    return await runtime.lanes.run(
        "applications",
        grant,
        partial(_find, runtime, organisation=grant.organisation),
        organisation=grant.organisation,
        most=500,
    )


def _read(runtime: Runtime, text: str, claimed: Signed, *, now: datetime) -> Verified:
    """Read a token; the signature of one that comes again and again is looked at once."""
    digest = sha256(text.encode()).digest()
    known: Verified | None = runtime.tokens.get(digest, now=now)
    if known is not None and runtime.signing.public(known.signed_by) is not None:
        return known
    found = read_token(runtime, text, key_id=claimed.key_id, now=now)
    runtime.tokens.put(digest, found, until=found.until)
    return found


async def _of_key(runtime: Runtime, grant: Grant) -> Standing | None:
    """Look up the API key that brought a token, while it lives."""
    row = grant.key_id and await look_up_key(runtime, grant.key_id, organisation=grant.organisation)
    if not row or row.application_id != grant.application:
        return None
    return Standing(
        epoch=row.epoch,
        scopes=allowed_scopes(row.audience, row.scopes),
        supervised=supervised_by(row),
        acting_required=bool(row.acting_required),
        acts_as=acting_as(row.acts_as),
    )


async def _find(runtime: Runtime, grants: Sequence[Grant], *, organisation: UUID) -> list[Standing | None]:
    """Look up the applications of all requests that wait; clients, and who supervises whom, only where one is named."""
    wanted = {grant.application for grant in grants}
    people = {grant.therapist_id for grant in grants if grant.therapist_id}
    named = {grant.client_id for grant in grants if grant.client_id}

    def work(connection: Connection) -> list[Standing | None]:
        rows = find_applications(connection, wanted, organisation=organisation)
        gone = named - find_clients(connection, named, organisation=organisation) if named else set()
        supervising = {row.application_id for row in rows.values() if row.audience == "supervisor"}
        teams = find_supervised(connection, people, organisation=organisation) if supervising and people else {}
        return [
            Standing(
                epoch=row.epoch,
                scopes=allowed_scopes(row.audience, row.scopes),
                supervised=_whom(grant, teams) if grant.application in supervising else None,
                acting_required=bool(row.acting_required),
            )
            if (row := rows.get(grant.application)) is not None and grant.client_id not in gone
            else None
            for grant in grants
        ]

    return await runtime.database.read(work, organisation=organisation)


def _whom(grant: Grant, teams: dict[UUID, set[UUID]]) -> frozenset[UUID]:
    return frozenset(teams.get(grant.therapist_id, ())) if grant.therapist_id else frozenset()
