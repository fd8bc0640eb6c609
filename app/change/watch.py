"""Everything that may call for a look at the relationship: the rules over one series, in one order.

A series is the forms of one episode, instrument and rater by session. `look` takes it one form further over a state of
fixed size, so that the two hundredth form costs what the tenth does, and a series that is folded anew ends in the same
state with the same signals and ids.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from inspect import getdoc
from typing import ClassVar, Literal

from app.change import decline, low, rupture
from app.change.decline import DECLINE, START_OF_DECLINE, DeclineSettings, DeclineState
from app.change.low import LOW, START_OF_LOW, LowSettings, LowState
from app.change.reported import NO_CUT_OFF, NO_REPORT, CutOffState, ReportState, cut_off_step, report_step
from app.change.rupture import RUP_1, START_OF_RUPTURE, Reading, RuptureSettings, RuptureState
from app.change.signal import Evidence, Kind, Level, Look, Signal, State
from app.change.signal_id import signal_id
from app.scoring.score import AnyScore, Score

Status = Literal["design, not validated", "published"]
Note = Literal["ceiling"]

#: False prompts per session of RUP-1 in simulated courses whose parameters were right: of an alert, and of a watch or
#: an alert (first row of the table on the project's science page).
FALSE_ALARMS: dict[Level, float] = {"alert": 0.016, "watch": 0.052}

TOTAL, REPORT = "total", "report"

_DESIGN = "Design choice of this project, not validated"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesWatch:
    """What is kept of a series between two forms: what each rule keeps, and the signals that are open.

    `onset_session` is the session at which the latest rupture began, by RUP-1's alert or by a report, whatever became
    of it since and whatever level was reported: what a model of the stages asks.
    """

    report: ReportState = NO_REPORT
    rupture: RuptureState = START_OF_RUPTURE
    low: LowState = START_OF_LOW
    decline: DeclineState = START_OF_DECLINE
    cut_off: CutOffState = NO_CUT_OFF
    wish: ReportState = NO_REPORT
    open: tuple[Signal, ...] = ()
    onset_session: int | None = None


START = SeriesWatch()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a rule opens a signal with; the fields are those of `Signal`."""

    detected: Level
    value: float | None = None
    z: float | None = None
    threshold: float | None = None
    baseline: float | None = None
    spread: float | None = None
    drift: bool = False
    sessions_used: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a rule found at one form: how its open signal is closed, then what it opens."""

    closed: State | None = None
    opens: Opening | None = None


class Rule(ABC):
    """A way from a form, and what is kept of those before it, to signals; the docstring of each rule says why.

    A rule has one open signal at most.
    """

    id: ClassVar[str]
    kind: ClassVar[Kind]
    evidence: ClassVar[Evidence]
    source: ClassVar[str]
    version: str = "1"
    component: ClassVar[str] = TOTAL
    status: ClassVar[Status] = "design, not validated"

    @property
    def why(self) -> str:
        """The reason for the rule, in plain words."""
        return getdoc(self) or ""

    @abstractmethod
    def step(self, state: SeriesWatch, form: Look) -> tuple[SeriesWatch, Found]:
        """Take what this rule keeps one form further, and say what it found."""

    def false_alarms(self, detected: Level) -> float | None:
        """Give the simulated false prompts a session of this rule, None where nobody has simulated them."""
        del detected
        return None


class ReportedRupture(Rule):
    """Somebody says that the relationship is strained: no statistics can know better, so it is looked at first.

    The report is a fact and not the finding of a detector: it is an alert whether the instrument is calibrated or not.
    """

    id = "reported.rupture"
    kind = "reported_rupture"
    evidence = "reported"
    component = REPORT
    source = f"{_DESIGN}. It rests on what was said, on nothing else."

    def step(self, state: SeriesWatch, form: Look) -> tuple[SeriesWatch, Found]:
        """Open at a report, unless one is open; close at the fifth later form."""
        kept, told = report_step(state.report, reported=form.reported_rupture)
        onset = form.session_number if told.opened else state.onset_session
        opens = Opening(detected="alert") if told.opened else None
        return replace(state, report=kept, onset_session=onset), Found(closed=told.closed, opens=opens)


class Rupture(Rule):
    """A total far below what the person's own sessions let one expect may be a rupture that nobody has spoken of.

    People differ in how they answer, so a person is compared with themselves; the mean of others counts only while
    there are few sessions.
    """

    id = rupture.RULE
    kind = "rupture"
    evidence = "design"
    source = f"{_DESIGN}; RUP-1, section 5 of the project's science page."

    def __init__(self, settings: RuptureSettings = RUP_1) -> None:
        self.settings = settings
        self.version = settings.version

    def step(self, state: SeriesWatch, form: Look) -> tuple[SeriesWatch, Found]:
        """Take the chart of the series one session further."""
        kept, told = rupture.step(
            state.rupture,
            form.mean,
            session_number=form.session_number,
            parameters=form.parameters,
            settings=self.settings,
        )
        onset = form.session_number if told.opened == "alert" else state.onset_session
        found = Found(closed=told.closed, opens=_fallen_out(told, told.opened) if told.opened else None)
        return replace(state, rupture=kept, onset_session=onset), found

    def false_alarms(self, detected: Level) -> float | None:
        """Give those of the science page, which hold for version 1."""
        return FALSE_ALARMS[detected] if self.settings == RUP_1 else None


class Low(Rule):
    """A relationship that was never good has no good sessions to fall out of, and weak alliance goes with early ending.

    A prompt to ask how it is going, not a cut-off.
    """

    id = low.RULE
    kind = "low"
    evidence = "design"
    source = f"{_DESIGN}; a prompt, not a cut-off."

    def __init__(self, settings: LowSettings = LOW) -> None:
        self.settings = settings
        self.version = settings.version

    def step(self, state: SeriesWatch, form: Look) -> tuple[SeriesWatch, Found]:
        """Hold the total in percent of the maximum possible against the two levels."""
        kept, told = low.step(state.low, form.pomp, settings=self.settings)
        opens = None
        if told.opened:
            opens = Opening(
                detected="watch", value=told.pomp, threshold=told.threshold, sessions_used=told.sessions_used
            )
        return replace(state, low=kept), Found(closed=told.closed, opens=opens)


class Decline(Rule):
    """A slow slide takes the expectation with it, so the last sessions are compared with the first ones too."""

    id = decline.RULE
    kind = "decline"
    evidence = "design"
    source = f"{_DESIGN}; section 5 of the project's science page."

    def __init__(self, settings: DeclineSettings = DECLINE) -> None:
        self.settings = settings
        self.version = settings.version

    def step(self, state: SeriesWatch, form: Look) -> tuple[SeriesWatch, Found]:
        """Compare the last three scored sessions with the first three."""
        kept, told = decline.step(state.decline, form.mean, parameters=form.parameters, settings=self.settings)
        opens = None
        if told.opened and told.first is not None and told.difference is not None and told.standard_error:
            opens = Opening(
                detected="watch",
                value=told.last,
                z=-told.difference / told.standard_error,
                threshold=told.first - (told.threshold or 0.0),
                baseline=told.first,
                spread=told.standard_error,
                sessions_used=told.sessions_used,
            )
        return replace(state, decline=kept), Found(closed=told.closed, opens=opens)


class PublishedCutOff(Rule):
    """The authors of an instrument may say from which total on they would ask; it holds for that instrument alone."""

    id = "cut_off.published"
    kind = "cut_off"
    evidence = "published"
    source = "The instrument's authors, as named in its definition; applying it here makes no claim of ours."
    status = "published"

    def step(self, state: SeriesWatch, form: Look) -> tuple[SeriesWatch, Found]:
        """Hold the total, in the instrument's own convention, against its cut-offs."""
        kept, told = cut_off_step(state.cut_off, form.value, form.cut_offs)
        opens = None
        if told.opened and told.met is not None:
            opens = Opening(detected="watch", value=form.value, threshold=told.met.value, sessions_used=1)
        return replace(state, cut_off=kept), Found(closed=told.closed, opens=opens)


