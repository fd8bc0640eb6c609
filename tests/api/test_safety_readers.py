"""Who is kept from a safety check by forms, which anybody may post, and what becomes of a check that does not open."""

from __future__ import annotations

from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import Connection, select, update

from app.safeguarding.retention import keep_apart, retain
from app.storage.safeguarding_tables import safety_checks
from tests.api.safety import (
    escalated,
    listed,
    no_recipient,
    offering,
    opened,
    post_check,
    recipient,
    safety_check,
    taken,
)
from tests.api.test_audit import accesses
from tests.api.test_invitations import change, invited
from tests.api.test_safeguarding import later, refused
from tests.harness import Clinic, form
from tests.seeing.conftest import Written
from tests.seeing.conftest import written as written  # noqa: PLC0414 - a fixture is found by its name here


def test_forms_can_not_hide_a_check_from_everybody(clinic: Clinic) -> None:
    """A form keeps it from whom it names while another may read it; with all named, those of then read it again."""
    clinic.recorded(form(therapist_ref="th-7"))
    reader, phone = offering(clinic, "officer-1", "officer-2", "th-7"), clinic.bound("client", "mrn-1042")
    people = ("officer-1", "officer-2", "th-7")

    def found() -> list[int]:
        return [len(listed(reader, person)) for person in people]

    assert post_check(phone).status_code == 201
    assert found() == [1, 1, 0]
    made = [clinic.recorded(form(therapist_ref="officer-1"))["id"]]
    assert found() == [0, 1, 0]
    made += [clinic.recorded(form(therapist_ref="officer-2"))["id"]]
    assert found() == [1, 1, 0]
    refused(post_check(phone), 409, "safeguarding_not_configured")
    for form_id, then in ((made[1], [0, 1, 0]), (made[0], [1, 1, 0])):
        assert clinic.withdraw(form_id).status_code == 201
        assert found() == then
    assert post_check(phone).status_code == 201
    assert found() == [2, 2, 0]


def test_who_was_named_by_a_withdrawn_form_is_no_therapist(clinic: Clinic) -> None:
    """The form is offered again, and a check is taken."""
    made = clinic.recorded(form(therapist_ref="officer-1"))
    offering(clinic, "officer-1")
    refused(post_check(clinic), 409, "safeguarding_not_configured")
    assert clinic.withdraw(made["id"]).status_code == 201
    assert post_check(clinic).status_code == 201


def test_who_is_named_by_an_invitation_is_a_therapist(clinic: Clinic) -> None:
    """Before the first form nothing else says who the therapist is; once it is revoked it says so no more."""
    reader = offering(clinic, "th-7", "officer-1")
    made, _ = invited(clinic)
    phone = clinic.bound("client", "mrn-1042")
    own = safety_check(client_ref=...)
    assert post_check(phone, own).status_code == 201
    assert [len(listed(reader, person)) for person in ("th-7", "officer-1")] == [0, 1]
    assert change(clinic, made, "revocation").status_code == 200
    assert post_check(phone, own).status_code == 201
    assert [len(listed(reader, person)) for person in ("th-7", "officer-1")] == [1, 2]


def test_an_erasure_does_not_hide_a_check_from_everybody(clinic: Clinic) -> None:
    """Forms named all recipients after it came in; what is written down of them leaves it readable, too."""
    clinic.recorded(form(therapist_ref="th-7"))
    reader = offering(clinic, "officer-1", "th-7")
    assert post_check(clinic).status_code == 201
    made = clinic.recorded(form(therapist_ref="officer-1"))
    runtime, organisation, client_id = clinic.service.runtime, clinic.organisation, UUID(made["client_id"])
    clinic.service.in_service(
        lambda c: keep_apart(c, runtime, client_id, organisation=organisation), organisation=organisation
    )
    assert clinic.withdraw(made["id"]).status_code == 201
    assert [len(listed(reader, person)) for person in ("officer-1", "th-7")] == [1, 0]
    recipient(clinic, "officer-2")
    assert [len(listed(reader, person)) for person in ("officer-1", "officer-2", "th-7")] == [0, 1, 0]


def test_a_check_that_does_not_open_keeps_no_other_waiting(clinic: Clinic, written: Written) -> None:
    """It stays where it is, and one line says how many they were and nothing of them; all others move on."""
    reader = offering(clinic, "officer-1", "officer-2")
    for _ in range(3):
        post_check(clinic)
    spoilt = min(one["id"] for one in listed(reader, "officer-1"))
    for moved in (2, 1):
        flip(clinic, spoilt)  # spoilt, and whole again
        assert escalated(later(clinic, minutes=61)) == moved
    [line] = written.of("escalation_failed")
    assert (line["skipped"], line["error"]) == (1, "app.errors.SealBroken")
    assert spoilt not in str(line)


def flip(clinic: Clinic, check_id: str) -> None:
    """Flip a bit of what is sealed of a check: it does not open any more; once more, and it does."""
    of = safety_checks.c
    where = (of.organisation_id == clinic.organisation, of.check_id == UUID(check_id))
    sealed = clinic.service.read(lambda c: c.execute(select(of.sealed).where(*where)).scalar_one())
    changed = update(safety_checks).where(*where).values(sealed=sealed[:-1] + bytes([sealed[-1] ^ 1]))
    clinic.service.write(partial(Connection.execute, statement=changed))


