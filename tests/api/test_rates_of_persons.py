"""One person's phone can't use up what everybody else has: persons are counted beside their application."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.settings import Settings
from app.web import rates
from tests.api.refusals import nothing_stored, told
from tests.api.test_invitations import invited
from tests.api.test_limits import limited, of_a_limit
from tests.api.tokens import Backend
from tests.harness import Clinic

INSTRUMENTS = "/v1/instruments"
RATES: dict[str, Any] = {
    "rate_limit_writes": "4/hour", "rate_limit_reads": "4/hour",
    "rate_limit_person_writes": "2/hour", "rate_limit_person_reads": "2/hour",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock of the rates: how long a test takes is not what it is about."""
    monkeypatch.setattr(rates, "monotonic", lambda: 1000.0)


def statuses(by: Clinic, times: int) -> list[int]:
    """Send nothing that is a form, and read, some times; list the statuses of both in turn."""
    return [status for _ in range(times) for status in (by.post({}).status_code, by.get(INSTRUMENTS).status_code)]


def test_one_phone_stops_neither_the_others_nor_the_application(clinic: Clinic) -> None:
    """Of the two persons each has its own count, the application all of its own, whichever way a person is named."""
    persons = clinic.bound("client", "a"), clinic.bound("client", "b"), clinic.bound("therapist", "t")
    with limited(clinic, **RATES) as calling:
        phone, other, desk = (replace(one, service=calling.service) for one in persons)
        assert statuses(phone, 3) == [422, 200, 422, 200, 429, 429]
        assert of_a_limit(phone.get(INSTRUMENTS)) == ('"person-reads";q=2;w=3600', '"person-reads";r=0;t=3600')
        assert statuses(other, 1) == [422, 200]
        assert of_a_limit(other.post({})) == ('"person-writes";q=2;w=3600', '"person-writes";r=0;t=3600')
        assert statuses(calling, 5) == [422, 200] * 4 + [429, 429]
        assert of_a_limit(calling.get(INSTRUMENTS)) == ('"reads";q=4;w=3600', '"reads";r=0;t=3600')
        assert desk.get(INSTRUMENTS).status_code == 200


def test_all_persons_together_have_as_much_as_the_application(clinic: Clinic) -> None:
    """Else whoever may make tokens would make one for each request; the refusal names the limit that it is of."""
    phones = [clinic.bound("client", f"c-{number}") for number in range(2)]
    backend = Backend.of(clinic)
    tokens = [backend.token(client_ref=f"t-{number}") for number in range(2)]
    with limited(clinic, **RATES) as calling:
        by = [replace(one, service=calling.service) for one in phones]
        by += [replace(calling, api_key=token) for token in tokens]
        assert [statuses(one, 1) for one in by] == [[422, 200]] * 4
        refused = by[0].get(INSTRUMENTS)
        assert refused.status_code == 429
        assert of_a_limit(refused) == ('"reads";q=4;w=3600', '"reads";r=0;t=3600')
        assert statuses(calling, 1) == [422, 200]


def test_a_refused_person_uses_up_nothing_that_others_share(clinic: Clinic) -> None:
    """However often it asks: what it was refused does not count against all persons."""
    phone, other = clinic.bound("client", "a"), clinic.bound("client", "b")
    with limited(clinic, **RATES) as calling:
        phone, other = (replace(one, service=calling.service) for one in (phone, other))
        assert statuses(phone, 20)[4:] == [429] * 36
        assert statuses(other, 2) == [422, 200] * 2


