"""Who looked at what is written down before the answer leaves, and nobody is told anything that is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from app.audit import log
from app.errors import KeyInProgress, StorageUnavailable
from app.storage.tables import events
from tests.api.operations import ABSENT, CHANGING, MAKING, SCOPE_OF, Ids, call
from tests.api.safety import listed, offering, post_check, safety_check, taken
from tests.harness import ANSWERS, Clinic, Service, form, problem
from tests.usecases.erasing import held

#: Operations whose answers hold nothing of a client.
ABOUT_NOBODY = {
    "GET /v1/organisations/me/psychometrics",
    "GET /v1/instruments",
    "GET /v1/instruments/{key}",
    "GET /v1/instruments/{key}/versions/{version}",
    "POST /v1/instruments/{key}/score",
}
#: What a change tells of itself.
KIND_OF = {
    "POST /v1/submissions": "submission.recorded",
    "POST /v1/submissions/batch": "submission.recorded",
    "PUT /v1/submissions/{submission_id}": "submission.recorded",
    "POST /v1/submissions/{submission_id}/corrections": "submission.corrected",
    "POST /v1/submissions/{submission_id}/withdrawal": "submission.withdrawn",
    "POST /v1/clients/{client_id}/signals/{signal_id}/acknowledgements": "signal.acknowledged",
    "PUT /v1/clients/{client_id}/episodes/{episode_id}/schedule": "episode.scheduled",
    "DELETE /v1/clients/{client_id}": "client.erased",
    "PUT /v1/clients/{client_id}/notice": "consent.recorded",
    "PUT /v1/clients/{client_id}/research-consent": "consent.recorded",
}
PERSONAL = [name for name in SCOPE_OF if name not in ABOUT_NOBODY]


def entries(clinic: Clinic, *kinds: str) -> list[dict[str, Any]]:
    """Read the organisation's entries of some kinds, in the order they were written."""

    def work(connection: Connection) -> Sequence[Any]:
        query = select(events).where(events.c.organisation_id == clinic.organisation, events.c.kind.in_(kinds))
        return connection.execute(query.order_by(events.c.event_id)).all()

    return [{"kind": row.kind, "by": row.application_id, **row.subject} for row in clinic.service.read(work)]


def accesses(clinic: Clinic) -> list[dict[str, Any]]:
    """Read who looked at what, and who was refused."""
    return entries(clinic, "access.read", "access.denied", "access.break_glass")


@pytest.mark.parametrize("name", PERSONAL)
def test_every_access_to_a_client_has_an_entry(clinic: Clinic, name: str) -> None:
    """Each operation leaves an entry of who read what of whom, or the event of what it changed, never neither."""
    ids = Ids.made(clinic)
    if name in KIND_OF and name not in MAKING and "{client_id}" not in name:
        ids = Ids(client_ref="mrn-new", submission_id=str(uuid4()))
    before = accesses(clinic)
    changed = len(entries(clinic, KIND_OF.get(name, "")))
    response = clinic.get("/v1/changes?after=0") if name == "GET /v1/changes" else call(clinic, name, ids)
    assert response.status_code in {200, 201}, response.text
    new = accesses(clinic)[len(before) :]
    if name in KIND_OF:
        assert len(entries(clinic, KIND_OF[name])) == changed + 1
        assert new == []
        return
    assert [(one["kind"], one["by"], one["outcome"]) for one in new] == [("access.read", clinic.application, "told")]
    assert new[0]["client_id"] == ids.client_id
    assert "acting" not in new[0]


@pytest.mark.parametrize("name", sorted(ABOUT_NOBODY))
def test_what_is_about_nobody_leaves_no_entry(clinic: Clinic, name: str) -> None:
    """Instruments and counts hold nothing of a client."""
    assert call(clinic, name, Ids()).status_code == 200
    assert accesses(clinic) == []


