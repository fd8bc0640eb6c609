"""The watch is prospective: what a session was told stays, whatever comes later; online and batch say the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.episodes.course import Assessment, CourseForm, CourseState, StoredScore, append, rebuild
from app.instruments.catalog import shipped
from app.instruments.model import Answer, ItemId
from app.scoring.score import score

CARE = shipped().latest("care")
START = datetime(2026, 1, 1, tzinfo=UTC)

#: A total of ten items; None stands for too few answers.
TOTALS = st.lists(st.one_of(st.none(), st.integers(10, 50)), min_size=1, max_size=14)
REPORTS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=14, max_size=14)


def form(session: int, total: int | None, *, rupture: bool = False, wish: bool = False, **more: Any) -> CourseForm:
    """Make a client's form of a session with this total."""
    low, over = divmod(total or 0, 10)
    counted = 3 if total is None else 10
    answers: dict[ItemId, Answer] = {
        ItemId(str(n)): (3 if total is None else low + (n <= over)) if n <= counted else None for n in range(1, 11)
    }
    scores = tuple(StoredScore(score_id=UUID(int=session), score=one) for one in score(CARE, answers))
    fields: dict[str, Any] = {
        "submission_id": UUID(int=(session << 80) | 7),
        "session_number": session,
        "instrument": CARE,
        "rater": "client",
        "completed_at": START + timedelta(days=7 * session),
        "content": b"",
        "focus": None,
        "planned_sessions": None,
        "ending": None,
        "rupture": rupture,
        "wish_to_talk": wish,
        "norm": None,
        "answers": answers,
        "scores": scores,
    }
    return CourseForm(**(fields | more))


def online(forms: list[CourseForm]) -> tuple[CourseState | None, dict[UUID, Assessment]]:
    """Take one form after the other, and keep what each was told."""
    state: CourseState | None = None
    told = {}
    for one in forms:
        state, told[one.submission_id] = append(state, one)
    return state, told


@given(totals=TOTALS, reports=REPORTS)
def test_online_and_batch_say_the_same_session_by_session(
    totals: list[int | None], reports: list[tuple[bool, bool]]
) -> None:
    """State and every word, ids of signals included."""
    forms = [
        form(n, total, rupture=reports[n - 1][0], wish=reports[n - 1][1]) for n, total in enumerate(totals, start=1)
    ]
    assert online(forms) == rebuild(reversed(forms))


@given(totals=TOTALS)
def test_a_later_form_changes_nothing_that_was_told_before(totals: list[int | None]) -> None:
    """What the first sessions were told is what they are told when all are known."""
    forms = [form(n, total) for n, total in enumerate(totals, start=1)]
    _, whole = rebuild(forms)
    for known in range(1, len(forms)):
        _, then = rebuild(forms[:known])
        assert then == {one: told for one, told in whole.items() if one in then}


def test_a_series_on_another_scale_gives_up_what_was_open() -> None:
    """Nothing can repair a signal whose series goes on in other units: it is closed as unresolved, once."""
    low = form(1, 12)
    wider = replace(CARE, version="9.0.0", maximum=6)
    state, told = append(None, low)
    assert [one.state for one in told.signals] == ["open"]
    moved = form(2, 40, instrument=wider)
    state, told = append(state, moved)
    assert [(one.state, one.closed_session) for one in told.signals] == [("unresolved", 2)]
    _, told = append(state, form(3, 41, instrument=wider))
    assert told.signals == ()
