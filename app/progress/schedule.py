"""What is expected of an episode: how many sessions, and how often a form. A caseload holds what came against it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, update

from app.access.caller import Caller
from app.episodes.identify import lock_episodes
from app.episodes.told import read_with_told
from app.errors import NotFound, PreconditionFailed
from app.progress.store import find_episode
from app.storage.events import Event, append_events, sealed_in_subject
from app.storage.runtime import Runtime
from app.storage.tables import episodes
from app.storage.types import AnyRow

#: A form is missing when it is half a cadence late, and three days at least. Design choice of this project, not
#: validated: a postponed session of a weekly therapy should not be an alarm.
LATE: Final = 0.5
LATE_DAYS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What is expected of one episode; None: nothing is said."""

    client_id: UUID
    episode_id: UUID
    expected_sessions: int | None
    cadence_days: int | None

    @property
    def tag(self) -> str:
        """Name this state, so that a change can say which state it is about."""
        text = f"{self.episode_id} {self.expected_sessions} {self.cadence_days}"
        return sha256(text.encode()).hexdigest()[:32]


def next_expected(row: AnyRow) -> datetime | None:
    """Say when the next form of an open episode is due; None where no cadence or no form is, or no session is left."""
    if row.cadence_days is None or row.last_completed_at is None:
        return None
    if row.expected_sessions is not None and row.last_session >= row.expected_sessions:
        return None
    due: datetime = row.last_completed_at + timedelta(days=row.cadence_days)
    return due


async def read_schedule(runtime: Runtime, caller: Caller, *, client_id: UUID, episode_id: UUID) -> Schedule:
    """Return the schedule of an episode that the caller may see, or raise NotFound."""
    return _schedule(await find_episode(runtime, caller, client_id=client_id, episode_id=episode_id))


async def set_schedule(
    runtime: Runtime,
    caller: Caller,
    *,
    client_id: UUID,
    episode_id: UUID,
    expected_sessions: int | None,
    cadence_days: int | None,
    known: Collection[str] | None,
) -> tuple[Schedule, bool]:
    """Set the schedule of an episode, if its state is one of those that the sender knows; None: whatever it is.

    Returned with whether it was another one before.

    What is set already may be set again, whatever the sender knows: a retry must not fail. A key of the client's own
    does not decide how often the therapist looks for a form.
    """
    wanted = Schedule(
        client_id=client_id, episode_id=episode_id, expected_sessions=expected_sessions, cadence_days=cadence_days
    )
    if caller.client_id is not None:
        raise NotFound
    now, event_id = runtime.now(), runtime.new_id()

    def work(connection: Connection) -> tuple[Schedule, bool]:
        rows = lock_episodes(connection, [client_id], organisation=caller.organisation)
        row = next((row for row in rows if row.episode_id == episode_id), None)
        if row is None or not caller.may_see(client_id=row.client_id, therapist_id=row.therapist_id):
            raise NotFound
        must_be_told = caller.sight_of(row.therapist_id).must_be_told
        if must_be_told and not read_with_told(connection, [episode_id], organisation=caller.organisation):
            raise NotFound
        found = _schedule(row)
        if found == wanted:
            return found, False
        if known is not None and found.tag not in known:
            raise PreconditionFailed
        _write(connection, wanted, organisation=caller.organisation)
        vault = runtime.vault.of(connection, organisation=caller.organisation)
        event = Event(
            event_id=event_id,
            kind="episode.scheduled",
            application_id=caller.application,
            subject={"client_id": str(client_id), "episode_id": str(episode_id)}
            | sealed_in_subject(vault, event_id, acting=caller.acting),
            recorded_at=now,
        )
        append_events(connection, [event], organisation=caller.organisation)
        return wanted, True

    return await runtime.database.write(work, organisation=caller.organisation)


def _schedule(row: AnyRow) -> Schedule:
    return Schedule(
        client_id=row.client_id,
        episode_id=row.episode_id,
        expected_sessions=row.expected_sessions,
        cadence_days=row.cadence_days,
    )


_SET = (
    update(episodes)
    .where(episodes.c.organisation_id == bindparam("organisation"), episodes.c.episode_id == bindparam("of_episode"))
    .values(expected_sessions=bindparam("expected_sessions"), cadence_days=bindparam("cadence_days"))
)


def _write(connection: Connection, wanted: Schedule, *, organisation: UUID) -> None:
    sent = {"expected_sessions": wanted.expected_sessions, "cadence_days": wanted.cadence_days}
    connection.execute(_SET, {"organisation": organisation, "of_episode": wanted.episode_id, **sent})
