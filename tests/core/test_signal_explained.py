"""An explanation of a signal: every number from the totals to z, and what no signal can say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.change.explain_signal import SignalExplanation, explain_signal
from app.change.signal import Look, Parameters, Signal
from app.change.watch import START, look
from app.instruments.model import CutOff, Source
from app.scoring.explain import Step

UNKNOWN = Parameters(version="fractions", calibrated=False, mu0=3.9, tau=0.6, s0=0.30, sem=0.20)
CALIBRATED = replace(UNKNOWN, version="local.1", calibrated=True)
CUT_OFF = CutOff(
    component="total", value=3.5, direction="at_or_below", source=Source(says="invented", doi="10.1000/harbour")
)


def series(
    means: Sequence[float | None],
    parameters: Parameters = UNKNOWN,
    *,
    rupture: int = 0,
    wish: int = 0,
    cut_offs: tuple[CutOff, ...] = (),
) -> list[Look]:
    """Give forms on a scale from 1 to 5; `rupture` and `wish` are the sessions that report one."""
    return [
        Look(
            submission_id=UUID(f"0193{number:04x}-0000-7000-8000-{number:012x}"),
            session_number=number,
            mean=mean,
            pomp=None if mean is None else 25 * (mean - 1),
            value=mean,
            reported_rupture=number == rupture,
            wish_to_talk=number == wish,
            cut_offs=cut_offs,
            parameters=parameters,
        )
        for number, mean in enumerate(means, start=1)
    ]


def signals(forms: Sequence[Look]) -> dict[UUID, Signal]:
    """Give every signal of a series as it stands at its last form."""
    state = START
    found: dict[UUID, Signal] = {}
    for form in forms:
        state, told = look(state, form)
        found |= {signal.signal_id: signal for signal in told}
    return found


def explained(forms: Sequence[Look], rule: str) -> SignalExplanation:
    """Explain the first signal of a rule."""
    return explain_signal(next(s for s in signals(forms).values() if s.rule == rule), forms)


def numbers(steps: Sequence[Step]) -> dict[str, float | None]:
    """Give the values of the steps to four decimals."""
    return {step.name: None if step.value is None else round(step.value, 4) for step in steps}


def says(told: SignalExplanation, name: str) -> str:
    """Give the sentence of one step."""
    return next(step.says for step in told.steps if step.name == name)


def test_a_rupture_from_its_totals_to_z() -> None:
    """The first fixture, counted by hand: weights .7^4 to 1 over 2.7731, their squares, tau^2 / (tau^2 + s0^2 q)."""
    told = explained(series([4.0, 4.1, 4.0, 4.2, 4.1, 3.2, 4.0]), "RUP-1")
    assert told.recounted
    assert [step.name for step in told.steps] == [
        "score",
        "parameters",
        "baseline_sessions",
        "recent_mean",
        "concentration",
        "own_share",
        "expected",
        "spread",
        "z",
        "watch_bound",
        "alert_bound",
        "cumulative_sum",
        "detected",
        "reported",
        "closed",
    ]
    assert numbers(told.steps) == {
        "score": 3.2,
        "parameters": None,
        "baseline_sessions": 5.0,
        "recent_mean": 4.0989,
        "concentration": 0.2478,
        "own_share": 0.9417,
        "expected": 4.0873,
        "spread": 0.2662,
        "z": -3.3330,
        "watch_bound": 3.6507,
        "alert_bound": 3.4670,
        "cumulative_sum": 2.8330,
        "detected": None,
        "reported": None,
        "closed": 1.0,
    }
    assert says(told, "baseline_sessions") == (
        "Compared with 4 (session 1), 4.1 (session 2), 4 (session 3), 4.2 (session 4), 4.1 (session 5)."
    )
    assert says(told, "own_share") == (
        "The person's own sessions count for 0.6^2 / (0.6^2 + 0.3^2 x 0.2478) = 0.9417, the mean of others (3.9) for "
        "the rest."
    )
    assert says(told, "expected") == "Expected: 0.9417 x 4.0989 + 0.0583 x 3.9 = 4.0873."
    assert says(told, "spread").endswith("sqrt(max((6 x 0.3^2 + 0.028) / 10, 0.2^2) x (1 + 0.2478)) = 0.2662.")
    assert says(told, "z") == "z = (3.2 - 4.0873) / 0.2662 = -3.333: 3.333 spreads lower than expected."
    assert says(told, "detected") == "Found: an alert, by this session's total."
    assert says(told, "closed").startswith("Session 7: repaired. The total is at or above 3.9542")


def test_which_sessions_a_total_is_compared_with() -> None:
    """Neither an open rupture's own, nor, once it is given up on, those before it; a missing total is none."""
    after_repair = explained(series([4.0, None, 4.1, 4.0, 4.2, 4.1, 3.2, 4.0, 4.1, 3.7, 4.1, 3.0]), "RUP-1")
    assert "(session 2)" not in says(after_repair, "baseline_sessions")
    forms = series([4.0, 4.1, 4.0, 4.2, 4.1, 3.2, 4.0, 4.1, 3.0])
    second = [s for s in signals(forms).values() if s.rule == "RUP-1"][-1]
    told = explain_signal(second, forms)
    assert "3.2 (session 6)" not in says(told, "baseline_sessions")
    assert "4 (session 7), 4.1 (session 8)" in says(told, "baseline_sessions")
    fallen = series([4.2] * 4 + [3.2] * 6 + [2.4])
    last = [s for s in signals(fallen).values() if s.rule == "RUP-1"][-1]
    told = explain_signal(last, fallen)
    assert says(told, "baseline_sessions") == (
        "Compared with "
        "3.2 (session 5), 3.2 (session 6), 3.2 (session 7), 3.2 (session 8), 3.2 (session 9), 3.2 (session 10)."
    )
    assert numbers(told.steps)["baseline_sessions"] == 6.0


