"""What was tried against tokens by somebody who has a part of what it takes: each attempt ends as a refusal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.access.grant_token import Asked, grant_token
from app.errors import ClientErased, GrantRefused, Misconfigured
from tests.api.operations import EVERY, Ids, call
from tests.api.refusals import nothing_stored, refused
from tests.api.safety import listed, offering
from tests.api.test_invitations import invite, invited
from tests.api.test_issuers import Provider
from tests.api.test_issuers import service as service  # noqa: PLC0414 - a fixture: a world of the test's own
from tests.api.test_limits import limited
from tests.api.test_oauth import told
from tests.api.tokens import Backend, ask_with_key, calling, taken
from tests.harness import Clinic, form
from tests.usecases.erasing import erased


@pytest.fixture
def clinic(service: Any) -> Clinic:
    """A fresh organisation."""
    made: Clinic = service.clinic()
    return made


def asked_at(clinic: Clinic, assertion: str, *times: datetime) -> None:
    """Ask for a token while the clock shows one time after the other, and then stays."""
    clock: Iterator[datetime] = iter(times)
    last = [times[-1]]

    def now() -> datetime:
        return next(clock, last[0])

    runtime = replace(clinic.service.runtime, now=now)
    clinic.service.portal.call(grant_token, runtime, Asked(scopes=(), assertion=assertion))


@pytest.mark.parametrize("seconds", [1, 400])
def test_a_used_assertion_that_ends_between_two_looks_brings_no_second_token(clinic: Clinic, seconds: int) -> None:
    """It is still good when it is read and has ended when it is used, a moment or minutes later."""
    backend, clock = Backend.of(clinic), clinic.service.runtime.now().replace(microsecond=0)
    once = backend.assertion(exp=int(clock.timestamp()) + 10)
    taken(backend.ask(once))
    end = clock + timedelta(seconds=10 + 30)
    with pytest.raises(GrantRefused, match="invalid_client"):
        asked_at(clinic, once, end - timedelta(seconds=1), end + timedelta(seconds=seconds))


def test_a_used_assertion_is_known_to_a_clock_that_is_behind(clinic: Clinic) -> None:
    """Another worker, whose clock is ahead, has swept in between."""
    backend, clock = Backend.of(clinic), clinic.service.runtime.now()
    once = backend.assertion(exp=int(clock.timestamp()) + 10)
    taken(backend.ask(once))
    asked_at(clinic, backend.assertion(exp=int(clock.timestamp()) + 200), clock + timedelta(seconds=45))
    with pytest.raises(GrantRefused, match="invalid_client"):
        asked_at(clinic, once, clock)


@pytest.mark.parametrize("claim", ["client_ref", "therapist_ref"])
def test_a_token_of_safeguarding_is_for_nobody_in_particular(clinic: Clinic, claim: str) -> None:
    """Bound to a client it would need no recipient's name; without a binding it is given."""
    desk = Backend.of(offering(clinic))
    with nothing_stored(clinic):
        assert told(desk.ask(desk.assertion(**{claim: "mrn-1"}))) == (400, {"error": "unauthorized_client"})
    assert listed(desk.bearer(), "officer-1") == []


@pytest.mark.parametrize("claim", ["client", "therapist"])
def test_a_providers_tokens_for_safeguarding_name_nobody_in_particular(clinic: Clinic, claim: str) -> None:
    """Refused as it is registered."""
    desk, named = offering(clinic), dict[str, Any]({claim: "employee"})
    with pytest.raises(Misconfigured, match="safeguarding"):
        Provider.of(desk, **named)
    Provider.of(desk)


