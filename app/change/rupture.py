"""RUP-1: a session's total that falls out of what the person's own sessions so far let one expect.

A prospective chart of one series (episode, instrument and rater). What it keeps has a fixed size: the two hundredth
session costs what the tenth does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

from app.change.signal import Level, Parameters, State

RULE = "RUP-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuptureSettings:
    """The numbers of one version of the rule; other numbers are another version.

    `carry` is what a score of the reference weighs against the one after it (1 - lambda), `prior` (nu0) the sessions
    that the known spread within persons counts for. `watch_z` and `alert_z` are spreads below the expected score,
    `beyond` is in standard errors of measurement, `slack` and `decision` belong to the cumulative sum. A rupture is
    repaired at `repaired_z` spreads below what was expected at its onset or higher, and unresolved at the
    `unresolved_after`-th scored session after it.
    """

    version: str = "1"
    carry: float = 0.7
    prior: float = 6.0
    history: int = 2
    watch_z: float = 1.64
    alert_z: float = 2.33
    beyond: float = 1.64
    slack: float = 0.5
    decision: float = 4.0
    repaired_z: float = 0.5
    unresolved_after: int = 5


RUP_1 = RuptureSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The scores of the baseline, by what the rule needs of them.

    `total`, `weights` and `squares` are the sums of weight times score, of the weights and of their squares, the newest
    score weighing 1; `mean` and `scatter` are the plain mean and the sum of squared differences from it (Welford).
    """

    count: int = 0
    total: float = 0.0
    weights: float = 0.0
    squares: float = 0.0
    mean: float = 0.0
    scatter: float = 0.0

    def extended(self, score: float, *, carry: float) -> Reference:
        """Add a later score; all others count for less by the factor `carry`."""
        count = self.count + 1
        mean = self.mean + (score - self.mean) / count
        return Reference(
            count=count,
            total=carry * self.total + score,
            weights=carry * self.weights + 1.0,
            squares=carry * carry * self.squares + 1.0,
            mean=mean,
            scatter=self.scatter + (score - self.mean) * (score - mean),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A session that fell out, and what had been expected at it."""

    session_number: int
    baseline: float
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RuptureState:
    """What is kept from one session to the next.

    `onset` is the rupture that is not closed yet, with the scores `since` (its own first, at most five); `dip` is the
    session of an open watch. There is never both.
    """

    reference: Reference = Reference()
    cusum: float = 0.0
    onset: Mark | None = None
    since: tuple[float, ...] = ()
    dip: Mark | None = None


START_OF_RUPTURE = RuptureState()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the sessions so far let one expect of the next one, and how it came about.

    `recent` is the weighted mean of the reference, `concentration` the sum of its squared weights (1: one score has all
    the weight), `reliability` the share that the person's own scores have in `baseline`; the rest is the mean between
    persons.
    """

    sessions_used: int
    recent: float
    concentration: float
    reliability: float
    baseline: float
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One session in the chart: every number that a picture and an explanation need.

    `score` is None when the total was not scored: then nothing was looked at, and nothing changes. While history is
    insufficient nothing is expected. `cusum` is the value that is held against the decision limit, before it is set
    back to 0; it passes the limit where the score is below `drift_below`. `raw` is what the session says by itself;
    `opened` and `closed` are what became of the signals, where a watch is closed before anything else opens.
    """

    session_number: int
    score: float | None
    insufficient_history: bool
    expected: Expected | None = None
    z: float | None = None
    cusum: float | None = None
    drift: bool = False
    watch_below: float | None = None
    alert_below: float | None = None
    drift_below: float | None = None
    raw: Level | None = None
    opened: Level | None = None
    closed: State | None = None
    onset_session: int | None = None
    latency: int | None = None


def expect(reference: Reference, parameters: Parameters, settings: RuptureSettings = RUP_1) -> Expected:
    """Say what the next score of a series is expected to be.

    Parameters
    ----------
    reference
        The scores of the baseline, at least one; item means [the instrument's own range].
    parameters
        Mean and SD between persons, SD within a person [> 0] and standard error of measurement [>= 0], item means.
    settings
        The version of the rule.

    Returns
    -------
    Expected
        `baseline` m* and `spread` s > 0, item means; `reliability` and `concentration` from 0 to 1.

    Raises
    ------
    ValueError
        Without a score in the reference, or with an SD within persons that is not above 0.

    Notes
    -----
    m* = rel m + (1 - rel) mu0 with rel = tau^2 / (tau^2 + s0^2 q); s = sqrt(max(v, SEM^2) (1 + q)) with
    v = (nu0 s0^2 + scatter) / (nu0 + n - 1). Sessions without a scored total are not in the reference.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> known = Parameters(version="1", calibrated=False, mu0=3.9, tau=0.6, s0=0.3, sem=0.2)
    >>> two = Reference().extended(4.0, carry=0.7).extended(4.1, carry=0.7)
    >>> told = expect(two, known)
    >>> round(told.baseline, 4), round(told.spread, 4)
    (4.0407, 0.3435)
    """
    if reference.count < 1 or not parameters.s0 > 0:
        raise ValueError("a score and an SD within persons above 0 are needed")
    recent = reference.total / reference.weights
    concentration = reference.squares / reference.weights**2
    between, within = parameters.tau**2, parameters.s0**2
    reliability = between / (between + within * concentration)
    variance = (settings.prior * within + reference.scatter) / (settings.prior + reference.count - 1)
    return Expected(
        sessions_used=reference.count,
        recent=recent,
        concentration=concentration,
        reliability=reliability,
        baseline=reliability * recent + (1 - reliability) * parameters.mu0,
        spread=sqrt(max(variance, parameters.sem**2) * (1 + concentration)),
    )


def step(
    state: RuptureState,
    score: float | None,
    *,
    session_number: int,
    parameters: Parameters,
    settings: RuptureSettings = RUP_1,
) -> tuple[RuptureState, Reading]:
    """Take the chart of one series to its next session.

    Parameters
    ----------
    state
        What is kept of the sessions before, START_OF_RUPTURE for the first one.
    score
        The total as item mean [the instrument's own range, higher = stronger alliance], None when not scored.
    session_number
        The session; later than those before it.
    parameters
        What the series is held against at this session. They may change from one session to the next; an open rupture
        keeps what was expected at its onset.
    settings
        The version of the rule.

    Returns
    -------
    tuple of RuptureState and Reading
        The state after the session, of fixed size, and the session's numbers.

    Raises
    ------
    ValueError
        With an SD within persons that is not above 0.

    Notes
    -----
    A session without a scored total changes nothing and is not counted for `unresolved`; latency is told in session
    numbers. At `unresolved` the scores since the onset, its own included, are the new baseline. The second condition
    of an alert (m* - x >= 1.64 SEM) always holds where z <= -2.33 does, since s >= SEM; it is kept as specified.

    References
    ----------
    Design choice of this project, not validated. The cumulative sum: Page 1954, doi:10.1093/biomet/41.1-2.100.

    Examples
    --------
    >>> known = Parameters(version="1", calibrated=False, mu0=3.9, tau=0.6, s0=0.3, sem=0.2)
    >>> state = START_OF_RUPTURE
    >>> for session, score in enumerate([4.0, 4.1, 4.0, 4.2, 4.1, 3.2], start=1):
    ...     state, reading = step(state, score, session_number=session, parameters=known)
    >>> round(reading.z, 4), reading.opened
    (-3.333, 'alert')
    """
    short = state.onset is None and state.reference.count < settings.history
    onset_session = state.onset.session_number if state.onset is not None else None
    if score is None:
        return state, Reading(
            session_number=session_number, score=None, insufficient_history=short, onset_session=onset_session
        )
    if short:
        reference = state.reference.extended(score, carry=settings.carry)
        reading = Reading(session_number=session_number, score=score, insufficient_history=True)
        return replace(state, reference=reference), reading
    reading = _read(state, score, session_number, parameters, settings)
    after = replace(state, cusum=0.0 if reading.drift else reading.cusum or 0.0)
    if state.onset is not None:
        return _within(after, state.onset, reading, score, settings)
    return _without(after, reading, score, settings)


def _read(
    state: RuptureState, score: float, session_number: int, parameters: Parameters, settings: RuptureSettings
) -> Reading:
    """Hold a score against what is expected, whatever is open."""
    expected = expect(state.reference, parameters, settings)
    baseline, spread = expected.baseline, expected.spread
    z = (score - baseline) / spread
    cusum = max(0.0, state.cusum - z - settings.slack)
    drift = cusum > settings.decision
    sudden = z <= -settings.alert_z and baseline - score >= settings.beyond * parameters.sem
    return Reading(
        session_number=session_number,
        score=score,
        insufficient_history=False,
        expected=expected,
        z=z,
        cusum=cusum,
        drift=drift,
        watch_below=baseline - settings.watch_z * spread,
        alert_below=baseline - settings.alert_z * spread,
        drift_below=baseline - (settings.decision + settings.slack - state.cusum) * spread,
        raw="alert" if sudden or drift else "watch" if z <= -settings.watch_z else None,
    )


def _within(
    state: RuptureState, onset: Mark, reading: Reading, score: float, settings: RuptureSettings
) -> tuple[RuptureState, Reading]:
    """Look at a session while a rupture is open: repaired, given up on, or still open."""
    told = replace(reading, onset_session=onset.session_number)
    latency = reading.session_number - onset.session_number
    since = (*state.since, score)
    if score >= onset.baseline - settings.repaired_z * onset.spread:
        reference = state.reference.extended(score, carry=settings.carry)
        return RuptureState(reference=reference), replace(told, closed="repaired", latency=latency)
    if len(since) > settings.unresolved_after:
        reference = Reference()
        for one in since:
            reference = reference.extended(one, carry=settings.carry)
        return RuptureState(reference=reference), replace(told, closed="unresolved", latency=latency)
    return replace(state, since=since), told


def _without(
    state: RuptureState, reading: Reading, score: float, settings: RuptureSettings
) -> tuple[RuptureState, Reading]:
    """Look at a session while no rupture is open; a watch of the session before it is closed in any case."""
    closed, latency = _closed_watch(state.dip, reading, score, settings)
    told = replace(reading, opened=reading.raw, closed=closed, latency=latency)
    mark = None
    if reading.expected is not None and reading.raw is not None:
        mark = Mark(
            session_number=reading.session_number,
            baseline=reading.expected.baseline,
            spread=reading.expected.spread,
        )
    if reading.raw == "alert" and mark is not None:
        after = replace(state, onset=mark, since=(score,), dip=None)
        return after, replace(told, onset_session=mark.session_number)
    return replace(state, reference=state.reference.extended(score, carry=settings.carry), dip=mark), told


def _closed_watch(
    dip: Mark | None, reading: Reading, score: float, settings: RuptureSettings
) -> tuple[State | None, int | None]:
    if dip is None:
        return None, None
    back = score >= dip.baseline - settings.repaired_z * dip.spread
    state: State = "repaired" if back and reading.raw != "alert" else "passed"
    return state, reading.session_number - dip.session_number
