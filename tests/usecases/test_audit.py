"""The log of an organisation: sealed by itself, proven, and taken out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from app.access.teams import create_team
from app.audit.export import export
from app.audit.head import Head, head
from app.audit.seal_all import Sealer, begin_log, seal_all
from app.audit.seal_written import NotingDatabase, seal_written
from app.audit.verify import KeptHead, Verdict, verify
from app.errors import StorageBusy
from app.signals.seal_acting import seal_acting
from app.signals.store import has_plain
from app.storage import seal as sealing
from app.storage.events import event_row
from app.storage.people_tables import chain_heads
from app.storage.tables import acknowledgements, events
from tests.faults.tampering import unguarded
from tests.harness import Clinic, form
from tests.usecases.test_changes import an_event, numbers, write

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def run(clinic: Clinic, work: Any, **options: Any) -> Any:
    """Run a use case about the organisation."""
    return clinic.service.portal.call(
        partial(work, clinic.service.runtime, organisation=clinic.organisation, **options)
    )


def exported(clinic: Clinic, **options: Any) -> list[dict[str, Any]]:
    """Take the log out."""

    async def whole() -> list[dict[str, Any]]:
        found = export(clinic.service.runtime, organisation=clinic.organisation, **options)
        return [entry async for entry in found]

    entries: list[dict[str, Any]] = clinic.service.portal.call(whole)
    return entries


def tamper(clinic: Clinic, work: Callable[[Connection], Any]) -> None:
    """Write to the tables as somebody who may, and whom no guard holds."""

    def without_guards(connection: Connection) -> None:
        with unguarded(connection):
            work(connection)

    clinic.service.write(without_guards)


def test_what_was_written_through_a_noting_database_is_sealed(clinic: Clinic) -> None:
    """Of each organisation that was written for, and of no other."""
    runtime, other = clinic.service.runtime, clinic.service.clinic()

    async def work() -> None:
        noting = NotingDatabase(runtime.database)
        await create_team(replace(runtime, database=noting), organisation=clinic.organisation, name="North")
        assert list(noting.written) == [clinic.organisation]
        await seal_written(runtime, noting)

    clinic.service.portal.call(work)
    assert run(clinic, verify).not_sealed == 0
    assert run(other, verify).not_sealed > 0


def test_a_log_is_proven_from_its_first_entry(clinic: Clinic) -> None:
    """What was written is sealed, linked, and found whole; what is not sealed yet is counted apart."""
    clinic.recorded(form())
    before: Verdict = run(clinic, verify)
    assert (before.entries, before.fault, before.begins_at) == (0, None, None)
    assert before.not_sealed > 0
    sealed = run(clinic, seal_all)
    after: Verdict = run(clinic, verify)
    assert after == Verdict(
        entries=sealed, last=sealed, begins_at=1, without_link=0, not_sealed=0, fault=None, broken_at=None
    )
    assert run(clinic, seal_all) == 0


def test_a_chain_begins_where_it_begins(clinic: Clinic) -> None:
    """Entries of an older release have numbers and no links: they are counted, and the rest is proven."""
    run(clinic, seal_all)
    first = len(numbers(clinic))

    def as_of_before(connection: Connection) -> None:
        connection.execute(update(events).where(events.c.organisation_id == clinic.organisation).values(chain=None))
        connection.execute(delete(chain_heads).where(chain_heads.c.organisation_id == clinic.organisation))

    tamper(clinic, as_of_before)
    run(clinic, begin_log)
    assert (run(clinic, verify).fault, run(clinic, verify).without_link) == (None, first)
    clinic.recorded(form())
    sealed = run(clinic, seal_all)
    verdict = run(clinic, verify)
    assert (verdict.fault, verdict.begins_at, verdict.without_link, verdict.entries) == (None, first + 1, first, sealed)


def _without_numbers(connection: Connection, organisation: UUID) -> None:
    of = events.c.organisation_id == organisation
    connection.execute(delete(events).where(of, events.c.kind == "submission.recorded"))
    connection.execute(update(events).where(of).values(sequence=None, chain=None))


def _without_links(connection: Connection, organisation: UUID) -> None:
    of = events.c.organisation_id == organisation
    connection.execute(update(events).where(of).values(chain=None, recorded_at=LONG_AGO))


def _without_entries(connection: Connection, organisation: UUID) -> None:
    connection.execute(delete(events).where(events.c.organisation_id == organisation))


@pytest.mark.parametrize("made_of_it", [_without_numbers, _without_links, _without_entries])
def test_a_log_that_is_begun_anew_is_found(clinic: Clinic, made_of_it: Callable[[Connection, UUID], None]) -> None:
    """The end and every link taken away: the sealer does not link anew what was made of the entries."""
    clinic.recorded(form())
    run(clinic, seal_all)

    def begin_anew(connection: Connection) -> None:
        made_of_it(connection, clinic.organisation)
        connection.execute(delete(chain_heads).where(chain_heads.c.organisation_id == clinic.organisation))

    tamper(clinic, begin_anew)
    assert run(clinic, verify).fault == "end_changed"
    clinic.recorded(form(session_number=2))
    run(clinic, seal_all)
    assert run(clinic, verify).fault == "altered"


def test_a_log_that_was_cut_stays_broken_when_it_grows(clinic: Clinic) -> None:
    """Its last entries taken away, and the end put back as it can be seen: what is sealed later does not heal it."""
    clinic.recorded(form())
    run(clinic, seal_all)
    last = len(numbers(clinic))

    def cut(connection: Connection) -> None:
        of = events.c.organisation_id == clinic.organisation
        connection.execute(delete(events).where(of, events.c.sequence > last - 2))
        link = connection.execute(select(events.c.chain).where(of, events.c.sequence == last - 2)).scalar_one()
        head_of = chain_heads.c.organisation_id == clinic.organisation
        connection.execute(update(chain_heads).where(head_of).values(sequence=last - 2, chain=link))

    tamper(clinic, cut)
    assert run(clinic, verify).fault == "end_changed"
    clinic.recorded(form(session_number=2))
    run(clinic, seal_all)
    verdict = run(clinic, verify)
    assert (verdict.fault, verdict.broken_at) == ("altered", last - 1)


def test_a_log_that_was_cut_leaves_a_gap(clinic: Clinic) -> None:
    """Entries taken away from the end: numbers go on behind those that were given, so that the gap stays."""
    clinic.recorded(form())
    run(clinic, seal_all)
    last = len(numbers(clinic))
    of = events.c.organisation_id == clinic.organisation
    tamper(clinic, lambda c: c.execute(delete(events).where(of, events.c.sequence == last)))
    assert (run(clinic, verify).fault, run(clinic, verify).broken_at) == ("cut_off", last)
    clinic.recorded(form(session_number=2))
    run(clinic, seal_all)
    assert (run(clinic, verify).fault, run(clinic, verify).broken_at) == ("missing", last)


def test_a_head_kept_elsewhere_finds_an_older_end(clinic: Clinic) -> None:
    """Who puts a whole old state back, end and all, is found by whoever kept the head."""
    run(clinic, seal_all)

    def table(connection: Connection) -> list[dict[str, Any]]:
        query = select(chain_heads).where(chain_heads.c.organisation_id == clinic.organisation)
        return [dict(row._mapping) for row in connection.execute(query)]

    old, known = clinic.service.read(table), [event_id for event_id, _ in numbers(clinic)]
    clinic.recorded(form())
    kept: Head = run(clinic, head)
    assert kept.chain is not None

    def put_back(connection: Connection) -> None:
        of = events.c.organisation_id == clinic.organisation
        connection.execute(delete(events).where(of, events.c.event_id.not_in(known)))
        connection.execute(delete(chain_heads).where(chain_heads.c.organisation_id == clinic.organisation))
        connection.execute(insert(chain_heads), [row | {"organisation_id": clinic.organisation} for row in old])

    assert run(clinic, verify, kept=KeptHead(sequence=kept.sequence, chain=kept.chain)).fault is None
    wrong = KeptHead(sequence=kept.sequence, chain=bytes(32))
    assert run(clinic, verify, kept=wrong).fault == "not_the_kept_head"
    tamper(clinic, put_back)
    assert run(clinic, verify).fault is None
    assert run(clinic, verify, kept=KeptHead(sequence=kept.sequence, chain=kept.chain)).fault == "cut_off"


def test_a_service_seals_by_itself(clinic: Clinic) -> None:
    """Of an organisation that was noted everything is sealed a moment later; closing seals what still waits."""
    clinic.recorded(form())

    async def work() -> None:
        sealer = Sealer(clinic.service.runtime, pause=0)
        sealer.start()
        sealer.note(organisation=clinic.organisation)
        await sealer.close()

    clinic.service.portal.call(work)
    assert all(number is not None for _, number in numbers(clinic))


def test_a_sealer_tries_again_and_goes_on_in_turns(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy database costs nothing but time, and a long backlog does not keep others waiting."""
    run(clinic, seal_all)
    monkeypatch.setattr(sealing, "PORTION", 2)
    monkeypatch.setattr("app.audit.seal_all.PORTION", 2)
    write(clinic, *(an_event(number) for number in range(1, 40)))
    runtime = clinic.service.runtime
    failures = [StorageBusy(), StorageBusy()]

    class Busy:
        async def read(self, work: Any, **options: Any) -> Any:
            if failures:
                raise failures.pop()
            return await runtime.database.read(work, **options)

        async def write(self, work: Any, **options: Any) -> Any:
            return await runtime.database.write(work, **options)

    async def work() -> None:
        sealer = Sealer(replace(runtime, database=Busy()), pause=0)  # type: ignore[arg-type] # all that is used
        sealer.start()
        sealer.note(organisation=clinic.organisation)
        while any(number is None for number in await asyncio.to_thread(_open_numbers, clinic)):  # noqa: ASYNC110 - others tell when they end
            await asyncio.sleep(0.01)
        await sealer.close()

    clinic.service.portal.call(asyncio.wait_for, work(), 30)
    assert failures == []


