"""Safety checks as time goes by and with several at work: escalation, retention, what an erasure leaves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, delete, insert, select

from app.keys.check import check
from app.keys.rotate import rotate
from app.safeguarding.escalate import escalate
from app.safeguarding.retention import Retained, keep_apart, kept_for, months_before, retain
from app.safeguarding.watch import watch
from app.storage.people_tables import legal_holds
from app.storage.runtime import Runtime, open_runtime
from app.storage.safeguarding_tables import safety_checks, safety_steps
from app.storage.tables import (
    assessments,
    episodes,
    events,
    idempotency_keys,
    scores,
    signal_changes,
    signals,
    sources,
    submissions,
)
from tests.api.safety import listed, offering, opened, post_check, safety_check, settle, taken
from tests.harness import Clinic, form
from tests.usecases.erasing import held


def later(clinic: Clinic, **by: float) -> Runtime:
    """Return the runtime of a later time."""
    runtime, delta = clinic.service.runtime, timedelta(**by)
    return replace(runtime, now=lambda: runtime.now() + delta)


def kinds(clinic: Clinic, kind: str) -> int:
    """Count the events of a kind."""
    query = select(events.c.event_id).where(events.c.organisation_id == clinic.organisation, events.c.kind == kind)
    return len(clinic.service.read(lambda c: c.execute(query).all()))


def test_a_check_escalates_once_whoever_looks(clinic: Clinic) -> None:
    """Twenty looks of two workers at the same moment move each of three checks by one place, with one event each."""
    reader = offering(clinic, "officer-1", "officer-2", "officer-3")
    for _ in range(3):
        post_check(clinic)

    async def look() -> list[int]:
        at = clinic.service.runtime.now() + timedelta(minutes=61)
        first = replace(clinic.service.runtime, now=lambda: at)
        secrets = first.vault.masters._path.parent
        second = replace(
            open_runtime(database_url=clinic.service.database_url, secrets_dir=secrets, make_secrets=False),
            now=lambda: at,
        )
        try:
            looks = [escalate(one, organisation=clinic.organisation) for one in [first, second] * 10]
            return list(await asyncio.gather(*looks))
        finally:
            await second.database.close()

    assert sum(clinic.service.portal.call(look)) == 3
    assert kinds(clinic, "safety_check.escalated") == 3
    assert [one["escalation"]["turn"] for one in listed(reader, "officer-2")] == ["yours"] * 3


def test_a_check_is_received_once_for_each_key(clinic: Clinic) -> None:
    """Sixteen posts of one key at once: one row, one event, the same receipt for all."""
    offering(clinic)

    async def send() -> list[tuple[int, bytes]]:
        headers = {"Authorization": f"Bearer {clinic.api_key}", "Idempotency-Key": "k"}
        post = partial(clinic.service.http.post, "/v1/safeguarding", json=safety_check(), headers=headers)
        answers = await asyncio.gather(*(post() for _ in range(16)))
        return [(answer.status_code, answer.content) for answer in answers]

    told = clinic.service.portal.call(send)
    assert {status for status, _ in told} == {201}
    assert len({content for _, content in told}) == 1
    assert (clinic.count("safety_checks"), kinds(clinic, "safety_check.received")) == (1, 1)


def test_the_service_looks_by_itself(clinic: Clinic) -> None:
    """Again and again, also after an organisation for which it fails; the service knows those who have called it."""
    reader = offering(clinic, "officer-1", "officer-2")
    post_check(clinic)
    assert clinic.organisation in clinic.service.http._transport.app.state.organisations  # type: ignore[attr-defined]
    runtime = later(clinic, minutes=61)

    async def until_moved() -> None:
        broken = replace(runtime, database=None)  # type: ignore[arg-type]
        failing = asyncio.create_task(watch(broken, [clinic.organisation], every=0))
        looking = asyncio.create_task(watch(runtime, [uuid4(), clinic.organisation], every=0.01))
        for _ in range(3000):
            if await escalated():
                break
            await asyncio.sleep(0.01)
        assert not failing.done()
        for task in (failing, looking):
            task.cancel()

    async def escalated() -> bool:
        query = select(safety_steps).where(safety_steps.c.organisation_id == clinic.organisation)
        return bool(await runtime.database.read(lambda c: c.execute(query).all(), organisation=clinic.organisation))

    clinic.service.portal.call(until_moved)
    assert listed(reader, "officer-2")[0]["escalation"]["turn"] == "yours"


def retained(clinic: Clinic, runtime: Runtime) -> Retained:
    """Delete what is over its time."""
    return clinic.service.portal.call(partial(retain, runtime, organisation=clinic.organisation))


def test_what_is_over_its_time_is_deleted(clinic: Clinic) -> None:
    """With its steps, a month after it came in; a check that is not closed stays, and so does one under a hold."""
    held = UUID(clinic.recorded(form(client_ref="held"))["client_id"])
    reader = offering(clinic)
    settle(clinic, months=1)
    for ref in ("a", "held", "b"):
        post_check(clinic, safety_check(client_ref=ref))
    by_ref = {
        opened(reader, "officer-1", one["id"]).json()["client_ref"]["value"]: one["id"]
        for one in listed(reader, "officer-1")
    }
    for ref in ("a", "held"):
        taken(reader, "officer-1", by_ref[ref], "closing", reason="done")
    hold = {
        "organisation_id": clinic.organisation, "client_id": held, "hold_id": uuid4(), "sealed_reason": b"",
        "placed_at": datetime.now(UTC), "lifted_at": None,
    }  # fmt: skip
    clinic.service.in_service(lambda c: c.execute(insert(legal_holds).values(**hold)), organisation=clinic.organisation)
    assert retained(clinic, later(clinic, days=27)) == Retained(deleted=0, not_closed=0, held=0)
    assert retained(clinic, later(clinic, days=32)) == Retained(deleted=1, not_closed=1, held=1)
    assert {one["id"] for one in listed(reader, "officer-1")} == {by_ref["held"], by_ref["b"]}
    assert (clinic.count("safety_steps"), kinds(clinic, "safety_check.deleted")) == (3, 1)
    assert retained(clinic, later(clinic, days=32)) == Retained(deleted=0, not_closed=1, held=1)


def test_a_hold_keeps_what_came_before_the_client_was_known(clinic: Clinic) -> None:
    """A check that no form had preceded is under another id than the client who is held since."""
    reader = offering(clinic)
    settle(clinic, months=1)
    assert post_check(clinic).status_code == 201
    assert taken(reader, "officer-1", listed(reader, "officer-1")[0]["id"], "closing", reason="done").status_code == 201
    clinic.recorded(form())
    held(clinic)
    assert retained(clinic, later(clinic, days=32)) == Retained(deleted=0, not_closed=0, held=1)
    assert clinic.count("safety_checks") == 1


@pytest.mark.parametrize(
    ("months", "then"), [(1, (2025, 2, 28)), (3, (2024, 12, 31)), (13, (2024, 2, 29)), (15, (2023, 12, 31))]
)
def test_months_end_where_the_shorter_one_does(months: int, then: tuple[int, int, int]) -> None:
    """Going back from 31 March 2025, over the ends of years and February."""
    assert months_before(datetime(2025, 3, 31, tzinfo=UTC), months) == datetime(*then, tzinfo=UTC)


def test_a_check_stays_when_the_client_is_erased(clinic: Clinic) -> None:
    """It is counted, also under the id of before the client was known; the therapist of then still does not see it."""
    reader = offering(clinic, "th-7", "officer-1")
    post_check(clinic)
    client_id = UUID(clinic.recorded(form(therapist_ref={"system": "s", "value": "th-7"}))["client_id"])
    post_check(clinic)
    post_check(clinic, safety_check(client_ref="another"))

    def erase(connection: Connection) -> int:
        organisation = clinic.organisation
        kept = kept_for(connection, client_id, organisation=organisation)
        keep_apart(connection, clinic.service.runtime, client_id, organisation=organisation)
        return kept

    assert clinic.service.in_service(erase, organisation=clinic.organisation) == 2
    take_episodes_away(clinic)
    assert [len(listed(reader, person)) for person in ("th-7", "officer-1")] == [1, 3]
    names = [opened(reader, "officer-1", one["id"]).json()["client_ref"] for one in listed(reader, "officer-1")]
    assert [name["value"] for name in names] == ["another", "mrn-1042", "mrn-1042"]


def take_episodes_away(clinic: Clinic) -> None:
    """Delete an organisation's episodes with all that refers to them, as an erasure does."""
    children = (idempotency_keys, sources, signal_changes, signals, scores, assessments, submissions)

    def away(connection: Connection) -> None:
        for table in (*children, episodes):
            connection.execute(delete(table).where(table.c.organisation_id == clinic.organisation))

    clinic.service.in_service(away, organisation=clinic.organisation)


