"""STG-1 over sessions of which nothing is known: the same numbers as going through each of them, in few steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from math import exp
from operator import add
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.stages import model
from app.stages.model import (
    AFTER_RUPTURE,
    BACKWARD,
    FORWARD,
    PRECISION,
    PROFILES,
    RECENT_SESSIONS,
    REOPEN,
    START,
    WEIGHT,
    Session,
    estimate,
)

FOCUS = st.sampled_from([None, None, (5, 3, 1, 1), (2, 5, 2, 1), (1, 2, 5, 4), (1, 1, 2, 5), (3, 3, 3, 3)])


def added(values: Iterable[float]) -> float:
    """Add from the left: `sum` of floats is rounded otherwise from Python 3.12 on."""
    return reduce(add, values)


def normalised(values: list[float]) -> list[float]:
    """Divide by the sum."""
    total = added(values)
    return [value / total for value in values]


def one_by_one(sessions: Sequence[Session]) -> list[float]:
    """Go through every session from the first to the last, known or not, and return the probabilities at the last."""
    known = {session.number: session for session in sessions}
    p, planned, ended, evidence, rupture = list(START), None, False, 0, False
    for number in range(1, max(known) + 1):
        session = known.get(number, Session(number=number))
        planned = planned if session.planned_sessions is None else session.planned_sessions
        ended = ended or session.ending is not None
        focus = session.focus if session.focus is not None and len(set(session.focus)) > 1 else None
        evidence = number if focus is not None else evidence
        if planned is not None:
            left = planned - (number - 1)
            closing = 0.60 if left <= 2 else 0.15 if left <= 4 else 0.02
        else:
            is_open = ended or (evidence > 0 and number - evidence < RECENT_SESSIONS)
            closing = FORWARD[2] if is_open else 0.0
        if number > 1:
            usual = (
                (1 - FORWARD[0], FORWARD[0], 0.0, 0.0),
                (BACKWARD, 1 - BACKWARD - FORWARD[1], FORWARD[1], 0.0),
                (0.0, BACKWARD, 1 - BACKWARD - closing, closing),
                (0.0, 0.0, REOPEN, 1 - REOPEN),
            )
            moving = AFTER_RUPTURE if session.rupture and not rupture else usual
            p = normalised([added(p[i] * moving[i][j] for i in range(4)) for j in range(4)])
        if focus is not None:
            p = weighed(p, focus)
        rupture = session.rupture
    return p


def weighed(p: list[float], focus: tuple[int, ...]) -> list[float]:
    """Weigh the stages by how far the centred focus answers lie from their profiles."""
    mean = sum(focus) / len(focus)
    logs = [
        sum(-0.5 * PRECISION * WEIGHT * (x - mean - profile[k]) ** 2 for k, x in enumerate(focus))
        for profile in PROFILES
    ]
    return normalised([p[i] * exp(logs[i] - max(logs)) for i in range(4)])


@st.composite
def courses(draw: st.DrawFn) -> list[Session]:
    """Draw a course: up to seven known sessions with gaps of up to 300 between them."""
    number, course = 0, []
    for gap in draw(st.lists(st.one_of(st.integers(0, 4), st.integers(0, 300)), min_size=1, max_size=7)):
        number += gap + 1
        course.append(
            Session(
                number=number,
                focus=draw(FOCUS),
                planned_sessions=draw(st.sampled_from([None, None, None, 8, number + 3, number + 40, 300])),
                ending=draw(st.sampled_from([None, None, None, "planned", "dropout"])),
                rupture=draw(st.booleans()),
            )
        )
    return course


@settings(max_examples=200, deadline=None)
@given(courses())
@example([Session(number=300)])
@example([Session(number=1, focus=(5, 3, 1, 1)), Session(number=300)])
@example([Session(number=1, planned_sessions=200), Session(number=250, rupture=True)])
@example([Session(number=2, rupture=True), Session(number=4, rupture=True), Session(number=5, rupture=True)])
@example([Session(number=1, ending="planned"), Session(number=300, focus=(1, 1, 2, 5)), Session(number=600)])
def test_a_gap_gives_the_numbers_of_its_sessions_one_by_one(course: list[Session]) -> None:
    """To the last bit: neither a plan that runs out in the gap nor evidence that grows old in it is passed over."""
    assert list(estimate(course).probabilities) == one_by_one(course)


@pytest.mark.parametrize(
    "first",
    [
        Session(number=1),
        Session(number=1, focus=(1, 2, 5, 4), planned_sessions=1990),
        Session(number=1, planned_sessions=12, rupture=True),
        Session(number=1, ending="dropout"),
        None,
    ],
)
def test_a_long_gap_costs_few_steps(monkeypatch: pytest.MonkeyPatch, first: Session | None) -> None:
    """Session 2000, after session 1 or as the first one known: fewer than 1,000 of the 1,999 steps."""
    taken = 0
    step = model._step

    def counted(*args: Any) -> model.Vector:
        nonlocal taken
        taken += 1
        return step(*args)

    course = [one for one in (first, Session(number=2000)) if one is not None]
    monkeypatch.setattr(model, "_step", counted)
    told = estimate(course)
    assert 0 < taken < 1000
    assert list(told.probabilities) == one_by_one(course)


def test_two_thousand_sessions_of_which_one_is_known_are_at_rest() -> None:
    """Without evidence mass comes to rest in solutions, with what exploring and rapport keep of it; none ends."""
    told = estimate([Session(number=1), Session(number=2000)])
    assert [round(p, 4) for p in told.probabilities] == [0.0009, 0.0345, 0.9646, 0.0]
