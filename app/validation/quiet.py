"""DECLINE and LOW: slow slides, relationships that were never good, and what each rule costs a therapist."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from app.change.decline import DECLINE
from app.change.low import LOW
from app.change.signal import Parameters
from app.validation.chance import Flags
from app.validation.charts import ASSUMED, decline_prompts, low_prompts, rupture_charts
from app.validation.metrics import predictive_value
from app.validation.series import Series, SeriesLaw, draw_series
from app.validation.signals import CASELOAD, CLIENTS

STABLE, NEVER_GOOD = 4, 5
FAST, SLOW = 0.10, 0.05
#: Clients for whom it was never good, and how many of all they are where the predictive value is told.
LEVEL, SPREAD, PREVALENCE = 2.6, 0.4, 0.10
#: From this level of one's own on, a prompt of LOW is plainly wrong.
WELL = 3.4
WIDE = 0.45

LIMITS: tuple[float, ...] = (2.00, 2.33, 2.58, 3.00, 3.60)
LEVELS: tuple[tuple[float, float], ...] = ((35.0, 55.0), (40.0, 50.0), (40.0, 55.0), (45.0, 50.0), (45.0, 55.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideRow:
    """What a rule does with slides that begin at the first session, and with series in which nothing happens.

    Shares of courses with a prompt: `stable` within 12 and 20 sessions, `wide` within 20 where the SD is larger than
    assumed; `fast` (.10 a session) and `slow` (.05) by the 8th, 12th and 20th. `weekly` is for a caseload of 25.
    """

    rule: str
    released: bool
    stable: tuple[float, float]
    wide: float
    weekly: float
    fast: tuple[float, float, float]
    slow: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LowRow:
    """What a rule does with relationships that were never good, and with all others.

    Shares of clients with a prompt: `never` by the 1st, 3rd, 4th and 12th session, `stable` by the 3rd and 12th, `well`
    by the 12th of those of them whose own level is 3.4 or higher; `wide` by the 12th where the SD is larger than
    assumed. `right` is the predictive value by the 3rd when it was never good for 10 %.
    """

    rule: str
    released: bool
    never: tuple[float, float, float, float]
    stable: tuple[float, float]
    well: float
    wide: float
    right: float
    weekly: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """What all three rules cost a therapist: courses with any prompt for nothing in 12 and 20 sessions, and a week."""

    rules: str
    courses: tuple[float, float]
    weekly: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """What was found of DECLINE and LOW."""

    slides: tuple[SlideRow, ...]
    lows: tuple[LowRow, ...]
    together: tuple[Together, ...]


def run_quiet(
    *, seed: int, clients: int = CLIENTS, law: SeriesLaw | None = None, assumed: Parameters = ASSUMED
) -> Quiet:
    """Run DECLINE and LOW at several settings on simulated series, with RUP-1 beside them.

    Parameters
    ----------
    seed
        The seed [>= 0]; the same one gives the same numbers.
    clients
        Series of each kind [>= 1].
    law
        What series are without anything happening; the standard one unless given.
    assumed
        What the series are held against.

    Returns
    -------
    Quiet
        One row for each setting, those of the released rules marked, and what all of them cost together.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> told = run_quiet(seed=7, clients=20)
    >>> [row.rule for row in told.slides if row.released], [row.rule for row in told.lows if row.released]
    (['DECLINE, limit 2.58'], ['LOW, 40 and 55'])
    """
    law = law or SeriesLaw()
    stable = draw_series(law, clients, seed=seed, part=STABLE)
    wide = draw_series(replace(law, within=WIDE), clients, seed=seed, part=STABLE)
    never = draw_series(replace(law, base=LEVEL, between=SPREAD), clients, seed=seed, part=NEVER_GOOD)
    return Quiet(
        slides=tuple(_slides(stable, wide, assumed)),
        lows=tuple(_lows(stable, wide, never, assumed)),
        together=tuple(_together(stable, assumed)),
    )


def _slides(stable: Series, wide: Series, assumed: Parameters) -> list[SlideRow]:
    seen = [stable.scores(), wide.scores(), *(stable.scores(stable.slide(step, after=1)) for step in (FAST, SLOW))]
    own = [rupture_charts(x, assumed).prompts for x in seen]
    rows = [_slide_row("RUP-1, watch or alert", *own, released=False)]
    for limit in sorted({*LIMITS, DECLINE.limit}):
        released = limit == DECLINE.limit
        prompts = [decline_prompts(x, assumed, settings=replace(DECLINE, limit=limit)) for x in seen]
        rows.append(_slide_row(f"DECLINE, limit {limit:.2f}", *prompts, released=released))
        if released:
            both = (one | other for one, other in zip(own, prompts, strict=True))
            rows.insert(1, _slide_row("RUP-1 or the released DECLINE", *both, released=False))
    return rows


def _slide_row(rule: str, stable: Flags, wide: Flags, fast: Flags, slow: Flags, *, released: bool) -> SlideRow:
    return SlideRow(
        rule=rule,
        released=released,
        stable=(_by(stable, 12), _by(stable, 20)),
        wide=_by(wide, 20),
        weekly=_weekly(stable),
        fast=(_by(fast, 8), _by(fast, 12), _by(fast, 20)),
        slow=(_by(slow, 8), _by(slow, 12), _by(slow, 20)),
    )


def _lows(stable: Series, wide: Series, never: Series, assumed: Parameters) -> list[LowRow]:
    seen = [series.scores() for series in (stable, wide, never)]
    well = stable.levels.mean(axis=1) >= WELL
    rows = [
        _low_row("RUP-1, watch or alert", well, *(rupture_charts(x, assumed).prompts for x in seen), released=False)
    ]
    for at_once, staying in sorted({*LEVELS, (LOW.low, LOW.staying)}):
        settings = replace(LOW, low=at_once, staying=staying)
        prompts = (low_prompts(x, settings=settings) for x in seen)
        rows.append(_low_row(f"LOW, {at_once:g} and {staying:g}", well, *prompts, released=settings == LOW))
    return rows


def _low_row(rule: str, well: Flags, stable: Flags, wide: Flags, never: Flags, *, released: bool) -> LowRow:
    return LowRow(
        rule=rule,
        released=released,
        never=(_by(never, 1), _by(never, 3), _by(never, 4), _by(never, 12)),
        stable=(_by(stable, 3), _by(stable, 12)),
        well=_by(stable[well], 12) if well.any() else 0.0,
        wide=_by(wide, 12),
        right=predictive_value(found=_by(never, 3), false=_by(stable, 3), prevalence=PREVALENCE),
        weekly=_weekly(stable),
    )


def _together(stable: Series, assumed: Parameters) -> list[Together]:
    scores = stable.scores()
    each = {
        "RUP-1": rupture_charts(scores, assumed).prompts,
        "DECLINE": decline_prompts(scores, assumed),
        "LOW": low_prompts(scores),
    }
    return [
        *(_cost(rule, prompts[None]) for rule, prompts in each.items()),
        _cost("all three", np.stack(list(each.values()))),
    ]


def _cost(rules: str, prompts: Flags) -> Together:
    """Count prompts [rules x clients x sessions]: two at one session are two."""
    either: Flags = np.logical_or.reduce(prompts, axis=0)
    return Together(
        rules=rules,
        courses=(_by(either, 12), _by(either, 20)),
        weekly=float(CASELOAD * prompts.sum(axis=0).mean()),
    )


def _by(prompts: Flags, session: int) -> float:
    return float(prompts[:, :session].any(axis=1).mean())


def _weekly(prompts: Flags) -> float:
    return float(CASELOAD * prompts.mean())
