"""Who is kept from a safety check by forms, which anybody may post, and what a check that does not open keeps."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from sqlalchemy import Connection, select, update

from app.safeguarding.retention import keep_apart
from app.storage.safeguarding_tables import safety_checks
from tests.api.safety import escalated, listed, offering, post_check, recipient, safety_check
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
    made = [phone.recorded(form(therapist_ref="officer-1"))["id"]]
    assert found() == [0, 1, 0]
    made += [phone.recorded(form(therapist_ref="officer-2"))["id"]]
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
    of = safety_checks.c
    where = (of.organisation_id == clinic.organisation, of.check_id == UUID(spoilt))
    sealed = clinic.service.read(lambda c: c.execute(select(of.sealed).where(*where)).scalar_one())
    broken = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for value, moved in ((broken, 2), (sealed, 1)):
        changed = update(safety_checks).where(*where).values(sealed=value)
        clinic.service.write(partial(Connection.execute, statement=changed))
        assert escalated(later(clinic, minutes=61)) == moved
    [line] = written.of("escalation_failed")
    assert (line["skipped"], line["error"]) == (1, "app.errors.SealBroken")
    assert spoilt not in str(line)
