"""Rules of others for a drop in a series, for comparison in simulations only: no signal of the service rests on them.

All take scores of shape (..., sessions), the last axis in order of sessions, higher = stronger alliance, NaN where the
total was not scored. Each says of every session whether the rule would have prompted. NaN never does, and is skipped:
the session before is the scored one before.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Mean range of two values of a normal distribution, in standard deviations.
MOVING_RANGE = 1.128

#: Scores come in steps; a drop of exactly the limit must not depend on the last bit.
_SAME = 1e-9


def adjacent_reliable_change(scores: ArrayLike, *, sem: float, z: float = 1.96) -> Flags:
    """Prompt at a drop since the session before that is beyond error of measurement.

    Parameters
    ----------
    scores
        Shape (..., sessions), any unit; NaN where not scored.
    sem
        Standard error of measurement [> 0, the same unit].
    z
        How sure, two-sided [1.96 = 95 %].

    Returns
    -------
    ndarray of bool
        The shape of `scores`; a drop of at least z sqrt(2) sem.

    References
    ----------
    Jacobson and Truax 1991, doi:10.1037/0022-006X.59.1.12, applied to sessions one after the other.

    Examples
    --------
    >>> adjacent_reliable_change([4.0, 3.4, 3.3], sem=0.2).tolist()
    [False, True, False]
    """
    return _dropped(_array(scores), z * sqrt(2) * sem)


def adjacent_drop(scores: ArrayLike, *, sd: float, times: float = 1.0) -> Flags:
    """Prompt at a drop since the session before of so many standard deviations.

    Parameters
    ----------
    scores
        Shape (..., sessions), any unit; NaN where not scored.
    sd
        Standard deviation [> 0, the same unit]: between persons with `times` 1, within persons with `times` 2.
    times
        How many of them.

    Returns
    -------
    ndarray of bool
        The shape of `scores`.

    References
    ----------
    The families of Strauss et al. 2006 (one SD between persons) and Stiles et al. 2004 (two SD within persons), by
    recall; to be checked before anything is said about either.

    Examples
    --------
    >>> adjacent_drop([4.0, 3.4, 3.3], sd=0.6).tolist()
    [False, True, False]
    """
    return _dropped(_array(scores), times * sd)


def shewhart(scores: ArrayLike, *, limit: float = 3.0, history: int = 4) -> Flags:
    """Prompt below the lower limit of an individuals chart of the sessions before.

    Parameters
    ----------
    scores
        Shape (..., sessions), any unit; NaN where not scored.
    limit
        Standard deviations below the mean of the sessions before.
    history
        Scored sessions that are needed before [>= 2].

    Returns
    -------
    ndarray of bool
        The shape of `scores`.

    Raises
    ------
    ValueError
        With a history below 2: one score has no moving range.

    Notes
    -----
    sigma = mean moving range / 1.128. Mean and sigma are those of the sessions before, so that the rule is prospective;
    where those are all alike, sigma is 0 and the rule says nothing. Sessions that prompted stay in the chart.

    References
    ----------
    Eubanks-Carter, Gorman and Muran 2012, by recall; the constant is that of any textbook on control charts.

    Examples
    --------
    >>> shewhart([4.0, 4.1, 4.0, 4.1, 3.7, 4.0]).tolist()
    [False, False, False, False, True, False]
    """
    if history < 2:
        raise ValueError("a moving range needs two scores")
    x = _array(scores)
    before = _previous(x)
    count, total, ranges = np.zeros(x.shape[:-1]), np.zeros(x.shape[:-1]), np.zeros(x.shape[:-1])
    found = np.zeros(x.shape, dtype=np.bool_)
    for t in range(x.shape[-1]):
        now = x[..., t]
        mean = total / np.maximum(count, 1)
        sigma = ranges / np.maximum(count - 1, 1) / MOVING_RANGE
        found[..., t] = (count >= history) & (sigma > 0) & (now < mean - limit * sigma)
        scored = ~np.isnan(now)
        ranges = ranges + np.where(scored & (count > 0), np.abs(now - before[..., t]), 0.0)
        total = total + np.where(scored, now, 0.0)
        count = count + scored
    return found


def pcoms(scores: ArrayLike, *, cut_off: float = 36.0, drop: float = 1.0) -> Flags:
    """Prompt at or below the cut-off, or at a drop of a point since the session before.

    Parameters
    ----------
    scores
        Shape (..., sessions), totals of the SRS [0-40]; NaN where not scored. On the total of any other instrument the
        rule means nothing: there it is compared only to show what it would do.
    cut_off
        36, as published.
    drop
        One point.

    Returns
    -------
    ndarray of bool
        The shape of `scores`.

    References
    ----------
    The rule of the Session Rating Scale's manual, secondary. One point is inside error (RC is 4.5 to 7.8 points).

    Examples
    --------
    >>> pcoms([39.0, 38.0, 37.5, 36.0]).tolist()
    [False, True, False, True]
    """
    x = _array(scores)
    return (x <= cut_off + _SAME) | _dropped(x, drop)


def cusum(scores: ArrayLike, *, centre: ArrayLike, sigma: float, k: float = 0.5, h: float = 4.0) -> tuple[Flags, Flags]:
    """Prompt when differences from a centre add up, on either side.

    Parameters
    ----------
    scores
        Shape (..., sessions), any unit; NaN where not scored.
    centre
        What is expected: one number, or shape (...).
    sigma
        Standard deviation of one score [> 0, the same unit].
    k
        Slack, in sigma.
    h
        Decision limit, in sigma.

    Returns
    -------
    tuple of two ndarrays of bool
        Downward and upward prompts, each of the shape of `scores`. After a prompt of either side both start anew.

    References
    ----------
    Page 1954, doi:10.1093/biomet/41.1-2.100. With k .5: average run length about 168 (h 4) and 465 (h 5) in control,
    8.38 and 10.4 at a shift of one sigma.

    Examples
    --------
    >>> down, up = cusum([0.0, -2.0, -2.0, -2.0, 0.0], centre=0.0, sigma=1.0)
    >>> down.tolist(), bool(up.any())
    ([False, False, False, True, False], False)
    """
    x = _array(scores)
    middle = np.asarray(centre, dtype=np.float64)
    low, high = np.zeros(x.shape[:-1]), np.zeros(x.shape[:-1])
    down, up = np.zeros(x.shape, dtype=np.bool_), np.zeros(x.shape, dtype=np.bool_)
    for t in range(x.shape[-1]):
        z = (x[..., t] - middle) / sigma
        scored = ~np.isnan(z)
        low = np.where(scored, np.maximum(0.0, low - z - k), low)
        high = np.where(scored, np.maximum(0.0, high + z - k), high)
        down[..., t], up[..., t] = scored & (low > h), scored & (high > h)
        calm = ~(down[..., t] | up[..., t])
        low, high = low * calm, high * calm
    return down, up


def _array(scores: ArrayLike) -> Floats:
    return np.asarray(scores, dtype=np.float64)


def _previous(x: Floats) -> Floats:
    """Give the scored session before each one, NaN where there is none."""
    before = np.full(x.shape, np.nan)
    last = np.full(x.shape[:-1], np.nan)
    for t in range(x.shape[-1]):
        before[..., t] = last
        last = np.where(np.isnan(x[..., t]), last, x[..., t])
    return before


def _dropped(x: Floats, by: float) -> Flags:
    return np.asarray(_previous(x) - x >= by - _SAME)
