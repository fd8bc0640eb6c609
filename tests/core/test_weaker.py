"""Rule 11: a component is named as weaker only beyond error, and how often that is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.instruments.catalog import shipped
from app.instruments.model import NOT_APPLICABLE, Answer, Instrument, ItemId
from app.scoring.score import AnyScore, Score, score
from app.stages.weaker import Weaker, student_quantile, weaker

WAI = shipped().latest("wai-sr")
WAI_S = shipped().latest("wai-s")
TRQ = shipped().latest("trq")
FORMS = {key: shipped().latest(key) for key in ("wai-sr", "wai-36", "trq")}

TASK, BOND, GOAL = ("1", "2", "10", "12"), ("3", "5", "7", "9"), ("4", "6", "8", "11")
ALIKE = {"task": 5.0, "bond": 5.0, "goal": 5.0}


def form(task: str, bond: str, goal: str) -> dict[ItemId, Answer]:
    """Write wai-sr answers as three strings of digits; a dot is an item without an answer."""
    pairs = zip((*TASK, *BOND, *GOAL), task + bond + goal, strict=True)
    return {ItemId(item): None if digit == "." else int(digit) for item, digit in pairs}


def found(answers: dict[ItemId, Answer], sems: dict[str, float] | None = None) -> list[Weaker]:
    """Apply the rule to a wai-sr form."""
    return list(weaker(WAI, scores=score(WAI, answers), answers=answers, sems=sems))


def with_pomp(sems: dict[str, float] | None = None, **pomps: float) -> list[str]:
    """Apply the rule to a form without noise, its POMPs replaced so that they stand exactly at an edge."""
    answers = form("4444", "4444", "4444")
    scores: tuple[AnyScore, ...] = tuple(
        replace(s, pomp=pomps[s.component]) if isinstance(s, Score) and s.component in pomps else s
        for s in score(WAI, answers)
    )
    return [one.component.key for one in weaker(WAI, scores=scores, answers=answers, sems=sems)]


# --- without standard errors: 15 POMP, three answers, and the noise of the form ---


@pytest.mark.parametrize(
    ("bond", "expected"), [(60.0, []), (60.0 + 1e-12, []), (60.0 - 1e-12, []), (59.99, ["bond"]), (60.01, [])]
)
def test_fifteen_points_are_the_least(bond: float, expected: list[str]) -> None:
    """Without noise, exactly 15 POMP below the others (75) is not beyond error, nor is what rounding adds."""
    assert with_pomp(task=70.0, bond=bond, goal=80.0) == expected


def test_the_mean_of_the_others_is_what_counts() -> None:
    """Far below one other component but near the second is not enough."""
    assert with_pomp(task=60.0, bond=60.0, goal=89.0) == []
    assert with_pomp(task=60.0, bond=50.0, goal=89.0) == ["bond"]


def test_the_threshold_is_the_noise_of_the_form() -> None:
    """Variance .25 in each component, t(9) of 1 - .025/3 is 2.9333: 2.9333 x 25 x sqrt(.25 (1/4 + 1/8)) = 22.4536."""
    [bond] = found(form("4544", "2232", "4454"))
    assert (bond.component.key, bond.below, bond.yardstick) == ("bond", 50.0, "spread")
    assert bond.threshold == pytest.approx(22.4536, abs=5e-5)


def test_the_same_difference_is_named_on_an_even_form_and_not_on_a_noisy_one() -> None:
    """25 POMP lower: beyond the noise where answers agree (22.4536), within it where they don't (37.4)."""
    assert [(w.component.key, w.below) for w in found(form("4544", "3343", "4454"))] == [("bond", 25.0)]
    assert found(form("3545", "3343", "3545")) == []


def test_without_noise_the_threshold_is_fifteen() -> None:
    """A form whose answers agree within each component is held against 15 POMP alone."""
    [bond] = found(form("4444", "3333", "4444"))
    assert (bond.below, bond.threshold) == (25.0, 15.0)


def test_reversed_items_count_in_the_direction_of_the_instrument() -> None:
    """On wai-s items 4 and 10 are reversed: a goal of 6, 2, 2, 6 has no noise, and 6, 6, 6, 6 has."""
    flat = {ItemId(str(i)): 6 for i in range(1, 13)} | {ItemId("4"): 2, ItemId("10"): 2}
    flat |= dict.fromkeys(map(ItemId, ("3", "5", "7", "9")), 5)
    [bond] = weaker(WAI_S, scores=score(WAI_S, dict(flat)), answers=flat)
    assert (bond.component.key, round(bond.below, 4), bond.threshold) == ("bond", 16.6667, 15.0)
    noisy = flat | {ItemId("4"): 6, ItemId("10"): 6}
    assert weaker(WAI_S, scores=score(WAI_S, dict(noisy)), answers=noisy) == ()


