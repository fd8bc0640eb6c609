"""What is said about the stage: the estimate, and the criteria beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.stages.criteria import Criterion, Level, criteria
from app.stages.model import Session, StageEstimate, estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePanel:
    """The stage at one session."""

    estimate: StageEstimate
    criteria: tuple[Criterion, ...]


def panel(sessions: Sequence[Session], levels: Sequence[Level], *, at: int) -> StagePanel:
    """Estimate the stage at one session and check the criteria there.

    Parameters
    ----------
    sessions
        What is known of each session of the episode, as for `estimate`.
    levels
        The client's forms of one instrument, in order; those after `at` are left out.
    at
        The session number [1-].

    Returns
    -------
    StagePanel

    Raises
    ------
    ValueError
        Without any session up to `at`.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> panel([Session(number=1, focus=(5, 3, 1, 1))], [], at=1).estimate.current
    'establishing_rapport'
    """
    told = estimate(sessions, at=at)
    focus = next((s.focus for s in sessions if s.number == at), None)
    return panel_of(told, [one for one in levels if one.session_number <= at], focus=focus)


def panel_of(told: StageEstimate, levels: Sequence[Level], *, focus: tuple[int, ...] | None) -> StagePanel:
    """Put the criteria beside an estimate; `focus` are the session's own focus answers, in the order of the stages.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> told = estimate([Session(number=1, focus=(5, 3, 1, 1))])
    >>> [one.met for one in panel_of(told, [], focus=(5, 3, 1, 1)).criteria]
    [None, None, False]
    """
    return StagePanel(estimate=told, criteria=criteria(levels, told, termination_focus=focus[-1] if focus else None))
