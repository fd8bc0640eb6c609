"""A client's own key puts its client into nobody's caseload but those whom somebody else has named for this client."""

from __future__ import annotations

from typing import Any

import httpx

from tests.api.refusals import nothing_stored, refused
from tests.api.test_invitations import bring, invite, invited
from tests.harness import Clinic, form

STRANGER: dict[str, Any] = {"therapist_ref": "th-666"}
REFUSED = {"pointer": "/therapist_ref", "code": "unknown_therapist"}


def not_taken(answer: httpx.Response) -> None:
    """Check that the therapist of a form was refused, by that place alone."""
    refused(answer, 422, "validation_failed", (REFUSED["pointer"], REFUSED["code"]))


def test_a_stranger_is_refused_once_somebody_was_named(clinic: Clinic) -> None:
    """By post, by PUT and in a batch, known elsewhere or not; the same phone goes on with its own therapist."""
    clinic.recorded(form())
    clinic.recorded(form(client_ref="mrn-2", therapist_ref="th-8"))
    phone = clinic.bound("client", "mrn-1042")
    with nothing_stored(clinic):
        for therapist in ("th-666", "th-8"):
            sent = form(session_number=2, therapist_ref=therapist)
            not_taken(phone.post(sent))
            not_taken(phone.put("7c1f4d0e-2a55-4f0c-9a53-0c1b8f3d6e21", sent))
            (item,) = phone.post_batch([("k", sent)]).json()["items"]
            assert (item["status"], item["problem"]["errors"]) == (422, [REFUSED])
    assert phone.post(form(session_number=2)).status_code == 201
    assert clinic.bound("therapist", "th-8").get("/v1/caseload").json()["items"][1:] == []


def test_the_system_names_a_new_therapist_by_a_form(clinic: Clinic) -> None:
    """A change of therapist begins with the organisation; then the phone may go on there, and with the former too."""
    clinic.recorded(form())
    phone = clinic.bound("client", "mrn-1042")
    not_taken(phone.post(form(session_number=2, therapist_ref="th-8")))
    clinic.recorded(form(therapist_ref="th-8"))
    assert [phone.post(form(session_number=2, therapist_ref=one)).status_code for one in ("th-7", "th-8")] == [201, 201]


def test_an_invitation_names_a_therapist(clinic: Clinic) -> None:
    """Before the client has filled in anything: then it is this therapist, and no stranger, whichever way it comes."""
    _, guest = invited(clinic, client_ref="mrn-1042", therapist_ref="th-7")
    phone = clinic.bound("client", "mrn-1042")
    not_taken(phone.post(form(**STRANGER)))
    assert phone.post(form(session_number=2)).status_code == 201
    assert bring(guest).status_code == 201


def test_a_phones_first_form_names_one_therapist_only(clinic: Clinic) -> None:
    """A key may come before the first form, which nobody can vouch for; of a batch the earliest settles it."""
    phone = clinic.bound("client", "mrn-1042")
    sent = [form(session_number=n, therapist_ref=f"th-{n}", completed_at=f"2025-01-1{n}T10:00:00Z") for n in (2, 1, 3)]
    items = phone.post_batch([(f"k-{n}", one) for n, one in enumerate(sent)]).json()["items"]
    assert [item["status"] for item in items] == [422, 201, 422]
    not_taken(phone.post(form(session_number=4, **STRANGER)))


def test_a_clients_key_invites_with_no_stranger(clinic: Clinic) -> None:
    """Else an invitation of one's own would name whom a form may not."""
    clinic.recorded(form())
    phone = clinic.bound("client", "mrn-1042")
    with nothing_stored(clinic):
        not_taken(invite(phone, client_ref="mrn-1042", **STRANGER))
    assert invite(phone, client_ref="mrn-1042", therapist_ref="th-7").status_code == 201


def test_other_callers_name_whom_they_like(clinic: Clinic) -> None:
    """The organisation's system, and a therapist themselves."""
    clinic.recorded(form())
    assert clinic.post(form(session_number=2, **STRANGER)).status_code == 201
    assert clinic.bound("therapist", "th-9").post(form(therapist_ref="th-9")).status_code == 201
