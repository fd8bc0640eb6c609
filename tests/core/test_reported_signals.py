"""What was said, and what authors published."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.change.reported import NO_CUT_OFF, NO_REPORT, CutOffReading, ReportReading, cut_off_step, meets, report_step
from app.instruments.catalog import shipped
from app.instruments.model import CutOff, Direction, Source


def reports(said: str) -> list[ReportReading]:
    """Take forms from the start of a series: `R` reports, `.` does not."""
    state, found = NO_REPORT, []
    for one in said:
        state, reading = report_step(state, reported=one == "R")
        found.append(reading)
    return found


def cut_offs(values: Sequence[float | None], *given: CutOff) -> list[CutOffReading]:
    """Take totals from the start of a series."""
    state, found = NO_CUT_OFF, []
    for value in values:
        state, reading = cut_off_step(state, value, given)
        found.append(reading)
    return found


def cut_off(value: float, direction: Direction) -> CutOff:
    """Invent a published cut-off."""
    return CutOff(component="total", value=value, direction=direction, source=Source(says="invented", doi=None))


def opened(readings: Sequence[ReportReading | CutOffReading]) -> list[int]:
    """Name the forms, from 1, that opened a signal."""
    return [n for n, reading in enumerate(readings, start=1) if reading.opened]


def closed(readings: Sequence[ReportReading | CutOffReading]) -> list[tuple[int, str]]:
    """Name the forms, from 1, that closed one, and how."""
    return [(n, reading.closed) for n, reading in enumerate(readings, start=1) if reading.closed]


@pytest.mark.parametrize(
    ("said", "opens", "closes"),
    [
        ("......", [], []),
        ("R....", [1], []),
        ("R.....", [1], [(6, "unresolved")]),
        ("RR.R..", [1], [(6, "unresolved")]),  # said again while open: the same one, and not for longer
        ("R....R", [1, 6], [(6, "unresolved")]),  # said again at the fifth later form: looked at anew
        ("R......R", [1, 8], [(6, "unresolved")]),
        (".R.....", [2], [(7, "unresolved")]),
    ],
)
def test_a_report_stays_open_until_the_fifth_later_form(
    said: str, opens: list[int], closes: list[tuple[int, str]]
) -> None:
    """Nothing that the service sees repairs what somebody said."""
    readings = reports(said)
    assert (opened(readings), closed(readings)) == (opens, closes)


def test_the_cut_off_of_the_srs() -> None:
    """A total of 36 or less opens once, a missing one changes nothing, and above 36 it is closed."""
    (published,) = shipped().latest("srs").cut_offs
    readings = cut_offs([36.1, 36.0, 30.0, None, 35.9, 36.1, None, 36.0], published)
    assert opened(readings) == [2, 8]
    assert closed(readings) == [(6, "repaired")]


@pytest.mark.parametrize(
    ("direction", "met"),
    [
        ("below", [True, False, False]),
        ("at_or_below", [True, True, False]),
        ("above", [False, False, True]),
        ("at_or_above", [False, True, True]),
    ],
)
def test_the_directions_of_a_cut_off(direction: Direction, met: list[bool]) -> None:
    """Just below, at, and just above the published value."""
    assert [meets(cut_off(36.0, direction), value) for value in (35.9, 36.0, 36.1)] == met


def test_of_several_cut_offs_the_first_that_is_met() -> None:
    """It stays open while any is met; an instrument without one never opens."""
    strict, mild = cut_off(20.0, "at_or_below"), cut_off(30.0, "at_or_below")
    readings = cut_offs([25.0, 15.0, 31.0], strict, mild)
    assert [reading.met for reading in readings] == [mild, strict, None]
    assert (opened(readings), closed(readings)) == ([1], [(3, "repaired")])
    assert opened(cut_offs([0.0, 0.0])) == []
