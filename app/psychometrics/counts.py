"""What is counted over the complete forms of one instrument version and rater: integers, so that all of it is exact.

A form is complete when every scored item is answered with a number; only those are counted, so that sums, products and
counts per value speak of the same forms. Answers count after reversal, as whole numbers of the instrument's options
(tenths, where it has a divisor of 10).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import add, sub
from typing import Any

import numpy as np
import numpy.typing as npt

from app.instruments.model import Answer, Instrument, ItemId

#: A complete form: one number for each scored item, in the instrument's order, reversed items turned.
CompleteForm = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What the counts of an instrument version look like: how many scored items, and their options."""

    items: int
    lowest: int
    options: int

    @property
    def products(self) -> int:
        """The number of pairs of items, each item with itself among them."""
        return self.items * (self.items + 1) // 2

    @property
    def numbers(self) -> int:
        """The number of integers that are kept beside the number of forms."""
        return self.items + self.products + self.items * self.options


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many forms, and in `numbers`: the sum of each item, the products of each pair, the counts of each value.

    Counts form a group: `merged` adds, `without` takes away, and what was added and taken away leaves no trace. A
    change of counts is counts too, and may be negative.
    """

    layout: Layout
    forms: int
    numbers: tuple[int, ...]

    @property
    def sums(self) -> tuple[int, ...]:
        """The sum of each item."""
        return self.numbers[: self.layout.items]

    @property
    def values(self) -> tuple[tuple[int, ...], ...]:
        """For each item, how often each option was given, the lowest first."""
        options, start = self.layout.options, self.layout.items + self.layout.products
        return tuple(self.numbers[at : at + options] for at in range(start, len(self.numbers), options))

    def product(self, one: int, other: int) -> int:
        """Look up the sum over all forms of one item times another, by their positions."""
        first, second = min(one, other), max(one, other)
        items = self.layout.items
        return self.numbers[items + first * items - first * (first - 1) // 2 + second - first]

    def added(self, form: CompleteForm) -> Counts:
        """Count one more form."""
        return self.merged(_one(self.layout, form))

    def removed(self, form: CompleteForm) -> Counts:
        """Count a form no longer, exactly as if it had never been."""
        return self.without(_one(self.layout, form))

    def merged(self, other: Counts) -> Counts:
        """Count the forms of both."""
        _check_same(self.layout, other.layout)
        numbers = tuple(map(add, self.numbers, other.numbers))
        return Counts(layout=self.layout, forms=self.forms + other.forms, numbers=numbers)

    def without(self, other: Counts) -> Counts:
        """Count the forms of the other no longer."""
        _check_same(self.layout, other.layout)
        numbers = tuple(map(sub, self.numbers, other.numbers))
        return Counts(layout=self.layout, forms=self.forms - other.forms, numbers=numbers)

    def to_document(self) -> list[int]:
        """Write the numbers as they are kept: one flat list, which databases can add up; `forms` is kept beside."""
        return list(self.numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesCounts:
    """Number, sum and sum of squares of the integer totals of complete forms: of one series, or of a person's."""

    forms: int
    total: int
    squares: int

    def added(self, form: CompleteForm) -> SeriesCounts:
        """Count one more form."""
        whole = sum(form)
        return SeriesCounts(forms=self.forms + 1, total=self.total + whole, squares=self.squares + whole * whole)

    def removed(self, form: CompleteForm) -> SeriesCounts:
        """Count a form no longer, exactly as if it had never been."""
        whole = sum(form)
        return SeriesCounts(forms=self.forms - 1, total=self.total - whole, squares=self.squares - whole * whole)

    def merged(self, other: SeriesCounts) -> SeriesCounts:
        """Count the forms of both."""
        return SeriesCounts(
            forms=self.forms + other.forms, total=self.total + other.total, squares=self.squares + other.squares
        )


NO_SERIES = SeriesCounts(forms=0, total=0, squares=0)


def layout_of(instrument: Instrument) -> Layout:
    """Say what the counts of an instrument look like.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> layout_of(shipped().latest("wai-sr"))
    Layout(items=12, lowest=1, options=5)
    """
    return Layout(
        items=sum(item.role == "scored" for item in instrument.items),
        lowest=instrument.minimum,
        options=instrument.maximum - instrument.minimum + 1,
    )


def positions_of(instrument: Instrument, component: str) -> tuple[int, ...]:
    """Say where the items of a component, a rollup or the total stand in a complete form.

    Raises
    ------
    KeyError
        When the instrument has no such component.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> positions_of(shipped().latest("wai-sr"), "bond")
    (2, 4, 6, 8)
    """
    found = instrument.component(component)
    if found is None:
        raise KeyError(component)
    scored = [item.id for item in instrument.items if item.role == "scored"]
    return tuple(scored.index(item) for item in found.items)


