"""RUP-1 on simulated series, beside the rules of others: what it finds, and how often it speaks for nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from app.change.rupture import RUP_1
from app.change.signal import Parameters
from app.validation.chance import Flags, Floats
from app.validation.charts import ASSUMED, FAMILIES, RIVALS, Charts, Family, Told, rupture_charts
from app.validation.metrics import predictive_value
from app.validation.series import SHIFT_SESSIONS, Series, SeriesLaw, draw_series

CLIENTS = 1500
#: The first two sessions are history: no rule that looks back can speak at them, and none is judged by them.
HISTORY = RUP_1.history
CASELOAD = 25
TESTING = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalCondition:
    """One way in which series may be, and what is assumed of them. Only where it is `gated` RUP-1 has to win."""

    name: str
    series: SeriesLaw
    assumed: Parameters = ASSUMED
    gated: bool = False


CONDITIONS: tuple[SignalCondition, ...] = (
    SignalCondition(name="sd .28, as assumed", series=SeriesLaw(), gated=True),
    SignalCondition(name="sd .28, growth .02 a session to the 12th", series=SeriesLaw(growth=0.02), gated=True),
    SignalCondition(name="sd .45, parameters wrong", series=SeriesLaw(within=0.45)),
    SignalCondition(name="sd .20, parameters wrong", series=SeriesLaw(within=0.20)),
    SignalCondition(name="base 4.4 (ceiling)", series=SeriesLaw(base=4.4)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """What one rule did.

    `false` is its share of sessions from the third on with a prompt when nothing happened; `dip` and `shift` the shares
    of ruptures with a prompt in time: at the dip, and in the four sessions of the shift (`delays`: by each of these).
    `courses` are shares of courses with a false prompt in 12 and in 20 sessions, `right` the predictive
    value of a prompt when 5 % and 15 % of sessions have a dip, `weekly` the false prompts of a caseload of 25.
    """

    rule: str
    false: float
    dip: float
    shift: float
    delays: tuple[float, ...]
    courses: tuple[float, float]
    right: tuple[float, float]
    weekly: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SameRate:
    """What a rule of others finds when it speaks for nothing as often as RUP-1 does."""

    rule: str
    false: float
    dip: float
    shift: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RocLine:
    """A rule at every strictness: false prompts a session, and dips found."""

    rule: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalResult:
    """One condition: RUP-1 at both levels, the rules of others as they are, and at the rate of RUP-1."""

    condition: str
    gated: bool
    rows: tuple[RuleRow, ...]
    same_rate: tuple[SameRate, ...]
    roc: tuple[RocLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The same series three times [clients x sessions]: nothing happens, a dip, a shift."""

    series: Series
    calm: Floats
    dip: Floats
    shift: Floats


def run_signals(
    *,
    seed: int,
    clients: int = CLIENTS,
    conditions: Sequence[SignalCondition] = CONDITIONS,
    told: Told = lambda: None,
) -> tuple[SignalResult, ...]:
    """Run RUP-1 and the rules of others on simulated series.

    Parameters
    ----------
    seed
        The seed [>= 0]; the same one gives the same numbers.
    clients
        Series for each condition [>= 1]; each is seen calm, with a dip and with a shift.
    conditions
        How series are, and what is assumed of them.
    told
        Called after each series, three times for each client.

    Returns
    -------
    tuple of SignalResult
        One for each condition, in their order.

    Notes
    -----
    A prompt is a new signal; while one is open there is no other. For the comparison at the same rate a rule is mixed
    of its two neighbouring strictnesses, which is the line between two points of its ROC curve.

    References
    ----------
    Design choice of this project, not validated; rules of others as in `app.change.literature`.

    Examples
    --------
    >>> [told] = run_signals(seed=7, clients=60, conditions=CONDITIONS[:1])
    >>> told.rows[0].rule, told.rows[0].dip > told.rows[1].dip
    ('RUP-1, watch or alert', True)
    """
    return tuple(_run(condition, seed=seed, clients=clients, told=told) for condition in conditions)


