"""STG-1: the likely stage of the relationship, from what each session was about.

A forward filter over four states. Experimental: no validated instrument measures the four stages of the article this
product grew from. The level of the alliance is no evidence of the stage and is not used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import exp
from typing import Literal

MODEL = "STG-1"
MODEL_VERSION = "1"

StageName = Literal["establishing_rapport", "exploring_the_problem", "working_on_solutions", "termination"]
STAGES: tuple[StageName, ...] = ("establishing_rapport", "exploring_the_problem", "working_on_solutions", "termination")
Ending = Literal["planned", "dropout", "transfer"]
Basis = Literal["focus_items", "session_number_only"]

Vector = tuple[float, float, float, float]

# Parameters of version 1. Released parameters are never edited: other values are another version.
START: Vector = (0.90, 0.09, 0.01, 0.0)
FORWARD = (0.38, 0.28, 0.07)
BACKWARD = 0.01
REOPEN = 0.03
PRECISION, WEIGHT = 0.75, 0.6
PROFILES: tuple[Vector, ...] = (
    (1.1, 0.1, -0.7, -0.5),
    (-0.1, 1.1, -0.2, -0.8),
    (-0.7, 0.0, 1.1, -0.4),
    (-0.7, -0.6, -0.1, 1.4),
)
AFTER_RUPTURE: tuple[Vector, ...] = (
    (0.81, 0.19, 0.0, 0.0),
    (0.25, 0.70, 0.05, 0.0),
    (0.10, 0.15, 0.73, 0.02),
    (0.0, 0.05, 0.15, 0.80),
)
NAMED_FROM = 0.60
RECENT_SESSIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What one session tells the stage: focus answers in the order of the stages, and what was reported."""

    number: int
    focus: tuple[int, ...] | None = None
    planned_sessions: int | None = None
    ending: Ending | None = None
    rupture: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusPart:
    """What one focus item contributed: its centred answer and the log-likelihood it gives to each stage."""

    position: int
    centred: float
    log_likelihood: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """How the probabilities of the last session came about: before, after time (or a rupture), and by each item."""

    before: Vector | None
    after_time: Vector
    rupture: bool
    items: tuple[FocusPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEstimate:
    """The stage at one session. `current` is None while uncertain; then `candidates` names the two likeliest."""

    session_number: int
    current: StageName | None
    candidates: tuple[StageName, StageName]
    basis: Basis
    probabilities: Vector
    contributions: Contributions
    planned_sessions: int | None
    ending: Ending | None  # reported for this very session: a later session shows that it was not the end

    @property
    def sessions_left(self) -> int | None:
        """Sessions until the planned end, this one included; None when no end is planned."""
        return None if self.planned_sessions is None else self.planned_sessions - (self.session_number - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What the filter carries from one session to the next.

    `evidence` is the last session with usable focus answers (0: none yet), `rupture` whether the last one reported one.
    """

    number: int
    probabilities: Vector
    planned_sessions: int | None
    ended: bool
    evidence: int
    rupture: bool


START_OF_COURSE = Filter(number=0, probabilities=START, planned_sessions=None, ended=False, evidence=0, rupture=False)


def estimate(sessions: Sequence[Session], *, at: int | None = None) -> StageEstimate:
    """Estimate the stage of an episode at one session, from that session and all before it.

    Parameters
    ----------
    sessions
        What is known of each session, in any order; session numbers from 1, each at most once. Numbers that are
        absent count as sessions without evidence.
    at
        The session to estimate; the last known one unless given. Later sessions are not looked at.

    Returns
    -------
    StageEstimate
        Four probabilities that sum to 1, in the order of STAGES. A stage is named only from .60 upwards and only with
        evidence in the last three sessions.

    Raises
    ------
    ValueError
        Without any session up to `at`, or with a session number below 1.

    Notes
    -----
    Evidence of a session is usable when all four focus items are answered and not all alike. Without usable evidence in
    the last three sessions the basis is `session_number_only`, and the way into termination is closed unless a planned
    end or a reported ending is known, or else every long therapy would drift there. A rupture reported in the session
    right after another is the same rupture and moves nothing again.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> told = estimate([Session(number=1, focus=(5, 3, 1, 1))])
    >>> told.current, [round(p, 4) for p in told.probabilities]
    ('establishing_rapport', [0.9717, 0.0279, 0.0004, 0.0])
    """
    known = {s.number: s for s in sessions if at is None or s.number <= at}
    if not known or min(known) < 1:
        raise ValueError("sessions are counted from 1, and at least one is needed")
    if at is not None:
        known.setdefault(at, Session(number=at))
    state = START_OF_COURSE
    for number in sorted(known):
        state, told = advance(state, known[number])
    return told


def advance(state: Filter, session: Session) -> tuple[Filter, StageEstimate]:
    """Take the filter from the last session it knows to a later one.

    Parameters
    ----------
    state
        The filter after the last known session, START_OF_COURSE before the first.
    session
        What is known of the next known session; numbers between the two count as sessions without evidence.

    Returns
    -------
    tuple of Filter and StageEstimate
        The filter after the session, and the estimate at it. Advancing session by session gives the same numbers as
        `estimate` over all of them.

    Raises
    ------
    ValueError
        When the session is not later than the state.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> after, told = advance(START_OF_COURSE, Session(number=1, focus=(5, 3, 1, 1)))
    >>> after.number, [round(p, 4) for p in told.probabilities]
    (1, [0.9717, 0.0279, 0.0004, 0.0])
    """
    if session.number <= state.number:
        raise ValueError("the filter only goes forward")
    return _next(_without_evidence(state, until=session.number - 1), session)


def _without_evidence(state: Filter, *, until: int) -> Filter:
    """Let sessions pass of which nothing is known; once the probabilities stand still under one matrix, they stay."""
    p, still = state.probabilities, None
    for number in range(state.number + 1, until + 1):
        seen = _seen_lately(state.evidence, number)
        hazard = _closing_hazard(number - 1, state.planned_sessions, open_way=seen or state.ended)
        if number == 1:
            p = START
        elif hazard != still:
            moved = _step(p, _matrix(hazard))
            still = hazard if moved == p else None
            p = moved
    if until <= state.number:
        return state
    return replace(state, number=until, probabilities=p, rupture=False)


def _next(state: Filter, session: Session) -> tuple[Filter, StageEstimate]:
    number = session.number
    planned = session.planned_sessions if session.planned_sessions is not None else state.planned_sessions
    ended = state.ended or session.ending is not None
    evidence = number if usable(session.focus) else state.evidence
    seen = _seen_lately(evidence, number)
    onset = number > 1 and session.rupture and not state.rupture
    p = state.probabilities
    moved = (
        START
        if number == 1
        else _step(p, AFTER_RUPTURE if onset else _transition(number - 1, planned, ended=ended, seen=seen))
    )
    parts = _evidence(session.focus)
    weighed = _weigh(moved, parts)
    top = sorted(range(4), key=lambda i: -weighed[i])
    told = StageEstimate(
        session_number=number,
        current=STAGES[top[0]] if seen and weighed[top[0]] >= NAMED_FROM else None,
        candidates=(STAGES[top[0]], STAGES[top[1]]),
        basis="focus_items" if seen else "session_number_only",
        probabilities=weighed,
        contributions=Contributions(before=None if number == 1 else p, after_time=moved, rupture=onset, items=parts),
        planned_sessions=planned,
        ending=session.ending,
    )
    after = Filter(
        number=number,
        probabilities=weighed,
        planned_sessions=planned,
        ended=ended,
        evidence=evidence,
        rupture=session.rupture,
    )
    return after, told


def usable(focus: tuple[int, ...] | None) -> bool:
    """Say whether focus answers are evidence: all four there, and not all alike."""
    return focus is not None and len(focus) == len(STAGES) and len(set(focus)) > 1


def _seen_lately(evidence: int, number: int) -> bool:
    """Say whether any of the last three sessions, this one included, brought evidence."""
    return evidence > 0 and number - evidence < RECENT_SESSIONS


def _transition(t: int, planned: int | None, *, ended: bool, seen: bool) -> tuple[Vector, ...]:
    return _matrix(_closing_hazard(t, planned, open_way=seen or ended))


def _matrix(closing: float) -> tuple[Vector, ...]:
    h1, h2, _ = FORWARD
    return (
        (1 - h1, h1, 0.0, 0.0),
        (BACKWARD, 1 - BACKWARD - h2, h2, 0.0),
        (0.0, BACKWARD, 1 - BACKWARD - closing, closing),
        (0.0, 0.0, REOPEN, 1 - REOPEN),
    )


def _closing_hazard(t: int, planned: int | None, *, open_way: bool) -> float:
    if planned is None:
        return FORWARD[2] if open_way else 0.0
    left = planned - t
    return 0.60 if left <= 2 else 0.15 if left <= 4 else 0.02


def _step(p: Vector, matrix: tuple[Vector, ...]) -> Vector:
    """Let one session pass. Written out: a long course takes thousands, and `sum` rounds otherwise on newer Pythons."""
    a, b, c, d = p
    of_a, of_b, of_c, of_d = matrix
    return _normalised(
        (
            a * of_a[0] + b * of_b[0] + c * of_c[0] + d * of_d[0],
            a * of_a[1] + b * of_b[1] + c * of_c[1] + d * of_d[1],
            a * of_a[2] + b * of_b[2] + c * of_c[2] + d * of_d[2],
            a * of_a[3] + b * of_b[3] + c * of_c[3] + d * of_d[3],
        )
    )


def _evidence(focus: tuple[int, ...] | None) -> tuple[FocusPart, ...]:
    if focus is None or not usable(focus):
        return ()
    mean = sum(focus) / len(focus)
    return tuple(
        FocusPart(
            position=k,
            centred=x - mean,
            log_likelihood=_vector(-0.5 * PRECISION * WEIGHT * (x - mean - profile[k]) ** 2 for profile in PROFILES),
        )
        for k, x in enumerate(focus)
    )


def _weigh(p: Vector, parts: tuple[FocusPart, ...]) -> Vector:
    if not parts:
        return p
    logs = [sum(part.log_likelihood[i] for part in parts) for i in range(4)]
    top = max(logs)
    return _normalised(_vector(p[i] * exp(logs[i] - top) for i in range(4)))


def _normalised(values: Vector) -> Vector:
    a, b, c, d = values
    total = a + b + c + d
    return (a / total, b / total, c / total, d / total)


def _vector(values: Iterable[float]) -> Vector:
    a, b, c, d = values
    return (a, b, c, d)
