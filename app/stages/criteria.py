"""The criteria panel beside STG-1: it explains in plain terms and never overrides the probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from app.instruments.model import Component, Facet
from app.stages.model import StageEstimate

EARLY_FORMS = 3
LATEST_FORMS = 2
HIGH_POMP = 75.0
SESSIONS_BEFORE_END = 3
TERMINATION_FOCUS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How high the facets stood on one of the client's forms, in POMP [0-100]; None where nothing was scored."""

    session_number: int
    bond: float | None
    goal_or_task: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One sign of a move from a stage to the next; `met` is None while it can't be told."""

    id: Literal["bond_steady", "goals_and_tasks_high", "ending_near"]
    move: str
    met: bool | None
    text: str


def level(session_number: int, pomps: dict[str, float], components: Sequence[Component]) -> Level:
    """Sum up the scored components of one form by facet.

    Parameters
    ----------
    session_number
        The session of the form.
    pomps
        Component -> POMP [0-100, higher = stronger], scored components only.
    components
        The instrument's components, which carry the facets.

    Returns
    -------
    Level
        bond: mean POMP of the components with facet bond; goal_or_task: the highest of those with facet goal or task.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> part = Component(key="bond", kind="component", facets=("bond",), items=())
    >>> level(1, {"bond": 80.0}, [part])
    Level(session_number=1, bond=80.0, goal_or_task=None)
    """

    def of(*facets: Facet) -> list[float]:
        return [pomps[c.key] for c in components if c.key in pomps and set(facets) & set(c.facets)]

    bond, work = of("bond"), of("goal", "task")
    return Level(
        session_number=session_number,
        bond=sum(bond) / len(bond) if bond else None,
        goal_or_task=max(work) if work else None,
    )


def kept(levels: Sequence[Level]) -> tuple[Level, ...]:
    """Keep of a long series of levels what the criteria will ever look at.

    Parameters
    ----------
    levels
        The client's forms of one instrument, in order of sessions.

    Returns
    -------
    tuple of Level
        The first three and the last two with a bond level, and the last one, in order. `criteria` says the same of
        these as of all, now and when later levels are added.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> many = [Level(session_number=n, bond=50.0, goal_or_task=None) for n in range(1, 10)]
    >>> [one.session_number for one in kept(many)]
    [1, 2, 3, 8, 9]
    """
    bonds = [one for one in levels if one.bond is not None]
    wanted = {one.session_number for one in (*bonds[:EARLY_FORMS], *bonds[-LATEST_FORMS:], *levels[-1:])}
    return tuple(one for one in levels if one.session_number in wanted)


def criteria(levels: Sequence[Level], stage: StageEstimate, *, termination_focus: int | None) -> tuple[Criterion, ...]:
    """Check the three criteria at one session.

    Parameters
    ----------
    levels
        The client's forms of one instrument up to this session, at least the first three and the last two, in order.
    stage
        The estimate at this session, for the planned end.
    termination_focus
        The client's answer of this session to "looking back and getting ready to end" [1-5], None when unanswered.

    Returns
    -------
    tuple of Criterion
        Always three, in the order of the stages.

    Notes
    -----
    The early median is that of the first three forms with a bond level; with fewer than three it can't be told.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> from app.stages.model import Session, estimate
    >>> told = estimate([Session(number=1, planned_sessions=3)])
    >>> [c.met for c in criteria([], told, termination_focus=None)]
    [None, None, True]
    """
    bonds = [one.bond for one in levels if one.bond is not None]
    early = median(bonds[:EARLY_FORMS]) if len(bonds) >= EARLY_FORMS else None
    work = levels[-1].goal_or_task if levels else None
    left = stage.sessions_left
    near = left is not None and left <= SESSIONS_BEFORE_END
    looked_back = termination_focus is not None and termination_focus >= TERMINATION_FOCUS
    return (
        Criterion(
            id="bond_steady",
            move="establishing_rapport -> exploring_the_problem",
            met=None if early is None else all(bond >= early for bond in bonds[-LATEST_FORMS:]),
            text="The bond stood at or above the client's own early median on the last two forms.",
        ),
        Criterion(
            id="goals_and_tasks_high",
            move="exploring_the_problem -> working_on_solutions",
            met=None if work is None else work >= HIGH_POMP,
            text="Agreement on goals or tasks stands at 75 % of the possible or above.",
        ),
        Criterion(
            id="ending_near",
            move="working_on_solutions -> termination",
            met=near or looked_back if left is not None or termination_focus is not None else None,
            text="The planned end is at most three sessions away, or much of the session went into looking back.",
        ),
    )
