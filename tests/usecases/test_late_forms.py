"""Forms that come late: where they stand, what is said of the sessions after them, and what was said before."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from app.storage.tables import assessments, episodes
from tests.harness import Clinic, form, therapists_form
from tests.usecases.histories import check_rebuild
from tests.usecases.test_corrections import answered, since_previous, whole


def forget_the_course(clinic: Clinic) -> None:
    """Take away what the clinic's episodes keep, as a migration leaves the episodes of earlier versions."""
    forgotten = update(episodes).where(episodes.c.organisation_id == clinic.organisation).values(course=None)
    clinic.service.write(lambda c: c.execute(forgotten))


def test_a_late_second_session_stands_between_the_first_and_the_third(clinic: Clinic) -> None:
    """Rapport 3 and 4 in sessions 1 and 3; then 5 in session 2: 2 above the first, and the third is 1 below it."""
    first, third = clinic.recorded(answered(3, 1)), clinic.recorded(answered(4, 3))
    assert since_previous(third) == (1, 1.0, 25.0)
    late = clinic.recorded(answered(5, 2))
    assert since_previous(late) == (1, 2.0, 50.0)
    assert (late["recomputed_later_sessions"], late["stage"]["session_number"]) == (1, 2)
    assert since_previous(clinic.read_back(third["id"])) == (2, -1.0, -25.0)
    progress = clinic.get(f"/v1/clients/{first['client_id']}/progress").json()
    # totals are (n + 3 + 5 + 4 + 4 + 5 + 4 + 4) / 8 with 3, 5 and 4 for n
    assert [(line["sessions"], line["totals"]) for line in progress["series"]] == [([1, 2, 3], [4.0, 4.25, 4.125])]
    check_rebuild(clinic, "mrn-1042")
    assert whole(clinic) == []


def test_a_form_before_all_others_is_what_they_are_compared_with(clinic: Clinic) -> None:
    """The first session of five that comes last changes what is said of all four since the first."""
    later = [clinic.recorded(answered(3, n)) for n in (2, 3, 4, 5)]
    late = clinic.recorded(answered(1, 1))
    assert late["recomputed_later_sessions"] == 4
    told = [clinic.read_back(one["id"])["change"]["rapport"]["since_first"] for one in later]
    assert [(one["session_number"], one["value"]) for one in told] == [(1, 2.0)] * 4
    assert whole(clinic) == []


def test_the_first_answer_of_a_later_form_stays_what_it_was(clinic: Clinic) -> None:
    """Its key replays it byte for byte after any recomputation, another key too; reading tells the new words."""
    clinic.recorded(answered(3, 1))
    first = clinic.post(answered(4, 3), key="k")
    late = clinic.recorded(answered(5, 2))
    clinic.correct(late["id"], answered(1, 2))
    assert clinic.post(answered(4, 3), key="k").content == first.content
    assert clinic.post(answered(4, 3)).content == first.content
    read = clinic.read_back(first.json()["id"])
    assert since_previous(read) == (2, 3.0, 75.0)
    assert read["recomputed_later_sessions"] == 0
    query = select(assessments.c.revision).where(assessments.c.organisation_id == clinic.organisation)
    revisions = sorted(clinic.service.read(lambda c: list(c.execute(query).scalars())))
    assert revisions == [1, 1, 1, 1, 2, 3]  # sessions 1, 2, its correction and 3, which was told twice more


def test_a_late_form_without_news_makes_no_revision(clinic: Clinic) -> None:
    """Another rater's series tells the sessions after it nothing new but the stage; the same words are kept once."""
    clinic.recorded(therapists_form(session_number=1))
    clinic.recorded(therapists_form(session_number=2))
    before = clinic.count("assessments")
    assert clinic.recorded(form(session_number=2, instrument="wai-sr", answers={"1": 4}))["supersedes"] is None
    assert clinic.count("assessments") == before + 1


@pytest.mark.parametrize("first", ["client", "therapist"])
def test_the_other_raters_form_of_a_session_tells_the_one_before_it(clinic: Clinic, first: str) -> None:
    """In either order both forms of the session end with the client's focus and the therapist's rupture."""
    sent = {
        "client": form(session_number=2),
        "therapist": therapists_form(session_number=2, reported={"rupture": True}),
    }
    clinic.recorded(form(session_number=1))
    made = [clinic.recorded(sent[rater]) for rater in sorted(sent, key=lambda rater: rater != first)]
    assert [one["recomputed_later_sessions"] for one in made] == [0, 0]
    read = [clinic.read_back(one["id"]) for one in made]
    assert read[0]["stage"] == read[1]["stage"] == made[1]["stage"] != made[0]["stage"]
    stage = clinic.get(f"/v1/clients/{made[0]['client_id']}/stage").json()
    assert stage["contributions"]["rupture"] is True
    assert len(stage["contributions"]["items"]) == 4
    check_rebuild(clinic, "mrn-1042")


def test_a_late_ending_that_was_completed_first_counts(clinic: Clinic) -> None:
    """Of two reports the one completed first holds, whichever arrived first."""
    made = clinic.recorded(form(session_number=3, episode_ref="a", reported={"ending": "planned"}))
    clinic.recorded(form(session_number=2, episode_ref="a", reported={"ending": "transfer"}))
    assert clinic.get(f"/v1/clients/{made['client_id']}/progress").json()["episode"]["ending"] == "transfer"
    assert whole(clinic) == []


CHANGES: dict[str, Any] = {
    "the next session": lambda clinic, _: clinic.post(answered(5, 4)),
    "a late form": lambda clinic, _: clinic.post(answered(5, 2)),
    "the other rater": lambda clinic, _: clinic.post(therapists_form(session_number=3)),
    "a correction": lambda clinic, made: clinic.correct(made["id"], answered(1, 3)),
    "a withdrawal": lambda clinic, made: clinic.withdraw(made["id"]),
    "a repeat": lambda clinic, _: clinic.post(answered(4, 3)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_episode_that_keeps_nothing_yet_is_made_from_its_forms(clinic: Clinic, name: str) -> None:
    """After a migration `course` is empty: whatever comes next finds the earlier forms all the same."""
    clinic.recorded(answered(3, 1))
    made = clinic.recorded(answered(4, 3))
    forget_the_course(clinic)
    answer = CHANGES[name](clinic, made)
    assert answer.status_code == (200 if name == "a repeat" else 201)
    check_rebuild(clinic, "mrn-1042")
    sessions = {"the next session": [1, 3, 4], "a late form": [1, 2, 3], "a withdrawal": [1]}.get(name, [1, 3])
    told = clinic.get(f"/v1/clients/{made['client_id']}/progress").json()
    assert told["series"][0]["sessions"] == sessions


def test_what_an_episode_that_keeps_nothing_is_read_as(clinic: Clinic) -> None:
    """Progress and stage are the same with the kept state and without it."""
    made = [clinic.recorded(answered(n, n)) for n in (1, 2, 3)]
    client = f"/v1/clients/{made[0]['client_id']}"
    kept = [clinic.get(f"{client}/{part}").content for part in ("progress", "stage", "trajectory")]
    forget_the_course(clinic)
    assert [clinic.get(f"{client}/{part}").content for part in ("progress", "stage", "trajectory")] == kept
