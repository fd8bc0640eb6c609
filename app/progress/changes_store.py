"""The feed of changes in SQL: events by number, and whose the things are that they name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Connection, bindparam, select

from app.storage.dialects import in_both
from app.storage.tables import episodes, events, submissions
from app.storage.types import AnyRow

#: Spelled out when it is sent: only so PostgreSQL and SQLite know that an index of what is told has all of it.
_IS_OF_KINDS = events.c.kind.in_(bindparam("kinds", expanding=True, literal_execute=True))
_EVENTS = (
    select(events.c.sequence, events.c.kind, events.c.subject, events.c.recorded_at)
    .where(
        events.c.organisation_id == bindparam("organisation"),
        events.c.sequence > bindparam("after"),
        _IS_OF_KINDS,
    )
    .order_by(events.c.sequence)
    .limit(bindparam("limit"))
)
_LAST = (
    select(events.c.sequence)
    .where(
        events.c.organisation_id == bindparam("organisation"),
        events.c.sequence.is_not(None),
        _IS_OF_KINDS,
    )
    .order_by(events.c.sequence.desc())
    .limit(1)
)


def read_events(
    connection: Connection, kinds: Sequence[str], *, organisation: UUID, after: int, limit: int
) -> list[AnyRow]:
    """Read numbered events of some kinds in their order."""
    sent = {"organisation": organisation, "after": after, "limit": limit, "kinds": kinds}
    return list(connection.execute(_EVENTS, sent))


def last_of(connection: Connection, kinds: Sequence[str], *, organisation: UUID) -> int:
    """Return the number of the last event of some kinds; 0 before the first."""
    return connection.execute(_LAST, {"organisation": organisation, "kinds": kinds}).scalar() or 0


_PEOPLE = in_both(
    lambda among: select(episodes.c.episode_id, episodes.c.client_id, episodes.c.therapist_id).where(
        episodes.c.organisation_id == bindparam("organisation"), among(episodes.c.episode_id, "ids")
    )
)


def read_people(
    connection: Connection, episode_ids: Collection[UUID], *, organisation: UUID
) -> dict[UUID, tuple[UUID, UUID]]:
    """Return the client and the therapist of each of some episodes."""
    if not episode_ids:
        return {}
    sent = {"organisation": organisation, "ids": list(episode_ids)}
    rows = connection.execute(_PEOPLE[connection.dialect.name], sent)
    return {row.episode_id: (row.client_id, row.therapist_id) for row in rows}


_RATERS = in_both(
    lambda among: select(submissions.c.submission_id, submissions.c.rater, submissions.c.seen_by_therapist).where(
        submissions.c.organisation_id == bindparam("organisation"), among(submissions.c.submission_id, "ids")
    )
)


def read_raters(
    connection: Connection, submission_ids: Collection[UUID], *, organisation: UUID
) -> dict[UUID, tuple[str, bool | None]]:
    """Return who filled in each of some forms, and what the client was told of who sees it."""
    if not submission_ids:
        return {}
    sent = {"organisation": organisation, "ids": list(submission_ids)}
    rows = connection.execute(_RATERS[connection.dialect.name], sent)
    return {row.submission_id: (row.rater, row.seen_by_therapist) for row in rows}
