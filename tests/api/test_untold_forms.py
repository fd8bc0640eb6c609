"""A therapist's key can't find out that there is a form of which the client was told that the therapist doesn't see it.

Each test asks with a therapist's key where such a form is, and mostly also where there is none: the answers are one.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import ANSWERS, Clinic, form, problem, therapists_form

#: What is concluded from a form.
CONCLUDED = ("change", "signals", "stage", "notes", "recommendations", "recomputed_later_sessions")
LOW: dict[str, Any] = dict.fromkeys(ANSWERS, 1)


def untold(**changes: Any) -> dict[str, Any]:
    """Make a client's form of which they were told that the therapist doesn't see it."""
    return form(**{"seen_by_therapist": False, "answers": LOW} | changes)


def feed(caller: Clinic) -> list[tuple[str, str | None, str | None]]:
    """Read what the feed tells: kinds, and the forms that they name."""
    items = caller.get("/v1/changes?after=0&limit=200").json()["items"]
    return [(one["kind"], one["submission_id"], one["supersedes"]) for one in items]


def cases(caller: Clinic) -> list[dict[str, Any]]:
    """Read the caseload."""
    return list(caller.get("/v1/caseload").json()["items"])


def looked_up(caller: Clinic, ref: str) -> int:
    """Say with which status a client is looked up."""
    return caller.request("POST", "/v1/clients/lookup", json={"ref": ref}).status_code


def test_the_feed_tells_no_ending_and_no_recount_of_an_untold_form(clinic: Clinic) -> None:
    """A late form, its correction and its withdrawal, an ending, taken back and reported again."""
    therapist = clinic.bound("therapist", "th-7")
    for number in (1, 4):
        clinic.recorded(form(session_number=number))
    before = feed(therapist)
    late = clinic.recorded(untold(session_number=2))["id"]
    late = clinic.correct(late, untold(session_number=3)).json()["id"]
    assert clinic.withdraw(late).status_code == 201
    ending = clinic.recorded(untold(session_number=9, reported={"ending": "planned"}))["id"]
    assert clinic.withdraw(ending).status_code == 201
    clinic.recorded(untold(session_number=9, reported={"ending": "planned"}))
    assert feed(therapist) == before
    whole = {kind for kind, _, _ in feed(clinic)}
    assert whole >= {"episode.recomputed", "episode.ended", "episode.reopened"}


def test_nor_those_of_a_told_form(clinic: Clinic) -> None:
    """Else they would be missing where an untold form is; the form that brought them is told."""
    therapist = clinic.bound("therapist", "th-7")
    clinic.recorded(form(session_number=4))
    late = clinic.recorded(form(session_number=2, answers=LOW))["id"]
    ending = clinic.recorded(therapists_form(session_number=9, reported={"ending": "planned"}))["id"]
    assert [(kind, one) for kind, one, _ in feed(therapist) if not kind.startswith("signal")][2:] == [
        ("submission.recorded", late),
        ("submission.recorded", ending),
    ]


@pytest.mark.parametrize("answers", [LOW, ANSWERS])
def test_a_place_that_an_untold_form_holds_is_named_to_nobody(clinic: Clinic, answers: dict[str, Any]) -> None:
    """Posted, in a batch, under another id and as a correction; with the same content no differently."""
    therapist = clinic.bound("therapist", "th-7")
    own = clinic.recorded(form(session_number=1))["id"]
    hidden = clinic.recorded(untold(session_number=2))["id"]
    sent = untold(session_number=2, answers=answers)
    (item,) = therapist.post_batch([("b", sent)]).json()["items"]
    put = therapist.put("019a0000-0000-7000-8000-000000000001", sent)
    for refused in (therapist.post(sent), put, therapist.correct(own, sent)):
        told = problem(refused)
        assert (refused.status_code, told["code"], told.get("submission_id")) == (409, "session_already_rated", None)
        assert "Location" not in refused.headers
        assert hidden not in refused.text
    assert (item["status"], item["id"], item["problem"].get("submission_id")) == (409, None, None)
    assert problem(clinic.post(form(session_number=2)))["submission_id"] == hidden
    assert problem(therapist.post(form(session_number=1, answers=LOW)))["submission_id"] == own


def test_the_same_untold_form_is_not_there_under_its_id_or_source(clinic: Clinic) -> None:
    """Who has the whole form, its id and its sender's id learns of it no more than anybody."""
    therapist = clinic.bound("therapist", "th-7")
    sent = untold(source={"system": "https://ehr.example", "id": "q-1"})
    hidden = "019a0000-0000-7000-8000-000000000001"
    assert clinic.put(hidden, sent).status_code == 201
    assert problem(therapist.put(hidden, sent))["code"] == "not_found"
    refused = therapist.post(sent)
    assert problem(refused)["code"] == "session_already_rated"
    assert hidden not in refused.text + str(refused.headers)
    assert clinic.post(sent).headers["Location"].endswith(hidden)


def test_a_form_that_corrects_an_untold_one_names_none(clinic: Clinic) -> None:
    """Neither read nor in the feed, where it is a form like others."""
    therapist = clinic.bound("therapist", "th-7")
    hidden = clinic.recorded(untold())["id"]
    told = clinic.correct(hidden, form(seen_by_therapist=True)).json()["id"]
    again = clinic.correct(told, form(seen_by_therapist=True, answers=LOW)).json()["id"]
    assert (therapist.read_back(told)["supersedes"], clinic.read_back(told)["supersedes"]) == (None, hidden)
    assert therapist.read_back(again)["supersedes"] == told
    forms = [one for one in feed(therapist) if one[1]]
    assert forms == [("submission.recorded", told, None), ("submission.corrected", again, told)]
    assert ("submission.corrected", told, hidden) in feed(clinic)


