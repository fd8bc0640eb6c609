"""The same form twice, under every name it may come by."""

from __future__ import annotations

from tests.harness import ANSWERS, Clinic, form, problem

SOURCE = {"system": "https://ehr.example/forms", "id": "qr-889"}


def test_a_repeat_answers_the_first_status_and_bytes(clinic: Clinic) -> None:
    """Quoted or bare, in another zone, with null for absent: the same key and content replay."""
    first = clinic.post(form(completed_at="2026-11-20T14:05:00+01:00", answers={**ANSWERS, "7": None}), key="k")
    absent = {k: v for k, v in ANSWERS.items() if k != "7"}
    again = clinic.post(form(completed_at="2026-11-20T13:05:00Z", answers=absent), key='"k"')
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


def test_a_key_stands_for_one_content(clinic: Clinic) -> None:
    """Other content under a used key gets 422; another application's key of the same text is another key."""
    clinic.post(form(), key="k")
    assert problem(clinic.post(form(session_number=2), key="k"))["code"] == "idempotency_key_reused"
    other = clinic.service.application(clinic.organisation)
    assert other.post(form(session_number=2), key="k").status_code == 201


def test_the_same_form_under_another_key_is_the_stored_one(clinic: Clinic) -> None:
    """200 with the same id, which that key then replays as 200."""
    first = clinic.recorded(form())
    for _ in range(2):
        again = clinic.post(form(), key="another")
        assert (again.status_code, again.json()["id"]) == (200, first["id"])
    assert clinic.count("submissions") == 1


def test_one_place_holds_one_form(clinic: Clinic) -> None:
    """Other content at the same place gets 409 with the id that is there."""
    first = clinic.recorded(form())
    told = problem(clinic.post(form(answers={**ANSWERS, "1": 1})))
    assert (told["code"], told["submission_id"]) == ("session_already_rated", first["id"])


def test_a_source_stands_for_one_form(clinic: Clinic) -> None:
    """The same source with the same content answers the stored form; with other content it is refused."""
    first = clinic.recorded(form(source=SOURCE))
    again = clinic.post(form(source=SOURCE))
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    told = problem(clinic.post(form(session_number=2, source=SOURCE)))
    assert (told["status"], told["code"], told["submission_id"]) == (409, "source_conflict", first["id"])


def test_an_ended_episode_takes_its_last_session_and_nothing_later(clinic: Clinic) -> None:
    """After an ending the other rater may answer, an old form may be repeated; the next form opens a new episode."""
    clinic.recorded(form(session_number=1))
    ended = clinic.recorded(form(session_number=2, reported={"ending": "planned"}))
    theirs = {k: v for k, v in ANSWERS.items() if not k.startswith("f")}
    late = clinic.recorded(form(session_number=2, instrument="trq-s-t", rater="therapist", answers=theirs))
    assert late["episode_id"] == ended["episode_id"]
    assert clinic.post(form(session_number=1)).status_code == 200
    after = clinic.recorded(form(session_number=3))
    assert after["episode_id"] != ended["episode_id"]
    assert clinic.count("episodes") == 2


def test_an_episode_keeps_its_therapist(clinic: Clinic) -> None:
    """A known episode_ref with another therapist gets 409; another client's episode_ref is another episode."""
    first = clinic.recorded(form(episode_ref="a"))
    told = problem(clinic.post(form(episode_ref="a", therapist_ref="th-8", session_number=2)))
    assert told["code"] == "episode_therapist_mismatch"
    assert clinic.count("therapists") == 1
    other = clinic.recorded(form(episode_ref="a", client_ref="mrn-2"))
    assert other["episode_id"] != first["episode_id"]
