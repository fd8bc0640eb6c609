"""DECLINE and LOW: what RUP-1 cannot see, with a gap between opening and closing."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.change import decline, low
from app.change.decline import DECLINE, START_OF_DECLINE, DeclineReading, DeclineState
from app.change.low import LOW, START_OF_LOW, LowReading, LowState
from app.change.rupture import START_OF_RUPTURE
from app.change.rupture import step as rupture_step
from app.change.signal import Parameters
from app.storage.documents import to_json

KNOWN = Parameters(version="fixture", calibrated=True, mu0=3.9, tau=0.6, s0=0.30, sem=0.20)


def declines(scores: Sequence[float | None]) -> list[DeclineReading]:
    """Take a series from its start."""
    state, found = START_OF_DECLINE, []
    for score in scores:
        state, reading = decline.step(state, score, parameters=KNOWN)
        found.append(reading)
    return found


def lows(pomps: Sequence[float | None]) -> list[LowReading]:
    """Take a series from its start."""
    state, found = START_OF_LOW, []
    for pomp in pomps:
        state, reading = low.step(state, pomp)
        found.append(reading)
    return found


def opened(readings: Sequence[DeclineReading | LowReading]) -> list[int]:
    """Name the sessions, from 1, that opened a signal."""
    return [n for n, reading in enumerate(readings, start=1) if reading.opened]


def closed(readings: Sequence[DeclineReading | LowReading]) -> list[int]:
    """Name the sessions, from 1, that closed one; all of them repaired."""
    assert {reading.closed for reading in readings} <= {None, "repaired"}
    return [n for n, reading in enumerate(readings, start=1) if reading.closed]


def test_a_slow_slide() -> None:
    """4.6 falling .1 a session opens at session 10; 2.58 sqrt(2/3) .30 is .632. RUP-1 says so at session 16."""
    slide = [4.6 - n / 10 for n in range(17)]
    readings = declines(slide)
    assert opened(readings) == [10]
    assert readings[9].difference == pytest.approx(0.7)
    assert readings[9].threshold == pytest.approx(0.6320, abs=1e-4)
    assert readings[9].standard_error == pytest.approx(0.2449, abs=1e-4)
    state, alerts = START_OF_RUPTURE, []
    for number, score in enumerate(slide, start=1):
        state, told = rupture_step(state, score, session_number=number, parameters=KNOWN)
        alerts += [number] if told.opened == "alert" else []
    assert alerts == [16]


def test_a_decline_needs_six_scored_sessions() -> None:
    """The two ends must not overlap, and a session without a total is no end."""
    steep: list[float | None] = [4.5, 4.5, 4.5, 3.0, 3.0]
    assert opened(declines(steep)) == []
    assert [r.difference for r in declines(steep)] == [None] * 5
    assert opened(declines([*steep, None, 3.0])) == [7]


def test_a_decline_opens_once_and_closes_below_half() -> None:
    """Staying low opens no second one; .316 is half of .632."""
    fallen = [4.5, 4.5, 4.5, 3.8, 3.8, 3.8]
    assert opened(declines([*fallen, *[3.8] * 10])) == [6]
    assert closed(declines([*fallen, 4.15, 4.2, 4.2])) == []  # still .3167 below
    assert closed(declines([*fallen, 4.2, 4.2, 4.2])) == [9]  # .3 below
    again = declines([*fallen, 4.3, 4.3, 4.3, 3.8, 3.8, 3.8])
    assert (opened(again), closed(again)) == ([6, 12], [9])


def test_near_the_threshold_a_decline_does_not_flicker() -> None:
    """A series that goes to and fro across the threshold opens one, not one after the other."""
    fallen = [4.5, 4.5, 4.5]
    fro = [3.8, 3.8, 3.9] * 8
    readings = declines(fallen + fro)
    crossings = [r.difference is not None and r.difference >= 0.632 for r in readings]
    assert (opened(readings), closed(readings)) == ([6], [])
    assert crossings[5:] == [True] * len(crossings[5:])
    wavering = declines([*fallen, 3.8, 3.8, 3.9, 4.0, 3.9, 3.7, 3.8, 4.0, 3.9, 3.7, 3.7])
    under = [r.difference is not None and r.difference < 0.632 for r in wavering]
    assert True in under[6:]
    assert (opened(wavering), closed(wavering)) == ([6], [])


def test_the_larger_of_spread_and_error_counts() -> None:
    """An error above the spread makes the threshold wider; neither is nothing to hold a series against."""
    coarse = Parameters(version="1", calibrated=False, mu0=3.9, tau=0.6, s0=0.1, sem=0.5)
    state = START_OF_DECLINE
    for score in [4.5] * 6:
        state, reading = decline.step(state, score, parameters=coarse)
    assert reading.threshold == pytest.approx(2.58 * 0.5 * (2 / 3) ** 0.5)
    none = Parameters(version="1", calibrated=False, mu0=3.9, tau=0.6, s0=0.0, sem=0.0)
    with pytest.raises(ValueError, match="above 0"):
        decline.step(START_OF_DECLINE, 4.0, parameters=none)


def test_a_relationship_that_was_never_good() -> None:
    """2.0 of 5 for twelve sessions raises nothing in RUP-1 and is seen here at the first session, once."""
    state = START_OF_RUPTURE
    for number in range(1, 13):
        state, told = rupture_step(state, 2.0, session_number=number, parameters=KNOWN)
        assert told.opened is None
    readings = lows([25.0] * 12)
    assert (opened(readings), closed(readings)) == ([1], [])
    assert (readings[0].form, readings[0].threshold) == ("low", 40.0)


@pytest.mark.parametrize(("pomp", "form"), [(39.9, "low"), (40.0, "low"), (40.1, None)])
def test_the_bound_of_the_first_form(pomp: float, form: str | None) -> None:
    """At or below 40 opens."""
    assert lows([pomp])[0].form == form


def test_low_is_repaired_above_55() -> None:
    """Between 40 and 55 it stays open; above, it closes, and at 40 it opens again."""
    readings = lows([40.0, 50.0, 55.0, 55.1, 45.0, 40.0])
    assert (opened(readings), closed(readings)) == ([1, 6], [4])


def test_staying_at_55_for_four_sessions() -> None:
    """The second form opens at the fourth scored session, not before and not with a total missing."""
    assert opened(lows([55.0] * 3)) == []
    readings = lows([55.0] * 6)
    assert opened(readings) == [4]
    assert (readings[3].form, readings[3].threshold, readings[3].sessions_used) == ("staying_low", 55.0, 4)
    assert opened(lows([55.0, None, 55.0, None, 55.0, 55.0])) == [6]
    assert opened(lows([55.0, 55.0, 55.0, 55.1])) == []
    assert opened(lows([48.0, 60.0, 60.0, 55.0])) == []  # the mean is 55.75
    assert opened(lows([45.0, 60.0, 60.0, 55.0])) == [4]  # the mean is 55


def test_upward_change_holds_the_second_form_back() -> None:
    """Ten points from the first two to the last two of the four are a change; nine are not."""
    assert opened(lows([42.0, 42.0, 52.0, 52.0])) == []
    assert opened(lows([42.0, 42.0, 51.0, 51.0])) == [4]
    stalled = lows([42.0, 42.0, 52.0, 52.0, 52.0])
    assert stalled[4].rise == 5.0
    assert opened(stalled) == [5]


def test_around_55_low_does_not_flicker() -> None:
    """After it was closed the second form needs four scored sessions anew."""
    readings = lows([54.0, 54.0, 54.0, 54.0, 57.0, 53.0, 54.0, 54.0, 54.0])
    assert (opened(readings), closed(readings)) == ([4, 9], [5])


@given(
    pomps=st.lists(
        st.one_of(st.none(), st.sampled_from([20.0, 39.0, 41.0, 48.0, 54.0, 55.0, 56.0, 70.0, 95.0])), max_size=50
    )
)
def test_low_opens_and_closes_in_turns_and_keeps_a_fixed_size(pomps: list[float | None]) -> None:
    """There is never a second signal while one is open, and no more than four totals are kept."""
    state, turns = START_OF_LOW, []
    for pomp in pomps:
        state, reading = low.step(state, pomp)
        state = msgspec.json.decode(to_json(state), type=LowState)
        assert not (reading.opened and reading.closed)
        turns += ["open"] if reading.opened else ["closed"] if reading.closed else []
        assert len(state.last) <= 4
    assert turns == (["open", "closed"] * len(turns))[: len(turns)]


@given(scores=st.lists(st.one_of(st.none(), st.integers(12, 60).map(lambda n: n / 12)), max_size=60))
def test_decline_is_that_of_the_lists(scores: list[float | None]) -> None:
    """Sums of fixed size give what means over the whole series do."""
    known: list[float] = []
    state = START_OF_DECLINE
    for score in scores:
        state, reading = decline.step(state, score, parameters=KNOWN)
        state = msgspec.json.decode(to_json(state), type=DeclineState)
        assert len(state.last) <= 3
        if score is None:
            continue
        known.append(score)
        if len(known) >= 6:
            assert reading.difference == pytest.approx(sum(known[:3]) / 3 - sum(known[-3:]) / 3)
        else:
            assert reading.difference is None


def test_the_settings_of_version_1() -> None:
    """Released numbers are never edited: others are another version."""
    assert json.loads(to_json([DECLINE, LOW])) == [
        {"version": "1", "window": 3, "limit": 2.58, "repaired_share": 0.5},
        {"version": "1", "low": 40.0, "staying": 55.0, "sessions": 4, "rise": 10.0},
    ]
