"""The stage model on simulated courses, beside two baselines that look at no form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from app.stages.model import STAGES, START_OF_COURSE, Session, advance
from app.validation.baseline import Baseline, learn
from app.validation.chance import Floats, Ints
from app.validation.courses import (
    AFTER_THE_END,
    NO_FORM,
    UNKNOWN,
    CourseLaw,
    Courses,
    FormLaw,
    draw_courses,
    draw_forms,
)
from app.validation.metrics import Bin, Figures, calibration, figures

#: Which part of a run draws what: courses to learn from never are courses to be tested on.
LEARNING, TESTING = 1, 2
LEARNED_ON = 4000
COURSES = 2000

STANDARD, USUAL = CourseLaw(), FormLaw()

Told = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCondition:
    """One way in which simulated courses and forms may be. Only where it is `gated` the model has to win."""

    name: str
    courses: CourseLaw = STANDARD
    forms: FormLaw = USUAL
    gated: bool = True


_SLOW, _FAST = CourseLaw(dwell=(4.6, 8.6)), CourseLaw(dwell=(0.3, 0.8))
_WRONG = FormLaw(distortion=0.4, missing=0.3)
CONDITIONS: tuple[StageCondition, ...] = (
    StageCondition(name="standard"),
    StageCondition(name="30 % missing", forms=FormLaw(missing=0.3)),
    StageCondition(name="40 % wrong, 30 % missing", forms=_WRONG),
    StageCondition(name="slow dwell", courses=_SLOW),
    StageCondition(name="fast dwell", courses=_FAST),
    StageCondition(name="item halo .7", forms=FormLaw(halo=0.7)),
    StageCondition(name="slow, 40 % wrong, 30 % missing", courses=_SLOW, forms=_WRONG),
    StageCondition(
        name="item halo .7, 40 % wrong, 30 % missing",
        forms=FormLaw(halo=0.7, distortion=0.4, missing=0.3),
        gated=False,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What a therapist sees: the share of sessions with a named stage, and the share of names that are right."""

    named: float
    right: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """One condition: the model, the baseline that knows as little, and the one that was told the truth."""

    condition: str
    gated: bool
    sessions: int
    baseline: Figures
    told_the_truth: Figures
    model: Figures
    naming: Naming
    calibration: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """What the model said [clients x 60 x 4], and which stage it named [clients x 60], -1 for none."""

    probabilities: Floats
    named: Ints


def run_stages(
    *,
    seed: int,
    clients: int = COURSES,
    conditions: Sequence[StageCondition] = CONDITIONS,
    told: Told = lambda: None,
) -> tuple[StageResult, ...]:
    """Run the stage model on simulated courses, and the two baselines on the same.

    Parameters
    ----------
    seed
        The seed [>= 0]; the same one gives the same numbers.
    clients
        Courses for each condition [>= 1].
    conditions
        How courses and forms are.
    told
        Called after each course, for a progress bar.

    Returns
    -------
    tuple of StageResult
        One for each condition, in their order.

    Notes
    -----
    Conditions with the same law of courses share their courses. The first baseline is learned on 4,000 courses of the
    standard law, the second on as many of the condition's own. The model itself is run, not a copy of it.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> [told] = run_stages(seed=7, clients=40, conditions=CONDITIONS[:1])
    >>> told.condition, told.model.accuracy > told.baseline.accuracy
    ('standard', True)
    """
    learned: dict[CourseLaw, Baseline] = {}
    for law in (STANDARD, *(condition.courses for condition in conditions)):
        if law not in learned:
            learned[law] = learn(draw_courses(law, LEARNED_ON, seed=seed, part=LEARNING))
    return tuple(_run(condition, learned, seed=seed, clients=clients, told=told) for condition in conditions)


def _run(
    condition: StageCondition, learned: dict[CourseLaw, Baseline], *, seed: int, clients: int, told: Told
) -> StageResult:
    courses = draw_courses(condition.courses, clients, seed=seed, part=TESTING)
    filtered = filter_courses(courses, draw_forms(courses, condition.forms, seed=seed, part=TESTING), told=told)
    held = courses.stages != AFTER_THE_END
    truth, named = courses.stages[held], filtered.named[held]
    by_model = filtered.probabilities[held]
    return StageResult(
        condition=condition.name,
        gated=condition.gated,
        sessions=int(held.sum()),
        baseline=figures(learned[STANDARD].probabilities(courses)[held], truth),
        told_the_truth=figures(learned[condition.courses].probabilities(courses)[held], truth),
        model=figures(by_model, truth),
        naming=Naming(
            named=float((named >= 0).mean()),
            right=float((named == truth)[named >= 0].mean()) if (named >= 0).any() else 0.0,
        ),
        calibration=calibration(by_model, truth),
    )


def filter_courses(courses: Courses, forms: Ints, *, told: Told = lambda: None) -> Filtered:
    """Run the stage model through every course, session by session.

    Parameters
    ----------
    courses
        The courses; the model sees reports of ruptures and the planned end, never the true stage.
    forms
        [clients x 60 x 4] focus answers, 0 where there is no form.
    told
        Called after each course.

    Returns
    -------
    Filtered
        The four probabilities and the named stage at every session; after the end all are 0 and -1.

    References
    ----------
    Design choice of this project, not validated: STG-1 (`app.stages.model`).

    Examples
    --------
    >>> drawn = draw_courses(CourseLaw(), 1, seed=7, part=1)
    >>> filter_courses(drawn, draw_forms(drawn, FormLaw(), seed=7, part=1)).probabilities.shape
    (1, 60, 4)
    """
    probabilities = np.zeros(forms.shape)
    named = np.full(courses.stages.shape, -1, dtype=np.int64)
    rows = zip(
        courses.planned.tolist(), courses.sessions.tolist(), courses.reports.tolist(), forms.tolist(), strict=True
    )
    for client, (planned, sessions, reports, answers) in enumerate(rows):
        state = START_OF_COURSE
        for t in range(sessions):
            session = Session(
                number=t + 1,
                focus=None if answers[t][0] == NO_FORM else tuple(answers[t]),
                planned_sessions=None if planned == UNKNOWN else planned,
                rupture=reports[t],
            )
            state, estimate = advance(state, session)
            probabilities[client, t] = estimate.probabilities
            if estimate.current is not None:
                named[client, t] = STAGES.index(estimate.current)
        told()
    return Filtered(probabilities=probabilities, named=named)
