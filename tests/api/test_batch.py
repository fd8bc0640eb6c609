"""Many forms in one request: each has its own key, its own place in the answer, and its own faults."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import httpx
import pytest

from tests.api.refusals import CANARY, marked, nothing_stored, refused, silent
from tests.faults.accounting import faults
from tests.harness import ANSWERS, Clinic, form, therapists_form
from tests.usecases.histories import check_rebuild

OWN = ("id", "client_id", "episode_id", "received_at")
Items = list[tuple[str, dict[str, Any]]]


def items_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """Take the items out of an answer, in the order of the batch."""
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    assert [one["index"] for one in items] == list(range(len(items)))
    return items


def content(told: dict[str, Any]) -> dict[str, Any]:
    """Leave the ids and the time of receipt out of what is said of a form."""
    scores = [{name: value for name, value in score.items() if name != "id"} for score in told["scores"]]
    signals = [{**one, "id": None, "submission_id": None} for one in told["signals"]]
    return {name: value for name, value in told.items() if name not in OWN} | {"scores": scores, "signals": signals}


def caseload(clients: int, sessions: int) -> Items:
    """Make forms of some clients over some sessions, each with answers of its own, one of them missing at times."""
    dice = Random(20261124)
    made: Items = []
    for client in range(clients):
        for session in range(1, sessions + 1):
            answers: dict[str, Any] = {item: dice.randint(1, 5) for item in ANSWERS}
            answers["7"] = dice.choice([None, "not_applicable", 3, 4])
            sent = form(client_ref=f"mrn-{client}", session_number=session, planned_sessions=8, answers=answers)
            made.append((f"k-{client}-{session}", sent))
    return made


def test_five_hundred_forms_are_taken_in_one_request(clinic: Clinic) -> None:
    """Fifty clients over ten sessions: all are stored whole, and the state is what the forms say."""
    items = items_of(clinic.post_batch(caseload(50, 10), Prefer="return=minimal"))
    assert Counter((one["status"], one["replayed"]) for one in items) == {(201, False): 500}
    assert {(one["submission"], one["problem"]) for one in items} == {(None, None)}
    assert len({one["id"] for one in items}) == 500
    beside = {"events", "api_keys", "signals", "signal_changes"}
    assert {name: rows for name, rows in clinic.counts().items() if rows and name not in beside} == {
        "organisations": 1, "chain_heads": 1, "applications": 1, "clients": 50, "client_keys": 50,
        "organisation_keys": 1, "therapists": 1,
        "episodes": 50, "submissions": 500, "scores": 5500, "assessments": 500, "idempotency_keys": 500,
        "statistics": 1, "series_statistics": 50,
    }  # fmt: skip
    assert clinic.service.read(lambda c: faults(c, [], organisation=clinic.organisation)) == []


def test_a_batch_says_the_same_as_single_posts(clinic: Clinic) -> None:
    """Scores, change, stage and recommendations are identical, whatever the order inside the batch."""
    other, third = clinic.service.clinic(), clinic.service.clinic()
    sent = caseload(3, 4)
    singly = {key: content(other.post(one, key=key).json()) for key, one in sent}
    turned = Random(1).sample(sent, len(sent))
    for where, order in ((clinic, sent), (third, turned)):
        told = items_of(where.post_batch(order))
        assert {key: content(one["submission"]) for (key, _), one in zip(order, told, strict=True)} == singly
        for client in range(3):
            check_rebuild(where, f"mrn-{client}")


def test_each_item_is_answered_for_itself(clinic: Clinic) -> None:
    """New, replayed, there already, and each kind of refusal side by side; what is refused keeps nobody out."""
    first = clinic.post(form(), key="used").json()
    clinic.recorded(form(client_ref="mrn-2", episode_ref="a"))
    sent: Items = [
        ("used", form()),
        ("again", form()),
        ("new", form(session_number=2)),
        ("new", form(session_number=3)),
        ("used-2", marked(session_number=0, answers={"1": 9, "x": 1})),
        ("other", form(answers={**ANSWERS, "1": 1})),
        ("therapist", therapists_form(session_number=2)),
        ("mismatch", form(client_ref="mrn-2", episode_ref="a", therapist_ref="th-9")),
        ("enabled", form(client_ref=CANARY, instrument="wai-s", answers={"1": 7})),
        ("unknown", form(instrument="nothing")),
        ("empty", form(session_number=9, answers={})),
    ]
    answer = clinic.post_batch(sent)
    items = items_of(answer)
    assert [(one["status"], one["replayed"], (one["problem"] or {}).get("code")) for one in items] == [
        (201, True, None),
        (200, False, None),
        (201, False, None),
        (422, False, "key_repeated_in_batch"),
        (422, False, "validation_failed"),
        (409, False, "session_already_rated"),
        (201, False, None),
        (409, False, "episode_therapist_mismatch"),
        (409, False, "instrument_not_enabled"),
        (422, False, "validation_failed"),
        (422, False, "no_answers"),
    ]
    assert [one["submission"] for one in items[:2]] == [first, first]
    assert items[5]["problem"]["submission_id"] == first["id"]
    assert [one["id"] is None for one in items] == [one["problem"] is not None for one in items]
    assert silent(answer)
    assert (clinic.count("submissions"), clinic.count("clients")) == (4, 2)


def test_pointers_begin_at_the_form(clinic: Clinic) -> None:
    """The places are those that a post of this form alone would be told, in a problem of its own."""
    bad = marked(session_number=0, mood=1, answers={"1": "x"})
    alone = clinic.post(bad).json()
    items = items_of(clinic.post_batch([("k-1", form()), ("k-2", bad)]))
    told = items[1]["problem"]
    assert {name: told[name] for name in ("type", "status", "code", "errors")} == {
        name: alone[name] for name in ("type", "status", "code", "errors")
    }
    assert {one["pointer"] for one in told["errors"]} == {"/session_number", "/mood", "/answers/1"}


def test_a_batch_is_safe_to_repeat_whole_or_in_pieces(clinic: Clinic) -> None:
    """Keys are those of single posts: a piece, a longer batch and a post replay the first answers."""
    sent = caseload(2, 2)
    first = items_of(clinic.post_batch(sent[:3]))
    with nothing_stored(clinic):
        again = items_of(clinic.post_batch(sent[:3]))
        assert [one | {"replayed": False} for one in again] == first
        assert {one["replayed"] for one in again} == {True}
        alone = clinic.post(sent[1][1], key=sent[1][0])
        assert (alone.json(), alone.headers["idempotent-replayed"]) == (first[1]["submission"], "true")
    longer = items_of(clinic.post_batch(sent))
    assert [(one["status"], one["replayed"]) for one in longer] == [(201, True)] * 3 + [(201, False)]


def test_a_refused_item_binds_no_key(clinic: Clinic) -> None:
    """Mended, it is sent again under the same key."""
    items_of(clinic.post_batch([("k-1", form(session_number=0)), ("k-2", form())]))
    items = items_of(clinic.post_batch([("k-1", form(session_number=3)), ("k-2", form())]))
    assert [(one["status"], one["replayed"]) for one in items] == [(201, False), (201, True)]


def test_items_that_repeat_each_other_are_one_form(clinic: Clinic) -> None:
    """The same form under two keys, and under one source: one is new, the other is there; other content conflicts."""
    source = {"system": "s", "id": "1"}
    sent: Items = [
        ("k-1", form(source=source)),
        ("k-2", form(source=source)),
        ("k-3", form(source=source, session_number=2)),
        ("k-4", form(answers={**ANSWERS, "1": 1})),
    ]
    items = items_of(clinic.post_batch(sent))
    assert [one["status"] for one in items] == [201, 200, 409, 409]
    assert items[0]["id"] == items[1]["id"]
    assert [one["problem"]["code"] for one in items[2:]] == ["source_conflict", "session_already_rated"]
    assert clinic.count("submissions") == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/items"),
        ({"items": []}, "/items"),
        ({"items": None}, "/items"),
        ({"items": [{"form": form()}]}, "/items/0/key"),
        ({"items": [{"key": "k"}]}, "/items/0/form"),
        ({"items": [{"key": "k", "form": form(), "mood": 1}]}, "/items/0/mood"),
        ({"items": [{"key": "a b", "form": form()}]}, "/items/0/key"),
        ({"items": [{"key": "k" * 256, "form": form()}]}, "/items/0/key"),
        ({"items": [{"key": f"k-{n}", "form": {}} for n in range(501)]}, "/items"),
    ],
)
def test_a_batch_that_is_none_is_refused_as_a_whole(clinic: Clinic, body: dict[str, Any], pointer: str) -> None:
    """Without items, with too many, or with an item that has no usable key: 422, and nothing is stored."""
    with nothing_stored(clinic):
        answer = clinic.request("POST", "/v1/submissions/batch", json=body)
        assert (answer.status_code, [one["pointer"] for one in answer.json()["errors"]]) == (422, [pointer])


def test_a_batch_needs_no_key_of_its_own(clinic: Clinic) -> None:
    """The keys of the items are enough; a header beside them changes nothing."""
    headers = {"Idempotency-Key": "whole"}
    body = {"items": [{"key": "k", "form": form()}]}
    assert clinic.request("POST", "/v1/submissions/batch", json=body, headers=headers).status_code == 200
    assert clinic.post(form(), key="whole").status_code == 200


def test_a_batch_with_another_body_is_refused(clinic: Clinic) -> None:
    """What a post may not be, a batch may not be either."""
    for path in ("/v1/submissions/batch?x=1", "/v1/submissions/batch"):
        with nothing_stored(clinic):
            sent = {"items": [{"key": "k", "form": form()}]}
            answer = clinic.request("POST", path, json=sent, headers={"Content-Type": "text/plain"})
            refused(
                answer, 400 if "?" in path else 415, "unknown_parameter" if "?" in path else "unsupported_media_type"
            )