def _run(condition: SignalCondition, *, seed: int, clients: int, told: Told) -> SignalResult:
    series = draw_series(condition.series, clients, seed=seed, part=TESTING)
    seen = Seen(
        series=series,
        calm=series.scores(),
        dip=series.scores(series.dip()),
        shift=series.scores(series.shift()),
    )
    charts = [rupture_charts(x, condition.assumed, told=told) for x in (seen.calm, seen.dip, seen.shift)]
    rows = [
        _row("RUP-1, watch or alert", seen, *(chart.prompts for chart in charts)),
        _row("RUP-1, alert", seen, *(chart.alerts for chart in charts)),
    ]
    for rival in RIVALS:
        prompts = (rival.prompts(x, condition.assumed) for x in (seen.calm, seen.dip, seen.shift))
        rows.append(_row(rival.name, seen, *prompts))
    families = [_Curve.of(family, seen) for family in FAMILIES]
    return SignalResult(
        condition=condition.name,
        gated=condition.gated,
        rows=tuple(rows),
        same_rate=tuple(curve.at(rows[0].false) for curve in families),
        roc=(_own_line(charts[0], charts[1], seen), *(curve.line() for curve in families)),
    )


def _row(rule: str, seen: Seen, calm: Flags, dip: Flags, shift: Flags) -> RuleRow:
    found = _at_onset(dip, seen.series)
    false = _false(calm)
    delays = _delays(shift, seen.series)
    return RuleRow(
        rule=rule,
        false=false,
        dip=found,
        shift=delays[-1],
        delays=delays,
        courses=(float(calm[:, :12].any(axis=1).mean()), float(calm.any(axis=1).mean())),
        right=(
            predictive_value(found=found, false=false, prevalence=0.05),
            predictive_value(found=found, false=false, prevalence=0.15),
        ),
        weekly=float(CASELOAD * calm.mean()),
    )


def _false(calm: Flags) -> float:
    return float(calm[:, HISTORY:].mean())


def _at_onset(prompts: Flags, series: Series) -> float:
    return float(np.take_along_axis(prompts, series.onset[:, None], axis=1).mean())


def _delays(prompts: Flags, series: Series) -> tuple[float, ...]:
    """Say which share of shifts had a prompt by their first, second, third and fourth session."""
    at = series.onset[:, None] + np.arange(SHIFT_SESSIONS)
    by_then = np.maximum.accumulate(np.take_along_axis(prompts, at, axis=1), axis=1)
    return tuple(float(share) for share in by_then.mean(axis=0))


def _own_line(calm: Charts, dip: Charts, seen: Seen) -> RocLine:
    """Draw RUP-1 with other limits for a watch; an alert is what it is, so the line ends there."""
    limits = [k / 10 for k in range(3, 24)]
    points = [
        (_false(calm.alerts | (calm.strength >= z)), _at_onset(dip.alerts | (dip.strength >= z), seen.series))
        for z in limits
    ]
    return RocLine(rule="RUP-1", points=tuple(points))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curve:
    """A family of rules at every strictness, the loosest first."""

    rule: str
    false: tuple[float, ...]
    dip: tuple[float, ...]
    shift: tuple[float, ...]

    @classmethod
    def of(cls, family: Family, seen: Seen) -> _Curve:
        def each(measure: Callable[[float], float]) -> tuple[float, ...]:
            return tuple(measure(level) for level in family.levels)

        return cls(
            rule=family.name,
            false=each(lambda level: _false(family.prompts(seen.calm, level))),
            dip=each(lambda level: _at_onset(family.prompts(seen.dip, level), seen.series)),
            shift=each(lambda level: _delays(family.prompts(seen.shift, level), seen.series)[-1]),
        )

    def at(self, false: float) -> SameRate:
        rates = self.false[::-1]
        return SameRate(
            rule=self.rule,
            false=false,
            dip=float(np.interp(false, rates, self.dip[::-1])),
            shift=float(np.interp(false, rates, self.shift[::-1])),
        )

    def line(self) -> RocLine:
        return RocLine(rule=self.rule, points=tuple(zip(self.false, self.dip, strict=True)))
