"""Duplicates at once: one key from many threads, one form under many keys, two workers on one series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from anyio.from_thread import BlockingPortal

from app.stages.model import Session, estimate
from tests.faults.accounting import faults
from tests.harness import ANSWERS, Clinic, Service, form

THREADS = 32


@pytest.fixture
def second_worker(service: Service, clinic: Clinic, portal: BlockingPortal, tmp_path: Path) -> Iterator[Clinic]:
    """The same application, served by another worker on the same database."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    keys = service.runtime.keys
    for name, secret in (
        ("api-key-pepper", keys.pepper),
        ("reference-key", keys.reference_key),
        ("content-key", keys.content_key),
    ):
        (secrets / name).write_text(secret.hex())
    with Service.start(service.database_url, portal, secrets=secrets) as other:
        yield Clinic(
            service=other, organisation=clinic.organisation, application=clinic.application, api_key=clinic.api_key
        )


def test_one_key_from_32_threads_leaves_one_row(clinic: Clinic, second_worker: Clinic) -> None:
    """Through two workers: one form, the same bytes for all, and all but one are replays."""
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda n: (clinic, second_worker)[n % 2].post(form(), key="one-key"), range(THREADS)))
    assert Counter(answer.status_code for answer in answers) == {201: THREADS}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == THREADS - 1
    told = UUID(answers[0].json()["id"])
    assert clinic.service.read(lambda c: faults(c, [told], organisation=clinic.organisation)) == []
    assert (clinic.count("submissions"), clinic.count("clients"), clinic.count("episodes")) == (1, 1, 1)


def test_one_form_under_32_keys_leaves_one_row(clinic: Clinic, second_worker: Clinic) -> None:
    """The same form under keys of their own is stored once: one 201, and 200 with the same id for the rest."""
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda n: (clinic, second_worker)[n % 2].post(form(), key=f"k-{n}"), range(THREADS)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: THREADS - 1}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert clinic.count("submissions") == 1


def test_one_key_with_two_contents_binds_one_of_them(clinic: Clinic) -> None:
    """Of two contents under one key one is stored; the other gets 422 and leaves nothing."""
    contents = [form(), form(answers={**ANSWERS, "1": 1})]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda n: clinic.post(contents[n % 2], key="one-key"), range(THREADS)))
    assert Counter(answer.status_code for answer in answers) == {201: THREADS // 2, 422: THREADS // 2}
    assert clinic.count("submissions") == 1


def test_two_workers_on_one_series_end_as_a_rebuild_does(clinic: Clinic, second_worker: Clinic) -> None:
    """Two workers race through one client's sessions; the end state is that of the stored forms, folded anew."""
    focus = [(5, 3, 1, 1), (4, 4, 2, 1), (2, 5, 3, 1), (2, 4, 3, 1), (1, 3, 5, 1), (1, 2, 5, 2)]

    def post(work: tuple[int, Clinic, str]) -> int:
        session, worker, rater = work
        answers = {k: v for k, v in ANSWERS.items() if rater == "client" or not k.startswith("f")}
        if rater == "client":
            answers |= dict(zip(("f1", "f2", "f3", "f4"), focus[session - 1], strict=True))
        sent = form(
            session_number=session, rater=rater, instrument="trq-s" if rater == "client" else "trq-s-t", answers=answers
        )
        return worker.post(sent, key=f"{rater}-{session}").status_code

    workers = (clinic, second_worker)
    work = [(s, w, rater) for s in range(1, 7) for rater in ("client", "therapist") for w in workers]
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(post, work))
    assert set(codes) <= {201, 409}
    for one in work:  # what was out of order then is in order now, or stays refused
        assert post(one) in {201, 409}
    client_id = clinic.request("POST", "/v1/clients/lookup", json={"ref": "mrn-1042"}).json()["client_id"]
    progress = clinic.get(f"/v1/clients/{client_id}/progress").json()
    lines = {line["rater"]: line["sessions"] for line in progress["series"]}
    assert lines["client"][-1] == lines["therapist"][-1] == 6
    rebuilt = estimate([Session(number=s, focus=focus[s - 1]) for s in lines["client"]], at=6)
    stage = clinic.get(f"/v1/clients/{client_id}/stage").json()
    assert list(stage["probabilities"].values()) == [round(p, 4) for p in rebuilt.probabilities]
    assert clinic.count("submissions") == len(lines["client"]) + len(lines["therapist"])
    assert (clinic.count("clients"), clinic.count("episodes"), clinic.count("therapists")) == (1, 1, 1)
