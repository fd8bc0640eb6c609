"""Who is shut out opens nothing from the next request on, by whatever way they came in; others stay."""

from __future__ import annotations

from functools import partial
from typing import Literal

import pytest

from app.access.binding import Binding
from app.access.shut_out import Ended, shut_out_application, shut_out_person
from app.errors import NotFound
from tests.api.refusals import refused
from tests.api.test_invitations import invited
from tests.api.tokens import Backend, ask_with_key, calling, taken
from tests.harness import Clinic, form

Kind = Literal["client", "therapist"]


def end_application(clinic: Clinic) -> Ended:
    """Shut the clinic's application out."""
    work = partial(shut_out_application, organisation=clinic.organisation, application=clinic.application)
    return clinic.service.portal.call(partial(work, clinic.service.runtime))


def end_person(clinic: Clinic, kind: Kind, value: str) -> Ended:
    """Shut one person of the clinic's organisation out."""
    person = Binding(kind=kind, system=None, value=value)
    work = partial(shut_out_person, person=person, organisation=clinic.organisation)
    return clinic.service.portal.call(partial(work, clinic.service.runtime))


def test_an_application_that_is_shut_out_opens_nothing_by_any_way(clinic: Clinic) -> None:
    """Its keys, tokens and invitations end, and no new token is given; another application stays."""
    other = clinic.service.application(clinic.organisation)
    clinic.recorded(form())
    backend, (_, phone) = Backend.of(clinic), invited(clinic)
    by_key = calling(clinic, taken(ask_with_key(clinic)))
    ways = [clinic, clinic.bound("client", "mrn-1042"), backend.bearer(), by_key]
    assert [way.get("/v1/instruments").status_code for way in ways] == [200] * 4
    assert phone.get("/v1/invitations/mine").status_code == 200
    assert end_application(clinic) == Ended(api_keys=2, providers=0, invitations=1)
    for way in ways:
        refused(way.get("/v1/instruments"), 401, "unauthenticated")
    refused(phone.get("/v1/invitations/mine"), 401, "unauthenticated")
    assert (backend.ask().status_code, ask_with_key(clinic).status_code) == (401, 401)
    assert other.get("/v1/instruments").status_code == 200
    assert end_application(clinic) == Ended(api_keys=0, providers=0, invitations=0)


@pytest.mark.parametrize(("kind", "ended"), [("client", Ended(api_keys=1, providers=0, invitations=1)),
                                             ("therapist", Ended(api_keys=1, providers=0, invitations=0))])  # fmt: skip
def test_a_person_who_is_shut_out_opens_nothing(clinic: Clinic, kind: Kind, ended: Ended) -> None:
    """Keys and tokens that open this person end, a client's invitations too; others', and new tokens, are good."""
    clinic.recorded(form(client_ref="mrn-1042", therapist_ref="th-7"))
    clinic.recorded(form(client_ref="mrn-2", therapist_ref="th-2"))
    value, others = ("mrn-1042", "mrn-2") if kind == "client" else ("th-7", "th-2")
    backend, (_, phone) = Backend.of(clinic), invited(clinic)
    _, stranger = invited(clinic, client_ref="mrn-2", therapist_ref="th-2")
    gone = [clinic.bound(kind, value), backend.bearer(**{f"{kind}_ref": value})]
    stay = [clinic, clinic.bound(kind, others)]
    assert [one.get("/v1/instruments").status_code for one in gone + stay] == [200] * 4
    assert end_person(clinic, kind, value) == ended
    for one in gone:
        refused(one.get("/v1/instruments"), 401, "unauthenticated")
    assert [one.get("/v1/instruments").status_code for one in (*stay, backend.bearer())] == [200] * 3
    assert phone.get("/v1/invitations/mine").status_code == (401 if kind == "client" else 200)
    assert stranger.get("/v1/invitations/mine").status_code == 200


def test_who_is_not_there_cant_be_shut_out(clinic: Clinic) -> None:
    """Neither somebody unknown nor another organisation's person or application; nobody's tokens end by it."""
    other = clinic.service.clinic()
    other.recorded(form(client_ref="mrn-2", therapist_ref="th-2"))
    token = Backend.of(clinic).bearer()
    for kind, value in (("client", "mrn-2"), ("therapist", "th-2")):
        with pytest.raises(NotFound):
            end_person(clinic, kind, value)  # type: ignore[arg-type]
    work = partial(shut_out_application, organisation=clinic.organisation, application=other.application)
    with pytest.raises(NotFound):
        clinic.service.portal.call(partial(work, clinic.service.runtime))
    assert [one.get("/v1/instruments").status_code for one in (token, other)] == [200, 200]
