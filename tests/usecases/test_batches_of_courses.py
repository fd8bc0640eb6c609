"""Courses that end and begin within one batch, and sources that come twice in one: as if the forms came one by one."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import select

from app.storage.tables import sources
from tests.faults.accounting import faults
from tests.harness import Clinic, form, therapists_form

Items = list[tuple[str, dict[str, Any]]]
Told = list[tuple[int, str | None]]

NEXT_COURSE = ("2025-09-01T10:00:00Z", "2025-09-08T10:00:00Z")
ENDING = {"ending": "planned"}


def posted(clinic: Clinic, items: Items) -> list[dict[str, Any]]:
    """Post a batch, which is answered as a whole whatever its items are."""
    answer = clinic.post_batch(items)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def told(items: list[dict[str, Any]]) -> Told:
    """Take the status and the code of each item."""
    return [(one["status"], (one["problem"] or {}).get("code")) for one in items]


def whole(clinic: Clinic) -> list[str]:
    """Return what does not add up in this organisation's rows, but for keys of forms that were there."""
    found = clinic.service.read(lambda c: faults(c, [], organisation=clinic.organisation, keys_of_a_form=99))
    return [one for one in found if not one.startswith("key of")]


def named(clinic: Clinic) -> list[str]:
    """Return the forms that the senders' own ids are bound to."""
    query = select(sources.c.submission_id).where(sources.c.organisation_id == clinic.organisation)
    return sorted(str(one) for one in clinic.service.read(lambda c: list(c.execute(query).scalars())))


def test_a_batch_ends_a_course_and_opens_the_next(clinic: Clinic) -> None:
    """The last session of an open course, and half a year later a session without a reference: two episodes."""
    first = clinic.recorded(form())
    items = posted(
        clinic,
        [
            ("k-2", form(session_number=2, reported=ENDING)),
            ("k-3", form(session_number=3, completed_at=NEXT_COURSE[0])),
        ],
    )
    assert told(items) == [(201, None), (201, None)]
    ended, opened = (one["submission"]["episode_id"] for one in items)
    assert (ended, opened == first["episode_id"]) == (first["episode_id"], False)
    progress = f"/v1/clients/{first['client_id']}/progress"
    for episode, said in ((ended, ("planned", 2)), (opened, (None, 3))):
        answer = clinic.get(f"{progress}?episode_id={episode}").json()
        assert (answer["episode"]["ending"], answer["episode"]["last_session"]) == said
    assert (clinic.count("episodes"), whole(clinic)) == (2, [])
    assert told(posted(clinic, [("k-4", form(session_number=4, completed_at=NEXT_COURSE[1]))])) == [(201, None)]
    assert clinic.count("episodes") == 2


def test_a_batch_goes_through_three_courses_of_a_client_and_one_of_another_therapist(clinic: Clinic) -> None:
    """The first was open before; each ends within the batch, and the other therapist's goes on beside them."""
    clinic.recorded(form())
    clinic.recorded(form(therapist_ref="th-8"))
    items = posted(
        clinic,
        [
            ("c-1", form(session_number=1, completed_at="2025-12-01T10:00:00Z")),
            ("b-1", form(session_number=1, completed_at=NEXT_COURSE[0], reported=ENDING)),
            ("x-2", form(session_number=2, therapist_ref="th-8", completed_at="2025-12-02T10:00:00Z")),
            ("a-2", form(session_number=2, reported=ENDING)),
        ],
    )
    assert told(items) == [(201, None)] * 4
    assert len({one["submission"]["episode_id"] for one in items}) == 4
    assert clinic.count("episodes") == 4


#: The session numbers of the two forms of each course; the second form of a course is the later one.
NUMBERS = [(1, 2, 1, 2), (1, 2, 3, 4), (3, 4, 1, 2), (2, 1, 2, 1), (1, 2, 2, 1)]


@pytest.mark.parametrize("numbers", NUMBERS)
def test_two_courses_in_one_batch_lie_as_one_by_one(clinic: Clinic, numbers: tuple[int, ...]) -> None:
    """In each of the 24 orders of the four forms: two episodes of two forms, the first one ended, and no refusal."""
    days = ("2025-01-14T10:00:00Z", "2025-01-21T10:00:00Z", *NEXT_COURSE)

    def forms(client: str) -> dict[str, dict[str, Any]]:
        made = zip(("a1", "a2", "b1", "b2"), numbers, days, strict=True)
        return {
            name: form(
                client_ref=client,
                session_number=number,
                completed_at=day,
                reported=ENDING if name == "a2" else {},
                planned_sessions=9,
            )
            for name, number, day in made
        }

    singly = {name: clinic.recorded(sent) for name, sent in forms("one by one").items()}
    expected = places(clinic, singly)
    assert expected == {"a1": "a1", "a2": "a1", "b1": "b1", "b2": "b1", "a1 ended": "planned", "b1 ended": None}
    for order in permutations(("a1", "a2", "b1", "b2")):
        client = "-".join(order)
        sent = forms(client)
        items = posted(clinic, [(f"{client}-{name}", sent[name]) for name in order])
        assert told(items) == [(201, None)] * 4, order
        stored = {name: one["submission"] for name, one in zip(order, items, strict=True)}
        assert places(clinic, stored) == expected, order
        again = posted(clinic, [(f"again-{client}-{name}", sent[name]) for name in order])
        assert [(one["status"], one["id"]) for one in again] == [(200, one["id"]) for one in items], order
    assert (clinic.count("episodes"), clinic.count("submissions")) == (50, 100)


