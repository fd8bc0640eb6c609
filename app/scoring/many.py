"""Many forms of one instrument at once: the numbers of `score`, to the last bit, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.instruments.model import NOT_APPLICABLE, Answer, Component, Instrument, ItemId
from app.scoring.score import SCORING_VERSION, AnyScore, NotScored, Reason, Score

#: How a matrix of answers says that an item was left empty, and that it does not apply.
UNANSWERED = -32768
DOES_NOT_APPLY = -32767

#: What `reason` holds, by position: scored, or why not.
REASONS: tuple[Reason | None, ...] = (None, "too_many_missing", "component_not_scored")
_COMPONENT_NOT_SCORED = REASONS.index("component_not_scored")

#: Forms that are worked on together: a block and all that is made of it stay in the cache of the processor.
_BLOCK = 16_384

Ints = npt.NDArray[np.signedinteger[Any]]
Gaps = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyOf:
    """One component of many forms: one entry of each array for each form.

    `total` is the sum of the answers given, reversed items turned, not yet divided. Where `reason` (a position in
    `REASONS`) is not 0, `mean`, `sum` and `pomp` are NaN, and nothing is prorated.
    """

    component: Component
    total: Ints
    answered: Ints
    prorated: Gaps
    reason: Ints
    mean: Floats
    sum: Floats
    pomp: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyScores:
    """The scores of many forms, one entry for each component in the definition's order, with what they came from."""

    instrument: Instrument
    answers: Ints
    components: tuple[ManyOf, ...]

    def value(self, of: ManyOf) -> Floats:
        """Pick the number that the instrument's authors report: the sum or the mean."""
        return of.sum if self.instrument.convention == "sum" else of.mean


def score_many(instrument: Instrument, answers: Ints) -> ManyScores:
    """Score many forms of one instrument.

    Parameters
    ----------
    instrument
        The definition; its range, reversed items, convention and missing rule are used as they stand.
    answers
        [forms x items], items in the instrument's order; integers within the range of the instrument, `UNANSWERED` or
        `DOES_NOT_APPLY`. Fastest when small integers stand column by column (`order="F"`, int16).

    Returns
    -------
    ManyScores
        The numbers that `score` gives for each form, the same to the last bit, and its reasons where it gives none.

    Raises
    ------
    ValueError
        When the matrix does not have one column for each item.

    Notes
    -----
    As for `score`: integers are added, and divided once, in its order of operations. A complete component's sum is
    its integer total over the divisor, which is the same rational number and so the same double.

    References
    ----------
    As for `score`.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> wai = shipped().latest("wai-sr")
    >>> many = score_many(wai, np.array([[4, 4, 5, 3, 4, 4, 5, UNANSWERED, 4, 3, 4, 4], [5] * 12], dtype=np.int16))
    >>> {of.component.key: of.sum.round(4).tolist() for of in many.components}
    {'task': [15.0, 20.0], 'bond': [18.0, 20.0], 'goal': [14.6667, 20.0], 'total': [48.0, 60.0]}
    """
    if answers.ndim != 2 or answers.shape[1] != len(instrument.items):
        raise ValueError("one column for each item of the instrument")
    narrow = _narrow(instrument)
    # Two allocations for all arrays: large ones come in huge pages; thousands of page faults take longer than the sums.
    shape = len(instrument.components), len(answers)
    integers, doubles = np.empty((shape[0], 2, shape[1]), dtype=narrow), np.empty((shape[0], 3, shape[1]))
    parts = [
        _Part(instrument, component, integers[position], doubles[position])
        for position, component in enumerate(instrument.components)
    ]
    for start in range(0, len(answers), _BLOCK):
        block = slice(start, start + _BLOCK)
        columns, gaps = _counted(instrument, answers[block], narrow)
        for part in parts:
            part.fill(block, columns, gaps)
    _say_what_the_total_needs(instrument, parts)
    return ManyScores(instrument=instrument, answers=answers, components=tuple(part.finished() for part in parts))


