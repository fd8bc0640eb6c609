"""The caseload in SQL: open episodes in the order of attention, as one constant statement."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    ScalarSelect,
    Select,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    exists,
    extract,
    func,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from app.episodes.told import is_untold
from app.progress.schedule import LATE, LATE_DAYS
from app.storage.dialects import Among, in_both
from app.storage.tables import episodes, signals, submissions
from app.storage.types import AnyRow, UtcDateTime

#: The states of attention in their order, each with its place.
ALERT, WATCH, MISSING, ACKNOWLEDGED, NONE = range(5)
_DAY: Final = 86_400

Columns: TypeAlias = ReadOnlyColumnCollection[str, Any]


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

    Signals count as they stood at `as_of`: opened up to `opened_by`, acknowledged or closed no earlier. Of episodes
    with the therapist in `told_of` only what rests on told forms is read.
    """

    as_of: datetime
    opened_by: datetime
    lowest: int
    highest: int
    therapists: Collection[UUID] | None
    told_of: UUID | None
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
    sent |= {"therapists": list(asked.therapists)}
    if asked.told_of not in asked.therapists:
        return list(connection.execute(_OF_SOME[connection.dialect.name], sent))
    return list(connection.execute(_OF_SOME_TOLD[connection.dialect.name], sent | {"told_of": asked.told_of}))


def _seconds(column: ColumnElement[Any]) -> ColumnElement[int]:
    """Count the seconds of a time: whole numbers are added and compared alike on both databases."""
    return cast(extract("epoch", column), BigInteger)


def _signal_rank(columns: Columns) -> ColumnElement[int]:
    """Say how urgent an open signal is: not looked at by its level, else behind a missing form."""
    as_of = bindparam("as_of", type_=UtcDateTime)
    is_seen = and_(columns.acknowledged_at.is_not(None), columns.acknowledged_at <= as_of)
    return case((is_seen, ACKNOWLEDGED), (columns.level == "alert", ALERT), else_=WATCH)


#: Whether an episode is one of the therapist who sees told forms only: a supervisor asks of others', too.
_IS_TOLD_OF: Final = episodes.c.therapist_id == bindparam("told_of", type_=Uuid)