def test_a_check_outlives_its_key(clinic: Clinic) -> None:
    """After the organisation's keys are changed, what was said, who read it and who reads are as before."""
    reader = offering(clinic)
    post_check(clinic)
    check_id = listed(reader, "officer-1")[0]["id"]
    before = opened(reader, "officer-1", check_id).json()
    runtime, organisation = clinic.service.runtime, clinic.organisation
    clinic.service.portal.call(partial(rotate, runtime, organisation=organisation))
    checked = clinic.service.portal.call(partial(check, runtime, organisation=organisation))
    assert not checked.broken
    after = opened(reader, "officer-1", check_id).json()
    assert (after["answers"], after["client_ref"]) == (before["answers"], before["client_ref"])
    assert [step["acting"] for step in after["steps"]] == ["officer-1", "officer-1"]


def test_a_row_without_its_seal_is_told_to_nobody(clinic: Clinic) -> None:
    """A check whose sealed part was swapped with another's does not open: the list says so, and no more."""
    reader = offering(clinic)
    post_check(clinic)
    post_check(clinic, safety_check(client_ref="b"))

    def swap(connection: Connection) -> None:
        of = safety_checks.c.organisation_id == clinic.organisation
        rows = connection.execute(select(safety_checks).where(of)).all()
        for row, other in zip(rows, reversed(rows), strict=True):
            changed = safety_checks.update().where(of, safety_checks.c.check_id == row.check_id)
            connection.execute(changed.values(sealed=other.sealed))

    clinic.service.in_service(swap, organisation=clinic.organisation)
    found = listed(reader, "officer-1")
    assert [one["readable"] for one in found] == [False, False]
    for one in found:
        answer = opened(reader, "officer-1", one["id"])
        assert (answer.status_code, answer.json()["code"]) == (409, "safety_check_unreadable")
        assert "mrn-1042" not in answer.text


def test_an_erasure_leaves_the_check_and_tells_nobody(clinic: Clinic) -> None:
    """A therapist who came after the check does not find it afterwards; the answer is that of a client without one."""
    reader = offering(clinic, "th-7", "officer-1")
    post_check(clinic)
    answers = []
    for ref in ("mrn-1042", "without"):
        client_id = clinic.recorded(form(client_ref=ref, therapist_ref="th-7"))["client_id"]
        answer = clinic.request("DELETE", f"/v1/clients/{client_id}")
        assert answer.status_code == 200, answer.text
        answers.append({key: value for key, value in answer.json().items() if key not in {"client_id", "erased_at"}})
    assert answers[0] == answers[1]
    assert [len(listed(reader, person)) for person in ("th-7", "officer-1")] == [0, 1]
    told = opened(reader, "officer-1", listed(reader, "officer-1")[0]["id"]).json()
    assert told["client_ref"] == {"system": None, "value": "mrn-1042"}