def test_a_refusal_is_written_down_alike_for_absent_and_foreign_ids(clinic: Clinic, service: Service) -> None:
    """The entry repeats the id that was asked for, and does not say whether it is somebody's."""
    foreign = Ids.made(service.clinic())
    for client_id in (ABSENT, foreign.client_id):
        assert clinic.get(f"/v1/clients/{client_id}/progress").status_code == 404
    told = accesses(clinic)
    assert [one.pop("client_id") for one in told] == [ABSENT, foreign.client_id]
    assert told[0] == told[1]
    assert told[0] == {
        "kind": "access.denied",
        "by": clinic.application,
        "operation": "get_progress",
        "outcome": "not_found",
    }


def test_a_malformed_id_is_not_repeated(clinic: Clinic) -> None:
    """What is no UUID may be anything: the entry says only that there was nothing."""
    assert clinic.get("/v1/clients/Erika-Mustermann/progress").status_code == 404
    assert accesses(clinic) == [
        {"kind": "access.denied", "by": clinic.application, "operation": "get_progress", "outcome": "not_found"}
    ]


def test_a_missing_scope_is_written_down(service: Service) -> None:
    """Who may not ask has tried."""
    clinic = service.clinic(scopes=("instruments:read",))
    assert clinic.get(f"/v1/submissions/{ABSENT}").status_code == 403
    assert accesses(clinic) == [
        {
            "kind": "access.denied",
            "by": clinic.application,
            "operation": "get_submission",
            "outcome": "missing_scope",
            "submission_id": ABSENT,
        }
    ]


def test_replays_are_reads(clinic: Clinic) -> None:
    """A form told again, whoever asks, has no event of its own: so it has an entry, in a batch too."""
    made = clinic.post(form(), key="k").json()
    assert accesses(clinic) == []
    clinic.post(form(), key="k")
    clinic.post(form(), key="another")
    clinic.post_batch([("k", form()), ("new", form(client_ref="mrn-2"))])
    assert [(one["operation"], one["client_id"]) for one in accesses(clinic)] == [
        ("post_submission", made["client_id"]),
        ("post_submission", made["client_id"]),
        ("post_batch", made["client_id"]),
    ]


def test_a_refusal_that_tells_something_is_written_down(clinic: Clinic) -> None:
    """That a session is rated, and by which form, that an id is taken, an episode somebody else's, a hold stands."""
    made = clinic.recorded(form(episode_ref="e"))
    other = {**ANSWERS, "1": 1}
    held(clinic)
    answers = [
        clinic.post(form(episode_ref="e", answers=other)),
        clinic.put(made["id"], form(episode_ref="e", answers=other)),
        clinic.post(form(episode_ref="e", therapist_ref="th-8", session_number=2)),
        clinic.request("DELETE", f"/v1/clients/{made['client_id']}"),
    ]
    assert [(answer.status_code, answer.json().get("submission_id")) for answer in answers] == [
        (409, made["id"]), (412, made["id"]), (409, None), (409, None),
    ]  # fmt: skip
    assert [(one["kind"], one["outcome"], one.get("named_submission_id")) for one in accesses(clinic)] == [
        ("access.denied", "session_already_rated", made["id"]),
        ("access.denied", "already_exists", made["id"]),
        ("access.denied", "episode_therapist_mismatch", None),
        ("access.denied", "legal_hold", None),
    ]
    assert accesses(clinic)[3]["client_id"] == made["client_id"]


def test_that_a_check_is_closed_is_told_and_written_down(clinic: Clinic) -> None:
    """Who closes it again in other words, or in another's place, learns that it was closed: with their name."""
    reader = offering(clinic, "officer-1", "officer-2")
    post_check(clinic)
    check_id = listed(reader, "officer-1")[0]["id"]
    assert taken(reader, "officer-1", check_id, "closing", reason="Talked to her.").status_code == 201
    before = len(accesses(clinic))
    for person, reason in (("officer-1", "Another."), ("officer-2", "Talked to her.")):
        assert taken(reader, person, check_id, "closing", reason=reason).status_code == 409
    found = accesses(clinic)[before:]
    assert [one.pop("acting") is not None for one in found] == [True, True]
    assert (
        found
        == [
            {
                "kind": "access.denied",
                "by": reader.application,
                "operation": "post_safety_closing",
                "outcome": "safety_check_closed",
                "check_id": check_id,
            }
        ]
        * 2
    )


