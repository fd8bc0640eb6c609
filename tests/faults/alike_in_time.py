"""Whether two questions that are answered alike take alike long: by how long a 404 takes nobody may tell what is there.

Times of a machine that others use, too, are noise on one side: longer, never shorter. So what is compared is the quick
quarter of the answers to each question, asked in turns, in blocks; and only what every block shows, each in the same
direction, is a difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import quantiles

#: Takes the time of one answer, in seconds.
Ask = Callable[[], float]
#: So many answers of each are a block, and in so many blocks a difference has to show.
BLOCK, BLOCKS = 40, 6
#: So much more or less, as a part of what the other takes, is a difference.
MORE = 0.15


@dataclass(frozen=True, kw_only=True)
class Difference:
    """By which part one question took longer than the other in each block; the last block is the first without one."""

    parts: list[float]

    @property
    def shows(self) -> bool:
        """Say whether it is in every block."""
        return len(self.parts) == BLOCKS and _differ(self.parts)


def compared(one: Ask, other: Ask) -> Difference:
    """Ask both in turns, block after block, until a block shows no difference, or another one than those before."""
    parts: list[float] = []
    for _ in range(BLOCKS):
        parts.append(_block(one, other))
        if not _differ(parts):
            break
    return Difference(parts=parts)


def _block(one: Ask, other: Ask) -> float:
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(BLOCK):
        for which in (0, 1) if number % 2 else (1, 0):  # who comes second finds things warm
            times[which].append((one, other)[which]())
    quick, quick_other = (quantiles(taken, n=4)[0] for taken in times)
    return quick / quick_other - 1


def _differ(parts: list[float]) -> bool:
    return all(part > MORE for part in parts) or all(part < -MORE / (1 + MORE) for part in parts)
