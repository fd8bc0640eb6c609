"""Instruments: what is asked and how it is counted, scoring without storing, and enabling what is from recall."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from app.access.administer import enable_instrument
from tests.api.refusals import nothing_stored, refused
from tests.harness import ANSWERS, Clinic, form, scores_by_component

KEYS = ["trq-s", "trq-s-t", "wai-s", "wai-sr"]
TWELVE = {str(i): 5 for i in range(1, 13)}
PATHS = ["/v1/instruments", "/v1/instruments/trq-s", "/v1/instruments/trq-s/versions/1.0.0"]


def enable(clinic: Clinic, instrument: str = "wai-s") -> None:
    """Enable an instrument for a clinic, as the operator does."""
    work = partial(enable_instrument, clinic.service.runtime, organisation=clinic.organisation)
    clinic.service.portal.call(partial(work, instrument=instrument, checked_against="our licensed copy, page 3"))


def test_the_list_holds_every_instrument_in_full(clinic: Clinic) -> None:
    """Newest version each, the same as read alone and by version."""
    listed = clinic.get("/v1/instruments").json()
    assert [one["key"] for one in listed["items"]] == KEYS
    assert listed["next_cursor"] is None
    for one in listed["items"]:
        assert clinic.get(f"/v1/instruments/{one['key']}").json() == one
        assert clinic.get(f"/v1/instruments/{one['key']}/versions/{one['version']}").json() == one


def test_our_own_instrument_is_told_with_its_texts(clinic: Clinic) -> None:
    """Items with text, role, components, stage and labelled options; what is not validated says so."""
    told = clinic.get("/v1/instruments/trq-s").json()
    assert {name: told[name] for name in ("version", "rater", "raters", "license", "key_status", "validated")} == {
        "version": "1.0.0", "rater": "client", "raters": ["client"], "license": "CC0-1.0", "key_status": "own",
        "validated": False,
    }  # fmt: skip
    assert (told["convention"], told["min"], told["max"], told["norms"], told["locales"]) == ("mean", 1, 5, [], ["en"])
    assert told["status"] == "available"
    assert told["items"][4] == {
        "id": "5",
        "text": "We worked on what matters to me.",
        "role": "scored",
        "components": ["collaboration"],
        "reversed": False,
        "stage": None,
        "options": [
            {"value": 1, "label": "not at all"},
            {"value": 2, "label": "a little"},
            {"value": 3, "label": "somewhat"},
            {"value": 4, "label": "mostly"},
            {"value": 5, "label": "completely"},
        ],
    }
    focus = [(item["id"], item["role"], item["components"], item["stage"]) for item in told["items"][8:]]
    assert focus == [
        ("f1", "focus", [], "establishing_rapport"),
        ("f2", "focus", [], "exploring_the_problem"),
        ("f3", "focus", [], "working_on_solutions"),
        ("f4", "focus", [], "termination"),
    ]
    parts = {part["key"]: (part["kind"], part["facet"], part["items"]) for part in told["components"]}
    assert parts["collaboration"] == ("component", ["goal", "task"], ["5"])
    assert parts["elements"] == ("rollup", [], ["4", "3", "5"])
    assert parts["total"] == ("total", [], ["1", "2", "3", "4", "5", "6", "7", "8"])
    assert told["missing_rule"] == {
        "method": "person_mean",
        "total_needs_components": False,
        "source": "Design choice of this project, not validated.",
    }


@pytest.mark.parametrize(("key", "raters", "options"), [("wai-s", 2, 7), ("wai-sr", 1, 5)])
def test_the_texts_of_others_are_null(clinic: Clinic, key: str, raters: int, options: int) -> None:
    """Facts of the key only: no wording, no labels, and the licence says why."""
    told = clinic.get(f"/v1/instruments/{key}").json()
    assert [item["text"] for item in told["items"]] == [None] * 12
    labels = [option["label"] for item in told["items"] for option in item["options"]]
    assert labels == [None] * 12 * options
    assert (len(told["raters"]), told["locales"], told["instructions"]) == (raters, [], {})
    assert "the scoring key is shipped" in told["license"]


def test_what_is_reversed_is_told(clinic: Clinic) -> None:
    """Two items of wai-s, and none of the others."""
    listed = clinic.get("/v1/instruments").json()["items"]
    turned = {one["key"]: [item["id"] for item in one["items"] if item["reversed"]] for one in listed}
    assert turned == {"trq-s": [], "trq-s-t": [], "wai-s": ["4", "10"], "wai-sr": []}


@pytest.mark.parametrize("path", PATHS)
def test_instruments_are_cacheable(clinic: Clinic, path: str) -> None:
    """A strong ETag, 304 for whoever has it, and the same bytes for every organisation."""
    first, other = clinic.get(path), clinic.service.clinic().get(path)
    tag = first.headers["etag"]
    assert (first.headers["cache-control"], tag[0], tag[-1]) == ("private, no-cache", '"', '"')
    assert (other.headers["etag"], other.content) == (tag, first.content)
    for asked in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = clinic.get(path, headers={"If-None-Match": asked})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert clinic.get(path, headers={"If-None-Match": '"x"'}).status_code == 200


def test_each_instrument_has_its_own_etag(clinic: Clinic) -> None:
    """No two representations share a tag."""
    tags = [clinic.get(f"/v1/instruments/{key}").headers["etag"] for key in KEYS]
    assert len({*tags, clinic.get("/v1/instruments").headers["etag"]}) == 5


@pytest.mark.parametrize(
    "answers",
    [ANSWERS, {**ANSWERS, "7": None}, {"1": 5}, {"f1": 3}, {**ANSWERS, "5": "not_applicable", "8": None}],
    ids=["all", "one missing", "one answered", "focus only", "two missing"],
)
def test_the_stateless_score_is_what_would_be_stored(clinic: Clinic, answers: dict[str, Any]) -> None:
    """The same scores but for the ids, and nothing is kept."""
    with nothing_stored(clinic):
        answer = clinic.request("POST", "/v1/instruments/trq-s/score", json={"answers": answers})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    made = clinic.recorded(form(answers=answers))
    assert answer.json() == {
        "instrument": made["instrument"],
        "scores": [score | {"id": None} for score in made["scores"]],
    }


def test_an_instrument_from_recall_waits_until_it_is_enabled(clinic: Clinic) -> None:
    """409 for a post, a score and both raters; the instrument itself can be read and says what it waits for."""
    sent = form(instrument="wai-s", answers=TWELVE)
    with nothing_stored(clinic):
        refused(clinic.post(sent), 409, "instrument_not_enabled")
        refused(clinic.post(sent | {"rater": "therapist"}), 409, "instrument_not_enabled")
        score = clinic.request("POST", "/v1/instruments/wai-s/score", json={"answers": TWELVE})
        refused(score, 409, "instrument_not_enabled")
    assert clinic.get("/v1/instruments/wai-s").json()["status"] == "needs_enabling"


def test_an_enabled_instrument_is_scored_with_its_reversals_and_sums(clinic: Clinic) -> None:
    """Items 4 and 10 count as 8 - x; values are sums from 4 to 28 and from 12 to 84."""
    enable(clinic)
    made = clinic.recorded(form(instrument="wai-s", answers={**TWELVE, "4": 1, "1": 7}))
    scores = scores_by_component(made)
    numbers = ("value", "mean", "sum", "min", "max", "pomp")
    assert {name: [score[number] for number in numbers] for name, score in scores.items()} == {
        "task": [22.0, 5.5, 22.0, 4.0, 28.0, 75.0],
        "bond": [20.0, 5.0, 20.0, 4.0, 28.0, 66.6667],
        "goal": [20.0, 5.0, 20.0, 4.0, 28.0, 66.6667],
        "total": [62.0, 5.1667, 62.0, 12.0, 84.0, 69.4444],
    }
    path = f"/v1/clients/{made['client_id']}/scores/{scores['goal']['id']}/explanation"
    told = clinic.get(path).json()
    assert [(item["item"], item["answer"], item["reversed"], item["counted"]) for item in told["items"]] == [
        ("4", 1, True, 7), ("6", 5, False, 5), ("10", 5, True, 3), ("11", 5, False, 5),
    ]  # fmt: skip
    assert [step["says"] for step in told["steps"]] == [
        "4 of 4 answered, at least 3 needed",
        "mean = (7 + 5 + 3 + 5) / 4 = 5",
        "sum = 4 x 5 = 20",
        "POMP = 100 x (5 - 1) / (7 - 1) = 66.6667",
    ]
    score = clinic.request("POST", "/v1/instruments/wai-s/score", json={"answers": {**TWELVE, "4": 1, "1": 7}})
    assert score.json()["scores"] == [one | {"id": None} for one in made["scores"]]


def test_enabling_is_an_organisations_own_and_is_seen_at_once(clinic: Clinic) -> None:
    """The ETag of the instrument and of the list change; another organisation still waits."""
    paths = ("/v1/instruments", "/v1/instruments/wai-s", "/v1/instruments/wai-s/versions/1.0.0")
    before = {path: clinic.get(path).headers["etag"] for path in paths}
    other = clinic.service.clinic()
    enable(clinic)
    for path, tag in before.items():
        assert clinic.get(path, headers={"If-None-Match": tag}).status_code == 200
        assert other.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert clinic.get("/v1/instruments/wai-s").json()["status"] == "available"
    refused(other.post(form(instrument="wai-s", answers=TWELVE)), 409, "instrument_not_enabled")
    assert clinic.post(form(instrument="wai-s", answers=TWELVE, rater="therapist")).status_code == 201


@pytest.mark.parametrize("value", [0, 8, -1, 700])
def test_an_enabled_instrument_keeps_its_range(clinic: Clinic, value: int) -> None:
    """1 to 7, whatever other instruments have."""
    enable(clinic)
    with nothing_stored(clinic):
        sent = form(instrument="wai-s", answers={**TWELVE, "10": value})
        refused(clinic.post(sent), 422, "validation_failed", ("/answers/10", "out_of_range"))