def test_the_weakest_comes_first_and_stronger_ones_are_not_named() -> None:
    """Of two weaker components the weaker is first, against the order of the definition."""
    assert [w.component.key for w in found(form("2222", "5555", "1111"))] == ["goal", "task"]
    assert found(form("4444", "5555", "4444")) == []


def test_fewer_than_three_answers_are_never_named() -> None:
    """Where a definition lets two answers stand for four items, they are still too few to be named."""
    lenient = replace(WAI, missing_rule=replace(WAI.missing_rule, minimum=dict.fromkeys(WAI.missing_rule.minimum, 1)))
    for bond, expected in (("11..", []), ("111.", ["bond"])):
        answers = form("5555", bond, "5555")
        named = weaker(lenient, scores=score(lenient, answers), answers=answers)
        assert [one.component.key for one in named] == expected


def test_components_that_are_not_scored_are_not_looked_at() -> None:
    """A component with too many missing answers is neither named nor among the others; alone it has no others."""
    assert found(form("4444", "11..", "4444")) == []
    assert found(form("....", "1111", "....")) == []
    assert [w.below for w in found(form("5555", "44..", "2222"))] == [75.0]


def test_does_not_apply_is_no_answer() -> None:
    """An item that does not apply adds neither to the number of answers nor to the noise."""
    [bond] = found(form("4444", "222.", "4444") | {ItemId("9"): NOT_APPLICABLE})
    assert (bond.component.key, bond.below) == ("bond", 50.0)


def test_a_form_with_too_few_answers_to_know_its_noise_names_nothing() -> None:
    """Below four degrees of freedom nothing is named: three answers and three single ones have two."""
    lenient = replace(WAI, missing_rule=replace(WAI.missing_rule, minimum=dict.fromkeys(WAI.missing_rule.minimum, 1)))
    for task, goal, expected in (("5...", "5...", []), ("55..", "5...", []), ("55..", "55..", ["bond"])):
        answers = form(task, "111.", goal)
        named = weaker(lenient, scores=score(lenient, answers), answers=answers)
        assert [one.component.key for one in named] == expected


@pytest.mark.parametrize("key", ["trq-s", "trq-s-t", "srs", "sai", "haq-ii", "care"])
def test_forms_of_single_items_or_of_a_total_alone_name_nothing(key: str) -> None:
    """The lowest answer to one item among the highest says nothing on a component, nor do rollups and totals."""
    instrument = shipped().latest(key)
    top = {item.id: instrument.maximum for item in instrument.items}
    for item in instrument.items:
        answers: dict[ItemId, Answer] = {**top, item.id: instrument.minimum}
        assert weaker(instrument, scores=score(instrument, answers), answers=answers) == ()


def test_rollups_and_the_total_are_neither_named_nor_compared() -> None:
    """Three low components of trq make its rollup `relationship` low, and only the three are named."""
    low = ("rapport", "empathy", "respect")
    answers: dict[ItemId, Answer] = {i: 1 if c.key in low else 5 for c in TRQ.components[:8] for i in c.items}
    named = weaker(TRQ, scores=score(TRQ, answers), answers=answers)
    assert [(one.component.key, round(one.below, 4)) for one in named] == [(key, 71.4286) for key in low]


# --- with standard errors ---


def test_with_standard_errors_three_components_need_2_13_of_them() -> None:
    """SEM 5 each: 2.1280 x sqrt(25 + 50/4) = 13.0316 POMP, also below 15."""
    assert with_pomp(ALIKE, task=75.0, bond=75.0 - 13.03, goal=75.0) == []
    assert with_pomp(ALIKE, task=75.0, bond=75.0 - 13.04, goal=75.0) == ["bond"]


def test_two_components_need_1_96_of_them() -> None:
    """Rule 11 as it is written: 1.96 sqrt(3^2 + 4^2) = 9.7998."""
    two = replace(WAI, components=tuple(c for c in WAI.components if c.key != "goal"))
    answers = form("4444", "4444", "....")
    for gap, expected in ((9.79, []), (9.80, ["bond"])):
        scores = tuple(
            replace(s, pomp=75.0 - gap) if isinstance(s, Score) and s.component == "bond" else s
            for s in score(WAI, answers)
        )
        named = weaker(two, scores=scores, answers=answers, sems={"task": 3.0, "bond": 4.0})
        assert [one.component.key for one in named] == expected


def test_large_standard_errors_name_less_than_the_form_itself_would() -> None:
    """Known error replaces the form's own noise: an even form 25 POMP lower is within SEMs of 10 (26.06)."""
    answers = form("4444", "3333", "4444")
    assert [w.component.key for w in found(answers)] == ["bond"]
    assert found(answers, dict.fromkeys(ALIKE, 10.0)) == []
    assert [w.yardstick for w in found(answers, ALIKE)] == ["sem"]


