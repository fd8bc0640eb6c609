"""The watch over a series: which signals are told at which form, and what is kept."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from app.change.rupture import RuptureSettings
from app.change.signal import Look, Parameters, Signal
from app.change.signal_id import signal_id
from app.change.watch import RULES, START, Rupture, SeriesWatch, ceiling, look
from app.instruments.catalog import shipped
from app.instruments.model import CutOff, ItemId, Source
from app.scoring.score import score
from app.storage.documents import to_json

UNKNOWN = Parameters(version="fractions", calibrated=False, mu0=3.9, tau=0.6, s0=0.30, sem=0.20)
CALIBRATED = replace(UNKNOWN, version="local.1", calibrated=True)
DIP = [4.0, 4.1, 4.0, 4.2, 4.1, 3.2, 4.0, 4.2]
CUT_OFF = CutOff(component="total", value=3.5, direction="at_or_below", source=Source(says="invented", doi=None))


def form(
    number: int,
    mean: float | None,
    *,
    parameters: Parameters = UNKNOWN,
    rupture: bool = False,
    wish: bool = False,
    cut_offs: tuple[CutOff, ...] = (),
) -> Look:
    """One form of a scale from 1 to 5 that reports means."""
    return Look(
        submission_id=UUID(f"0193{number:04x}-0000-7000-8000-{number:012x}"),
        session_number=number,
        mean=mean,
        pomp=None if mean is None else 25 * (mean - 1),
        value=mean,
        reported_rupture=rupture,
        wish_to_talk=wish,
        cut_offs=cut_offs,
        parameters=parameters,
    )


def fold(forms: list[Look]) -> tuple[SeriesWatch, list[tuple[Signal, ...]]]:
    """Take a series from its start."""
    state, told = START, []
    for one in forms:
        state, signals = look(state, one)
        told.append(signals)
    return state, told


def series(means: list[float], parameters: Parameters = UNKNOWN) -> list[Look]:
    """Give forms with nothing but totals."""
    return [form(number, mean, parameters=parameters) for number, mean in enumerate(means, start=1)]


def brief(signals: tuple[Signal, ...]) -> list[tuple[str, str, str]]:
    """Say of each signal what a therapist sees first."""
    return [(signal.rule, signal.level, signal.state) for signal in signals]


def test_a_dip_from_its_onset_to_its_repair() -> None:
    """It is told where it opens and where it closes, with its numbers, and is gone after that."""
    state, told = fold(series(DIP))
    assert [brief(signals) for signals in told] == [[]] * 5 + [
        [("RUP-1", "watch", "open")],
        [("RUP-1", "watch", "repaired")],
        [],
    ]
    opened, closed = told[5][0], told[6][0]
    assert (opened.detected, opened.kind, opened.component, opened.evidence) == ("alert", "rupture", "total", "design")
    assert (opened.value, opened.sessions_used, opened.drift) == (3.2, 5, False)
    assert opened.baseline is not None
    assert opened.spread is not None
    assert (round(opened.baseline, 4), round(opened.spread, 4), round(opened.z or 0, 4)) == (4.0873, 0.2662, -3.3330)
    assert opened.threshold == pytest.approx(3.4671, abs=1e-3)  # 4.0873 - 2.33 x .2662
    assert closed == replace(opened, state="repaired", closed_session=7)
    assert closed.latency == 1
    assert (state.open, state.onset_session) == ((), 6)


def test_rule_12_caps_what_is_reported_and_nothing_else() -> None:
    """Without calibration an alert is reported as a watch without a rate; the state is the same either way."""
    kept, told = fold(series(DIP[:6]))
    sure, said = fold(series(DIP[:6], CALIBRATED))
    capped, full = told[5][0], said[5][0]
    assert (capped.level, capped.detected, capped.expected_false_alarms) == ("watch", "alert", None)
    assert (full.level, full.detected, full.expected_false_alarms) == ("alert", "alert", 0.016)
    assert kept.rupture == sure.rupture
    assert kept.onset_session == sure.onset_session == 6
    watch = fold(series([*DIP[:5], 3.6], CALIBRATED))[1][5][0]
    assert (watch.level, watch.expected_false_alarms) == ("watch", 0.052)


def test_the_rate_is_that_of_version_1_only() -> None:
    """Nobody has simulated a rule with other numbers."""
    other = Rupture(RuptureSettings(version="2", alert_z=3.0))
    state = START
    for one in series(DIP[:6], CALIBRATED):
        state, signals = look(state, one, rules=(other,))
    assert [(s.version, s.level, s.expected_false_alarms) for s in signals] == [("2", "alert", None)]


def test_a_watch_is_no_onset_and_gives_way_to_an_alert() -> None:
    """The watch is closed before the rupture opens, each with an id of its own."""
    state, told = fold(series([*DIP[:5], 3.6]))
    assert (brief(told[5]), state.onset_session) == ([("RUP-1", "watch", "open")], None)
    state, told = fold(series([*DIP[:5], 3.6, 2.9]))
    first, second = told[6]
    assert [(s.detected, s.state, s.opened_session, s.closed_session) for s in told[6]] == [
        ("watch", "passed", 6, 7),
        ("alert", "open", 7, None),
    ]
    assert first.signal_id != second.signal_id
    assert (state.onset_session, state.open) == (7, (second,))


def test_the_threshold_of_a_drift_is_the_bound_that_the_sum_sets() -> None:
    """3.1 is above the alert's own bound of 2.6456 and below 3.5249 - (4.5 - 3.9148) x .3774 = 3.3040."""
    told = fold(series([4.2, 4.2, 4.2, 4.2, 3.85, 3.75, 3.65, 3.5, 3.35, 3.25, 3.1]))[1][10]
    (drift,) = [signal for signal in told if signal.rule == "RUP-1"]
    assert (drift.drift, drift.detected, drift.value) == (True, "alert", 3.1)
    assert drift.threshold == pytest.approx(3.3040, abs=1e-3)


