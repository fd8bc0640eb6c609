"""The rules for signals over many series: the service's own, step by step, and those of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.change import decline, low, rupture
from app.change.decline import DECLINE, START_OF_DECLINE, DeclineSettings
from app.change.literature import adjacent_drop, adjacent_reliable_change, pcoms, shewhart
from app.change.low import LOW, START_OF_LOW, LowSettings
from app.change.rupture import START_OF_RUPTURE
from app.change.signal import Parameters
from app.validation.chance import Flags, Floats
from app.validation.series import HIGHEST, LOWEST, STEPS

Told = Callable[[], None]

#: What is assumed unless the run is told otherwise: of a scale from 1 to 5, the values for an uncalibrated instrument.
ASSUMED = Parameters(version="simulated", calibrated=True, mu0=3.9, tau=0.6, s0=0.30, sem=0.20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charts:
    """What RUP-1 did in many series [clients x sessions].

    `prompts` are new signals, watch or alert; `alerts` the alerts among them. `strength` is how far a session fell out:
    -z, infinite where the drift alone prompts, and minus infinite where nothing can be opened.
    """

    prompts: Flags
    alerts: Flags
    strength: Floats


def rupture_charts(scores: Floats, parameters: Parameters, *, told: Told = lambda: None) -> Charts:
    """Run RUP-1 over many series.

    Parameters
    ----------
    scores
        [clients x sessions] totals as item means, NaN where not scored.
    parameters
        What the series are held against.
    told
        Called after each series.

    Returns
    -------
    Charts
        What became of each session.

    References
    ----------
    Design choice of this project, not validated: RUP-1 (`app.change.rupture`).

    Examples
    --------
    >>> rupture_charts(np.array([[4.0, 4.1, 4.0, 4.2, 4.1, 3.2, 4.0, 4.2]]), ASSUMED).alerts.nonzero()[1].tolist()
    [5]
    """
    prompts, alerts = np.zeros(scores.shape, dtype=np.bool_), np.zeros(scores.shape, dtype=np.bool_)
    strength = np.full(scores.shape, -np.inf)
    for client, series in enumerate(scores.tolist()):
        state = START_OF_RUPTURE
        for t, score in enumerate(series):
            free = state.onset is None
            state, reading = rupture.step(state, _scored(score), session_number=t + 1, parameters=parameters)
            prompts[client, t] = reading.opened is not None
            alerts[client, t] = reading.opened == "alert"
            if free and reading.z is not None:
                strength[client, t] = np.inf if reading.drift else -reading.z
        told()
    return Charts(prompts=prompts, alerts=alerts, strength=strength)


def decline_prompts(scores: Floats, parameters: Parameters, *, settings: DeclineSettings = DECLINE) -> Flags:
    """Run DECLINE over many series.

    Parameters
    ----------
    scores
        [clients x sessions] totals as item means, NaN where not scored.
    parameters
        What the series are held against.
    settings
        The version of the rule, or another one to compare.

    Returns
    -------
    numpy array of bool
        [clients x sessions], where a decline was opened.

    References
    ----------
    Design choice of this project, not validated: DECLINE (`app.change.decline`).

    Examples
    --------
    >>> decline_prompts(np.array([[4.6, 4.5, 4.4, 4.0, 3.8, 3.7]]), ASSUMED).nonzero()[1].tolist()
    [5]
    """
    found = np.zeros(scores.shape, dtype=np.bool_)
    for client, series in enumerate(scores.tolist()):
        state = START_OF_DECLINE
        for t, score in enumerate(series):
            state, reading = decline.step(state, _scored(score), parameters=parameters, settings=settings)
            found[client, t] = reading.opened
    return found


def low_prompts(scores: Floats, *, settings: LowSettings = LOW) -> Flags:
    """Run LOW over many series.

    Parameters
    ----------
    scores
        [clients x sessions] totals as item means from 1 to 5, NaN where not scored.
    settings
        The version of the rule, or another one to compare.

    Returns
    -------
    numpy array of bool
        [clients x sessions], where a signal was opened.

    References
    ----------
    Design choice of this project, not validated: LOW (`app.change.low`).

    Examples
    --------
    >>> low_prompts(np.array([[3.0, 2.5, 2.4, 3.4]])).nonzero()[1].tolist()
    [1]
    """
    found = np.zeros(scores.shape, dtype=np.bool_)
    pomp = 100 * (scores - LOWEST) / (HIGHEST - LOWEST)
    for client, series in enumerate(pomp.tolist()):
        state = START_OF_LOW
        for t, score in enumerate(series):
            state, reading = low.step(state, _scored(score), settings=settings)
            found[client, t] = reading.opened
    return found


def _scored(score: float) -> float | None:
    return None if score != score else score  # noqa: PLR0124 - NaN is the one number that is not itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A rule of others: its name, and where it would have prompted."""

    name: str
    prompts: Callable[[Floats, Parameters], Flags]


RIVALS: tuple[Rival, ...] = (
    Rival(name="adjacent reliable change", prompts=lambda x, p: adjacent_reliable_change(x, sem=p.sem)),
    Rival(name="adjacent drop, 1 SD between", prompts=lambda x, p: adjacent_drop(x, sd=p.tau)),
    Rival(name="adjacent drop, 2 SD within", prompts=lambda x, p: adjacent_drop(x, sd=p.s0, times=2.0)),
    Rival(name="Shewhart, 3 sigma", prompts=lambda x, _: shewhart(x)),
    Rival(name="PCOMS (36 of 40, or a point)", prompts=lambda x, _: pcoms(10 * (x - LOWEST))),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A rule of others at every strictness, the loosest first, to compare at the same false-alarm rate."""

    name: str
    levels: tuple[float, ...]
    prompts: Callable[[Floats, float], Flags]


#: Reliable change and both drops are one rule with different limits: a drop of so many steps since the session before.
FAMILIES: tuple[Family, ...] = (
    Family(
        name="adjacent reliable change",
        levels=tuple(float(step) for step in range(1, 25)),
        prompts=lambda x, steps: adjacent_drop(x, sd=1 / STEPS, times=steps),
    ),
    Family(
        name="Shewhart",
        levels=tuple(k / 10 for k in range(5, 61)),
        prompts=lambda x, limit: shewhart(x, limit=limit),
    ),
)