def test_missing_answers_enlarge_a_standard_error() -> None:
    """Three answers of four: SEM^2 x 4/3, so 2.1280 x sqrt(33.3333 + 12.5) = 14.4069."""
    [bond] = found(form("4444", "333.", "4444"), ALIKE)
    assert bond.threshold == pytest.approx(14.4069, abs=5e-5)


def test_standard_errors_are_used_only_when_every_component_has_one() -> None:
    """With one unknown the form's own noise is the yardstick; one of a component that wasn't scored is not needed."""
    [bond] = found(form("4444", "3333", "4444"), {"task": 5.0, "bond": 5.0})
    assert bond.yardstick == "spread"
    [bond] = found(form("4444", "3333", "44.."), {"task": 5.0, "bond": 5.0})
    assert bond.yardstick == "sem"
    assert [w.yardstick for w in found(form("4444", "3333", "4444"), {})] == ["spread"]


@pytest.mark.parametrize("sem", [0.0, -1.0, float("nan"), float("inf")])
def test_a_standard_error_is_a_positive_number(sem: float) -> None:
    """Anything else would name everything or nothing, so it is refused."""
    with pytest.raises(ValueError, match="positive number"):
        found(form("4444", "4444", "4444"), ALIKE | {"bond": sem})


# --- Student's t ---


@pytest.mark.parametrize(
    ("probability", "freedom", "t"),
    [
        (0.975, 1, 12.706),
        (0.975, 2, 4.303),
        (0.975, 3, 3.182),
        (0.975, 4, 2.776),
        (0.975, 9, 2.262),
        (0.975, 16, 2.120),
        (0.975, 33, 2.035),
        (0.995, 2, 9.925),
        (0.995, 5, 4.032),
        (0.999, 1, 318.309),
        (0.95, 120, 1.658),
    ],
)
def test_quantiles_are_those_of_printed_tables(probability: float, freedom: int, t: float) -> None:
    """Quantiles of Student's t as every textbook prints them, odd and even degrees of freedom."""
    assert student_quantile(probability, freedom) == pytest.approx(t, abs=5e-4)


# --- how often it is wrong, and how often it sees what is there ---


def named(
    instrument: Instrument, *, noise: float, level: float | None = None, lower: float = 0.0
) -> tuple[float, float]:
    """Simulate 600 forms; return the share naming the first component and the share naming any other.

    All components are equal but the first, which lies `lower` POMP below. The noise is in steps of the scale; the level
    is normal with mean 72.5 and SD 15 POMP unless given. Answers are rounded and clipped.
    """
    rng = np.random.default_rng(20261124)
    parts = [c for c in instrument.components if c.kind == "component"]
    low, span = instrument.minimum, instrument.maximum - instrument.minimum
    first = other = 0
    for _ in range(600):
        person = rng.normal(72.5, 15) if level is None else level
        answers: dict[ItemId, Answer] = {}
        for place, part in enumerate(parts):
            middle = low + span * (person - (0 if place else lower)) / 100
            drawn = np.clip(np.rint(rng.normal(middle, noise, len(part.items))), low, low + span)
            answers |= {
                item: 2 * low + span - int(x) if (known := instrument.item(item)) and known.reversed else int(x)
                for item, x in zip(part.items, drawn, strict=True)
            }
        keys = {w.component.key for w in weaker(instrument, scores=score(instrument, answers), answers=answers)}
        first += parts[0].key in keys
        other += bool(keys - {parts[0].key})
    return first / 600, other / 600


@pytest.mark.parametrize("noise", [0.5, 0.8, 1.0])
@pytest.mark.parametrize("key", FORMS)
def test_equal_components_are_seldom_named(key: str, noise: float) -> None:
    """At most 5 % of forms name anything where nothing differs; 15 POMP alone named something in up to 78 %."""
    assert sum(named(FORMS[key], noise=noise)) <= 0.05


@pytest.mark.parametrize("key", FORMS)
def test_equal_components_near_the_top_are_seldom_named(key: str) -> None:
    """Near the top answers are skewed; still at most 7 % of forms name anything."""
    assert sum(named(FORMS[key], noise=0.8, level=95)) <= 0.07


@pytest.mark.parametrize(("key", "least"), [("wai-sr", 0.28), ("wai-36", 0.97), ("trq", 0.20)])
def test_a_component_30_points_lower_is_named_as_often_as_the_table_says(key: str, least: float) -> None:
    """At a noise of .8: about 35, 99 and 27 %; and hardly ever another one."""
    seen, wrong = named(FORMS[key], noise=0.8, lower=30)
    assert least <= seen <= least + 0.15
    assert wrong <= 0.03
