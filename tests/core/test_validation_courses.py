from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from app.validation.chance import stream
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

CLIENTS = 4000
#: Nobody drops out and nothing leads back: each stage is passed once.
STRAIGHT = CourseLaw(rupture=0.0, dropout=0.0)


def drawn(law: CourseLaw = STRAIGHT, *, clients: int = CLIENTS, seed: int = 11) -> Courses:
    """Draw courses of a law."""
    return draw_courses(law, clients, seed=seed, part=1)


def one_stage(stage: int, *, clients: int = CLIENTS) -> Courses:
    """Courses of three sessions, all in one stage."""
    stages = np.full((clients, 60), AFTER_THE_END)
    stages[:, :3] = stage
    return Courses(stages=stages, reports=np.zeros((clients, 60), dtype=bool), planned=np.full(clients, UNKNOWN))


def test_stages_last_as_long_as_the_law_says() -> None:
    """Where the course is long enough, rapport takes 1 + 1.6, exploring 1 + 2.6 and termination 1 + 1.0 sessions."""
    courses = drawn()
    of_stage = [(courses.stages == k).sum(axis=1) for k in range(4)]
    long = (courses.sessions >= 30) & (of_stage[3] > 0)
    assert long.sum() > 100
    for k, (mean, within) in enumerate([(2.6, 0.3), (3.6, 0.4), (None, None), (2.0, 0.25)]):
        if mean is not None:
            assert of_stage[k][long].mean() == pytest.approx(mean, abs=within)


@pytest.mark.parametrize(("dwell", "means"), [((4.6, 8.6), (5.6, 9.6)), ((0.3, 0.8), (1.3, 1.8))])
def test_dwell_can_be_slow_or_fast(dwell: tuple[float, float], means: tuple[float, float]) -> None:
    """The two means of the law are sessions beyond the first."""
    courses = drawn(CourseLaw(dwell=dwell, rupture=0.0, dropout=0.0))
    long = courses.sessions >= 36
    found = [float((courses.stages[long] == k).sum(axis=1).mean()) for k in (0, 1)]
    assert found == pytest.approx(means, abs=0.9)


def test_a_course_begins_with_rapport_and_never_leaps() -> None:
    """Without ruptures the stages come in order, one by one; after the end there is nothing."""
    for course in drawn(clients=300).stages.tolist():
        ends = course.index(AFTER_THE_END) if AFTER_THE_END in course else 60
        assert course[0] == 0
        assert set(course[ends:]) <= {AFTER_THE_END}
        assert all(later - earlier in {0, 1} for earlier, later in pairwise(course[:ends]))


def test_length_dropout_and_plans_have_their_shares() -> None:
    """15 sessions on average, between 4 and 60; 60 % of planned ends known and true; who drops out never terminates."""
    courses = drawn(CourseLaw())
    assert (courses.sessions.min(), courses.sessions.max() <= 60) == (4, True)
    assert courses.sessions.mean() == pytest.approx(15, abs=0.5)
    known = courses.planned != UNKNOWN
    assert known.mean() == pytest.approx(0.6, abs=0.03)
    assert (courses.planned[known] == courses.sessions[known]).all()
    everybody = drawn(CourseLaw(dropout=1.0))
    assert not (everybody.stages == 3).any()


def test_ruptures_lead_back_as_often_as_the_law_says() -> None:
    """With a rupture in every fifth session and 40 % of them leading back, 8 % of later sessions step back."""
    courses = drawn(CourseLaw(rupture=0.2, dropout=1.0, length=(40.0, 1.0)))
    now, then = courses.stages[:, 10:20], courses.stages[:, 9:19]
    could = (then > 0) & (now != AFTER_THE_END)
    assert ((now == then - 1) & could).sum() / could.sum() == pytest.approx(0.08, abs=0.015)


def test_reports_are_of_ruptures_and_of_none() -> None:
    """.2 x .7 + (1 - .2 x .7) x .05 = .183 of sessions have a report; without ruptures .05."""
    held = drawn(CourseLaw(rupture=0.2, dropout=1.0))
    inside = held.stages[:, 1:] != AFTER_THE_END
    assert held.reports[:, 1:][inside].mean() == pytest.approx(0.183, abs=0.01)
    calm = drawn()
    assert calm.reports[calm.stages != AFTER_THE_END].mean() == pytest.approx(0.05, abs=0.005)
    assert not calm.reports[calm.stages == AFTER_THE_END].any()


def test_answers_are_about_the_stage() -> None:
    """In rapport the first item is answered highest; answers are 1 to 5, and there are none after the end."""
    forms = draw_forms(one_stage(0), FormLaw(), seed=3, part=1)
    assert set(np.unique(forms[:, :3]).tolist()) == {1, 2, 3, 4, 5}
    assert not forms[:, 3:].any()
    assert forms[:, :3].mean(axis=(0, 1)) == pytest.approx([3.95, 3.07, 2.43, 2.6], abs=0.12)


def test_missing_forms_are_missing_altogether() -> None:
    """30 % of sessions have no answer at all, the others have four."""
    forms = draw_forms(one_stage(1), FormLaw(missing=0.3), seed=3, part=1)[:, :3]
    empty = forms == NO_FORM
    assert (empty.all(axis=2) == empty.any(axis=2)).all()
    assert empty.all(axis=2).mean() == pytest.approx(0.3, abs=0.02)


def test_halo_stays_with_the_client() -> None:
    """With a halo the answers of a client's sessions go together, without one they don't."""

    def together(halo: float) -> float:
        forms = draw_forms(one_stage(2), FormLaw(halo=halo, acquiescence=0.0), seed=3, part=1)
        return float(np.corrcoef(forms[:, 0, 1], forms[:, 2, 1])[0, 1])

    assert together(0.0) == pytest.approx(0.0, abs=0.05)
    assert together(1.0) > 0.4


def test_wrong_items_say_less_and_otherwise() -> None:
    """With meanings wholly wrong the answers no longer depend on the stage."""
    means = [
        draw_forms(one_stage(k), FormLaw(distortion=1.0), seed=3, part=1)[:, :3].mean(axis=(0, 1)) for k in range(4)
    ]
    assert np.ptp(np.array(means), axis=0).max() < 0.15


def test_the_same_seed_draws_the_same() -> None:
    """Courses and forms come again with the seed, other ones with another seed or part."""
    one, again, other = (drawn(CourseLaw(), clients=50, seed=seed) for seed in (5, 5, 6))
    assert (one.stages == again.stages).all()
    assert (one.reports == again.reports).all()
    assert (one.stages != other.stages).any()
    assert stream(5, 1).random() != stream(5, 2).random()
    forms = [draw_forms(one, FormLaw(), seed=5, part=part) for part in (1, 1, 2)]
    assert (forms[0] == forms[1]).all()
    assert (forms[0] != forms[2]).any()
