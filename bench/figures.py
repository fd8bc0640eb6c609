"""The arithmetic of measurements: percentiles, spreads, ratios of neighbours, goals. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one program did in one window of time; CPU in seconds, latencies in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    service_cpu: float
    database_cpu: float

    @property
    def rate(self) -> float:
        """Requests for each second."""
        return self.requests / self.seconds

    @property
    def cpu(self) -> float:
        """Milliseconds of CPU for each request, the database's included."""
        return 1000 * (self.service_cpu + self.database_cpu) / self.requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The median of some values, the least and the greatest."""

    median: float
    least: float
    greatest: float
    values: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A bound on a median."""

    bound: float
    at_least: bool

    def met(self, value: float) -> bool:
        """Say whether a value is on the right side."""
        return value >= self.bound if self.at_least else value <= self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One number that was asked for: what it is, how it spread, and what it should be (None: for orientation)."""

    what: str
    where: str
    spread: Spread
    goal: Goal | None = None

    @property
    def verdict(self) -> str:
        """Say in a word whether the goal is met."""
        if self.goal is None:
            return ""
        return "met" if self.goal.met(self.spread.median) else "MISSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """All windows of one program in one place of the plan."""

    what: str
    where: str
    name: str
    windows: tuple[Window, ...]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of all values does not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, ceil(share * len(ranked)) - 1)]


def spread(values: Sequence[float]) -> Spread:
    """Describe some values."""
    return Spread(median=median(values), least=min(values), greatest=max(values), values=len(values))


def ratios(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """Divide neighbours: what was measured one after the other is compared, and nothing else."""
    return [one / other for one, other in zip(of, to, strict=True)]