def test_every_refusal_of_a_batch_is_written_down(clinic: Clinic) -> None:
    """As that of a single form is: each form that is named, and what else was refused once."""
    made = [clinic.recorded(form(session_number=number)) for number in (1, 2)]
    gone = clinic.recorded(form(client_ref="gone"))
    assert clinic.request("DELETE", f"/v1/clients/{gone['client_id']}").status_code == 200
    again = [form(session_number=number, answers={**ANSWERS, "1": 1}) for number in (1, 2)]
    items = [*again, form(client_ref="gone"), form(client_ref="gone", session_number=2), form(session_number=0)]
    statuses = clinic.post_batch((f"k{n}", sent) for n, sent in enumerate(items)).json()["items"]
    assert [one["status"] for one in statuses] == [409, 409, 410, 410, 422]
    found = {(one["kind"], one["outcome"], one.get("named_submission_id")) for one in accesses(clinic)}
    assert found == {
        ("access.denied", "session_already_rated", made[0]["id"]),
        ("access.denied", "session_already_rated", made[1]["id"]),
        ("access.denied", "client_erased", None),
    }
    assert len(accesses(clinic)) == 3


def test_what_changes_nothing_is_a_read(clinic: Clinic) -> None:
    """A schedule that is set already is told again, without an event: so it has an entry."""
    ids, name = Ids.made(clinic), "PUT /v1/clients/{client_id}/episodes/{episode_id}/schedule"
    call(clinic, name, ids)
    assert accesses(clinic) == []
    call(clinic, name, ids)
    assert [(one["kind"], one["client_id"]) for one in accesses(clinic)] == [("access.read", ids.client_id)]


def test_lists_name_all_whom_they_tell_of(clinic: Clinic) -> None:
    """The caseload's entry names each client once; a feed without news is about nobody and leaves none."""
    clients = [Ids.made(clinic, f"mrn-{number}").client_id for number in range(3)]
    clinic.get("/v1/caseload")
    assert set(accesses(clinic)[0]["client_ids"].split(",")) == set(clients)
    end = clinic.get("/v1/changes?after=0").json()["next_after"]
    assert len(accesses(clinic)) == 2
    assert clinic.get(f"/v1/changes?after={end}").json()["items"] == []
    assert len(accesses(clinic)) == 2


@pytest.mark.parametrize("name", sorted(KIND_OF))
def test_who_changed_something_is_sealed_in_its_event(clinic: Clinic, name: str) -> None:
    """Whoever sends, corrects, withdraws, acknowledges or plans for somebody stands in the event of it."""
    ids = Ids.made(clinic)
    if name not in MAKING and "{client_id}" not in name:
        ids = Ids(client_ref="mrn-new", submission_id=str(uuid4()))
    assert call(clinic, name, ids, headers={"Acting-User": "person-4711"}).status_code in {200, 201}
    found = [one for one in entries(clinic, KIND_OF[name]) if "acting" in one]
    assert len(found) == 1
    assert "person-4711" not in str(found)


def test_who_asks_is_sealed_in_the_entry(clinic: Clinic) -> None:
    """The person behind the request is there, and nobody who reads the table reads who it is."""
    ids = Ids.made(clinic)
    clinic.get(f"/v1/clients/{ids.client_id}/progress", headers={"Acting-User": "person-4711"})
    sealed = accesses(clinic)[0]["acting"]
    assert "person-4711" not in sealed
    assert len(sealed) > 40


