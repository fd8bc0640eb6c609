"""RUP-1: the fixtures of the science page, and a list-based reading of it as an oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import sqrt

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.change.rupture import RUP_1, START_OF_RUPTURE, Reading, RuptureState, step
from app.change.signal import Parameters
from app.storage.documents import to_json

KNOWN = Parameters(version="fixture", calibrated=True, mu0=3.9, tau=0.6, s0=0.30, sem=0.20)
WIDE = Parameters(version="wide", calibrated=True, mu0=3.2, tau=0.4, s0=0.55, sem=0.35)
NARROW = Parameters(version="narrow", calibrated=True, mu0=4.3, tau=0.9, s0=0.18, sem=0.25)


def chart(scores: Sequence[float | None], parameters: Sequence[Parameters] | None = None) -> list[Reading]:
    """Take a series from its start, sessions numbered from 1."""
    state, found = START_OF_RUPTURE, []
    for number, score in enumerate(scores, start=1):
        held = parameters[number - 1] if parameters else KNOWN
        state, reading = step(state, score, session_number=number, parameters=held)
        found.append(reading)
    return found


def zs(readings: list[Reading]) -> list[float | None]:
    """Give the z of each session to four decimals."""
    return [None if r.z is None else round(r.z, 4) for r in readings]


def test_the_first_fixture() -> None:
    """A dip of one session opens at the sixth and is repaired at the seventh."""
    readings = chart([4.0, 4.1, 4.0, 4.2, 4.1, 3.2, 4.0, 4.2])
    assert zs(readings) == [None, None, -0.1185, 0.5869, 0.0527, -3.3330, -0.3280, 0.5681]
    assert [r.insufficient_history for r in readings] == [True, True, False, False, False, False, False, False]
    assert [r.opened for r in readings] == [None, None, None, None, None, "alert", None, None]
    assert [r.closed for r in readings] == [None, None, None, None, None, None, "repaired", None]
    assert [r.onset_session for r in readings] == [None, None, None, None, None, 6, 6, None]
    onset, repaired = readings[5], readings[6]
    assert onset.expected is not None
    assert (round(onset.expected.baseline, 4), round(onset.expected.spread, 4)) == (4.0873, 0.2662)
    assert repaired.latency == 1


def test_the_second_fixture() -> None:
    """A lasting fall opens at the fifth session, is given up on at the tenth, and is the baseline from then on."""
    readings = chart([4.2] * 4 + [3.2] * 10)
    assert zs(readings)[4] == -3.5248
    assert [r.session_number for r in readings if r.opened] == [5]
    assert [(r.session_number, r.closed, r.latency) for r in readings if r.closed] == [(10, "unresolved", 5)]
    assert zs(readings)[10] == -0.1512
    assert all(r.raw is None for r in readings[10:])


def test_the_bounds_of_the_chart() -> None:
    """The bounds lie 1.64 and 2.33 spreads below what is expected, worked out by hand from the first fixture."""
    onset = chart([4.0, 4.1, 4.0, 4.2, 4.1, 3.2])[5]
    assert onset.watch_below == pytest.approx(4.0873 - 1.64 * 0.2662, abs=1e-4)
    assert onset.alert_below == pytest.approx(4.0873 - 2.33 * 0.2662, abs=1e-4)
    assert onset.drift_below == pytest.approx(4.0873 - 4.5 * 0.2662, abs=3e-4)  # S was 0 before


def test_a_session_without_a_total_changes_nothing() -> None:
    """Neither the baseline nor the count towards unresolved; latency is told in session numbers all the same."""
    gaps: list[float | None] = [4.2, None, 4.2, 4.2, None, 4.2, 3.2, None, None, 3.2, 3.2, 3.2, None, 3.2, 3.2]
    readings = chart(gaps)
    scored = [r for r in readings if r.score is not None]
    assert zs(scored) == zs(chart([4.2] * 4 + [3.2] * 6))
    assert [(r.session_number, r.closed, r.latency) for r in readings if r.closed] == [(15, "unresolved", 8)]
    empty = readings[7]
    assert (empty.z, empty.raw, empty.expected, empty.onset_session) == (None, None, None, 7)
    assert [readings[1].insufficient_history, readings[4].insufficient_history] == [True, False]


def test_a_watch_closes_at_the_next_scored_session() -> None:
    """A dip that is back is repaired; one that is not, or that grows into a rupture, has passed."""
    dip = [4.0, 4.1, 4.0, 4.2, 4.1, 3.6]
    assert [r.raw for r in chart(dip)] == [None] * 5 + ["watch"]
    back = chart([*dip, None, 4.1])
    assert [(r.session_number, r.opened, r.closed, r.latency) for r in back[5:]] == [
        (6, "watch", None, None),
        (7, None, None, None),
        (8, None, "repaired", 2),
    ]
    halfway = chart([*dip, 3.8])[-1]
    assert (halfway.opened, halfway.closed) == (None, "passed")
    worse = chart([*dip, 2.9])[-1]
    assert (worse.opened, worse.closed, worse.onset_session) == ("alert", "passed", 7)
    again = chart([4.2, 4.2, 4.2, 4.2, 4.2, 3.75, 3.45])
    assert [(r.opened, r.closed) for r in again[5:]] == [("watch", None), ("watch", "passed")]


def test_a_watch_that_becomes_an_alert_is_never_repaired() -> None:
    """With other parameters on the way a total can be back where it was and still let the sum pass its limit."""
    state = START_OF_RUPTURE
    for number, score in enumerate([4.0, 4.1, 4.0, 4.2, 4.1, 3.6], start=1):
        state, _ = step(state, score, session_number=number, parameters=KNOWN)
    state = replace(state, cusum=3.9)
    strict = replace(KNOWN, mu0=5.0, tau=0.1, s0=0.4)
    state, told = step(state, 4.0, session_number=7, parameters=strict)
    assert (told.drift, told.opened, told.closed) == (True, "alert", "passed")
    assert state.dip is None


def test_a_score_of_a_watch_enters_the_baseline_and_one_of_an_alert_does_not() -> None:
    """The baseline must not be pulled down by the rupture that it shows."""
    before = [4.0, 4.1, 4.0, 4.2, 4.1]
    watch, alert = chart([*before, 3.6, 4.0])[-1], chart([*before, 3.2, 4.0])[-1]
    assert watch.expected is not None
    assert alert.expected is not None
    assert (watch.expected.sessions_used, alert.expected.sessions_used) == (6, 5)


def test_a_drift_opens_without_any_low_session() -> None:
    """Small steps below expectation add up; the bound that is told is the one that was passed."""
    scores: list[float | None] = [4.2, 4.2, 4.2, 4.2, 3.85, 3.75, 3.65, 3.5, 3.35, 3.25, 3.1, 3.0]
    opened = next(r for r in chart(scores) if r.opened == "alert")
    assert opened.drift
    assert opened.cusum is not None
    assert opened.cusum > 4
    assert opened.score is not None
    assert opened.alert_below is not None
    assert opened.drift_below is not None
    assert opened.alert_below < opened.score < opened.drift_below


def test_a_spread_within_persons_is_needed() -> None:
    """Without one there is nothing to hold a score against, and a division by zero to come."""
    none = Parameters(version="1", calibrated=False, mu0=3.9, tau=0.6, s0=0.0, sem=0.0)
    with pytest.raises(ValueError, match="within persons"):
        chart([4.0, 4.0, 4.0], [none] * 3)


def test_what_is_kept_has_a_fixed_size() -> None:
    """The two hundredth session costs what the tenth does."""

    def numbers(state: RuptureState) -> int:
        return len(msgspec.json.decode(to_json(state))["reference"]) + len(state.since)

    state, sizes = START_OF_RUPTURE, []
    for number in range(1, 201):
        score = 3.0 if 100 <= number < 103 else 4.0 + number % 3 / 10
        state, _ = step(state, score, session_number=number, parameters=KNOWN)
        sizes.append(numbers(state))
    assert sizes[9] == sizes[199] == 6
    assert max(sizes) <= 6 + 5


def test_an_open_rupture_keeps_what_was_expected_at_its_onset() -> None:
    """Other parameters on the way move the bounds of the chart, not the line that counts as repaired."""
    scores: list[float | None] = [4.0, 4.1, 4.0, 4.2, 4.1, 3.2, 3.94]
    assert chart(scores)[-1].closed is None  # the line is 4.0873 - .5 x .2662 = 3.9542
    low = [KNOWN] * 6 + [WIDE]
    assert chart(scores, low)[-1].closed is None
    scores[-1] = 3.96
    assert chart(scores, low)[-1].closed == "repaired"


@dataclass
class Naive:
    """Section 5 line by line, over lists that grow."""

    ref: list[float] = field(default_factory=list)
    s: float = 0.0
    onset: tuple[int, float, float] | None = None
    since: list[float] = field(default_factory=list)
    dip: tuple[float, float] | None = None

    def session(self, number: int, x: float | None, p: Parameters) -> tuple[object, ...]:
        """Give z, S, raw, opened, closed and latency."""
        if x is None:
            return (None, None, None, None, None, None)
        if len(self.ref) < 2 and self.onset is None:
            self.ref.append(x)
            return (None, None, None, None, None, None)
        raw_weights = [0.7**age for age in range(len(self.ref))][::-1]
        w = [one / sum(raw_weights) for one in raw_weights]
        m = sum(a * b for a, b in zip(w, self.ref, strict=True))
        q = sum(a * a for a in w)
        rel = p.tau**2 / (p.tau**2 + p.s0**2 * q)
        m_star = rel * m + (1 - rel) * p.mu0
        plain = sum(self.ref) / len(self.ref)
        s2 = (6 * p.s0**2 + sum((one - plain) ** 2 for one in self.ref)) / (6 + len(self.ref) - 1)
        s = sqrt(max(s2, p.sem**2) * (1 + q))
        z = (x - m_star) / s
        shown = self.s = max(0.0, self.s - z - 0.5)
        drift = self.s > 4
        if drift:
            self.s = 0.0
        alert = (z <= -2.33 and m_star - x >= 1.64 * p.sem) or drift
        raw = "alert" if alert else "watch" if z <= -1.64 else None
        return (z, shown, raw, *self.signals(number, x, raw, m_star, s))

    def signals(self, number: int, x: float, raw: str | None, m_star: float, s: float) -> tuple[object, ...]:
        """Open and close, as the page and the helper's brief on watches say."""
        if self.onset is not None:
            begun, then, spread = self.onset
            self.since.append(x)
            if x >= then - 0.5 * spread:
                self.ref.append(x)
                closed = "repaired"
            elif len(self.since) == 6:
                self.ref = list(self.since)
                closed = "unresolved"
            else:
                return (None, None, None)
            self.onset, self.since, self.s = None, [], 0.0
            return (None, closed, number - begun)
        watch = None
        if self.dip is not None:
            watch = "repaired" if x >= self.dip[0] - 0.5 * self.dip[1] and raw != "alert" else "passed"
        self.dip = (m_star, s) if raw == "watch" else None
        if raw == "alert":
            self.onset, self.since = (number, m_star, s), [x]
        else:
            self.ref.append(x)
        return (raw, watch, None)


