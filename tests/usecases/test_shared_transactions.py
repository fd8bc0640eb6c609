"""Several callers in one transaction: what one of them meets is told to that one, and the others are stored."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy.util import await_only

import app.storage.binding
from app.storage.database import open_database
from app.storage.flights import Flights
from app.storage.runtime import Runtime
from app.storage.together import Lanes
from app.submissions.intake import Intake, Recorded
from app.submissions.record import record
from tests.faults.accounting import faults
from tests.harness import ANSWERS, Clinic, Service, form, make_postgres_database, problem
from tests.usecases.calling import caller_of, entry
from tests.usecases.sharing import by_digest, together
from tests.usecases.test_races import held, until_waiting

HALF_A_YEAR_LATER = "2025-09-01T10:00:00Z"


@pytest.fixture(scope="module")
def on_postgres(
    postgres_url: str, portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service on a PostgreSQL database of this module's own."""
    secrets = tmp_path_factory.mktemp("secrets")
    with Service.start(make_postgres_database(postgres_url), portal, secrets=secrets) as service:
        yield service


def whole(clinic: Clinic) -> list[str]:
    """Return what does not add up in this organisation's rows."""
    return clinic.service.read(lambda c: faults(c, [], organisation=clinic.organisation))


def test_an_episode_that_must_not_open_again_is_told_to_its_correction_only(clinic: Clinic) -> None:
    """Ten callers share a transaction; one takes an ending out while the next episode is open: the nine are stored."""
    ended = clinic.recorded(form(reported={"ending": "planned"}))
    later = clinic.recorded(form(session_number=2, completed_at=HALF_A_YEAR_LATER))
    assert later["episode_id"] != ended["episode_id"]
    calls = [partial(clinic.post, form(client_ref=f"mrn-{n}")) for n in range(9)]
    calls.insert(4, partial(clinic.correct, ended["id"], form()))
    answers, writes = together(clinic, calls)
    assert [answer.status_code for answer in answers] == [201] * 4 + [409] + [201] * 5
    assert problem(answers[4])["code"] == "later_episode_open"
    assert writes == 3  # with the correction, without it, and the entry of the refusal
    assert clinic.read_back(ended["id"])["status"] == "current"
    assert clinic.count("submissions") == 12  # one was under way
    assert whole(clinic) == []


def test_a_form_that_gave_way_to_a_refused_one_is_stored_after_all(clinic: Clinic) -> None:
    """The place that a refused correction wanted is free for the form that came with it."""
    ended = clinic.recorded(form(reported={"ending": "planned"}))
    clinic.recorded(form(session_number=2, completed_at=HALF_A_YEAR_LATER))
    moved = form(session_number=3, completed_at="2025-01-10T10:00:00Z")
    other = form(session_number=3, completed_at="2025-01-11T10:00:00Z", answers={**ANSWERS, "1": 1})
    answers, _ = together(clinic, [partial(clinic.correct, ended["id"], moved), partial(clinic.post, other)])
    assert [answer.status_code for answer in answers] == [409, 201]
    assert problem(answers[0])["code"] == "later_episode_open"
    assert whole(clinic) == []


SOURCE = {"system": "https://forms.example", "id": "qr-1"}


def test_a_source_of_another_callers_form_is_told_to_systems_only(clinic: Clinic) -> None:
    """A key bound to one client has a space of its own, in the same transaction; an unbound one hears whose it is."""
    first, own, last = by_digest(clinic, "mrn-1", "mrn-2", "mrn-3")
    clinic.recorded(form(client_ref=own))
    phone = clinic.bound("client", own)
    answers, writes = together(
        clinic,
        [
            partial(clinic.post, form(client_ref=last, source=SOURCE)),
            partial(phone.post, form(client_ref=own, session_number=2, source=SOURCE)),
            partial(clinic.post, form(client_ref=first, source=SOURCE)),
        ],
    )
    assert [answer.status_code for answer in answers] == [409, 201, 201]
    assert writes == 3  # with the refused one, without it, and the entry of the refusal
    to_system = problem(answers[0])
    assert (to_system["code"], to_system["submission_id"]) == ("source_conflict", answers[2].json()["id"])
    assert answers[2].json()["id"] not in answers[1].text + str(answers[1].headers)
    assert (clinic.count("sources"), clinic.count("submissions")) == (2, 4)  # with the one under way


