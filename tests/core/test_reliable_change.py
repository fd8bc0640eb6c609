"""Measurement error: reliable change, intervals, T scores, percentiles, and what a form says of them."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.change.norms import ComponentNorm, Norm
from app.change.reliable import (
    NoStanding,
    Standing,
    difference_sd,
    interval,
    percentile,
    reliable_change,
    sem,
    standing,
    t_score,
)
from app.change.since import Change, Difference, Earlier, since
from app.instruments.catalog import shipped
from app.instruments.model import Answer, ItemId
from app.scoring.score import AnyScore, score

LAWS = settings(max_examples=200, deadline=None, database=None)
NUMBERS = st.floats(-1000, 1000)
ERRORS = st.floats(0.01, 100)

#: SD .5 and r .84: SEM .2, S_diff .2828, so that .5544 is the smallest reliable change.
KNOWN = ComponentNorm(
    mean=4.0, sd=0.5, reliability=0.84, reliability_kind="internal_consistency", items=12, within_sd=0.3, between_sd=0.4
)
NORM = Norm(
    norm_id="invented",
    version=2,
    instrument="wai-sr",
    instrument_version="1.0.0",
    rater="client",
    population="invented for this test",
    clients=200,
    forms=900,
    estimated_at=datetime(2026, 2, 1, tzinfo=UTC),
    source="Invented, nobody 2026",
    convention="mean",
    lowest=1.0,
    highest=5.0,
    components={"total": KNOWN, "bond": replace(KNOWN, items=4, reliability=0.64, reliability_kind="test_retest")},
)


def form(answers: str) -> tuple[AnyScore, ...]:
    """Score a wai-sr form of twelve digits; a dot is an item without an answer."""
    given: dict[ItemId, Answer] = {
        ItemId(str(n)): None if digit == "." else int(digit) for n, digit in enumerate(answers, start=1)
    }
    return score(shipped().latest("wai-sr"), given)


def total(answers: str) -> AnyScore:
    """Give the total of such a form."""
    return form(answers)[-1]


# --- the worked numbers of the science page ---


def test_the_worked_example() -> None:
    """SD 7.5 and r .80, from 32.5 to 47.5."""
    assert round(sem(7.5, 0.80), 4) == 3.3541
    assert round(difference_sd(sem(7.5, 0.80)), 4) == 4.7434
    found = reliable_change(32.5, 47.5, sem=sem(7.5, 0.80))
    assert (round(found.rc, 4), found.reliable) == (3.1623, True)


@pytest.mark.parametrize(("r", "points"), [(0.88, 4.51), (0.64, 7.82)])
def test_a_point_on_the_srs_is_within_error(r: float, points: float) -> None:
    """With an SD of 4.7 it takes 4.51 points by an internal consistency, and 7.82 by a retest; one is nothing."""
    found = reliable_change(37.0, 36.0, sem=sem(4.7, r))
    assert (round(found.limit, 2), found.reliable) == (points, False)


def test_exactly_the_limit_is_reliable() -> None:
    """1.96 counts, and rounding does not take it away; a thousandth less does."""
    limit = 1.96 * math.sqrt(2) * 0.2
    assert reliable_change(3.0, 3.0 + limit, sem=0.2).reliable
    assert reliable_change(1.2, 1.2 + limit, sem=0.2).reliable  # 1.9599999999999995
    assert reliable_change(4.1, 4.1 - limit, sem=0.2).reliable
    assert not reliable_change(3.0, 3.0 + limit - 0.001, sem=0.2).reliable


@pytest.mark.parametrize("error", [0.0, -0.2, math.nan, math.inf])
def test_without_an_error_nothing_is_reliable(error: float) -> None:
    """An SEM of 0 would make every change reliable, so it is refused."""
    with pytest.raises(ValueError, match="standard error"):
        reliable_change(3.0, 4.0, sem=error)


@pytest.mark.parametrize(
    ("sd", "r"), [(0.0, 0.8), (-1.0, 0.8), (math.inf, 0.8), (1.0, -0.1), (1.0, 1.1), (1.0, math.nan)]
)
def test_an_error_needs_a_spread_and_a_reliability(sd: float, r: float) -> None:
    """Numbers that can't be are refused."""
    with pytest.raises(ValueError, match="SD"):
        sem(sd, r)


