"""A correction supersedes a form: what is kept, what is refused, and what is looked at again."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.operations import ABSENT
from tests.api.refusals import nothing_stored, refused
from tests.faults.accounting import faults
from tests.faults.rebuild import differences
from tests.harness import ANSWERS, Clinic, form, problem, therapists_form
from tests.usecases.histories import check_rebuild

SOURCE = {"system": "https://ehr.example/forms", "id": "qr-889"}


def answered(rapport: int, session: int, **changes: Any) -> dict[str, Any]:
    """Make a form of a session that answers the item on rapport in a way of its own."""
    return form(**{"session_number": session, "answers": {**ANSWERS, "1": rapport}} | changes)


def corrected(clinic: Clinic, submission_id: str, sent: dict[str, Any]) -> dict[str, Any]:
    """Post a correction that must be taken, and return the answer."""
    response = clinic.correct(submission_id, sent)
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


def whole(clinic: Clinic) -> list[str]:
    """List what is wrong with the organisation's rows and answers."""
    return [*clinic.service.read(lambda c: faults(c, [], organisation=clinic.organisation)), *differences(clinic)]


def since_previous(told: dict[str, Any], component: str = "rapport") -> tuple[int | None, float | None, float | None]:
    """Sum up the change of a component since the form before."""
    one = told["change"][component]["since_previous"]
    return one["session_number"], one["value"], one["pomp"]


def test_a_correction_of_the_second_of_three_sessions_changes_what_is_said_of_the_third(clinic: Clinic) -> None:
    """Rapport 3, 5, 4: session 3 is 1 below the one before; with 2 in place of 5 it is 2 above it."""
    forms = [clinic.recorded(answered(rapport, n)) for n, rapport in ((1, 3), (2, 5), (3, 4))]
    assert since_previous(forms[2]) == (2, -1.0, -25.0)
    made = corrected(clinic, forms[1]["id"], answered(2, 2))
    assert (made["supersedes"], made["recomputed_later_sessions"]) == (forms[1]["id"], 1)
    assert since_previous(made) == (1, -1.0, -25.0)
    third = clinic.read_back(forms[2]["id"])
    assert since_previous(third) == (2, 2.0, 50.0)
    # the total falls by 1 / 8 with the corrected answer, from 4.25 to 3.875 in session 2; session 3 has 4.125
    assert since_previous(forms[2], "total") == (2, -0.125, -3.125)
    assert since_previous(third, "total") == (2, 0.25, 6.25)
    assert (third["change"]["rapport"]["since_first"]["value"], third["recomputed_later_sessions"]) == (1.0, 0)
    assert whole(clinic) == []


def test_a_superseded_form_stays_readable_and_names_its_successor(clinic: Clinic) -> None:
    """The old form keeps its content and its scores; each of a chain points to the next, the last is current."""
    first = clinic.recorded(answered(3, 1))
    second = corrected(clinic, first["id"], answered(4, 1))
    third = corrected(clinic, second["id"], answered(5, 1))
    told = [clinic.read_back(one["id"]) for one in (first, second, third)]
    assert [one["status"] for one in told] == ["superseded", "superseded", "current"]
    assert [one["superseded_by"] for one in told] == [second["id"], third["id"], None]
    assert [one["supersedes"] for one in told] == [None, first["id"], second["id"]]
    assert [one["form"]["answers"]["1"] for one in told] == [3, 4, 5]
    assert told[0]["scores"] == first["scores"]
    assert [one["withdrawal"] for one in told] == [None, None, None]
    assert whole(clinic) == []


def test_only_the_current_form_can_be_corrected(clinic: Clinic) -> None:
    """Whoever corrects an older one is told the successor's id."""
    first = clinic.recorded(form())
    second = corrected(clinic, first["id"], answered(5, 1))
    with nothing_stored(clinic):
        told = refused(clinic.correct(first["id"], answered(1, 1)), 409, "not_current")
    assert told["submission_id"] == second["id"]


