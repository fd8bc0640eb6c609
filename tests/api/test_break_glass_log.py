"""What break-glass leaves: one entry with a sealed person and reason, before the answer, told to whom it concerns."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, func, select, update

from app.audit import log as audit_log
from app.audit import store as audit_store
from app.audit.log import Access
from app.audit.seal_all import seal_all
from app.audit.verify import verify
from app.errors import StorageBusy, StorageUnavailable
from app.keys.rotate import rotate
from app.storage.key_tables import client_keys
from app.storage.sealed import sealed_with
from app.storage.tables import events
from tests.api.glass import BREAKING, REASON, listed, on_call, utf8
from tests.api.operations import Ids
from tests.api.test_audit import accesses
from tests.api.test_export import exported
from tests.harness import Clinic, problem
from tests.usecases.test_audit import exported as taken_out
from tests.usecases.test_audit import run, tamper

WORDS = "Vertretung für th-7 : die Klientin bittet um einen Termin (緊急)."


def broken(clinic: Clinic, **changes: str) -> Ids:
    """Let somebody on call read about another's client."""
    ids, key = Ids.made(clinic), on_call(clinic)
    answer = key.get(f"/v1/clients/{ids.client_id}/progress", headers=utf8(BREAKING | changes))
    assert answer.status_code == 200, answer.text
    return ids


def reasons(clinic: Clinic) -> list[str | None]:
    """Read the reasons as an operator does who looks through them."""
    return [one.reason for one in listed(clinic)]


def key_ids(clinic: Clinic, client_id: str) -> set[UUID]:
    """Name the keys of a client."""
    query = select(client_keys.c.key_id).where(client_keys.c.client_id == UUID(client_id))
    return clinic.service.read(lambda c: set(c.execute(query).scalars()))


def test_person_and_reason_are_sealed_and_opened_for_who_looks_through(clinic: Clinic) -> None:
    """The reason with the client's key, in any script; that it was opened is an entry with who did."""
    ids = broken(clinic, **{"Access-Reason": WORDS})
    (entry,) = accesses(clinic)
    assert [mark for mark in ("Vertretung", "person-4711") if mark in str(entry)] == []
    assert sealed_with(b64decode(entry["access_reason"])) in key_ids(clinic, ids.client_id)
    (one,) = listed(clinic)
    assert (one.reason, one.acting, str(one.client_id), one.operation, one.outcome) == (
        WORDS, "person-4711", ids.client_id, "get_progress", "told",
    )  # fmt: skip
    whole = taken_out(clinic, open_acting=True, acting="auditor-2")
    told = [entry["subject"] for entry in whole if entry["kind"] == "access.break_glass"]
    assert [(one["acting"], one["access_reason"]) for one in told] == [("person-4711", WORDS)]
    looks = [one["subject"] for one in whole if one["kind"] == "audit.exported"]
    assert [(one["operation"], one["outcome"], one["acting"]) for one in looks] == [
        ("audit_break_glass", "opened", "auditor-1"),
        ("audit_export", "opened", "auditor-2"),
    ]
    assert WORDS not in str(taken_out(clinic))


