"""How often, how much and how long: what is answered when it is too much, and that nothing is kept of it."""

from __future__ import annotations

from asyncio import Event, sleep
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.people.export import Export
from app.settings import Settings
from app.web import rates
from app.web.rates import Counters
from tests.harness import Clinic, form, problem


@contextmanager
def limited(clinic: Clinic, *, peer: str = "192.0.2.1", app: Any = None, **settings: Any) -> Iterator[Clinic]:
    """Call the same application through a worker with other settings."""
    app = app or create_app(clinic.service.runtime, Settings(**settings))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(peer, 4711))
    http = httpx.AsyncClient(transport=transport, base_url="http://alliance.test")
    try:
        yield replace(clinic, service=replace(clinic.service, http=http))
    finally:
        clinic.service.portal.call(http.aclose)


def of_a_limit(response: httpx.Response) -> tuple[str | None, str | None]:
    """Read what an answer tells of a limit."""
    return response.headers.get("RateLimit-Policy"), response.headers.get("RateLimit")


def test_every_answer_to_a_caller_tells_how_it_stands(clinic: Clinic) -> None:
    """Also a refusal; never an answer to nobody."""
    with limited(clinic, rate_limit_writes="5/hour", rate_limit_reads="7/minute") as calling:
        assert of_a_limit(calling.post(form())) == ('"writes";q=5;w=3600', '"writes";r=4;t=3600')
        assert of_a_limit(calling.post({})) == ('"writes";q=5;w=3600', '"writes";r=3;t=3600')
        assert of_a_limit(calling.get("/v1/instruments")) == ('"reads";q=7;w=60', '"reads";r=6;t=60')
        assert of_a_limit(calling.get("/v1/nowhere")) == ('"reads";q=7;w=60', '"reads";r=5;t=60')
        assert of_a_limit(calling.service.request("GET", "/livez")) == (None, None)


def test_the_defaults_are_far_above_a_clinics_needs(clinic: Clinic) -> None:
    """1000 writes and 2000 reads in a second, for each application."""
    assert of_a_limit(clinic.post(form()))[0] == '"writes";q=1000;w=1'
    assert of_a_limit(clinic.get("/v1/instruments"))[0] == '"reads";q=2000;w=1'
    assert Settings().rate_limit_failed_logins == "100/minute"


def test_a_limit_that_is_off_is_not_told(clinic: Clinic) -> None:
    """Neither counted nor in the headers."""
    with limited(clinic, rate_limit_writes="off", rate_limit_reads="off") as calling:
        assert of_a_limit(calling.get("/v1/instruments")) == (None, None)
        assert of_a_limit(calling.post(form())) == (None, None)


