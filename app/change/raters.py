"""Two raters of the same sessions: how far apart, how alike, how they move together; never their average. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Literal

from app.instruments.model import Instrument
from app.scoring.score import AnyScore, Score

FEWEST_COMPONENTS = 3
FEWEST_PAIRS = 5

#: What the key of a therapist's version adds to that of the client's.
THERAPIST_VERSION = "-t"

#: Scores are quotients: what is spread less than this is not spread at all.
ROUNDING = 1e-9

WhyNoSimilarity = Literal["too_few_components", "no_scatter"]
WhyNoTruth = Literal["too_few_pairs", "no_scatter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two forms of the same session, the client's and the therapist's: component -> POMP [0-100], scored ones only."""

    session_number: int
    client: Mapping[str, float]
    therapist: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How alike two profiles are, all in POMP points and therapist minus (or divided by) client.

    `elevation` is the difference of the profiles' means, `scatter_*` each one's spread over the components. With too
    few components all is None; a ratio needs scatter of the client's profile, a correlation scatter of both.
    """

    components: tuple[str, ...]
    elevation: float | None
    scatter_client: float | None
    scatter_therapist: float | None
    scatter_difference: float | None
    scatter_ratio: float | None
    correlation: float | None
    reason: WhyNoSimilarity | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthAndBias:
    """How a therapist's ratings follow the client's: by `slope` [1 = step by step, 0 = not at all] and `bias`.

    `bias` is signed, in the unit of the ratings: below 0 the therapist rates lower than the client.
    """

    pairs: int
    slope: float | None
    bias: float | None
    reason: WhyNoTruth | None


def pair(session_number: int, *, client: Sequence[AnyScore], therapist: Sequence[AnyScore]) -> Pair:
    """Put two forms of one session side by side.

    Parameters
    ----------
    session_number
        Their session [1-].
    client
        The scores of the client's form.
    therapist
        The scores of the therapist's form.

    Returns
    -------
    Pair
        POMP of every component, rollup and total that was scored.

    Notes
    -----
    What was not scored is left out, and is never 0.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> pair(3, client=[], therapist=[])
    Pair(session_number=3, client={}, therapist={})
    """
    return Pair(session_number=session_number, client=_pomps(client), therapist=_pomps(therapist))


def parallel(client: Instrument, therapist: Instrument) -> tuple[str, ...]:
    """Name the components that ask both raters the same.

    Parameters
    ----------
    client
        The definition of the client's form.
    therapist
        The definition of the therapist's form.

    Returns
    -------
    tuple of str
        Keys of the components (rollups and total left out, for they hold the same items again) that both have with as
        many items, in the order of the client's definition. Empty unless the instruments are one and the same or the
        therapist's key is the client's with `-t`: `task` of wai-s and `task` of wai-sr share a name, not the items.

    Notes
    -----
    The versions may differ; the number of items must not.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> parallel(shipped().latest("trq-s"), shipped().latest("trq-s-t"))[:3]
    ('rapport', 'empathy', 'respect')
    >>> parallel(shipped().latest("wai-sr"), shipped().latest("wai-s"))
    ()
    """
    if therapist.key not in (client.key, client.key + THERAPIST_VERSION):
        return ()
    others = {part.key: len(part.items) for part in therapist.components if part.kind == "component"}
    return tuple(
        part.key for part in client.components if part.kind == "component" and others.get(part.key) == len(part.items)
    )


def discrepancy(two: Pair) -> dict[str, float]:
    """Say how far the therapist's ratings are from the client's.

    Parameters
    ----------
    two
        Two forms of one session [POMP].

    Returns
    -------
    dict
        Component -> therapist - client [-100 to 100 POMP points; above 0 = the therapist rates the alliance stronger],
        in the order of the client's form.

    Notes
    -----
    Only what both have; whether it asks both the same, `parallel` says. Neither rater is taken for the truth, and the
    two are never averaged.

    References
    ----------
    Difference of scores; no model.

    Examples
    --------
    >>> discrepancy(Pair(session_number=1, client={"bond": 75.0, "goal": 50.0}, therapist={"bond": 60.0}))
    {'bond': -15.0}
    """
    return {key: two.therapist[key] - client for key, client in two.client.items() if key in two.therapist}


def profile(two: Pair, components: Sequence[str]) -> Profile:
    """Compare two profiles by level, spread and form.

    Parameters
    ----------
    two
        Two forms of one session [POMP].
    components
        The parallel components, as `parallel` names them; those that both forms have scored are used.

    Returns
    -------
    Profile
        Elevation = mean(T) - mean(C) and scatter = SD over the components (divided by their number) [POMP points];
        scatter difference T - C and ratio T / C; Pearson's correlation [-1 to 1, 1 = the same form].

    Notes
    -----
    Below three components all is None (`too_few_components`). A profile that is flat has no form: then the correlation
    is None (`no_scatter`), and the ratio too if it is the client's. A correlation over three to eight components says
    little about one session.

    References
    ----------
    Cronbach and Gleser 1953, doi:10.1037/h0057173 (by recall).

    Examples
    --------
    >>> two = Pair(session_number=1, client={"a": 50, "b": 60, "c": 70}, therapist={"a": 40, "b": 60, "c": 80})
    >>> found = profile(two, ["a", "b", "c"])
    >>> found.elevation, round(found.scatter_ratio, 4), round(found.correlation, 4)
    (0.0, 2.0, 1.0)
    """
    both = tuple(key for key in components if key in two.client and key in two.therapist)
    if len(both) < FEWEST_COMPONENTS:
        return _no_profile(both)
    client, therapist = [two.client[key] for key in both], [two.therapist[key] for key in both]
    own, theirs = _sd(client), _sd(therapist)
    has_form = min(own, theirs) > ROUNDING
    return Profile(
        components=both,
        elevation=_mean(therapist) - _mean(client),
        scatter_client=own,
        scatter_therapist=theirs,
        scatter_difference=theirs - own,
        scatter_ratio=theirs / own if own > ROUNDING else None,
        correlation=_correlation(client, therapist) if has_form else None,
        reason=None if has_form else "no_scatter",
    )


def side_by_side(pairs: Sequence[Pair], component: str) -> tuple[tuple[float, float], ...]:
    """Pick one component of a course of pairs, for `truth_and_bias`.

    Parameters
    ----------
    pairs
        Pairs of one dyad, in any order.
    component
        A key, such as `total`.

    Returns
    -------
    tuple of (client, therapist)
        Both in POMP, by session; sessions in which one of the two was not scored are left out.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> side_by_side([Pair(session_number=1, client={"total": 75.0}, therapist={"total": 50.0})], "total")
    ((75.0, 50.0),)
    """
    in_order = sorted(pairs, key=lambda two: two.session_number)
    return tuple(
        (two.client[component], two.therapist[component])
        for two in in_order
        if component in two.client and component in two.therapist
    )


def truth_and_bias(ratings: Sequence[tuple[float, float]]) -> TruthAndBias:
    """Say how a therapist's ratings follow those of one client.

    Parameters
    ----------
    ratings
        (client, therapist) of the sessions that both rated, on one scale: POMP, or the item mean where both have the
        same range.

    Returns
    -------
    TruthAndBias
        b1 as slope [any number, without unit] and b0 as bias [unit of the ratings] of the least-squares line
        T - mean(C) = b0 + b1 (C - mean(C)).

    Raises
    ------
    ValueError
        For a rating that is not finite.

    Notes
    -----
    Below five pairs nothing is said (`too_few_pairs`). When the client's ratings don't vary there is nothing to follow:
    no slope (`no_scatter`), but still a bias, which is mean(T) - mean(C) in any case. "Truth" is the model's word: here
    the client's rating is what is followed, not what is right. Its error of measurement makes the slope smaller than it
    is.

    References
    ----------
    West and Kenny 2011, doi:10.1037/a0022936; per dyad and without moderators it is an ordinary regression. From how
    many pairs on is a design choice of this project, not validated.

    Examples
    --------
    >>> found = truth_and_bias([(4, 3.8), (4.2, 3.9), (3.8, 3.6), (3.2, 3.3), (3.9, 3.6), (4.3, 3.9)])
    >>> round(found.slope, 6), round(found.bias, 6)
    (0.578947, -0.216667)
    """
    client, therapist = [one for one, _ in ratings], [one for _, one in ratings]
    if not all(map(isfinite, [*client, *therapist])):
        raise ValueError("a rating is finite")
    if len(ratings) < FEWEST_PAIRS:
        return TruthAndBias(pairs=len(ratings), slope=None, bias=None, reason="too_few_pairs")
    bias, spread = _mean(therapist) - _mean(client), _sd(client)
    if spread <= ROUNDING:
        return TruthAndBias(pairs=len(ratings), slope=None, bias=bias, reason="no_scatter")
    return TruthAndBias(pairs=len(ratings), slope=_covariance(client, therapist) / spread**2, bias=bias, reason=None)


def _pomps(scores: Sequence[AnyScore]) -> dict[str, float]:
    return {score.component: score.pomp for score in scores if isinstance(score, Score)}


def _no_profile(components: tuple[str, ...]) -> Profile:
    return Profile(
        components=components,
        elevation=None,
        scatter_client=None,
        scatter_therapist=None,
        scatter_difference=None,
        scatter_ratio=None,
        correlation=None,
        reason="too_few_components",
    )


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


def _covariance(one: Sequence[float], other: Sequence[float]) -> float:
    first, second = _mean(one), _mean(other)
    return sum((a - first) * (b - second) for a, b in zip(one, other, strict=True)) / len(one)


def _sd(numbers: Sequence[float]) -> float:
    return sqrt(_covariance(numbers, numbers))


def _correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Give Pearson's correlation, kept from leaving [-1, 1] by a rounding error."""
    return max(-1.0, min(1.0, _covariance(one, other) / (_sd(one) * _sd(other))))