def test_the_list_begins_where_it_is_wanted_and_goes_on_in_portions(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each once, the oldest first; what was before the day is left out."""
    ids, key = Ids.made(clinic), on_call(clinic)
    said = [f"reason {number}" for number in range(5)]
    for one in said:
        key.get(f"/v1/clients/{ids.client_id}/stage", headers=BREAKING | {"Access-Reason": one})
    monkeypatch.setattr(audit_store, "_BROKEN", audit_store._BROKEN.limit(2))
    assert reasons(clinic) == said
    monkeypatch.setattr(audit_store, "_BROKEN_SINCE", audit_store._BROKEN_SINCE.limit(2))
    third = listed(clinic)[2].recorded_at
    assert [one.reason for one in listed(clinic, since=third)] == said[2:]
    assert listed(clinic, since=third + timedelta(days=1)) == []


def test_another_organisations_log_is_not_listed(clinic: Clinic) -> None:
    """Each organisation has its own."""
    broken(clinic)
    assert listed(clinic.service.clinic()) == []


def test_an_erasure_makes_the_reason_unreadable(clinic: Clinic) -> None:
    """That somebody looked stays, and who: why they did was about the client, and is gone with the client's key."""
    ids = broken(clinic)
    assert clinic.request("DELETE", f"/v1/clients/{ids.client_id}").status_code == 200
    (one,) = listed(clinic)
    assert (one.reason, one.acting) == (None, "person-4711")
    told = taken_out(clinic, open_acting=True, acting="auditor-1")
    assert [one["subject"]["access_reason"] for one in told if one["kind"] == "access.break_glass"] == [None]


def test_a_reason_is_read_after_the_clients_key_was_changed(clinic: Clinic) -> None:
    """What stands in the log is never sealed anew: the keys of before open it."""
    broken(clinic)
    run(clinic, rotate, clients=True)
    assert reasons(clinic) == [REASON]


def test_the_client_is_told_of_it_and_the_organisation_why(clinic: Clinic) -> None:
    """In the history of access of the export; by whom it was stays sealed, and a client's own key reads no reason."""
    ids = broken(clinic)
    phone = clinic.bound("client", "mrn-1042")
    whole, own = exported(clinic, ids.client_id), exported(phone, ids.client_id)
    for document, reason in ((whole, REASON), (own, None)):
        found = [one for one in document["log"] if one["kind"] == "access.break_glass"]
        assert [(one["operation"], one["outcome"], one["reason"]) for one in found] == [
            ("get_progress", "told", reason)
        ]
        assert "person-4711" not in str(document)
        assert {one["reason"] for one in document["log"] if one["kind"] != "access.break_glass"} == {None}
    assert ("reasons" in own["left_out"], REASON in str(own)) == (True, False)


@pytest.mark.parametrize("error", [StorageUnavailable(), ValueError()])
def test_nothing_is_told_that_is_not_marked(clinic: Clinic, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Where the entry can't be written there is no answer, and no mark on what there is."""
    ids, key = Ids.made(clinic), on_call(clinic)

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(audit_log, "sealed_for_client", fail)
    answer = key.get(f"/v1/clients/{ids.client_id}/progress", headers=BREAKING)
    assert answer.status_code in {500, 503}
    assert ("break-glass" in answer.headers, ids.client_id in answer.text) == (False, False)
    assert (problem(answer)["code"], accesses(clinic)) == (
        "storage_unavailable" if isinstance(error, StorageUnavailable) else "internal_error", [],
    )  # fmt: skip


def test_who_is_erased_meanwhile_gets_no_new_key(clinic: Clinic) -> None:
    """The look was before, the entry comes after: nothing is told, and nothing about them is made again."""
    ids = Ids.made(clinic)
    assert clinic.request("DELETE", f"/v1/clients/{ids.client_id}").status_code == 200
    access = Access(
        kind="access.break_glass",
        application_id=clinic.application,
        operation="get_progress",
        outcome="told",
        client_ids=(UUID(ids.client_id),),
        acting="person-4711",
        reason=REASON,
    )
    with pytest.raises(StorageBusy):
        run(clinic, partial(_logged, access=access))
    assert key_ids(clinic, ids.client_id) == set()
    count = select(func.count()).select_from(client_keys).where(client_keys.c.organisation_id == clinic.organisation)
    assert clinic.service.read(lambda c: c.execute(count).scalar_one()) == 0
    assert accesses(clinic) == []


async def _logged(runtime: Any, *, access: Access, organisation: UUID) -> None:
    await audit_log.log(runtime, access, organisation=organisation)


def test_a_reason_that_was_changed_is_found(clinic: Clinic) -> None:
    """The chain's keyed digest is over the sealed reason too."""
    broken(clinic)
    run(clinic, seal_all)
    assert run(clinic, verify).fault is None

    def swap(connection: Connection) -> None:
        here = (events.c.organisation_id == clinic.organisation, events.c.kind == "access.break_glass")
        subject: dict[str, str] = connection.execute(select(events.c.subject).where(*here)).scalar_one()
        flipped = bytearray(b64decode(subject["access_reason"]))
        flipped[-1] ^= 1
        changed = subject | {"access_reason": b64encode(bytes(flipped)).decode()}
        connection.execute(update(events).where(*here).values(subject=changed))

    tamper(clinic, swap)
    assert run(clinic, verify).fault == "altered"
