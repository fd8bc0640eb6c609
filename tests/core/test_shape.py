"""The shape of a trajectory: what it is called, what it rests on, and what it never depends on."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.change.norms import uncalibrated
from app.change.shape import Shape, shape
from app.change.signal import Parameters

LAWS = settings(max_examples=200, deadline=None, database=None)

#: SEM .2 on 1 to 5: a movement of .5544 is beyond error.
KNOWN = Parameters(version="invented@2", calibrated=True, mu0=3.9, tau=0.6, s0=0.3, sem=0.2)
LIMIT = 1.96 * math.sqrt(2) * 0.2

Series = list[tuple[int, float]]


def of(*scores: float | None) -> Shape:
    """Name the shape of these item means, from session 1 on."""
    return shape(list(enumerate(scores, start=1)), parameters=KNOWN)


# --- names ---


@pytest.mark.parametrize(
    ("scores", "name", "model"),
    [
        ((4.0, 4.1, 3.9, 4.0, 4.1, 4.0), "stable", "linear"),
        ((4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0), "stable", "linear"),
        ((3.0, 3.3, 3.4, 3.8, 4.0, 4.3), "rising", "linear"),
        ((4.6, 4.3, 4.2, 3.8, 3.6, 3.3), "falling", "linear"),
        ((1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0), "rising", "linear"),
        ((4.5, 4.0, 3.4, 3.1, 3.0, 3.2, 3.5, 4.1, 4.4), "valley", "quadratic"),
        ((3.0, 3.6, 4.1, 4.4, 4.5, 4.3, 4.0, 3.5, 3.1), "peak", "quadratic"),
        ((2.0, 2.8, 3.4, 3.9, 4.2, 4.4, 4.5, 4.5), "rising", "quadratic"),
        ((4.5, 3.7, 3.1, 2.6, 2.3, 2.1, 2.0, 2.0), "falling", "quadratic"),
        ((4.0, 3.97, 3.95, 3.94, 3.95, 3.97, 4.0), "stable", "quadratic"),
    ],
)
def test_names(scores: tuple[float, ...], name: str, model: str) -> None:
    """Levelling off is no peak, and a bend within error is no valley, however well the curve fits."""
    found = of(*scores)
    assert (found.name, found.model) == (name, model)


def test_four_sessions_have_no_shape() -> None:
    """Four scores say nothing, and a session without a score is not the fifth."""
    for found in (of(3.0, 3.5, 4.0, 4.5), of(3.0, 3.5, None, 4.0, 4.5)):
        assert (found.name, found.insufficient_reason) == ("insufficient", "too_few_sessions")
        assert (found.sessions_used, found.model, found.slope, found.change) == (4, None, None, None)
    assert shape([], parameters=KNOWN).first_session is None


def test_five_sessions_have_a_direction_and_no_bend() -> None:
    """With five, the curve's criterion does not exist: a clear valley is not seen yet."""
    found = of(4.5, 3.5, 3.0, 3.5, 4.5)
    assert (found.name, found.model, found.delta) == ("stable", "linear", None)
    assert (found.insufficient_reason, found.sessions_used) == (None, 5)


def test_the_limit_belongs_to_the_movement() -> None:
    """A straight rise of .5544 over five sessions counts, one of .55 does not."""
    assert of(*(3.0 + LIMIT * step / 4 for step in range(5))).name == "rising"
    assert of(*(4.0 - LIMIT * step / 4 for step in range(5))).name == "falling"
    assert of(*(3.0 + 0.55 * step / 4 for step in range(5))).name == "stable"


def test_sessions_without_a_form_keep_their_distance() -> None:
    """The slope is per session: five scores in nine sessions, .1 each, moved .8."""
    found = shape([(n, 3.0 + 0.1 * n) for n in (1, 2, 5, 6, 9)], parameters=KNOWN)
    assert (found.slope, found.change) == pytest.approx((0.1, 0.8))
    assert (found.name, found.first_session, found.last_session, found.sessions_used) == ("rising", 1, 9, 5)
    close = shape([(n, 3.0 + 0.1 * n) for n in (1, 2, 3, 4, 5)], parameters=KNOWN)
    assert close.change == pytest.approx(0.4)
    assert close.name == "stable"


def test_without_a_norm_it_says_so() -> None:
    """The same series with an uncalibrated SEM has a shape, marked."""
    series = [(n, 3.0 + 0.2 * n) for n in range(1, 7)]
    found = shape(series, parameters=uncalibrated(1, 5))
    assert (found.name, found.calibrated, found.parameters_version) == ("rising", False, "uncalibrated-1")
    assert found.limit == pytest.approx(LIMIT)
    assert shape(series, parameters=KNOWN).calibrated


@pytest.mark.parametrize("error", [0.0, -0.1, math.nan])
def test_without_an_error_there_is_no_shape(error: float) -> None:
    """Every wobble would be a movement."""
    with pytest.raises(ValueError, match="standard error"):
        shape([], parameters=replace(KNOWN, sem=error))


@pytest.mark.parametrize("series", [[(1, 3.0), (1, 4.0)], [(1, 3.0), (1, None)], [(1, math.nan)]])
def test_a_session_has_one_score(series: list[tuple[int, float | None]]) -> None:
    """A session that is there twice, or a score that is no number, is the caller's mistake."""
    with pytest.raises(ValueError, match="one finite score"):
        shape(series, parameters=KNOWN)