def test_a_drift_is_told_as_a_sum() -> None:
    """No single session is that low, and the sum is shown with what went into it."""
    forms = series([4.2, 4.2, 4.2, 4.2, 3.85, 3.75, 3.65, 3.5, 3.35, 3.25, 3.1])
    told = explained(forms, "RUP-1")
    assert says(told, "detected") == "Found: an alert, by the sum: no single session is that low."
    assert says(told, "cumulative_sum").startswith(
        "Small differences add up: S = max(0, 3.9148 - (-1.1258) - 0.5) = 4."
    )
    assert says(told, "baseline_sessions").startswith("Compared with 2 earlier and 4.2 (session 3), ")


def test_a_decline_from_its_totals_to_z() -> None:
    """The slide of .1 a session, at its tenth."""
    told = explained(series([4.6 - n / 10 for n in range(10)]), "DECLINE")
    assert told.recounted
    assert numbers(told.steps) == {
        "parameters": None,
        "first_mean": 4.5,
        "last_mean": 3.8,
        "difference": 0.7,
        "spread": 0.2449,
        "z": -2.8577,
        "threshold": 0.6320,
        "detected": None,
        "reported": None,
    }
    assert says(told, "first_mean") == "First: the mean of 4.6 (session 1), 4.5 (session 2), 4.4 (session 3) is 4.5."


def test_both_forms_of_low() -> None:
    """A single total, or four without upward change, all in percent of the maximum possible."""
    at_once = explained(series([2.0]), "LOW")
    assert numbers(at_once.steps) == {"score": 25.0, "threshold": 40.0, "detected": None, "reported": None}
    staying = explained(series([4.6, 3.0, 3.1, None, 3.0, 3.1, 3.4]), "LOW")
    assert numbers(staying.steps) == {
        "score": 52.5,
        "last_mean": 51.25,
        "rise": 0.0,
        "threshold": 55.0,
        "detected": None,
        "reported": None,
        "closed": 1.0,
    }
    assert says(staying, "last_mean").startswith(
        "The mean of 50 (session 2), 52.5 (session 3), 50 (session 5), 52.5 (s"
    )


def test_what_was_said_and_what_was_published() -> None:
    """A report is not calculated; a cut-off names its source and holds for one instrument."""
    forms = series([3.6, 3.4, 3.4], rupture=2, wish=3, cut_offs=(CUT_OFF,))
    report, wish = explained(forms, "reported.rupture"), explained(forms, "reported.wish_to_talk")
    assert [step.says for step in report.steps] == [
        "The form of session 2 says that the relationship was strained. Nothing is calculated."
    ]
    assert "wishes to talk" in wish.steps[0].says
    assert report.limits != explained(forms, "cut_off.published").limits
    published = explained(forms, "cut_off.published")
    assert published.status == "published by the instrument's authors"
    assert says(published, "threshold") == (
        "The published cut-off of this instrument is at or below 3.5 (invented, doi:10.1000/harbour). It holds for no "
        "other instrument."
    )


def test_rule_12_in_words() -> None:
    """A rate is stated where the parameters are calibrated, and only there."""
    means = [4.0, 4.1, 4.0, 4.2, 4.1, 3.2]
    capped, full = explained(series(means), "RUP-1"), explained(series(means, CALIBRATED), "RUP-1")
    assert says(capped, "reported") == (
        "The instrument is not calibrated here: no more than a watch is reported, and no false-alarm rate."
    )
    assert says(full, "reported").startswith(
        "Reported as: alert. In simulated courses whose parameters were right, 1.6 %"
    )
    decline = explained(series([4.6 - n / 10 for n in range(10)], CALIBRATED), "DECLINE")
    assert says(decline, "reported") == "Reported as: watch. Its false-alarm rate is not known."