class WishToTalk(Rule):
    """Somebody wishes to talk about the relationship: a reason to, and no sign that anything is wrong."""

    id = "reported.wish_to_talk"
    kind = "wish_to_talk"
    evidence = "reported"
    component = REPORT
    source = f"{_DESIGN}. It rests on what was said, on nothing else."

    def step(self, state: SeriesWatch, form: Look) -> tuple[SeriesWatch, Found]:
        """Open at a wish, unless one is open; close at the fifth later form."""
        kept, told = report_step(state.wish, reported=form.wish_to_talk)
        opens = Opening(detected="watch") if told.opened else None
        return replace(state, wish=kept), Found(closed=told.closed, opens=opens)


#: Every rule, the most urgent first. The order is that in which signals are told; no rule depends on another one.
RULES: tuple[Rule, ...] = (ReportedRupture(), Rupture(), Low(), Decline(), PublishedCutOff(), WishToTalk())


def look(state: SeriesWatch, form: Look, *, rules: Sequence[Rule] = RULES) -> tuple[SeriesWatch, tuple[Signal, ...]]:
    """Take the watch over one series to its next form.

    Parameters
    ----------
    state
        What is kept of the forms before, START for the first one.
    form
        The next form of the same series: of a later session, its totals on the scale of the forms before.
    rules
        All of them; a simulation varies their settings.

    Returns
    -------
    tuple of SeriesWatch and tuple of Signal
        The state after the form, and what is told at it: signals that are closed by it, still open or opened by it, in
        the order of the rules, a closed one before a new one of the same rule. The level that is reported is capped at
        `watch` while the parameters are not calibrated, except for reports.

    Raises
    ------
    ValueError
        When the parameters have no SD within persons above 0.

    Notes
    -----
    Folding the forms of a series from START gives the same states and signals, ids included, as taking them one by one
    as they come. A total that is not scored changes nothing but the age of reports.

    References
    ----------
    Design choice of this project, not validated; each rule names its own source.

    Examples
    --------
    >>> from uuid import UUID
    >>> from app.change.signal import Parameters
    >>> known = Parameters(version="1", calibrated=False, mu0=3.9, tau=0.6, s0=0.3, sem=0.2)
    >>> state = START
    >>> for session, mean in enumerate([4.0, 4.1, 4.0, 4.2, 4.1, 3.2], start=1):
    ...     form = Look(submission_id=UUID(int=session), session_number=session, mean=mean, pomp=25 * (mean - 1),
    ...                 value=mean, reported_rupture=False, wish_to_talk=False, cut_offs=(), parameters=known)
    ...     state, told = look(state, form)
    >>> [(one.rule, one.detected, one.level, one.state) for one in told], state.onset_session
    ([('RUP-1', 'alert', 'watch', 'open')], 6)
    """
    before = {signal.rule: signal for signal in state.open}
    told: list[Signal] = []
    for rule in rules:
        state, found = rule.step(state, form)
        current = before.get(rule.id)
        if current is not None and found.closed is not None:
            told.append(replace(current, state=found.closed, closed_session=form.session_number))
            current = None
        if found.opens is not None:
            current = _signal(rule, form, found.opens)
        if current is not None:
            told.append(current)
    return replace(state, open=tuple(signal for signal in told if signal.is_open)), tuple(told)


