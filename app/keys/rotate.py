"""Change keys while the service writes: make new ones, and seal and wrap with them what older ones held.

Nothing is ever without a key that opens it. A worker may go on sealing with the key that it knew for half a minute
(`app/storage/vault.py`), so an older key is retired, not destroyed, and the next rotation takes up what it sealed last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from app.keys import store
from app.storage.runtime import Runtime
from app.storage.sealed import is_wrapped_for_nobody
from app.storage.sealed_columns import SEALED, SealedColumn
from app.storage.types import AnyRow
from app.storage.vault import PURPOSES, OrganisationVault, organisation_place

#: A portion of the work: how many rows it read, and the last of them.
Portion = tuple[int, UUID | None]


@dataclass(slots=True, kw_only=True)
class Rotated:
    """How many values were sealed anew, and how many keys were wrapped anew or made."""

    sealed: int = 0
    wrapped: int = 0
    made: int = 0


#: A step of the rotation: a portion, after a row.
Step = Callable[[OrganisationVault, Rotated, UUID | None], Portion]


async def rotate(runtime: Runtime, *, organisation: UUID, clients: bool = False) -> Rotated:
    """Give an organisation new keys; with `clients` each client too."""
    told = await rewrap(runtime, organisation=organisation)
    make = partial(_make, runtime, told, organisation=organisation)
    await runtime.database.write(make, organisation=organisation)
    runtime.vault.forget(organisation=organisation)
    steps: list[Step] = [_wrap_clients]
    if clients:
        steps.append(partial(_renew_clients, runtime.now()))
    steps += [partial(_seal, where) for where in SEALED]
    for step in steps:
        await _through(runtime, told, step, organisation=organisation)
    return told


async def rewrap(runtime: Runtime, *, organisation: UUID) -> Rotated:
    """Wrap an organisation's keys with the master key that stands first in its file now, each for its purpose."""
    told = Rotated()
    work = partial(_rewrap, runtime, told, organisation=organisation)
    await runtime.database.write(work, organisation=organisation)
    return told


def _make(runtime: Runtime, told: Rotated, connection: Connection, *, organisation: UUID) -> None:
    """Make a new key of each purpose there is, and retire the others."""
    rows = store.read_organisation_keys(connection, organisation=organisation)
    there = {"data"} | {row.purpose for row in rows}
    made = [
        runtime.vault.make(connection, purpose, organisation=organisation).key_id
        for purpose in PURPOSES
        if purpose in there
    ]
    store.retire_organisation_keys(connection, organisation=organisation, but=made, at=runtime.now())
    told.made += len(made)


def _rewrap(runtime: Runtime, told: Rotated, connection: Connection, *, organisation: UUID) -> None:
    masters = runtime.vault.masters
    for row in store.read_organisation_keys(connection, organisation=organisation):
        if row.master_key != masters.current_id or is_wrapped_for_nobody(row.wrapped):
            place = organisation_place(row.key_id, row.purpose)
            key = masters.unwrap(row.key_id, row.wrapped, place, master=row.master_key, organisation=organisation)
            wrapped = masters.wrap(key, place, organisation=organisation)
            store.rewrap_organisation_key(
                connection, row.key_id, organisation=organisation, wrapped=wrapped, master=masters.current_id
            )
            told.wrapped += 1


async def _through(runtime: Runtime, told: Rotated, step: Step, *, organisation: UUID) -> None:
    """Go through all rows of a step, a portion in a transaction; one that is run again counts once."""
    after: UUID | None = None
    read = store.PORTION
    while read == store.PORTION:

        def work(connection: Connection, after: UUID | None = after) -> tuple[Portion, Rotated]:
            counted = Rotated()
            return step(runtime.vault.of(connection, organisation=organisation), counted, after), counted

        (read, after), counted = await runtime.database.write(work, organisation=organisation)
        told.sealed += counted.sealed
        told.wrapped += counted.wrapped
        told.made += counted.made


def _wrap_clients(vault: OrganisationVault, told: Rotated, after: UUID | None) -> Portion:
    """Wrap clients' keys, retired ones too, with the organisation's newest."""
    organisation, newest = vault.organisation, vault.sealing("data")
    rows = store.read_client_keys(vault.connection, organisation=organisation, after=after, not_under=newest.key_id)
    for row in rows:
        wrapped = vault.wrap_client_key(vault.unwrap_client_key(row), row.client_id)
        store.rewrap_client_key(
            vault.connection,
            row.key_id,
            organisation=organisation,
            client_id=row.client_id,
            wrapped=wrapped,
            under=newest.key_id,
        )
        told.wrapped += 1
    return len(rows), rows[-1].key_id if rows else None


def _renew_clients(since: datetime, vault: OrganisationVault, told: Rotated, after: UUID | None) -> Portion:
    """Give each client a new key; those made since the rotation began, which come up behind, stay as they are."""
    rows = store.read_client_keys(vault.connection, organisation=vault.organisation, after=after)
    for row in rows:
        if row.retired_at is None and row.created_at < since:
            _, new = vault.new_client_key(row.client_id)
            store.renew_client_key(vault.connection, new, organisation=vault.organisation, client_id=row.client_id)
            told.made += 1
    return len(rows), rows[-1].key_id if rows else None


def _seal(where: SealedColumn, vault: OrganisationVault, told: Rotated, after: UUID | None) -> Portion:
    """Seal a column's values anew where an older key holds them."""
    rows = store.read_sealed(vault.connection, where, organisation=vault.organisation, after=after)
    if where.purpose is None:
        vault.look_up({row.client_id for row in rows})
    for row in rows:
        sealed = _sealed_anew(where, vault, row)
        if sealed is not None:
            store.replace_sealed(
                vault.connection,
                where,
                organisation=vault.organisation,
                row=where.place(row).row,
                before=row.sealed_value,
                after=sealed,
            )
            told.sealed += 1
    return len(rows), where.place(rows[-1]).row if rows else None


def _sealed_anew(where: SealedColumn, vault: OrganisationVault, row: AnyRow) -> bytes | None:
    """Seal one value anew; None where the newest key holds it already."""
    place = where.place(row)
    if where.purpose is None:
        if vault.is_newest_of(row.client_id, row.sealed_value):
            return None
        return vault.seal_for(row.client_id, where.opened(row, vault), place)
    if vault.is_newest(where.purpose, row.sealed_value):
        return None
    return vault.seal(where.opened(row, vault), place, purpose=where.purpose)
