"""Who sees what: the contract's table, copied here, walked over every operation that reads.

| | client | therapist | supervisor | system |
| own answers and scores | own | client's and own | caseload's | yes |
| the other rater's answers and scores | - | client's (told to the client) | yes | yes |
| signals, z, stage probabilities, recommendations | - | own clients | own teams | yes |
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from app.access.administer import create_application
from app.access.binding import Binding
from tests.api.acting import want_persons
from tests.api.operations import EVERY
from tests.api.test_supervisors import team
from tests.harness import ANSWERS, Clinic, form, problem, therapists_form

LOW: dict[str, Any] = dict.fromkeys(ANSWERS, 1)
AUDIENCES = ("system", "supervisor", "therapist", "client")
#: Whose forms each may read, by what the client was told: `silent` where nothing was stated.
RATERS = {
    "system": {"told", "silent", "untold", "therapist"},
    "supervisor": {"told", "silent", "untold", "therapist"},
    "therapist": {"told", "silent", "therapist"},
    "client": {"told", "silent", "untold"},
}
#: What the client reports with each.
REPORTED: dict[str, dict[str, Any]] = {"told": {"rupture": True}, "silent": {}, "untold": {"wish_to_talk": True}}
#: What is concluded, drawn and compared is for those who treat.
CONCLUSIONS = {"system": True, "supervisor": True, "therapist": True, "client": False}
#: No supervisor's application may have the scope.
NO_SCOPE = {"supervisor": {"submissions"}}
#: Words that a client's answer never says, in the languages of our texts.
NEVER = ("rupture", "ruptur", "termination", "terminación", "terminacion", "beendigung", "abbruch", "bruch")


@dataclass(frozen=True, kw_only=True)
class Walk:
    """One organisation with a form of each kind, and a caller for each audience."""

    callers: dict[str, Clinic]
    forms: dict[str, dict[str, Any]]
    signals: dict[str, str]

    @property
    def client(self) -> str:
        """The client whom everything is about."""
        return str(self.forms["told"]["client_id"])


def course(clinic: Clinic) -> dict[str, dict[str, Any]]:
    """Three forms of the client, of which they were told differently, and one of the therapist."""
    kinds: dict[str, bool | None] = {"told": True, "silent": None, "untold": False}
    made = {}
    for session, (kind, said) in enumerate(kinds.items(), start=1):
        about: dict[str, Any] = {"reported": REPORTED[kind], "seen_by_therapist": said}
        made[kind] = clinic.recorded(form(session_number=session, **about))
    made["therapist"] = clinic.recorded(therapists_form(session_number=1))
    return made


@pytest.fixture
def walk(clinic: Clinic) -> Walk:
    """The forms, and a caller of each audience who may read as much as the audience may."""
    forms = course(clinic)
    team(clinic, "North", members=("th-7",), supervisors=("sup",))
    work = partial(
        create_application,
        clinic.service.runtime,
        organisation=clinic.organisation,
        name="supervision",
        scopes=["scores:read", "caseload:read"],
        audience="supervisor",
        binding=Binding(kind="therapist", system=None, value="sup"),
    )
    callers = {
        "system": clinic,
        "supervisor": replace(clinic, api_key=clinic.service.portal.call(work).api_key),
        "therapist": clinic.bound("therapist", "th-7"),
        "client": clinic.bound("client", "mrn-1042"),
    }
    return Walk(
        callers=callers,
        forms=forms,
        signals={
            kind: signal["id"]
            for kind, one in forms.items()
            for signal in one["signals"]
            if signal["opened_session"] == one["session_number"]
        },
    )


def read(caller: Clinic, path: str) -> dict[str, Any] | None:
    """Read what is there for a caller; None where nothing is."""
    response = caller.get(path)
    assert response.status_code in {200, 403, 404}, response.text
    return dict(response.json()) if response.status_code == 200 else None


@pytest.mark.parametrize("audience", AUDIENCES)
def test_forms_are_read_by_whom_the_table_names(walk: Walk, audience: str) -> None:
    """Each form by itself: answers, scores, and what is concluded."""
    caller = walk.callers[audience]
    for kind, made in walk.forms.items():
        found = read(caller, f"/v1/submissions/{made['id']}")
        is_seen = kind in RATERS[audience] and "submissions" not in NO_SCOPE.get(audience, ())
        assert (found is not None) == is_seen, kind
        if found is not None:
            assert (found["stage"] is not None, bool(found["recommendations"])) == (CONCLUSIONS[audience],) * 2
            assert bool(found["signals"]) == (CONCLUSIONS[audience] and kind != "therapist")
            assert (found["form"]["reported"] is not None) == CONCLUSIONS[audience]


@pytest.mark.parametrize("audience", AUDIENCES)
def test_series_hold_the_forms_that_the_table_names(walk: Walk, audience: str) -> None:
    """Progress, trajectory and explanations: the sessions of each rater, and no more."""
    caller, base = walk.callers[audience], f"/v1/clients/{walk.client}"
    sessions = {"told": 1, "silent": 2, "untold": 3}
    own = [session for kind, session in sessions.items() if kind in RATERS[audience]]
    expected = {"client": own} | ({"therapist": [1]} if "therapist" in RATERS[audience] else {})
    told = read(caller, f"{base}/progress") or {}
    assert {line["rater"]: line["sessions"] for line in told["series"]} == expected
    assert (told["stage"] is not None, told["open_signals"] is not None) == (CONCLUSIONS[audience],) * 2
    drawn = read(caller, f"{base}/trajectory") or {}
    points = {line["rater"]: [point["session_number"] for point in line["points"]] for line in drawn["series"]}
    assert points == expected
    assert {line["shape"] is not None for line in drawn["series"]} == {CONCLUSIONS[audience]}
    for kind, made in walk.forms.items():
        found = read(caller, f"{base}/scores/{made['scores'][0]['id']}/explanation")
        assert (found is not None) == (kind in RATERS[audience]), kind


@pytest.mark.parametrize("audience", AUDIENCES)
def test_conclusions_are_for_those_who_treat(walk: Walk, audience: str) -> None:
    """Stage, signals, their explanations, the comparison of raters, the caseload."""
    caller, base = walk.callers[audience], f"/v1/clients/{walk.client}"
    is_for = CONCLUSIONS[audience]
    for path in (f"{base}/stage", f"{base}/signals", f"{base}/discrepancy", "/v1/caseload"):
        assert (read(caller, path) is not None) == is_for, path
    listed = read(caller, f"{base}/signals") or {"signals": []}
    seen = {one["id"] for one in listed["signals"]}
    for kind, signal in walk.signals.items():
        is_seen = is_for and kind in RATERS[audience]
        assert (signal in seen) == is_seen, kind
        assert (read(caller, f"{base}/signals/{signal}/explanation") is not None) == is_seen, kind


@pytest.mark.parametrize("audience", AUDIENCES)
def test_the_feed_names_what_is_seen(walk: Walk, audience: str) -> None:
    """Forms of others' eyes, and signals that rest on them, are not told by their ids either."""
    items = (read(walk.callers[audience], "/v1/changes?after=0&limit=200") or {})["items"]
    named = {one["submission_id"] for one in items if one["submission_id"]}
    assert named == {made["id"] for kind, made in walk.forms.items() if kind in RATERS[audience]}
    signals = {one["signal_id"] for one in items if one["signal_id"]}
    assert walk.signals["untold"] not in signals or audience in {"system", "supervisor"}
    assert not signals or CONCLUSIONS[audience]


