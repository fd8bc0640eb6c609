"""The shape of a trajectory so far: what it did, never what it will do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite, log, sqrt
from typing import Literal

from app.change.signal import Parameters

#: Version of the formulas in this module. Released formulas are never edited: a change is a new version.
SHAPE_VERSION = "SHP-1"

FEWEST_SESSIONS = 5
LEAST_DELTA = 2.0
Z = 1.96

#: Scores are quotients: a change of exactly the limit may come out a hair below it, and still counts.
ROUNDING = 1e-9

#: Residuals below a millionth of the spread are rounding, and no better fit than any other of that size.
PERFECT = 1e-12

Name = Literal["insufficient", "stable", "rising", "falling", "valley", "peak"]
Model = Literal["linear", "quadratic"]
WhyInsufficient = Literal["too_few_sessions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The shape of a series, with the numbers it rests on; all on the scale of the item mean.

    `slope` is that of the straight line, per session. `delta` is by how much the AICc of the curve is below that of the
    line; None with five sessions, where a curve has too few. `change` is what the chosen fit moved from the first
    session to the last; `turn` is the session [may be a fraction] at which the curve turns, None unless it does within
    the series. `limit` is the smallest movement beyond error; `calibrated` says whether a norm stands behind it.
    """

    name: Name
    insufficient_reason: WhyInsufficient | None
    version: str
    sessions_used: int
    first_session: int | None
    last_session: int | None
    model: Model | None
    slope: float | None
    delta: float | None
    change: float | None
    turn: float | None
    limit: float
    calibrated: bool
    parameters_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """A line and a curve through the same points: y = mean + slope u + bend (u^2 - skew u - spread), u = x - middle."""

    middle: float
    mean: float
    slope: float
    skew: float
    spread: float
    bend: float
    delta: float | None

    @property
    def curved(self) -> bool:
        """Whether the curve is the better model by enough."""
        return self.delta is not None and self.delta >= LEAST_DELTA

    def turn(self, first: float, last: float) -> float | None:
        """Give the session at which the curve turns, if it lies between these two."""
        if not self.curved or self.bend == 0:
            return None
        found = self.middle + (self.skew - self.slope / self.bend) / 2
        return found if first < found < last else None

    def at(self, session: float) -> float:
        """Give the chosen fit at a session."""
        u = session - self.middle
        bend = self.bend if self.curved else 0.0
        return self.mean + self.slope * u + bend * (u * u - self.skew * u - self.spread)


def shape(scores: Sequence[tuple[int, float | None]], *, parameters: Parameters) -> Shape:
    """Name the shape of a series.

    Parameters
    ----------
    scores
        (session number, item mean or None where the session was not scored) of one series, in any order, each session
        once.
    parameters
        Those of the instrument, from its norm or `uncalibrated`. Only the SEM [item mean, > 0] is used.

    Returns
    -------
    Shape
        `insufficient` below five scored sessions. `rising`, `falling`: moved beyond error in one direction, straight or
        levelling off; `valley`: fell beyond error, then rose beyond error; `peak`: the reverse; else `stable`. Up is
        the direction of the instrument.

    Raises
    ------
    ValueError
        For a session that is there twice, a score that is not finite, or an SEM that is not a positive number.

    Notes
    -----
    Ordinary least squares of the scores on the *session number*, straight and quadratic. The quadratic is taken when
    its AICc is lower by at least 2; AICc = n ln(RSS/n) + 2k + 2k(k + 1)/(n - k - 1), with k = 3 and 4 (the error
    variance counts). It does not exist for the quadratic at n = 5; to be taken, the quadratic has to leave less than
    1/207 of the line's RSS at n = 6, 1/10 at n = 7, 1/4 at n = 8 and 1/2.2 at n = 10.

    Sessions without a score are left out and keep their distance: the slope is per session, not per form, and n - 1 in
    "stable when |slope| (n - 1) < 1.96 sqrt(2) SEM" is the last scored session number minus the first. Without gaps
    that is n - 1.

    A curve moves in two arms, first session to turn and turn to last (in one, when the turn lies outside). An arm
    counts when the fit moves at least 1.96 sqrt(2) SEM in it: both count, valley or peak; one, rising or falling; none,
    stable. So the line's rule holds for curves too, and a bend within error is not called a valley.

    The limit is that for two single scores; a fit to many is surer than that, so small slopes are rather missed than
    invented. With parameters that are not calibrated the limit is a guess, and the shape says so.
    The shape describes the sessions so far. It is no prognosis, and whether valleys are ruptures is contested.

    References
    ----------
    AICc: Hurvich and Tsai 1989, doi:10.1093/biomet/76.2.297 (by recall). The rest is a design choice of this project,
    not validated.

    Examples
    --------
    >>> from app.change.norms import uncalibrated
    >>> found = shape([(1, 3.0), (2, 3.4), (3, 3.5), (5, 4.1), (6, 4.2)], parameters=uncalibrated(1, 5))
    >>> found.name, round(found.slope, 4), round(found.change, 4), round(found.limit, 4), found.calibrated
    ('rising', 0.2395, 1.1977, 0.5544, False)
    """
    if not (isfinite(parameters.sem) and parameters.sem > 0):
        raise ValueError("a standard error of measurement is a positive number")
    points = sorted((number, score) for number, score in scores if score is not None)
    if len({number for number, _ in scores}) < len(scores) or not all(isfinite(score) for _, score in points):
        raise ValueError("each session has one finite score")
    first, last = (points[0][0], points[-1][0]) if points else (None, None)
    if first is None or last is None or len(points) < FEWEST_SESSIONS:
        return _shape(parameters, points, name="insufficient", reason="too_few_sessions")
    fit = _fit(points)
    turn = fit.turn(first, last)
    ends = [first, last] if turn is None else [first, turn, last]
    arms = [fit.at(end) - fit.at(start) for start, end in pairwise(ends)]
    return _shape(parameters, points, name=_name(arms, _limit(parameters)), fit=fit, turn=turn)


