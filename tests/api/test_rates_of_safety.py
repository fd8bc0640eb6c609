"""What is left of a rate tells nobody that a safety check was sent, and nobody's requests keep one out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.web import rates
from tests.api.safety import offering, post_check, safety_check
from tests.api.test_invitations import invited
from tests.api.test_invited_checks import PATH, check
from tests.api.test_limits import limited, of_a_limit
from tests.api.tokens import Backend
from tests.harness import Clinic

INSTRUMENTS = "/v1/instruments"
NAMES = ("system", "token", "phone", "therapist", "sent", "sender")
RATES: dict[str, Any] = {
    "rate_limit_writes": "90/hour", "rate_limit_reads": "90/hour",
    "rate_limit_person_writes": "3/hour", "rate_limit_person_reads": "3/hour",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock of the rates: a window never ends."""
    monkeypatch.setattr(rates, "monotonic", lambda: 1000.0)


@pytest.fixture
def callers(clinic: Clinic) -> Iterator[dict[str, Clinic]]:
    """Let everybody call who could wait for a check: all of one application, but for the one who reads checks."""
    reader = offering(clinic)
    found = {
        "system": clinic,
        "token": replace(clinic, api_key=Backend.of(clinic).token(client_ref="mrn-1042")),
        "phone": clinic.bound("client", "mrn-1042"),
        "therapist": clinic.bound("therapist", "th-7"),
        "sent": invited(clinic)[1],
        "sender": invited(clinic)[1],
        "reader": reader,
    }
    with limited(clinic, **RATES) as calling:
        yield {name: replace(one, service=calling.service) for name, one in found.items()}


def left(callers: dict[str, Clinic]) -> list[str]:
    """Let everybody write and read once, and list what they are told."""
    answers = [
        answer
        for by in (callers[name] for name in NAMES)
        for answer in (by.request("POST", "/v1/invitations/mine/submission", json={}), by.get(INSTRUMENTS))
    ]
    return [str(answer.headers["RateLimit"]) for answer in answers]


def sends(by: Clinic) -> list[httpx.Response]:
    """Read the form and send a check, as a key does it."""
    sent = safety_check(client_ref="mrn-1042")
    return [by.get("/v1/safeguarding/form"), post_check(by, sent)]


def test_a_check_moves_nothing_that_anybody_is_told(callers: dict[str, Clinic]) -> None:
    """Whoever sends it, and by whichever way: everybody has one less for the request of their own, and no other."""
    told = left(callers)
    assert told == [
        '"writes";r=89;t=3600', '"reads";r=89;t=3600',
        '"person-writes";r=2;t=3600', '"person-reads";r=2;t=3600',
        '"person-writes";r=1;t=3600', '"person-reads";r=1;t=3600',
        '"person-writes";r=2;t=3600', '"person-reads";r=2;t=3600',
        '"person-writes";r=2;t=3600', '"person-reads";r=2;t=3600',
        '"person-writes";r=2;t=3600', '"person-reads";r=2;t=3600',
    ]  # fmt: skip
    answers = [one for name in ("system", "token", "phone") for one in sends(callers[name])]
    answers += [callers["sent"].get(PATH), check(callers["sent"])]
    assert [one.status_code for one in answers] == [200, 201] * 4
    assert {of_a_limit(one) for one in answers} == {(None, None)}
    assert left(callers) == [
        '"writes";r=88;t=3600', '"reads";r=88;t=3600',
        '"person-writes";r=0;t=3600', '"person-reads";r=0;t=3600',
        '"person-writes";r=0;t=3600', '"person-reads";r=0;t=3600',
        '"person-writes";r=1;t=3600', '"person-reads";r=1;t=3600',
        '"person-writes";r=1;t=3600', '"person-reads";r=1;t=3600',
        '"person-writes";r=1;t=3600', '"person-reads";r=1;t=3600',
    ]  # fmt: skip


def test_nobody_keeps_a_check_out(callers: dict[str, Clinic]) -> None:
    """However much all others send, of checks and of all else; and the own form does not stop the own check."""
    for name in ("therapist", "sender"):
        for _ in range(5):
            callers[name].request("POST", "/v1/invitations/mine/submission", json={})
            callers[name].request("POST", "/v1/safeguarding", json={})
            callers[name].request("POST", PATH, json={})
    phone, sent = callers["phone"], callers["sent"]
    for by in (phone, sent):
        for _ in range(5):
            by.request("POST", "/v1/invitations/mine/submission", json={})
    assert [one.status_code for one in sends(phone)] == [200, 201]
    assert (sent.get(PATH).status_code, check(sent).status_code) == (200, 201)


def test_too_many_checks_are_refused_and_no_rate_is_told(callers: dict[str, Clinic]) -> None:
    """A phone has as many as it has of all else, and hears when to come again."""
    for by, path in ((callers["phone"], "/v1/safeguarding"), (callers["sent"], PATH)):
        answers = [by.request("POST", path, json={}) for _ in range(4)]
        assert [one.status_code == 429 for one in answers] == [False, False, False, True]
        assert (of_a_limit(answers[3]), answers[3].headers["Retry-After"]) == ((None, None), "3600")


def test_the_sender_of_an_invitation_neither_counts_nor_stops_its_checks(clinic: Clinic) -> None:
    """They have the same token: from elsewhere their refusals begin where they would without the client's check."""
    offering(clinic)
    _, phone = invited(clinic)
    with limited(clinic, **RATES) as calling:
        app = calling.service.http._transport.app  # type: ignore[attr-defined]
        client = replace(phone, service=calling.service)
        with limited(clinic, peer="192.0.2.2", app=app) as elsewhere:
            sender = replace(phone, service=elsewhere.service)
            assert check(client).status_code == 201
            tried = [sender.request("POST", PATH, json={}).status_code for _ in range(4)]
            assert tried == [422, 422, 422, 429]
            assert check(client).status_code == 201


def test_all_invitations_together_may_send_as_much_as_an_application(clinic: Clinic) -> None:
    """Who makes one for each request is stopped there, and stops no phone."""
    offering(clinic)
    guests = [invited(clinic)[1] for _ in range(3)]
    phone = clinic.bound("client", "mrn-1042")
    with limited(clinic, **(RATES | {"rate_limit_writes": "2/hour"})) as calling:
        by = [replace(one, service=calling.service) for one in guests]
        answers = [one.request("POST", PATH, json={}) for one in by]
        assert [one.status_code for one in answers] == [422, 422, 429]
        assert {of_a_limit(one) for one in answers} == {(None, None)}
        phone = replace(phone, service=calling.service)
        assert post_check(phone, safety_check(client_ref="mrn-1042")).status_code == 201
