"""The feed of changes: numbers given after the commit, nothing missed, and only what a key opens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy import Connection, insert, select
from sqlalchemy.ext.asyncio import create_async_engine

from app.access.caller import Caller
from app.progress import changes as feed
from app.progress.changes import TO_CLIENTS, TOLD, Changes, changes
from app.progress.changes_store import read_people
from app.storage import seal as sealer
from app.storage.database import parse_url
from app.storage.events import Event, Kind, append_events, event_row
from app.storage.seal import seal
from app.storage.tables import events
from tests.harness import Clinic, Service, form, make_postgres_database, therapists_form
from tests.usecases.calling import caller_of

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def read(clinic: Clinic, *, after: int | None, limit: int = 200, caller: Caller | None = None) -> Changes:
    """Read a part of the feed."""
    work = partial(changes, clinic.service.runtime, caller or caller_of(clinic), after=after, limit=limit)
    found: Changes = clinic.service.portal.call(work)
    return found


def polled(clinic: Clinic, *, limit: int, caller: Caller | None = None) -> list[feed.Change]:
    """Read the whole feed as a program does."""
    found: list[feed.Change] = []
    after, more = 0, True
    while more:
        part = read(clinic, after=after, limit=limit, caller=caller)
        assert len(part.items) <= limit
        assert part.next_after >= after
        found, after, more = [*found, *part.items], part.next_after, part.more
    return found


def numbers(clinic: Clinic) -> list[tuple[UUID, int | None]]:
    """Read the events of the organisation with their numbers, in the order of these."""
    query = select(events.c.event_id, events.c.sequence).where(events.c.organisation_id == clinic.organisation)
    rows = clinic.service.read(lambda c: c.execute(query).all())
    return sorted(((row.event_id, row.sequence) for row in rows), key=lambda row: (row[1] is None, row[1]))


def an_event(event_id: int, kind: Kind = "client.created", **subject: UUID) -> Event:
    """Make an event about somebody, with an id of the test's choosing."""
    about = {"client_id": UUID(int=event_id)} | subject
    spelled = {name: str(one) for name, one in about.items()}
    return Event(event_id=UUID(int=event_id), kind=kind, application_id=None, subject=spelled, recorded_at=NOW)


def write(clinic: Clinic, *found: Event) -> None:
    """Commit some events."""

    def work(connection: Connection) -> None:
        append_events(connection, found, organisation=clinic.organisation)

    clinic.service.write(work)


def test_a_form_is_told_with_the_ids_of_what_it_brought(clinic: Clinic) -> None:
    """The client, the form, the episode and the signal, in the order in which they were written."""
    made = clinic.recorded(form(reported={"rupture": True}))
    found = read(clinic, after=0).items
    assert [one.kind for one in found] == ["client.created", "submission.recorded", "episode.opened", "signal.opened"]
    assert {str(one.client_id) for one in found} == {made["client_id"]}
    recorded, signal = found[1], found[3]
    assert (str(recorded.submission_id), str(recorded.episode_id)) == (made["id"], made["episode_id"])
    assert str(signal.signal_id) == made["signals"][0]["id"]
    corrected = clinic.correct(made["id"], form(answers={"1": 1})).json()
    (change, *_) = read(clinic, after=found[-1].sequence).items
    assert (change.kind, str(change.submission_id), str(change.supersedes)) == (
        "submission.corrected", corrected["id"], made["id"],
    )  # fmt: skip


def test_a_poller_in_steps_reads_what_one_who_reads_all_reads(clinic: Clinic) -> None:
    """Of any size; numbers have no gap in the log, and each event has one number, for ever."""
    for session in range(1, 8):
        clinic.recorded(form(session_number=session, client_ref=f"mrn-{session % 3}"))
    whole = polled(clinic, limit=200)
    before = numbers(clinic)
    assert [number for _, number in before] == list(range(1, len(before) + 1))
    for limit in (1, 2, 5):
        assert polled(clinic, limit=limit) == whole
    clinic.recorded(form(client_ref="mrn-9"))
    assert polled(clinic, limit=3)[: len(whole)] == whole
    assert numbers(clinic)[: len(before)] == before


def test_without_a_number_the_feed_begins_now(clinic: Clinic) -> None:
    """No items; what comes afterwards is told from there on, and nothing that was told before."""
    clinic.recorded(form())
    here = read(clinic, after=None)
    assert (here.items, here.more, here.next_after) == ((), False, polled(clinic, limit=200)[-1].sequence)
    clinic.recorded(form(session_number=2))
    assert [one.kind for one in read(clinic, after=here.next_after).items] == ["submission.recorded"]


