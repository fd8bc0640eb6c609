"""A second implementation of scoring, to compare with: written from the table of the science page, not from the code.

It imports nothing of the application, knows every instrument of the table by heart, counts in fractions, and is laid
out the other way round: item by item into the places that want it, not component by component out of the answers.
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
_ROLLED = {
    "rapport": ("relationship",),
    "empathy": ("relationship",),
    "respect": ("relationship", "elements"),
    "trust": ("elements",),
    "collaboration": ("elements",),
}
#: Items 1-3 rapport, 4-6 empathy, 7-9 respect and so on, three each.
TRQ: dict[int, tuple[str, ...]] = {
    first + step: (name, *_ROLLED.get(name, ()))
    for first, name in (
        (1, "rapport"),
        (4, "empathy"),
        (7, "respect"),
        (10, "trust"),
        (13, "collaboration"),
        (16, "genuineness"),
        (19, "acceptance"),
        (22, "encouragement"),
    )
    for step in (0, 1, 2)
}
WAI_36: dict[int, tuple[str, ...]] = {
    **dict.fromkeys((2, 4, 7, 11, 13, 15, 16, 18, 24, 31, 33, 35), ("task",)),
    **dict.fromkeys((1, 5, 8, 17, 19, 20, 21, 23, 26, 28, 29, 36), ("bond",)),
    **dict.fromkeys((3, 6, 9, 10, 12, 14, 22, 25, 27, 30, 32, 34), ("goal",)),
}
SRS: dict[int, tuple[str, ...]] = {1: ("relationship",), 2: ("goals",), 3: ("approach",), 4: ("overall",)}


def _total_only(items: int) -> dict[int, tuple[str, ...]]:
    return dict.fromkeys(range(1, items + 1), ())


PLACES: dict[str, dict[int, tuple[str, ...]]] = {
    "wai-36": WAI_36,
    "wai-s": WAI_S,
    "wai-sr": WAI_SR,
    "sai": _total_only(6),
    "srs": SRS,
    "arm-5": _total_only(5),
    "haq-ii": _total_only(19),
    "care": _total_only(10),
    "tasc-r": _total_only(12),
    "trq": TRQ,
    "trq-t": TRQ,
    "trq-s": TRQ_S,
    "trq-s-t": TRQ_S,
}
#: Lowest and highest answer as it is written down; the marks of the SRS are tenths.
RANGE: dict[str, tuple[int, int]] = {
    "wai-36": (1, 7),
    "wai-s": (1, 7),
    "wai-sr": (1, 5),
    "sai": (0, 5),
    "srs": (0, 100),
    "arm-5": (1, 7),
    "haq-ii": (1, 6),
    "care": (1, 5),
    "tasc-r": (1, 4),
    "trq": (1, 5),
    "trq-t": (1, 5),
    "trq-s": (1, 5),
    "trq-s-t": (1, 5),
}
TURNED: dict[str, set[int]] = {
    "wai-36": {1, 3, 7, 9, 10, 11, 12, 15, 20, 27, 29, 31, 33, 34},
    "wai-s": {4, 10},
    "arm-5": {3},
    "haq-ii": {4, 8, 11, 16, 19},
    "tasc-r": {2, 5, 7, 8, 11},
}
#: What a reversed answer counts, written out, by lowest and highest answer.
MIRROR: dict[tuple[int, int], dict[int, int]] = {
    (1, 7): {1: 7, 2: 6, 3: 5, 4: 4, 5: 3, 6: 2, 7: 1},
    (1, 6): {1: 6, 2: 5, 3: 4, 4: 3, 5: 2, 6: 1},
    (1, 4): {1: 4, 2: 3, 3: 2, 4: 1},
}
SUMS = {"wai-36", "wai-s", "srs", "haq-ii", "care", "tasc-r"}
#: "for instruments whose components have 4 items or more [the total] also needs every component scored"
TOTAL_NEEDS_ALL = {"wai-36", "wai-s", "wai-sr"}
#: "all for k <= 3, 3 for k = 4, 4 for k = 5, ceil(0.8 k) above", for the sizes that occur
NEEDED = {1: 1, 3: 3, 4: 3, 5: 4, 6: 5, 8: 7, 9: 8, 10: 8, 12: 10, 19: 16, 24: 20, 36: 29}
#: "no prorating"; "up to 2 missing or not applicable replaced by the mean of the rest, more: not scored"
NEEDED_FOR_THE_TOTAL = {"srs": 4, "care": 8}


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
    for name, one in counted.items():
        stated = NEEDED_FOR_THE_TOTAL.get(instrument) if name == "total" else None
        _finish(one, instrument, NEEDED[one.items] if stated is None else stated)
    total = counted["total"]
    unscored = [name for name, one in counted.items() if one.why_not and name != "total"]
    if instrument in TOTAL_NEEDS_ALL and unscored and not total.why_not:
        total.why_not = "component_not_scored"
    return dict(counted)


def _put(place: Counted, instrument: str, item: int, what: Given) -> None:
    if what == EMPTY:
        place.empty.add(str(item))
    elif what == DOES_NOT_APPLY:
        place.does_not_apply.add(str(item))
    else:
        number = int(what)
        if item in TURNED.get(instrument, ()):
            number = MIRROR[RANGE[instrument]][number]
        place.numbers.append(number)


def _finish(one: Counted, instrument: str, needed: int) -> None:
    if len(one.numbers) < needed:
        one.why_not = "too_many_missing"
        return
    unit = Fraction(1, 10) if instrument == "srs" else Fraction(1)
    one.mean = unit * Fraction(sum(one.numbers), len(one.numbers))
    one.total = one.mean * one.items
    one.value = one.total if instrument in SUMS else one.mean
    least, most = (unit * end * one.items for end in RANGE[instrument])
    one.pomp = Fraction(100) * (one.total - least) / (most - least)
