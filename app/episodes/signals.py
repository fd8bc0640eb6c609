"""The signals of an episode in SQL: as they stand now, and every state they were in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from app.change.signal import Signal
from app.episodes.course import CourseForm
from app.episodes.identify import Episode
from app.storage.dialects import in_both
from app.storage.documents import from_document
from app.storage.tables import signal_changes, signals
from app.storage.types import AnyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalNews:
    """A signal that is new, or otherwise than before: the series it is of, and the form that brought it.

    `because_of` is None where the episode was looked at anew: then the change of the episode is the reason.
    """

    signal: Signal
    instrument: str
    rater: str
    because_of: UUID | None


def news_at(form: CourseForm, told: Iterable[Signal]) -> list[SignalNews]:
    """Pick from what is told at a form the signals that it opened or closed."""
    return [
        SignalNews(signal=one, instrument=form.instrument.key, rater=form.rater, because_of=form.submission_id)
        for one in told
        if one.submission_id == form.submission_id or not one.is_open
    ]


def news_against(before: Mapping[UUID, SignalNews], now: Mapping[UUID, SignalNews]) -> list[SignalNews]:
    """Compare all signals of an episode with those that are stored; one that lost its ground is retracted."""
    found = [
        replace(one, because_of=None)
        for signal_id, one in now.items()
        if signal_id not in before or before[signal_id].signal != one.signal
    ]
    gone = [
        replace(one, signal=replace(one.signal, state="retracted", closed_session=None), because_of=None)
        for signal_id, one in before.items()
        if signal_id not in now and one.signal.state != "retracted"
    ]
    return found + gone


_OF_EPISODE = select(signals).where(
    signals.c.organisation_id == bindparam("organisation"), signals.c.episode_id == bindparam("episode_id")
)


def read_signals(connection: Connection, *, organisation: UUID, episode_id: UUID) -> list[AnyRow]:
    """Read the signals of an episode, the retracted ones too, in the order of sessions."""
    sent = {"organisation": organisation, "episode_id": episode_id}
    rows = list(connection.execute(_OF_EPISODE, sent))
    return sorted(rows, key=lambda row: (row.opened_session, row.signal_id))


def signal_of(row: AnyRow) -> Signal:
    """Read a signal from its row."""
    return from_document(row.detail, Signal)


def stored_signals(connection: Connection, *, organisation: UUID, episode_id: UUID) -> dict[UUID, SignalNews]:
    """Read what is stored of an episode's signals, to compare with."""
    return {
        row.signal_id: SignalNews(
            signal=signal_of(row), instrument=row.instrument, rater=row.rater, because_of=row.submission_id
        )
        for row in read_signals(connection, organisation=organisation, episode_id=episode_id)
    }


_NOW = ("level", "state", "closed_session", "detail", "changed_at")
_KEY = ("organisation_id", "episode_id", "signal_id")
_UPSERTS = {
    name: (made := dialect.insert(signals)).on_conflict_do_update(
        index_elements=_KEY, set_={column: made.excluded[column] for column in _NOW}
    )
    for name, dialect in (("postgresql", postgresql), ("sqlite", sqlite))
}


def write_signals(
    connection: Connection,
    found: Sequence[tuple[Episode, SignalNews]],
    *,
    organisation: UUID,
    now: datetime,
    new_id: Callable[[], UUID],
) -> None:
    """Write the signals of some episodes as they stand now, and keep every state."""
    if not found:
        return
    connection.execute(
        _UPSERTS[connection.dialect.name],
        [_signal_row(episode, news, organisation=organisation, now=now) for episode, news in found],
    )
    connection.execute(
        insert(signal_changes),
        [_change_row(news, organisation=organisation, change_id=new_id(), now=now) for _, news in found],
    )


def _signal_row(episode: Episode, news: SignalNews, *, organisation: UUID, now: datetime) -> dict[str, Any]:
    one = news.signal
    return {
        "organisation_id": organisation,
        "signal_id": one.signal_id,
        "client_id": episode.client_id,
        "therapist_id": episode.therapist_id,
        "episode_id": episode.episode_id,
        "submission_id": one.submission_id,
        "instrument": news.instrument,
        "rater": news.rater,
        "rule": one.rule,
        "level": one.level,
        "opened_session": one.opened_session,
        "state": one.state,
        "closed_session": one.closed_session,
        "detail": one,
        "opened_at": now,
        "changed_at": now,
        "acknowledged_at": None,
    }


def _change_row(news: SignalNews, *, organisation: UUID, change_id: UUID, now: datetime) -> dict[str, Any]:
    return {
        "organisation_id": organisation,
        "change_id": change_id,
        "signal_id": news.signal.signal_id,
        "state": news.signal.state,
        "closed_session": news.signal.closed_session,
        "level": news.signal.level,
        "because_of": news.because_of,
        "changed_at": now,
    }


_CHANGES = in_both(
    lambda among: (
        select(signal_changes)
        .where(signal_changes.c.organisation_id == bindparam("organisation"), among(signal_changes.c.signal_id, "ids"))
        .order_by(signal_changes.c.change_id)
    )
)


def read_signal_changes(
    connection: Connection, signal_ids: Collection[UUID], *, organisation: UUID
) -> dict[UUID, list[AnyRow]]:
    """Read every state that some signals were in, the earliest first."""
    found: dict[UUID, list[AnyRow]] = {signal_id: [] for signal_id in signal_ids}
    sent = {"organisation": organisation, "ids": list(signal_ids)}
    for row in connection.execute(_CHANGES[connection.dialect.name], sent):
        found[row.signal_id].append(row)
    return found
