"""What is usual: the norm of an instrument, and what the rules hold a series against with and without one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import isfinite, sqrt
from typing import Literal

from app.change.signal import Parameters
from app.instruments.model import Convention, InstrumentRef, Rater

#: Which reliability a norm states. They answer different questions and are never mixed or taken for one another.
Reliability = Literal["internal_consistency", "test_retest", "within_person"]

#: Where nothing is known of an instrument, as fractions of the range of its item mean; never edited, a new version.
UNCALIBRATED_VERSION = "uncalibrated-1"
UNCALIBRATED_MU0 = 0.725
UNCALIBRATED_TAU = 0.15
UNCALIBRATED_S0 = 0.075
UNCALIBRATED_SEM = 0.05

#: Fractions of a printed table are rounded, so they may overshoot each other by a little.
TABLE_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentNorm:
    """What is usual for one component, in the unit of the instrument's convention, as `Score.value` is.

    `sd` is over all forms the norm was made from. `within_sd` is that of a person around their own mean, `between_sd`
    that of the persons' means; None where the source does not tell them apart. The table holds, in ascending order,
    (value, fraction of the norm below it, fraction at it) [each 0-1].

    Raises
    ------
    ValueError
        For numbers that can't be: not finite, a spread of 0, a reliability outside [0, 1), a within-person
        reliability without the within-person SD it belongs to, a table out of order.
    """

    mean: float
    sd: float
    reliability: float
    reliability_kind: Reliability
    items: int
    within_sd: float | None = None
    between_sd: float | None = None
    percentile_table: tuple[tuple[float, float, float], ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what would turn into nonsense later, also when it is read from a stored document."""
        spreads = [self.sd] if self.within_sd is None else [self.sd, self.within_sd]
        if not (isfinite(self.mean) and all(isfinite(spread) and spread > 0 for spread in spreads)):
            raise ValueError("mean and SDs of a norm are finite, and its SDs are above 0")
        if self.between_sd is not None and not (isfinite(self.between_sd) and self.between_sd >= 0):
            raise ValueError("the SD between persons is finite and at least 0")
        if not 0 <= self.reliability < 1:
            raise ValueError("a reliability lies in [0, 1)")
        if self.items < 1:
            raise ValueError("a component has at least one item")
        if self.reliability_kind == "within_person" and self.within_sd is None:
            raise ValueError("a within-person reliability needs the within-person SD")
        if self.percentile_table is not None and not _in_order(self.percentile_table):
            raise ValueError("a percentile table ascends, and its fractions lie in [0, 1] without overlap")

    @property
    def sem(self) -> float:
        """The standard error of measurement, in the unit of the convention.

        SD and reliability belong together: for a within-person reliability it is the within-person SD that is taken,
        otherwise the SD over all forms.
        """
        within = self.within_sd if self.reliability_kind == "within_person" else None
        return sem(self.sd if within is None else within, self.reliability)


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """What is usual for one version of an instrument and one rater, with all that has to be said about it.

    `norm_id` is the id of an organisation's own norm, written as text, or the name of a published one. `clients` and
    `forms` are the numbers it was made from; `lowest` and `highest` are the ends of the item mean. `estimated_at` is
    None for a published norm whose source does not say.

    Raises
    ------
    ValueError
        For a range without width, numbers below 1, or a component whose mean lies outside the range: the sign of a norm
        written in the other convention.
    """

    norm_id: str
    version: int
    instrument: str
    instrument_version: str
    rater: Rater
    population: str
    clients: int
    forms: int
    estimated_at: datetime | None
    source: str
    convention: Convention
    lowest: float
    highest: float
    components: dict[str, ComponentNorm]

    def __post_init__(self) -> None:
        """Refuse what would turn into nonsense later, also when it is read from a stored document."""
        if not (isfinite(self.lowest) and isfinite(self.highest) and self.lowest < self.highest):
            raise ValueError("the lowest item mean of a norm lies below its highest")
        if min(self.version, self.clients, self.forms) < 1:
            raise ValueError("version, clients and forms of a norm are at least 1")
        for name, component in self.components.items():
            if not self.lowest <= component.mean / self.unit(component) <= self.highest:
                raise ValueError(f"the mean of {name} lies outside the range: sum and mean mixed up?")

    @property
    def label(self) -> str:
        """The norm and its version, as every statement that rests on it names it."""
        return f"{self.norm_id}@{self.version}"

    def unit(self, component: ComponentNorm) -> int:
        """How many units of the convention make one unit of the item mean."""
        return component.items if self.convention == "sum" else 1

    def applies_to(self, instrument: InstrumentRef) -> bool:
        """Say whether it is a norm of this version of this instrument; whose rater it is, the caller sees to."""
        return self.instrument == instrument.key and self.instrument_version == instrument.version