def test_a_reported_rupture_is_an_alert_whatever_is_calibrated() -> None:
    """A report is a fact; it carries no numbers, and a second one while it is open opens none."""
    state, told = fold([form(n, 4.0, rupture=n in (2, 4)) for n in range(1, 8)])
    assert [brief(signals) for signals in told] == [
        [],
        *[[("reported.rupture", "alert", "open")]] * 5,
        [("reported.rupture", "alert", "unresolved")],
    ]
    report = told[1][0]
    assert (report.evidence, report.component, report.value, report.threshold) == ("reported", "report", None, None)
    assert (report.expected_false_alarms, report.sessions_used) == (None, 0)
    assert state.onset_session == 2


def test_the_onset_is_the_latest_of_both_ways() -> None:
    """A report after a detected onset counts as the later one, and the other way round."""
    both = [form(n, mean, rupture=n == 7) for n, mean in enumerate([*DIP[:6], 3.3], start=1)]
    assert fold(both)[0].onset_session == 7
    first = [form(n, mean, rupture=n == 3) for n, mean in enumerate(DIP[:6], start=1)]
    assert fold(first)[0].onset_session == 6


def test_signals_are_told_in_the_order_of_the_rules() -> None:
    """The most urgent first, whichever opened first."""
    means = [4.0, 4.1, 4.0, 4.2, 4.1, 1.8]
    forms = [form(n, m, wish=n == 5, rupture=n == 6, cut_offs=(CUT_OFF,)) for n, m in enumerate(means, start=1)]
    state, told = fold(forms)
    assert brief(told[5]) == [
        ("reported.rupture", "alert", "open"),
        ("RUP-1", "watch", "open"),
        ("LOW", "watch", "open"),
        ("DECLINE", "watch", "open"),
        ("cut_off.published", "watch", "open"),
        ("reported.wish_to_talk", "watch", "open"),
    ]
    assert state.open == told[5]
    low, decline, cut_off, wish = told[5][2:]
    assert (low.value, low.threshold, low.sessions_used) == (20.0, 40.0, 1)
    assert (cut_off.value, cut_off.threshold, cut_off.evidence) == (1.8, 3.5, "published")
    assert wish.opened_session == 5
    assert decline.baseline == pytest.approx(4.0333, abs=1e-4)
    assert decline.value == pytest.approx(3.3667, abs=1e-4)
    assert decline.threshold == pytest.approx(4.0333 - 0.6320, abs=1e-4)


def test_a_decline_has_the_same_numbers_as_a_rupture() -> None:
    """The value is z spreads from the baseline, and at or below the threshold."""
    told = fold(series([4.6 - n / 10 for n in range(10)], CALIBRATED))[1][9]
    (decline,) = [signal for signal in told if signal.rule == "DECLINE"]
    assert (decline.level, decline.expected_false_alarms, decline.sessions_used) == ("watch", None, 10)
    assert decline.z == pytest.approx(-0.7 / 0.2449, abs=1e-3)


def test_a_total_that_is_not_scored_lets_only_reports_grow_older() -> None:
    """Everything else waits for the next scored session."""
    before = series([*DIP[:5], 3.2])
    state, _ = fold(before)
    for number in range(7, 14):
        state, told = look(state, form(number, None, cut_offs=(CUT_OFF,)))
        assert brief(told) == [("RUP-1", "watch", "open")]
    assert state == fold(before)[0]


