"""The schedule of an episode: read with a tag, changed by who knows the state, and by nobody else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.storage.tables import events
from tests.api.refusals import nothing_stored, refused
from tests.harness import Clinic, form


def path_of(made: dict[str, Any]) -> str:
    """Name the schedule of the episode that a form belongs to."""
    return f"/v1/clients/{made['client_id']}/episodes/{made['episode_id']}/schedule"


def put(clinic: Clinic, path: str, expected: Any, cadence: Any, *, tag: str | None = "*") -> httpx.Response:
    """Set a schedule; without a tag, without the header."""
    headers = {} if tag is None else {"If-Match": tag}
    body = {"expected_sessions": expected, "cadence_days": cadence}
    return clinic.request("PUT", path, json=body, headers=headers)


def test_a_new_episode_expects_nothing_until_it_is_said(clinic: Clinic) -> None:
    """Read, set with the tag that was read, read again; the new tag is another one."""
    made = clinic.recorded(form())
    path = path_of(made)
    first = clinic.get(path)
    ids = {"client_id": made["client_id"], "episode_id": made["episode_id"]}
    assert first.json() == {**ids, "expected_sessions": None, "cadence_days": None}
    changed = put(clinic, path, 12, 7, tag=first.headers["etag"])
    assert (changed.status_code, changed.json()) == (200, {**ids, "expected_sessions": 12, "cadence_days": 7})
    again = clinic.get(path)
    assert (again.json(), again.headers["etag"]) == (changed.json(), changed.headers["etag"])
    assert changed.headers["etag"] != first.headers["etag"]
    unchanged = clinic.get(path, headers={"If-None-Match": f"W/{again.headers['etag']}"})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert put(clinic, path, None, None, tag=again.headers["etag"]).headers["etag"] == first.headers["etag"]


def test_a_change_without_or_with_a_stale_tag_is_refused(clinic: Clinic) -> None:
    """428 without, 412 when stale or weak, 400 when it is no tag; nothing is changed and nothing is logged."""
    path = path_of(clinic.recorded(form()))
    stale = clinic.get(path).headers["etag"]
    fresh = put(clinic, path, 12, 7).headers["etag"]
    with nothing_stored(clinic):
        refused(put(clinic, path, 9, 7, tag=None), 428, "precondition_required")
        for tag in (stale, f"W/{fresh}", '"x"', f'{stale}, "y"'):
            refused(put(clinic, path, 9, 7, tag=tag), 412, "precondition_failed")
        for tag in ("x", '"', f"{fresh} {fresh}", "*, *"):
            assert refused(put(clinic, path, 9, 7, tag=tag), 400, "invalid_parameter")["parameter"] == "If-Match"
    assert clinic.get(path).json()["expected_sessions"] == 12
    assert put(clinic, path, 9, 7, tag=f"{stale}, {fresh}").status_code == 200


def test_the_same_again_is_a_retry(clinic: Clinic) -> None:
    """With the tag of before, as a sender repeats who saw no answer: 200, and one event."""
    path = path_of(clinic.recorded(form()))
    tag = clinic.get(path).headers["etag"]
    answers = [put(clinic, path, 12, 7, tag=tag) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert scheduled(clinic) == 1


def scheduled(clinic: Clinic) -> int:
    """Count the events about schedules."""
    query = select(events.c.event_id).where(
        events.c.organisation_id == clinic.organisation, events.c.kind == "episode.scheduled"
    )
    return len(clinic.service.read(lambda c: c.execute(query).all()))


@pytest.mark.parametrize(
    ("expected", "cadence", "fault"),
    [
        (0, 7, ("/expected_sessions", "out_of_range")),
        (2001, 7, ("/expected_sessions", "out_of_range")),
        (12, 0, ("/cadence_days", "out_of_range")),
        (12, 366, ("/cadence_days", "out_of_range")),
        ("12", 7, ("/expected_sessions", "wrong_type")),
        (12.5, 7, ("/expected_sessions", "wrong_type")),
        (True, 7, ("/expected_sessions", "wrong_type")),
    ],
)
def test_what_is_out_of_bounds_is_refused(clinic: Clinic, expected: Any, cadence: Any, fault: tuple[str, str]) -> None:
    """Whole numbers within their range, or null; both must be said."""
    path = path_of(clinic.recorded(form()))
    with nothing_stored(clinic):
        refused(put(clinic, path, expected, cadence), 422, "validation_failed", fault)
        body = clinic.request("PUT", path, json={"cadence_days": 7}, headers={"If-Match": "*"})
        refused(body, 422, "validation_failed", ("/expected_sessions", "required"))


def test_a_client_reads_their_schedule_and_does_not_set_it(clinic: Clinic) -> None:
    """How often the therapist looks for a form is not decided by a phone: 404, as for what is absent."""
    path = path_of(clinic.recorded(form()))
    phone = clinic.bound("client", "mrn-1042")
    assert phone.get(path).status_code == 200
    with nothing_stored(clinic):
        refused(put(phone, path, 12, 7), 404, "not_found")
    assert put(clinic.bound("therapist", "th-7"), path, 12, 7).status_code == 200


def test_an_episode_is_named_with_its_own_client(clinic: Clinic) -> None:
    """The episode of one client under another one's id is absent, and so is another clinic's."""
    one, two = clinic.recorded(form()), clinic.recorded(form(client_ref="mrn-2"))
    mixed = path_of({"client_id": two["client_id"], "episode_id": one["episode_id"]})
    other = clinic.service.clinic()
    for by, path in ((clinic, mixed), (other, path_of(one))):
        with nothing_stored(clinic), nothing_stored(other):
            refused(by.get(path), 404, "not_found")
            refused(put(by, path, 12, 7), 404, "not_found")


def test_of_two_at_once_with_one_tag_one_wins(clinic: Clinic) -> None:
    """The other one gets 412: nobody overwrites what they have not seen."""
    path = path_of(clinic.recorded(form()))
    tag = clinic.get(path).headers["etag"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: put(clinic, path, n, 7, tag=tag), range(1, 9)))
    statuses = sorted(answer.status_code for answer in answers)
    assert (statuses.count(200), statuses.count(412)) == (1, 7)
    (won,) = [answer for answer in answers if answer.status_code == 200]
    assert clinic.get(path).json() == won.json()


def test_a_form_leaves_the_schedule_as_it_is(clinic: Clinic) -> None:
    """Posting, correcting and withdrawing write the episode's row, and not this."""
    made = clinic.recorded(form())
    put(clinic, path_of(made), 12, 7)
    second = clinic.recorded(form(session_number=2))
    assert second["episode_id"] == made["episode_id"]
    assert clinic.correct(made["id"], form(answers={"1": 1})).status_code == 201
    assert clinic.withdraw(second["id"]).status_code == 201
    assert clinic.get(path_of(made)).json()["cadence_days"] == 7
