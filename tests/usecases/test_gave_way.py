"""What gave way to a form that is refused in the end, or lies beside it, is stored as if it had come alone."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from tests.harness import Clinic, form, problem, therapists_form
from tests.usecases.sharing import by_digest, together

SOURCE = {"system": "https://forms.example", "id": "qr-1"}


def with_a_later_course(clinic: Clinic, client: str) -> dict[str, Any]:
    """Record a form that ended a course, and the first one of the next, which is open; returns the first."""
    ended = clinic.recorded(form(client_ref=client, session_number=2, reported={"ending": "planned"}))
    clinic.recorded(form(client_ref=client, session_number=3, completed_at="2025-09-01T10:00:00Z"))
    return ended


def test_a_form_beside_a_refused_correction_is_stored(clinic: Clinic) -> None:
    """The therapist's form belongs to the same ended episode; it does not open it, so it is not told that."""
    ended = with_a_later_course(clinic, "mrn-1042")
    answers, _ = together(
        clinic,
        [
            partial(clinic.correct, ended["id"], form(session_number=2)),
            partial(clinic.post, therapists_form(session_number=2)),
        ],
    )
    assert [answer.status_code for answer in answers] == [409, 201]
    assert problem(answers[0])["code"] == "later_episode_open"


@pytest.mark.parametrize("kind", ["unbound", "client"])
def test_a_source_that_a_refused_form_wanted_is_free(clinic: Clinic, kind: str) -> None:
    """For a bound key too, which is not told the id of the form that it gave way to."""
    first, second = by_digest(clinic, "mrn-1", "mrn-2")
    ended = with_a_later_course(clinic, first)
    clinic.recorded(form(client_ref=second))
    phone = clinic if kind == "unbound" else clinic.bound("client", second)
    answers, _ = together(
        clinic,
        [
            partial(clinic.correct, ended["id"], form(client_ref=first, session_number=2, source=SOURCE)),
            partial(phone.post, form(client_ref=second, session_number=2, source=SOURCE)),
        ],
    )
    assert [answer.status_code for answer in answers] == [409, 201]
    assert clinic.count("sources") == 1


def test_a_source_that_a_refused_put_wanted_is_free(clinic: Clinic) -> None:
    """A form under an id of its sender's own is refused with its source; who gave way to it is looked at again."""
    first, second = by_digest(clinic, "mrn-1", "mrn-2")
    ended = with_a_later_course(clinic, first)
    theirs = therapists_form(client_ref=first, session_number=2, source=SOURCE)
    answers, _ = together(
        clinic,
        [
            partial(clinic.correct, ended["id"], form(client_ref=first, session_number=2)),
            partial(clinic.put, uuid4(), theirs),
            partial(clinic.post, form(client_ref=second, source=SOURCE)),
        ],
    )
    # Either the PUT is stored, once it is not refused for the correction beside it, or it is not and the post is.
    assert [answer.status_code for answer in answers] in ([409, 201, 409], [409, 409, 201])