def test_of_a_long_backlog_only_a_part_is_waited_for(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """The beginning is somewhere in it then: what is told afterwards is told once more, and nothing is missed."""
    monkeypatch.setattr(sealer, "PORTION", 2)
    write(clinic, *(an_event(number) for number in range(1, 51)))
    here = read(clinic, after=None)
    assert here.next_after == 2 * feed.BACKLOG
    assert len(read(clinic, after=here.next_after).items) >= 50 - 2 * feed.BACKLOG


def test_portions_are_sealed_until_the_page_is_full(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long log without numbers is numbered bit by bit, as it is read."""
    monkeypatch.setattr(sealer, "PORTION", 7)
    read(clinic, after=0)
    start = len(numbers(clinic))
    write(clinic, *(an_event(number) for number in range(1, 51)))
    part = read(clinic, after=start, limit=10)
    assert (len(part.items), part.more) == (10, True)
    assert len([number for _, number in numbers(clinic) if number is not None]) == start + 2 * 7
    assert len(polled(clinic, limit=10)) == 50
    assert [one.client_id.int for one in polled(clinic, limit=10)] == list(range(1, 51))


def test_readers_at_once_number_each_event_once(clinic: Clinic) -> None:
    """Sixteen readers and four writers: at the end every event has its own number, without a gap."""
    with ThreadPoolExecutor(20) as pool:
        writers = [pool.submit(clinic.recorded, form(client_ref=f"mrn-{number}")) for number in range(4)]
        readers = [pool.submit(read, clinic, after=0) for _ in range(16)]
        assert len([writer.result() for writer in writers]) == 4
        assert all(reader.result().next_after >= 0 for reader in readers)
    polled(clinic, limit=200)
    assert [number for _, number in numbers(clinic)] == list(range(1, len(numbers(clinic)) + 1))


@pytest.fixture
def on_postgresql(postgres_url: str, portal: BlockingPortal, tmp_path: Path) -> Iterator[Clinic]:
    """A clinic on PostgreSQL: SQLite has one writer, so that nobody commits out of order there."""
    with Service.start(make_postgres_database(postgres_url), portal, secrets=tmp_path) as service:
        yield service.clinic()


def test_what_commits_later_with_a_smaller_id_is_told_later_and_not_missed(on_postgresql: Clinic) -> None:
    """Two writers on connections of their own: the one who began first commits last, behind a reader."""
    clinic = on_postgresql
    read(clinic, after=0)
    start = len(numbers(clinic))
    url = parse_url(clinic.service.inspected_url)

    async def two_writers(look: Callable[[], Any]) -> list[Any]:
        engine = create_async_engine(url)
        statement, of = insert(events), clinic.organisation
        seen = []
        async with engine.connect() as slow, engine.connect() as quick:
            await slow.execute(statement, [event_row(an_event(1), organisation=of)])
            await quick.execute(statement, [event_row(an_event(2), organisation=of)])
            await quick.commit()
            seen.append(await asyncio.to_thread(look))
            await slow.commit()
            seen.append(await asyncio.to_thread(look))
        await engine.dispose()
        return seen

    after = start

    def look() -> list[tuple[int, int]]:
        nonlocal after
        part = read(clinic, after=after)
        after = part.next_after
        return [(one.client_id.int, one.sequence - start) for one in part.items]

    assert asyncio.run(two_writers(look)) == [[(2, 1)], [(1, 2)]]


def test_a_sealer_does_not_wait_for_writers(on_postgresql: Clinic) -> None:
    """An open transaction that has written an event holds the organisation's row; the reader is answered meanwhile."""
    clinic = on_postgresql
    start = read(clinic, after=0).next_after

    async def meanwhile() -> Changes:
        engine = create_async_engine(parse_url(clinic.service.inspected_url))
        async with engine.connect() as slow:
            await slow.execute(insert(events), [event_row(an_event(1), organisation=clinic.organisation)])
            await asyncio.to_thread(write, clinic, an_event(2))
            found = await asyncio.wait_for(asyncio.to_thread(read, clinic, after=start), timeout=2)
        await engine.dispose()
        return found

    assert [one.client_id.int for one in asyncio.run(meanwhile()).items] == [2]


def kinds(found: list[feed.Change]) -> set[str]:
    """List the kinds of some changes."""
    return {one.kind for one in found}


def test_a_bound_key_is_told_of_its_own_only(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Client, therapist, supervisor: events of others take numbers and nothing else, however few are looked at."""
    monkeypatch.setattr(feed, "LOOKED_AT", 4)
    mine = clinic.recorded(form(reported={"rupture": True}))
    theirs = clinic.recorded(therapists_form(reported={"ending": "dropout", "rupture": True}))
    other = clinic.recorded(form(client_ref="mrn-2", therapist_ref="th-8", reported={"rupture": True}))
    shared = clinic.recorded(form(therapist_ref="th-8"))
    episodes = {row.episode_id: row for row in polled(clinic, limit=200) if row.kind == "episode.opened"}
    assert {str(one) for one in episodes} == {one["episode_id"] for one in (mine, other, shared)}
    client = replace(caller_of(clinic), client_id=UUID(mine["client_id"]))
    told = polled(clinic, limit=2, caller=client)
    assert {str(one.client_id) for one in told} == {mine["client_id"]}
    assert {str(one.submission_id) for one in told if one.submission_id} == {mine["id"], shared["id"]}
    assert theirs["id"] not in str(told)
    assert kinds(told) == {"client.created", "episode.opened", "submission.recorded"}
    seven, eight = (therapist_of(clinic, one["episode_id"]) for one in (mine, other))
    for caller in (
        replace(caller_of(clinic), therapist_id=seven),
        replace(caller_of(clinic), therapist_id=eight, supervised=frozenset({seven})),
    ):
        told = polled(clinic, limit=3, caller=caller)
        assert {str(one.episode_id) for one in told} == {mine["episode_id"]}
        assert kinds(told) >= {"submission.recorded", "episode.opened", "signal.opened"}
        assert ("episode.ended" in kinds(told)) == (caller.supervised is not None)
    nobody = replace(caller_of(clinic), therapist_id=eight, supervised=frozenset())
    assert polled(clinic, limit=2, caller=nobody) == []


def therapist_of(clinic: Clinic, episode_id: str) -> UUID:
    """Return the therapist of an episode."""
    rows = clinic.service.read(lambda c: read_people(c, {UUID(episode_id)}, organisation=clinic.organisation))
    return rows[UUID(episode_id)][1]


def strange() -> Iterator[Event]:
    """Make one event of each kind that names somebody else's things, nothing, or what is not there."""
    for number, kind in enumerate(get_args(Kind), start=1):
        yield an_event(2 * number, kind, episode_id=UUID(int=99), signal_id=UUID(int=5))
        yield replace(an_event(2 * number + 1, kind), subject={"key_id": str(UUID(int=7))})


def test_what_is_not_recognised_is_not_told(clinic: Clinic) -> None:
    """Operators' events to nobody; an event without a known episode to no bound key, whatever it says of a client."""
    read(clinic, after=0)
    write(clinic, *strange())
    told = polled(clinic, limit=200)
    assert kinds(told) == set(TOLD)
    about_people = ("client.", "episode.", "submission.", "signal.")
    assert {kind for kind in get_args(Kind) if kind.startswith(about_people)} == kinds(told)
    client = replace(caller_of(clinic), client_id=told[-1].client_id)
    assert polled(clinic, limit=200, caller=client) == []
    assert polled(clinic, limit=200, caller=replace(caller_of(clinic), therapist_id=UUID(int=3))) == []
    assert set(TOLD) >= TO_CLIENTS


def test_an_event_that_names_another_ones_client_is_not_told(clinic: Clinic) -> None:
    """The episode is the key's own, the client is not: whatever wrote that, the id stays where it is."""
    mine, other = clinic.recorded(form()), clinic.recorded(form(client_ref="mrn-2", therapist_ref="th-8"))
    after = polled(clinic, limit=200)[-1].sequence
    mixed = {"client_id": UUID(other["client_id"]), "episode_id": UUID(mine["episode_id"])}
    write(clinic, an_event(7, "episode.scheduled", **mixed))
    assert len(read(clinic, after=after).items) == 1
    therapist = replace(caller_of(clinic), therapist_id=therapist_of(clinic, mine["episode_id"]))
    for caller in (therapist, *(replace(caller_of(clinic), client_id=UUID(one["client_id"])) for one in (mine, other))):
        assert read(clinic, after=after, caller=caller).items == ()


def test_another_organisation_has_numbers_of_its_own(clinic: Clinic) -> None:
    """Each feed begins with 1 and holds nothing of the other."""
    other = clinic.service.clinic()
    made = [one.recorded(form()) for one in (clinic, other)]
    found = [polled(one, limit=10) for one in (clinic, other)]
    assert [{str(change.client_id) for change in one} for one in found] == [{one["client_id"]} for one in made]
    assert [numbers(one)[0][1] for one in (clinic, other)] == [1, 1]


def test_sealing_nothing_is_harmless(clinic: Clinic) -> None:
    """An organisation whose events all have a number."""
    read(clinic, after=0)
    assert clinic.service.write(lambda c: seal(c, clinic.service.runtime, organisation=clinic.organisation)) == 0