def test_a_form_that_is_posted_and_withdrawn_is_answered_alike(clinic: Clinic) -> None:
    """With an untold form in the episode and without: bodies, and what a form says that counts no longer."""
    found = []
    for has_untold in (False, True):
        here = clinic.service.clinic()
        here.recorded(form(session_number=1))
        here.recorded(form(session_number=4))
        if has_untold:
            here.recorded(untold(session_number=3))
        therapist = here.bound("therapist", "th-7")
        posted = therapist.post(therapists_form(session_number=2))
        path = posted.headers["Location"]
        batch = therapist.post_batch([("b", therapists_form(session_number=3))]).json()["items"]
        corrected = therapist.correct(path.rsplit("/", 1)[1], therapists_form(session_number=2, answers={"1": 2}))
        withdrawn = therapist.withdraw(corrected.headers["Location"].rsplit("/", 1)[1])
        read = [therapist.get(one.headers["Location"]) for one in (posted, corrected)]
        bodies = [one.json() for one in read]
        found.append(
            {
                "posted": [
                    (one.status_code, one.content, one.headers["Preference-Applied"]) for one in (posted, corrected)
                ],
                "batch": [(one["status"], one["submission"]) for one in batch],
                "withdrawn": (withdrawn.status_code, withdrawn.json()["recomputed_later_sessions"]),
                "read": [
                    (one.status_code, body["status"], *(body[name] for name in CONCLUDED), bool(body["scores"]))
                    for one, body in zip(read, bodies, strict=True)
                ],
                "told": [
                    bodies[0]["superseded_by"] == bodies[1]["id"],
                    bodies[1]["withdrawal"]["recomputed_later_sessions"],
                ],
            }
        )
        assert problem(therapist.correct(bodies[0]["id"], therapists_form()))["submission_id"] == bodies[1]["id"]
    assert found[0] == found[1]
    assert found[0]["posted"] == [(201, b"", "return=minimal")] * 2
    said: tuple[object, ...] = ({}, [], None, [], [], 0, True)
    assert found[0]["read"] == [(200, "superseded", *said), (200, "withdrawn", *said)]
    assert (found[0]["withdrawn"], found[0]["told"], found[0]["batch"]) == ((201, 0), [True, 0], [(201, None)])


def test_a_client_of_untold_forms_alone_is_not_there(clinic: Clinic) -> None:
    """In no read, no caseload and no feed, nor by their reference or a schedule, until a form is told."""
    therapist = clinic.bound("therapist", "th-7")
    made = clinic.recorded(untold())
    base = f"/v1/clients/{made['client_id']}"
    schedule = f"{base}/episodes/{made['episode_id']}/schedule"
    asked: dict[str, Any] = {"json": {"expected_sessions": 12, "cadence_days": 7}, "headers": {"If-Match": "*"}}
    assert clinic.request("PUT", schedule, **asked).status_code == 200
    paths = [f"{base}/{name}" for name in ("progress", "trajectory", "stage", "signals", "discrepancy")]
    assert [therapist.get(path).status_code for path in (*paths, schedule)] == [404] * 6
    assert therapist.request("PUT", schedule, **asked).status_code == 404
    assert (cases(therapist), feed(therapist), looked_up(therapist, "mrn-1042")) == ([], [], 404)
    assert (len(cases(clinic)), looked_up(clinic, "mrn-1042")) == (1, 200)
    clinic.recorded(form(session_number=2))
    assert [therapist.get(path).status_code for path in (*paths, schedule)] == [200] * 6
    assert (len(cases(therapist)), looked_up(therapist, "mrn-1042")) == (1, 200)


def test_an_episode_that_untold_forms_opened_is_not_told(clinic: Clinic) -> None:
    """After an untold ending: progress, caseload and feed stay at the episode that the therapist knows."""
    therapist = clinic.bound("therapist", "th-7")
    made = clinic.recorded(form(session_number=1))
    path = f"/v1/clients/{made['client_id']}/progress"
    before = (therapist.get(path).json()["episode"], cases(therapist), feed(therapist))
    clinic.recorded(untold(session_number=2, reported={"ending": "planned"}))
    later = clinic.recorded(untold(session_number=3))
    assert later["episode_id"] != made["episode_id"]
    assert (therapist.get(path).json()["episode"], cases(therapist), feed(therapist)) == before
    assert clinic.get(path).json()["episode"] != before[0]


def test_an_episode_whose_told_forms_are_withdrawn_stays_known(clinic: Clinic) -> None:
    """Else it would go where an untold form is, and stay where none is."""
    therapist = clinic.bound("therapist", "th-7")
    own = clinic.recorded(therapists_form())
    hidden = clinic.recorded(untold(session_number=2))
    assert hidden["episode_id"] == own["episode_id"]
    assert clinic.withdraw(own["id"]).status_code == 201
    assert [(one["episode_id"], one["last_session"]) for one in cases(therapist)] == [(own["episode_id"], None)]
    assert looked_up(therapist, "mrn-1042") == 200
