"""What somebody said, or an instrument's authors published: no statistics, and nothing to calibrate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import ge, gt, le, lt

from app.change.signal import State
from app.instruments.model import CutOff, Direction

#: A report asks for attention until this many later forms of its series.
OPEN_FOR_FORMS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportState:
    """What is kept of a kind of report: how many forms came after the open one, None while none is open."""

    later: int | None = None


NO_REPORT = ReportState()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportReading:
    """What one form does to the report that is open, and whether it opens one."""

    opened: bool = False
    closed: State | None = None


def report_step(state: ReportState, *, reported: bool) -> tuple[ReportState, ReportReading]:
    """Take one kind of report (a rupture, a wish to talk) to the next form of its series.

    Parameters
    ----------
    state
        What is kept of the forms before, NO_REPORT for the first one.
    reported
        Whether this form reports it.

    Returns
    -------
    tuple of ReportState and ReportReading
        The state after the form, and what became of the report.

    Notes
    -----
    A report stays open until the fifth later form of the series, scored or not, and is then `unresolved`: nothing the
    service sees can repair it. While one is open another report opens none. A report at the fifth later form itself
    opens a new one, once the old one is closed.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> state, reading = report_step(NO_REPORT, reported=True)
    >>> reading.opened, report_step(state, reported=True)[1].opened
    (True, False)
    """
    later = None if state.later is None else state.later + 1
    closed: State | None = "unresolved" if later == OPEN_FOR_FORMS else None
    if closed is not None:
        later = None
    opened = reported and later is None
    return ReportState(later=0 if opened else later), ReportReading(opened=opened, closed=closed)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOffState:
    """What is kept of published cut-offs: whether one is met."""

    is_open: bool = False


NO_CUT_OFF = CutOffState()


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOffReading:
    """The cut-off that a form meets, and what became of the signal."""

    met: CutOff | None = None
    opened: bool = False
    closed: State | None = None


_COMPARE: Mapping[Direction, Callable[[float, float], bool]] = {
    "below": lt,
    "at_or_below": le,
    "above": gt,
    "at_or_above": ge,
}


def meets(cut_off: CutOff, value: float) -> bool:
    """Say whether a value, in the instrument's convention, is on the side that the cut-off is about.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> cut_off = shipped().latest("srs").cut_offs[0]
    >>> meets(cut_off, 36.0), meets(cut_off, 36.1)
    (True, False)
    """
    return _COMPARE[cut_off.direction](value, cut_off.value)


def cut_off_step(
    state: CutOffState, value: float | None, cut_offs: Sequence[CutOff]
) -> tuple[CutOffState, CutOffReading]:
    """Hold the total of one form against the published cut-offs of its instrument.

    Parameters
    ----------
    state
        What is kept of the forms before, NO_CUT_OFF for the first one.
    value
        The total by the instrument's own convention [its unit and direction], None when not scored.
    cut_offs
        Those that the instrument's authors published for its total, of this instrument and no other.

    Returns
    -------
    tuple of CutOffState and CutOffReading
        The state after the form; the first cut-off that is met.

    Notes
    -----
    It opens when one is met, stays open without being raised again, and is `repaired` when none is met any more. There
    is no gap between the two: the authors published one number. A total that is not scored changes nothing.

    References
    ----------
    Each cut-off names its own source.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> _, reading = cut_off_step(NO_CUT_OFF, 35.5, shipped().latest("srs").cut_offs)
    >>> reading.opened, reading.met.value
    (True, 36.0)
    """
    if value is None:
        return state, CutOffReading()
    met = next((one for one in cut_offs if meets(one, value)), None)
    closed: State | None = "repaired" if state.is_open and met is None else None
    opened = met is not None and not state.is_open
    return CutOffState(is_open=met is not None), CutOffReading(met=met, opened=opened, closed=closed)