def _open_numbers(clinic: Clinic) -> list[int | None]:
    return [number for _, number in numbers(clinic)]


def test_the_log_is_taken_out_with_its_own_entry(clinic: Clinic) -> None:
    """One entry for each line, in order, the export's own as the last; persons stay sealed."""
    made = clinic.recorded(form())
    clinic.get(f"/v1/clients/{made['client_id']}/progress", headers={"Acting-User": "person-4711"})
    found = exported(clinic)
    assert [one["sequence"] for one in found] == list(range(1, len(found) + 1))
    assert (found[-1]["kind"], found[-1]["subject"]) == (
        "audit.exported", {"operation": "audit_export", "outcome": "sealed"},
    )  # fmt: skip
    assert "person-4711" not in str(found)
    assert exported(clinic, after=found[-2]["sequence"])[0]["sequence"] == found[-1]["sequence"]


def test_persons_are_opened_only_when_asked_and_that_is_an_entry(clinic: Clinic) -> None:
    """With the key, and the opening is written down with the person who did it."""
    made = clinic.recorded(form())
    other = clinic.recorded(form(client_ref="mrn-2"))
    for one in (made, other):
        clinic.get(f"/v1/clients/{one['client_id']}/progress", headers={"Acting-User": "person-4711"})
    clinic.get("/v1/caseload")
    found = exported(clinic, client_id=UUID(made["client_id"]), open_acting=True, acting="auditor-1")
    read = [one["subject"] for one in found if one["kind"] == "access.read"]
    assert [(one["operation"], one.get("acting")) for one in read] == [
        ("get_progress", "person-4711"), ("get_caseload", None),
    ]  # fmt: skip
    assert found[-1]["subject"] == {
        "operation": "audit_export",
        "outcome": "opened",
        "client_id": made["client_id"],
        "acting": "auditor-1",
    }