def ceiling(total: AnyScore) -> Note | None:
    """Say whether a total is the highest there is, which is a reason to be curious and no praise.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> from app.scoring.score import score
    >>> trq = shipped().latest("trq-s")
    >>> ceiling(score(trq, {item.id: 5 for item in trq.items if item.role == "scored"})[-1])
    'ceiling'

    Notes
    -----
    Only a total of complete forms: a prorated maximum says less. Many people give the highest answer throughout,
    whatever they think (54 % in one large sample).
    """
    full = isinstance(total, Score) and not total.prorated and total.pomp == 100.0
    return "ceiling" if full else None


def _fallen_out(told: Reading, detected: Level) -> Opening | None:
    """Describe a session that RUP-1 opens at; the threshold is the bound that was passed, whichever it was."""
    if told.expected is None:
        return None
    by_itself = told.alert_below if detected == "alert" else told.watch_below
    only_drift = told.drift and told.score is not None and by_itself is not None and told.score > by_itself
    return Opening(
        detected=detected,
        value=told.score,
        z=told.z,
        threshold=told.drift_below if only_drift else by_itself,
        baseline=told.expected.baseline,
        spread=told.expected.spread,
        drift=told.drift,
        sessions_used=told.expected.sessions_used,
    )


def _signal(rule: Rule, form: Look, opens: Opening) -> Signal:
    reported = rule.evidence == "reported"
    calibrated = form.parameters.calibrated
    return Signal(
        signal_id=signal_id(form.submission_id, rule=rule.id, component=rule.component),
        submission_id=form.submission_id,
        rule=rule.id,
        version=rule.version,
        kind=rule.kind,
        level=opens.detected if calibrated or reported else "watch",
        detected=opens.detected,
        component=rule.component,
        opened_session=form.session_number,
        state="open",
        closed_session=None,
        value=opens.value,
        z=opens.z,
        threshold=opens.threshold,
        baseline=opens.baseline,
        spread=opens.spread,
        drift=opens.drift,
        sessions_used=opens.sessions_used,
        parameters=form.parameters,
        expected_false_alarms=rule.false_alarms(opens.detected) if calibrated else None,
        evidence=rule.evidence,
    )
