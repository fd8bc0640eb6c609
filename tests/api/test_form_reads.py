"""A form is read back, and every score of it is explained."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.api.refusals import refused
from tests.harness import ANSWERS, Clinic, form, scores_by_component


def test_a_form_is_read_back_with_what_was_sent(clinic: Clinic) -> None:
    """The answer of the post, and the form without its references."""
    made = clinic.recorded(
        form(
            session_number=3,
            planned_sessions=12,
            completed_at="2026-11-20T14:05:00.5+01:00",
            locale="en",
            channel="in_person",
            modality="cbt",
            answers={"8": "not_applicable", "1": 4, "2": None, "f1": 2},
            reported={"rupture": False, "ending": "transfer", "stage": "termination"},
            seen_by_therapist=True,
        )
    )
    answer = clinic.get(f"/v1/submissions/{made['id']}")
    read = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert read.pop("form") == {
        "session_date": None,
        "completed_at": "2026-11-20T13:05:00.500000Z",
        "planned_sessions": 12,
        "locale": "en",
        "channel": "in_person",
        "modality": "cbt",
        "seen_by_therapist": True,
        "comment": None,
        "answers": {**dict.fromkeys(ANSWERS), "1": 4, "8": "not_applicable", "f1": 2},
        "reported": {"rupture": False, "wish_to_talk": None, "ending": "transfer", "stage": "termination"},
    }
    assert UUID(read.pop("therapist_id")).version == 7
    assert (read.pop("status"), read.pop("superseded_by"), read.pop("withdrawal")) == ("current", None, None)
    assert read == made
    assert "mrn-1042" not in answer.text
    assert "th-7" not in answer.text


def test_a_form_is_read_back_with_its_session_date(clinic: Clinic) -> None:
    """The contract's example has a date, and it comes back as it was sent."""
    made = clinic.recorded(form(session_date="2026-11-20"))
    answer = clinic.get(f"/v1/submissions/{made['id']}")
    assert answer.status_code == 200
    assert answer.json()["form"]["session_date"] == "2026-11-20"


def test_every_id_is_a_uuid_of_version_7(clinic: Clinic) -> None:
    """Ids sort by time and are no secret of another kind."""
    made = clinic.recorded(form())
    ids = [made["id"], made["client_id"], made["episode_id"], *(score["id"] for score in made["scores"])]
    assert {UUID(one).version for one in ids} == {7}
    assert len(set(ids)) == len(ids)


def explained(clinic: Clinic, made: dict[str, Any], component: str) -> dict[str, Any]:
    """Read how one score of a post came about."""
    score = scores_by_component(made)[component]
    answer = clinic.get(f"/v1/clients/{made['client_id']}/scores/{score['id']}/explanation")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    told: dict[str, Any] = answer.json()
    assert told["score"] == score
    assert (told["submission_id"], told["session_number"], told["rater"]) == (made["id"], 1, "client")
    assert told["instrument"] == made["instrument"]
    return told