def scores_of(many: ManyScores, form: int) -> tuple[AnyScore, ...]:
    """Give one form's scores as `score` does.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> many = score_many(shipped().latest("trq-s-t"), np.array([[4] * 8], dtype=np.int16))
    >>> [s.value for s in scores_of(many, 0) if s.component == "total" and isinstance(s, Score)]
    [4.0]
    """
    given = many.answers[form].tolist()
    return tuple(_one(many.instrument, of, given, form) for of in many.components)


def score_forms(instrument: Instrument, forms: Sequence[dict[ItemId, Answer]]) -> list[tuple[AnyScore, ...]]:
    """Score forms as `score` does, many at a time.

    Parameters
    ----------
    instrument
        The definition, the same for all forms.
    forms
        Answers as for `score`.

    Returns
    -------
    list of tuple of Score or NotScored
        What `score` gives for each form, in their order. Forms without gaps that have the same total in a component
        share one (immutable) Score.

    References
    ----------
    As for `score`.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> from app.scoring.score import score
    >>> trq, form = shipped().latest("trq-s"), {ItemId("1"): 4, ItemId("2"): NOT_APPLICABLE}
    >>> score_forms(trq, [form]) == [score(trq, form)]
    True
    """
    codes: dict[Answer, int] = {None: UNANSWERED, NOT_APPLICABLE: DOES_NOT_APPLY}
    ids = [item.id for item in instrument.items]
    rows = [[answer if isinstance(answer, int) else codes[answer] for answer in map(form.get, ids)] for form in forms]
    many = score_many(instrument, np.array(rows, dtype=np.int32).reshape(len(rows), len(ids)))
    totals = [of.total.tolist() for of in many.components]
    complete = [(of.answered == len(of.component.items)).tolist() for of in many.components]
    shared: dict[tuple[int, int], AnyScore] = {}
    told: list[list[AnyScore]] = [[] for _ in forms]
    for position, of in enumerate(many.components):
        for form, (total, whole, row) in enumerate(zip(totals[position], complete[position], rows, strict=True)):
            one = shared.get((position, total)) if whole else None
            if one is None:
                one = _one(instrument, of, row, form)
                if whole and isinstance(one, Score):
                    shared[position, total] = one
            told[form].append(one)
    return [tuple(scores) for scores in told]


class _Part:
    """One component on its way: its places among the scored items, and the arrays that are filled block by block."""

    def __init__(self, instrument: Instrument, component: Component, integers: Ints, doubles: Floats) -> None:
        scored = [item.id for item in instrument.items if item.role == "scored"]
        self._places = [scored.index(item) for item in component.items]
        self._needed = instrument.missing_rule.minimum[component.key]
        self._instrument = instrument
        self.made = ManyOf(
            component=component,
            total=integers[0],
            answered=integers[1],
            prorated=np.zeros(integers.shape[1], dtype=np.bool_),
            reason=np.zeros(integers.shape[1], dtype=np.int8),
            mean=doubles[0],
            sum=doubles[1],
            pomp=doubles[2],
        )
        self.any_unscored = False

    def fill(self, block: slice, columns: Ints, gaps: Gaps | None) -> None:
        """Score one block of forms."""
        instrument, made, items = self._instrument, self.made, len(self._places)
        total, mean, whole, pomp = made.total[block], made.mean[block], made.sum[block], made.pomp[block]
        made.answered[block] = items
        total[...] = columns[self._places[0]]
        for place in self._places[1:]:
            total += columns[place]
        numbers = total.astype(np.float64)
        if gaps is None:
            np.divide(numbers, items * instrument.divisor, out=mean)
            np.divide(numbers, instrument.divisor, out=whole)
        else:
            divide_by = self._answered(block, gaps) * float(instrument.divisor)
            np.divide(numbers, divide_by, out=mean)
            numbers *= items
            np.divide(numbers, divide_by, out=whole)
        np.subtract(mean, instrument.lowest, out=pomp)
        pomp *= 100
        pomp /= instrument.highest - instrument.lowest

    def _answered(self, block: slice, gaps: Gaps) -> Ints:
        """Count the answers of a block, and return what to divide by (1 where there are none: nobody reads that)."""
        made, items = self.made, len(self._places)
        answered = made.answered[block]
        for place in self._places:
            answered -= gaps[place]
        np.less(answered, self._needed, out=made.reason[block])
        np.less(answered, items, out=made.prorated[block])
        self.any_unscored = self.any_unscored or bool(made.reason[block].any())
        return np.maximum(answered, 1)

    def finished(self) -> ManyOf:
        """Take out the numbers of forms in which the component is not scored."""
        if self.any_unscored:
            unscored = self.made.reason != 0
            self.made.prorated[unscored] = False
            for numbers in (self.made.mean, self.made.sum, self.made.pomp):
                numbers[unscored] = np.nan
        return self.made


