"""Invented courses of therapy whose stages are known, and the forms that clients would send in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.stages.model import PROFILES, STAGES
from app.validation.chance import Flags, Floats, Ints, stream

#: Nothing after this session is simulated, and `stages` holds AFTER_THE_END from the end on.
LONGEST = 60
SHORTEST = 4
AFTER_THE_END = -1
NEVER = 999
#: What `planned` holds when no end is known, and `focus` when there is no form.
UNKNOWN = 0
NO_FORM = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseLaw:
    """How long stages last and what interrupts them; the defaults are those of the standard condition.

    `dwell` are the mean sessions beyond the first in establishing rapport and exploring the problem, `closing` in
    termination and `relapse` in the stage that a rupture leads back to, all Poisson. `length` is shape and scale of the
    gamma law of the planned number of sessions. The rest are shares: of sessions with a rupture, of ruptures that lead
    back one stage, of clients who drop out, of planned ends that are known, of ruptures that are reported, and of other
    sessions with a report of a rupture that was none.
    """

    dwell: tuple[float, float] = (1.6, 2.6)
    closing: float = 1.0
    relapse: float = 1.0
    length: tuple[float, float] = (3.0, 5.0)
    rupture: float = 0.10
    back: float = 0.40
    dropout: float = 0.30
    plan_known: float = 0.60
    reported: float = 0.70
    false_report: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class FormLaw:
    """How clients answer the focus items; the defaults are those of the standard condition.

    `missing` is the share of sessions without a form. `distortion` is how far the items mean something else than the
    model believes: their profile is shrunk by it, and each client's is moved at random by .6 times as much. `halo` is
    the SD of what a client adds to an item at every session, `acquiescence` of what is added to all four items of one
    session, `noise` of each answer.
    """

    missing: float = 0.0
    distortion: float = 0.0
    halo: float = 0.0
    acquiescence: float = 0.5
    noise: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Courses:
    """Courses by client and session: the true stage (0 to 3, -1 after the end), reports of ruptures, planned ends."""

    stages: Ints
    reports: Flags
    planned: Ints

    @property
    def sessions(self) -> Ints:
        """Sessions of each course."""
        sessions: Ints = (self.stages != AFTER_THE_END).sum(axis=1)
        return sessions


def draw_courses(law: CourseLaw, clients: int, *, seed: int, part: int) -> Courses:
    """Draw courses whose stages are known.

    Parameters
    ----------
    law
        How long stages last, and what interrupts them [sessions; shares from 0 to 1].
    clients
        How many courses [>= 1].
    seed, part
        The seed of the run, and which part of it these courses are for.

    Returns
    -------
    Courses
        `stages` and `reports` [clients x 60], `planned` [clients], 0 where no end is known.

    Notes
    -----
    Semi-Markov: a stage lasts 1 + Poisson sessions, the third until the last 1 + Poisson sessions of the planned
    number, which are termination once solutions were reached. Who drops out comes to no termination. A rupture leads
    one stage back in `back` of cases, for 1 + Poisson(`relapse`) sessions. What the specification leaves open (share of
    sessions with a rupture, length of a relapse, what is reported) was chosen so that its table comes out.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> drawn = draw_courses(CourseLaw(), 3, seed=7, part=1)
    >>> drawn.stages.shape, sorted({int(s) for s in drawn.stages[0]} - {-1})[0]
    ((3, 60), 0)
    """
    shape = (clients, LONGEST)
    chance = stream(seed, part, 1)
    planned = np.clip(np.rint(chance.gamma(*law.length, clients)), SHORTEST, LONGEST).astype(np.int64)
    dropped = chance.random(clients) < law.dropout
    known = chance.random(clients) < law.plan_known
    closes = np.where(dropped, NEVER, planned - 1 - chance.poisson(law.closing, clients))
    first = 1 + chance.poisson(law.dwell[0], clients)
    fresh = 1 + chance.poisson(law.dwell[1], shape)
    relapse = 1 + chance.poisson(law.relapse, shape)
    ruptured = chance.random(shape) < law.rupture
    ruptured[:, 0] = False
    back = ruptured & (chance.random(shape) < law.back)
    told = chance.random(shape) < law.reported
    invented = chance.random(shape) < law.false_report
    stages = _walk(first, fresh, relapse, back, closes)
    ended = np.arange(LONGEST) >= planned[:, None]
    ruptured &= stages != STAGES.index("termination")
    stages[ended] = AFTER_THE_END
    reports = ((ruptured & told) | invented) & ~ended
    return Courses(stages=stages, reports=reports, planned=np.where(known, planned, UNKNOWN))


def _walk(first: Ints, fresh: Ints, relapse: Ints, back: Flags, closes: Ints) -> Ints:
    """Walk through the stages, all clients side by side."""
    clients, sessions = fresh.shape
    stages = np.empty((clients, sessions), dtype=np.int64)
    now, left = np.zeros(clients, dtype=np.int64), first.copy()
    for t in range(sessions):
        closing = (closes <= t) & (now >= 2)
        now = np.where(closing, 3, now)
        onward = (now < 2) & (left <= 0)
        now = now + onward
        left = np.where(onward, np.where(now == 1, fresh[:, t], NEVER), left)
        fallen = back[:, t] & ~closing & (now > 0)
        now = now - fallen
        left = np.where(fallen, relapse[:, t], left) - 1
        stages[:, t] = now
    return stages


def draw_forms(courses: Courses, law: FormLaw, *, seed: int, part: int) -> Ints:
    """Draw the focus answers of every session of the courses.

    Parameters
    ----------
    courses
        The courses; the true stage of a session decides what its answers are about.
    law
        How clients answer [SDs in steps of the scale; shares from 0 to 1].
    seed, part
        The seed of the run, and which part of it these forms are for.

    Returns
    -------
    numpy array of int
        [clients x 60 x 4] answers from 1 to 5 in the order of the stages; 0 where there is no form.

    Notes
    -----
    3 + profile of the true stage + acquiescence + halo + noise, rounded and clipped. The profiles are those of the
    model: without distortion it is told the truth about the items, which no real questionnaire grants.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> drawn = draw_courses(CourseLaw(), 2, seed=7, part=1)
    >>> draw_forms(drawn, FormLaw(missing=1.0), seed=7, part=1).max()
    np.int64(0)
    """
    clients, sessions = courses.stages.shape
    chance = stream(seed, part, 2)
    profiles: Floats = np.broadcast_to(np.array(PROFILES), (clients, 4, 4))
    moved = chance.normal(0, 1, (clients, 4, 4))
    profiles = profiles * (1 - law.distortion) + 0.6 * law.distortion * moved
    halo = law.halo * chance.normal(0, 1, (clients, 1, 4))
    alike = law.acquiescence * chance.normal(0, 1, (clients, sessions, 1))
    noise = law.noise * chance.normal(0, 1, (clients, sessions, 4))
    about = np.take_along_axis(profiles, np.maximum(courses.stages, 0)[:, :, None], axis=1)
    answers = np.clip(np.rint(3 + about + alike + halo + noise), 1, 5).astype(np.int64)
    gone = (chance.random((clients, sessions)) < law.missing) | (courses.stages == AFTER_THE_END)
    answers[gone] = NO_FORM
    return answers