def test_an_interval_is_not_clipped() -> None:
    """Near the top of a scale of 1 to 5 it reaches beyond it, and is as wide as elsewhere."""
    assert interval(4.8, 0.2) == pytest.approx((4.408, 5.192))
    assert interval(4.8, 0.2, z=1.0) == pytest.approx((4.6, 5.0))
    with pytest.raises(ValueError, match="width"):
        interval(4.8, 0.2, z=0)


def test_t_scores() -> None:
    """The mean is 50, an SD is 10; nothing is clipped, and without an SD there is none."""
    assert [t_score(x, mean=38, sd=4) for x in (38, 40, 36, 18)] == [50, 55, 45, 0]
    with pytest.raises(ValueError, match="SD"):
        t_score(38, mean=38, sd=0)


# --- percentiles ---


def with_table(*rows: tuple[float, float, float]) -> ComponentNorm:
    """Give the norm a table."""
    return replace(KNOWN, percentile_table=rows)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3.0, 5.0), (4.0, 20.0), (5.0, 65.0), (3.5, 10.0), (2.0, 0.0), (4.0 + 1e-12, 20.0), (4.0 - 1e-12, 20.0)],
)
def test_percentiles_are_mid_ranks(value: float, expected: float) -> None:
    """10 % at 3, 20 % at 4, 70 % at 5: half of the ties count, and a value in between stands above the lower row."""
    norm = with_table((3.0, 0.0, 0.1), (4.0, 0.1, 0.2), (5.0, 0.3, 0.7))
    found, method = percentile(value, norm)
    assert found == pytest.approx(expected)
    assert method == "mid_rank"


@pytest.mark.parametrize(("value", "expected"), [(2.0, 5.0), (3.5, 30.0), (4.5, 75.0)])
def test_between_the_rows_of_a_thin_table(value: float, expected: float) -> None:
    """Below 3 lie 10 %, at it 10, between 3 and 4 another 20, at 4 10, above the rest: the middle of each."""
    found, _ = percentile(value, with_table((3.0, 0.1, 0.1), (4.0, 0.4, 0.1)))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(("value", "expected"), [(4.0, 50.0), (4.5, 84.1345), (3.02, 2.4998)])
def test_without_a_table_the_normal_curve_is_flagged(value: float, expected: float) -> None:
    """One SD above the mean is the 84th percentile, 1.96 below it the 2.5th, if the norm were normal."""
    found, method = percentile(value, KNOWN)
    assert (round(found, 4), method) == (expected, "normal_approximation")


def test_a_percentile_of_no_number_is_refused() -> None:
    """There is none."""
    with pytest.raises(ValueError, match="finite"):
        percentile(math.nan, KNOWN)


@LAWS
@given(st.lists(st.integers(1, 20), min_size=1, max_size=8), st.data())
def test_percentiles_rise_and_turn_round(counts: list[int], data: st.DataObject) -> None:
    """A higher score never stands lower; with the scale turned round, a percentile p becomes 100 - p."""
    n, rows, below = sum(counts), [], 0
    for value, count in enumerate(counts):
        rows.append((float(value), below / n, count / n))
        below += count
    turned = [(-value, 1 - low - at, at) for value, low, at in reversed(rows)]
    turned = [(value, max(0.0, low), at) for value, low, at in turned]
    one, other = sorted(data.draw(st.tuples(st.integers(-2, 18), st.integers(-2, 18))))
    ranks = [percentile(x / 2, with_table(*rows))[0] for x in (one, other)]
    assert 0 <= ranks[0] <= ranks[1] + 1e-9 <= 100 + 2e-9
    assert percentile(-one / 2, with_table(*turned))[0] == pytest.approx(100 - ranks[0], abs=1e-6)


