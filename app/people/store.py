"""Erasures and legal holds in SQL: which rows are about a client, and what is left of somebody who was erased."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Table, bindparam, case, delete, insert, select, update

from app.storage.dialects import in_both
from app.storage.key_tables import client_keys
from app.storage.people_tables import consents, erasures, legal_holds
from app.storage.statistics_tables import series_statistics
from app.storage.tables import (
    acknowledgements,
    api_keys,
    assessments,
    clients,
    episodes,
    idempotency_keys,
    scores,
    signal_changes,
    signals,
    sources,
    submissions,
    withdrawals,
)
from app.storage.token_tables import invitations
from app.storage.types import AnyRow

#: Every table with rows about a client, and by which ids they are found; those that refer to others come first.
ABOUT_A_CLIENT: Final[tuple[tuple[Table, str], ...]] = (
    (signal_changes, "signal_id"),
    (acknowledgements, "signal_id"),
    (signals, "episode_id"),
    (idempotency_keys, "submission_id"),
    (sources, "submission_id"),
    (scores, "submission_id"),
    (assessments, "submission_id"),
    (withdrawals, "submission_id"),
    (invitations, "client_id"),
    (submissions, "submission_id"),
    (consents, "client_id"),
    (legal_holds, "client_id"),
    (api_keys, "client_id"),
    (client_keys, "client_id"),
    (episodes, "episode_id"),
    (clients, "client_id"),
)
_TOGETHER: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsOf:
    """The ids by which the rows about one client are found."""

    client_id: UUID
    episode_ids: Sequence[UUID]
    submission_ids: Sequence[UUID]
    signal_ids: Sequence[UUID]
    key_ids: Sequence[UUID]  # of API keys that open this client only

    def by(self, column: str) -> Sequence[UUID]:
        """Return the ids of a column."""
        return {
            "client_id": [self.client_id],
            "episode_id": self.episode_ids,
            "submission_id": self.submission_ids,
            "signal_id": self.signal_ids,
        }[column]


#: As strong as it can be had: nobody adds a row that refers to the client until the transaction ends.
_LOCK_CLIENT = (
    select(clients)
    .where(clients.c.organisation_id == bindparam("organisation"), clients.c.client_id == bindparam("client_id"))
    .with_for_update()
)
_EPISODES_OF = select(episodes.c.episode_id).where(
    episodes.c.organisation_id == bindparam("organisation"), episodes.c.client_id == bindparam("client_id")
)
#: SQLite has one writer, and locks no rows; for the order it would read the primary key through.
_LOCK_EPISODES = {
    "sqlite": _EPISODES_OF,
    "postgresql": _EPISODES_OF.order_by(episodes.c.episode_id).with_for_update(),
}


def lock_client(connection: Connection, client_id: UUID, *, organisation: UUID) -> tuple[AnyRow, list[UUID]] | None:
    """Lock a client with all their episodes, in the order in which intake does; None: there is no such client."""
    sent = {"organisation": organisation, "client_id": client_id}
    client = connection.execute(_LOCK_CLIENT, sent).first()
    if client is None:
        return None
    return client, sorted(connection.execute(_LOCK_EPISODES[connection.dialect.name], sent).scalars())


_FORMS_OF = in_both(
    lambda among: select(submissions.c.submission_id, submissions.c.completed_at).where(
        submissions.c.organisation_id == bindparam("organisation"), among(submissions.c.episode_id, "ids")
    )
)
_SIGNALS_OF = in_both(
    lambda among: select(signals.c.signal_id).where(
        signals.c.organisation_id == bindparam("organisation"), among(signals.c.episode_id, "ids")
    )
)
_KEYS_OF = select(api_keys.c.key_id).where(
    api_keys.c.organisation_id == bindparam("organisation"), api_keys.c.client_id == bindparam("client_id")
)


def find_rows(
    connection: Connection, client_id: UUID, episode_ids: Sequence[UUID], *, organisation: UUID
) -> tuple[RowsOf, datetime | None]:
    """Find what is stored about a client who is locked, and when the last of the forms was completed."""
    sent = {"organisation": organisation, "ids": list(episode_ids)}
    dialect = connection.dialect.name
    forms = connection.execute(_FORMS_OF[dialect], sent).all() if episode_ids else []
    found = RowsOf(
        client_id=client_id,
        episode_ids=episode_ids,
        submission_ids=[row.submission_id for row in forms],
        signal_ids=connection.execute(_SIGNALS_OF[dialect], sent).scalars().all() if episode_ids else [],
        key_ids=connection.execute(_KEYS_OF, {"organisation": organisation, "client_id": client_id}).scalars().all(),
    )
    return found, max((row.completed_at for row in forms), default=None)


def delete_rows(connection: Connection, rows: RowsOf, *, organisation: UUID) -> dict[str, int]:
    """Delete everything about a client, the keys too, and return how many rows of which table it was."""
    return {
        table.name: _delete(connection, table, rows.by(column), column=column, organisation=organisation)
        for table, column in ABOUT_A_CLIENT
    }


def delete_series(connection: Connection, episode_ids: Sequence[UUID], *, organisation: UUID) -> int:
    """Delete what was counted of a client's episodes, once nothing counts there any more."""
    return _delete(connection, series_statistics, episode_ids, column="episode_id", organisation=organisation)


