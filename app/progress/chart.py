"""The numbers that a chart draws over the totals of a series: the band of RUP-1, and the shape so far. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from app.change.rupture import START_OF_RUPTURE, Reading, step
from app.change.shape import Shape, shape
from app.change.signal import Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A form of a series as the chart sees it: its total as item mean, None when not scored.

    `unit` is how many units of the total make one of the item mean: the number of items where totals are sums, else 1.
    """

    session_number: int
    mean: float | None
    unit: int
    scale: str
    parameters: Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class BandPoint:
    """What the sessions before let one expect of a session's total, in the unit of that total.

    None while history is insufficient, and where the total was not scored: nothing was held against anything.
    """

    session_number: int
    baseline: float | None
    watch_below: float | None
    alert_below: float | None
    z: float | None
    insufficient_history: bool
    calibrated: bool


def band(forms: Sequence[Looked]) -> tuple[BandPoint, ...]:
    """Fold a series by session through RUP-1, as its signals were found; another scale starts it anew."""
    state, scale, points = START_OF_RUPTURE, None, []
    for form in forms:
        if form.scale != scale:
            state, scale = START_OF_RUPTURE, form.scale
        state, reading = step(state, form.mean, session_number=form.session_number, parameters=form.parameters)
        points.append(_point(form, reading))
    return tuple(points)


def shape_so_far(forms: Sequence[Looked]) -> Shape:
    """Name the shape of a series, of at least one form, since its scale last changed."""
    last = forms[-1]
    comparable = takewhile(lambda form: form.scale == last.scale, reversed(forms))
    return shape([(form.session_number, form.mean) for form in comparable], parameters=last.parameters)


def _point(form: Looked, reading: Reading) -> BandPoint:
    def in_unit(mean: float | None) -> float | None:
        return None if mean is None else mean * form.unit

    return BandPoint(
        session_number=form.session_number,
        baseline=in_unit(reading.expected.baseline if reading.expected is not None else None),
        watch_below=in_unit(reading.watch_below),
        alert_below=in_unit(reading.alert_below),
        z=reading.z,
        insufficient_history=reading.insufficient_history,
        calibrated=form.parameters.calibrated,
    )
