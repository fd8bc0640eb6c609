"""DECLINE: the last sessions lie below the first ones, however slowly it went.

The baseline of RUP-1 follows a slow slide and sees it late or never. This one looks back to the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

from app.change.signal import Parameters, State

RULE = "DECLINE"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineSettings:
    """The numbers of one version of the rule; other numbers are another version.

    `window` scored sessions at either end are compared, which may not overlap. `limit` is in standard errors of the
    difference of two such means; a decline is repaired when the difference is below the share `repaired_share` of the
    threshold that it opened with.
    """

    version: str = "1"
    window: int = 3
    limit: float = 2.58
    repaired_share: float = 0.5


DECLINE = DeclineSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineState:
    """What is kept: how many were scored, the sum of the first three, the last three, and what is open.

    `open_threshold` is the difference that opened the decline, None while none is open.
    """

    count: int = 0
    first: float = 0.0
    last: tuple[float, ...] = ()
    open_threshold: float | None = None


START_OF_DECLINE = DeclineState()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineReading:
    """One session: means of both ends, their difference (positive: lower than at first), and what it was held against.

    All None before there are enough scored sessions, and where the total was not scored.
    """

    sessions_used: int
    first: float | None = None
    last: float | None = None
    difference: float | None = None
    standard_error: float | None = None
    threshold: float | None = None
    opened: bool = False
    closed: State | None = None


def step(
    state: DeclineState, score: float | None, *, parameters: Parameters, settings: DeclineSettings = DECLINE
) -> tuple[DeclineState, DeclineReading]:
    """Take the comparison of the ends of one series to its next session.

    Parameters
    ----------
    state
        What is kept of the sessions before, START_OF_DECLINE for the first one.
    score
        The total as item mean [the instrument's own range, higher = stronger alliance], None when not scored.
    parameters
        What the series is held against: the larger of SD within a person and standard error of measurement [> 0].
    settings
        The version of the rule.

    Returns
    -------
    tuple of DeclineState and DeclineReading
        The state after the session, of fixed size, and the session's numbers.

    Raises
    ------
    ValueError
        When neither spread nor error is above 0.

    Notes
    -----
    A decline opens when mean(first three) - mean(last three) >= 2.58 sqrt(2/3) max(s0, SEM), from the sixth scored
    session on. It opens once: it stays open, however long, until the difference is below half the threshold that it
    opened with (`repaired`), and only then can another one open. The gap between the two is what keeps a series near
    the threshold from opening one decline after the other. Sessions without a scored total change nothing.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> known = Parameters(version="1", calibrated=False, mu0=3.9, tau=0.6, s0=0.3, sem=0.2)
    >>> state = START_OF_DECLINE
    >>> for score in [4.6, 4.5, 4.4, 4.0, 3.8, 3.7]:
    ...     state, reading = step(state, score, parameters=known)
    >>> round(reading.difference, 4), round(reading.threshold, 4), reading.opened
    (0.6667, 0.632, True)
    """
    spread = max(parameters.s0, parameters.sem)
    if not spread > 0:
        raise ValueError("a spread or an error above 0 is needed")
    if score is None:
        return state, DeclineReading(sessions_used=state.count)
    window = settings.window
    count = state.count + 1
    first = state.first + score if count <= window else state.first
    last = (*state.last, score)[-window:]
    after = replace(state, count=count, first=first, last=last)
    if count < 2 * window:
        return after, DeclineReading(sessions_used=count)
    error = sqrt(2 / window) * spread
    begin, mean = first / window, sum(last) / window
    reading = DeclineReading(
        sessions_used=count,
        first=begin,
        last=mean,
        difference=begin - mean,
        standard_error=error,
        threshold=settings.limit * error,
    )
    return _judged(after, reading, begin - mean, settings.limit * error, settings)


def _judged(
    state: DeclineState, reading: DeclineReading, difference: float, threshold: float, settings: DeclineSettings
) -> tuple[DeclineState, DeclineReading]:
    if state.open_threshold is None:
        if difference < threshold:
            return state, reading
        return replace(state, open_threshold=threshold), replace(reading, opened=True)
    if difference < settings.repaired_share * state.open_threshold:
        return replace(state, open_threshold=None), replace(reading, closed="repaired")
    return state, reading
