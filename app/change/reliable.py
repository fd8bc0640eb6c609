"""What a score and a change are worth against measurement error, and where a score stands in a norm. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose, isfinite, sqrt
from statistics import NormalDist
from typing import Literal

from app.change.norms import ComponentNorm, Norm, Reliability, sem
from app.scoring.score import AnyScore, Score

__all__ = [
    "NoStanding",
    "ReliableChange",
    "Standing",
    "difference_sd",
    "interval",
    "percentile",
    "reliable_change",
    "sem",
    "standing",
    "t_score",
]

#: Two-sided 5 %: the criterion of Jacobson and Truax, and the width of the interval.
Z = 1.96

#: Scores are quotients: a change of exactly the limit may come out a hair below it, and still counts.
ROUNDING = 1e-9

PercentileMethod = Literal["mid_rank", "normal_approximation"]
WhyNoStanding = Literal["not_scored", "no_norm", "norm_lacks_component"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliableChange:
    """A change in units of its own error, and whether it is more than error.

    `rc` is signed like the change; `limit` is the smallest change that is reliable, in the unit of the scores.
    """

    rc: float
    reliable: bool
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a score stands, with the norm that says so; `low` and `high` are in the unit of the score."""

    component: str
    low: float
    high: float
    t_score: float
    percentile: float
    percentile_method: PercentileMethod
    reliability_kind: Reliability
    norm_version: str
    norm_source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoStanding:
    """That nobody can say where a score stands, and why."""

    component: str
    reason: WhyNoStanding


def difference_sd(sem: float) -> float:
    """Return the standard error of a difference of two scores with the same error.

    Parameters
    ----------
    sem
        Standard error of measurement of each [>= 0, in any unit].

    Returns
    -------
    float
        S_diff = sqrt(2) SEM, in the same unit.

    Raises
    ------
    ValueError
        For an error that is negative or not finite.

    Notes
    -----
    The errors of the two scores are taken to be independent.

    References
    ----------
    Jacobson and Truax 1991, doi:10.1037/0022-006X.59.1.12.

    Examples
    --------
    >>> round(difference_sd(3.3541), 4)
    4.7434
    """
    if not (isfinite(sem) and sem >= 0):
        raise ValueError("a standard error is finite and at least 0")
    return sqrt(2) * sem


def reliable_change(x1: float, x2: float, *, sem: float) -> ReliableChange:
    """Hold a change against measurement error.

    Parameters
    ----------
    x1
        The earlier score, in any unit.
    x2
        The later score, in the same unit.
    sem
        Standard error of measurement of each [> 0, in the same unit].

    Returns
    -------
    ReliableChange
        RC = (x2 - x1)/S_diff [positive = the score rose]; reliable when |RC| >= 1.96.

    Raises
    ------
    ValueError
        For an error that is not a positive number: without error every change would be reliable.

    Notes
    -----
    Both scores are there; a missing one has no change. The larger error of a prorated score is not counted. What is
    reliable is not for that reason important, and which reliability belongs into the SEM is contested: limits from
    an internal consistency and from a test-retest correlation are about 1.7 times apart, so whoever shows the result
    names the kind.

    References
    ----------
    Jacobson and Truax 1991, doi:10.1037/0022-006X.59.1.12.

    Examples
    --------
    >>> found = reliable_change(32.5, 47.5, sem=sem(7.5, 0.80))
    >>> round(found.rc, 4), found.reliable, round(found.limit, 2)
    (3.1623, True, 9.3)
    """
    spread = difference_sd(sem)
    if spread == 0:
        raise ValueError("a standard error of measurement is above 0")
    rc = (x2 - x1) / spread
    return ReliableChange(rc=rc, reliable=abs(rc) >= Z - ROUNDING, limit=Z * spread)


def interval(x: float, sem: float, z: float = Z) -> tuple[float, float]:
    """Return the interval of a score.

    Parameters
    ----------
    x
        The score, in any unit.
    sem
        Its standard error of measurement [>= 0, in the same unit].
    z
        How many standard errors to either side [> 0; 1.96 = 95 %].

    Returns
    -------
    tuple of two floats
        x - z SEM and x + z SEM.

    Raises
    ------
    ValueError
        For a negative error or a width that is not positive.

    Notes
    -----
    The interval is *not clipped* to the range of the instrument. Alliance scores lie near the top, and there a clipped
    interval would look the narrower, so the surer, the closer a score is to a ceiling that hides what is above it. A
    chart may cut the bar where its axis ends; the numbers stay whole. It is centred on the score as it is, not on
    an estimated true score.

    References
    ----------
    Classical test theory, as in Jacobson and Truax 1991, doi:10.1037/0022-006X.59.1.12. Not to clip is a design choice
    of this project, not validated.

    Examples
    --------
    >>> interval(4.5, 0.5, z=2)
    (3.5, 5.5)
    """
    if not (isfinite(sem) and sem >= 0 and isfinite(z) and z > 0):
        raise ValueError("a standard error is at least 0, and the width above 0")
    return x - z * sem, x + z * sem