def test_persons_of_older_acknowledgements_are_sealed(clinic: Clinic) -> None:
    """What an older release wrote in plain is read as before, then sealed, and reads the same."""
    made = clinic.recorded(form(reported={"rupture": True}))
    path = f"/v1/clients/{made['client_id']}/signals"
    sent = {"json": {"acting": "th-7", "reason": "other"}, "headers": {"Idempotency-Key": "k"}}
    first = clinic.request("POST", f"{path}/{made['signals'][0]['id']}/acknowledgements", **sent)
    of = acknowledgements.c.organisation_id == clinic.organisation

    def persons(connection: Connection) -> list[Any]:
        return list(connection.execute(select(acknowledgements.c.acting, acknowledgements.c.sealed_acting).where(of)))

    (row,) = clinic.service.read(persons)
    assert (row.acting, b"th-7" in row.sealed_acting) == (None, False)
    clinic.service.write(
        lambda c: c.execute(update(acknowledgements).where(of).values(acting="th-7", sealed_acting=None))
    )
    plain = clinic.get(path).json()
    assert plain["signals"][0]["acknowledgements"][0]["acting"] == "th-7"
    assert clinic.service.read(partial(has_plain, organisation=clinic.organisation)) is True
    assert run(clinic, seal_acting) == 1
    assert clinic.service.read(partial(has_plain, organisation=clinic.organisation)) is False
    assert clinic.get(path).json() == plain
    again = clinic.request("POST", f"{path}/{made['signals'][0]['id']}/acknowledgements", **sent)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")


def test_links_are_the_same_on_both_databases() -> None:
    """An entry is spelled the same wherever it is read from: every field, names in order, times to the microsecond."""
    from types import SimpleNamespace

    from app.storage.chain import spelled

    row = SimpleNamespace(**event_row(an_event(1, "client.created", episode_id=UUID(int=2)), organisation=UUID(int=9)))
    assert spelled(row, 7) == (  # type: ignore[arg-type] # has what is read of a row
        b'["00000000000000000000000000000001","client.created",null,'
        b'{"client_id":"00000000-0000-0000-0000-000000000001","episode_id":"00000000-0000-0000-0000-000000000002"},'
        b'"2026-11-24T09:00:00.000000+00:00",7]'
    )
