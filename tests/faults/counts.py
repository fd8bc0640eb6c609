"""What a harness counts: how much it did, what went wrong, and what it measured besides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

#: The numbers that every harness prints, in this order.
DONE = ("cycles", "acknowledged", "rows")
WRONG = ("lost", "doubled", "foreign", "wrong_replays", "other_faults")
_KEPT = 20


@dataclass(kw_only=True)
class Counts:
    """The numbers of one run of a harness, or of several added up.

    `told` are further sums by name, `samples` measurements by name, and `says` the first of the faults in words.
    """

    cycles: int = 0
    acknowledged: int = 0
    rows: int = 0
    lost: int = 0
    doubled: int = 0
    foreign: int = 0
    wrong_replays: int = 0
    other_faults: int = 0
    rounds: int = 0
    seconds: float = 0.0
    told: dict[str, int] = field(default_factory=dict)
    samples: dict[str, list[float]] = field(default_factory=dict)
    says: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> int:
        """How much went wrong; 0 is what a harness must come to."""
        return sum(getattr(self, name) for name in WRONG)

    def found(self, faults: Iterable[str], *, kind: str | None = None) -> None:
        """Count faults in words: by what they begin with, as the accounting writes them, unless their kind is told."""
        for fault in faults:
            begins = fault.split(":")[0]
            name = kind or (begins if begins in {"lost", "doubled", "foreign"} else "other_faults")
            setattr(self, name, getattr(self, name) + 1)
            if len(self.says) < _KEPT:
                self.says.append(fault)

    def add(self, other: Counts) -> None:
        """Add the numbers of another run."""
        for name in (*DONE, *WRONG, "rounds", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, number in other.told.items():
            self.told[name] = self.told.get(name, 0) + number
        for name, values in other.samples.items():
            self.samples.setdefault(name, []).extend(values)
        self.says = (self.says + other.says)[:_KEPT]

    def reached(self, name: str) -> int:
        """Say how far a count is, by its name here or among what was told besides."""
        return int(getattr(self, name)) if name in DONE else self.told.get(name, 0)

    def line(self) -> str:
        """Write all numbers in one line."""
        numbers = {name: getattr(self, name) for name in (*DONE, *WRONG)} | self.told
        return ", ".join(f"{name.replace('_', ' ')} {number:,}" for name, number in numbers.items())

    def document(self) -> dict[str, Any]:
        """Write the counts as JSON has them."""
        return asdict(self)