@pytest.mark.parametrize(
    ("component", "items", "steps"),
    [
        (
            "rapport",
            "1",
            [
                "1 of 1 answered, at least 1 needed",
                "mean = 4 / 1 = 4",
                "sum = 1 x 4 = 4",
                "POMP = 100 x (4 - 1) / (5 - 1) = 75",
            ],
        ),
        (
            "empathy",
            "2",
            [
                "1 of 1 answered, at least 1 needed",
                "mean = 3 / 1 = 3",
                "sum = 1 x 3 = 3",
                "POMP = 100 x (3 - 1) / (5 - 1) = 50",
            ],
        ),
        (
            "respect",
            "3",
            [
                "1 of 1 answered, at least 1 needed",
                "mean = 5 / 1 = 5",
                "sum = 1 x 5 = 5",
                "POMP = 100 x (5 - 1) / (5 - 1) = 100",
            ],
        ),
        (
            "trust",
            "4",
            [
                "1 of 1 answered, at least 1 needed",
                "mean = 4 / 1 = 4",
                "sum = 1 x 4 = 4",
                "POMP = 100 x (4 - 1) / (5 - 1) = 75",
            ],
        ),
        (
            "collaboration",
            "5",
            [
                "1 of 1 answered, at least 1 needed",
                "mean = 1 / 1 = 1",
                "sum = 1 x 1 = 1",
                "POMP = 100 x (1 - 1) / (5 - 1) = 0",
            ],
        ),
        (
            "genuineness",
            "6",
            [
                "1 of 1 answered, at least 1 needed",
                "mean = 5 / 1 = 5",
                "sum = 1 x 5 = 5",
                "POMP = 100 x (5 - 1) / (5 - 1) = 100",
            ],
        ),
        ("acceptance", "7", ["0 of 1 answered, at least 1 needed", "too few answers: not scored, which is not 0"]),
        (
            "encouragement",
            "8",
            [
                "1 of 1 answered, at least 1 needed",
                "mean = 4 / 1 = 4",
                "sum = 1 x 4 = 4",
                "POMP = 100 x (4 - 1) / (5 - 1) = 75",
            ],
        ),
        (
            "relationship",
            "1 2 3",
            [
                "3 of 3 answered, at least 3 needed",
                "mean = (4 + 3 + 5) / 3 = 4",
                "sum = 3 x 4 = 12",
                "POMP = 100 x (4 - 1) / (5 - 1) = 75",
            ],
        ),
        (
            "elements",
            "4 3 5",
            [
                "3 of 3 answered, at least 3 needed",
                "mean = (4 + 5 + 1) / 3 = 3.3333",
                "sum = 3 x 3.3333 = 10",
                "POMP = 100 x (3.3333 - 1) / (5 - 1) = 58.3333",
            ],
        ),
        (
            "total",
            "1 2 3 4 5 6 7 8",
            [
                "7 of 8 answered, at least 7 needed",
                "mean = (4 + 3 + 5 + 4 + 1 + 5 + 4) / 7 = 3.7143",
                "sum = 8 x 3.7143 = 29.7143",
                "POMP = 100 x (3.7143 - 1) / (5 - 1) = 67.8571",
            ],
        ),
    ],
)
def test_every_score_of_a_post_is_explained(clinic: Clinic, component: str, items: str, steps: list[str]) -> None:
    """The steps are those that a person would write down, and their last numbers are the score's."""
    made = clinic.recorded(form(answers={**ANSWERS, "5": 1, "7": "not_applicable"}))
    told = explained(clinic, made, component)
    assert [step["says"] for step in told["steps"]] == steps
    assert [item["item"] for item in told["items"]] == items.split()
    score = told["score"]
    values = [score[name] for name in ("mean", "sum", "pomp")] if score["status"] == "scored" else [None]
    assert [step["value"] for step in told["steps"]] == [None, *values]


def test_an_explanation_shows_every_item_and_its_sources(clinic: Clinic) -> None:
    """What was answered and what it counted as; unanswered and not applicable stay apart."""
    answers = {str(i): 4 for i in range(1, 13)} | {"3": None, "5": "not_applicable", "12": 5}
    told = explained(clinic, clinic.recorded(form(instrument="wai-sr", answers=answers)), "bond")
    assert told["items"] == [
        {"item": "3", "answer": None, "status": "unanswered", "reversed": False, "counted": None},
        {"item": "5", "answer": None, "status": "not_applicable", "reversed": False, "counted": None},
        {"item": "7", "answer": 4, "status": "answered", "reversed": False, "counted": 4},
        {"item": "9", "answer": 4, "status": "answered", "reversed": False, "counted": 4},
    ]
    assert told["minimum_answered"] == 3
    assert [step["says"] for step in told["steps"]] == [
        "2 of 4 answered, at least 3 needed",
        "too few answers: not scored, which is not 0",
    ]
    assert told["sources"] == [
        "Percent of maximum possible (POMP): doi:10.1207/S15327906MBR3403_2",
        "Missing answers: Design choice of this project, not validated; the source is silent.",
        "Allocation of items to components, from secondary sources that agree",
        "Development of the revised short form (Hatcher and Gillaspy 2006), doi:10.1080/10503300500352500",
    ]


def test_a_total_that_needs_its_components_names_those_without_a_score(clinic: Clinic) -> None:
    """Ten of twelve answers would do, but the bond is not scored."""
    answers = {str(i): 4 for i in range(1, 13)} | {"3": None, "5": None}
    told = explained(clinic, clinic.recorded(form(instrument="wai-sr", answers=answers)), "total")
    assert told["score"]["reason"] == "component_not_scored"
    assert [step["says"] for step in told["steps"]] == [
        "10 of 12 answered, at least 10 needed",
        "the total needs every component, and these are not scored: bond",
    ]


def test_a_score_belongs_to_its_client(clinic: Clinic) -> None:
    """Another client's score under this client's id is absent, and so is a submission's id."""
    one, two = clinic.recorded(form()), clinic.recorded(form(client_ref="mrn-2"))
    for score in (two["scores"][0]["id"], one["id"]):
        refused(clinic.get(f"/v1/clients/{one['client_id']}/scores/{score}/explanation"), 404, "not_found")