totals = st.one_of(
    st.none(), st.integers(12, 60).map(lambda n: n / 12), st.sampled_from([2.5, 3.0, 3.5, 4.0, 4.0, 4.0, 4.25])
)


@given(series=st.lists(st.tuples(totals, st.sampled_from([KNOWN, KNOWN, WIDE, NARROW])), max_size=60))
@settings(max_examples=300, deadline=None)
def test_the_state_of_fixed_size_equals_the_lists(series: list[tuple[float | None, Parameters]]) -> None:
    """Whatever comes, with missing totals and other parameters on the way, the numbers are those of the page."""
    naive, state = Naive(), START_OF_RUPTURE
    for number, (score, parameters) in enumerate(series, start=1):
        z, cusum, raw, opened, closed, latency = naive.session(number, score, parameters)
        state, told = step(state, score, session_number=number, parameters=parameters)
        assert told.z == (None if z is None else pytest.approx(z, abs=1e-9))
        assert told.cusum == (None if cusum is None else pytest.approx(cusum, abs=1e-9))
        assert (told.raw, told.opened, told.closed) == (raw, opened, closed)
        assert state.onset is None or state.dip is None
        if latency is not None:
            assert told.latency == latency


@given(series=st.lists(totals, max_size=40))
@settings(deadline=None)
def test_a_state_survives_its_document(series: list[float | None]) -> None:
    """What was written down and read again goes on to the same numbers, to the last bit."""
    kept = plain = START_OF_RUPTURE
    for number, score in enumerate(series, start=1):
        plain, one = step(plain, score, session_number=number, parameters=KNOWN)
        kept, other = step(kept, score, session_number=number, parameters=KNOWN)
        kept = msgspec.json.decode(to_json(kept), type=RuptureState)
        assert (kept, other) == (plain, one)


def test_the_settings_of_version_1() -> None:
    """Released numbers are never edited: others are another version."""
    assert msgspec.to_builtins(RUP_1) == {
        "version": "1",
        "carry": 0.7,
        "prior": 6.0,
        "history": 2,
        "watch_z": 1.64,
        "alert_z": 2.33,
        "beyond": 1.64,
        "slack": 0.5,
        "decision": 4.0,
        "repaired_z": 0.5,
        "unresolved_after": 5,
    }
