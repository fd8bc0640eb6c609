"""Sealed values and keys in SQL, a portion at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, insert, select, update

from app.storage.key_tables import client_keys, organisation_keys
from app.storage.sealed_columns import SealedColumn
from app.storage.types import AnyRow

#: How many values are opened in one transaction.
PORTION = 500
#: Where the id of its key stands in a sealed value.
_KEY_AT, _KEY_BYTES = 2, 16


def read_sealed(
    connection: Connection,
    where: SealedColumn,
    *,
    organisation: UUID,
    after: UUID | None,
    not_with: Sequence[UUID] = (),
) -> list[AnyRow]:
    """Read a portion of a column's sealed values in the order of their rows, leaving out those of some keys."""
    table, row, value = where.table, where.table.c[where.row], where.values
    columns = [row, value.label("sealed_value")]
    if where.purpose is None and where.row != "client_id":
        columns.append(table.c.client_id)
    query = select(*columns).where(table.c.organisation_id == organisation, value.is_not(None))
    if after is not None:
        query = query.where(row > after)
    if not_with:
        query = query.where(func.substr(value, _KEY_AT, _KEY_BYTES).not_in([key.bytes for key in not_with]))
    return list(connection.execute(query.order_by(row).limit(PORTION)))


def replace_sealed(
    connection: Connection, where: SealedColumn, *, organisation: UUID, row: UUID, before: bytes, after: bytes
) -> None:
    """Put a newly sealed value in the place of the one that was read, unless that has changed since."""
    table = where.table
    connection.execute(
        update(table)
        .where(table.c.organisation_id == organisation, table.c[where.row] == row, where.values == before)
        .values({where.column: after})
    )


def retire_organisation_keys(connection: Connection, *, organisation: UUID, but: Sequence[UUID], at: Any) -> None:
    """Let the organisation's older keys seal nothing more; they still open."""
    connection.execute(
        update(organisation_keys)
        .where(
            organisation_keys.c.organisation_id == organisation,
            organisation_keys.c.key_id.not_in(but),
            organisation_keys.c.retired_at.is_(None),
        )
        .values(retired_at=at)
    )


def read_client_keys(
    connection: Connection, *, organisation: UUID, after: UUID | None, not_under: UUID | None = None
) -> list[AnyRow]:
    """Read a portion of the clients' keys, retired ones too; `not_under` leaves out those that a key wraps."""
    query = select(client_keys).where(client_keys.c.organisation_id == organisation)
    if after is not None:
        query = query.where(client_keys.c.key_id > after)
    if not_under is not None:
        query = query.where(client_keys.c.organisation_key != not_under)
    return list(connection.execute(query.order_by(client_keys.c.key_id).limit(PORTION).with_for_update()))


def rewrap_client_key(
    connection: Connection, key_id: UUID, *, organisation: UUID, client_id: UUID, wrapped: bytes, under: UUID
) -> None:
    """Keep a client's key under another key of the organisation."""
    connection.execute(
        update(client_keys)
        .where(
            client_keys.c.organisation_id == organisation,
            client_keys.c.client_id == client_id,
            client_keys.c.key_id == key_id,
        )
        .values(wrapped=wrapped, organisation_key=under)
    )


def renew_client_key(connection: Connection, row: dict[str, Any], *, organisation: UUID, client_id: UUID) -> None:
    """Give a client a new key; those of before seal nothing more."""
    connection.execute(
        update(client_keys)
        .where(
            client_keys.c.organisation_id == organisation,
            client_keys.c.client_id == client_id,
            client_keys.c.retired_at.is_(None),
        )
        .values(retired_at=row["created_at"])
    )
    connection.execute(insert(client_keys), [{**row, "organisation_id": organisation}])


def read_organisation_keys(connection: Connection, *, organisation: UUID) -> list[AnyRow]:
    """Read the organisation's keys, in their order."""
    query = select(organisation_keys).where(organisation_keys.c.organisation_id == organisation)
    return list(connection.execute(query.order_by(organisation_keys.c.created_at, organisation_keys.c.key_id)))


def rewrap_organisation_key(
    connection: Connection, key_id: UUID, *, organisation: UUID, wrapped: bytes, master: str
) -> None:
    """Keep an organisation's key under another master key."""
    connection.execute(
        update(organisation_keys)
        .where(organisation_keys.c.organisation_id == organisation, organisation_keys.c.key_id == key_id)
        .values(wrapped=wrapped, master_key=master)
    )