def test_each_invitation_counts_for_itself(clinic: Clinic) -> None:
    """Neither with the application that made it, nor with others of its client, nor with the client's phone."""
    guests = [replace(clinic, api_key=invited(clinic)[0]["token"]) for _ in range(2)]
    phone = clinic.bound("client", "mrn-1042")
    with limited(clinic, **(RATES | {"rate_limit_reads": "6/hour"})) as calling:
        first, second, phone = (replace(one, service=calling.service) for one in (*guests, phone))
        mine = [first.get("/v1/invitations/mine") for _ in range(3)]
        assert [one.status_code for one in mine] == [200, 200, 429]
        assert of_a_limit(mine[1]) == ('"person-reads";q=2;w=3600', '"person-reads";r=0;t=3600')
        assert second.get("/v1/invitations/mine").headers["RateLimit"] == '"person-reads";r=1;t=3600'
        assert phone.get(INSTRUMENTS).headers["RateLimit"] == '"person-reads";r=1;t=3600'
        assert statuses(calling, 4) == [422, 200] * 4


def test_all_invitations_together_stop_no_phone(clinic: Clinic) -> None:
    """Whoever may invite makes as many as they like, of anybody: together they have a rate of their own."""
    guests = [replace(clinic, api_key=invited(clinic)[0]["token"]) for _ in range(3)]
    phone = clinic.bound("client", "mrn-1042")
    with limited(clinic, **RATES) as calling:
        by = [replace(one, service=calling.service) for one in guests]
        assert [one.get("/v1/invitations/mine").status_code for one in by * 2] == [200] * 4 + [429] * 2
        assert statuses(replace(phone, service=calling.service), 2) == [422, 200] * 2


def batch(number: int) -> dict[str, Any]:
    """Make a batch of things that are no forms."""
    return {"items": [{"key": f"k-{n}", "form": {}} for n in range(number)]}


def test_a_persons_batch_counts_by_its_items(clinic: Clinic) -> None:
    """Before any of it is looked at, whatever becomes of it; an application's is one request."""
    with limited(clinic, rate_limit_writes="10/hour", rate_limit_person_writes="5/hour") as calling:
        therapist, other, third = (
            replace(clinic.bound("therapist", name), service=calling.service) for name in ("t", "u", "v")
        )

        def sent(by: Clinic, number: int) -> tuple[int, str | None]:
            answer = by.request("POST", "/v1/submissions/batch", json=batch(number))
            return answer.status_code, of_a_limit(answer)[1]

        assert sent(therapist, 3) == (200, '"person-writes";r=2;t=3600')
        assert sent(therapist, 1) == (200, '"person-writes";r=1;t=3600')
        assert sent(therapist, 2) == (429, '"person-writes";r=0;t=3600')
        assert sent(other, 5) == (200, '"person-writes";r=0;t=3600')  # 10 of all persons together
        assert sent(third, 1) == (429, '"writes";r=0;t=3600')
        assert sent(calling, 400) == (200, '"writes";r=9;t=3600')


def test_a_batch_that_a_person_could_never_send_is_refused_as_too_long(clinic: Clinic) -> None:
    """To wait would not help; and it uses up what the person has, so that it is not sent again and again."""
    therapist = clinic.bound("therapist", "t")
    with limited(clinic, rate_limit_person_writes="5/hour") as calling, nothing_stored(clinic):
        therapist = replace(therapist, service=calling.service)
        refused = therapist.request("POST", "/v1/submissions/batch", json=batch(6))
        assert told(refused) == (422, "validation_failed", [("/items", "too_long")])
        again = therapist.request("POST", "/v1/submissions/batch", json=batch(1))
        assert (told(again)[:2], again.headers["Retry-After"]) == ((429, "rate_limited"), "3600")


def test_a_persons_limit_may_be_off(clinic: Clinic) -> None:
    """Then what all persons share is told; by default a person has far more than a person needs."""
    phone = clinic.bound("client", "a")
    with limited(clinic, **(RATES | {"rate_limit_person_reads": "off"})) as calling:
        phone = replace(phone, service=calling.service)
        assert of_a_limit(phone.get(INSTRUMENTS)) == ('"reads";q=4;w=3600', '"reads";r=3;t=3600')
    assert (Settings().rate_limit_person_writes, Settings().rate_limit_person_reads) == ("20/second", "50/second")
