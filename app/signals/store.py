"""One signal of a client, and its acknowledgements, in SQL."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, insert, select, update

from app.signals.life import Acknowledgement
from app.storage.dialects import in_both
from app.storage.tables import acknowledgements, episodes, signals
from app.storage.types import AnyRow

_ONE = (
    select(signals)
    .join(
        episodes,
        (episodes.c.organisation_id == signals.c.organisation_id) & (episodes.c.episode_id == signals.c.episode_id),
    )
    .where(
        episodes.c.organisation_id == bindparam("organisation"),
        episodes.c.client_id == bindparam("client_id"),
        signals.c.organisation_id == bindparam("organisation"),
        signals.c.signal_id == bindparam("signal_id"),
    )
)


def find_signal(connection: Connection, *, organisation: UUID, client_id: UUID, signal_id: UUID) -> AnyRow | None:
    """Read one signal of a client."""
    sent = {"organisation": organisation, "client_id": client_id, "signal_id": signal_id}
    return connection.execute(_ONE, sent).first()


_ACKNOWLEDGED = in_both(
    lambda among: (
        select(acknowledgements)
        .where(
            acknowledgements.c.organisation_id == bindparam("organisation"),
            among(acknowledgements.c.signal_id, "ids"),
        )
        .order_by(acknowledgements.c.acknowledged_at, acknowledgements.c.acknowledgement_id)
    )
)


def read_acknowledgements(
    connection: Connection, signal_ids: Collection[UUID], *, organisation: UUID
) -> dict[UUID, list[AnyRow]]:
    """Read who looked at some signals, the first one first."""
    found: dict[UUID, list[AnyRow]] = {signal_id: [] for signal_id in signal_ids}
    sent = {"organisation": organisation, "ids": list(signal_ids)}
    for row in connection.execute(_ACKNOWLEDGED[connection.dialect.name], sent):
        found[row.signal_id].append(row)
    return found


_BY_KEY = select(acknowledgements).where(
    acknowledgements.c.organisation_id == bindparam("organisation"), acknowledgements.c.key == bindparam("key")
)


def find_acknowledgement(connection: Connection, key: bytes, *, organisation: UUID) -> AnyRow | None:
    """Find the acknowledgement that an idempotency key was bound to."""
    return connection.execute(_BY_KEY, {"organisation": organisation, "key": key}).first()


def insert_acknowledgement(
    connection: Connection,
    made: Acknowledgement,
    *,
    organisation: UUID,
    signal_id: UUID,
    sealed_acting: bytes,
    key: bytes,
) -> None:
    """Keep an acknowledgement, its person sealed."""
    connection.execute(
        insert(acknowledgements),
        {
            "organisation_id": organisation,
            "signal_id": signal_id,
            "acknowledgement_id": made.acknowledgement_id,
            "application_id": made.application_id,
            "sealed_acting": sealed_acting,
            "reason": made.reason,
            "acknowledged_at": made.acknowledged_at,
            "key": key,
        },
    )


def mark_acknowledged(
    connection: Connection, signal_id: UUID, *, organisation: UUID, episode_id: UUID, at: datetime
) -> None:
    """Mark a signal as looked at, for the caseload; the first time stays."""
    connection.execute(
        update(signals)
        .where(
            signals.c.organisation_id == organisation,
            signals.c.episode_id == episode_id,
            signals.c.signal_id == signal_id,
        )
        .values(acknowledged_at=func.coalesce(signals.c.acknowledged_at, at))
    )


_PLAIN = (
    select(acknowledgements.c.signal_id, acknowledgements.c.acknowledgement_id, acknowledgements.c.acting)
    .where(acknowledgements.c.organisation_id == bindparam("organisation"), acknowledgements.c.acting.is_not(None))
    .limit(500)
)
_SEAL = (
    update(acknowledgements)
    .where(
        acknowledgements.c.organisation_id == bindparam("of_organisation"),
        acknowledgements.c.signal_id == bindparam("of_signal"),
        acknowledgements.c.acknowledgement_id == bindparam("of_acknowledgement"),
    )
    .values(acting=None, sealed_acting=bindparam("sealed"))
)


def has_plain(connection: Connection, *, organisation: UUID) -> bool:
    """Say whether the person of an acknowledgement is still plain."""
    return connection.execute(_PLAIN, {"organisation": organisation}).first() is not None


def seal_some(connection: Connection, seal: Callable[[UUID, str], bytes], *, organisation: UUID) -> int:
    """Seal the persons of some acknowledgements that are still plain; return how many they were."""
    rows = connection.execute(_PLAIN, {"organisation": organisation}).all()
    if rows:
        sealed = [
            {
                "of_organisation": organisation,
                "of_signal": row.signal_id,
                "of_acknowledgement": row.acknowledgement_id,
                "sealed": seal(row.acknowledgement_id, row.acting),
            }
            for row in rows
        ]
        connection.execute(_SEAL, sealed)
    return len(rows)