def test_a_correction_is_replayed_and_its_key_holds_its_target(clinic: Clinic) -> None:
    """The same key answers the same bytes, even after another correction; with another target it is reused."""
    one, two = clinic.recorded(form()), clinic.recorded(form(client_ref="mrn-2"))
    first = clinic.correct(one["id"], answered(5, 1), key="k")
    corrected(clinic, first.json()["id"], answered(1, 1))
    with nothing_stored(clinic):
        again = clinic.correct(one["id"], answered(5, 1), key="k")
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["idempotent-replayed"] == "true"
        refused(clinic.correct(two["id"], answered(5, 1), key="k"), 422, "idempotency_key_reused")
        refused(clinic.correct(one["id"], answered(4, 1), key="k"), 422, "idempotency_key_reused")
    assert clinic.post(form(client_ref="mrn-3"), key="k").status_code == 201  # another route's key is another one


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"client_ref": "mrn-2"}, "/client_ref"),
        ({"client_ref": {"system": "s", "value": "mrn-1042"}}, "/client_ref"),
        ({"therapist_ref": "th-8"}, "/therapist_ref"),
        ({"episode_ref": "b"}, "/episode_ref"),
        ({"instrument": "wai-sr", "answers": {str(n): 4 for n in range(1, 13)}}, "/instrument"),
        ({"instrument": "trq-s-t", "rater": "therapist", "answers": {"1": 4}}, "/instrument"),
    ],
)
def test_a_correction_stays_in_its_series(clinic: Clinic, changes: dict[str, Any], pointer: str) -> None:
    """Client, therapist, episode, instrument and rater are those of the corrected form, or the places are told."""
    made = clinic.recorded(form(episode_ref="a"))
    clinic.recorded(form(client_ref="mrn-2", therapist_ref="th-8", episode_ref="b"))
    with nothing_stored(clinic):
        answer = clinic.correct(made["id"], form(**{"episode_ref": "a"} | changes))
        told = problem(answer)
    assert (answer.status_code, told["code"]) == (422, "validation_failed")
    assert {"pointer": pointer, "code": "differs_from_corrected"} in told["errors"]
    assert {one["code"] for one in told["errors"]} == {"differs_from_corrected"}


def test_a_correction_need_not_name_the_episode(clinic: Clinic) -> None:
    """Without episode_ref it stays in the episode of what it corrects, which has a reference."""
    made = clinic.recorded(form(episode_ref="a"))
    assert corrected(clinic, made["id"], answered(5, 1))["episode_id"] == made["episode_id"]


def test_a_correction_may_move_a_form_to_another_session(clinic: Clinic) -> None:
    """Session 2 was in fact session 5: its old place is free, and both ends of the move are looked at again."""
    forms = [clinic.recorded(answered(rapport, n)) for n, rapport in ((1, 3), (2, 5), (3, 4))]
    made = corrected(clinic, forms[1]["id"], answered(5, 5))
    assert (made["session_number"], made["recomputed_later_sessions"]) == (5, 1)
    assert since_previous(made) == (3, 1.0, 25.0)
    assert since_previous(clinic.read_back(forms[2]["id"])) == (1, 1.0, 25.0)
    assert clinic.recorded(answered(1, 2))["recomputed_later_sessions"] == 2
    assert since_previous(clinic.read_back(forms[2]["id"])) == (2, 3.0, 75.0)
    back = corrected(clinic, made["id"], answered(5, 4))
    assert (back["session_number"], back["recomputed_later_sessions"]) == (4, 0)
    check_rebuild(clinic, "mrn-1042")
    assert whole(clinic) == []


def test_a_correction_into_a_taken_place_is_refused(clinic: Clinic) -> None:
    """The form that holds the place is named; nothing changes, even when the contents are the same."""
    forms = [clinic.recorded(form(session_number=n)) for n in (1, 2)]
    for sent in (answered(5, 2), form(session_number=2)):
        with nothing_stored(clinic):
            told = refused(clinic.correct(forms[0]["id"], sent), 409, "session_already_rated")
        assert told["submission_id"] == forms[1]["id"]
    assert clinic.read_back(forms[0]["id"])["status"] == "current"