def test_a_source_that_is_in_the_database_is_told_to_systems_only(clinic: Clinic) -> None:
    """Alone or with others, a client's key and a therapist's are told of nobody else; an unbound key is told the id."""
    there = clinic.recorded(form(client_ref="mrn-2", therapist_ref="th-8", source=SOURCE))
    clinic.recorded(form())
    phones = [clinic.bound("client", "mrn-1042"), clinic.bound("therapist", "th-7"), clinic]
    sent = [form(session_number=number, source=SOURCE) for number in (2, 3, 4)]
    alone = [phone.post(one) for phone, one in zip(phones, sent, strict=True)]
    shared, _ = together(clinic, [partial(phone.post, one) for phone, one in zip(phones, sent, strict=True)])
    for answers, status in ((alone, 201), (shared, 200)):
        assert [answer.status_code for answer in answers] == [status, status, 409]
        told = problem(answers[2])
        assert (told["code"], told["submission_id"]) == ("source_conflict", there["id"])
        assert [there["id"] in answer.text + str(answer.headers) for answer in answers] == [False, False, True]
    assert (clinic.count("sources"), clinic.count("submissions")) == (3, 5)  # with the one under way


@contextmanager
def second_worker(service: Service) -> Iterator[Runtime]:
    """Another worker on the same database with the same secrets."""
    database = open_database(service.database_url)
    try:
        yield replace(service.runtime, database=database, flights=Flights(), lanes=Lanes())
    finally:
        service.portal.call(database.close)


@pytest.mark.parametrize("known", ["with an ended course", "without a course"])
def test_two_workers_with_one_form_that_ends_a_course_store_it_once(
    on_postgres: Service, known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL: the second waits for the client while the first is between its locks and its rows."""
    clinic = on_postgres.clinic()
    if known == "with an ended course":
        clinic.recorded(form(reported={"ending": "planned"}))
    else:
        clinic.bound("client", "mrn-1042")
        clinic.bound("therapist", "th-7")
    before = clinic.counts()
    sent: dict[str, Any] = {"completed_at": HALF_A_YEAR_LATER, "reported": {"ending": "dropout"}}
    at_its_rows, go_on, write = threading.Event(), asyncio.Event(), Intake._write

    def gated(intake: Intake, finished: Any) -> Any:
        if not at_its_rows.is_set():
            at_its_rows.set()
            await_only(asyncio.wait_for(go_on.wait(), 20))
        return write(intake, finished)

    monkeypatch.setattr(Intake, "_write", gated)
    with second_worker(on_postgres) as other, ThreadPoolExecutor(2) as pool:
        call = partial(on_postgres.portal.call, record)
        first = pool.submit(call, on_postgres.runtime, caller_of(clinic), [entry("k-1", **sent)])
        assert at_its_rows.wait(timeout=20)
        second = pool.submit(call, other, caller_of(clinic), [entry("k-2", **sent)])
        try:
            until_waiting(on_postgres, 1)
        finally:
            on_postgres.portal.call(go_on.set)
        outcomes = [*first.result(), *second.result()]
    told = [(one.created, one.replayed) for one in outcomes if isinstance(one, Recorded)]
    assert told == [(True, False), (False, False)]
    assert len({one.submission.submission_id for one in outcomes if isinstance(one, Recorded)}) == 1
    grown = {name: count - before[name] for name, count in clinic.counts().items() if count != before[name]}
    assert {name: grown[name] for name in ("episodes", "submissions", "scores", "idempotency_keys")} == {
        "episodes": 1, "submissions": 1, "scores": 11, "idempotency_keys": 2,
    }  # fmt: skip


LOCKS = {
    "client": "SELECT * FROM clients WHERE client_id = '{client_id}' FOR UPDATE",
    "episode": "SELECT * FROM episodes WHERE client_id = '{client_id}' FOR UPDATE",
}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_locked_client_is_in_progress_for_those_who_wait_for_it_only(
    on_postgres: Service, lock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL: of one transaction's callers the others are stored before the lock is free; a retry works after."""
    monkeypatch.setattr(app.storage.binding, "PATIENCE", "300ms")
    clinic = on_postgres.clinic()
    locked = clinic.recorded(form(client_ref="locked"))
    second = form(client_ref="locked", session_number=2)
    calls: list[Callable[[], httpx.Response]] = [
        partial(clinic.post, form(client_ref="mrn-1")),
        partial(clinic.post, second, key="k"),
        partial(clinic.post_batch, [("in-a-batch", form(client_ref="locked", session_number=3))]),
        partial(clinic.post_batch, [("other", form(client_ref="mrn-2"))]),
        partial(clinic.post, form(client_ref="mrn-3")),
    ]
    with held(on_postgres, LOCKS[lock].format(client_id=locked["client_id"])):
        answers, writes = together(clinic, calls)
        assert clinic.count("submissions") == 5  # the one that is locked, the one that was under way, and three
    assert writes == 6  # all together, then each by itself
    assert [answer.status_code for answer in answers] == [201, 409, 200, 200, 201]
    assert problem(answers[1])["code"] == "in_progress"
    (item,) = answers[2].json()["items"]
    assert (item["status"], item["problem"]["code"], item["id"]) == (409, "in_progress", None)
    assert [one["status"] for one in answers[3].json()["items"]] == [201]
    again = clinic.post(second, key="k")
    assert (again.status_code, "idempotent-replayed" in again.headers) == (201, False)
    assert whole(clinic) == []