# --- numbers ---


def test_numbers_counted_by_hand() -> None:
    """(n - 4)^2 + 3 by 1/10 and an offset: slope 0, the turn at session 4, nothing gained from first to last."""
    found = of(*(3.0 + 0.1 * (n - 4) ** 2 for n in range(1, 8)))
    assert (found.slope, found.turn, found.change) == pytest.approx((0.0, 4.0, 0.0), abs=1e-12)
    assert found.name == "valley"


def test_a_turn_outside_the_series_is_none() -> None:
    """A rise that becomes steeper would have turned before the first session; nobody was there to fall."""
    found = of(*(3.0 + 0.01 * (n + 4) ** 2 - 0.25 for n in range(1, 9)))
    assert (found.name, found.model, found.turn) == ("rising", "quadratic", None)
    assert found.change == pytest.approx(1.19)  # .01 (12^2 - 5^2)


def test_rounding_is_no_bend() -> None:
    """A line that fits perfectly is a line, though rounding leaves residuals for a curve to explain."""
    found = of(*(4 / 3 + (1 / 3) * n for n in range(1, 27)))
    assert (found.name, found.model, found.turn) == ("rising", "linear", None)
    assert of(*[3.7] * 12).model == "linear"


def series_strategy() -> st.SearchStrategy[Series]:
    """Draw item means of six to twenty different sessions, in twelfths."""
    forms = st.tuples(st.integers(1, 60), st.integers(12, 60).map(lambda twelfths: twelfths / 12))
    return st.lists(forms, min_size=6, max_size=20, unique_by=lambda form: form[0])


def aicc(residuals: np.ndarray, k: int) -> float:
    """Write the criterion out again."""
    n = len(residuals)
    return float(n * np.log((residuals**2).sum() / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1))


@LAWS
@given(series_strategy())
def test_fits_are_those_of_least_squares(series: Series) -> None:
    """NumPy's polynomial fits give the same slope, the same gain and the same movement."""
    x, y = (np.array(column, dtype=float) for column in zip(*series, strict=True))
    line, curve = np.polyfit(x, y, 1), np.polyfit(x, y, 2)
    residuals = [y - np.polyval(one, x) for one in (line, curve)]
    assume(min((one**2).sum() for one in residuals) > 1e-6)
    found = shape(series, parameters=KNOWN)
    delta = aicc(residuals[0], 3) - aicc(residuals[1], 4)
    assert found.slope == pytest.approx(line[0], abs=1e-7)
    assert found.delta == pytest.approx(delta, abs=1e-5)
    assume(abs(delta - 2) > 1e-4)
    chosen = curve if delta >= 2 else line
    assert found.model == ("quadratic" if delta >= 2 else "linear")
    assert found.change == pytest.approx(np.polyval(chosen, x.max()) - np.polyval(chosen, x.min()), abs=1e-6)


# --- laws ---


def clear(found: Shape) -> bool:
    """Say whether rounding can't decide between two models."""
    return found.delta is None or abs(found.delta - 2) > 1e-6


@LAWS
@given(series_strategy(), st.randoms(use_true_random=False))
def test_the_order_of_the_forms_does_not_matter(series: Series, chance: Random) -> None:
    """A series is sorted by session, however it arrives."""
    shuffled = list(series)
    chance.shuffle(shuffled)
    assert shape(shuffled, parameters=KNOWN) == shape(series, parameters=KNOWN)


@LAWS
@given(series_strategy(), st.integers(1, 5000), st.floats(-3, 3))
def test_the_shape_does_not_depend_on_where_it_stands(series: Series, later: int, higher: float) -> None:
    """Later sessions and higher scores have the same shape."""
    found = shape(series, parameters=KNOWN)
    moved = shape([(n + later, score + higher) for n, score in series], parameters=KNOWN)
    assume(clear(found))
    assert (moved.name, moved.model) == (found.name, found.model)
    assert moved.change == pytest.approx(found.change, abs=1e-6)


MIRRORED = {"rising": "falling", "falling": "rising", "valley": "peak", "peak": "valley", "stable": "stable"}
REVERSED = {"rising": "falling", "falling": "rising", "valley": "valley", "peak": "peak", "stable": "stable"}


@LAWS
@given(series_strategy())
def test_turned_upside_down_and_back_to_front(series: Series) -> None:
    """Upside down a valley is a peak; back to front it stays one, and a rise is a fall."""
    found = shape(series, parameters=KNOWN)
    assume(clear(found))
    assert shape([(n, 6 - score) for n, score in series], parameters=KNOWN).name == MIRRORED[found.name]
    assert shape([(61 - n, score) for n, score in series], parameters=KNOWN).name == REVERSED[found.name]


@LAWS
@given(series_strategy(), st.floats(0.1, 10))
def test_the_unit_does_not_matter(series: Series, factor: float) -> None:
    """On another scale, with its error on that scale, the shape is the same."""
    found = shape(series, parameters=KNOWN)
    assume(clear(found))
    other = shape([(n, score * factor) for n, score in series], parameters=replace(KNOWN, sem=0.2 * factor))
    assert other.name == found.name


@LAWS
@given(series_strategy())
def test_with_more_error_less_moves(series: Series) -> None:
    """An error many times the scale leaves nothing but `stable`, of lines and of curves."""
    found = shape(series, parameters=replace(KNOWN, sem=100.0))
    assert found.name == "stable"