def test_a_check_that_does_not_open_is_told_as_that(clinic: Clinic, written: Written) -> None:
    """The list says which it is, and has all others; opening it is refused with a code, an entry, and a line."""
    reader = offering(clinic)
    for ref in ("first", "second", "third"):
        assert post_check(clinic, safety_check(client_ref=ref)).status_code == 201
    before = listed(reader, "officer-1")
    spoilt = before[1]["id"]
    flip(clinic, spoilt)
    assert [one["readable"] for one in before] == [True, True, True]
    assert listed(reader, "officer-1") == [before[0], {**before[1], "readable": False}, before[2]]
    assert len(listed(reader, "officer-1", "?limit=1&state=open")) == 1
    answer = opened(reader, "officer-1", spoilt)
    refused(answer, 409, "safety_check_unreadable")
    assert "second" not in answer.text
    assert [(one["kind"], one["outcome"], one["check_id"]) for one in accesses(clinic) if "check_id" in one] == [
        ("access.denied", "safety_check_unreadable", spoilt)
    ]
    [line] = written.of("safety_check_unreadable")
    assert (line["level"], line["organisation_id"]) == ("error", str(clinic.organisation))
    assert not any(word in str(line) for word in (spoilt, "second", "officer-1"))
    assert opened(reader, "officer-1", before[0]["id"]).json()["client_ref"]["value"] == "third"
    flip(clinic, spoilt)
    assert opened(reader, "officer-1", spoilt).json()["steps"][0]["kind"] == "opened"


def test_a_check_that_does_not_open_may_be_closed(clinic: Clinic) -> None:
    """Somebody takes care of it, says why it is done, and it goes when its time is over."""
    reader = offering(clinic, "officer-1", "officer-2")
    post_check(clinic)
    spoilt = listed(reader, "officer-1")[0]["id"]
    flip(clinic, spoilt)
    for step, body, state in (("acknowledgement", {}, "acknowledged"), ("closing", {"reason": "lost"}, "closed")):
        told = [taken(reader, "officer-1", spoilt, step, **body) for _ in range(2)]
        assert [answer.status_code for answer in told] == [201, 200]
        assert {(answer.json()["state"], answer.json()["readable"]) for answer in told} == {(state, False)}
    assert escalated(later(clinic, minutes=61)) == 0
    retained = partial(retain, later(clinic, days=800).service.runtime, organisation=clinic.organisation)
    assert clinic.service.portal.call(retained).deleted == 1


@pytest.mark.parametrize(
    ("others", "found"),
    [
        # th-7 treats the client, th-8 somebody else, officer-1 nobody
        (("officer-1", "th-7", "th-8"), [1, 0, 0]),
        (("th-7", "th-8"), [0, 1]),
        (("th-7",), [1]),
    ],
)
def test_a_check_that_does_not_open_is_kept_from_who_treats(
    clinic: Clinic, others: tuple[str, ...], found: list[int]
) -> None:
    """From whom it was to be kept can't be read: those see it who treat nobody, else not the client, else somebody."""
    reader = offering(clinic, "officer-0")
    assert post_check(clinic, safety_check(client_ref="mine", therapist_ref="th-7")).status_code == 201
    clinic.recorded(form(client_ref="mine", therapist_ref={"system": "https://ehr.example", "value": "th-7"}))
    assert post_check(clinic, safety_check(client_ref="mine")).status_code == 201
    clinic.recorded(form(client_ref="another", therapist_ref="th-8"))
    [whole, spoilt] = [one["id"] for one in listed(reader, "officer-0")]
    assert spoilt < whole
    no_recipient(clinic, "officer-0")
    for person in others:
        recipient(clinic, person)
    flip(clinic, whole)
    unread = [[one for one in listed(reader, person) if not one["readable"]] for person in others]
    assert [len(items) for items in unread] == found
    for person, items in zip(others, unread, strict=True):
        expected = (409, "safety_check_unreadable") if items else (404, "not_found")
        refused(opened(reader, person, whole), *expected)


def test_a_check_that_does_not_open_stops_no_erasure(clinic: Clinic) -> None:
    """It is as it was, and the client's other check is kept from the therapist who came after it."""
    reader = offering(clinic, "th-7", "officer-1")
    for _ in range(2):
        post_check(clinic)
    made = clinic.recorded(form(therapist_ref="th-7"))
    other, spoilt = (one["id"] for one in listed(reader, "officer-1"))
    flip(clinic, spoilt)
    assert clinic.request("DELETE", f"/v1/clients/{made['client_id']}").status_code == 200
    assert [[(one["id"], one["readable"]) for one in listed(reader, person)] for person in ("th-7", "officer-1")] == [
        [], [(other, True), (spoilt, False)],
    ]  # fmt: skip
    flip(clinic, spoilt)
    assert opened(reader, "officer-1", spoilt).json()["client_ref"]["value"] == "mrn-1042"