def sem(sd: float, r: float) -> float:
    """Return the standard error of measurement.

    Parameters
    ----------
    sd
        Standard deviation [> 0, in any unit], of the scores that the reliability is about.
    r
        Reliability [0-1, 1 = without error].

    Returns
    -------
    float
        SEM = SD sqrt(1 - r), in the unit of the SD [0 to SD].

    Raises
    ------
    ValueError
        For an SD that is no positive number, or a reliability outside [0, 1].

    Notes
    -----
    Nothing is missing here: without a norm there is no SD, and no SEM. A score prorated from fewer answers has a larger
    error than this.

    References
    ----------
    Classical test theory, as in Jacobson and Truax 1991, doi:10.1037/0022-006X.59.1.12.

    Examples
    --------
    >>> round(sem(7.5, 0.80), 4)
    3.3541
    """
    if not (isfinite(sd) and sd > 0 and 0 <= r <= 1):
        raise ValueError("an SD is above 0, and a reliability lies in [0, 1]")
    return sd * sqrt(1 - r)


def parameters(norm: Norm, component: str) -> Parameters | None:
    """Give what the rules hold a series of one component against, on the scale of the item mean.

    Parameters
    ----------
    norm
        The norm of the instrument, in the unit of its convention.
    component
        The key of a component, a rollup or the total.

    Returns
    -------
    app.change.signal.Parameters or None
        Calibrated, with the norm's label as version; mu0 = mean, tau = SD between persons, s0 = SD within a person and
        SEM, all divided by the number of items where the convention is a sum. None when the norm lacks the component or
        does not tell the SDs within and between persons apart: a guess there must not count as calibrated.

    Notes
    -----
    The SEM is the one that the norm's own kind of reliability gives.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> total = ComponentNorm(mean=48, sd=9, reliability=0.91, reliability_kind="internal_consistency", items=12,
    ...                       within_sd=3.6, between_sd=7.2)
    >>> norm = Norm(norm_id="invented", version=2, instrument="wai-sr", instrument_version="1.0.0", rater="client",
    ...             population="nobody", clients=200, forms=900, estimated_at=None, source="invented",
    ...             convention="sum", lowest=1, highest=5, components={"total": total})
    >>> given = parameters(norm, "total")
    >>> given.version, given.mu0, given.tau, given.s0, round(given.sem, 4)
    ('invented@2', 4.0, 0.6, 0.3, 0.225)
    """
    found = norm.components.get(component)
    if found is None or found.within_sd is None or found.between_sd is None:
        return None
    unit = norm.unit(found)
    return Parameters(
        version=norm.label,
        calibrated=True,
        mu0=found.mean / unit,
        tau=found.between_sd / unit,
        s0=found.within_sd / unit,
        sem=found.sem / unit,
    )


def uncalibrated(lowest: float, highest: float) -> Parameters:
    """Give what the rules hold a series against where nothing is known of its instrument.

    Parameters
    ----------
    lowest
        The lowest item mean that can be.
    highest
        The highest item mean that can be [> lowest].

    Returns
    -------
    app.change.signal.Parameters
        Not calibrated; mu0 = lowest + .725 range, tau = .15, s0 = .075 and SEM = .05 of the range.

    Raises
    ------
    ValueError
        For a range without width.

    Notes
    -----
    A wrong s0 moves the false-alarm rate fourfold, so what rests on these numbers says that it is uncalibrated.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> given = uncalibrated(1, 5)
    >>> given.version, round(given.mu0, 4), round(given.tau, 4), round(given.s0, 4), round(given.sem, 4)
    ('uncalibrated-1', 3.9, 0.6, 0.3, 0.2)
    """
    span = highest - lowest
    if not (isfinite(span) and span > 0):
        raise ValueError("the lowest item mean lies below the highest")
    return Parameters(
        version=UNCALIBRATED_VERSION,
        calibrated=False,
        mu0=lowest + UNCALIBRATED_MU0 * span,
        tau=UNCALIBRATED_TAU * span,
        s0=UNCALIBRATED_S0 * span,
        sem=UNCALIBRATED_SEM * span,
    )


def pomp_sems(norm: Norm) -> dict[str, float]:
    """Give the standard errors of measurement of all components of a norm in percent of the maximum possible.

    Parameters
    ----------
    norm
        The norm of the instrument, in the unit of its convention.

    Returns
    -------
    dict
        Component -> SEM [POMP points, >= 0], comparable between components of unlike length.

    References
    ----------
    Those of `sem`; a change of unit.

    Examples
    --------
    >>> total = ComponentNorm(mean=38, sd=7.5, reliability=0.8, reliability_kind="internal_consistency", items=10)
    >>> norm = Norm(norm_id="n", version=1, instrument="care", instrument_version="1.0.0", rater="client",
    ...             population="made up", clients=200, forms=200, estimated_at=None, source="made up",
    ...             convention="sum", lowest=1.0, highest=5.0, components={"total": total})
    >>> {name: round(value, 4) for name, value in pomp_sems(norm).items()}
    {'total': 8.3853}
    """
    width = norm.highest - norm.lowest
    return {name: 100 * one.sem / (norm.unit(one) * width) for name, one in norm.components.items()}


def _in_order(table: tuple[tuple[float, float, float], ...]) -> bool:
    """Say whether the values ascend, and no row's fractions reach into those of the next one."""
    end = 1 + TABLE_ROUNDING
    alone = all(isfinite(value) and below >= 0 and at >= 0 and below + at <= end for value, below, at in table)
    return (
        bool(table)
        and alone
        and all(
            one[0] < following[0] and one[1] + one[2] <= following[1] + TABLE_ROUNDING
            for one, following in pairwise(table)
        )
    )
