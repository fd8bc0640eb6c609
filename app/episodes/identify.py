"""Which episode a form belongs to, among those that are there; and locking them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Text, bindparam, cast, select

from app.errors import EpisodeTherapistMismatch, ErasedMeanwhile
from app.storage.dialects import in_both
from app.storage.keyring import Keyed
from app.storage.tables import clients, episodes
from app.storage.types import AnyRow

#: How long after an ending the other rater's form of the last session is waited for; then a new course begins.
LATE = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """Whose session a form is about, as its sender names them."""

    client: Keyed
    therapist: Keyed
    episode: Keyed | None
    session_number: int
    completed_at: datetime


@dataclass(slots=True, kw_only=True)
class Episode:
    """An episode while forms are taken into it: how it ended changes with them."""

    episode_id: UUID
    client_id: UUID
    therapist_id: UUID
    reference: Keyed | None
    opened_at: datetime
    ending: str | None = None
    ended_session: int | None = None
    ended_at: datetime | None = None

    def takes(self, sitting: Sitting) -> bool:
        """Say whether a form without a reference belongs here: an ended episode still takes what was filled in before.

        Its last session, because the other rater may answer some weeks later, and anything completed up to the ending,
        because a sender may repeat it under a new key. Everything later starts a new episode.
        """
        if self.ended_at is None:
            return True
        at_the_end = sitting.session_number == self.ended_session and sitting.completed_at <= self.ended_at + LATE
        return at_the_end or sitting.completed_at <= self.ended_at


_LOCK_CLIENTS = in_both(
    lambda among: (
        select(clients.c.client_id)
        .where(clients.c.organisation_id == bindparam("organisation"), among(clients.c.client_id, "client_ids"))
        .order_by(clients.c.client_id)
        .with_for_update(key_share=True)
    )
)
#: What is kept of the course is read as text: its own decoder makes dataclasses of it at once.
_EPISODE = (
    *(column for column in episodes.c if column is not episodes.c.course),
    cast(episodes.c.course, Text).label("course"),
)
_EPISODES = in_both(
    lambda among: select(*_EPISODE).where(
        episodes.c.organisation_id == bindparam("organisation"), among(episodes.c.client_id, "client_ids")
    )
)
#: For the order of one client's, SQLite would read the primary key through; it has one writer, and locks no rows.
_LOCK = {
    "sqlite": _EPISODES["sqlite"],
    "postgresql": _EPISODES["postgresql"].order_by(episodes.c.client_id, episodes.c.episode_id).with_for_update(),
}


def lock_episodes(connection: Connection, client_ids: Collection[UUID], *, organisation: UUID) -> list[AnyRow]:
    """Lock some clients and all their episodes in the order of their ids, so that workers on one series queue up.

    The clients first: an episode that another worker opens meanwhile could not be locked, and is seen by the second
    statement once the client's lock is had. A client who is not there, perhaps erased while the lock was waited for,
    raises ErasedMeanwhile.
    """
    if not client_ids:
        return []
    sent = {"organisation": organisation, "client_ids": list(client_ids)}
    locked = connection.execute(_LOCK_CLIENTS[connection.dialect.name], sent).all()
    if len(locked) < len(client_ids):
        raise ErasedMeanwhile
    rows = connection.execute(_LOCK[connection.dialect.name], sent)
    return sorted(rows, key=lambda row: (row.client_id, row.episode_id))


def choose(found: Iterable[Episode], sitting: Sitting, *, therapist_id: UUID) -> Episode | None:
    """Choose among a client's episodes the one that a form belongs to; None when it opens a new one.

    What was filled in before an ending belongs to the course that had not ended then, even when the next one has
    begun: a repeat of an old form must find that form. Courses without a reference follow each other; those with one
    may run side by side, so their endings tell nothing about a form that names none.
    """
    newest_first = sorted(found, key=lambda e: (e.opened_at, e.episode_id), reverse=True)
    if sitting.episode is not None:
        named = next((e for e in newest_first if e.reference == sitting.episode), None)
        if named is not None and named.therapist_id != therapist_id:
            raise EpisodeTherapistMismatch
        return named
    own = [e for e in newest_first if e.therapist_id == therapist_id]
    before = [
        (e.ended_at, e.opened_at, e)
        for e in own
        if e.reference is None and e.ended_at is not None and sitting.completed_at <= e.ended_at
    ]
    if before:
        return min(before, key=lambda one: one[:2])[2]
    return next((e for e in own if e.takes(sitting)), None)


_FIND_CLIENT = select(clients.c.client_id).where(
    clients.c.organisation_id == bindparam("organisation"),
    clients.c.reference_key == bindparam("key_id"),
    clients.c.reference == bindparam("digest"),
)


def find_client(connection: Connection, reference: Keyed, *, organisation: UUID) -> UUID | None:
    """Return the id of the client with this reference."""
    sent = {"organisation": organisation, "key_id": reference.key_id, "digest": reference.digest}
    found: UUID | None = connection.execute(_FIND_CLIENT, sent).scalar()
    return found


_OF_CLIENTS = in_both(
    lambda among: (
        select(*_EPISODE)
        .where(episodes.c.organisation_id == bindparam("organisation"), among(episodes.c.client_id, "client_ids"))
        .order_by(episodes.c.opened_at.desc(), episodes.c.episode_id.desc())
    )
)


def list_episodes(
    connection: Connection, client_ids: Collection[UUID], *, organisation: UUID
) -> dict[UUID, list[AnyRow]]:
    """List the episodes of some clients, the latest first."""
    found: dict[UUID, list[AnyRow]] = {client_id: [] for client_id in client_ids}
    sent = {"organisation": organisation, "client_ids": list(client_ids)}
    for row in connection.execute(_OF_CLIENTS[connection.dialect.name], sent):
        found[row.client_id].append(row)
    return found