def t_score(x: float, *, mean: float, sd: float) -> float:
    """Return a score as a T score.

    Parameters
    ----------
    x
        The score, in any unit.
    mean
        The mean of the norm, in the same unit.
    sd
        The SD of the norm [> 0, in the same unit].

    Returns
    -------
    float
        T = 50 + 10 (x - M)/SD [50 = as usual, higher = as the instrument's direction]; not normalised, not clipped.

    Raises
    ------
    ValueError
        For an SD that is not a positive number.

    Notes
    -----
    Linear: it does not repair the skew of alliance scores, so a T score is no percentile.

    References
    ----------
    McCall's T in its linear form; no model.

    Examples
    --------
    >>> t_score(4.5, mean=4.0, sd=0.5)
    60.0
    """
    if not (isfinite(sd) and sd > 0):
        raise ValueError("an SD is above 0")
    return 50 + 10 * (x - mean) / sd


def percentile(value: float, component_norm: ComponentNorm) -> tuple[float, PercentileMethod]:
    """Return the share of a norm that lies below a score, ties counted by half.

    Parameters
    ----------
    value
        The score, in the unit of the instrument's convention.
    component_norm
        The norm of its component, in the same unit. There is no percentile without one.

    Returns
    -------
    tuple of float and method
        The percentile [0-100, higher = as the instrument's direction], and how it was found. `mid_rank`: 100 (below +
        at/2) from the table. `normal_approximation`, where the norm has no table: 100 Phi((x - M)/SD).

    Raises
    ------
    ValueError
        For a value that is not finite.

    Notes
    -----
    A value between two rows, as a prorated score may be, stands in the middle of what the norm has between them;
    in a complete table that is nothing, and the value stands above the lower row. The normal approximation is flagged
    because alliance scores are skewed and crowd at the top: in one large sample 54 % of clients gave a perfect score,
    whose mid-rank is 73, while the approximation may put it anywhere.

    References
    ----------
    Mid-rank: Crawford, Garthwaite and Slick 2009, doi:10.1080/13854040801968450 (by recall). The rule between rows is
    a design choice of this project, not validated.

    Examples
    --------
    >>> norm = ComponentNorm(mean=38, sd=3, reliability=0.88, reliability_kind="internal_consistency", items=4,
    ...                      percentile_table=((36, 0.0, 0.2), (38, 0.2, 0.26), (40, 0.46, 0.54)))
    >>> percentile(40, norm)
    (73.0, 'mid_rank')
    """
    if not isfinite(value):
        raise ValueError("a score is finite")
    table = component_norm.percentile_table
    if table is None:
        return 100 * NormalDist(component_norm.mean, component_norm.sd).cdf(value), "normal_approximation"
    return 100 * _mid_rank(value, table), "mid_rank"


def standing(score: AnyScore, norm: Norm | None) -> Standing | NoStanding:
    """Say where a score stands.

    Parameters
    ----------
    score
        One score of a form.
    norm
        The norm of its instrument and rater, or None where none is known.

    Returns
    -------
    Standing or NoStanding
        The interval (1.96 SEM to either side, not clipped), T score and percentile, with the norm's label and source;
        or the reason why there are none: `not_scored`, `no_norm` (also when the norm is one of another instrument or
        version), `norm_lacks_component`.

    Notes
    -----
    Of a prorated score the SEM grows by sqrt(items/answered), as for parallel items.

    References
    ----------
    Those of `interval`, `t_score` and `percentile`. The growth is a design choice of this project, not validated.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> from app.scoring.score import score
    >>> *_, total = score(shipped().latest("sai"), {str(number): 4 for number in range(1, 7)})
    >>> standing(total, None)
    NoStanding(component='total', reason='no_norm')
    """
    if not isinstance(score, Score):
        return NoStanding(component=score.component, reason="not_scored")
    if norm is None or not norm.applies_to(score.instrument):
        return NoStanding(component=score.component, reason="no_norm")
    known = norm.components.get(score.component)
    if known is None:
        return NoStanding(component=score.component, reason="norm_lacks_component")
    low, high = interval(score.value, known.sem * sqrt(score.items / score.answered))
    rank, method = percentile(score.value, known)
    return Standing(
        component=score.component,
        low=low,
        high=high,
        t_score=t_score(score.value, mean=known.mean, sd=known.sd),
        percentile=rank,
        percentile_method=method,
        reliability_kind=known.reliability_kind,
        norm_version=norm.label,
        norm_source=norm.source,
    )


def _mid_rank(value: float, table: Sequence[tuple[float, float, float]]) -> float:
    """Give the fraction below plus half of that at the value, or of that between the rows around it."""
    start = 0.0
    for known, below, at in table:
        if isclose(value, known, rel_tol=ROUNDING, abs_tol=ROUNDING):
            return below + at / 2
        if value < known:
            return (start + below) / 2
        start = below + at
    return (start + 1) / 2