def test_a_withdrawn_form_cannot_be_corrected(clinic: Clinic) -> None:
    """It is not current, and there is none in its place to be named."""
    made = clinic.recorded(form())
    assert clinic.withdraw(made["id"]).status_code == 201
    with nothing_stored(clinic):
        told = refused(clinic.correct(made["id"], answered(5, 1)), 409, "not_current")
    assert "submission_id" not in told


def test_a_correction_may_keep_the_senders_own_id(clinic: Clinic) -> None:
    """One source through a chain; posted again it answers the current form, and 409 for what was corrected since."""
    first = clinic.recorded(answered(3, 1, source=SOURCE))
    second = corrected(clinic, first["id"], answered(4, 1, source=SOURCE))
    third = corrected(clinic, second["id"], answered(5, 1, source=SOURCE))
    again = clinic.post(answered(5, 1, source=SOURCE))
    assert (again.status_code, again.json()["id"]) == (200, third["id"])
    told = refused(clinic.post(answered(3, 1, source=SOURCE)), 409, "not_current")
    assert told["submission_id"] == third["id"]
    told = refused(clinic.post(answered(1, 1, source=SOURCE)), 409, "source_conflict")
    assert told["submission_id"] == third["id"]
    assert clinic.count("sources") == 1


def test_the_source_of_another_form_is_not_taken_by_a_correction(clinic: Clinic) -> None:
    """A correction under an id that names a form outside its chain is a conflict."""
    clinic.recorded(form(source=SOURCE))
    made = clinic.recorded(form(session_number=2))
    with nothing_stored(clinic):
        refused(clinic.correct(made["id"], answered(5, 2, source=SOURCE)), 409, "source_conflict")


def test_another_organisation_cannot_correct_a_form(clinic: Clinic) -> None:
    """Its id is as absent as one that nobody has."""
    made = clinic.recorded(form())
    other = clinic.service.clinic()
    with nothing_stored(other), nothing_stored(clinic):
        for target in (made["id"], ABSENT):
            refused(other.correct(target, form()), 404, "not_found")


def test_a_correction_of_an_ending_opens_and_ends_the_episode(clinic: Clinic) -> None:
    """Without the ending the episode takes the next session; with another one it is ended in another way."""
    ended = clinic.recorded(form(session_number=2, reported={"ending": "planned"}))
    opened = corrected(clinic, ended["id"], form(session_number=2))
    client = f"/v1/clients/{ended['client_id']}/progress"
    assert clinic.get(client).json()["episode"]["ending"] is None
    assert clinic.recorded(form(session_number=3))["episode_id"] == ended["episode_id"]
    corrected(clinic, opened["id"], form(session_number=2, reported={"ending": "dropout"}))
    assert clinic.get(client).json()["episode"]["ending"] == "dropout"
    assert whole(clinic) == []


def test_a_correction_tells_the_other_rater_of_the_session(clinic: Clinic) -> None:
    """A rupture that the client's corrected form reports moves the stage of the therapist's form too."""
    client = clinic.recorded(form(session_number=2))
    theirs = clinic.recorded(therapists_form(session_number=2))
    made = corrected(clinic, client["id"], form(session_number=2, reported={"rupture": True}))
    assert made["stage"] != client["stage"]
    assert clinic.read_back(theirs["id"])["stage"] == made["stage"]
    assert whole(clinic) == []


def test_of_many_corrections_at_once_one_wins(clinic: Clinic) -> None:
    """Sixteen different corrections of one form: one supersedes it, all others hear which one."""
    made = clinic.recorded(form())
    later = clinic.recorded(form(session_number=2))
    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda n: clinic.correct(made["id"], answered(1 + n % 5, 1, modality=f"m{n}")), range(16))
        )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 15}
    won = next(answer.json()["id"] for answer in answers if answer.status_code == 201)
    told = {(p["code"], p.get("submission_id")) for p in (problem(a) for a in answers if a.status_code == 409)}
    assert told == {("not_current", won)}
    assert clinic.read_back(later["id"])["change"]["total"]["since_previous"]["session_number"] == 1
    assert whole(clinic) == []
