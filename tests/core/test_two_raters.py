"""Two raters of one session: discrepancy, profiles, truth and bias; never an average."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.change import raters
from app.change.raters import (
    Pair,
    Profile,
    TruthAndBias,
    discrepancy,
    pair,
    parallel,
    profile,
    side_by_side,
    truth_and_bias,
)
from app.instruments.catalog import shipped
from app.instruments.model import ItemId
from app.scoring.score import score

LAWS = settings(max_examples=200, deadline=None, database=None)

CLIENT = (4.0, 4.2, 3.8, 3.2, 3.9, 4.3)
THERAPIST = (3.8, 3.9, 3.6, 3.3, 3.6, 3.9)
KEYS = ("rapport", "empathy", "respect", "trust", "collaboration", "genuineness", "acceptance", "encouragement")


def two(client: dict[str, float], therapist: dict[str, float]) -> Pair:
    """Put two profiles side by side."""
    return Pair(session_number=1, client=client, therapist=therapist)


# --- which forms, which components ---


@pytest.mark.parametrize(("client", "therapist"), [("trq", "trq-t"), ("trq-s", "trq-s-t")])
def test_own_versions_are_parallel(client: str, therapist: str) -> None:
    """The eight components are; rollups and the total hold the same items again."""
    assert parallel(shipped().latest(client), shipped().latest(therapist)) == KEYS


def test_one_instrument_for_both_raters_is_parallel() -> None:
    """WAI-S has one key for client and therapist."""
    wai = shipped().latest("wai-s")
    assert sorted(parallel(wai, wai)) == ["bond", "goal", "task"]


@pytest.mark.parametrize(("client", "therapist"), [("wai-sr", "wai-s"), ("trq", "trq-s-t"), ("trq-t", "trq")])
def test_names_alone_make_nothing_parallel(client: str, therapist: str) -> None:
    """Equal names of components are not enough, nor is the long form beside the short one, nor the wrong way round."""
    assert parallel(shipped().latest(client), shipped().latest(therapist)) == ()


def test_a_pair_is_made_of_what_was_scored() -> None:
    """Client all 4 (75), therapist all 3 (50), its first item left out: rapport is not 0 but absent."""
    answers = {ItemId(str(n)): 4 for n in range(1, 9)}
    short, theirs = shipped().latest("trq-s"), shipped().latest("trq-s-t")
    rated = {item: 3 for item in answers if item != "1"}
    found = pair(7, client=score(short, dict(answers)), therapist=score(theirs, dict(rated)))
    assert found.session_number == 7
    assert (found.client["rapport"], found.client["total"], found.therapist["total"]) == (75.0, 75.0, 50.0)
    assert "rapport" not in found.therapist
    assert discrepancy(found)["total"] == -25.0
    assert "rapport" not in discrepancy(found)
    assert profile(found, KEYS).components == KEYS[1:]


# --- discrepancy ---


def test_a_discrepancy_is_therapist_minus_client() -> None:
    """Above 0 the therapist rates higher; what one lacks is not compared."""
    found = discrepancy(two({"bond": 60.0, "goal": 80.0, "task": 50.0}, {"goal": 70.0, "bond": 75.0, "other": 1.0}))
    assert found == {"bond": 15.0, "goal": -10.0}


PROFILES = st.dictionaries(st.sampled_from(KEYS), st.integers(0, 100).map(float), max_size=8)


@LAWS
@given(PROFILES, PROFILES)
def test_changing_places_turns_the_sign(one: dict[str, float], other: dict[str, float]) -> None:
    """Neither rater is the measure of the other."""
    turned = discrepancy(two(other, one))
    assert discrepancy(two(one, other)) == {key: -value for key, value in turned.items()}


# --- profiles ---


def test_a_profile_counted_by_hand() -> None:
    """60 70 80 against 50 70 60: means 70 and 60; SDs sqrt(200/3) twice; covariance 100/3, so r = .5."""
    found = profile(two({"a": 60, "b": 70, "c": 80}, {"a": 50, "b": 70, "c": 60}), ["a", "b", "c"])
    assert found.elevation == -10
    assert found.scatter_client == pytest.approx(8.1650, abs=5e-5)
    assert found.scatter_therapist == pytest.approx(8.1650, abs=5e-5)
    assert (found.scatter_difference, found.scatter_ratio, found.correlation) == pytest.approx((0.0, 1.0, 0.5))
    assert (found.components, found.reason) == (("a", "b", "c"), None)


def test_two_components_are_no_profile() -> None:
    """A correlation of two points is always 1; what only one has scored does not count."""
    found = profile(two({"a": 60, "b": 70, "c": 80}, {"a": 50, "b": 70}), ["a", "b", "c"])
    numbers = [getattr(found, one.name) for one in fields(Profile) if one.name not in ("components", "reason")]
    assert numbers == [None] * 6
    assert (found.components, found.reason) == (("a", "b"), "too_few_components")


def test_a_flat_profile_has_no_form() -> None:
    """Straight-lined: how far apart is known, how alike is not; and a third of a point is still flat after rounding."""
    flat, bent = {"a": 100 / 3, "b": 100 / 3, "c": 100 / 3}, {"a": 50.0, "b": 60.0, "c": 70.0}
    found = profile(two(flat, bent), ["a", "b", "c"])
    assert (found.scatter_ratio, found.correlation, found.reason) == (None, None, "no_scatter")
    assert found.elevation == pytest.approx(26.6667, abs=5e-5)
    found = profile(two(bent, flat), ["a", "b", "c"])
    assert found.scatter_ratio == pytest.approx(0.0)
    assert (found.correlation, found.reason) == (None, "no_scatter")


FULL = st.tuples(*(st.integers(0, 100).map(float) for _ in KEYS))


@LAWS
@given(FULL, FULL, st.floats(-50, 50))
def test_level_spread_and_form_are_apart(one: tuple[float, ...], other: tuple[float, ...], shift: float) -> None:
    """NumPy counts the same; raising the therapist's profile moves its elevation and nothing else."""
    found = profile(two(dict(zip(KEYS, one, strict=True)), dict(zip(KEYS, other, strict=True))), KEYS)
    assert found.elevation == pytest.approx(np.mean(other) - np.mean(one))
    assert found.scatter_difference == pytest.approx(np.std(other) - np.std(one))
    raised = {key: value + shift for key, value in zip(KEYS, other, strict=True)}
    moved = profile(two(dict(zip(KEYS, one, strict=True)), raised), KEYS)
    assert moved.elevation == pytest.approx(np.mean(other) - np.mean(one) + shift, abs=1e-9)
    assert moved.scatter_difference == pytest.approx(found.scatter_difference, abs=1e-9)
    assume(found.correlation is not None)
    assert found.correlation == pytest.approx(np.corrcoef(one, other)[0, 1])
    assert moved.correlation == pytest.approx(found.correlation, abs=1e-6)