def complete_form(instrument: Instrument, answers: Mapping[ItemId, Answer]) -> CompleteForm | None:
    """Take what is counted out of a form's answers.

    Parameters
    ----------
    instrument
        The definition the answers belong to.
    answers
        Item id -> integer of its options, None (unanswered) or NOT_APPLICABLE; absent is unanswered.

    Returns
    -------
    tuple of int, or None
        One number for each scored item, min + max - x where it is reversed; None when any has no number.

    References
    ----------
    Design choice of this project: complete forms only, so that no assumption about missing answers enters.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> wai = shipped().latest("wai-s")
    >>> complete_form(wai, {item.id: 7 for item in wai.items})  # items 4 and 10 are reversed
    (7, 7, 7, 1, 7, 7, 7, 7, 7, 1, 7, 7)
    >>> complete_form(wai, {ItemId("1"): 7}) is None
    True
    """
    turn = instrument.minimum + instrument.maximum
    numbers = []
    for item in instrument.items:
        if item.role != "scored":
            continue
        answer = answers.get(item.id)
        if not isinstance(answer, int):
            return None
        numbers.append(turn - answer if item.reversed else answer)
    return tuple(numbers)


def no_counts(layout: Layout) -> Counts:
    """Start with no form at all."""
    return Counts(layout=layout, forms=0, numbers=(0,) * layout.numbers)


def count_forms(layout: Layout, forms: Sequence[CompleteForm]) -> Counts:
    """Count many forms at once: the same as adding them one by one.

    Parameters
    ----------
    layout
        That of their instrument.
    forms
        Complete forms, each number within the options of the layout.

    Returns
    -------
    Counts
        In 64 bits while they are summed: exact for up to 9e14 forms of a scale of 0 to 100.

    Raises
    ------
    ValueError
        When a form has another number of items, or a number that is no option.

    References
    ----------
    Design choice of this project.

    Examples
    --------
    >>> two = count_forms(Layout(items=2, lowest=1, options=3), [(1, 2), (3, 2)])
    >>> two.sums, two.product(0, 1), two.values
    ((4, 4), 8, ((1, 0, 1), (0, 2, 0)))
    """
    if len(forms) <= 1:  # a lone form is quicker by itself
        return _one(layout, forms[0]) if forms else no_counts(layout)
    matrix = np.array(forms, dtype=np.int64)
    if matrix.shape != (len(forms), layout.items):
        raise ValueError("a form has one number for each item")
    steps = matrix - layout.lowest
    if steps.min() < 0 or steps.max() >= layout.options:
        raise ValueError("a number is no option of its item")
    products = (matrix.T @ matrix)[np.triu_indices(layout.items)]
    places = (steps + np.arange(layout.items) * layout.options).ravel()
    values = np.bincount(places, minlength=layout.items * layout.options)
    numbers = (*matrix.sum(axis=0).tolist(), *products.tolist(), *values.tolist())
    return Counts(layout=layout, forms=len(forms), numbers=numbers)


def from_document(layout: Layout, *, forms: int, document: Sequence[Any]) -> Counts:
    """Read counts as they are kept.

    Raises
    ------
    ValueError
        When they are those of another layout.
    """
    if len(document) != layout.numbers:
        raise ValueError("these counts belong to another instrument")
    return Counts(layout=layout, forms=forms, numbers=tuple(map(int, document)))


def covariance(counts: Counts, positions: Sequence[int]) -> npt.NDArray[np.float64]:
    """Compute the covariances of some items.

    Parameters
    ----------
    counts
        At least two forms.
    positions
        The items, as `positions_of` tells them.

    Returns
    -------
    array [items x items]
        Sample covariances (divisor n - 1), in squared steps of the options: exact integers, divided once.

    Raises
    ------
    ValueError
        For fewer than two forms.

    Examples
    --------
    >>> covariance(count_forms(Layout(items=2, lowest=1, options=5), [(1, 2), (3, 2), (5, 5)]), [0, 1]).tolist()
    [[4.0, 3.0], [3.0, 3.0]]
    """
    if counts.forms < 2:
        raise ValueError("a covariance needs two forms")
    below = counts.forms * (counts.forms - 1)
    return np.array([[scatter(counts, a, b) / below for b in positions] for a in positions])


def scatter(counts: Counts, one: int, other: int) -> int:
    """Return n (n - 1) times the covariance of two items, an exact integer."""
    return counts.forms * counts.product(one, other) - counts.numbers[one] * counts.numbers[other]


def _check_same(one: Layout, other: Layout) -> None:
    if one != other:
        raise ValueError("these counts belong to another instrument")


def _one(layout: Layout, form: CompleteForm) -> Counts:
    if len(form) != layout.items:
        raise ValueError("a form has one number for each item")
    if not all(0 <= number - layout.lowest < layout.options for number in form):
        raise ValueError("a number is no option of its item")
    products = [one * other for at, one in enumerate(form) for other in form[at:]]
    values = [0] * (layout.items * layout.options)
    for at, number in enumerate(form):
        values[at * layout.options + number - layout.lowest] = 1
    return Counts(layout=layout, forms=1, numbers=(*form, *products, *values))
