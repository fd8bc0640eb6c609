"""Find the client, the therapist and the episode of a form, or make them; then lock the episode."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Table, select, update

from app.errors import EpisodeTherapistMismatch
from app.storage.conflict import insert_or_skip
from app.storage.keyring import Keyed
from app.storage.tables import clients, episodes, therapists
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a form belongs, and what had to be made for it."""

    client_id: UUID
    therapist_id: UUID
    episode_id: UUID
    new_client: bool
    new_episode: bool


class Identities:
    """Finds or makes people and episodes in one transaction; what is made is made in a fixed order of references."""

    def __init__(
        self, connection: Connection, *, organisation: UUID, new_id: Callable[[], UUID], now: datetime
    ) -> None:
        self._connection = connection
        self._organisation = organisation
        self._new_id = new_id
        self._now = now

    def clients(self, references: Iterable[Keyed]) -> dict[bytes, tuple[UUID, bool]]:
        """Map each reference to the client's id and whether the client is new."""
        return self._people(clients, "client_id", references)

    def therapists(self, references: Iterable[Keyed]) -> dict[bytes, tuple[UUID, bool]]:
        """Map each reference to the therapist's id and whether the therapist is new."""
        return self._people(therapists, "therapist_id", references)

    def episode(self, sitting: Sitting, *, client_id: UUID, therapist_id: UUID) -> tuple[UUID, bool]:
        """Return the episode of a form and whether it is new."""
        found = self._known_episode(sitting, client_id, therapist_id)
        if found is not None:
            return found, False
        made = self._open_episode(sitting, client_id, therapist_id)
        if made is not None:
            return made, True
        found = self._known_episode(sitting, client_id, therapist_id)  # somebody else opened it in between
        if found is None:
            raise LookupError("an episode vanished within a transaction")
        return found, False

    def _known_episode(self, sitting: Sitting, client_id: UUID, therapist_id: UUID) -> UUID | None:
        query = select(episodes).where(
            episodes.c.organisation_id == self._organisation, episodes.c.client_id == client_id
        )
        if sitting.episode is not None:
            row = self._connection.execute(
                query.where(
                    episodes.c.reference_key == sitting.episode.key_id,
                    episodes.c.reference == sitting.episode.digest,
                )
            ).first()
            if row is not None and row.therapist_id != therapist_id:
                raise EpisodeTherapistMismatch
            return row.episode_id if row is not None else None
        rows = self._connection.execute(
            query.where(episodes.c.therapist_id == therapist_id).order_by(
                episodes.c.opened_at.desc(), episodes.c.episode_id.desc()
            )
        )
        return _choose(list(rows), sitting)

    def _open_episode(self, sitting: Sitting, client_id: UUID, therapist_id: UUID) -> UUID | None:
        made = self._connection.execute(
            insert_or_skip(self._connection, episodes)
            .values(
                organisation_id=self._organisation,
                episode_id=self._new_id(),
                client_id=client_id,
                therapist_id=therapist_id,
                reference_key=sitting.episode.key_id if sitting.episode else None,
                reference=sitting.episode.digest if sitting.episode else None,
                opened_at=self._now,
            )
            .returning(episodes.c.episode_id)
        )
        return made.scalar()

    def _people(self, table: Table, id_name: str, references: Iterable[Keyed]) -> dict[bytes, tuple[UUID, bool]]:
        wanted = {reference.digest: reference for reference in references}
        found = self._read_people(table, id_name, wanted)
        missing = sorted(wanted.keys() - found.keys())
        if missing:
            made = self._connection.execute(
                insert_or_skip(self._connection, table)
                .values(
                    [
                        {
                            "organisation_id": self._organisation,
                            id_name: self._new_id(),
                            "reference_key": wanted[digest].key_id,
                            "reference": digest,
                            "created_at": self._now,
                        }
                        for digest in missing
                    ]
                )
                .returning(table.c.reference, table.c[id_name])
            )
            found |= {row.reference: (row[1], True) for row in made}
        if wanted.keys() - found.keys():  # somebody else made them between our two statements
            found |= self._read_people(table, id_name, wanted)
        return found

    def _read_people(self, table: Table, id_name: str, wanted: dict[bytes, Keyed]) -> dict[bytes, tuple[UUID, bool]]:
        rows = self._connection.execute(
            select(table.c.reference, table.c[id_name]).where(
                table.c.organisation_id == self._organisation,
                table.c.reference_key.in_({reference.key_id for reference in wanted.values()}),
                table.c.reference.in_(wanted),
            )
        )
        return {row.reference: (row[1], False) for row in rows}


def lock_episodes(connection: Connection, episode_ids: Iterable[UUID], *, organisation: UUID) -> dict[UUID, AnyRow]:
    """Lock episodes in the order of their ids, so that two workers on one series follow each other.

    Returns them as they are now: whoever had the lock before may have ended one.
    """
    rows = connection.execute(
        select(episodes)
        .where(episodes.c.organisation_id == organisation, episodes.c.episode_id.in_(sorted(set(episode_ids))))
        .order_by(episodes.c.episode_id)
        .with_for_update()
    )
    return {row.episode_id: row for row in rows}


def end_episode(
    connection: Connection, *, organisation: UUID, episode_id: UUID, ending: str, session_number: int, at: datetime
) -> bool:
    """Mark an episode as ended by the first report of it; False when it was ended before."""
    result = connection.execute(
        update(episodes)
        .where(
            episodes.c.organisation_id == organisation,
            episodes.c.episode_id == episode_id,
            episodes.c.ending.is_(None),
        )
        .values(ending=ending, ended_session=session_number, ended_at=at)
    )
    return result.rowcount == 1


def find_client(connection: Connection, reference: Keyed, *, organisation: UUID) -> UUID | None:
    """Return the id of the client with this reference."""
    row = connection.execute(
        select(clients.c.client_id).where(
            clients.c.organisation_id == organisation,
            clients.c.reference_key == reference.key_id,
            clients.c.reference == reference.digest,
        )
    ).first()
    return row.client_id if row else None


def list_episodes(connection: Connection, *, organisation: UUID, client_id: UUID) -> list[AnyRow]:
    """List a client's episodes, the latest first."""
    return list(
        connection.execute(
            select(episodes)
            .where(episodes.c.organisation_id == organisation, episodes.c.client_id == client_id)
            .order_by(episodes.c.opened_at.desc(), episodes.c.episode_id.desc())
        )
    )


def _choose(found: list[AnyRow], sitting: Sitting) -> UUID | None:
    """Choose among a client's episodes with a therapist, the latest first, the one that a form belongs to.

    What was filled in before an ending belongs to the course that had not ended then, even when the next one has
    begun: a repeat of an old form must find that form. Courses without a reference follow each other; those with one
    may run side by side, so their endings tell nothing about a form that names none.
    """
    before = [e for e in found if e.reference is None and e.ending is not None and sitting.completed_at <= e.ended_at]
    if before:
        first: UUID = min(before, key=lambda episode: (episode.ended_at, episode.opened_at)).episode_id
        return first
    return next((episode.episode_id for episode in found if takes(episode, sitting)), None)


def takes(episode: AnyRow, sitting: Sitting) -> bool:
    """Say whether a form without a reference belongs here: an ended episode still takes what was filled in before.

    Its last session, because the other rater may answer some weeks later, and anything completed up to the ending,
    because a sender may repeat it under a new key. Everything later starts a new episode.
    """
    if episode.ending is None:
        return True
    at_the_end = sitting.session_number == episode.ended_session and sitting.completed_at <= episode.ended_at + LATE
    return at_the_end or bool(sitting.completed_at <= episode.ended_at)
