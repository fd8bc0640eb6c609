"""Where the variance of totals lies: between and within groups, from the number, sum and squares of each group.

The estimator is that of the analysis of variance (the method of moments), because it needs these sums only. With groups
of equal size it gives what REML gives, unless that is at the border of 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from app.psychometrics.counts import SeriesCounts
from app.psychometrics.estimate import NotEstimated


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWay:
    """Variance between and within groups, in squared units of the totals; `typical` is the size of a typical group."""

    between: float
    within: float
    groups: int
    forms: int
    mean: float
    typical: float
    icc_1_1: float
    icc_1_k: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Nested:
    """Variance between therapists, between clients of a therapist, and between sessions of a client."""

    therapists: float
    clients: float
    sessions: float
    number_of_therapists: int
    share_of_therapists: float


def one_way(groups: Iterable[SeriesCounts]) -> OneWay | NotEstimated:
    """Split the variance of totals into that between groups and that within.

    Parameters
    ----------
    groups
        Number, sum and sum of squares of each group, such as all sessions of a client; empty ones are left out.

    Returns
    -------
    OneWay or NotEstimated
        `too_few_groups` below two groups, `no_repetition` when none has two forms, `no_variance` when all totals are
        alike.

    Notes
    -----
    Analysis of variance: within = MSW; between = (MSB - MSW)/n0, at least 0, with n0 = (N - sum n_i^2/N)/(g - 1).
    Equal to REML for groups of equal size while MSB >= MSW. ICC(1,1) = (MSB - MSW)/(MSB + (n0 - 1) MSW) says how alike
    two sessions of one group are, ICC(1,k) = (MSB - MSW)/MSB how reliable the mean of a typical group is; both may be
    negative, where groups differ less than chance would make them.

    References
    ----------
    Searle, Casella and McCulloch, Variance Components, 1992, doi:10.1002/9780470316856. Shrout and Fleiss
    1979, doi:10.1037/0033-2909.86.2.420, for the names.

    Examples
    --------
    >>> two = [SeriesCounts(forms=2, total=4, squares=10), SeriesCounts(forms=2, total=12, squares=74)]
    >>> told = one_way(two)
    >>> told.between, told.within, round(told.icc_1_1, 4)
    (7.0, 2.0, 0.7778)
    """
    found = [one for one in groups if one.forms]
    forms, total = sum(one.forms for one in found), sum(one.total for one in found)
    if len(found) < 2:
        return NotEstimated(reason="too_few_groups")
    if forms == len(found):
        return NotEstimated(reason="no_repetition")
    msw = fsum(map(_inside, found)) / (forms - len(found))
    msb = _apart(found) / (len(found) - 1)
    if msb <= 0 and msw <= 0:
        return NotEstimated(reason="no_variance")
    size = (forms - sum(one.forms**2 for one in found) / forms) / (len(found) - 1)
    return OneWay(
        between=max(0.0, (msb - msw) / size),
        within=msw,
        groups=len(found),
        forms=forms,
        mean=total / forms,
        typical=size,
        icc_1_1=(msb - msw) / (msb + (size - 1) * msw),
        icc_1_k=(msb - msw) / msb if msb > 0 else 0.0,
    )


def nested(therapists: Mapping[Any, Sequence[SeriesCounts]]) -> Nested | NotEstimated:
    """Split the variance of totals three ways, and say which share lies between therapists.

    Parameters
    ----------
    therapists
        For each therapist the sums of each of their clients. A client with two therapists is one client of each.

    Returns
    -------
    Nested or NotEstimated
        `too_few_groups` below two therapists or when none has two clients, `no_repetition` when no client has two
        forms, `no_variance` when nothing differs.

    Notes
    -----
    Analysis of variance of a nested design, with the coefficients for unequal numbers; a component below 0 is 0, and
    what lies above it is computed with that. Equal to REML for a balanced design inside the borders. A figure for the
    whole organisation: it ranks nobody, and of a few therapists it says next to nothing.

    References
    ----------
    Searle, Casella and McCulloch, Variance Components, 1992, doi:10.1002/9780470316856. Therapist effects:
    Baldwin, Wampold and Imel 2007, doi:10.1037/0022-006X.75.6.842.

    Examples
    --------
    >>> def client(*totals):
    ...     return SeriesCounts(forms=len(totals), total=sum(totals), squares=sum(t * t for t in totals))
    >>> told = nested({"a": [client(8, 10), client(4, 6)], "b": [client(20, 22), client(16, 18)]})
    >>> told.therapists, told.clients, told.sessions
    (68.0, 7.0, 2.0)
    """
    found = [[one for one in clients if one.forms] for clients in therapists.values()]
    found = [clients for clients in found if clients]
    wholes = [_together(clients) for clients in found]
    people, forms = sum(map(len, found)), sum(one.forms for one in wholes)
    if len(found) < 2 or people == len(found):
        return NotEstimated(reason="too_few_groups")
    if forms == people:
        return NotEstimated(reason="no_repetition")
    sessions = fsum(_inside(one) for clients in found for one in clients) / (forms - people)
    msc = fsum(map(_apart, found)) / (people - len(found))
    mst = _apart(wholes) / (len(found) - 1)
    own = fsum(one.forms**2 / _together(clients).forms for clients in found for one in clients)
    all_squares = sum(one.forms**2 for clients in found for one in clients) / forms
    per_client = (forms - own) / (people - len(found))
    clients_of = max(0.0, (msc - sessions) / per_client)
    across = (own - all_squares) / (len(found) - 1)
    per_therapist = (forms - sum(one.forms**2 for one in wholes) / forms) / (len(found) - 1)
    therapists_of = max(0.0, (mst - sessions - across * clients_of) / per_therapist)
    whole = therapists_of + clients_of + sessions
    if whole <= 0:
        return NotEstimated(reason="no_variance")
    return Nested(
        therapists=therapists_of,
        clients=clients_of,
        sessions=sessions,
        number_of_therapists=len(found),
        share_of_therapists=therapists_of / whole,
    )


def _inside(group: SeriesCounts) -> float:
    """Return the sum of squares within a group: an exact integer, divided once."""
    return (group.forms * group.squares - group.total**2) / group.forms


def _apart(groups: Sequence[SeriesCounts]) -> float:
    """Return the sum of squares between groups, around their common mean; exact integers up to one division each."""
    forms, total = sum(one.forms for one in groups), sum(one.total for one in groups)
    return fsum((forms * one.total - total * one.forms) ** 2 / one.forms for one in groups) / forms**2


def _together(groups: Iterable[SeriesCounts]) -> SeriesCounts:
    whole = SeriesCounts(forms=0, total=0, squares=0)
    for one in groups:
        whole = whole.merged(one)
    return whole