def test_the_therapist_is_not_shown_what_rests_on_an_untold_form(walk: Walk, clinic: Clinic) -> None:
    """The caseload names no signal of it, nor can it be acknowledged, and nothing of it is told to who sends more."""
    therapist = walk.callers["therapist"]
    (case,) = (read(therapist, "/v1/caseload") or {})["items"]
    (whole,) = (read(clinic, "/v1/caseload") or {})["items"]
    assert (whole["attention"], whole["signal_id"] in walk.signals.values()) == ("alert", True)
    assert (case["attention"], case["signal_id"]) == ("none", None)
    path = f"/v1/clients/{walk.client}/signals/{walk.signals['untold']}/acknowledgements"
    sent = {"json": {"acting": "th-7", "reason": "other"}, "headers": {"Idempotency-Key": "k"}}
    assert therapist.request("POST", path, **sent).status_code == 404
    posted = therapist.post(therapists_form(session_number=2))
    assert (posted.status_code, posted.content) == (201, b"")
    assert posted.headers["Preference-Applied"] == "return=minimal"
    batch = therapist.post_batch([("b", therapists_form(session_number=3))]).json()["items"]
    assert [(one["status"], one["submission"]) for one in batch] == [(201, None)]


def test_what_the_therapist_reads_is_counted_without_untold_forms(clinic: Clinic) -> None:
    """The same as in an organisation where the form was never sent: scores, change, stage, signals."""
    answers = {1: {}, 2: LOW, 3: {"1": 5}}
    texts = []
    for has_untold in (True, False):
        here = clinic.service.clinic()
        for session, changed in answers.items():
            if session == 2 and not has_untold:
                continue
            sent = form(session_number=session, answers=ANSWERS | changed, seen_by_therapist=session != 2)
            last = here.recorded(sent)
        therapist = here.bound("therapist", "th-7")
        progress = read(therapist, f"/v1/clients/{last['client_id']}/progress") or {}
        whole = read(therapist, f"/v1/submissions/{last['id']}") or {}
        told = {
            "series": [{"sessions": line["sessions"], "totals": line["totals"]} for line in progress["series"]],
            "stage": progress["stage"],
            "open": progress["open_signals_count"],
            "change": whole["change"],
            "of_form": whole["stage"]["probabilities"],
            "signals": len(whole["signals"]),
        }
        texts.append(json.dumps(told, sort_keys=True))
    assert texts[0] == texts[1]


