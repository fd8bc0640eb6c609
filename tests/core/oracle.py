"""A second implementation of scoring, to compare with: written from the table of the science page, not from the code.

It imports nothing of the application, knows three instruments by heart, counts in fractions, and is laid out the other
way round: item by item into the places that want it, not component by component out of the answers.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

#: What an item was answered with: a number, or one of these two words.
EMPTY, DOES_NOT_APPLY = "empty", "does not apply"
Given = int | str

#: For each item: the components it is counted in, as the table and its rollups say.
WAI_SR: dict[int, tuple[str, ...]] = {
    **dict.fromkeys((1, 2, 10, 12), ("task",)),
    **dict.fromkeys((3, 5, 7, 9), ("bond",)),
    **dict.fromkeys((4, 6, 8, 11), ("goal",)),
}
WAI_S: dict[int, tuple[str, ...]] = {
    **dict.fromkeys((1, 2, 8, 12), ("task",)),
    **dict.fromkeys((3, 5, 7, 9), ("bond",)),
    **dict.fromkeys((4, 6, 10, 11), ("goal",)),
}
TRQ_S: dict[int, tuple[str, ...]] = {
    1: ("rapport", "relationship"),
    2: ("empathy", "relationship"),
    3: ("respect", "relationship", "elements"),
    4: ("trust", "elements"),
    5: ("collaboration", "elements"),
    6: ("genuineness",),
    7: ("acceptance",),
    8: ("encouragement",),
}
PLACES: dict[str, dict[int, tuple[str, ...]]] = {"wai-sr": WAI_SR, "wai-s": WAI_S, "trq-s": TRQ_S}
LOWEST = {"wai-sr": 1, "wai-s": 1, "trq-s": 1}
HIGHEST = {"wai-sr": 5, "wai-s": 7, "trq-s": 5}
TURNED: dict[str, set[int]] = {"wai-sr": set(), "wai-s": {4, 10}, "trq-s": set()}
REPORTS = {"wai-sr": "mean", "wai-s": "sum", "trq-s": "mean"}
#: "for instruments whose components have 4 items or more [the total] also needs every component scored"
TOTAL_NEEDS_ALL = {"wai-sr": True, "wai-s": True, "trq-s": False}
#: "all for k <= 3, 3 for k = 4, 4 for k = 5, ceil(0.8 k) above", for the sizes that occur
NEEDED = {1: 1, 3: 3, 4: 3, 8: 7, 12: 10}


@dataclass
class Counted:
    """One component as the oracle has it; `why_not` is empty when it is scored."""

    numbers: list[int] = field(default_factory=list)
    empty: set[str] = field(default_factory=set)
    does_not_apply: set[str] = field(default_factory=set)
    why_not: str = ""
    value: Fraction = Fraction(0)
    total: Fraction = Fraction(0)
    mean: Fraction = Fraction(0)
    pomp: Fraction = Fraction(0)

    @property
    def items(self) -> int:
        """How many items the component has."""
        return len(self.numbers) + len(self.empty) + len(self.does_not_apply)


def count(instrument: str, given: dict[int, Given]) -> dict[str, Counted]:
    """Score one form by the words of the science page."""
    counted: dict[str, Counted] = defaultdict(Counted)
    for item, places in PLACES[instrument].items():
        for place in [*places, "total"]:
            _put(counted[place], instrument, item, given.get(item, EMPTY))
    for one in counted.values():
        _finish(one, instrument)
    total = counted["total"]
    unscored = [name for name, one in counted.items() if one.why_not and name != "total"]
    if TOTAL_NEEDS_ALL[instrument] and unscored and not total.why_not:
        total.why_not = "component_not_scored"
    return dict(counted)


def _put(place: Counted, instrument: str, item: int, what: Given) -> None:
    if what == EMPTY:
        place.empty.add(str(item))
    elif what == DOES_NOT_APPLY:
        place.does_not_apply.add(str(item))
    else:
        number = int(what)
        if item in TURNED[instrument]:
            number = {1: 7, 2: 6, 3: 5, 4: 4, 5: 3, 6: 2, 7: 1}[number]
        place.numbers.append(number)


def _finish(one: Counted, instrument: str) -> None:
    if len(one.numbers) < NEEDED[one.items]:
        one.why_not = "too_many_missing"
        return
    one.mean = Fraction(sum(one.numbers), len(one.numbers))
    one.total = one.mean * one.items
    one.value = one.mean if REPORTS[instrument] == "mean" else one.total
    least, most = LOWEST[instrument] * one.items, HIGHEST[instrument] * one.items
    one.pomp = Fraction(100) * (one.total - least) / (most - least)
