"""What an operator does about tokens: an application's public keys, and the end of all its tokens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.access.binding import log
from app.access.jose import usable_keys
from app.access.token_store import find_application, raise_epoch, replace_key_set
from app.errors import FetchRefused, Misconfigured, NotFound
from app.outbound.fetch import checked_url
from app.storage.runtime import Runtime
from app.storage.types import AnyRow

#: Epochs are seconds since then. So an epoch also says which tokens of others were given out before it.
EPOCHS_BEGIN: Final = datetime(2020, 1, 1, tzinfo=UTC)


async def set_keys(
    runtime: Runtime, *, organisation: UUID, application: UUID, jwks: dict[str, Any] | None, url: str | None
) -> int:
    """Register the public keys of an application, by value or by URL, and return how many of them can be used."""
    if jwks is None:
        jwks_now = await _fetched(runtime, url or "")
    else:
        _check_public(jwks)
        jwks_now = jwks
    count = len(usable_keys(jwks_now).keys)
    if not count:
        raise Misconfigured("none of the keys can be used: they must be public, of type EC, OKP or RSA (2048 bits)")
    now = runtime.now()

    def work(connection: Connection) -> None:
        if find_application(connection, organisation=organisation, application=application) is None:
            raise NotFound
        replace_key_set(
            connection, organisation=organisation, application=application, jwks=jwks, jwks_url=url, set_at=now
        )
        about = {"application_id": str(application)}
        log(connection, runtime, "application.keys_set", about, organisation=organisation, at=now)

    await runtime.database.write(work, organisation=organisation)
    return count


async def show_application(runtime: Runtime, *, organisation: UUID, application: UUID) -> AnyRow:
    """Return an application with its key set."""
    row = await runtime.database.read(
        lambda c: find_application(c, organisation=organisation, application=application), organisation=organisation
    )
    if row is None:
        raise NotFound
    return row


async def revoke_tokens(runtime: Runtime, *, organisation: UUID, application: UUID) -> None:
    """End every token of an application, those of its issuers too; the next request with one is refused."""
    now = runtime.now()

    def work(connection: Connection) -> None:
        if raise_epoch(connection, organisation=organisation, application=application, at_least=epoch_at(now)) is None:
            raise NotFound
        about = {"application_id": str(application)}
        log(connection, runtime, "application.tokens_revoked", about, organisation=organisation, at=now)

    await runtime.database.write(work, organisation=organisation)


def epoch_at(moment: datetime) -> int:
    """Return the epoch in which nothing lives that was given out before a moment."""
    return int((moment - EPOCHS_BEGIN).total_seconds())


async def _fetched(runtime: Runtime, url: str) -> dict[str, Any]:
    """Fetch a key set once, so that a wrong URL is told to the operator and not to the application."""
    try:
        checked_url(url)
        return await runtime.key_sets.get(url, key_id=None)
    except FetchRefused as refused:
        raise Misconfigured(f"the key set can't be fetched: {refused}") from None


def _check_public(jwks: dict[str, Any]) -> None:
    """Refuse a private or symmetric key: it is in the wrong hands now, and must not be used."""
    if any("d" in key or "k" in key for key in jwks["keys"]):
        raise Misconfigured("the file holds a private key: make new keys, and give the public halves only")
