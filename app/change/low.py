"""LOW: a relationship that was never good, which no comparison with a person's own sessions can see.

A prompt to ask, not a cut-off: the values are nobody's norm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from app.change.signal import State

RULE = "LOW"

Form = Literal["low", "staying_low"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LowSettings:
    """The numbers of one version of the rule, in percent of the maximum possible; other numbers are another version.

    A total at or below `low` opens at once. Otherwise the last `sessions` scored ones must lie, on average and at the
    end, at or below `staying`, without their second half being `rise` or more above their first half. Either closes
    when a total is above `staying`.
    """

    version: str = "1"
    low: float = 40.0
    staying: float = 55.0
    sessions: int = 4
    rise: float = 10.0


LOW = LowSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class LowState:
    """What is kept: the last scored sessions [POMP] since the latest signal was closed, and whether one is open."""

    last: tuple[float, ...] = ()
    is_open: bool = False


START_OF_LOW = LowState()


@dataclass(frozen=True, slots=True, kw_only=True)
class LowReading:
    """One session: its total [POMP], which form of the rule it meets, and what became of the signal.

    `mean` and `rise` are those of the last four scored sessions, None before there are as many.
    """

    pomp: float | None
    sessions_used: int
    mean: float | None = None
    rise: float | None = None
    form: Form | None = None
    threshold: float | None = None
    opened: bool = False
    closed: State | None = None


def step(state: LowState, pomp: float | None, *, settings: LowSettings = LOW) -> tuple[LowState, LowReading]:
    """Take the level of one series to its next session.

    Parameters
    ----------
    state
        What is kept of the sessions before, START_OF_LOW for the first one.
    pomp
        The total [0-100, percent of maximum possible, higher = stronger alliance], None when not scored.
    settings
        The version of the rule.

    Returns
    -------
    tuple of LowState and LowReading
        The state after the session, of fixed size, and the session's numbers.

    Notes
    -----
    First form, from the first session on: POMP <= 40. Second form, from the fourth scored session on: the last four
    have a mean <= 55, the last of them is <= 55, and there is no upward change among them, that is mean(last two) -
    mean(first two) < 10. One signal stays open, whichever form opened it, until a total is above 55 (`repaired`). After
    that the second form needs four scored sessions anew, so that a series around 55 does not open one after the other;
    the first form opens again at once, 15 points below. Sessions without a scored total change nothing.

    References
    ----------
    Design choice of this project, not validated; a prompt, not a cut-off.

    Examples
    --------
    >>> state, reading = step(START_OF_LOW, 25.0)
    >>> reading.form, reading.opened
    ('low', True)
    """
    if pomp is None:
        return state, LowReading(pomp=None, sessions_used=0)
    last = (*state.last, pomp)[-settings.sessions :]
    reading = _read(pomp, last, settings)
    if state.is_open and pomp > settings.staying:
        return LowState(), replace(reading, closed="repaired")
    opened = not state.is_open and reading.form is not None
    return LowState(last=last, is_open=state.is_open or opened), replace(reading, opened=opened)


def _read(pomp: float, last: tuple[float, ...], settings: LowSettings) -> LowReading:
    mean = rise = None
    form: Form | None = None
    if len(last) == settings.sessions:
        half = settings.sessions // 2
        mean = sum(last) / len(last)
        rise = sum(last[-half:]) / half - sum(last[:half]) / half
        if mean <= settings.staying and pomp <= settings.staying and rise < settings.rise:
            form = "staying_low"
    if pomp <= settings.low:
        form = "low"
    threshold = None if form is None else settings.low if form == "low" else settings.staying
    used = 1 if form == "low" else len(last)
    return LowReading(pomp=pomp, sessions_used=used, mean=mean, rise=rise, form=form, threshold=threshold)