def _delete(connection: Connection, table: Table, ids: Sequence[UUID], *, column: str, organisation: UUID) -> int:
    """Delete the rows of one table with some ids, as many at a time as a statement may name."""
    statement = in_both(
        lambda among: delete(table).where(
            table.c.organisation_id == bindparam("organisation"), among(table.c[column], "ids")
        )
    )[connection.dialect.name]
    return sum(
        connection.execute(
            statement, {"organisation": organisation, "ids": list(ids[first : first + _TOGETHER])}
        ).rowcount
        for first in range(0, len(ids), _TOGETHER)
    )


_HELD = (
    select(legal_holds.c.hold_id)
    .where(
        legal_holds.c.organisation_id == bindparam("organisation"),
        legal_holds.c.client_id == bindparam("client_id"),
        legal_holds.c.lifted_at.is_(None),
    )
    .limit(1)
)
_TOMBSTONE = select(erasures).where(
    erasures.c.organisation_id == bindparam("organisation"), erasures.c.client_id == bindparam("client_id")
)
_RISEN = (
    select(erasures.c.client_id)
    .join(
        clients,
        (clients.c.organisation_id == erasures.c.organisation_id) & (clients.c.client_id == erasures.c.client_id),
    )
    .where(
        erasures.c.organisation_id == bindparam("organisation"), clients.c.organisation_id == bindparam("organisation")
    )
    .order_by(erasures.c.client_id)
)


def is_held(connection: Connection, client_id: UUID, *, organisation: UUID) -> bool:
    """Say whether a legal hold stands."""
    return connection.execute(_HELD, {"organisation": organisation, "client_id": client_id}).first() is not None


def find_tombstone(connection: Connection, client_id: UUID, *, organisation: UUID) -> AnyRow | None:
    """Read what is left of a client who was erased."""
    return connection.execute(_TOMBSTONE, {"organisation": organisation, "client_id": client_id}).first()


def insert_tombstone(connection: Connection, row: dict[str, object], *, organisation: UUID) -> None:
    """Leave a tombstone."""
    connection.execute(insert(erasures), {**row, "organisation_id": organisation})


def list_risen(connection: Connection, *, organisation: UUID) -> list[UUID]:
    """List the clients who were erased and are there again."""
    return list(connection.execute(_RISEN, {"organisation": organisation}).scalars())


_HOLDS = (
    select(legal_holds)
    .where(legal_holds.c.organisation_id == bindparam("organisation"))
    .order_by(legal_holds.c.placed_at, legal_holds.c.hold_id)
)
_LIFT = (
    update(legal_holds)
    .where(
        legal_holds.c.organisation_id == bindparam("organisation"),
        legal_holds.c.client_id == bindparam("of_client"),
        legal_holds.c.lifted_at.is_(None),
    )
    .values(lifted_at=bindparam("at"))
)


def insert_hold(connection: Connection, row: dict[str, object], *, organisation: UUID) -> None:
    """Place a legal hold."""
    connection.execute(insert(legal_holds), {**row, "organisation_id": organisation})


def lift_holds(connection: Connection, client_id: UUID, *, organisation: UUID, at: datetime) -> int:
    """Lift the holds of a client that stand, and return how many they were."""
    return connection.execute(_LIFT, {"organisation": organisation, "of_client": client_id, "at": at}).rowcount


def list_holds(connection: Connection, *, organisation: UUID) -> list[AnyRow]:
    """List an organisation's holds, those too that are lifted."""
    return list(connection.execute(_HOLDS, {"organisation": organisation}))


_CLIENT = select(clients).where(
    clients.c.organisation_id == bindparam("organisation"), clients.c.client_id == bindparam("client_id")
)
#: By a clock that runs ahead a statement was made after it came in: it was made by then, and must not stand above what
#: is stated next.
_STATED = case((consents.c.stated_at > consents.c.recorded_at, consents.c.recorded_at), else_=consents.c.stated_at)
_CONSENTS = (
    select(consents)
    .where(consents.c.organisation_id == bindparam("organisation"), consents.c.client_id == bindparam("client_id"))
    .order_by(_STATED.desc(), consents.c.consent_id.desc())
    .limit(1000)
)


def read_client(connection: Connection, client_id: UUID, *, organisation: UUID) -> AnyRow | None:
    """Read a client's row."""
    return connection.execute(_CLIENT, {"organisation": organisation, "client_id": client_id}).first()


def read_consents(connection: Connection, client_id: UUID, *, organisation: UUID) -> list[AnyRow]:
    """Read what a client was told and agreed to, the newest first."""
    return list(connection.execute(_CONSENTS, {"organisation": organisation, "client_id": client_id}))


def insert_consent(connection: Connection, row: dict[str, object], *, organisation: UUID) -> None:
    """Keep a statement of a client who is locked."""
    connection.execute(insert(consents), {**row, "organisation_id": organisation})