@LAWS
@given(FULL, FULL)
def test_a_correlation_takes_no_sides(one: tuple[float, ...], other: tuple[float, ...]) -> None:
    """It is the same the other way round, lies in [-1, 1], and with oneself it is 1."""
    client, therapist = dict(zip(KEYS, one, strict=True)), dict(zip(KEYS, other, strict=True))
    found = profile(two(client, therapist), KEYS).correlation
    assert found == profile(two(therapist, client), KEYS).correlation
    assert found is None or -1 <= found <= 1
    assert profile(two(client, client), KEYS).correlation in (None, pytest.approx(1.0))


# --- truth and bias ---


def test_the_worked_example() -> None:
    """The check of the science page."""
    found = truth_and_bias(list(zip(CLIENT, THERAPIST, strict=True)))
    assert (found.pairs, found.reason) == (6, None)
    assert found.slope == pytest.approx(0.578947, abs=5e-7)
    assert found.bias == pytest.approx(-0.216667, abs=5e-7)


def test_four_pairs_say_nothing() -> None:
    """Five do."""
    ratings = list(zip(CLIENT, THERAPIST, strict=True))
    assert truth_and_bias(ratings[:4]) == TruthAndBias(pairs=4, slope=None, bias=None, reason="too_few_pairs")
    assert truth_and_bias([]).reason == "too_few_pairs"
    assert truth_and_bias(ratings[:5]).reason is None


def test_a_client_who_never_moves_can_not_be_followed() -> None:
    """No slope, but the therapist still rates lower."""
    found = truth_and_bias([(4.1, 3.6), (4.1, 3.7), (4.1, 3.6), (4.1, 3.7), (4.1, 3.4)])
    assert (found.slope, found.reason) == (None, "no_scatter")
    assert found.bias == pytest.approx(-0.5)


def test_a_rating_that_is_no_number_is_refused() -> None:
    """It would make every number one."""
    with pytest.raises(ValueError, match="finite"):
        truth_and_bias([(math.nan, 3.0)] * 5)


def test_a_course_is_put_side_by_side() -> None:
    """By session, and without those in which one of the two has no score."""
    course = [
        Pair(session_number=3, client={"total": 75.0}, therapist={"total": 70.0}),
        Pair(session_number=1, client={"total": 50.0, "bond": 60.0}, therapist={"total": 55.0}),
        Pair(session_number=2, client={"total": 60.0}, therapist={}),
    ]
    assert side_by_side(course, "total") == ((50.0, 55.0), (75.0, 70.0))
    assert side_by_side(course, "bond") == ()


RATINGS = st.lists(st.tuples(st.integers(0, 100).map(float), st.integers(0, 100).map(float)), min_size=5, max_size=30)


@LAWS
@given(RATINGS, st.floats(-50, 50), st.floats(0.1, 10))
def test_truth_and_bias_are_a_regression(ratings: list[tuple[float, float]], shift: float, factor: float) -> None:
    """NumPy draws the same line; a therapist who rates higher has more bias and the same slope, in any unit."""
    client, therapist = (np.array(column) for column in zip(*ratings, strict=True))
    assume(client.std() > 0)
    found = truth_and_bias(ratings)
    slope, intercept = np.polyfit(client - client.mean(), therapist - client.mean(), 1)
    assert (found.slope, found.bias) == pytest.approx((slope, intercept), abs=1e-6)
    higher = truth_and_bias([(own, theirs + shift) for own, theirs in ratings])
    assert (higher.slope, higher.bias) == pytest.approx((slope, intercept + shift), abs=1e-6)
    larger = truth_and_bias([(own * factor, theirs * factor) for own, theirs in ratings])
    assert (larger.slope, larger.bias) == pytest.approx((slope, intercept * factor), abs=1e-6)


def test_nothing_here_is_an_average_of_both() -> None:
    """No result has a field for one number of two raters, and no function is called for it."""
    names = {one.name for kind in (Pair, Profile, TruthAndBias) for one in fields(kind)} | set(dir(raters))
    assert [name for name in names if "average" in name or "combined" in name or "consensus" in name] == []
