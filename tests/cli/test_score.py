from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Shell, plain

#: The check of science.md: 4 4 5 3 4 4 5 - 4 3 4 4 has mean 4.0 over 11 of 12 items, and the goals' sum is 14.6667.
PAIRS = "1=4,2=4,3=5,4=3,5=4,6=4,7=5,8=na,9=4,10=3,11=4,12=4"
ANSWERS: dict[str, Any] = {
    "1": 4, "2": 4, "3": 5, "4": 3, "5": 4, "6": 4, "7": 5, "8": "not_applicable", "9": 4, "10": 3, "11": 4, "12": 4,
}  # fmt: skip


def by_component(told: dict[str, Any]) -> dict[str, Any]:
    """Index what was printed."""
    return {score["component"]: score for score in told["scores"]}


def test_pairs_are_scored_without_a_database(bare: Shell) -> None:
    """The published check comes out, and nothing is written anywhere."""
    scores = by_component(bare.data("score", "wai-sr", PAIRS))
    assert (scores["goal"]["sum"], scores["goal"]["answered"], scores["goal"]["prorated"]) == (14.6667, 3, True)
    assert (scores["total"]["mean"], scores["total"]["sum"], scores["total"]["answered"]) == (4.0, 48.0, 11)
    assert list(bare.folder.iterdir()) == []


@pytest.mark.parametrize("document", [ANSWERS, {"answers": ANSWERS}])
def test_pairs_a_file_and_standard_input_give_the_same(bare: Shell, document: dict[str, Any]) -> None:
    """The answers may stand alone or under `answers`, as in the API."""
    file = bare.folder / "answers.json"
    file.write_text(json.dumps(document), "utf-8")
    expected = bare.data("score", "wai-sr", PAIRS)
    assert bare.data("score", "wai-sr", str(file)) == expected
    piped = bare.run("score", "wai-sr", "-", "--json", stdin=json.dumps(document))
    assert json.loads(piped.out) == expected


def test_unanswered_and_not_applicable_are_not_zero(bare: Shell) -> None:
    """Too many gaps: not scored, with the missing items; na, nothing and - all count as not answered."""
    scores = by_component(bare.data("score", "trq-s", "1=4,2=na,3=,4=-,5=5,6=5,7=5,8=5"))
    assert scores["total"] == {
        "component": "total",
        "status": "not_scored",
        "value": None,
        "reason": "too_many_missing",
        "missing": ["3", "4"],
    }
    assert scores["rapport"]["value"] == 4.0


def test_the_table_says_prorated_and_not_scored(bare: Shell) -> None:
    """A person sees the value with its range, and in words what is missing."""
    done = bare.run("score", "trq-s", "1=4,2=4,3=4,4=4,5=4,6=4,7=4")
    text = plain(done.out)
    assert done.code == 0
    assert "total 4 1-5 75.0 7/8 prorated" in text
    assert "encouragement not scored 0/1 too_many_missing" in text


@pytest.mark.parametrize(
    ("pairs", "place"),
    [("1=4,99=4321", "/answers/99 unknown_item"), ("1=4321", "/answers/1 out_of_range")],
)
def test_a_bad_answer_is_named_by_its_place_and_never_repeated(bare: Shell, pairs: str, place: str) -> None:
    """What was answered stays out of logs."""
    said = bare.refused("score", "trq-s", pairs)
    assert place in said
    assert "4321" not in said


@pytest.mark.parametrize("pairs", ["1=four", "1=4.5", "1=true"])
def test_an_answer_that_is_no_integer_is_refused(bare: Shell, pairs: str) -> None:
    """The sentence says what an answer may be, without the answer."""
    said = bare.refused("score", "trq-s", pairs)
    assert "an answer is an integer, na or nothing" in said
    assert pairs.partition("=")[2] not in said


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("{", "neither pairs like 1=4 nor readable JSON"),
        ("[1, 2]", "the JSON holds no object of answers"),
        ('{"answers": [4]}', "the JSON holds no object of answers"),
        ('{"1": 4.5}', "an answer is an integer, na or nothing"),
        ('{"1": true}', "an answer is an integer, na or nothing"),
    ],
)
def test_json_that_holds_no_answers_is_refused(bare: Shell, document: str, sentence: str) -> None:
    """Each way to be wrong has its sentence."""
    assert sentence in bare.refused("score", "trq-s", "-", stdin=document)


def test_a_file_that_is_not_there_is_refused(bare: Shell) -> None:
    """A wrong path reads like wrong pairs."""
    assert "nor readable JSON" in bare.refused("score", "trq-s", str(Path(bare.folder, "nowhere.json")))


def test_an_unknown_instrument_cannot_score(bare: Shell) -> None:
    """The key is checked before the answers."""
    assert "no instrument wai-99" in bare.refused("score", "wai-99", "1=4")


def test_an_item_answered_twice_is_refused(bare: Shell) -> None:
    """Of two answers to one item nobody knows which was meant, as pairs and as JSON."""
    for words, stdin in ((("score", "trq-s", "1=2,1=5"), ""), (("score", "trq-s", "-"), '{"1": 2, "1": 5}')):
        done = bare.run(*words, stdin=stdin)
        assert (done.code, "answered twice" in plain(done.err)) == (1, True)


def test_an_answer_that_is_a_list_is_refused(bare: Shell) -> None:
    """A list is no answer, and no crash."""
    done = bare.run("score", "trq-s", "-", stdin='{"1": [1]}')
    assert (done.code, "an answer is an integer" in plain(done.err)) == (1, True)
