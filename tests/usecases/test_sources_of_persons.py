"""A phone's source ids keep no system out, and the same form is known again whoever sent it first."""

from __future__ import annotations

from typing import Any, Literal

import httpx
import pytest

from tests.api.refusals import nothing_stored, refused
from tests.harness import ANSWERS, Clinic, form, problem
from tests.usecases.test_corrections import corrected

SOURCE = {"system": "https://forms.example", "id": "qr-1"}
MENDED = {**ANSWERS, "1": 1}
Kind = Literal["client", "therapist"]
PERSONS: tuple[tuple[Kind, str], ...] = (("client", "mrn-1042"), ("therapist", "th-7"))


def sent(**changes: Any) -> dict[str, Any]:
    """Make a form of mrn-1042 with the one source id."""
    return form(source=SOURCE, **changes)


def named_in(response: httpx.Response) -> str:
    """Return the form that an answer names: a therapist's key gets no body."""
    return response.headers["Location"].removeprefix("/v1/submissions/")


@pytest.mark.parametrize(("kind", "whose"), PERSONS)
def test_a_person_occupies_no_id_of_a_system(clinic: Clinic, kind: Kind, whose: str) -> None:
    """The EHR's form under the id is stored, is the EHR's from then on, and the person's own stays known too."""
    phone = clinic.bound(kind, whose)
    own = phone.recorded(sent(session_number=9))
    ehrs = clinic.recorded(sent(client_ref="mrn-2"))
    assert clinic.post(sent(client_ref="mrn-2")).json()["id"] == ehrs["id"]
    told = refused(clinic.post(sent(client_ref="mrn-3")), 409, "source_conflict")
    assert told["submission_id"] == ehrs["id"]
    again = phone.post(sent(session_number=9))
    assert (again.status_code, named_in(again)) == (200, own["id"])
    refused(phone.post(sent(session_number=10)), 409, "source_conflict")
    assert (clinic.count("submissions"), clinic.count("sources")) == (2, 2)


@pytest.mark.parametrize(("kind", "whose"), PERSONS)
def test_the_same_form_of_both_is_one(clinic: Clinic, kind: Kind, whose: str) -> None:
    """First the person's, then the EHR's, which has the id for this form from then on; and the other way round."""
    phone = clinic.bound(kind, whose)
    for session, (first, second) in enumerate([(phone, clinic), (clinic, phone)], start=1):
        named = {"session_number": session, "source": {"system": "s", "id": str(session)}}
        made = first.recorded(form(**named))
        again = second.post(form(**named))
        assert (again.status_code, named_in(again)) == (200, made["id"])
        other = clinic.post(form(**named | {"client_ref": "mrn-2"}))
        assert problem(other)["submission_id"] == made["id"]
    assert clinic.count("submissions") == 2


@pytest.mark.parametrize(("kind", "whose"), PERSONS)
def test_a_persons_form_that_counts_no_longer_is_not_taken_again(clinic: Clinic, kind: Kind, whose: str) -> None:
    """From the EHR under the same id neither: withdrawn, or corrected under the id of what it corrects."""
    phone = clinic.bound(kind, whose)
    made = phone.recorded(sent())
    right = corrected(clinic, made["id"], sent(answers=MENDED))
    with nothing_stored(clinic):
        assert refused(clinic.post(sent()), 409, "not_current")["submission_id"] == right["id"]
        assert refused(phone.post(sent()), 409, "not_current").get("submission_id") is None
    assert clinic.withdraw(right["id"]).status_code == 201
    with nothing_stored(clinic):
        for by in (clinic, phone):
            for answers in (ANSWERS, MENDED):
                assert refused(by.post(sent(answers=answers)), 409, "not_current").get("submission_id") is None


def test_a_systems_id_tells_a_phone_of_nobody_else(clinic: Clinic) -> None:
    """An id of another client's form, or of the therapist's, is as one that nobody has; one's own is known."""
    clinic.recorded(sent(client_ref="mrn-2"))
    clinic.recorded(form(rater="therapist", instrument="trq-s-t", answers={"1": 4}, source={"system": "s", "id": "t"}))
    own = clinic.recorded(form(source={"system": "s", "id": "own"}))
    phone = clinic.bound("client", "mrn-1042")
    assert phone.post(sent(session_number=2)).status_code == 201
    assert phone.post(form(session_number=3, source={"system": "s", "id": "t"})).status_code == 201
    told = refused(phone.post(form(session_number=4, source={"system": "s", "id": "own"})), 409, "source_conflict")
    assert own["id"] not in str(told)


def test_an_id_that_stands_for_something_else_is_not_made_good_by_a_phone(clinic: Clinic) -> None:
    """The EHR's own id has one content, although a phone has sent the very form under it, too."""
    ehrs = clinic.recorded(sent(client_ref="mrn-2"))
    phone = clinic.bound("client", "mrn-1042")
    phone.recorded(sent())
    assert refused(clinic.post(sent()), 409, "source_conflict")["submission_id"] == ehrs["id"]


def test_two_phones_do_not_meet(clinic: Clinic) -> None:
    """Each person has a space of their own, in a batch with others too."""
    for number in range(2):
        phone = clinic.bound("client", f"mrn-{number}")
        items = phone.post_batch(
            [("a", sent(client_ref=f"mrn-{number}")), ("b", sent(client_ref=f"mrn-{number}", session_number=2))]
        ).json()["items"]
        assert [item["status"] for item in items] == [201, 409]
    assert (clinic.count("submissions"), clinic.count("sources")) == (2, 2)