# --- laws ---


@LAWS
@given(NUMBERS, NUMBERS, ERRORS, NUMBERS)
def test_reliable_change_does_not_depend_on_the_zero(x1: float, x2: float, error: float, shift: float) -> None:
    """Moving both scores changes nothing; turning time round turns the sign only."""
    found = reliable_change(x1, x2, sem=error)
    assert reliable_change(x1 + shift, x2 + shift, sem=error).rc == pytest.approx(found.rc, abs=1e-9)
    back = reliable_change(x2, x1, sem=error)
    assert (back.rc, back.reliable) == (-found.rc, found.reliable)


@LAWS
@given(NUMBERS, NUMBERS, ERRORS, st.floats(0.1, 100))
def test_reliable_change_does_not_depend_on_the_unit(x1: float, x2: float, error: float, factor: float) -> None:
    """Sums and means of the same form say the same."""
    found = reliable_change(x1, x2, sem=error)
    assume(abs(abs(found.rc) - 1.96) > 1e-6)
    other = reliable_change(x1 * factor, x2 * factor, sem=error * factor)
    assert other.rc == pytest.approx(found.rc)
    assert other.limit == pytest.approx(found.limit * factor)
    assert other.reliable == found.reliable


@LAWS
@given(st.floats(0.01, 100), st.floats(0, 1), st.floats(0, 1))
def test_better_reliability_means_less_error(sd: float, r1: float, r2: float) -> None:
    """The error falls from the SD to nothing."""
    low, high = sorted((r1, r2))
    assert sd >= sem(sd, low) >= sem(sd, high) >= 0


@LAWS
@given(NUMBERS, ERRORS, NUMBERS)
def test_an_interval_moves_with_its_score(x: float, error: float, shift: float) -> None:
    """It is centred on the score, and as wide wherever the score lies."""
    low, high = interval(x, error)
    assert (low + high) / 2 == pytest.approx(x, abs=1e-9)
    assert interval(x + shift, error) == pytest.approx((low + shift, high + shift), abs=1e-9)


# --- standing ---


def test_where_a_form_stands() -> None:
    """4.5 with SEM .2: 4.108 to 4.892, T 60, the 84th percentile of a normal curve, and who says so."""
    found = standing(total("454545454545"), NORM)
    assert isinstance(found, Standing)
    assert (found.component, round(found.low, 4), round(found.high, 4)) == ("total", 4.108, 4.892)
    assert (round(found.t_score, 4), round(found.percentile, 4)) == (60.0, 84.1345)
    assert found.percentile_method == "normal_approximation"
    assert (found.norm_version, found.norm_source) == ("invented@2", "Invented, nobody 2026")
    assert found.reliability_kind == "internal_consistency"


def test_a_form_with_gaps_is_less_sure() -> None:
    """Eleven of twelve answered: the error grows by sqrt(12/11)."""
    found = standing(total("44444444444."), NORM)
    assert isinstance(found, Standing)
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.2 * math.sqrt(12 / 11))


def test_no_percentile_without_a_norm() -> None:
    """No norm, one of another version or another instrument, one without the component, or no score: a reason each."""
    found = total("454545454545")
    goal = next(one for one in form("454545454545") if one.component == "goal")
    no_norm = NoStanding(component="total", reason="no_norm")
    assert standing(found, None) == no_norm
    assert standing(found, replace(NORM, instrument_version="1.0.1")) == no_norm
    assert standing(found, replace(NORM, instrument="wai-s")) == no_norm
    assert standing(goal, NORM) == NoStanding(component="goal", reason="norm_lacks_component")
    assert standing(total("4..........."), NORM) == NoStanding(component="total", reason="not_scored")


# --- change since earlier sessions ---


