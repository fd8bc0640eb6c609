"""Notice and consent: every statement is kept, the last one counts, and nobody overwrites what they don't know."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import select

from app.storage.people_tables import consents
from app.storage.tables import events
from tests.api.refusals import nothing_stored, refused, told
from tests.harness import Clinic, form, problem


def put(
    clinic: Clinic, client_id: str, what: str = "research-consent", *, tag: str = "*", **sent: Any
) -> httpx.Response:
    """State something."""
    body = {"decision": "given", "text_version": "2026-1", "stated_at": "2026-11-01T10:00:00Z"} | sent
    return clinic.request("PUT", f"/v1/clients/{client_id}/{what}", json=body, headers={"If-Match": tag})


def read(clinic: Clinic, client_id: str) -> httpx.Response:
    """Read what was stated."""
    return clinic.get(f"/v1/clients/{client_id}/consents")


def test_what_was_stated_last_counts_whenever_it_comes_in(clinic: Clinic) -> None:
    """A phone that was offline sends an older statement later: it is kept, and changes nothing."""
    client_id = clinic.recorded(form())["client_id"]
    empty = read(clinic, client_id).json()
    assert empty == {"client_id": client_id, "notice": None, "research": None, "history": []}
    assert put(clinic, client_id, "notice", decision="informed").status_code == 200
    assert put(clinic, client_id, decision="withdrawn", stated_at="2026-11-03T10:00:00Z").status_code == 200
    found = put(clinic, client_id, decision="given", stated_at="2026-11-02T10:00:00Z").json()
    assert (found["notice"]["decision"], found["research"]["decision"]) == ("informed", "withdrawn")
    assert [one["decision"] for one in found["history"]] == ["withdrawn", "given", "informed"]
    assert read(clinic, client_id).json() == found


def test_a_clock_that_runs_ahead_does_not_outlast_a_withdrawal(clinic: Clinic) -> None:
    """What is said to be stated tomorrow was stated when it came in: what the client withdraws next is withdrawn."""
    client_id = clinic.recorded(form())["client_id"]

    def moment(**later: float) -> str:
        return (clinic.service.runtime.now() + timedelta(**later)).isoformat().replace("+00:00", "Z")

    assert put(clinic, client_id, decision="given", stated_at=moment(hours=20)).status_code == 200
    found = put(clinic, client_id, decision="withdrawn", stated_at=moment()).json()
    assert found["research"]["decision"] == "withdrawn"
    assert [one["decision"] for one in found["history"]] == ["withdrawn", "given"]


def test_a_repeat_adds_nothing_and_another_state_is_refused(clinic: Clinic) -> None:
    """412 with the tag of a state of before, 428 without one, but what is there already may be sent again."""
    client_id = clinic.recorded(form())["client_id"]
    tag = read(clinic, client_id).headers["etag"]
    first = put(clinic, client_id, tag=tag)
    assert first.status_code == 200
    with nothing_stored(clinic):
        again = put(clinic, client_id, tag=tag)
        assert (again.status_code, again.content, again.headers["etag"]) == (200, first.content, first.headers["etag"])
        refused(put(clinic, client_id, tag=tag, decision="refused"), 412, "precondition_failed")
        refused(put(clinic, client_id, tag="x"), 400, "invalid_parameter")
        sent = {"decision": "given", "text_version": "1", "stated_at": "2026-11-01T10:00:00Z"}
        bare = clinic.request("PUT", f"/v1/clients/{client_id}/research-consent", json=sent)
        assert problem(bare)["code"] == "precondition_required"
    assert put(clinic, client_id, tag=first.headers["etag"], decision="refused").status_code == 200
    same = clinic.get(
        f"/v1/clients/{client_id}/consents", headers={"If-None-Match": read(clinic, client_id).headers["etag"]}
    )
    assert same.status_code == 304


def test_of_two_at_once_who_know_the_same_one_wins(clinic: Clinic) -> None:
    """Nobody decides over a decision that they have not seen."""
    client_id = clinic.recorded(form())["client_id"]
    tag = read(clinic, client_id).headers["etag"]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: put(clinic, client_id, tag=tag, text_version=str(n)), range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]


def test_what_can_not_be_stated_is_refused(clinic: Clinic) -> None:
    """Each subject has its decisions, a text its version, and a time is not of the day after tomorrow."""
    client_id = clinic.recorded(form())["client_id"]
    ahead = (datetime.now(UTC) + timedelta(hours=25)).isoformat().replace("+00:00", "Z")
    with nothing_stored(clinic):
        assert told(put(clinic, client_id, decision="informed")) == (
            422,
            "validation_failed",
            [("/decision", "not_allowed")],
        )
        assert told(put(clinic, client_id, "notice", decision="given")) == (
            422,
            "validation_failed",
            [("/decision", "not_allowed")],
        )
        assert told(put(clinic, client_id, text_version="a b")) == (
            422,
            "validation_failed",
            [("/text_version", "invalid_format")],
        )
        assert told(put(clinic, client_id, stated_at=ahead)) == (
            422,
            "validation_failed",
            [("/stated_at", "in_the_future")],
        )


def test_it_is_between_the_organisation_and_the_client(clinic: Clinic) -> None:
    """The client's own key states and reads; another client's, a therapist's and another organisation's find nobody."""
    client_id = clinic.recorded(form())["client_id"]
    clinic.recorded(form(client_ref="mrn-2"))
    assert put(clinic.bound("client", "mrn-1042"), client_id).status_code == 200
    others = (clinic.bound("client", "mrn-2"), clinic.bound("therapist", "th-7"), clinic.service.clinic())
    for by in others:
        refused(read(by, client_id), 404, "not_found")
        refused(put(by, client_id, decision="withdrawn"), 404, "not_found")
    assert read(clinic, client_id).json()["research"]["decision"] == "given"


def test_the_person_behind_a_statement_is_sealed_and_the_log_has_the_subject_only(clinic: Clinic) -> None:
    """Who wrote it down is in the row and in the event, and readable in neither; the decision is in no event."""
    client_id = clinic.recorded(form())["client_id"]
    body = {"decision": "refused", "text_version": "1", "stated_at": "2026-11-01T10:00:00Z"}
    headers = {"If-Match": "*", "Acting-User": "nurse-CANARY"}
    path = f"/v1/clients/{client_id}/research-consent"
    assert clinic.request("PUT", path, json=body, headers=headers).status_code == 200
    row = select(consents).where(consents.c.organisation_id == clinic.organisation)
    event = select(events).where(events.c.organisation_id == clinic.organisation, events.c.kind == "consent.recorded")
    kept, logged = clinic.service.read(lambda c: (c.execute(row).one(), c.execute(event).one()))
    assert kept.sealed_acting is not None
    assert "CANARY" not in str(kept) + str(logged)
    assert (sorted(logged.subject), logged.subject["subject"]) == (["acting", "client_id", "subject"], "research")