def test_too_much_is_refused_and_stores_nothing(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """The form is taken under the same key when the window has ended."""
    clock = [1000.0]
    monkeypatch.setattr(rates, "monotonic", lambda: clock[0])
    with limited(clinic, rate_limit_writes="1/minute") as calling:
        calling.recorded(form(session_number=1))
        clock[0] += 17.5
        refused = calling.post(form(session_number=2), key="kept")
        assert (refused.status_code, problem(refused)["code"]) == (429, "rate_limited")
        assert refused.headers["Retry-After"] == "43"
        assert of_a_limit(refused) == ('"writes";q=1;w=60', '"writes";r=0;t=43')
        assert clinic.count("submissions") == 1
        clock[0] += 43
        assert calling.post(form(session_number=2), key="kept").status_code == 201


def test_writes_reads_and_applications_are_counted_apart(clinic: Clinic) -> None:
    """One that writes too much can read on, and stops nobody else in its organisation."""
    other = clinic.service.application(clinic.organisation)
    with limited(clinic, rate_limit_writes="1/hour", rate_limit_reads="1/hour") as calling:
        again = replace(calling, api_key=other.api_key, application=other.application)
        assert [calling.post({}).status_code for _ in range(2)] == [422, 429]
        assert [calling.get("/v1/instruments").status_code for _ in range(2)] == [200, 429]
        assert [again.post({}).status_code for _ in range(2)] == [422, 429]
        assert [again.get("/v1/instruments").status_code for _ in range(2)] == [200, 429]


def wrong(clinic: Clinic) -> Clinic:
    """Change the end of a key, so that it names a live key and is none."""
    key = clinic.api_key
    return replace(clinic, api_key=key[:-3] + ("AAA" if key[-3:] != "AAA" else "BAA")[:3])


def test_a_peer_with_too_many_wrong_credentials_is_held_back(clinic: Clinic) -> None:
    """Its credentials are looked up no more, a right one that is new included; nobody elsewhere is."""
    with limited(clinic, rate_limit_failed_logins="3/hour") as calling:
        app = calling.service.http._transport.app  # type: ignore[attr-defined]
        statuses = [wrong(calling).get("/v1/instruments").status_code for _ in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        held = calling.get("/v1/instruments")
        assert (held.status_code, problem(held)["code"]) == (429, "rate_limited")
        assert of_a_limit(held) == ('"failed-logins";q=3;w=3600', '"failed-logins";r=0;t=3600')
        assert held.headers["Retry-After"] == "3600"
        assert calling.service.request("GET", "/livez").status_code == 200
        with limited(clinic, peer="192.0.2.2", app=app) as elsewhere:
            assert elsewhere.get("/v1/instruments").status_code == 200


def test_a_credential_that_was_right_goes_on(clinic: Clinic) -> None:
    """A wrong program behind the same address does not stop the others; a revoked key is not a right one."""
    with limited(clinic, rate_limit_failed_logins="2/hour") as calling:
        assert calling.get("/v1/instruments").status_code == 200
        assert [wrong(calling).get("/v1/instruments").status_code for _ in range(3)] == [401, 401, 429]
        assert calling.get("/v1/instruments").status_code == 200


def test_a_request_without_credentials_is_no_failed_login(clinic: Clinic) -> None:
    """It costs no look-up, and is answered 401 however often."""
    with limited(clinic, rate_limit_failed_logins="1/hour") as calling:
        for _ in range(3):
            assert calling.service.request("GET", "/v1/instruments").status_code == 401
        assert calling.get("/v1/instruments").status_code == 200


def test_addresses_of_one_network_are_one_peer(clinic: Clinic) -> None:
    """Whoever has an address of version 6 has 2 to the 64 of them."""
    with limited(clinic, peer="2001:db8::1", rate_limit_failed_logins="1/hour") as calling:
        app = calling.service.http._transport.app  # type: ignore[attr-defined]
        assert wrong(calling).get("/v1/instruments").status_code == 401
        for peer, status in (("2001:db8::ffff:2", 429), ("2001:db8:0:1::1", 401)):
            with limited(clinic, peer=peer, app=app) as other:
                assert wrong(other).get("/v1/instruments").status_code == status


def test_counters_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has ended goes first, then what is oldest; the others are counted on."""
    clock = [0.0]
    monkeypatch.setattr(rates, "monotonic", lambda: clock[0])
    counters = Counters(most=3)
    for key in "aabbccc":
        counters.incr(key, 60)
    clock[0] = 1
    counters.incr("d", 60)
    assert [counters.get(key) for key in "abcd"] == [0, 2, 3, 1]
    for number in range(100_000):
        counters.incr(f"peer-{number}", 60)
    assert len(counters) == 3
    clock[0] = 61
    counters.incr("e", 60)
    assert len(counters) == 1


def body_that_stops(*parts: bytes) -> Callable[[], AsyncIterator[bytes]]:
    """Send some parts, and then nothing for ever."""

    async def body() -> AsyncIterator[bytes]:
        for part in parts:
            yield part
        await Event().wait()

    return body


@pytest.mark.parametrize("parts", [(), (b'{"instrument": "trq-s",',)])
def test_a_body_that_does_not_come_is_answered_408(clinic: Clinic, parts: tuple[bytes, ...]) -> None:
    """The deadline is for the whole body; nothing is stored, and the connection is not to be used again."""
    with limited(clinic, body_seconds=0.05) as calling:
        late = calling.request(
            "POST",
            "/v1/submissions",
            content=body_that_stops(*parts)(),
            headers={"Idempotency-Key": "late", "Content-Type": "application/json"},
        )
        assert (late.status_code, problem(late)["code"]) == (408, "body_timeout")
        assert late.headers["Connection"] == "close"
        assert clinic.count("submissions") == 0
        assert calling.post(form(), key="late").status_code == 201


def test_an_answer_may_take_longer_than_a_body(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline ends with the body: an export, which looks whether its reader is still there, is sent whole."""
    made = clinic.recorded(form())
    read = Export.log

    async def log_slowly(export: Export) -> AsyncIterator[Any]:
        await sleep(0.1)
        async for one in read(export):
            yield one

    monkeypatch.setattr(Export, "log", log_slowly)
    with limited(clinic, body_seconds=0.05) as calling:
        told = calling.get(f"/v1/clients/{made['client_id']}/export")
        assert [one["id"] for one in told.json()["forms"]] == [made["id"]]


@pytest.mark.parametrize("written", ["", "0/second", "10/fortnight", "-1/second", "1000"])
def test_a_limit_that_is_none_stops_the_start(written: str) -> None:
    """`1000/second`, `/minute`, `/hour` or `off`."""
    with pytest.raises(ValueError, match="rate_limit_reads"):
        Settings(rate_limit_reads=written)