def earlier(**values: float) -> dict[str, tuple[Earlier, Earlier]]:
    """Give one earlier session of these item means."""
    return {key: (Earlier(session_number=1, value=value, pomp=25 * (value - 1)),) * 2 for key, value in values.items()}


def test_a_change_beyond_error() -> None:
    """From 4.0 to 3.0 with S_diff .2828: RC -3.5355, reliable, by this norm and this kind of reliability."""
    found = since(form("333333333333"), earlier(total=4.0), NORM)["total"].since_previous
    assert (found.value, found.pomp, found.reliable, found.reason) == (-1.0, -25.0, True, None)
    assert found.judged is not None
    assert (round(found.judged.rc, 4), round(found.judged.limit, 4)) == (-3.5355, 0.5544)
    assert found.judged.norm_version == "invented@2"
    assert found.judged.reliability_kind == "internal_consistency"


def test_a_change_within_error() -> None:
    """From 3.5 to 4.0: RC 1.7678; of the bond, whose retest is .64, 1.1785."""
    found = since(form("444444444444"), earlier(total=3.5, bond=3.5), NORM)
    told = {key: found[key].since_first for key in ("total", "bond")}
    assert {key: one.reliable for key, one in told.items()} == {"total": False, "bond": False}
    judged = [one.judged for one in told.values()]
    assert [round(one.rc, 4) for one in judged if one] == [1.7678, 1.1785]
    assert [one.reliability_kind for one in judged if one] == ["internal_consistency", "test_retest"]


def test_first_and_previous_are_judged_apart() -> None:
    """A slow fall is within error each time, and beyond it since the first session."""
    ends = (Earlier(session_number=1, value=4.0, pomp=75.0), Earlier(session_number=4, value=3.4, pomp=60.0))
    found = since(form("333333333333"), {"total": ends}, NORM)["total"]
    assert (found.since_first.reliable, found.since_previous.reliable) == (True, False)
    assert (found.since_first.session_number, found.since_previous.session_number) == (1, 4)


def test_what_cannot_be_judged_says_why() -> None:
    """A norm of another version is none, and a norm may lack a component; first sessions come before both."""
    now, then = form("444444444444"), earlier(total=3.0, goal=3.0)
    found = since(now, then, NORM)
    assert (found["goal"].since_first.reliable, found["goal"].since_first.reason) == (None, "norm_lacks_component")
    assert (found["goal"].since_first.value, found["goal"].since_first.judged) == (1.0, None)
    assert found["task"].since_first.reason == "first_session"
    assert since(now, then, replace(NORM, instrument_version="0.9.0")) == since(now, then)


def test_without_a_norm_nothing_is_new() -> None:
    """The numbers are there, whether they are more than error nobody knows."""
    unknown = Difference(session_number=1, value=1.0, pomp=25.0, reliable=None, reason="no_norm")
    none = Difference(session_number=None, value=None, pomp=None, reliable=None, reason="first_session")
    assert since(form("444444444444"), earlier(total=3.0)) == {
        "task": Change(since_previous=none, since_first=none),
        "bond": Change(since_previous=none, since_first=none),
        "goal": Change(since_previous=none, since_first=none),
        "total": Change(since_previous=unknown, since_first=unknown),
    }
    gone = Difference(session_number=None, value=None, pomp=None, reliable=None, reason="not_scored")
    assert since(form("4..........."), earlier(total=3.0), NORM)["total"].since_first == gone


def test_stored_changes_of_before_are_read() -> None:
    """A document that knows nothing of norms is the change it was, and a judged one is read back whole."""
    old = {"session_number": 1, "value": 1.0, "pomp": 25.0, "reliable": None, "reason": "no_norm"}
    read = msgspec.convert({"total": {"since_previous": old, "since_first": old}}, dict[str, Change])
    assert read["total"].since_first.judged is None
    found = since(form("444444444444"), earlier(total=3.0), NORM)
    assert msgspec.json.decode(msgspec.json.encode(found), type=dict[str, Change]) == found
