"""Change since the previous and since the first form of a series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.change.norms import Norm, Reliability
from app.change.reliable import reliable_change
from app.scoring.score import AnyScore, Score

NoChange = Literal["first_session", "not_scored"]
NotReliable = Literal["no_norm", "norm_lacks_component"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A score of an earlier session of the same series."""

    session_number: int
    value: float
    pomp: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a change was held against: the norm by its label, and the kind of reliability that its error comes from.

    `rc` is the change in units of its own error, signed like it; `limit` is the smallest change that is reliable, in
    the instrument's own unit.
    """

    rc: float
    limit: float
    norm_version: str
    reliability_kind: Reliability


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How far a score is from an earlier one; the values are None when there is nothing to compare, with the reason.

    `reliable` stays None while no norm of the instrument is known: without one nobody can say whether a change is
    more than measurement error. Once it is told there is no reason, and `judged` says what it rests on.
    """

    session_number: int | None
    value: float | None
    pomp: float | None
    reliable: bool | None
    reason: NoChange | NotReliable | None
    judged: Judged | None = None  # documents from before it was there have none


_Verdict = tuple[bool | None, NotReliable | None, Judged | None]
_UNKNOWN: _Verdict = (None, "no_norm", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The change of one component."""

    since_previous: Difference
    since_first: Difference


def since(
    scores: Sequence[AnyScore], earlier: Mapping[str, tuple[Earlier, Earlier]], norm: Norm | None = None
) -> dict[str, Change]:
    """Compare each component with the first and the last earlier session in which it was scored.

    Parameters
    ----------
    scores
        The scores of the present form.
    earlier
        Component -> (first, previous) of the same series (episode, instrument and rater), scored ones only.
    norm
        The norm of the instrument and the rater of this series, or None where none is known.

    Returns
    -------
    dict
        Component -> Change; differences are now minus then, in the instrument's own unit and in POMP points
        [-100 to 100, positive = stronger alliance than then].

    Notes
    -----
    A component that is not scored now has reason `not_scored`, one that was never scored before `first_session`. Where
    nobody can say whether a change is reliable, the reason is `no_norm` (also for a norm of another instrument or
    version) or `norm_lacks_component`. The larger error of a prorated score is not counted: of the earlier session only
    the score is kept.

    References
    ----------
    Differences of scores. Reliable change: Jacobson and Truax 1991, doi:10.1037/0022-006X.59.1.12.

    Examples
    --------
    >>> since([], {})
    {}
    """
    return {score.component: _change(score, earlier.get(score.component), norm) for score in scores}


def extended(
    earlier: Mapping[str, tuple[Earlier, Earlier]], scores: Sequence[AnyScore], *, session_number: int
) -> dict[str, tuple[Earlier, Earlier]]:
    """Add a later form to what the next form of its series is compared with.

    Parameters
    ----------
    earlier
        Component -> (first, previous), as for `since`.
    scores
        The scores of a form of the same series, later than all before it.
    session_number
        Its session.

    Returns
    -------
    dict
        Component -> (first, previous), with this form as the previous one wherever it was scored.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> extended({}, [], session_number=1)
    {}
    """
    found = dict(earlier)
    for score in scores:
        if isinstance(score, Score):
            now = Earlier(session_number=session_number, value=score.value, pomp=score.pomp)
            found[score.component] = (earlier[score.component][0] if score.component in earlier else now, now)
    return found


def _change(score: AnyScore, ends: tuple[Earlier, Earlier] | None, norm: Norm | None) -> Change:
    if not isinstance(score, Score):
        return Change(since_previous=_none("not_scored"), since_first=_none("not_scored"))
    if ends is None:
        return Change(since_previous=_none("first_session"), since_first=_none("first_session"))
    first, previous = ends
    return Change(since_previous=_difference(score, previous, norm), since_first=_difference(score, first, norm))


def _difference(score: Score, then: Earlier, norm: Norm | None) -> Difference:
    reliable, reason, judged = _UNKNOWN if norm is None else _held_against(norm, score, then)
    return Difference(
        session_number=then.session_number,
        value=score.value - then.value,
        pomp=score.pomp - then.pomp,
        reliable=reliable,
        reason=reason,
        judged=judged,
    )


def _held_against(norm: Norm, score: Score, then: Earlier) -> _Verdict:
    if not norm.applies_to(score.instrument):
        return _UNKNOWN
    known = norm.components.get(score.component)
    if known is None:
        return None, "norm_lacks_component", None
    found = reliable_change(then.value, score.value, sem=known.sem)
    judged = Judged(rc=found.rc, limit=found.limit, norm_version=norm.label, reliability_kind=known.reliability_kind)
    return found.reliable, None, judged


def _none(reason: NoChange) -> Difference:
    return Difference(session_number=None, value=None, pomp=None, reliable=None, reason=reason)
