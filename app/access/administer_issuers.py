"""What an operator does about an organisation's own identity provider."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.access import issuer_store
from app.access.binding import log
from app.access.token_store import find_application
from app.errors import FetchRefused, LimitReached, Misconfigured, NotFound
from app.outbound.fetch import checked_url
from app.storage.runtime import Runtime
from app.storage.types import AnyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Which claim of a token says what. The person is a reference as forms have it, in the system if there is one."""

    acting: str = "sub"
    therapist: str | None = None
    client: str | None = None
    scope: str | None = None
    system: str | None = None


async def add_issuer(
    runtime: Runtime, *, organisation: UUID, application: UUID, issuer: str, jwks_url: str, claims: Claims
) -> UUID:
    """Let the tokens of an issuer act as an application."""
    for url in (issuer, jwks_url):
        _check_url(url)
    if issuer == runtime.issuer:
        raise Misconfigured("that is the service itself")
    if claims.therapist is not None and claims.client is not None:
        raise Misconfigured("a token opens one client or one therapist, not both")
    issuer_id, now = runtime.new_id(), runtime.now()

    def work(connection: Connection) -> None:
        found = find_application(connection, organisation=organisation, application=application)
        if found is None:
            raise NotFound
        _check_claims(found.audience, claims)
        if issuer_store.find_live_issuers(connection, [issuer], organisation=organisation):
            raise LimitReached("there is such an issuer already: revoke it first")
        issuer_store.replace_issuer(
            connection,
            organisation=organisation,
            issuer_id=issuer_id,
            issuer=issuer,
            jwks_url=jwks_url,
            application=application,
            claims=asdict(claims),
            created_at=now,
        )
        about = {"issuer_id": str(issuer_id), "application_id": str(application)}
        log(connection, runtime, "issuer.added", about, organisation=organisation, at=now)

    await runtime.database.write(work, organisation=organisation)
    return issuer_id


async def list_issuers(runtime: Runtime, *, organisation: UUID) -> list[AnyRow]:
    """List an organisation's issuers, revoked ones too."""
    return await runtime.database.read(
        lambda c: issuer_store.list_issuers(c, organisation=organisation), organisation=organisation
    )


async def revoke_issuer(runtime: Runtime, *, organisation: UUID, issuer_id: UUID) -> None:
    """Revoke an issuer: the next request with one of its tokens is refused."""
    now = runtime.now()

    def work(connection: Connection) -> None:
        if not issuer_store.revoke_issuer(connection, organisation=organisation, issuer_id=issuer_id, revoked_at=now):
            raise NotFound
        about = {"issuer_id": str(issuer_id)}
        log(connection, runtime, "issuer.revoked", about, organisation=organisation, at=now)

    await runtime.database.write(work, organisation=organisation)


def _check_claims(audience: str, claims: Claims) -> None:
    if audience == "supervisor" and claims.therapist is None:
        raise Misconfigured("tokens of an application of supervisors name the supervisor: give --therapist-claim")
    if audience == "safeguarding" and (claims.therapist, claims.client) != (None, None):
        raise Misconfigured("tokens of an application of safeguarding are bound to nobody: give no claim of a person")


def _check_url(url: str) -> None:
    try:
        checked_url(url)
    except FetchRefused as refused:
        raise Misconfigured(str(refused)) from None
