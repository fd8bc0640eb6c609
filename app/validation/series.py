"""Invented series of totals, and what may happen in them: a dip, a shift, a slow slide, or never anything good."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np

from app.validation.chance import Flags, Floats, Ints, stream

#: Totals are item means from 1 to 5, of twelve items.
LOWEST, HIGHEST, STEPS = 1.0, 5.0, 12

#: The first session with a rupture is one of these, counted from 0: the sixth to the fifteenth.
FIRST_ONSET, LAST_ONSET = 5, 14
DIP, SHIFT, SHIFT_SESSIONS = 0.72, 0.42, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesLaw:
    """What a client's totals are without anything happening; the defaults are those of the first condition.

    Item means from 1 to 5: `base` and `between` are mean and SD of the clients' own levels, `within` is the median of
    their SDs and `unequal` the SD of the logarithms of these; `carry` is how much of a deviation is left at the next
    session. `growth` comes on top at each session up to the twelfth. `missing` is a share of sessions.
    """

    base: float = 3.9
    between: float = 0.6
    within: float = 0.28
    unequal: float = 0.35
    carry: float = 0.2
    growth: float = 0.0
    grown: int = 12
    sessions: int = 20
    missing: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Levels before rounding and clipping [clients x sessions], where nothing was scored, and an onset for each."""

    levels: Floats
    gaps: Flags
    onset: Ints

    def scores(self, change: Floats | float = 0.0) -> Floats:
        """Give what is seen when the levels change: in steps, within the scale, NaN where nothing was scored."""
        seen = np.clip(np.rint((self.levels + change) * STEPS) / STEPS, LOWEST, HIGHEST)
        scores: Floats = np.where(self.gaps, np.nan, seen)
        return scores

    def dip(self) -> Floats:
        """Say how the levels change by a dip of one session at the onset."""
        return np.where(self._since_onset() == 0, -DIP, 0.0)

    def shift(self) -> Floats:
        """Say how the levels change by a shift of four sessions from the onset on."""
        since = self._since_onset()
        return np.where((since >= 0) & (since < SHIFT_SESSIONS), -SHIFT, 0.0)

    def slide(self, step: float, *, after: int) -> Floats:
        """Say how the levels change when they fall by a step a session after so many sessions."""
        at = np.arange(self.levels.shape[1])
        return np.broadcast_to(-step * np.maximum(at - (after - 1), 0), self.levels.shape)

    def _since_onset(self) -> Ints:
        since: Ints = np.arange(self.levels.shape[1]) - self.onset[:, None]
        return since


def draw_series(law: SeriesLaw, clients: int, *, seed: int, part: int) -> Series:
    """Draw series in which nothing happens, to which things can be made to happen.

    Parameters
    ----------
    law
        What the totals are [item means, 1 to 5].
    clients
        How many series [>= 1].
    seed, part
        The seed of the run, and which part of it these series are for.

    Returns
    -------
    Series
        `levels` and `gaps` [clients x sessions], `onset` [clients], from 5 to 14 counted from 0.

    Notes
    -----
    Level + SD e(t) + growth min(t, 11), where e is AR(1) with a variance of 1. The same chances serve the same series
    with and without a rupture, so that they differ in nothing else.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> drawn = draw_series(SeriesLaw(), 2, seed=7, part=1)
    >>> drawn.scores().shape, bool((drawn.scores(drawn.dip()) <= drawn.scores()).all())
    ((2, 20), True)
    """
    chance = stream(seed, part, 3)
    shape = (clients, law.sessions)
    level = chance.normal(law.base, law.between, (clients, 1))
    spread = np.exp(chance.normal(log(law.within), law.unequal, (clients, 1)))
    fresh = chance.normal(0, 1, shape)
    onset = chance.integers(FIRST_ONSET, LAST_ONSET + 1, clients)
    gaps = chance.random(shape) < law.missing
    wave = fresh.copy()
    for t in range(1, law.sessions):
        wave[:, t] = law.carry * wave[:, t - 1] + sqrt(1 - law.carry**2) * fresh[:, t]
    growth = law.growth * np.minimum(np.arange(law.sessions), law.grown - 1)
    return Series(levels=level + spread * wave + growth, gaps=gaps, onset=onset)
