"""An API key with an end opens nothing from then on; where tokens are wanted, keys bring them and open nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from app.access.administer import create_application, list_applications, list_keys
from app.access.authenticate import authenticate
from app.access.settle import settle
from app.access.shut_out import Ended
from app.errors import LimitReached, Misconfigured, Unauthenticated
from app.storage.tables import api_keys
from tests.api.refusals import refused
from tests.api.test_access import another_key, ended_key, let_end, problem_without_trace
from tests.api.test_invitations import invited
from tests.api.test_shut_out import end_application
from tests.api.tokens import Backend, ask_with_key, calling, taken
from tests.harness import Clinic, form


def settled(clinic: Clinic, **changes: Any) -> None:
    """Settle something for the clinic's organisation."""
    work = partial(settle, organisation=clinic.organisation, changes=changes)
    clinic.service.portal.call(partial(work, clinic.service.runtime))


def test_a_key_opens_until_its_end_and_not_at_it(clinic: Clinic) -> None:
    """A day later to the microsecond, by the service's own clock; without an end it opens then, too."""
    runtime, portal = clinic.service.runtime, clinic.service.portal
    made = another_key(clinic, days=1)
    end = made.expires_at
    assert end is not None
    assert timedelta(days=1) - timedelta(minutes=1) < end - runtime.now() < timedelta(days=1)

    def opens(api_key: str, at: datetime) -> bool:
        try:
            portal.call(authenticate, replace(runtime, now=lambda: at), api_key)
        except Unauthenticated:
            return False
        return True

    assert opens(made.api_key, end - timedelta(microseconds=1))
    assert not opens(made.api_key, end)
    assert opens(clinic.api_key, end + timedelta(days=10_000))


def test_what_a_key_brought_ends_with_it(clinic: Clinic) -> None:
    """Key and token alike from the next request on, and no new token for it; that of an assertion lives on."""
    by_key, by_assertion = calling(clinic, taken(ask_with_key(clinic))), Backend.of(clinic).bearer()
    ways = (clinic, by_key, by_assertion)
    assert [one.get("/v1/instruments").status_code for one in ways] == [200, 200, 200]
    let_end(clinic, clinic.api_key)
    for one in (clinic, by_key):
        refused(one.get("/v1/instruments"), 401, "unauthenticated")
    answer = ask_with_key(clinic)
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    assert by_assertion.get("/v1/instruments").status_code == 200


def test_a_key_that_is_over_counts_as_dead(clinic: Clinic) -> None:
    """It makes room for another one, and is not among those that are alive."""
    ended_key(clinic)
    second = another_key(clinic, days=1)
    with pytest.raises(LimitReached):
        another_key(clinic)
    call, runtime, organisation = clinic.service.portal.call, clinic.service.runtime, clinic.organisation
    (listed,) = call(partial(list_applications, runtime, organisation=organisation))
    assert listed.keys_alive == 2
    rows = call(partial(list_keys, runtime, organisation=organisation, application=clinic.application))
    ends = {row.key_id: row.expires_at for row in rows}
    assert (len(ends), ends[second.key_id]) == (3, second.expires_at)
    assert list(ends.values()).count(None) == 1


def test_who_is_shut_out_is_told_of_living_keys_only(clinic: Clinic) -> None:
    """What was over is revoked with the others and not counted: a clock that is set back brings nothing to life."""
    ended_key(clinic)
    another_key(clinic, days=1)
    assert end_application(clinic) == Ended(api_keys=2, providers=0, invitations=0)
    left = select(api_keys.c.key_id).where(
        api_keys.c.organisation_id == clinic.organisation, api_keys.c.revoked_at.is_(None)
    )
    assert clinic.service.read(lambda c: list(c.execute(left))) == []


def test_an_organisation_settles_how_long_new_keys_live(clinic: Clinic) -> None:
    """Without an end a key gets that one, an application's first key too; a longer one is refused, older keys stay."""
    settled(clinic, keys_live_at_most=90)
    runtime, call = clinic.service.runtime, clinic.service.portal.call
    by_default = another_key(clinic)
    assert by_default.expires_at is not None
    assert timedelta(days=90) - timedelta(minutes=1) < by_default.expires_at - runtime.now() < timedelta(days=90)
    new = partial(create_application, runtime, organisation=clinic.organisation, name="new", scopes=["scores:read"])
    first, shorter = call(new), call(partial(new, days=7))
    assert [(one.expires_at - runtime.now()).days for one in (first, shorter) if one.expires_at] == [89, 6]
    with pytest.raises(Misconfigured, match="this organisation's keys live 90 days at most"):
        call(partial(new, days=91))
    assert len(call(partial(list_applications, runtime, organisation=clinic.organisation))) == 3
    assert clinic.get("/v1/instruments").status_code == 200
    settled(clinic, keys_live_at_most=None)
    assert call(new).expires_at is None


def test_where_tokens_are_wanted_a_key_brings_them_and_opens_nothing(clinic: Clinic) -> None:
    """A key is then refused as one that is none; tokens, invitations and other organisations stay, until taken back."""
    bound, other = clinic.bound("client", "mrn-1042"), clinic.service.clinic()
    made = clinic.recorded(form())
    _, phone = invited(clinic)
    nobody = problem_without_trace(replace(clinic, api_key="alliance_" + "A" * 86).get("/v1/instruments"))
    settled(clinic, tokens_only=True)
    for key in (clinic, bound):
        assert problem_without_trace(key.get("/v1/instruments")) == nobody
        refused(key.post(form(session_number=2)), 401, "unauthenticated")
    by_key, by_bound = (calling(key, taken(ask_with_key(key))) for key in (clinic, bound))
    assert by_key.post(form(session_number=2)).status_code == 201
    assert by_bound.get(f"/v1/clients/{made['client_id']}/progress").status_code == 200
    assert Backend.of(clinic).bearer().get("/v1/instruments").status_code == 200
    assert phone.get("/v1/invitations/mine").status_code == 200
    assert other.get("/v1/instruments").status_code == 200
    settled(clinic, tokens_only=False)
    assert clinic.get("/v1/instruments").status_code == 200
