"""A withdrawn form counts no longer: later sessions, free places, endings, and what is left to read."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.operations import ABSENT
from tests.api.refusals import nothing_stored, refused
from tests.harness import ANSWERS, Clinic, form, therapists_form
from tests.usecases.histories import check_rebuild
from tests.usecases.test_corrections import answered, since_previous, whole


def withdrawn(clinic: Clinic, submission_id: str, **how: Any) -> dict[str, Any]:
    """Withdraw a form that must be there, and return the answer."""
    response = clinic.withdraw(submission_id, **how)
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_later_sessions_are_compared_with_what_is_left(clinic: Clinic) -> None:
    """Rapport 3, 5, 4: without session 2 the third is 1 above the first; the first answer stays as it was."""
    forms = [clinic.recorded(answered(rapport, n)) for n, rapport in ((1, 3), (2, 5), (3, 4))]
    told = withdrawn(clinic, forms[1]["id"], reason="wrong_person")
    assert told == {
        "id": forms[1]["id"], "status": "withdrawn", "reason": "wrong_person", "recomputed_later_sessions": 1,
        "withdrawn_at": told["withdrawn_at"],
    }  # fmt: skip
    assert since_previous(clinic.read_back(forms[2]["id"])) == (1, 1.0, 25.0)
    assert since_previous(forms[2]) == (2, -1.0, -25.0)
    check_rebuild(clinic, "mrn-1042")
    assert whole(clinic) == []


def test_a_withdrawn_form_stays_readable(clinic: Clinic) -> None:
    """With its content, its scores, since when and why."""
    made = clinic.recorded(form())
    told = withdrawn(clinic, made["id"], reason="client_request")
    read = clinic.read_back(made["id"])
    assert (read["status"], read["superseded_by"], read["scores"]) == ("withdrawn", None, made["scores"])
    assert read["withdrawal"] == {name: told[name] for name in ("reason", "withdrawn_at", "recomputed_later_sessions")}
    assert read["form"]["answers"] == ANSWERS


def test_the_place_of_a_withdrawn_form_is_free(clinic: Clinic) -> None:
    """The same content is stored anew, other content too, and each has an id of its own."""
    first = clinic.recorded(form())
    withdrawn(clinic, first["id"])
    second = clinic.recorded(form())
    withdrawn(clinic, second["id"])
    third = clinic.recorded(answered(1, 1))
    assert len({first["id"], second["id"], third["id"]}) == 3
    assert whole(clinic) == []


def test_the_key_of_a_withdrawn_form_still_replays_its_first_answer(clinic: Clinic) -> None:
    """A sender who repeats the post hears what it heard then, and nothing is stored again."""
    first = clinic.post(form(), key="k")
    withdrawn(clinic, first.json()["id"])
    with nothing_stored(clinic):
        again = clinic.post(form(), key="k")
    assert (again.status_code, again.content) == (201, first.content)


def test_the_senders_own_id_stays_with_the_withdrawn_form(clinic: Clinic) -> None:
    """Sent again under it the form is told to be no longer current, other content conflicts; under a new id it goes."""
    source = {"system": "s", "id": "1"}
    made = clinic.recorded(form(source=source))
    withdrawn(clinic, made["id"])
    with nothing_stored(clinic):
        refused(clinic.post(form(source=source)), 409, "not_current")
        told = refused(clinic.post(form(session_number=2, source=source)), 409, "source_conflict")
    assert told["submission_id"] == made["id"]
    assert clinic.post(form(source={**source, "id": "2"})).status_code == 201


def test_a_second_withdrawal_answers_the_first(clinic: Clinic) -> None:
    """The same key replays with 201; another key, with another reason even, gets 200 and what was said first."""
    made = clinic.recorded(form())
    first = clinic.withdraw(made["id"], key="k")
    with nothing_stored(clinic):
        again = clinic.withdraw(made["id"], key="k")
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["idempotent-replayed"] == "true"
        refused(clinic.withdraw(made["id"], key="k", reason="other"), 422, "idempotency_key_reused")
    other = clinic.withdraw(made["id"], key="another", reason="other")
    assert (other.status_code, other.content) == (200, first.content)
    assert "idempotent-replayed" not in other.headers
    with nothing_stored(clinic):
        replayed = clinic.withdraw(made["id"], key="another", reason="other")
    assert (replayed.status_code, replayed.content) == (200, first.content)
    assert replayed.headers["idempotent-replayed"] == "true"
    assert clinic.count("withdrawals") == 1


def test_a_superseded_form_cannot_be_withdrawn(clinic: Clinic) -> None:
    """Its successor is named; withdrawing that one takes the whole chain out, and the place is free."""
    made = clinic.recorded(form())
    successor = clinic.correct(made["id"], answered(5, 1)).json()
    with nothing_stored(clinic):
        told = refused(clinic.withdraw(made["id"]), 409, "not_current")
    assert told["submission_id"] == successor["id"]
    withdrawn(clinic, successor["id"])
    assert [clinic.read_back(one["id"])["status"] for one in (made, successor)] == ["superseded", "withdrawn"]
    assert clinic.recorded(form())["id"] not in {made["id"], successor["id"]}


def test_another_organisations_and_absent_forms_cannot_be_withdrawn(clinic: Clinic) -> None:
    """They are absent alike, and the form stays current."""
    made = clinic.recorded(form())
    other = clinic.service.clinic()
    with nothing_stored(other), nothing_stored(clinic):
        for target in (made["id"], ABSENT):
            refused(other.withdraw(target), 404, "not_found")
    assert clinic.read_back(made["id"])["status"] == "current"


@pytest.mark.parametrize("body", [{}, {"reason": None}, {"reason": "because"}, {"reason": "other", "text": "x"}])
def test_a_withdrawal_names_one_of_the_reasons(clinic: Clinic, body: dict[str, Any]) -> None:
    """Anything else has faults, and nothing is stored."""
    made = clinic.recorded(form())
    with nothing_stored(clinic):
        path = f"/v1/submissions/{made['id']}/withdrawal"
        answer = clinic.request("POST", path, json=body, headers={"Idempotency-Key": "k"})
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


def test_an_episode_without_any_form_that_counts_is_still_there(clinic: Clinic) -> None:
    """Progress and trajectory answer it empty, it has no stage; the next form goes on in it."""
    made = clinic.recorded(form(session_number=4, reported={"ending": "planned"}))
    withdrawn(clinic, made["id"])
    client = f"/v1/clients/{made['client_id']}"
    progress, trajectory = clinic.get(f"{client}/progress").json(), clinic.get(f"{client}/trajectory").json()
    episode = progress["episode"]
    assert (episode["id"], episode["last_session"], episode["ending"]) == (made["episode_id"], None, None)
    assert (progress["series"], progress["stage"], trajectory["series"]) == ([], None, [])
    refused(clinic.get(f"{client}/stage"), 404, "not_found")
    again = clinic.recorded(form(session_number=2))
    assert again["episode_id"] == made["episode_id"]
    assert again["change"]["total"]["since_previous"]["reason"] == "first_session"
    check_rebuild(clinic, "mrn-1042")


def test_a_withdrawal_of_the_ending_opens_the_episode_again(clinic: Clinic) -> None:
    """The next session belongs to it as if it had never ended."""
    first = clinic.recorded(form(session_number=1))
    ended = clinic.recorded(form(session_number=2, reported={"ending": "dropout"}))
    withdrawn(clinic, ended["id"])
    assert clinic.recorded(form(session_number=3))["episode_id"] == first["episode_id"]
    assert whole(clinic) == []


def test_of_two_endings_the_other_one_counts_when_one_is_withdrawn(clinic: Clinic) -> None:
    """The client's dropout came first; without it the therapist's planned ending holds, without both none does."""
    client = clinic.recorded(form(reported={"ending": "dropout"}))
    theirs = clinic.recorded(therapists_form(completed_at="2025-01-14T11:00:00Z", reported={"ending": "planned"}))

    def ending() -> str | None:
        told = clinic.get(f"/v1/clients/{client['client_id']}/progress").json()
        found: str | None = told["episode"]["ending"]
        return found

    assert ending() == "dropout"
    withdrawn(clinic, client["id"])
    assert ending() == "planned"
    withdrawn(clinic, theirs["id"])
    assert ending() is None


def test_an_ending_stays_while_a_later_episode_is_open(clinic: Clinic) -> None:
    """Two people have one open episode at a time: neither a withdrawal nor a correction may make it two."""
    ended = clinic.recorded(form(session_number=2, reported={"ending": "planned"}))
    later = clinic.recorded(form(session_number=3))
    assert later["episode_id"] != ended["episode_id"]
    with nothing_stored(clinic):
        refused(clinic.withdraw(ended["id"]), 409, "later_episode_open")
        refused(clinic.correct(ended["id"], form(session_number=2)), 409, "later_episode_open")
    assert clinic.read_back(ended["id"])["status"] == "current"
    closed = clinic.correct(later["id"], form(session_number=3, reported={"ending": "transfer"}))
    assert closed.status_code == 201
    withdrawn(clinic, ended["id"])
    assert whole(clinic) == []


def test_a_named_episode_may_be_opened_again_beside_another(clinic: Clinic) -> None:
    """Episodes with a reference may run side by side, so their endings may go."""
    ended = clinic.recorded(form(episode_ref="a", reported={"ending": "planned"}))
    clinic.recorded(form(session_number=2))
    withdrawn(clinic, ended["id"])
    assert whole(clinic) == []


def test_of_many_withdrawals_at_once_one_takes_it_out(clinic: Clinic) -> None:
    """Sixteen keys at once: one 201, and 200 with the same words for the others."""
    made = clinic.recorded(form())
    clinic.recorded(form(session_number=2))
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: clinic.withdraw(made["id"], key=f"k-{n}"), range(16)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 15}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["recomputed_later_sessions"] == 1
    assert whole(clinic) == []
