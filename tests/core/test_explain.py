from __future__ import annotations

import pytest

from app.errors import NotFound
from app.instruments.catalog import shipped
from app.instruments.model import NOT_APPLICABLE, Answer, ItemId
from app.scoring.explain import ItemStep, Step, explain
from app.scoring.score import NotScored, Score


def _form(*answers: Answer) -> dict[ItemId, Answer]:
    return {ItemId(str(number)): answer for number, answer in enumerate(answers, start=1)}


#: A WAI-S with item 4 (reversed) left empty and a 2 on item 10 (reversed).
ONE_GAP = _form(5, 6, 6, None, 7, 6, 6, 5, 5, 2, 5, 6)
#: The same, but item 10 does not apply.
TWO_GAPS = _form(5, 6, 6, None, 7, 6, 6, 5, 5, NOT_APPLICABLE, 5, 6)


def _item(item: str, status: str, *, answer: int | None, counted: int | None, turned: bool = False) -> ItemStep:
    return ItemStep(item=ItemId(item), answer=answer, status=status, reversed=turned, counted=counted)


def test_a_reversed_and_prorated_component_is_counted_step_by_step() -> None:
    """The 2 on the reversed item counts 6, the empty line counts nothing, and mean, sum and POMP follow."""
    told = explain(shipped().latest("wai-s"), ONE_GAP, "goal")
    assert told.items == (
        _item("4", "unanswered", answer=None, counted=None, turned=True),
        _item("6", "answered", answer=6, counted=6),
        _item("10", "answered", answer=2, counted=6, turned=True),
        _item("11", "answered", answer=5, counted=5),
    )
    assert [(step.name, step.says) for step in told.steps] == [
        ("missing_rule", "3 of 4 answered, at least 3 needed"),
        ("mean", "mean = (6 + 6 + 5) / 3 = 5.6667"),
        ("sum", "sum = 4 x 5.6667 = 22.6667"),
        ("pomp", "POMP = 100 x (5.6667 - 1) / (7 - 1) = 77.7778"),
    ]
    assert told.steps[0].value is None
    assert [step.value for step in told.steps[1:]] == pytest.approx([17 / 3, 68 / 3, 700 / 9], abs=1e-9)
    assert isinstance(told.result, Score)
    assert told.result.value == pytest.approx(68 / 3, abs=1e-9)


def test_a_component_that_is_not_scored_says_why() -> None:
    """Two answers of four: the items show which kind of gap each is, and the last step says that this is not a 0."""
    told = explain(shipped().latest("wai-s"), TWO_GAPS, "goal")
    assert told.items == (
        _item("4", "unanswered", answer=None, counted=None, turned=True),
        _item("6", "answered", answer=6, counted=6),
        _item("10", "not_applicable", answer=None, counted=None, turned=True),
        _item("11", "answered", answer=5, counted=5),
    )
    assert told.steps == (
        Step(name="missing_rule", says="2 of 4 answered, at least 3 needed", value=None),
        Step(name="not_scored", says="too few answers: not scored, which is not 0", value=None),
    )
    assert isinstance(told.result, NotScored)
    assert told.result.reason == "too_many_missing"


def test_a_total_without_one_of_its_components_names_it() -> None:
    """Ten of twelve would do, but goal is not scored, and the explanation of the total says so."""
    told = explain(shipped().latest("wai-s"), TWO_GAPS, "total")
    assert told.steps == (
        Step(name="missing_rule", says="10 of 12 answered, at least 10 needed", value=None),
        Step(
            name="not_scored",
            says="the total needs every component, and these are not scored: goal",
            value=None,
        ),
    )
    assert len(told.items) == 12


def test_a_component_of_one_item_is_counted_without_brackets() -> None:
    """A single item needs no addition, and whole numbers are printed without decimals."""
    told = explain(shipped().latest("trq-s"), _form(1, 2, 3, 4, 5, 4, 3, 2), "collaboration")
    assert [step.says for step in told.steps] == [
        "1 of 1 answered, at least 1 needed",
        "mean = 5 / 1 = 5",
        "sum = 1 x 5 = 5",
        "POMP = 100 x (5 - 1) / (5 - 1) = 100",
    ]


def test_a_rollup_is_explained_over_the_items_of_its_components() -> None:
    """Elements is trust, respect and collaboration, counted like any component; 0 percent is printed as 0."""
    told = explain(shipped().latest("trq-s"), _form(5, 5, 1, 1, 1, 5, 5, 5), "elements")
    assert [step.item for step in told.items] == ["4", "3", "5"]
    assert [step.says for step in told.steps[1:]] == [
        "mean = (1 + 1 + 1) / 3 = 1",
        "sum = 3 x 1 = 3",
        "POMP = 100 x (1 - 1) / (5 - 1) = 0",
    ]


def test_an_explanation_names_its_sources() -> None:
    """Where the metric, the rule for missing answers and the key come from stands with every explanation."""
    assert explain(shipped().latest("wai-s"), ONE_GAP, "goal").sources == (
        "Percent of maximum possible (POMP): doi:10.1207/S15327906MBR3403_2",
        "Missing answers: Design choice of this project, not validated; the source is silent.",
        "Allocation and reversals by recall, not checked against the primary source",
        "Development of the short form (Tracey and Kokotovic 1989), doi:10.1037/1040-3590.1.3.207",
    )


@pytest.mark.parametrize("component", ["relationship", "Goal", ""])
def test_an_unknown_component_is_not_found(component: str) -> None:
    """A component of another instrument, another spelling or none at all is not found."""
    with pytest.raises(NotFound):
        explain(shipped().latest("wai-s"), ONE_GAP, component)
