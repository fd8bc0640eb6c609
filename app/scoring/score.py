"""From answers to component scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.instruments.model import (
    NOT_APPLICABLE,
    Answer,
    Component,
    Instrument,
    InstrumentRef,
    ItemId,
)

#: Version of the formulas in this module. Released formulas are never edited: a change is a new version.
SCORING_VERSION = "SCO-1"

Reason = Literal["too_many_missing", "component_not_scored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A component that could be scored. `value` follows the instrument's convention, as do minimum and maximum."""

    component: str
    instrument: InstrumentRef
    scoring_version: str
    value: float
    mean: float
    sum: float
    minimum: float
    maximum: float
    pomp: float
    answered: int
    items: int
    prorated: bool
    missing: tuple[ItemId, ...]
    not_applicable: tuple[ItemId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotScored:
    """A component that could not be scored: a value of its own, with the reason and the items."""

    component: str
    instrument: InstrumentRef
    scoring_version: str
    reason: Reason
    answered: int
    items: int
    missing: tuple[ItemId, ...]
    not_applicable: tuple[ItemId, ...]


AnyScore = Score | NotScored


def score(instrument: Instrument, answers: dict[ItemId, Answer]) -> tuple[AnyScore, ...]:
    """Score every component, rollup and the total of one form.

    Parameters
    ----------
    instrument
        The definition; its range, reversed items, convention and missing rule are used as they stand.
    answers
        Item id -> integer within the instrument's range, None (unanswered) or NOT_APPLICABLE; absent is unanswered.

    Returns
    -------
    tuple of Score or NotScored
        One for each component, in the definition's order. Values have the direction of the instrument
        (higher = stronger alliance for all that are shipped).

    Notes
    -----
    Answers are divided by the instrument's divisor (10 for a visual scale kept in tenths, else 1). x' = min + max - x
    for reversed items. A component with enough answers gets the mean of its answered items;
    sum = k * mean. "Does not apply" and "unanswered" both count as not answered, and neither is 0. The total is the
    mean of all answered items, not the sum of prorated components, so parts need not add up when prorated. Where the
    instrument says so, the total also needs every component scored. POMP = 100 (mean - min) / (max - min).

    References
    ----------
    Percent of maximum possible: Cohen, Cohen, Aiken and West 1999, doi:10.1207/S15327906MBR3403_2.
    Missing rule: see the definition (design choice of this project, not validated, where its source is silent).

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> wai = shipped().latest("wai-sr")
    >>> given = dict(zip("1 2 3 4 5 6 7 9 10 11 12".split(), [4, 4, 5, 3, 4, 4, 5, 4, 3, 4, 4]))
    >>> {s.component: round(s.sum, 4) for s in score(wai, given)}
    {'task': 15.0, 'bond': 18.0, 'goal': 14.6667, 'total': 48.0}
    """
    counted = {i: keyed(instrument, i, a) for i, a in answers.items() if isinstance(a, int)}
    ref = instrument.ref
    scores = [_score_one(instrument, ref, component, answers, counted) for component in instrument.components]
    *parts, total = scores
    unscored = {part.component for part in parts if isinstance(part, NotScored)}
    needed = {component.key for component in instrument.components if component.kind == "component"}
    if isinstance(total, Score) and instrument.missing_rule.total_needs_components and unscored & needed:
        total = _not_scored(total, reason="component_not_scored")
    return (*parts, total)


def keyed(instrument: Instrument, item_id: ItemId, answer: int) -> int:
    """Turn an answer into the direction of its instrument: reversed items become min + max - x.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> keyed(shipped().latest("wai-s"), ItemId("4"), 7)
    1
    """
    item = instrument.item(item_id)
    turned = item is not None and item.reversed
    return instrument.minimum + instrument.maximum - answer if turned else answer


def _score_one(
    instrument: Instrument,
    ref: InstrumentRef,
    component: Component,
    answers: dict[ItemId, Answer],
    counted: dict[ItemId, int],
) -> AnyScore:
    numbers = [counted[i] for i in component.items if i in counted]
    answered, items = len(numbers), len(component.items)
    missing: tuple[ItemId, ...] = ()
    not_applicable: tuple[ItemId, ...] = ()
    if answered < items:
        missing = tuple(i for i in component.items if answers.get(i) is None)
        not_applicable = tuple(i for i in component.items if answers.get(i) is NOT_APPLICABLE)
    if answered < instrument.missing_rule.minimum[component.key]:
        return NotScored(
            component=component.key,
            instrument=ref,
            scoring_version=SCORING_VERSION,
            reason="too_many_missing",
            answered=answered,
            items=items,
            missing=missing,
            not_applicable=not_applicable,
        )
    mean = sum(numbers) / (answered * instrument.divisor)
    whole = items * sum(numbers) / (answered * instrument.divisor)
    by_sum = instrument.convention == "sum"
    return Score(
        component=component.key,
        instrument=ref,
        scoring_version=SCORING_VERSION,
        value=whole if by_sum else mean,
        mean=mean,
        sum=whole,
        minimum=instrument.lowest * items if by_sum else instrument.lowest,
        maximum=instrument.highest * items if by_sum else instrument.highest,
        pomp=100 * (mean - instrument.lowest) / (instrument.highest - instrument.lowest),
        answered=answered,
        items=items,
        prorated=answered < items,
        missing=missing,
        not_applicable=not_applicable,
    )


def _not_scored(counted: Score, *, reason: Reason) -> NotScored:
    return NotScored(
        component=counted.component,
        instrument=counted.instrument,
        scoring_version=SCORING_VERSION,
        reason=reason,
        answered=counted.answered,
        items=counted.items,
        missing=counted.missing,
        not_applicable=counted.not_applicable,
    )