def _name(arms: Sequence[float], limit: float) -> Name:
    moved = [arm for arm in arms if abs(arm) >= limit - ROUNDING]
    if not moved:
        return "stable"
    if len(moved) == 1:
        return "rising" if moved[0] > 0 else "falling"
    return "peak" if moved[0] > 0 else "valley"


def _limit(parameters: Parameters) -> float:
    return Z * sqrt(2) * parameters.sem


def _shape(
    parameters: Parameters,
    points: Sequence[tuple[int, float]],
    *,
    name: Name,
    reason: WhyInsufficient | None = None,
    fit: _Fit | None = None,
    turn: float | None = None,
) -> Shape:
    return Shape(
        name=name,
        insufficient_reason=reason,
        version=SHAPE_VERSION,
        sessions_used=len(points),
        first_session=points[0][0] if points else None,
        last_session=points[-1][0] if points else None,
        model=None if fit is None else "quadratic" if fit.curved else "linear",
        slope=None if fit is None else fit.slope,
        delta=None if fit is None else fit.delta,
        change=None if fit is None else fit.at(points[-1][0]) - fit.at(points[0][0]),
        turn=turn,
        limit=_limit(parameters),
        calibrated=parameters.calibrated,
        parameters_version=parameters.version,
    )


def _fit(points: Sequence[tuple[int, float]]) -> _Fit:
    """Fit line and curve by orthogonal polynomials, which stay exact where session numbers are large."""
    n = len(points)
    middle = sum(number for number, _ in points) / n
    mean = sum(score for _, score in points) / n
    u = [number - middle for number, _ in points]
    y = [score - mean for _, score in points]
    squares = sum(a * a for a in u)
    spread, skew = squares / n, sum(a**3 for a in u) / squares
    v = [a * a - skew * a - spread for a in u]
    slope = sum(a * b for a, b in zip(u, y, strict=True)) / squares
    bend = sum(a * b for a, b in zip(v, y, strict=True)) / sum(a * a for a in v)
    straight = [b - slope * a for a, b in zip(u, y, strict=True)]
    curved = [b - bend * a for a, b in zip(v, straight, strict=True)]
    # Rounding leaves residuals of its own, also where all scores are equal.
    least = PERFECT * max(sum(b * b for b in y), mean * mean)
    gained = _aicc(straight, 3, least=least) - _aicc(curved, 4, least=least)
    delta = gained if isfinite(gained) else None
    return _Fit(middle=middle, mean=mean, slope=slope, skew=skew, spread=spread, bend=bend, delta=delta)


def _aicc(residuals: Sequence[float], k: int, *, least: float) -> float:
    """Give the corrected criterion of a fit with k parameters; infinite where there are too few points for them."""
    n = len(residuals)
    rss = max(sum(residual * residual for residual in residuals), least)
    if n - k - 1 <= 0:
        return inf
    return (n * log(rss / n) if rss > 0 else 0.0) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
