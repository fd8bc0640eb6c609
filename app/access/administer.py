"""What an operator does: organisations, applications, keys, and enabling an instrument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.access import store
from app.access.api_key import ApiKey, new_api_key
from app.access.binding import Binding, bind, log
from app.access.caller import Audience, check_scopes
from app.access.key_life import end_of_key, is_alive
from app.access.organisation import settings_of
from app.errors import LimitReached, Misconfigured, NotFound
from app.storage.runtime import Runtime
from app.storage.seal import begin
from app.storage.types import AnyRow

KEYS_ALIVE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApplication:
    """An application with the text of its first key, which is shown once and never again."""

    application_id: UUID
    scopes: list[str]
    key_id: UUID
    api_key: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key with its text, which is shown once and never again."""

    key_id: UUID
    api_key: str
    expires_at: datetime | None


async def create_organisation(runtime: Runtime, *, name: str) -> UUID:
    """Make an organisation."""
    organisation, now = runtime.new_id(), runtime.now()
    name = checked_name(name)

    def work(connection: Connection) -> None:
        store.insert_organisation(connection, organisation=organisation, name=name, created_at=now)
        runtime.vault.make(connection, "data", organisation=organisation)
        begin(connection, runtime, organisation=organisation)
        log(connection, runtime, "organisation.created", {}, organisation=organisation, at=now)

    await runtime.database.write(work, organisation=organisation)
    return organisation


async def list_organisations(runtime: Runtime) -> list[AnyRow]:
    """List every organisation."""
    return await runtime.database.read(store.list_organisations, organisation=None)


async def has_organisation(runtime: Runtime, *, organisation: UUID) -> bool:
    """Say whether an organisation is there."""
    return await runtime.database.read(
        lambda c: store.has_organisation(c, organisation=organisation), organisation=organisation
    )


async def create_application(
    runtime: Runtime,
    *,
    organisation: UUID,
    name: str,
    scopes: list[str],
    audience: Audience = "system",
    binding: Binding | None = None,
    days: int | None = None,
) -> NewApplication:
    """Make an application with its first key, which may be bound to one person, and may end, as the later ones may."""
    allowed = [str(scope) for scope in check_scopes(scopes, audience=audience)]
    _check_binding(audience, binding)
    name = checked_name(name)
    application, now = runtime.new_id(), runtime.now()
    key = new_api_key(organisation=organisation, key_id=runtime.new_id())

    def work(connection: Connection) -> datetime | None:
        if not store.has_organisation(connection, organisation=organisation):
            raise NotFound
        store.insert_application(
            connection,
            organisation=organisation,
            application=application,
            name=name,
            audience=audience,
            scopes=allowed,
            created_at=now,
        )
        made = {"application_id": str(application)}
        bound = bind(connection, runtime, binding, organisation=organisation, at=now)
        log(connection, runtime, "application.created", made, organisation=organisation, at=now)
        return _insert_key(connection, runtime, key, bound, application=application, binding=binding, days=days, at=now)

    expires_at = await runtime.database.write(work, organisation=organisation)
    return NewApplication(
        application_id=application, scopes=allowed, key_id=key.key_id, api_key=key.text, expires_at=expires_at
    )


async def list_applications(runtime: Runtime, *, organisation: UUID) -> list[AnyRow]:
    """List an organisation's applications."""
    now = runtime.now()
    return await runtime.database.read(
        lambda c: store.list_applications(c, organisation=organisation, now=now), organisation=organisation
    )


async def list_keys(runtime: Runtime, *, organisation: UUID, application: UUID) -> list[AnyRow]:
    """List an application's keys, without their secrets."""
    return await runtime.database.read(
        lambda c: store.list_keys(c, organisation=organisation, application=application), organisation=organisation
    )


async def add_key(
    runtime: Runtime,
    *,
    organisation: UUID,
    application: UUID,
    binding: Binding | None = None,
    days: int | None = None,
) -> NewKey:
    """Give an application another key; at most two unbound ones are alive, enough to change them without a pause.

    A key may be bound to one client or one therapist, who is made known by it if need be: a phone may get its key
    before the first form. It ends after some days: after those that the organisation has settled, where none are given.
    """
    now = runtime.now()
    key = new_api_key(organisation=organisation, key_id=runtime.new_id())

    def work(connection: Connection) -> datetime | None:
        audience = store.lock_application(connection, organisation=organisation, application=application)
        if audience is None:
            raise NotFound
        _check_binding(audience, binding)
        bound = bind(connection, runtime, binding, organisation=organisation, at=now)
        keys = store.list_keys(connection, organisation=organisation, application=application)
        alive = [row for row in keys if is_alive(row, at=now) and _is_bound_to(row, bound, binding)]
        if len(alive) >= KEYS_ALIVE:
            raise LimitReached(f"at most {KEYS_ALIVE} keys for the same are alive: revoke one first")
        return _insert_key(connection, runtime, key, bound, application=application, binding=binding, days=days, at=now)

    expires_at = await runtime.database.write(work, organisation=organisation)
    return NewKey(key_id=key.key_id, api_key=key.text, expires_at=expires_at)


