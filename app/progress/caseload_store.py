"""The caseload in SQL: open episodes in the order of attention, as one constant statement."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Subquery,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    extract,
    func,
    or_,
    select,
    true,
)

from app.progress.schedule import LATE, LATE_DAYS
from app.storage.dialects import Among, in_both
from app.storage.tables import episodes, signals
from app.storage.types import AnyRow, UtcDateTime

#: The states of attention in their order, each with its place.
ALERT, WATCH, MISSING, ACKNOWLEDGED, NONE = range(5)
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Behind which row a page begins: its state, since when (seconds, UTC), and its episode."""

    rank: int
    since: int
    episode_id: UUID


#: Before every row.
FIRST: Final = Place(rank=-1, since=0, episode_id=UUID(int=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is read: the states from `lowest` to `highest`, of all therapists or of some, one of them or each.

    Signals count as they stood at `as_of`: opened up to `opened_by`, acknowledged or closed no earlier.
    """

    as_of: datetime
    opened_by: datetime
    lowest: int
    highest: int
    therapists: Collection[UUID] | None
    after: Place
    limit: int


def read_caseload(connection: Connection, asked: Asked, *, organisation: UUID) -> list[AnyRow]:
    """Read a page of open episodes, those that need attention first; of one state, the longest waiting first."""
    sent: dict[str, Any] = {
        "organisation": organisation,
        "as_of": asked.as_of,
        "as_of_seconds": int(asked.as_of.timestamp()),
        "opened_by": asked.opened_by,
        "lowest": asked.lowest,
        "highest": asked.highest,
        "rank": asked.after.rank,
        "since": asked.after.since,
        "episode_id": asked.after.episode_id,
        "limit": asked.limit,
    }
    if asked.therapists is None:
        return list(connection.execute(_OF_ALL, sent))
    return list(connection.execute(_OF_SOME[connection.dialect.name], sent | {"therapists": list(asked.therapists)}))


def _seconds(column: ColumnElement[Any]) -> ColumnElement[int]:
    """Count the seconds of a time: whole numbers are added and compared alike on both databases."""
    return cast(extract("epoch", column), BigInteger)


def _told() -> Subquery:
    """Choose the signal that an episode is told by: the most urgent one that was open, of several the oldest."""
    as_of = bindparam("as_of", type_=UtcDateTime)
    is_seen = and_(signals.c.acknowledged_at.is_not(None), signals.c.acknowledged_at <= as_of)
    rank = case((is_seen, ACKNOWLEDGED), (signals.c.level == "alert", ALERT), else_=WATCH)
    in_order = func.row_number().over(
        partition_by=signals.c.episode_id, order_by=(rank, signals.c.opened_at, signals.c.signal_id)
    )
    found = (
        select(
            signals.c.episode_id,
            signals.c.signal_id,
            signals.c.rule,
            signals.c.level,
            signals.c.opened_session,
            _seconds(signals.c.opened_at).label("opened"),
            rank.label("rank"),
            in_order.label("number"),
        )
        .where(
            signals.c.organisation_id == bindparam("organisation", type_=Uuid),
            or_(signals.c.state == "open", signals.c.changed_at > as_of),
            signals.c.opened_at <= bindparam("opened_by", type_=UtcDateTime),
        )
        .subquery("found")
    )
    return select(*found.c).where(found.c.number == 1).subquery("told")


def _missed() -> ColumnElement[int]:
    """Say from when on a form is missing: half a cadence after it was due, and some days at least."""
    cadence = cast(episodes.c.cadence_days, BigInteger)
    late = case((cadence < int(LATE_DAYS / LATE), (cadence + LATE_DAYS) * _DAY), else_=cadence * int((1 + LATE) * _DAY))
    return _seconds(episodes.c.last_completed_at) + late


def _ranked(within: ColumnElement[bool]) -> Subquery:
    """Give each open episode its state of attention and since when it has it."""
    told = _told()
    is_missing = and_(
        episodes.c.cadence_days.is_not(None),
        _missed() <= bindparam("as_of_seconds", type_=BigInteger),
        or_(episodes.c.expected_sessions.is_(None), episodes.c.last_session < episodes.c.expected_sessions),
    )
    rank = case(
        (told.c.rank < MISSING, told.c.rank), (is_missing, MISSING), (told.c.rank.is_not(None), told.c.rank), else_=NONE
    )
    return (
        select(
            *(episodes.c[name] for name in _OF_EPISODES),
            *(told.c[name] for name in ("signal_id", "rule", "opened_session")),
            rank.label("rank"),
            case(
                (told.c.rank < MISSING, told.c.opened),
                (is_missing, _missed()),
                (told.c.rank.is_not(None), told.c.opened),
                else_=_seconds(episodes.c.opened_at),
            ).label("since"),
        )
        .outerjoin(told, told.c.episode_id == episodes.c.episode_id)
        .where(episodes.c.organisation_id == bindparam("organisation", type_=Uuid), episodes.c.ending.is_(None), within)
        .subquery("ranked")
    )


_OF_EPISODES = (
    "client_id",
    "episode_id",
    "therapist_id",
    "last_session",
    "last_completed_at",
    "expected_sessions",
    "cadence_days",
)


def _page(within: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Read the rows behind a place, in the order of attention."""
    row = _ranked(within).c
    rank, since = bindparam("rank", type_=Integer), bindparam("since", type_=BigInteger)
    behind = or_(row.since > since, and_(row.since == since, row.episode_id > bindparam("episode_id", type_=Uuid)))
    return (
        select(*row)
        .where(
            row.rank >= bindparam("lowest", type_=Integer),
            row.rank <= bindparam("highest", type_=Integer),
            or_(row.rank > rank, and_(row.rank == rank, behind)),
        )
        .order_by(row.rank, row.since, row.episode_id)
        .limit(bindparam("limit", type_=Integer))
    )


def _of_some(among: Among) -> Select[*tuple[Any, ...]]:
    return _page(among(episodes.c.therapist_id, "therapists"))


_OF_ALL = _page(true())
_OF_SOME = in_both(_of_some)