def _narrow(instrument: Instrument) -> type[np.signedinteger[Any]]:
    """Choose integers that hold the sums, the codes for gaps and what is in between."""
    largest = max(abs(instrument.minimum), abs(instrument.maximum), abs(instrument.minimum + instrument.maximum))
    return np.int16 if largest * len(instrument.items) < -DOES_NOT_APPLY else np.int32


def _counted(instrument: Instrument, answers: Ints, narrow: type[np.signedinteger[Any]]) -> tuple[Ints, Gaps | None]:
    """Lay the scored items out column by column, reversed ones turned and gaps as 0, and say where gaps are."""
    scored = [(position, item.reversed) for position, item in enumerate(instrument.items) if item.role == "scored"]
    columns = np.empty((len(scored), len(answers)), dtype=narrow)
    for column, (position, _) in zip(columns, scored, strict=True):
        column[...] = answers[:, position]
    gaps = columns <= DOES_NOT_APPLY if columns.min() <= DOES_NOT_APPLY else None
    for column, (_, turned) in zip(columns, scored, strict=True):
        if turned:
            np.subtract(instrument.minimum + instrument.maximum, column, out=column)
    if gaps is not None:
        np.copyto(columns, 0, where=gaps)
    return columns, gaps


def _say_what_the_total_needs(instrument: Instrument, parts: Sequence[_Part]) -> None:
    """Where the instrument says so, a total without every component is not scored, as the last step."""
    needed = [part for part in parts if part.made.component.kind == "component" and part.any_unscored]
    if not instrument.missing_rule.total_needs_components or not needed:
        return
    total, *_ = reversed(parts)
    unscored = np.logical_or.reduce([part.made.reason != 0 for part in needed])
    total.made.reason[unscored & (total.made.reason == 0)] = _COMPONENT_NOT_SCORED
    total.any_unscored = total.any_unscored or bool(unscored.any())


def _one(instrument: Instrument, of: ManyOf, given: Sequence[int], form: int) -> AnyScore:
    """Write down one component of one form; `given` are its answers as codes."""
    ids, items = [item.id for item in instrument.items], of.component.items
    answered = int(of.answered[form])
    missing: tuple[ItemId, ...] = ()
    not_applicable: tuple[ItemId, ...] = ()
    if answered < len(items):
        by_item = dict(zip(ids, given, strict=True))
        missing = tuple(item for item in items if by_item[item] == UNANSWERED)
        not_applicable = tuple(item for item in items if by_item[item] == DOES_NOT_APPLY)
    reason = REASONS[of.reason[form]]
    if reason is not None:
        return NotScored(
            component=of.component.key,
            instrument=instrument.ref,
            scoring_version=SCORING_VERSION,
            reason=reason,
            answered=answered,
            items=len(items),
            missing=missing,
            not_applicable=not_applicable,
        )
    by_sum = instrument.convention == "sum"
    mean, whole = float(of.mean[form]), float(of.sum[form])
    return Score(
        component=of.component.key,
        instrument=instrument.ref,
        scoring_version=SCORING_VERSION,
        value=whole if by_sum else mean,
        mean=mean,
        sum=whole,
        minimum=instrument.lowest * len(items) if by_sum else instrument.lowest,
        maximum=instrument.highest * len(items) if by_sum else instrument.highest,
        pomp=float(of.pomp[form]),
        answered=answered,
        items=len(items),
        prorated=answered < len(items),
        missing=missing,
        not_applicable=not_applicable,
    )