def test_the_one_person_whom_a_credential_opens_is_in_the_entry(clinic: Clinic) -> None:
    """An application gives each of its people a key: without that, who of them looked could not be told."""
    ids = Ids.made(clinic)
    path, opens = f"/v1/clients/{ids.client_id}/progress", ("bound_client_id", "bound_therapist_id")
    therapist_id, before = clinic.read_back(ids.submission_id)["therapist_id"], len(accesses(clinic))
    for who in (clinic.bound("client", "mrn-1042"), clinic.bound("therapist", "th-7"), clinic):
        assert who.get(path).status_code == 200
    found = [{name: one[name] for name in opens if name in one} for one in accesses(clinic)[before:]]
    assert found == [{"bound_client_id": ids.client_id}, {"bound_therapist_id": therapist_id}, {}]


def test_who_tried_to_send_a_safety_check_is_not_in_the_entry(clinic: Clinic) -> None:
    """A refused one is written down, as that of any client."""
    offering(clinic)
    phone = clinic.bound("client", "mrn-1042")
    assert post_check(phone, safety_check(client_ref="somebody else")).status_code == 404
    assert accesses(clinic) == [
        {"kind": "access.denied", "by": clinic.application, "operation": "post_safety_check", "outcome": "not_found"}
    ]


def test_nobody_says_to_be_somebody_else_by_a_clients_own_key(clinic: Clinic) -> None:
    """The log believes whom an application names, never a phone."""
    ids = Ids.made(clinic)
    before = len(accesses(clinic))
    answer = clinic.bound("client", "mrn-1042").get(
        f"/v1/clients/{ids.client_id}/progress", headers={"Acting-User": "nurse-1"}
    )
    assert (answer.status_code, problem(answer)["parameter"]) == (400, "Acting-User")
    assert len(accesses(clinic)) == before


@pytest.mark.parametrize("error", [StorageUnavailable(), KeyInProgress()])
@pytest.mark.parametrize("path", ["progress", "absent"])
def test_nothing_is_told_when_the_entry_cant_be_written(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, error: Exception, path: str
) -> None:
    """The answer is 503, for what is there and for what is not: no way to ask without a trace."""
    ids = Ids.made(clinic)

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(log, "append_events", fail)
    client_id = ids.client_id if path == "progress" else ABSENT
    response = clinic.get(f"/v1/clients/{client_id}/progress")
    assert (response.status_code, problem(response)["code"]) in {(503, "storage_unavailable"), (503, "storage_busy")}
    assert accesses(clinic) == []


def test_a_fault_of_the_database_tells_nothing_either(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else goes wrong is told as a fault, without the client's data."""
    ids = Ids.made(clinic)

    def fail(*_: object, **__: object) -> None:
        raise OperationalError("INSERT", {}, Exception("no space left"))

    monkeypatch.setattr(log, "append_events", fail)
    response = clinic.get(f"/v1/clients/{ids.client_id}/progress")
    assert response.status_code in {500, 503, 507}
    assert UUID(ids.client_id).hex not in response.text.replace("-", "")


def test_entries_are_not_in_the_feed(clinic: Clinic) -> None:
    """Programs that keep a copy are told what changed, however much was looked at meanwhile."""
    ids = Ids.made(clinic)
    begin = clinic.get("/v1/changes").json()["next_after"]
    for _ in range(30):
        clinic.get(f"/v1/clients/{ids.client_id}/progress")
    made = clinic.recorded(form(session_number=2))
    part = clinic.get(f"/v1/changes?after={begin}&limit=5").json()
    assert [one["submission_id"] for one in part["items"] if one["kind"] == "submission.recorded"] == [made["id"]]
    assert part["more"] is False


def test_no_operation_that_changes_something_was_forgotten() -> None:
    """The operations that change something are all among those with events: none was forgotten above."""
    writing = {name for name in PERSONAL if not name.startswith("GET ") and "lookup" not in name}
    assert writing == set(KIND_OF)
    assert set(CHANGING) <= writing