def test_no_credential_brings_an_erased_client_back(clinic: Clinic) -> None:
    """Not an assertion, a key, a provider's token or an invitation; a form that was filled in later does."""
    backend, provider = Backend.of(clinic), Provider.of(clinic, client="patient")
    made = clinic.recorded(form(client_ref="mrn-1"))
    assert erased(clinic, made["client_id"]).status_code == 200
    with nothing_stored(clinic):
        assert told(backend.ask(backend.assertion(client_ref="mrn-1"))) == (400, {"error": "invalid_request"})
        with pytest.raises(ClientErased, match="the client was erased"):
            clinic.bound("client", "mrn-1")
        refused(provider.bearer(patient="mrn-1").get("/v1/instruments"), 401, "unauthenticated")
        refused(invite(clinic, client_ref="mrn-1"), 410, "client_erased")
    assert clinic.count("clients") == 0
    later = (clinic.service.runtime.now() + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    clinic.recorded(form(client_ref="mrn-1", completed_at=later))
    taken(backend.ask(backend.assertion(client_ref="mrn-1")))
    assert clinic.bound("client", "mrn-1").get("/v1/instruments").status_code == 200


def test_every_operation_refuses_what_opened_an_erased_client(clinic: Clinic) -> None:
    """A key, tokens made with it and by an assertion, a provider's token, an invitation: the next request is refused.

    It stays so when a later form makes the client known again.
    """
    backend, provider = Backend.of(clinic), Provider.of(clinic, client="patient")
    made, other = clinic.recorded(form(client_ref="mrn-1")), clinic.recorded(form(client_ref="mrn-2"))
    phone = clinic.bound("client", "mrn-1")
    ended = {
        "a key": phone,
        "a token by a key": calling(clinic, taken(ask_with_key(phone))),
        "a token by an assertion": backend.bearer(client_ref="mrn-1"),
        "a provider's token": provider.bearer(patient="mrn-1"),
        "an invitation": invited(clinic, client_ref="mrn-1")[1],
    }
    others = [backend.bearer(client_ref="mrn-2"), provider.bearer(patient="mrn-2"), backend.bearer()]

    def open_to(callers: Iterable[Clinic]) -> set[int]:
        """Ask for the feed, which is empty to whom it has nothing to tell, or for the form that is due."""
        answers = [(one.get("/v1/changes?after=0"), one.get("/v1/invitations/mine")) for one in callers]
        return {min(feed.status_code, due.status_code) for feed, due in answers}

    assert open_to(ended.values()) == {200}
    assert erased(clinic, made["client_id"]).status_code == 200
    with nothing_stored(clinic):
        for name in EVERY:
            for what, caller in ended.items():
                answer = call(caller, name, Ids(client_id=made["client_id"], client_ref="mrn-1"))
                assert (name, what, answer.status_code) == (name, what, 401)
                refused(answer, 401, "unauthenticated")
    assert open_to(others) == {200}
    later = (clinic.service.runtime.now() + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    assert clinic.recorded(form(client_ref="mrn-1", completed_at=later))["client_id"] != made["client_id"]
    assert open_to(ended.values()) == {401}
    assert others[0].get(f"/v1/clients/{other['client_id']}/progress").status_code == 200


@pytest.mark.parametrize("way", ["assertion", "key"])
def test_wrong_proofs_do_not_lock_a_proven_application_out(clinic: Clinic, way: str) -> None:
    """Behind one address: who has proven their client id goes on, others are held back, known or not."""
    other = Backend.of(clinic.service.application(clinic.organisation))
    with limited(clinic, rate_limit_failed_logins="2/hour") as calling:
        backend = Backend.of(calling)

        def ask_well() -> int:
            return (backend.ask() if way == "assertion" else ask_with_key(calling)).status_code

        assert ask_well() == 200
        stranger = f"{uuid4().hex}.{uuid4().hex}"
        wrong = [ask_with_key(calling, client_id=stranger, client_secret="alliance_x").status_code for _ in range(3)]
        assert wrong == [401, 401, 429]
        assert ask_with_key(calling, client_secret="alliance_x").status_code == 401
        assert [ask_well(), ask_well()] == [200, 200]
        held = replace(other, clinic=replace(other.clinic, service=calling.service)).ask()
        assert (held.status_code, held.json()["code"], held.headers["Retry-After"]) == (429, "rate_limited", "3600")
        app = calling.service.http._transport.app  # type: ignore[attr-defined]
        with limited(clinic, peer="192.0.2.2", app=app) as elsewhere:
            for _ in range(2):
                ask_with_key(elsewhere, client_secret="alliance_x")
            assert replace(backend, clinic=elsewhere).ask().status_code == 429