def test_ids_and_words_of_the_rules() -> None:
    """Every rule has an id of its own, says why, where it is from, and what it is."""
    assert [rule.id for rule in RULES] == [
        "reported.rupture",
        "RUP-1",
        "LOW",
        "DECLINE",
        "cut_off.published",
        "reported.wish_to_talk",
    ]
    for rule in RULES:
        assert rule.version == "1"
        assert len(rule.why) > 60
        assert rule.source
        assert not re.search(r"diagnos|improve[sd]? outcome|predict", rule.why + rule.source)
    assert [rule.status for rule in RULES if rule.evidence == "published"] == ["published"]
    assert {rule.status for rule in RULES if rule.evidence != "published"} == {"design, not validated"}


def test_an_id_follows_from_its_submission() -> None:
    """It is a version 7 id with the submission's time, the same every time, and another one for every rule."""
    submission = uuid7()
    one = signal_id(submission, rule="RUP-1", component="total")
    assert one == signal_id(submission, rule="RUP-1", component="total")
    assert (one.version, one.variant) == (7, "specified in RFC 4122")
    assert one.bytes[:6] == submission.bytes[:6]
    at = datetime.fromtimestamp(int.from_bytes(one.bytes[:6], "big") / 1000, UTC)
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    ids = {signal_id(submission, rule=rule.id, component=rule.component) for rule in RULES}
    ids |= {
        signal_id(submission, rule="RUP-1", component="bond"),
        signal_id(submission, rule="a", component="bc"),
        signal_id(submission, rule="ab", component="c"),
        signal_id(uuid7(), rule="RUP-1", component="total"),
        submission,
    }
    assert len(ids) == len(RULES) + 5


def test_an_id_is_the_one_that_is_stored() -> None:
    """Two ids that were worked out once: with other ones, signals that are stored would lose their names."""
    submission = UUID("01936f5e-9d3c-7a20-8b1c-2f6d5e4c3b2a")
    assert str(signal_id(submission, rule="RUP-1", component="total")) == "01936f5e-9d3c-7651-a3b2-c0aa07fcd807"


@given(
    steps=st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(12, 60).map(lambda n: n / 12), st.sampled_from([4.0, 4.1, 3.2])),
            st.booleans(),
            st.booleans(),
            st.sampled_from([UNKNOWN, CALIBRATED]),
        ),
        max_size=40,
    )
)
@settings(max_examples=150, deadline=None)
def test_appending_equals_rebuilding(steps: list[tuple[float | None, bool, bool, Parameters]]) -> None:
    """Through its document after every form, or in one go: the same state and the same signals."""
    forms = [
        form(number, mean, rupture=rupture and wish, wish=wish, parameters=parameters, cut_offs=(CUT_OFF,))
        for number, (mean, rupture, wish, parameters) in enumerate(steps, start=1)
    ]
    whole, told = fold(forms)
    state = START
    open_before: tuple[Signal, ...] = ()
    for one, expected in zip(forms, told, strict=True):
        state, signals = look(msgspec.json.decode(to_json(state), type=SeriesWatch), one)
        assert signals == expected
        assert state.open == tuple(s for s in signals if s.is_open)
        assert {s.signal_id for s in open_before} <= {s.signal_id for s in signals}, "an open signal was lost"
        assert len({s.signal_id for s in signals}) == len(signals)
        assert len({s.rule for s in state.open}) == len(state.open)
        open_before = state.open
    assert state == whole


@given(means=st.lists(st.integers(12, 60).map(lambda n: n / 12), max_size=60))
@settings(deadline=None)
def test_a_threshold_is_at_or_above_the_value_it_stopped(means: list[float]) -> None:
    """Whichever bound was passed, and value, baseline, spread and z agree."""
    for signals in fold(series(means))[1]:
        for signal in signals:
            assert signal.value is not None
            assert signal.threshold is not None
            assert signal.value <= signal.threshold + 1e-12
            if signal.z is not None:
                assert signal.baseline is not None
                assert signal.spread is not None
                assert signal.z == pytest.approx((signal.value - signal.baseline) / signal.spread)


def test_the_state_stays_small() -> None:
    """Two hundred forms need no more room than ten; the open signals are what varies."""
    means = [4.0, 4.1, 4.0, 4.2, 4.1] * 40
    state, sizes = START, []
    for one in series(means):
        state, _ = look(state, one)
        sizes.append(len(to_json(state)))
    assert sizes[199] < 1.3 * sizes[9]
    assert max(sizes) < 1000


def test_the_ceiling_is_a_note_on_complete_totals_only() -> None:
    """100 exactly, not prorated; one point less, a prorated maximum and no score are none."""
    trq = shipped().latest("trq-s")
    scored = [item.id for item in trq.items if item.role == "scored"]
    full = dict.fromkeys(scored, 5)

    def note(**changed: int | None) -> str | None:
        return ceiling(score(trq, {**full, **{ItemId(k[1:]): v for k, v in changed.items()}})[-1])

    assert note() == "ceiling"
    assert note(_1=4) is None
    assert note(_1=None) is None
    assert ceiling(score(trq, {})[-1]) is None