def test_how_many_sessions_were_looked_at_again_tells_of_no_untold_form(clinic: Clinic) -> None:
    """A form of the therapist's own comes late, and goes again: the client's later session is not counted."""
    clinic.recorded(form(session_number=4, seen_by_therapist=False))
    therapist = clinic.bound("therapist", "th-7")
    late = [clinic.recorded(therapists_form(session_number=number)) for number in (1, 2)]
    assert [one["recomputed_later_sessions"] for one in late] == [1, 1]
    assert therapist.read_back(late[0]["id"])["recomputed_later_sessions"] == 0
    withdrawn = [therapist.withdraw(late[0]["id"], key="k").json() for _ in range(2)]
    assert [one["recomputed_later_sessions"] for one in withdrawn] == [0, 0]
    assert clinic.withdraw(late[1]["id"]).json()["recomputed_later_sessions"] == 1


def test_a_form_that_an_untold_one_has_replaced_is_gone_for_the_therapist(clinic: Clinic) -> None:
    """It is read as absent, and so can't be corrected or withdrawn either: a conflict would name what replaced it."""
    therapist = clinic.bound("therapist", "th-7")
    told = clinic.recorded(form())["id"]
    new = clinic.correct(told, form(answers=LOW, seen_by_therapist=False)).json()["id"]
    assert therapist.get(f"/v1/submissions/{told}").status_code == 404
    assert problem(therapist.withdraw(told))["code"] == "not_found"
    assert problem(therapist.correct(told, form()))["code"] == "not_found"
    assert problem(clinic.withdraw(told))["submission_id"] == new
    assert problem(clinic.correct(told, form()))["submission_id"] == new


def test_a_therapists_caseload_is_as_if_no_untold_form_was_filled_in(clinic: Clinic) -> None:
    """Neither its session nor its time, nor the ending that it reported, nor that it came when a form was missing."""
    first = clinic.recorded(form(session_number=1, episode_ref="e"))
    path = f"/v1/clients/{first['client_id']}/episodes/{first['episode_id']}/schedule"
    schedule = {"expected_sessions": 12, "cadence_days": 7}
    assert clinic.request("PUT", path, json=schedule, headers={"If-Match": "*"}).status_code == 200
    therapist = clinic.bound("therapist", "th-7")
    before = (read(therapist, "/v1/caseload") or {})["items"]
    assert (before[0]["last_session"], before[0]["attention"]) == (1, "missing_form")
    untold = {"episode_ref": "e", "seen_by_therapist": False}
    clinic.recorded(form(session_number=9, completed_at="2026-11-01T10:00:00Z", **untold))
    clinic.recorded(form(session_number=10, reported={"ending": "dropout"}, **untold))
    assert (read(therapist, "/v1/caseload") or {})["items"] == before
    assert (read(clinic, "/v1/caseload") or {})["items"] == []
    clinic.recorded(therapists_form(session_number=11, episode_ref="e", reported={"ending": "planned"}))
    assert (read(therapist, "/v1/caseload") or {})["items"] == []


