"""The feed of changes over HTTP: where it begins, how it goes on, and what is never in it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.refusals import refused
from tests.api.safety import listed, offering, opened, post_check
from tests.api.test_schedule import path_of, put
from tests.api.test_supervisors import leave, supervisor, team
from tests.harness import Clinic, form


def read(clinic: Clinic, query: str = "") -> dict[str, Any]:
    """Read a part of the feed."""
    answer = clinic.get(f"/v1/changes{query}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def whole(clinic: Clinic, limit: int = 3) -> list[dict[str, Any]]:
    """Read all of it, as a program does."""
    found: list[dict[str, Any]] = []
    part = read(clinic, f"?after=0&limit={limit}")
    while part["items"] or part["more"]:
        found += part["items"]
        part = read(clinic, f"?after={part['next_after']}&limit={limit}")
    return found


def test_a_copy_is_kept_by_going_on_from_where_one_was(clinic: Clinic) -> None:
    """Begin at the end, then read what came: a form, a schedule, an acknowledgement; then there is nothing new."""
    made = clinic.recorded(form(reported={"rupture": True}))
    start = read(clinic)
    assert (start["items"], start["more"]) == ([], False)
    first = read(clinic, f"?after={start['next_after']}")
    put(clinic, path_of(made), 12, 7)
    signal = made["signals"][0]["id"]
    clinic.request(
        "POST",
        f"/v1/clients/{made['client_id']}/signals/{signal}/acknowledgements",
        json={"acting": "th-7", "reason": "other"},
        headers={"Idempotency-Key": "k"},
    )
    news = read(clinic, f"?after={first['next_after']}")
    assert [(one["kind"], one["signal_id"]) for one in news["items"]] == [
        ("episode.scheduled", None), ("signal.acknowledged", signal),
    ]  # fmt: skip
    assert {one["client_id"] for one in news["items"]} == {made["client_id"]}
    after = read(clinic, f"?after={news['next_after']}")  # that it was read has a number too, which moves nothing
    assert (after["items"], after["more"]) == ([], False)
    assert after["next_after"] == news["next_after"]


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("?since=1", "unknown_parameter", "since"),
        ("?after=-1", "invalid_parameter", "after"),
        ("?after=2147483648", "invalid_parameter", "after"),
        ("?after=1.0", "invalid_parameter", "after"),
        ("?after=00", "invalid_parameter", "after"),
        ("?after=", "invalid_parameter", "after"),
        ("?after=0&limit=201", "invalid_parameter", "limit"),
    ],
)
def test_what_can_not_be_asked_is_refused_by_name(clinic: Clinic, query: str, code: str, parameter: str) -> None:
    """400 with the parameter."""
    assert refused(clinic.get(f"/v1/changes{query}"), 400, code)["parameter"] == parameter


def test_a_safety_check_moves_nothing(clinic: Clinic) -> None:
    """Neither that it came in nor that it was opened: the place in the feed is as before, for all who ask."""
    clinic.recorded(form())
    reader, phone = offering(clinic), clinic.bound("client", "mrn-1042")

    def told() -> list[dict[str, Any]]:
        here = [read(one)["next_after"] for one in (clinic, phone)]
        return [read(one, f"?after={after}") for one in (clinic, phone) for after in here] + [read(clinic)]

    before = told()
    assert post_check(clinic).status_code == 201
    assert told() == before
    assert opened(reader, "officer-1", listed(reader, "officer-1")[0]["id"]).status_code == 200
    assert told() == before


def test_a_number_ahead_of_the_feed_is_kept(clinic: Clinic) -> None:
    """Nothing is there, and the next call asks the same."""
    assert read(clinic, "?after=2147483647") == {"items": [], "next_after": 2147483647, "more": False}


def test_keys_are_told_of_what_they_open(clinic: Clinic) -> None:
    """A client, a therapist and a supervisor each read theirs; who leaves the team reads nothing more."""
    made = {ref: clinic.recorded(form(client_ref=f"of {ref}", therapist_ref=ref)) for ref in ("th-1", "th-2")}
    ids = {ref: one["client_id"] for ref, one in made.items()}
    team(clinic, "A", members=("th-1",), supervisors=("sup",))
    key = supervisor(clinic, "sup")
    phones = (clinic.bound("client", "of th-1"), clinic.bound("therapist", "th-1"), key)
    for phone in phones:
        assert {one["client_id"] for one in whole(phone)} == {ids["th-1"]}
    assert {one["client_id"] for one in whole(clinic)} == set(ids.values())
    leave(clinic, "A", "th-1")
    assert whole(key) == []
    assert whole(clinic.service.clinic()) == []