def places(clinic: Clinic, stored: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Say beside which form, first by name, each one lies, and how the two episodes ended."""
    first: dict[str, str] = {}
    for name in sorted(stored):
        first.setdefault(stored[name]["episode_id"], name)
    found: dict[str, Any] = {name: first[one["episode_id"]] for name, one in stored.items()}
    client = next(iter(stored.values()))["client_id"]
    for episode, name in first.items():
        progress = clinic.get(f"/v1/clients/{client}/progress?episode_id={episode}").json()
        found[f"{name} ended"] = progress["episode"]["ending"]
    return found


def test_the_other_raters_form_of_the_next_course_is_not_put_into_the_first(clinic: Clinic) -> None:
    """Session 1 by the therapist half a year after the ending, in one batch with the ending itself."""
    sent = [
        form(),
        form(session_number=2, reported=ENDING),
        therapists_form(completed_at=NEXT_COURSE[0]),
    ]
    for number, order in enumerate(permutations(range(3))):
        items = posted(clinic, [(f"{number}-{n}", sent[n] | {"client_ref": f"mrn-{number}"}) for n in order])
        assert told(items) == [(201, None)] * 3, order
        episodes = {n: one["submission"]["episode_id"] for n, one in zip(order, items, strict=True)}
        assert (episodes[0] == episodes[1], episodes[1] == episodes[2]) == (True, False), order


def source(name: str) -> dict[str, str]:
    """Make a sender's own id of a form."""
    return {"system": "https://forms.example", "id": name}


def test_one_source_for_two_known_forms_is_kept_for_the_first(clinic: Clinic) -> None:
    """Both forms are there already, by their place: the earlier one gets the source, the other a conflict with it."""
    first, second = clinic.recorded(form()), clinic.recorded(form(session_number=2))
    items = posted(clinic, [("k-2", form(session_number=2, source=source("s"))), ("k-1", form(source=source("s")))])
    assert told(items) == [(409, "source_conflict"), (200, None)]
    assert (items[1]["id"], items[0]["problem"]["submission_id"]) == (first["id"], first["id"])
    assert named(clinic) == [first["id"]]
    assert (clinic.count("submissions"), clinic.count("idempotency_keys"), whole(clinic)) == (2, 3, [])
    mended = posted(clinic, [("k-2", form(session_number=2, source=source("s-2")))])
    assert (told(mended), mended[0]["id"]) == ([(200, None)], second["id"])
    assert named(clinic) == sorted([first["id"], second["id"]])


def test_a_second_source_of_a_known_form_is_kept(clinic: Clinic) -> None:
    """Two systems may have sent one form: both ids answer it from then on, in any company."""
    first = clinic.recorded(form(source=source("s-1")))
    items = posted(
        clinic,
        [
            ("k-1", form(source=source("s-2"))),
            ("k-2", form(source=source("s-2"))),
            ("k-3", form(source=source("s-3"))),
            ("k-4", form(source=source("s-1"))),
        ],
    )
    assert (told(items), {one["id"] for one in items}) == ([(200, None)] * 4, {first["id"]})
    assert named(clinic) == [first["id"]] * 3
    taken = told(posted(clinic, [(f"t-{n}", form(session_number=2, source=source(f"s-{n}"))) for n in (1, 2, 3)]))
    assert taken == [(409, "source_conflict")] * 3
    assert clinic.count("submissions") == 1


@pytest.mark.parametrize("is_new_first", [False, True])
def test_one_source_for_a_known_and_a_new_form_goes_to_the_earlier(clinic: Clinic, *, is_new_first: bool) -> None:
    """The one that was completed first; the other leaves no trace and may be sent again under another id."""
    known = clinic.recorded(form(session_number=2))
    new = 1 if is_new_first else 3
    items = posted(
        clinic,
        [
            ("known", form(session_number=2, source=source("s"))),
            ("new", form(session_number=new, source=source("s"))),
            ("beside", form(client_ref="mrn-2")),
        ],
    )
    if is_new_first:
        assert told(items) == [(409, "source_conflict"), (201, None), (201, None)]
        assert named(clinic) == [items[1]["id"]]
    else:
        assert told(items) == [(200, None), (409, "source_conflict"), (201, None)]
        assert named(clinic) == [known["id"]]
    loser = form(session_number=2 if is_new_first else 3, source=source("other"))
    mended = posted(clinic, [("known" if is_new_first else "new", loser)])
    assert told(mended) == [(200 if is_new_first else 201, None)]
    assert whole(clinic) == []


def test_a_source_that_is_bound_already_is_not_bound_again(clinic: Clinic) -> None:
    """A known form and a new one under the source of a third: both conflict with that one, and are not stored."""
    third = clinic.recorded(form(session_number=3, source=source("s")))
    clinic.recorded(form())
    before = clinic.counts()
    items = posted(clinic, [("k-1", form(source=source("s"))), ("k-2", form(client_ref="mrn-2", source=source("s")))])
    assert told(items) == [(409, "source_conflict"), (409, "source_conflict")]
    assert {one["problem"]["submission_id"] for one in items} == {third["id"]}
    assert clinic.counts() == before
    assert named(clinic) == [third["id"]]
