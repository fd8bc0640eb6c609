from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.instruments.catalog import shipped
from app.instruments.model import NOT_APPLICABLE, Answer, Instrument, ItemId
from app.scoring.explain import explain
from app.scoring.score import AnyScore, NotScored, Score, keyed, score

LAWS = settings(max_examples=200, deadline=None, database=None)
KEYS = ("trq-s", "trq-s-t", "wai-s", "wai-sr")
HIGHEST = {"trq-s": 5, "trq-s-t": 5, "wai-s": 7, "wai-sr": 5}
ITEMS = {"trq-s": 8, "trq-s-t": 8, "wai-s": 12, "wai-sr": 12}
#: The only reversed items of all that is shipped.
REVERSED = {("wai-s", "4"), ("wai-s", "10")}

Form = tuple[str, dict[ItemId, Answer]]


def _ids(key: str) -> list[ItemId]:
    return [ItemId(str(number)) for number in range(1, ITEMS[key] + 1)]


@st.composite
def forms(draw: st.DrawFn, *, complete: bool = False) -> Form:
    """Draw an instrument and a form of it, with gaps unless it is to be complete."""
    key = draw(st.sampled_from(KEYS))
    number: st.SearchStrategy[Answer] = st.integers(1, HIGHEST[key])
    gap: st.SearchStrategy[Answer] = st.sampled_from([None, NOT_APPLICABLE])
    answer = number if complete else st.one_of(number, number, number, number, gap)
    return key, {item: draw(answer) for item in _ids(key)}


def _definition(key: str) -> Instrument:
    return shipped().latest(key)


def _scores(key: str, answers: dict[ItemId, Answer]) -> dict[str, AnyScore]:
    return {result.component: result for result in score(_definition(key), answers)}


def _means(key: str, answers: dict[ItemId, Answer]) -> dict[str, float]:
    return {name: r.mean for name, r in _scores(key, answers).items() if isinstance(r, Score)}


@LAWS
@given(forms(), st.data())
def test_the_order_of_the_answers_does_not_matter(form: Form, data: st.DataObject) -> None:
    """The same answers in another order give the same results, to the last field."""
    key, answers = form
    shuffled = dict(data.draw(st.permutations(list(answers.items()))))
    assert _scores(key, shuffled) == _scores(key, answers)


@LAWS
@given(forms())
def test_an_item_that_is_absent_is_an_item_left_empty(form: Form) -> None:
    """Leaving a line out of the form and sending it empty are the same."""
    key, answers = form
    present: dict[ItemId, Answer] = {item: answer for item, answer in answers.items() if answer is not None}
    assert _scores(key, present) == _scores(key, answers)


@LAWS
@given(st.sampled_from(KEYS), st.data())
def test_reversing_twice_gives_the_answer_back(key: str, data: st.DataObject) -> None:
    """A reversed item turned twice is the answer itself, and turned once it is the mirror image within the range."""
    item = data.draw(st.sampled_from(_ids(key)))
    answer = data.draw(st.integers(1, HIGHEST[key]))
    once = keyed(_definition(key), item, answer)
    assert once == (8 - answer if (key, item) in REVERSED else answer)
    assert keyed(_definition(key), item, once) == answer


@LAWS
@given(forms())
def test_numbers_stay_within_their_bounds(form: Form) -> None:
    """Values lie between their minimum and maximum, means in the range of the items, POMP in 0 to 100."""
    key, answers = form
    for result in _scores(key, answers).values():
        if isinstance(result, Score):
            slack = 1e-9
            assert result.minimum - slack <= result.value <= result.maximum + slack
            assert 1 - slack <= result.mean <= HIGHEST[key] + slack
            assert result.items - slack <= result.sum <= HIGHEST[key] * result.items + slack
            assert -slack <= result.pomp <= 100 + slack


@LAWS
@given(forms(), st.data())
def test_a_higher_answer_never_lowers_a_mean(form: Form, data: st.DataObject) -> None:
    """Raising one answer never lowers a mean; on a reversed item it never raises one."""
    key, answers = form
    numbers = {item: answer for item, answer in answers.items() if isinstance(answer, int) and answer < HIGHEST[key]}
    assume(numbers)
    item = data.draw(st.sampled_from(sorted(numbers)))
    higher: dict[ItemId, Answer] = {**answers, item: data.draw(st.integers(numbers[item] + 1, HIGHEST[key]))}
    before, after = _means(key, answers), _means(key, higher)
    assert before.keys() == after.keys()
    direction = -1 if (key, item) in REVERSED else 1
    assert all(direction * (after[name] - before[name]) >= 0 for name in before)
    if "total" in before:
        assert after["total"] != before["total"]


