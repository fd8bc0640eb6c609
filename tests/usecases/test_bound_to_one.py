"""Keys that open one client or therapist: neither a refusal nor a progress tells what only the others reported."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.refusals import nothing_stored, refused
from tests.harness import Clinic, form, therapists_form

#: Only the therapist said so, about a session that only the therapist filled in.
CANARIES = ('"dropout"', "1361")


def progress(clinic: Clinic, client_id: str) -> Any:
    """Read the progress, which must be there."""
    answer = clinic.get(f"/v1/clients/{client_id}/progress")
    assert answer.status_code == 200, answer.text
    return answer


def test_another_therapists_episode_is_absent_for_a_therapists_key(clinic: Clinic) -> None:
    """By a post and in a batch, 404 as for a client whom nobody knows; without a bound key it is a mismatch."""
    clinic.recorded(form(client_ref="mrn-2", therapist_ref="th-8", episode_ref="2026-a"))
    clinic.recorded(form())
    phone = clinic.bound("therapist", "th-7")
    sent = form(client_ref="mrn-2", episode_ref="2026-a", session_number=2)
    with nothing_stored(clinic):
        assert refused(clinic.post(sent), 409, "episode_therapist_mismatch")
        told = refused(phone.post(sent), 404, "not_found")
        (item,) = phone.post_batch([("k", sent)]).json()["items"]
        assert (item["status"], item["problem"]["code"], item["id"]) == (404, "not_found", None)
    stranger = refused(phone.post(form(therapist_ref="th-8")), 404, "not_found")
    assert {**told, "trace_id": ""} == {**stranger, "trace_id": ""}
    assert phone.post(form(client_ref="mrn-2", episode_ref="2026-b", session_number=2)).status_code == 201


def test_a_clients_progress_has_no_ending_that_the_therapist_reported(clinic: Clinic) -> None:
    """Nor the number of a session that only the therapist filled in; everybody else reads both."""
    own = clinic.recorded(form(session_number=2))
    clinic.recorded(
        therapists_form(session_number=1361, completed_at="2025-03-01T10:00:00Z", reported={"ending": "dropout"})
    )
    answer = progress(clinic.bound("client", "mrn-1042"), own["client_id"])
    assert [one for one in CANARIES if one in answer.text] == []
    assert (answer.json()["episode"]["ending"], answer.json()["episode"]["last_session"]) == (None, 2)
    for phone in (clinic, clinic.bound("therapist", "th-7")):
        episode = progress(phone, own["client_id"]).json()["episode"]
        assert (episode["ending"], episode["last_session"]) == ("dropout", 1361)


def test_a_client_who_filled_in_nothing_has_an_empty_progress(clinic: Clinic) -> None:
    """As if no session had been, although the therapist reported one and how it ended."""
    theirs = clinic.recorded(therapists_form(session_number=1361, reported={"ending": "dropout"}))
    answer = progress(clinic.bound("client", "mrn-1042"), theirs["client_id"])
    assert [one for one in CANARIES if one in answer.text] == []
    assert (answer.json()["episode"]["ending"], answer.json()["episode"]["last_session"]) == (None, None)


@pytest.mark.parametrize(("theirs", "said"), [("2025-01-13T10:00:00Z", None), ("2025-01-15T10:00:00Z", "planned")])
def test_an_ending_of_ones_own_is_read_while_it_is_the_one_that_counts(
    clinic: Clinic, theirs: str, said: str | None
) -> None:
    """Of two endings the one completed first counts; where that is the therapist's, the client reads none."""
    own = clinic.recorded(form(reported={"ending": "planned"}))
    clinic.recorded(therapists_form(completed_at=theirs, reported={"ending": "dropout"}))
    answer = progress(clinic.bound("client", "mrn-1042"), own["client_id"])
    assert '"dropout"' not in answer.text
    assert answer.json()["episode"]["ending"] == said
