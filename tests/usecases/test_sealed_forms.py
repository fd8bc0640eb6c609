"""What a form says in words, and whom it names, is sealed; and nobody comes back by a late repeat."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from app.access.organisation import change_settings
from app.storage.people_tables import erasures
from app.storage.tables import clients, episodes, submissions, therapists
from tests.harness import Clinic, form, problem

COMMENT = "Ich hätte gern mehr Zeit 🙂"


def allow_comments(clinic: Clinic) -> None:
    """Let the clinic's forms hold free text."""
    clinic.service.in_service(
        lambda c: change_settings(
            c, {"comments_allowed": True}, organisation=clinic.organisation, at=datetime(2026, 1, 1, tzinfo=UTC)
        ),
        organisation=clinic.organisation,
    )


def erase_by_hand(clinic: Clinic, *, at: datetime) -> None:
    """Leave the tombstone of a client's reference, and nothing else."""

    def work(connection: Connection) -> None:
        one = connection.execute(select(clients).where(clients.c.organisation_id == clinic.organisation)).first()
        assert one is not None
        connection.execute(
            insert(erasures).values(
                organisation_id=clinic.organisation, client_id=one.client_id, reference_key=one.reference_key,
                reference=one.reference, reason="requested", erased_at=at, erased={},
            )
        )  # fmt: skip

    clinic.service.in_service(work, organisation=clinic.organisation)


def test_a_comment_is_refused_until_the_organisation_allows_it(clinic: Clinic) -> None:
    """Nothing is stored of such a form; once comments are allowed the same form is taken."""
    refused = clinic.post(form(comment=COMMENT), key="k")
    assert (refused.status_code, problem(refused)["errors"]) == (
        422, [{"pointer": "/comment", "code": "comment_not_allowed"}],
    )  # fmt: skip
    assert clinic.count("submissions") == 0
    allow_comments(clinic)
    assert clinic.post(form(comment=COMMENT), key="k").status_code == 201


def test_a_comment_is_read_back_and_lies_sealed(clinic: Clinic) -> None:
    """Whoever reads the form reads it, the row holds no word of it; a repeat replays, another is refused."""
    allow_comments(clinic)
    made = clinic.post(form(comment=COMMENT), key="k")
    assert "comment" not in made.json()
    assert clinic.read_back(made.json()["id"])["form"]["comment"] == COMMENT
    rows = clinic.service.in_service(
        lambda c: c.execute(
            select(submissions.c.sealed_comment).where(submissions.c.organisation_id == clinic.organisation)
        ).scalars().all(),
        organisation=clinic.organisation,
    )  # fmt: skip
    assert len(rows) == 1
    assert b"Zeit" not in rows[0]
    again = clinic.post(form(comment=COMMENT), key="k")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert problem(clinic.post(form(comment="other"), key="k"))["code"] == "idempotency_key_reused"
    assert problem(clinic.post(form()))["code"] == "session_already_rated"


def test_a_corrected_comment_is_the_newer_one(clinic: Clinic) -> None:
    """A correction has a comment of its own; the form before keeps the one it had."""
    allow_comments(clinic)
    first = clinic.recorded(form(comment=COMMENT))
    second = clinic.correct(first["id"], form(comment="better")).json()
    assert clinic.read_back(first["id"])["form"]["comment"] == COMMENT
    assert clinic.read_back(second["id"])["form"]["comment"] == "better"


def test_references_are_kept_sealed(clinic: Clinic) -> None:
    """Client, therapist and episode can be named again in an export, and only with their keys."""
    clinic.recorded(form(client_ref={"system": "ehr", "value": "mrn-1042"}, episode_ref="2026-a"))

    def opened(connection: Connection) -> tuple[Any, ...]:
        vault = clinic.service.runtime.vault.of(connection, organisation=clinic.organisation)
        rows = [
            connection.execute(select(table).where(table.c.organisation_id == clinic.organisation)).one()
            for table in (clients, therapists, episodes)
        ]
        client, therapist, episode = rows
        assert not any(b"1042" in row.sealed_reference for row in rows)
        return (
            vault.open_client(client.client_id, client.sealed_reference),
            vault.open_therapist(therapist.therapist_id, therapist.sealed_reference),
            vault.open_episode(client.client_id, episode.episode_id, episode.sealed_reference),
        )

    assert clinic.service.in_service(opened, organisation=clinic.organisation) == (
        ("ehr", "mrn-1042"), ("", "th-7"), "2026-a",
    )  # fmt: skip


@pytest.mark.parametrize("way", ["post", "put", "batch"])
def test_what_was_filled_in_before_an_erasure_creates_nobody(clinic: Clinic, way: str) -> None:
    """A late repeat about somebody who was erased answers 410; a form of later is a new beginning."""
    clinic.recorded(form(session_number=1))
    erase_by_hand(clinic, at=datetime(2025, 3, 1, tzinfo=UTC))
    before = clinic.counts()
    late = form(session_number=2)  # completed in January 2025
    if way == "post":
        answer = clinic.post(late)
        told = (answer.status_code, problem(answer)["code"])
    elif way == "put":
        answer = clinic.put("0199aaaa-0000-7000-8000-000000000001", late)
        told = (answer.status_code, problem(answer)["code"])
    else:
        item = clinic.post_batch([("k", late)]).json()["items"][0]
        told = (item["status"], item["problem"]["code"])
    assert told == (410, "client_erased")
    assert clinic.counts() == before
    assert clinic.post(form(session_number=20)).status_code == 201


def test_a_key_that_opens_one_person_is_not_told_who_was_erased(clinic: Clinic) -> None:
    """About somebody else it hears what it hears of nobody: 404."""
    clinic.recorded(form(session_number=1))
    clinic.recorded(form(client_ref="mrn-2"))
    erase_by_hand(clinic, at=datetime(2025, 3, 1, tzinfo=UTC))
    other = clinic.bound("client", "mrn-2")
    late = {ref: other.post(form(client_ref=ref, session_number=2)) for ref in ("mrn-1042", "mrn-nobody")}
    assert {(one.status_code, problem(one)["code"]) for one in late.values()} == {(404, "not_found")}
