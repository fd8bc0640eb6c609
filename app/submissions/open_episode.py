"""One locked episode while forms are taken into it or out of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from sys import maxsize
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.episodes.course import Assessment, CourseForm, CourseState, Ended, SeriesState, append, rebuild
from app.episodes.history import read_forms, read_scores, state_from, with_scores
from app.episodes.identify import Episode, lock_episodes
from app.episodes.signals import SignalNews, news_against, news_at, stored_signals
from app.errors import LaterEpisodeOpen
from app.instruments.catalog import Catalog
from app.stages.panel import StagePanel
from app.storage.apart import apart
from app.storage.keyring import Keyed
from app.storage.types import AnyRow
from app.submissions.store import read_assessments
from app.submissions.tally import Moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What became of an episode: what is said about the forms taken, and which earlier words are others now."""

    state: CourseState | None
    told: Mapping[UUID, Assessment]
    recomputed_later_sessions: Mapping[UUID, int]
    revised: Mapping[UUID, tuple[int, Assessment]]
    signals: Sequence[SignalNews]


class OpenEpisode:
    """Forms at the end build on what is kept; anything else folds all of the episode's forms anew, once, at the end."""

    def __init__(
        self,
        connection: Connection,
        catalog: Catalog,
        episode: Episode,
        beside: Sequence[OpenEpisode],
        *,
        course: str | None,
        is_new: bool,
        organisation: UUID,
    ) -> None:
        self.episode = episode
        self.is_new = is_new
        self.was_ended = episode.ended_at is not None
        self._connection = connection
        self._catalog = catalog
        self._beside = beside  # the same client's episodes, this one among them; others may join
        self._organisation = organisation
        self._state = state_from(course)
        self._anew = not is_new and self._state is None
        self._stored: dict[UUID, CourseForm] = {}
        self._read_from = self._last + 1 if self._state is not None else maxsize
        self._taken: dict[UUID, CourseForm] = {}
        self._gone: list[CourseForm] = []
        self._told: dict[UUID, Assessment] = {}
        self._later: dict[UUID, int] = {}
        self._signals: list[SignalNews] = []
        self._panels: dict[int, StagePanel] = {}  # of sessions whose other forms may hear something new

    @property
    def subject(self) -> dict[str, str]:
        """What an event about it names."""
        return {"client_id": str(self.episode.client_id), "episode_id": str(self.episode.episode_id)}

    @property
    def touched(self) -> bool:
        """Say whether anything was taken in or out."""
        return bool(self._later)

    @property
    def moved(self) -> Moved:
        """The forms that were taken in and out."""
        return Moved(episode_id=self.episode.episode_id, arrived=list(self._taken.values()), gone=self._gone)

    def at_place(self, form: CourseForm) -> CourseForm | None:
        """Return the current form that holds the place of this one."""
        self._read(form.session_number)
        return next(
            (
                one
                for one in (*self._stored.values(), *self._taken.values())
                if (one.session_number, one.series) == (form.session_number, form.series)
            ),
            None,
        )

    def take(self, form: CourseForm, *, instead_of: CourseForm | None = None) -> None:
        """Take a form into its place, which is free."""
        first = form.session_number if instead_of is None else min(form.session_number, instead_of.session_number)
        if instead_of is not None:
            self._read(1)
            self._gone.append(self._stored.pop(instead_of.submission_id))
        self._later[form.submission_id] = self._sessions_after(first, other_than=form.session_number)
        self._taken[form.submission_id] = form
        if form.ending is not None and (self.episode.ended_at is None or form.completed_at < self.episode.ended_at):
            self._end(form.ending, form)
        if instead_of is not None or form.session_number < self._last:
            self._anew = True
        if not self._anew:
            self._append(form)

    def stored(self, submission_id: UUID, *, session_number: int) -> CourseForm | None:
        """Return a current form that was stored before."""
        self._read(session_number)
        return self._stored.get(submission_id)

    def leave(self, form: CourseForm) -> None:
        """Take a form out of its place."""
        self._read(1)
        self._gone.append(self._stored.pop(form.submission_id))
        self._later[form.submission_id] = self._sessions_after(form.session_number, other_than=form.session_number)
        self._anew = True

    def finish(self) -> Finished:
        """Say what became of the episode; LaterEpisodeOpen when it would be open beside another one."""
        revised = self._fold() if self._anew else self._tell_others()
        self._end_as(self._state.ended if self._state is not None else None)
        if self.was_ended and self.episode.ended_at is None and self._has_another_open():
            raise LaterEpisodeOpen
        return Finished(
            state=self._state,
            told=self._told,
            recomputed_later_sessions=self._later,
            revised=revised,
            signals=self._signals,
        )

    def row(self) -> dict[str, Any]:
        """Make the episode's row."""
        episode = self.episode
        return {
            "organisation_id": self._organisation,
            "episode_id": episode.episode_id,
            "client_id": episode.client_id,
            "therapist_id": episode.therapist_id,
            "reference_key": episode.reference.key_id if episode.reference else None,
            "reference": episode.reference.digest if episode.reference else None,
            "opened_at": episode.opened_at,
            "ending": episode.ending,
            "ended_session": episode.ended_session,
            "ended_at": episode.ended_at,
            "course": self._state,
            "last_session": self._last or None,
            "last_completed_at": max((line.completed_at for line in self._lines()), default=None),
        }

    @property
    def _last(self) -> int:
        return self._state.after.number if self._state is not None else 0

    def _lines(self) -> Iterable[SeriesState]:
        return self._state.series.values() if self._state is not None else ()

    def _read(self, session: int) -> None:
        """Read the stored forms from a session on, as far as they are not there yet."""
        if self.is_new or session >= self._read_from:
            return
        for form in read_forms(
            self._connection,
            self._catalog,
            organisation=self._organisation,
            episode_id=self.episode.episode_id,
            from_session=session,
        ):
            if form.session_number < self._read_from:
                self._stored[form.submission_id] = form
        self._read_from = session

    def _sessions_after(self, session: int, *, other_than: int) -> int:
        return len({f.session_number for f in self._stored.values() if session < f.session_number != other_than})

    def _append(self, form: CourseForm) -> None:
        session = form.session_number
        others = [
            one
            for one in (*self._stored.values(), *self._taken.values())
            if one.session_number == session and one is not form
        ]
        known = self._state.panel if self._state is not None and others else None
        self._state, told = append(self._state, form, others=others)
        self._told[form.submission_id] = told
        self._signals += news_at(form, told.signals)
        if known is not None and self._state.panel != known:
            self._panels[session] = self._state.panel

    def _fold(self) -> dict[UUID, tuple[int, Assessment]]:
        """Fold all current forms anew; what is said otherwise than before is another revision."""
        self._read(1)
        stored = self._with_scores(self._stored.values())
        forms = [*stored, *self._taken.values()]
        self._state, told = apart(self._connection, lambda: rebuild(forms))
        self._signals = self._signals_anew(forms, told)
        self._told = {submission_id: told[submission_id] for submission_id in self._taken}
        return self._revisions({form.submission_id: told[form.submission_id] for form in stored})

    def _signals_anew(self, forms: Iterable[CourseForm], told: Mapping[UUID, Assessment]) -> list[SignalNews]:
        """Compare what all signals of the episode are now with what is stored of them."""
        before = stored_signals(self._connection, organisation=self._organisation, episode_id=self.episode.episode_id)
        now: dict[UUID, SignalNews] = {}
        for form in sorted(forms, key=lambda form: form.order):
            now |= {one.signal.signal_id: one for one in news_at(form, told[form.submission_id].signals)}
        return news_against(before, now)

    def _tell_others(self) -> dict[UUID, tuple[int, Assessment]]:
        """Tell the other forms of a session what its later forms brought."""
        for form in self._taken.values():
            if (panel := self._panels.get(form.session_number)) is not None:
                self._told[form.submission_id] = self._told[form.submission_id].at_stage(form, panel)
        stored = self._with_scores(f for f in self._stored.values() if f.session_number in self._panels)
        before = self._assessments(stored)
        return self._revisions(
            {
                form.submission_id: before[form.submission_id][1].at_stage(form, self._panels[form.session_number])
                for form in stored
            },
            before,
        )

    def _revisions(
        self, now: Mapping[UUID, Assessment], before: Mapping[UUID, tuple[int, Assessment]] | None = None
    ) -> dict[UUID, tuple[int, Assessment]]:
        known = (
            before
            if before is not None
            else read_assessments(self._connection, now.keys(), organisation=self._organisation)
        )
        return {
            submission_id: (known[submission_id][0] + 1, assessment)
            for submission_id, assessment in now.items()
            if assessment != known[submission_id][1]
        }

    def _assessments(self, forms: Iterable[CourseForm]) -> dict[UUID, tuple[int, Assessment]]:
        ids = [form.submission_id for form in forms]
        return read_assessments(self._connection, ids, organisation=self._organisation)

    def _with_scores(self, forms: Iterable[CourseForm]) -> list[CourseForm]:
        wanted = list(forms)
        if not wanted:
            return []
        ids = [form.submission_id for form in wanted]
        return with_scores(wanted, read_scores(self._connection, ids, organisation=self._organisation))

    def _has_another_open(self) -> bool:
        """Say whether another episode of the two is open, neither with a reference: a unique key allows one."""
        mine = self.episode
        return mine.reference is None and any(
            one is not self
            and (one.episode.therapist_id, one.episode.reference, one.episode.ended_at)
            == (mine.therapist_id, None, None)
            for one in self._beside
        )

    def _end(self, ending: str, form: CourseForm) -> None:
        self.episode.ending = ending
        self.episode.ended_session = form.session_number
        self.episode.ended_at = form.completed_at

    def _end_as(self, ended: Ended | None) -> None:
        self.episode.ending = ended.ending if ended is not None else None
        self.episode.ended_session = ended.session_number if ended is not None else None
        self.episode.ended_at = ended.completed_at if ended is not None else None


def open_episodes(
    connection: Connection, catalog: Catalog, client_ids: Collection[UUID], *, organisation: UUID
) -> dict[UUID, list[OpenEpisode]]:
    """Lock some clients with all their episodes, and open those, by client."""
    opened: dict[UUID, list[OpenEpisode]] = {}
    for row in lock_episodes(connection, client_ids, organisation=organisation):
        beside = opened.setdefault(row.client_id, [])
        episode = OpenEpisode(
            connection, catalog, _episode(row), beside, course=row.course, is_new=False, organisation=organisation
        )
        beside.append(episode)
    return opened


def _episode(row: AnyRow) -> Episode:
    return Episode(
        episode_id=row.episode_id,
        client_id=row.client_id,
        therapist_id=row.therapist_id,
        reference=None if row.reference is None else Keyed(key_id=row.reference_key, digest=row.reference),
        opened_at=row.opened_at,
        ending=row.ending,
        ended_session=row.ended_session,
        ended_at=row.ended_at,
    )
