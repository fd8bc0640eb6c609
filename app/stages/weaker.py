"""Rule 11: which components of a form are weaker than the others by more than error. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import atan, cos, isfinite, pi, sin, sqrt
from statistics import NormalDist
from typing import Literal

from app.instruments.model import Answer, Component, Instrument, ItemId
from app.scoring.score import AnyScore, Score, keyed

#: Without a standard error of measurement: 15 % of the range, from 3 items upwards, and beyond the form's own noise.
WEAKER_BY_POMP = 15.0
WEAKER_FROM_ITEMS = 3

#: With fewer degrees of freedom a form tells too little about its own noise (two components of three items have 4).
LEAST_FREEDOM = 4

#: Chance that equal components have any named, shared among the components compared: two of them need 1.96.
LEVEL_BY_SEM = 0.05

#: Half of that, because answers near the top of a scale are skewed and name up to twice as often as the level says.
LEVEL_BY_SPREAD = 0.025

#: POMPs are quotients: a difference of exactly 15 may come out a hair above it, and must not count as more.
ROUNDING = 1e-9

Yardstick = Literal["sem", "spread"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weaker:
    """A component that lies `below` the mean of the others, by more than the `threshold` [both POMP]."""

    component: Component
    below: float
    threshold: float
    yardstick: Yardstick


def weaker(
    instrument: Instrument,
    *,
    scores: Sequence[AnyScore],
    answers: Mapping[ItemId, Answer],
    sems: Mapping[str, float] | None = None,
) -> tuple[Weaker, ...]:
    """Find the components that are weaker than the mean of the others by more than error.

    Parameters
    ----------
    instrument
        The definition of the form; it tells components from rollups and the total.
    scores
        The scores of one form. Components that were not scored are not looked at.
    answers
        The checked answers that the scores were counted from.
    sems
        Component -> standard error of measurement of the whole component [POMP, > 0], from a norm or a definition. It
        is used when every scored component has one, otherwise the form's own noise is.

    Returns
    -------
    tuple of Weaker
        The weakest first; of two alike, in the definition's order. Empty when nothing differs beyond error.

    Raises
    ------
    ValueError
        For a standard error that is not a positive number.

    Notes
    -----
    With m scored components, d = mean of the other components' POMP - own POMP.

    *With standard errors*: named when d > z sqrt(SEM1^2 + SEM2^2). SEM2 is that of the mean of the others,
    sqrt(sum SEM_i^2)/(m - 1). z is the normal quantile of 1 - .05/m: 1.96 for two components, 2.13 for three, 2.50 for
    eight, so that more comparisons don't name more by chance. Where answers are missing, a SEM grows by
    sqrt(items/answered), as for parallel items.

    *Without*: named when at least three items of the component were answered and d is above both 15 and
    t s sqrt(1/k + sum (1/k_i)/(m - 1)^2). s^2 is the pooled variance of the answered items within the components, on
    df = answered - components degrees of freedom (at least 4, else nothing is named); k counts answered items; t is
    Student's quantile of 1 - .025/m. A difference of 15 alone, the first version of this rule, took item noise for a
    difference in 34 % of simulated wai-sr forms whose components were equal (noise .8) and in 65 % of trq forms.

    Simulated, 20,000 forms each: all components equal but for noise (standard deviation in steps of the scale), the
    person's level normal with mean 72.5 and SD 15 POMP, answers rounded and clipped; in the last column the level is at
    95 POMP, near the top. Percent of forms in which something is named; in brackets the first version:

    =====  ==========  ===========  ========  ==========
    noise  wai-sr 3x4  wai-36 3x12  trq 8x3   trq at top
    =====  ==========  ===========  ========  ==========
    .5     2.0 (15)    0.0 (0)      2.7 (30)  6.7 (19)
    .8     2.7 (34)    0.3 (0)      3.5 (65)  6.3 (48)
    1.0    2.9 (45)    1.2 (2)      3.9 (78)  6.6 (62)
    =====  ==========  ===========  ========  ==========

    Percent of forms in which the one component that really is lower is named; in brackets those in which another one
    is, instead or as well:

    ============  =====  ========  =========  ========
    really lower  noise  wai-sr    wai-36     trq
    ============  =====  ========  =========  ========
    20 POMP       .5     31 (0.1)  91 (0.0)   24 (0.9)
    20 POMP       .8     15 (0.2)  81 (0.0)   10 (1.6)
    20 POMP       1.0    10 (0.4)  71 (0.0)   7 (2.0)
    30 POMP       .5     68 (0.0)  100 (0.0)  61 (0.5)
    30 POMP       .8     35 (0.1)  99 (0.0)   27 (1.2)
    30 POMP       1.0    23 (0.1)  98 (0.0)   17 (1.5)
    ============  =====  ========  =========  ========

    So what is named is seldom chance, and on short forms most of what is there is not named. Where items of one
    component are answered lower by everybody, that is no noise and can't be told from a weaker component without a
    norm. Near the top and with little noise (.3) a trq form still names something in 9 %.

    References
    ----------
    Design choice of this project, not validated: rule 11 of the science page, with the multiplicity correction of Dunn
    1961, doi:10.1080/01621459.1961.10482090 (by recall).

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> from app.scoring.score import score
    >>> wai = shipped().latest("wai-sr")
    >>> given = dict(zip(map(ItemId, "1 2 10 12 3 5 7 9 4 6 8 11".split()), [4, 5, 4, 4, 2, 2, 3, 2, 4, 4, 5, 4]))
    >>> [bond] = weaker(wai, scores=score(wai, given), answers=given)
    >>> bond.component.key, bond.below, round(bond.threshold, 4)
    ('bond', 50.0, 22.4536)
    """
    scored = [(c, s) for s in scores if isinstance(s, Score) and (c := _component(instrument, s)) is not None]
    if len(scored) < 2:
        return ()
    bars = _by_sem(scored, sems) if sems and _complete(sems, scored) else _by_spread(instrument, scored, answers)
    pomps = [score.pomp for _, score in scored]
    found = [
        Weaker(component=component, below=below, threshold=threshold, yardstick=yardstick)
        for (component, score), (threshold, yardstick) in zip(scored, bars, strict=True)
        if (below := (sum(pomps) - score.pomp) / (len(pomps) - 1) - score.pomp) > threshold + ROUNDING
    ]
    return tuple(sorted(found, key=lambda one: -one.below))


def student_quantile(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t.

    Parameters
    ----------
    probability
        [.5, 1).
    freedom
        Degrees of freedom [1-].

    Returns
    -------
    float
        The t that is not exceeded with this probability, to about ten digits.

    Notes
    -----
    The distribution function is a finite sum for whole degrees of freedom; it is inverted by bisection.

    References
    ----------
    Abramowitz and Stegun 1964, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.

    Examples
    --------
    >>> round(student_quantile(0.975, 9), 4), round(student_quantile(0.95, 1), 4)
    (2.2622, 6.3138)
    """
    low, high = 0.0, 1.0
    while _between(high, freedom) < 2 * probability - 1:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _between(middle, freedom) < 2 * probability - 1 else (low, middle)
    return high