@pytest.mark.parametrize(
    ("forms", "rule", "state", "why"),
    [
        (series([4.0, 4.1, 4.0, 4.2, 4.1, 3.6, 3.8]), "RUP-1", "passed", "until the next total"),
        (series([4.2] * 4 + [3.2] * 6), "RUP-1", "unresolved", "are what later ones are compared with"),
        (series([4.5] * 3 + [3.8] * 3 + [4.4] * 3), "DECLINE", "repaired", "below 50 %"),
        (series([2.0, 4.0]), "LOW", "repaired", "above 55 percent"),
        (series([3.4, 3.6], cut_offs=(CUT_OFF,)), "cut_off.published", "repaired", "met no longer"),
        (series([4.0] * 6, wish=1), "reported.wish_to_talk", "unresolved", "whether it was repaired"),
    ],
)
def test_how_each_signal_was_closed(forms: list[Look], rule: str, state: str, why: str) -> None:
    """The session, the word, and what it means."""
    told = explained(forms, rule)
    assert told.recounted
    assert f": {state}. " in says(told, "closed")
    assert why in says(told, "closed")


def test_a_signal_that_the_forms_lead_to_no_longer() -> None:
    """A corrected form, a withdrawn one or an older version: what was kept is shown, and said to be that."""
    forms = series([4.0, 4.1, 4.0, 4.2, 4.1, 3.2])
    (signal,) = signals(forms).values()
    corrected = [*forms[:4], replace(forms[4], mean=3.3, pomp=57.5, value=3.3), forms[5]]
    a_little = [*forms[:4], replace(forms[4], mean=4.0, pomp=75.0, value=4.0), forms[5]]
    for now, told in [
        (corrected, signal),
        (a_little, signal),
        (forms[:5], signal),
        ([], signal),
        (forms, replace(signal, version="0")),
        (forms, replace(signal, state="retracted", closed_session=6)),
    ]:
        explanation = explain_signal(told, now)
        assert explanation.recounted == (told.state == "retracted")
        if not explanation.recounted:
            assert numbers(explanation.steps[:6]) == {
                "kept": None,
                "value": 3.2,
                "baseline": 4.0873,
                "spread": 0.2662,
                "z": -3.3330,
                "threshold": 3.4670,
            }
    with pytest.raises(ValueError, match="no rule"):
        explain_signal(replace(signal, rule="RUP-0"), forms)


def test_later_forms_change_nothing_of_it() -> None:
    """A signal rests on its own session and those before it."""
    forms = series([4.0, 4.1, 4.0, 4.2, 4.1, 3.2])
    (signal,) = signals(forms).values()
    longer = series([4.0, 4.1, 4.0, 4.2, 4.1, 3.2, 2.0, 5.0])
    assert explain_signal(signal, longer) == explain_signal(signal, forms)


def test_the_words_promise_nothing() -> None:
    """A prompt for a conversation, the rule named with what it is, and no word of what no signal can say."""
    forms = series([4.0, 4.1, 4.0, 4.2, 4.1, 1.8, 1.8], rupture=6, wish=6, cut_offs=(CUT_OFF,))
    found = signals(forms)
    assert len({signal.rule for signal in found.values()}) == 6
    for signal in found.values():
        told = explain_signal(signal, forms)
        words = " ".join([told.why, told.source, *(step.says for step in told.steps)])
        assert not re.search(r"diagnos|improv|predict|normal|deteriorat|fault|risk", words, re.IGNORECASE)
        assert told.limits[0] == "A prompt for a conversation, never a diagnosis."
        assert "nothing is claimed" in told.limits[-1]
        assert told.why
        assert (told.rule, told.version) == (signal.rule, "1")
        assert told.status in {"design choice, not validated", "published by the instrument's authors"}


@given(
    means=st.lists(
        st.one_of(st.none(), st.integers(12, 60).map(lambda n: n / 12), st.sampled_from([4.0, 4.0, 3.2])), max_size=40
    ),
    parameters=st.sampled_from([UNKNOWN, CALIBRATED]),
)
@settings(max_examples=150, deadline=None)
def test_every_signal_of_every_series_can_be_counted_anew(means: list[float | None], parameters: Parameters) -> None:
    """With the value, z and baseline that it was opened with, over as many sessions as it says."""
    forms = series(means, parameters, rupture=3, wish=4, cut_offs=(CUT_OFF,))
    for signal in signals(forms).values():
        told = explain_signal(signal, forms)
        assert told.recounted
        values = {step.name: step.value for step in told.steps}
        if signal.kind == "rupture":
            assert values["score"] == signal.value
            assert values["expected"] == signal.baseline
            listed = says(told, "baseline_sessions")
            earlier = re.search(r"with (\d+) earlier", listed)
            assert listed.count("(session") + (int(earlier[1]) if earlier else 0) == signal.sessions_used
        if signal.z is not None:
            assert values["z"] == pytest.approx(signal.z)
