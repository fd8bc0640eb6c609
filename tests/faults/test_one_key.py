"""Duplicates at once: one key from many threads, one form under many keys, one key with two contents."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from tests.faults.accounting import faults
from tests.harness import ANSWERS, Clinic, form, problem

THREADS = 32
KEYS = 4


@pytest.fixture(params=["one worker", "two workers"])
def workers(request: pytest.FixtureRequest, clinic: Clinic) -> tuple[Clinic, Clinic]:
    """Where the threads post in turn: to one worker, or to two on the same database."""
    other: Clinic = clinic if request.param == "one worker" else request.getfixturevalue("second_worker")
    return (clinic, other)


def test_one_key_from_32_threads_leaves_one_row(clinic: Clinic, workers: tuple[Clinic, Clinic]) -> None:
    """One form with its 11 scores and one key; the same bytes for all, and all but one are replays."""
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda n: workers[n % 2].post(form(), key="one-key"), range(THREADS)))
    assert Counter(answer.status_code for answer in answers) == {201: 32}
    assert len({answer.content for answer in answers}) == 1
    assert Counter(answer.headers.get("idempotent-replayed") for answer in answers) == {"true": 31, None: 1}
    told = UUID(answers[0].json()["id"])
    assert clinic.service.read(lambda c: faults(c, [told], organisation=clinic.organisation)) == []
    assert {name: rows for name, rows in clinic.counts().items() if rows and name not in {"events", "api_keys"}} == {
        "organisations": 1, "chain_heads": 1,
        "organisation_keys": 1, "applications": 1, "clients": 1, "client_keys": 1, "therapists": 1,
        "episodes": 1, "submissions": 1, "scores": 11, "assessments": 1, "idempotency_keys": 1,
        "statistics": 1, "series_statistics": 1,
    }  # fmt: skip


def test_several_keys_from_32_threads_each_leave_one_row(clinic: Clinic, workers: tuple[Clinic, Clinic]) -> None:
    """Four forms of four clients, mixed over all threads: each is stored by one post and replayed by 31."""
    posts = [(key, n) for n in range(THREADS) for key in range(KEYS)]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda p: workers[p[1] % 2].post(form(client_ref=f"c-{p[0]}"), key=f"k-{p[0]}"), posts))
    for key in range(KEYS):
        own = [answer for post, answer in zip(posts, answers, strict=True) if post[0] == key]
        assert Counter(answer.status_code for answer in own) == {201: 32}
        assert len({answer.content for answer in own}) == 1
        assert sum("idempotent-replayed" in answer.headers for answer in own) == 31
    told = {UUID(answer.json()["id"]) for answer in answers}
    assert clinic.service.read(lambda c: faults(c, told, organisation=clinic.organisation)) == []
    assert (clinic.count("submissions"), clinic.count("idempotency_keys"), clinic.count("scores")) == (4, 4, 44)


@pytest.mark.parametrize("source", [None, {"system": "https://ehr.example/forms", "id": "qr-889"}])
def test_one_form_under_32_keys_leaves_one_row(
    clinic: Clinic, workers: tuple[Clinic, Clinic], source: dict[str, str] | None
) -> None:
    """The same form under keys of their own is stored once: one 201, 200 with the same id for the rest."""
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda n: workers[n % 2].post(form(source=source), key=f"k-{n}"), range(THREADS)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 31}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 0
    told = UUID(answers[0].json()["id"])
    found = clinic.service.read(lambda c: faults(c, [told], organisation=clinic.organisation, keys_of_a_form=THREADS))
    assert found == []
    again = [clinic.post(form(source=source), key=f"k-{n}") for n in range(THREADS)]
    assert [answer.status_code for answer in again] == [answer.status_code for answer in answers]
    assert all(answer.headers["idempotent-replayed"] == "true" for answer in again)


def test_one_key_with_two_contents_binds_one_of_them(clinic: Clinic, workers: tuple[Clinic, Clinic]) -> None:
    """Of two contents under one key one is stored; the other gets 422 and leaves nothing."""
    contents = [form(), form(answers={**ANSWERS, "1": 1})]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda n: workers[n % 2].post(contents[n // 2 % 2], key="one-key"), range(THREADS)))
    taken = [answer for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code != 201]
    assert (len(taken), len(refused)) == (16, 16)
    assert len({answer.content for answer in taken}) == 1
    assert {(problem(answer)["status"], problem(answer)["code"]) for answer in refused} == {
        (422, "idempotency_key_reused")
    }
    told = UUID(taken[0].json()["id"])
    assert clinic.service.read(lambda c: faults(c, [told], organisation=clinic.organisation)) == []
    assert (clinic.count("submissions"), clinic.count("idempotency_keys")) == (1, 1)


def test_one_source_with_two_contents_binds_one_of_them(clinic: Clinic, workers: tuple[Clinic, Clinic]) -> None:
    """Of two contents under one source one is stored; the other gets 409 with its id and leaves nothing."""
    source = {"system": "https://ehr.example/forms", "id": "qr-889"}
    contents = [form(source=source, client_ref=client) for client in ("mrn-1", "mrn-2")]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda n: workers[n % 2].post(contents[n // 2 % 2], key=f"k-{n}"), range(THREADS)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 15, 409: 16}
    told = {answer.json()["id"] for answer in answers if answer.status_code != 409}
    refused = [problem(answer) for answer in answers if answer.status_code == 409]
    assert {(one["code"], one["submission_id"]) for one in refused} == {("source_conflict", min(told))}
    assert len(told) == 1
    assert (clinic.count("submissions"), clinic.count("idempotency_keys")) == (1, 16)
    assert (clinic.count("clients"), clinic.count("episodes")) == (1, 1)
