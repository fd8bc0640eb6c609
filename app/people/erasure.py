"""The one transaction of an erasure: everything about a client goes, exactly what counted is subtracted, a stone stays.

What is kept is told with the answer: the log, which holds ids only; what is counted over many people; the stone itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from app.episodes.history import read_forms
from app.errors import LegalHold, Misconfigured, NotFound
from app.people.store import (
    RowsOf,
    delete_rows,
    delete_series,
    find_rows,
    find_tombstone,
    insert_tombstone,
    is_held,
    lock_client,
)
from app.safeguarding.retention import keep_apart
from app.storage.events import Event, Kind, append_events, sealed_in_subject
from app.storage.runtime import Runtime
from app.storage.sealed import Place
from app.storage.types import AnyRow
from app.submissions.tally import Moved, keep_count

Reason = Literal["requested", "retention"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """That somebody was erased: when, why, and how many rows of which table."""

    client_id: UUID
    erased_at: datetime
    reason: Reason
    erased: Mapping[str, int]
    is_new: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who is to be erased, for what reason, and who ordered it; `before`: only if no form was completed since."""

    organisation: UUID
    client_id: UUID
    reason: Reason
    application: UUID | None = None
    acting: str | None = None
    before: datetime | None = None


def erasure_of(row: AnyRow) -> Erasure:
    """Read an erasure from its tombstone."""
    return Erasure(client_id=row.client_id, erased_at=row.erased_at, reason=row.reason, erased=row.erased, is_new=False)


def carry_out(connection: Connection, runtime: Runtime, order: Order) -> Erasure:
    """Erase a client, or say that it was done before; NotFound without either, LegalHold while one stands.

    Somebody who is there again though there is a tombstone, after a restore, is erased again, whatever was held then.
    """
    organisation, client_id = order.organisation, order.client_id
    locked = lock_client(connection, client_id, organisation=organisation)
    stone = find_tombstone(connection, client_id, organisation=organisation)
    if locked is None:
        if stone is None:
            raise NotFound
        return erasure_of(stone)
    client, episode_ids = locked
    if stone is None and is_held(connection, client_id, organisation=organisation):
        raise LegalHold
    rows, last_completed = find_rows(connection, client_id, episode_ids, organisation=organisation)
    if order.before is not None and (last_completed or client.created_at) >= order.before:
        raise NotFound
    moved = [_gone(connection, runtime, episode_id, organisation=organisation) for episode_id in episode_ids]
    keep_apart(connection, runtime, client_id, organisation=organisation)
    erased = delete_rows(connection, rows, organisation=organisation)
    now = runtime.now()
    append_events(connection, _events(connection, runtime, rows, order, at=now), organisation=organisation)
    # Nearly last: the rows of an instrument are what every transaction of the organisation waits for.
    keep_count(connection, moved, organisation=organisation)
    erased["series_statistics"] = delete_series(connection, episode_ids, organisation=organisation)
    # A sender's clock may run ahead: a repeat of what was completed "later" must not bring the client back either.
    made = Erasure(client_id=client_id, erased_at=max(now, last_completed or now), reason=order.reason, erased=erased)
    if stone is None:
        insert_tombstone(connection, _stone(connection, runtime, client, made, order), organisation=organisation)
    return made


def _gone(connection: Connection, runtime: Runtime, episode_id: UUID, *, organisation: UUID) -> Moved:
    """Gather the forms of an episode that count, to be subtracted; withdrawn and superseded ones count no longer."""
    try:
        forms = read_forms(connection, runtime.catalog, organisation=organisation, episode_id=episode_id)
    except NotFound:
        raise Misconfigured("a form's instrument is not in the catalogue: what it counts can't be subtracted") from None
    return Moved(episode_id=episode_id, arrived=(), gone=forms)


def _stone(connection: Connection, runtime: Runtime, client: AnyRow, made: Erasure, order: Order) -> dict[str, object]:
    sealed = None
    if order.acting is not None:
        vault = runtime.vault.of(connection, organisation=order.organisation)
        sealed = vault.seal(order.acting, Place(table="erasures", column="sealed_acting", row=order.client_id))
    return {
        "client_id": order.client_id,
        "reference_key": client.reference_key,
        "reference": client.reference,
        "reason": order.reason,
        "application_id": order.application,
        "sealed_acting": sealed,
        "erased_at": made.erased_at,
        "erased": dict(made.erased),
    }


def _events(connection: Connection, runtime: Runtime, rows: RowsOf, order: Order, *, at: datetime) -> list[Event]:
    """Say what happened: the keys of the client alone are dead, and the client is erased, by whom."""
    client, happened = {"client_id": str(order.client_id)}, list[tuple[Kind, dict[str, str]]]()
    happened += [("api_key.revoked", client | {"key_id": str(key_id)}) for key_id in rows.key_ids]
    happened.append(("client.erased", client))
    vault = runtime.vault.of(connection, organisation=order.organisation)
    found = []
    for kind, subject in happened:
        event_id = runtime.new_id()
        found.append(
            Event(
                event_id=event_id,
                kind=kind,
                application_id=order.application,
                subject=subject | sealed_in_subject(vault, event_id, acting=order.acting),
                recorded_at=at,
            )
        )
    return found
