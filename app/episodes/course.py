"""The course of an episode: its forms in order of sessions, and what is kept of them for the next one. Pure.

Nothing here depends on the order in which forms arrived: forms of one session are told apart by when they were
completed, by rater and by instrument. `append` takes one more form at the end; `rebuild` folds all forms anew with the
same steps, so that both end in the same state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from uuid import UUID

from app.change.norms import Norm, parameters, pomp_sems, uncalibrated
from app.change.signal import Look, Parameters, Signal
from app.change.since import Change, Earlier, extended, since
from app.change.watch import START, SeriesWatch, look
from app.instruments.model import Answer, Instrument, ItemId, Rater
from app.scoring.score import AnyScore, Score
from app.stages.criteria import Level, kept, level
from app.stages.model import START_OF_COURSE, Ending, Filter, Session, advance
from app.stages.panel import StagePanel, panel_of
from app.stages.recommend import Recommendation, recommend

#: A phone shows a short series; the whole one is another resource.
SHORT_SERIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredScore:
    """A score and its id."""

    score_id: UUID
    score: AnyScore


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseForm:
    """What the course needs of one form. Scores and answers are empty where only the session is looked at."""

    submission_id: UUID
    session_number: int
    instrument: Instrument
    rater: Rater
    completed_at: datetime
    content: bytes
    focus: tuple[int, ...] | None
    planned_sessions: int | None
    ending: Ending | None
    rupture: bool
    wish_to_talk: bool
    norm: Norm | None
    answers: Mapping[ItemId, Answer]
    scores: tuple[StoredScore, ...]

    def scored(self, found: tuple[StoredScore, ...]) -> CourseForm:
        """Return the form with its scores."""
        return replace(self, scores=found)

    @property
    def series(self) -> str:
        """The name of its series within the episode."""
        return f"{self.instrument.key}/{self.rater}"

    @property
    def order(self) -> tuple[int, datetime, str, str]:
        """Where it stands among the forms of its episode, however they arrived."""
        return (self.session_number, self.completed_at, self.rater, self.instrument.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestScore:
    """One component of the latest form of a series."""

    score_id: UUID
    component: str
    value: float | None
    pomp: float | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesState:
    """What is kept of a series: enough for the next form's change and criteria, and for a short answer.

    It starts anew when a version of the instrument counts on another scale.
    """

    instrument: str
    version: str
    rater: Rater
    scale: str
    completed_at: datetime
    earlier: dict[str, tuple[Earlier, Earlier]]
    levels: tuple[Level, ...]
    minimum: float | None
    maximum: float | None
    sessions: tuple[int, ...]
    totals: tuple[float | None, ...]
    latest: tuple[LatestScore, ...]
    watch: SeriesWatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an episode ended: the report that was completed first counts."""

    completed_at: datetime
    rater: Rater
    instrument: str
    session_number: int
    ending: Ending

    @property
    def order(self) -> tuple[datetime, str, str, int]:
        """Which of two reports counts."""
        return (self.completed_at, self.rater, self.instrument, self.session_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseState:
    """What is kept of an episode. `before` and `after` are the stage filter around its last session."""

    before: Filter
    after: Filter
    series: dict[str, SeriesState]
    ended: Ended | None
    panel: StagePanel


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What is said about one form."""

    change: dict[str, Change]
    signals: tuple[Signal, ...]
    stage: StagePanel
    recommendations: tuple[Recommendation, ...]

    def at_stage(self, form: CourseForm, panel: StagePanel) -> Assessment:
        """Return what is said about the form once its session is seen otherwise."""
        return replace(self, stage=panel, recommendations=advise(form, panel, self.signals))


def append(
    state: CourseState | None, form: CourseForm, *, others: Sequence[CourseForm] = ()
) -> tuple[CourseState, Assessment]:
    """Take one more form at the end of a course.

    Parameters
    ----------
    state
        What is kept of the forms so far; None for the first one.
    form
        A form of the last session or a later one, first in its place.
    others
        The other forms of the same session that the state holds already.

    Returns
    -------
    tuple of CourseState and Assessment
        The others' assessments stand, unless the panel of the state is another one than before.
    """
    before = START_OF_COURSE
    if state is not None:
        before = state.before if state.after.number == form.session_number else state.after
    known: dict[str, SeriesState] = state.series if state is not None else {}
    line, given_up = _line(known.get(form.series), form)
    watch, signals = look(line.watch if line is not None else START, look_of(form))
    series = known | {form.series: _extended(line, form, watch)}
    began = any(one.watch.onset_session == form.session_number for one in series.values())
    session = _session([*others, form], rupture=began)
    after, told = advance(before, session)
    panel = panel_of(told, _leading_levels(series.values()), focus=session.focus)
    ended = _first_end(state.ended if state is not None else None, form)
    change = since(_scores(form), line.earlier if line is not None else {}, form.norm)
    return (
        CourseState(before=before, after=after, series=series, ended=ended, panel=panel),
        Assessment(
            change=change,
            signals=(*given_up, *signals),
            stage=panel,
            recommendations=advise(form, panel, signals),
        ),
    )


def rebuild(forms: Iterable[CourseForm]) -> tuple[CourseState | None, dict[UUID, Assessment]]:
    """Fold all current forms of an episode, scores and answers included, into its state and their assessments."""
    state: CourseState | None = None
    found: dict[UUID, Assessment] = {}
    in_order = sorted(forms, key=lambda form: form.order)
    for _, group in groupby(in_order, key=lambda form: form.session_number):
        session = list(group)
        for number, form in enumerate(session):
            state, found[form.submission_id] = append(state, form, others=session[:number])
        if state is None:
            continue
        for form in session[:-1]:  # the later forms of a session tell something about it too
            told = found[form.submission_id]
            if told.stage != state.panel:
                found[form.submission_id] = told.at_stage(form, state.panel)
    return state, found


def advise(form: CourseForm, panel: StagePanel, signals: Sequence[Signal]) -> tuple[Recommendation, ...]:
    """Recommend what to talk about after one form, given its signals and the stage at its session."""
    return recommend(
        form.instrument,
        scores=_scores(form),
        answers=dict(form.answers),
        stage=panel.estimate,
        sems=pomp_sems(form.norm) if form.norm is not None else None,
        signals=signals,
    )


def _line(known: SeriesState | None, form: CourseForm) -> tuple[SeriesState | None, tuple[Signal, ...]]:
    """Return the series that a form goes on with; another scale starts it anew, and nothing repairs what was open."""
    if known is None or known.scale == scale_of(form.instrument):
        return known, ()
    given_up = (replace(one, state="unresolved", closed_session=form.session_number) for one in known.watch.open)
    return None, tuple(given_up)


def same_scale(series: Iterable[CourseForm], form: CourseForm) -> list[CourseForm]:
    """Pick from a series the forms that are counted on the scale of one of them, up to where it changes."""
    in_order = sorted(series, key=lambda one: one.order)
    for _, group in groupby(in_order, key=lambda one: scale_of(one.instrument)):
        found = list(group)
        if form in found:
            return found
    return []


def look_of(form: CourseForm) -> Look:
    """Show a form to the rules that raise signals."""
    total = next((s for s in _scores(form) if s.component == "total"), None)
    scored = total if isinstance(total, Score) else None
    instrument = form.instrument
    return Look(
        submission_id=form.submission_id,
        session_number=form.session_number,
        mean=scored.mean if scored else None,
        pomp=scored.pomp if scored else None,
        value=scored.value if scored else None,
        reported_rupture=form.rupture,
        wish_to_talk=form.wish_to_talk,
        cut_offs=tuple(one for one in instrument.cut_offs if one.component == "total"),
        parameters=parameters_of(instrument, form.norm),
    )


def parameters_of(instrument: Instrument, norm: Norm | None) -> Parameters:
    """Return what a form's total is held against: its norm, or fractions of the range."""
    known = parameters(norm, "total") if norm is not None else None
    return known or uncalibrated(instrument.lowest, instrument.highest)


def _scores(form: CourseForm) -> tuple[AnyScore, ...]:
    return tuple(one.score for one in form.scores)


def _session(forms: Sequence[CourseForm], *, rupture: bool) -> Session:
    """Gather the forms of one session into what it tells the stage.

    Focus answers are the client's. Of two statements the one completed later counts, of two endings the first, as for
    the episode; a rupture counts whoever says it, and so does one that a series showed.
    """
    session = Session(number=forms[0].session_number, rupture=rupture)
    for form in sorted(forms, key=lambda form: form.order):
        told = form.focus if form.rater == "client" else None
        session = Session(
            number=session.number,
            focus=told or session.focus,
            planned_sessions=form.planned_sessions if form.planned_sessions is not None else session.planned_sessions,
            ending=session.ending or form.ending,
            rupture=form.rupture or session.rupture,
        )
    return session


def _extended(line: SeriesState | None, form: CourseForm, watch: SeriesWatch) -> SeriesState:
    scores = _scores(form)
    total = next((s for s in scores if s.component == "total"), None)
    scored = total if isinstance(total, Score) else None
    return SeriesState(
        instrument=form.instrument.key,
        version=form.instrument.version,
        rater=form.rater,
        scale=scale_of(form.instrument),
        completed_at=form.completed_at,
        earlier=extended(line.earlier if line is not None else {}, scores, session_number=form.session_number),
        levels=_levels(line, form),
        minimum=scored.minimum if scored else line.minimum if line else None,
        maximum=scored.maximum if scored else line.maximum if line else None,
        sessions=(*(line.sessions if line else ()), form.session_number)[-SHORT_SERIES:],
        totals=(*(line.totals if line else ()), scored.value if scored else None)[-SHORT_SERIES:],
        latest=tuple(_latest(one) for one in form.scores),
        watch=watch,
    )


def _levels(line: SeriesState | None, form: CourseForm) -> tuple[Level, ...]:
    """Extend the levels that the criteria follow; only the client's own series have them."""
    if form.rater != "client":
        return ()
    pomps = {s.component: s.pomp for s in _scores(form) if isinstance(s, Score)}
    now = level(form.session_number, pomps, form.instrument.components)
    return kept((*(line.levels if line is not None else ()), now))


def _latest(one: StoredScore) -> LatestScore:
    scored = one.score if isinstance(one.score, Score) else None
    return LatestScore(
        score_id=one.score_id,
        component=one.score.component,
        value=scored.value if scored else None,
        pomp=scored.pomp if scored else None,
        reason=None if isinstance(one.score, Score) else one.score.reason,
    )


def _leading_levels(series: Iterable[SeriesState]) -> tuple[Level, ...]:
    """Return the levels of the instrument that the client filled in last: the criteria follow that one."""
    own = [line for line in series if line.rater == "client"]
    last = max(own, key=lambda line: (line.sessions[-1], line.completed_at, line.instrument), default=None)
    return last.levels if last is not None else ()


def _first_end(known: Ended | None, form: CourseForm) -> Ended | None:
    if form.ending is None:
        return known
    told = Ended(
        completed_at=form.completed_at,
        rater=form.rater,
        instrument=form.instrument.key,
        session_number=form.session_number,
        ending=form.ending,
    )
    return told if known is None else min(known, told, key=lambda one: one.order)


def scale_of(instrument: Instrument) -> str:
    """Name what makes values comparable: convention, range, and the items of each component."""
    parts = [f"{c.key}:{len(c.items)}" for c in instrument.components]
    text = f"{instrument.convention} {instrument.minimum} {instrument.maximum} {instrument.divisor} {parts}"
    return sha256(text.encode()).hexdigest()[:12]
