"""The feed of changes over HTTP: where it begins, how it goes on, and what is never in it."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Literal

import pytest

from app.storage.cursor import read_place
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
    after = read(clinic, f"?after={news['next_after']}")  # that it was read is an event, too, which moves nothing
    assert (after["items"], after["more"]) == ([], False)
    assert after["next_after"] == news["next_after"]


def number_of(clinic: Clinic, place: str) -> int:
    """Open a place, as only the service can."""
    return read_place(clinic.service.runtime.keys, place, organisation=clinic.organisation)


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("?since=1", "unknown_parameter", "since"),
        ("?after=-1", "invalid_parameter", "after"),
        ("?after=41", "invalid_parameter", "after"),
        (f"?after={'A' * 44}", "invalid_parameter", "after"),
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
        parts = [read(one, f"?after={after}") for one in (clinic, phone) for after in here]
        return [*(part | {"next_after": number_of(clinic, part["next_after"])} for part in parts), read(clinic)]

    before = told()
    assert post_check(clinic).status_code == 201
    assert told() == before
    assert opened(reader, "officer-1", listed(reader, "officer-1")[0]["id"]).status_code == 200
    assert told() == before


def test_what_is_never_told_can_not_be_counted(clinic: Clinic) -> None:
    """Forty looks and a safety check between two forms: what is answered has no number, and places have no distance."""
    empty = read(clinic)
    assert empty == {"items": [], "next_after": "0", "more": False}
    clinic.recorded(form())
    first = read(clinic)["next_after"]
    clinic.recorded(form(session_number=2))
    second = read(clinic, f"?after={first}")
    offering(clinic)
    for _ in range(40):
        clinic.get("/v1/caseload")
    assert post_check(clinic).status_code == 201
    clinic.recorded(form(session_number=3))
    third = read(clinic, f"?after={second['next_after']}")
    assert [[one["kind"] for one in part["items"]] for part in (second, third)] == [["submission.recorded"]] * 2
    for part in (second, third):
        assert re.fullmatch("[A-Za-z0-9_-]{44}", part["next_after"])
        assert set(part) == {"items", "next_after", "more"}
        assert [name for name, value in part["items"][0].items() if isinstance(value, int)] == []
    places = [first, second["next_after"], third["next_after"]]
    shared = [sum(a == b for a, b in zip(one, other, strict=True)) for one, other in pairwise(places)]
    assert max(shared) < 8  # of 44 letters: a place says nothing of the one before
    assert read(clinic, f"?after={first}&limit=1")["next_after"] == places[1]  # always spelled alike


@pytest.mark.parametrize("kind", ["client", "therapist"])
def test_who_is_told_a_part_does_not_see_that_the_rest_moved(
    clinic: Clinic, kind: Literal["client", "therapist"]
) -> None:
    """Places are spelled anew each time, from the first one on: equal ones would say that nobody had a new form."""
    bound = clinic.bound(kind, {"client": "mrn-1042", "therapist": "th-7"}[kind])
    quiet = [read(bound) for _ in range(2)]
    clinic.recorded(form(seen_by_therapist=False, client_ref="mrn-1042" if kind == "therapist" else "another"))
    moved = [read(bound, f"?after={quiet[-1]['next_after']}") for _ in range(2)]
    places = [one["next_after"] for one in (*quiet, *moved)]
    assert [one["items"] for one in (*quiet, *moved)] == [[]] * 4
    assert [len(place) for place in places] == [44] * 4
    assert len(set(places)) == 4
    before, still, after, later = (number_of(clinic, place) for place in places)
    assert before == still < after == later


def test_a_place_is_one_of_its_own_feed_only(clinic: Clinic) -> None:
    """Another organisation's is refused as if nobody had made it, and so is one that was changed."""
    clinic.recorded(form())
    place = read(clinic)["next_after"]
    other = clinic.service.clinic()
    assert refused(other.get(f"/v1/changes?after={place}"), 400, "invalid_parameter")["parameter"] == "after"
    for at in range(0, 44, 4):
        changed = place[:at] + ("A" if place[at] != "A" else "B") + place[at + 1 :]
        refused(clinic.get(f"/v1/changes?after={changed}"), 400, "invalid_parameter")


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
