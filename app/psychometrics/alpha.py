"""Cronbach's alpha from counts, with Feldt's interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.psychometrics.counts import Counts, scatter
from app.psychometrics.estimate import Interval, NotEstimated
from app.psychometrics.f_distribution import f_quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class Alpha:
    """Internal consistency of `items` items over `forms` complete forms [1 is perfect; may be negative]."""

    value: float
    items: int
    forms: int


def alpha(counts: Counts, positions: Sequence[int]) -> Alpha | NotEstimated:
    """Estimate the internal consistency of a component.

    Parameters
    ----------
    counts
        The complete forms of one instrument version and rater.
    positions
        The component's items, as `positions_of` tells them.

    Returns
    -------
    Alpha or NotEstimated
        `single_item` for one item, `too_few_forms` below two forms, `no_variance` when all totals are alike.

    Notes
    -----
    alpha = k/(k - 1) (1 - sum s_i^2 / s_X^2), of exact integers and divided once, so that the result depends neither
    on the order of forms nor on those that were taken out again. Complete forms only: no missing answer is filled.
    It is a lower bound of reliability when items measure one thing, and no proof that they do. Forms of the same
    client are not independent: alpha over all forms mixes differences between people with those between sessions.

    References
    ----------
    Cronbach 1951, doi:10.1007/BF02310555.

    Examples
    --------
    >>> from app.psychometrics.counts import Layout, count_forms
    >>> alpha(count_forms(Layout(items=2, lowest=1, options=5), [(1, 2), (3, 2), (5, 5)]), [0, 1])
    Alpha(value=0.9230769230769231, items=2, forms=3)
    """
    items = len(positions)
    if items < 2:
        return NotEstimated(reason="single_item")
    if counts.forms < 2:
        return NotEstimated(reason="too_few_forms")
    own = sum(scatter(counts, at, at) for at in positions)
    whole = sum(scatter(counts, a, b) for a in positions for b in positions)
    if whole == 0:
        return NotEstimated(reason="no_variance")
    return Alpha(value=items * (whole - own) / ((items - 1) * whole), items=items, forms=counts.forms)


def feldt_interval(value: float, *, n: int, items: int, confidence: float = 0.95) -> Interval:
    """Give the interval of an alpha.

    Parameters
    ----------
    value
        The estimated alpha [<= 1].
    n
        Independent cases, at least two. Forms of the same client are not: for repeated forms the number of clients is
        the careful choice.
    items
        Number of items, at least two.
    confidence
        Share of such intervals that hold the true value (0 to 1).

    Returns
    -------
    Interval
        Equal tails.

    Raises
    ------
    ValueError
        For fewer than two cases or items.

    Notes
    -----
    1 - (1 - alpha) F, with the quantiles of F(n - 1, (n - 1)(k - 1)). Exact for normal scores and parallel items
    (compound symmetry); with skewed items, as alliance forms have, approximate.

    References
    ----------
    Feldt 1965, doi:10.1007/BF02289499; Feldt, Woodruff and Salih 1987, doi:10.1177/014662168701100107.

    Examples
    --------
    >>> told = feldt_interval(0.93, n=231, items=12)
    >>> round(told.low, 6), round(told.high, 6)
    (0.915895, 0.942631)
    """
    if n < 2 or items < 2:
        raise ValueError("an interval needs two cases and two items")
    tail = (1 - confidence) / 2
    freedom = n - 1, (n - 1) * (items - 1)
    return Interval(
        low=1 - (1 - value) * f_quantile(1 - tail, *freedom),
        high=1 - (1 - value) * f_quantile(tail, *freedom),
        confidence=confidence,
        n=n,
    )