def _words(value: Any) -> Iterator[str]:
    """Yield all texts of an answer, of names and of values."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("language", ["en", "es", "de"])
def test_a_client_never_reads_the_words(walk: Walk, clinic: Clinic, language: str) -> None:
    """Over all that a client's key opens, of a history with a rupture and an ending, in every language."""
    clinic.recorded(therapists_form(session_number=4, reported={"rupture": True, "ending": "planned"}))
    client, base = walk.callers["client"], f"/v1/clients/{walk.client}"
    paths = [f"{base}/progress", f"{base}/trajectory", "/v1/changes?after=0&limit=200", "/v1/instruments/trq-s"]
    paths += [f"/v1/submissions/{walk.forms[kind]['id']}" for kind in ("told", "silent", "untold")]
    paths += [f"{base}/scores/{one['id']}/explanation" for one in walk.forms["told"]["scores"]]
    paths += [f"{base}/episodes/{walk.forms['told']['episode_id']}/schedule"]
    found = []
    for path in paths:
        response = client.get(path, headers={"Accept-Language": language})
        assert response.status_code == 200, path
        found += [(path, word) for word in _words(response.json()) for never in NEVER if never in word.lower()]
    assert found == []


def test_every_reading_operation_was_walked() -> None:
    """A new operation has to be looked at here: what it tells to whom."""
    walked = {
        "GET /v1/submissions/{submission_id}", "GET /v1/clients/{client_id}/progress", "GET /v1/caseload",
        "GET /v1/clients/{client_id}/trajectory", "GET /v1/clients/{client_id}/discrepancy", "GET /v1/changes",
        "GET /v1/clients/{client_id}/stage", "GET /v1/clients/{client_id}/scores/{score_id}/explanation",
        "GET /v1/clients/{client_id}/signals", "GET /v1/clients/{client_id}/signals/{signal_id}/explanation",
        "GET /v1/clients/{client_id}/episodes/{episode_id}/schedule",
    }  # fmt: skip
    elsewhere = {name for name in EVERY if "/instruments" in name or "/organisations/me" in name}
    # tests/api/test_export.py, test_consents.py, test_safeguarding.py, test_invitations.py and test_invited_checks.py
    # say who gets these
    elsewhere |= {
        "GET /v1/clients/{client_id}/export", "GET /v1/clients/{client_id}/consents", "GET /v1/safeguarding",
        "GET /v1/safeguarding/form", "GET /v1/safeguarding/{check_id}", "GET /v1/invitations/{invitation_id}",
        "GET /v1/invitations/mine", "GET /v1/invitations/mine/safety-check",
    }  # fmt: skip
    assert {name for name in EVERY if name.startswith("GET")} - elsewhere == walked


def test_where_it_is_wanted_a_person_must_be_named(clinic: Clinic) -> None:
    """From the next request on every read needs one, but a client's own key; to send a form does not."""
    made = clinic.recorded(form())
    path = f"/v1/clients/{made['client_id']}/progress"
    client = clinic.bound("client", "mrn-1042")
    want_persons(clinic)
    for read_path in (path, "/v1/caseload", "/v1/changes", f"/v1/submissions/{made['id']}"):
        refused = clinic.get(read_path)
        assert (refused.status_code, problem(refused)["code"]) == (403, "acting_user_required")
        assert clinic.get(read_path, headers={"Acting-User": "person-1"}).status_code == 200
    looked_up = clinic.request("POST", "/v1/clients/lookup", json={"ref": "mrn-1042"})
    assert problem(looked_up)["code"] == "acting_user_required"
    assert client.get(path).status_code == 200
    assert clinic.post(form(session_number=2)).status_code == 201
    assert clinic.get("/v1/instruments").status_code == 200