def _insert_key(
    connection: Connection,
    runtime: Runtime,
    key: ApiKey,
    bound: Mapping[str, UUID],
    *,
    application: UUID,
    binding: Binding | None,
    days: int | None,
    at: datetime,
) -> datetime | None:
    """Add a new key, with its event, and return when it ends."""
    organisation = key.organisation
    at_most = settings_of(connection, organisation=organisation).keys_live_at_most
    expires_at = end_of_key(days, at_most=at_most, now=at)
    store.insert_key(
        connection,
        organisation=organisation,
        application=application,
        key_id=key.key_id,
        digest=runtime.keys.api_key(key.secret, organisation=organisation, key_id=key.key_id),
        created_at=at,
        expires_at=expires_at,
        acts_as=_acts_as(binding),
        **bound,
    )
    about = {"application_id": str(application), "key_id": str(key.key_id)} | _spelled(bound, binding)
    if expires_at is not None:
        about["expires_at"] = expires_at.isoformat()
    log(connection, runtime, "api_key.created", about, organisation=organisation, at=at)
    return expires_at


async def revoke_key(runtime: Runtime, *, organisation: UUID, key_id: UUID) -> None:
    """Revoke a key; the next request with it is refused."""
    now = runtime.now()

    def work(connection: Connection) -> None:
        if not store.revoke_key(connection, organisation=organisation, key_id=key_id, revoked_at=now):
            raise NotFound
        log(connection, runtime, "api_key.revoked", {"key_id": str(key_id)}, organisation=organisation, at=now)

    await runtime.database.write(work, organisation=organisation)


async def enable_instrument(runtime: Runtime, *, organisation: UUID, instrument: str, checked_against: str) -> None:
    """Let an organisation use an instrument whose key is from recall, once it says what it was checked against."""
    if not runtime.catalog.latest(instrument).needs_enabling:
        raise Misconfigured(f"{instrument} needs no enabling: its key is not from recall")
    if not 0 < len(checked_against.strip()) <= 500:
        raise Misconfigured("say in up to 500 characters what the key was checked against")
    now = runtime.now()

    def work(connection: Connection) -> None:
        if not store.has_organisation(connection, organisation=organisation):
            raise NotFound
        if instrument in store.enabled(connection, organisation=organisation):
            return
        store.insert_enabled(
            connection,
            organisation=organisation,
            instrument=instrument,
            checked_against=checked_against.strip(),
            enabled_at=now,
        )
        log(connection, runtime, "instrument.enabled", {"instrument": instrument}, organisation=organisation, at=now)

    await runtime.database.write(work, organisation=organisation)


async def enabled_instruments(runtime: Runtime, *, organisation: UUID) -> set[str]:
    """Return the instruments that an organisation has enabled."""
    return await runtime.database.read(lambda c: store.enabled(c, organisation=organisation), organisation=organisation)


def _is_bound_to(row: AnyRow, bound: Mapping[str, UUID], binding: Binding | None) -> bool:
    opens = (bound.get("client_id"), bound.get("therapist_id"), _acts_as(binding))
    return (row.client_id, row.therapist_id, row.acts_as) == opens


def _acts_as(binding: Binding | None) -> str | None:
    """Say what is kept of as whom a key acts: nothing where it is the one whom it opens."""
    return None if binding is None or binding.acts_as == "client" else binding.acts_as


def _check_binding(audience: str, binding: Binding | None) -> None:
    if binding is not None and binding.acts_as != "client" and binding.kind != "client":
        raise Misconfigured("a parent's key opens the child: give --client-ref")
    if audience == "supervisor" and (binding is None or binding.kind != "therapist"):
        raise Misconfigured("a key of the audience supervisor names the supervisor: give --therapist-ref")
    if audience == "safeguarding" and binding is not None:
        raise Misconfigured("a key of the audience safeguarding is bound to nobody: requests name the person")


def _spelled(bound: Mapping[str, UUID], binding: Binding | None) -> dict[str, str]:
    acts_as = _acts_as(binding)
    return {name: str(person) for name, person in bound.items()} | ({} if acts_as is None else {"acts_as": acts_as})


def checked_name(name: str) -> str:
    """Return a name without spaces around it, or say what one looks like."""
    if not (name.strip() and len(name) <= 200 and name.isprintable()):
        raise Misconfigured("a name has 1 to 200 printable characters")
    return name.strip()
