"""The signals of an episode in SQL: as they stand now, and every state they were in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, and_, bindparam, case, insert, null, select
from sqlalchemy.dialects import postgresql, sqlite

from app.change.signal import Signal, State
from app.episodes.course import CourseForm
from app.episodes.identify import Episode
from app.storage.dialects import in_both
from app.storage.documents import from_document
from app.storage.tables import signal_changes, signals
from app.storage.types import AnyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalNews:
    """A signal that is new, or otherwise than before: the series it is of, and the form that brought it.

    `because_of` is None where the episode was looked at anew: then the change of the episode is the reason. `was` is
    the state that is stored, None for a new one.
    """

    signal: Signal
    instrument: str
    rater: str
    because_of: UUID | None
    was: State | None

    @property
    def states(self) -> tuple[State, ...]:
        """The states it came into: a new one that is over already was open too."""
        return ("open", self.signal.state) if self.was is None and not self.signal.is_open else (self.signal.state,)

    @property
    def happened(self) -> tuple[Literal["signal.opened", "signal.closed"], ...]:
        """What is to be told of it: that it opened, that it closed, or nothing where it goes on otherwise."""
        opened: tuple[Literal["signal.opened"], ...] = ("signal.opened",) if self.was is None else ()
        if self.signal.is_open:
            return opened if self.was in {None, "open"} else ("signal.opened",)
        return (*opened, "signal.closed") if self.was in {None, "open"} else ()


def news_at(form: CourseForm, told: Iterable[Signal]) -> list[SignalNews]:
    """Pick from what is told at a form the signals that it opened or closed."""
    return [
        SignalNews(
            signal=one,
            instrument=form.instrument.key,
            rater=form.rater,
            because_of=form.submission_id,
            was=None if one.submission_id == form.submission_id else "open",
        )
        for one in told
        if one.submission_id == form.submission_id or not one.is_open
    ]


def news_against(before: Mapping[UUID, SignalNews], now: Mapping[UUID, SignalNews]) -> list[SignalNews]:
    """Compare all signals of an episode with those that are stored; one that lost its ground is retracted."""
    found = [
        replace(one, because_of=None, was=before[signal_id].signal.state if signal_id in before else None)
        for signal_id, one in now.items()
        if signal_id not in before or before[signal_id].signal != one.signal
    ]
    gone = [
        replace(
            one,
            signal=replace(one.signal, state="retracted", closed_session=None),
            because_of=None,
            was=one.signal.state,
        )
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
            signal=signal_of(row), instrument=row.instrument, rater=row.rater, because_of=row.submission_id, was=None
        )
        for row in read_signals(connection, organisation=organisation, episode_id=episode_id)
    }


_NOW = ("level", "state", "closed_session", "detail", "changed_at")
_KEY = ("organisation_id", "episode_id", "signal_id")


def _upsert(dialect: Any) -> Any:
    """Put a signal in its place. Who looked at a watch has not seen the alert it became, nor what came back."""
    made = dialect.insert(signals)
    unseen = and_(signals.c.level == "watch", made.excluded.level == "alert") | (signals.c.state == "retracted")
    now = {column: made.excluded[column] for column in _NOW}
    now["acknowledged_at"] = case((unseen, null()), else_=signals.c.acknowledged_at)
    return made.on_conflict_do_update(index_elements=_KEY, set_=now)


_UPSERTS = {"postgresql": _upsert(postgresql), "sqlite": _upsert(sqlite)}


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
        [
            _change_row(news, state, organisation=organisation, change_id=new_id(), now=now)
            for _, news in found
            for state in news.states
        ],
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


def _change_row(
    news: SignalNews, state: State, *, organisation: UUID, change_id: UUID, now: datetime
) -> dict[str, Any]:
    return {
        "organisation_id": organisation,
        "change_id": change_id,
        "signal_id": news.signal.signal_id,
        "state": state,
        "closed_session": None if state == "open" else news.signal.closed_session,
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