def _rests_on_untold(one: Columns) -> ColumnElement[bool]:
    """Say whether a signal's series has a form that the therapist does not see, from when it was watched or before."""
    form = submissions.alias("untold").c
    return exists(
        select(form.submission_id).where(
            form.organisation_id == one.organisation_id,
            form.episode_id == one.episode_id,
            form.instrument == one.instrument,
            form.rater == one.rater,
            form.current,
            is_untold(form),
            or_(one.closed_session.is_(None), form.session_number <= one.closed_session),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """How far an episode is, whether open and known: to those who see all of its forms, or the told ones alone."""

    last_session: ColumnElement[int]
    last_completed_at: ColumnElement[datetime]
    is_open: ColumnElement[bool]
    is_known: ColumnElement[bool]


def _standing(*, told_only: bool) -> _Standing:
    """Take what is kept of an episode; where a form is untold to its therapist who asks, count anew as without it."""
    kept = episodes.c
    if not told_only:
        return _Standing(
            last_session=kept.last_session,
            last_completed_at=kept.last_completed_at,
            is_open=kept.ending.is_(None),
            is_known=true(),
        )
    form = submissions.alias("form").c
    of_it = and_(form.organisation_id == kept.organisation_id, form.episode_id == kept.episode_id)
    here = and_(of_it, form.current)
    has_untold = and_(_IS_TOLD_OF, exists(select(form.submission_id).where(here, is_untold(form)).correlate(episodes)))
    is_told = and_(here, not_(is_untold(form)))
    ended = exists(select(form.submission_id).where(is_told, form.ending.is_not(None)).correlate(episodes))

    latest = {
        name: select(func.max(form[name])).where(is_told).correlate(episodes).scalar_subquery()
        for name in ("session_number", "completed_at")
    }
    return _Standing(
        last_session=case((has_untold, latest["session_number"]), else_=kept.last_session),
        last_completed_at=case((has_untold, latest["completed_at"]), else_=kept.last_completed_at),
        is_open=or_(kept.ending.is_(None), and_(has_untold, ~ended)),
        is_known=or_(
            not_(_IS_TOLD_OF),
            exists(select(form.submission_id).where(of_it, not_(is_untold(form))).correlate(episodes)),
            ~exists(select(form.submission_id).where(of_it).correlate(episodes)),
        ),
    )


def _told(*, told_only: bool) -> ScalarSelect[UUID]:
    """Choose the signal that an episode is told by: the most urgent one that was open, of several the oldest.

    Looked up for each episode by the primary key: a join with all signals of the organisation would read the closed
    ones of years, and SQLite would go through the open ones again for every episode.
    """
    one = signals.alias("one").c
    return (
        select(one.signal_id)
        .where(
            one.organisation_id == episodes.c.organisation_id,
            one.episode_id == episodes.c.episode_id,
            or_(one.state == "open", one.changed_at > bindparam("as_of", type_=UtcDateTime)),
            one.opened_at <= bindparam("opened_by", type_=UtcDateTime),
            or_(not_(_IS_TOLD_OF), ~_rests_on_untold(one)) if told_only else true(),
        )
        .order_by(_signal_rank(one), one.opened_at, one.signal_id)
        .limit(1)
        .correlate(episodes)
        .scalar_subquery()
    )


def _missed(standing: _Standing) -> ColumnElement[int]:
    """Say from when on a form is missing: half a cadence after it was due, and some days at least."""
    cadence = cast(episodes.c.cadence_days, BigInteger)
    late = case((cadence < int(LATE_DAYS / LATE), (cadence + LATE_DAYS) * _DAY), else_=cadence * int((1 + LATE) * _DAY))
    return _seconds(standing.last_completed_at) + late


def _ranked(within: ColumnElement[bool], *, told_only: bool) -> CTE:
    """Give each open episode its state of attention and since when it has it."""
    of_signals = signals.alias("told")
    told, standing = of_signals.c, _standing(told_only=told_only)
    missed = _missed(standing)
    is_missing = and_(
        episodes.c.cadence_days.is_not(None),
        missed <= bindparam("as_of_seconds", type_=BigInteger),
        or_(episodes.c.expected_sessions.is_(None), standing.last_session < episodes.c.expected_sessions),
    )
    is_told, is_new = told.signal_id.is_not(None), _signal_rank(told) < MISSING
    opened = _seconds(told.opened_at)
    return (
        select(
            *(episodes.c[name] for name in _OF_EPISODES),
            standing.last_session.label("last_session"),
            standing.last_completed_at.label("last_completed_at"),
            *(told[name] for name in ("signal_id", "rule", "opened_session")),
            case(
                (and_(is_told, is_new), _signal_rank(told)), (is_missing, MISSING), (is_told, ACKNOWLEDGED), else_=NONE
            ).label("rank"),
            case(
                (and_(is_told, is_new), opened),
                (is_missing, missed),
                (is_told, opened),
                else_=_seconds(episodes.c.opened_at),
            ).label("since"),
        )
        .select_from(episodes)
        .outerjoin(
            of_signals,
            and_(
                of_signals.c.organisation_id == episodes.c.organisation_id,
                told.episode_id == episodes.c.episode_id,
                told.signal_id == _told(told_only=told_only),
            ),
        )
        .where(
            episodes.c.organisation_id == bindparam("organisation", type_=Uuid),
            standing.is_open,
            standing.is_known,
            within,
        )
        .cte("ranked")
    )


_OF_EPISODES = (
    "client_id",
    "episode_id",
    "therapist_id",
    "expected_sessions",
    "cadence_days",
)


def _page(within: ColumnElement[bool], *, told_only: bool = False) -> Select[*tuple[Any, ...]]:
    """Read the rows behind a place, in the order of attention."""
    row = _ranked(within, told_only=told_only).c
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
_OF_SOME_TOLD = in_both(lambda among: _page(among(episodes.c.therapist_id, "therapists"), told_only=True))