def _between(t: float, freedom: int) -> float:
    """Give the probability that Student's t lies between -t and t."""
    angle = atan(t / sqrt(freedom))
    odd = freedom % 2
    term = total = 0.0 if freedom == 1 else cos(angle) if odd else 1.0
    for k in range(2 + odd, freedom, 2):
        term *= cos(angle) ** 2 * (k - 1) / k
        total += term
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total


def _component(instrument: Instrument, score: Score) -> Component | None:
    component = instrument.component(score.component)
    return component if component is not None and component.kind == "component" else None


def _complete(sems: Mapping[str, float], scored: Sequence[tuple[Component, Score]]) -> bool:
    if not all(isfinite(sem) and sem > 0 for sem in sems.values()):
        raise ValueError("a standard error of measurement is a positive number")
    return all(component.key in sems for component, _ in scored)


def _by_sem(scored: Sequence[tuple[Component, Score]], sems: Mapping[str, float]) -> list[tuple[float, Yardstick]]:
    """Give each component's threshold from standard errors of measurement."""
    z = NormalDist().inv_cdf(1 - LEVEL_BY_SEM / len(scored))
    squared = [sems[component.key] ** 2 * score.items / score.answered for component, score in scored]
    return [(z * error, "sem") for error in _errors(squared)]


def _by_spread(
    instrument: Instrument, scored: Sequence[tuple[Component, Score]], answers: Mapping[ItemId, Answer]
) -> list[tuple[float, Yardstick]]:
    """Give each component's threshold from the noise of the form; infinite where nothing may be named."""
    given = [_pomps(instrument, component, answers) for component, _ in scored]
    freedom = sum(len(pomps) - 1 for pomps in given)
    if freedom < LEAST_FREEDOM:
        return [(float("inf"), "spread")] * len(scored)
    noise = sum(_squares(pomps) for pomps in given) / freedom
    t = _student(len(scored), freedom)
    errors = _errors([noise / len(pomps) for pomps in given])
    return [
        (max(WEAKER_BY_POMP, t * error) if len(pomps) >= WEAKER_FROM_ITEMS else float("inf"), "spread")
        for pomps, error in zip(given, errors, strict=True)
    ]


def _squares(numbers: Sequence[float]) -> float:
    """Sum the squared distances from the mean."""
    mean = sum(numbers) / len(numbers) if numbers else 0.0
    return sum((number - mean) ** 2 for number in numbers)


def _errors(squared: Sequence[float]) -> list[float]:
    """Give the standard error of the difference between each component and the mean of the others."""
    return [sqrt(own + (sum(squared) - own) / (len(squared) - 1) ** 2) for own in squared]


def _pomps(instrument: Instrument, component: Component, answers: Mapping[ItemId, Answer]) -> list[float]:
    span = instrument.maximum - instrument.minimum
    return [
        100 * (keyed(instrument, item, answer) - instrument.minimum) / span
        for item in component.items
        if isinstance(answer := answers.get(item), int)
    ]


@lru_cache(maxsize=1024)
def _student(comparisons: int, freedom: int) -> float:
    return student_quantile(1 - LEVEL_BY_SPREAD / comparisons, freedom)
