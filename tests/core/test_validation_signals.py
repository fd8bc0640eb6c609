from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from app.change.decline import DECLINE
from app.change.low import LOW
from app.validation.charts import ASSUMED, FAMILIES, decline_prompts, low_prompts, rupture_charts
from app.validation.document import signal_document
from app.validation.gates import signal_gates
from app.validation.quiet import Quiet, run_quiet
from app.validation.signal_tables import signal_tables
from app.validation.signals import CONDITIONS, RuleRow, SameRate, SignalResult, run_signals

#: False prompts, dips, shifts of watch or alert, then of alerts; courses of 12 and 20. Computed by another program.
SCIENCE = {
    "sd .28, as assumed": (0.052, 0.74, 0.66, 0.016, 0.52, 0.32, 0.38, 0.58),
    "sd .28, growth .02 a session to the 12th": (0.037, 0.68, 0.56, 0.011, 0.43, 0.23, 0.28, 0.44),
    "sd .45, parameters wrong": (0.095, 0.56, 0.65, 0.041, 0.38, 0.38, 0.63, 0.82),
    "sd .20, parameters wrong": (0.029, 0.86, 0.68, 0.006, 0.66, 0.30, 0.21, 0.37),
    "base 4.4 (ceiling)": (0.043, 0.70, 0.61, 0.014, 0.48, 0.28, 0.31, 0.48),
}
NOTHING = Quiet(slides=(), lows=(), together=())


def test_the_five_conditions_give_the_numbers_of_the_science_page() -> None:
    """With 500 series each figure lies within .07 of the table (shares) or .01 (false prompts a session)."""
    results = run_signals(seed=31, clients=500)
    assert [result.condition for result in results] == list(SCIENCE)
    for result in results:
        watch, alert = result.rows[:2]
        expected = SCIENCE[result.condition]
        assert (watch.false, alert.false) == pytest.approx((expected[0], expected[3]), abs=0.01)
        found = (watch.dip, watch.shift, alert.dip, alert.shift, *watch.courses)
        assert found == pytest.approx((*expected[1:3], *expected[4:]), abs=0.07), result.condition


def test_rivals_give_the_numbers_of_the_science_page() -> None:
    """Adjacent reliable change .071; .69; .52, and two within-person SD .058; .64; .41, within sampling error."""
    [result] = run_signals(seed=31, clients=1000, conditions=CONDITIONS[:1])
    rows = {row.rule: (row.false, row.dip, row.shift) for row in result.rows}
    assert rows["adjacent reliable change"] == pytest.approx((0.071, 0.69, 0.52), abs=0.05)
    assert rows["adjacent drop, 2 SD within"] == pytest.approx((0.058, 0.64, 0.41), abs=0.05)


def test_prompts_are_those_of_the_fixtures() -> None:
    """4.2 x 4 then 3.2 x 10: one alert at the fifth session, and no other; a gap changes nothing."""
    long = np.array([[4.2] * 4 + [3.2] * 10])
    charts = rupture_charts(long, ASSUMED)
    assert charts.alerts.nonzero()[1].tolist() == [4]
    assert (charts.prompts == charts.alerts).all()
    assert charts.strength[0, 4] == pytest.approx(3.5248, abs=1e-4)
    assert charts.strength[0, 5:9].tolist() == [-np.inf] * 4
    gap = rupture_charts(np.insert(long, 4, np.nan, axis=1), ASSUMED)
    assert gap.alerts.nonzero()[1].tolist() == [5]


def test_decline_and_low_are_run_with_any_setting() -> None:
    """A fall of .5 in six sessions is too little for the released limit, enough for a looser one; so is POMP 45."""
    falling = np.array([[4.5, 4.5, 4.5, 4.0, 4.0, 4.0]])
    assert not decline_prompts(falling, ASSUMED).any()
    assert decline_prompts(falling, ASSUMED, settings=replace(DECLINE, limit=2.0)).nonzero()[1].tolist() == [5]
    at_45 = np.array([[2.8, np.nan, 2.8]])
    assert not low_prompts(at_45).any()
    assert low_prompts(at_45, settings=replace(LOW, low=45.0)).nonzero()[1].tolist() == [0]