@LAWS
@given(forms(), st.data())
def test_an_answer_moves_only_the_components_that_have_it(form: Form, data: st.DataObject) -> None:
    """A component is the same whatever is answered to the items of other components."""
    key, answers = form
    part = data.draw(st.sampled_from([c for c in _definition(key).components if c.kind != "total"]))
    other = data.draw(st.integers(1, HIGHEST[key]))
    changed: dict[ItemId, Answer] = {i: a if i in part.items else other for i, a in answers.items()}
    assert _scores(key, changed)[part.key] == _scores(key, answers)[part.key]


@LAWS
@given(forms())
def test_does_not_apply_counts_as_unanswered_and_is_told_apart(form: Form) -> None:
    """Both gaps give the same numbers; only the two lists of items differ."""
    key, answers = form
    empty: dict[ItemId, Answer] = {i: None if a is NOT_APPLICABLE else a for i, a in answers.items()}
    given_, emptied = _scores(key, answers), _scores(key, empty)
    for name, result in given_.items():
        items = next(c.items for c in _definition(key).components if c.key == name)
        assert list(result.not_applicable) == [i for i in items if answers[i] is NOT_APPLICABLE]
        assert list(result.missing) == [i for i in items if answers[i] is None]
        gaps = tuple(i for i in items if i in result.missing or i in result.not_applicable)
        assert emptied[name] == replace(result, missing=gaps, not_applicable=())


@LAWS
@given(forms(complete=True))
def test_a_complete_form_gives_whole_sums(form: Form) -> None:
    """Without gaps nothing is prorated, and a sum is exactly the sum of the answers, reversed items turned."""
    key, answers = form
    for part in _definition(key).components:
        result = _scores(key, answers)[part.key]
        assert isinstance(result, Score)
        plain = [a for i in part.items if isinstance(a := answers[i], int) and (key, i) not in REVERSED]
        turned = [8 - a for i in part.items if isinstance(a := answers[i], int) and (key, i) in REVERSED]
        assert result.sum == sum(plain) + sum(turned)
        assert not result.prorated
        assert result.answered == result.items == len(plain) + len(turned)


@LAWS
@given(forms())
def test_the_mirrored_form_gives_the_mirrored_score(form: Form) -> None:
    """Who answers everything the other way round gets 100 minus the POMP, and is scored or not just the same."""
    key, answers = form
    top = HIGHEST[key]
    mirrored: dict[ItemId, Answer] = {i: top + 1 - a if isinstance(a, int) else a for i, a in answers.items()}
    seen = _scores(key, mirrored)
    for name, result in _scores(key, answers).items():
        other = seen[name]
        assert type(other) is type(result)
        if isinstance(result, Score) and isinstance(other, Score):
            assert result.pomp + other.pomp == pytest.approx(100, abs=1e-9)
            assert result.mean + other.mean == pytest.approx(top + 1, abs=1e-9)


@LAWS
@given(forms(), st.data())
def test_an_explanation_recounts_to_the_same_score(form: Form, data: st.DataObject) -> None:
    """Whoever adds up the items of an explanation, or the numbers printed in it, comes to the score it explains."""
    key, answers = form
    part = data.draw(st.sampled_from(_definition(key).components))
    told = explain(_definition(key), answers, part.key)
    assert told.result == _scores(key, answers)[part.key]
    assert [step.item for step in told.items] == list(part.items)
    counted = [step.counted for step in told.items if step.counted is not None]
    assert len(counted) == told.result.answered
    if isinstance(told.result, NotScored):
        assert all(step.value is None for step in told.steps)
        return
    assert sum(counted) / len(counted) == pytest.approx(told.result.mean, abs=1e-9)
    values = {step.name: step.value for step in told.steps}
    assert values == {
        "missing_rule": None,
        "mean": told.result.mean,
        "sum": told.result.sum,
        "pomp": told.result.pomp,
    }
    printed = next(step.says for step in told.steps if step.name == "mean")
    above, below = printed.removeprefix("mean = ").split(" = ")[0].split(" / ")
    assert sum(map(int, re.findall(r"\d+", above))) / int(below) == pytest.approx(told.result.mean, abs=1e-9)
