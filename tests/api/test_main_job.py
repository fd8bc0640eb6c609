"""The main job, end to end: a form comes in; scores, stage and recommendations come out."""

from __future__ import annotations

from tests.harness import ANSWERS, Clinic, form, scores_by_component


def test_the_contracts_example_is_answered_with_scores_stage_and_advice(clinic: Clinic) -> None:
    """The example of the contract gets 201 with the numbers a person would count."""
    response = clinic.post(
        form(
            instrument_version="1.0.0",
            episode_ref="2026-a",
            session_number=3,
            planned_sessions=12,
            session_date="2026-11-20",
            completed_at="2026-11-20T14:05:00+01:00",
            locale="en",
            channel="in_person",
            modality="cbt",
            answers={**ANSWERS, "7": None},
            reported={"rupture": False, "wish_to_talk": False, "ending": None, "stage": None},
            comment=None,
            seen_by_therapist=True,
            source={"system": "https://ehr.example/forms", "id": "qr-889"},
        )
    )
    assert response.status_code == 201
    answer = response.json()
    assert response.headers["location"] == f"/v1/submissions/{answer['id']}"
    assert response.headers["cache-control"] == "no-store"
    scores = scores_by_component(answer)
    assert scores["rapport"]["value"] == 4.0
    assert scores["rapport"]["pomp"] == 75.0
    assert scores["acceptance"]["status"] == "not_scored"
    assert scores["acceptance"]["value"] is None
    assert scores["acceptance"]["reason"] == "too_many_missing"
    assert scores["acceptance"]["missing"] == ["7"]
    assert (scores["total"]["value"], scores["total"]["sum"]) == (4.1429, 33.1429)
    assert (scores["total"]["answered"], scores["total"]["items"], scores["total"]["prorated"]) == (7, 8, True)
    assert answer["instrument"]["key"] == "trq-s"
    assert answer["instrument"]["validated"] is False
    assert answer["signals"] == []
    assert answer["recomputed_later_sessions"] == 0
    assert answer["stage"]["current"] == "exploring_the_problem"
    assert answer["stage"]["experimental"] is True
    assert [c["id"] for c in answer["stage"]["criteria"]] == ["bond_steady", "goals_and_tasks_high", "ending_near"]
    assert 1 <= len(answer["recommendations"]) <= 3
    assert answer["recommendations"][0]["because"][0]["rule"] == "stage.exploring_the_problem"


def test_change_is_measured_since_the_previous_and_the_first_form(clinic: Clinic) -> None:
    """The third form is compared with the second and with the first, in scale points and in POMP points."""
    for session, answers in enumerate(({"1": 3}, {"1": 5}, {"1": 4}), start=1):
        answer = clinic.recorded(form(session_number=session, answers={**ANSWERS, **answers}))
    change = answer["change"]["rapport"]
    assert change["since_previous"] == {
        "session_number": 2, "value": -1.0, "pomp": -25.0, "reliable": None, "reason": "no_norm",
        "judged": None,
    }  # fmt: skip
    assert change["since_first"] == {
        "session_number": 1, "value": 1.0, "pomp": 25.0, "reliable": None, "reason": "no_norm",
        "judged": None,
    }  # fmt: skip


def test_an_earlier_session_that_comes_late_is_taken(clinic: Clinic) -> None:
    """Session 3 after session 4 is stored, and says that one later session was looked at again."""
    later = clinic.recorded(form(session_number=4))
    late = clinic.recorded(form(session_number=3, answers={**ANSWERS, "1": 2}))
    assert (later["recomputed_later_sessions"], late["recomputed_later_sessions"]) == (0, 1)
    since = clinic.read_back(later["id"])["change"]["rapport"]["since_previous"]
    assert (since["session_number"], since["value"]) == (3, 2.0)