def test_a_family_is_looser_first() -> None:
    """The looser a rule of others is, the more often it prompts, so that one strictness has the rate of RUP-1."""
    [result] = run_signals(seed=3, clients=120, conditions=CONDITIONS[:1])
    for family, line in zip(FAMILIES, result.roc[1:], strict=True):
        assert line.rule == family.name
        false = [point[0] for point in line.points]
        assert false == sorted(false, reverse=True)
    for same in result.same_rate:
        assert same.false == result.rows[0].false


def test_the_same_seed_gives_the_same_numbers() -> None:
    """A run is decided by its seed."""
    one, again, other = (run_signals(seed=seed, clients=30, conditions=CONDITIONS[:1]) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    assert run_quiet(seed=1, clients=15) == run_quiet(seed=1, clients=15)


def test_decline_sees_a_slide_and_low_what_was_never_good() -> None:
    """The two rules do what they are there for, at a price that is told, and RUP-1 does not see what was never good."""
    quiet = run_quiet(seed=5, clients=300)
    slides = {row.rule: row for row in quiet.slides}
    released = slides["DECLINE, limit 2.58"]
    assert [row.rule for row in quiet.slides if row.released] == ["DECLINE, limit 2.58"]
    assert released.fast[1] > 0.75
    assert released.stable[1] < 0.15
    both = slides["RUP-1 or the released DECLINE"]
    assert both.slow[2] >= max(released.slow[2], slides["RUP-1, watch or alert"].slow[2])
    lows = {row.rule: row for row in quiet.lows}
    assert lows["LOW, 40 and 55"].never[1] > 0.6
    assert lows["LOW, 40 and 55"].well < 0.06
    assert lows["RUP-1, watch or alert"].never[1] < 0.2
    *each, together = quiet.together
    assert together.weekly == pytest.approx(sum(one.weekly for one in each))


def _result(*, gated: bool = True, false: float, dip: float, shift: float) -> SignalResult:
    row = RuleRow(
        rule="RUP-1, watch or alert",
        false=false,
        dip=dip,
        shift=shift,
        delays=(0.1, 0.2, 0.3, shift),
        courses=(0.3, 0.5),
        right=(0.4, 0.7),
        weekly=1.0,
    )
    same = SameRate(rule="adjacent reliable change", false=false, dip=0.6, shift=0.4)
    return SignalResult(condition="a", gated=gated, rows=(row, row), same_rate=(same,), roc=())


@pytest.mark.parametrize(
    ("false", "dip", "shift", "passed", "lost"),
    [
        (0.07, 0.7, 0.5, [True, True, True], "none"),
        (0.071, 0.7, 0.5, [False, True, True], "none"),
        (0.05, 0.6, 0.5, [True, False, True], "adjacent reliable change (dips)"),
        (0.05, 0.7, 0.3, [True, True, False], "adjacent reliable change (shifts)"),
    ],
)
def test_a_gate_asks_for_few_false_prompts_and_for_more_found(
    false: float, dip: float, shift: float, passed: list[bool], lost: str
) -> None:
    """At most .07, and better on both than reliable change at the same rate; the table names what is lost."""
    result = _result(false=false, dip=dip, shift=shift)
    gates = signal_gates([result])
    assert [gate.passed for gate in gates] == passed
    document = signal_document([result], NOTHING, gates, conditions=CONDITIONS[:1], seed=1, clients=5, command="c")
    assert document["passed"] is all(passed)
    assert json.loads(json.dumps(document)) == document
    assert signal_tables(document)[2].rows[0][-1] == lost
    assert signal_gates([replace(result, gated=False)]) == ()
