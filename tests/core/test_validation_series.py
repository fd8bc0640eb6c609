from __future__ import annotations

import numpy as np
import pytest

from app.validation.series import Series, SeriesLaw, draw_series

CLIENTS = 4000


def drawn(law: SeriesLaw, *, clients: int = CLIENTS, seed: int = 11) -> Series:
    """Draw series of a law."""
    return draw_series(law, clients, seed=seed, part=1)


def test_levels_have_the_mean_and_spread_of_the_law() -> None:
    """Own levels N(3.9, .6); SDs around them with median .28."""
    levels = drawn(SeriesLaw(carry=0.0, sessions=40)).levels
    own = levels.mean(axis=1)
    assert (own.mean(), own.std()) == pytest.approx((3.9, 0.6), abs=0.03)
    spreads = levels.std(axis=1, ddof=1)
    assert np.median(spreads) == pytest.approx(0.28, abs=0.01)
    assert np.log(spreads).std() == pytest.approx(np.hypot(0.35, 0.113), abs=0.02)


@pytest.mark.parametrize("carry", [0.0, 0.2, 0.6])
def test_a_deviation_carries_over(carry: float) -> None:
    """Neighbouring sessions correlate as the law says, and the spread is the same whatever is carried over."""
    levels = drawn(SeriesLaw(between=0.0, unequal=0.0, carry=carry)).levels - 3.9
    assert levels.std() == pytest.approx(0.28, abs=0.01)
    assert np.corrcoef(levels[:, 8], levels[:, 9])[0, 1] == pytest.approx(carry, abs=0.04)


def test_growth_ends_with_the_twelfth_session() -> None:
    """.02 a session makes .22 at the twelfth, and .22 at the twentieth."""
    grown = drawn(SeriesLaw(growth=0.02)).levels - drawn(SeriesLaw()).levels
    assert grown[0, [0, 1, 11, 19]].tolist() == pytest.approx([0.0, 0.02, 0.22, 0.22])


def test_scores_are_steps_within_the_scale() -> None:
    """Twelfths from 1 to 5, the ceiling is reached, and what was not scored is NaN."""
    scores = drawn(SeriesLaw(base=4.4, missing=0.3)).scores()
    assert np.isnan(scores).mean() == pytest.approx(0.3, abs=0.01)
    seen = scores[~np.isnan(scores)]
    assert (seen.min() >= 1.0, seen.max()) == (True, 5.0)
    assert np.allclose(np.rint(seen * 12), seen * 12)


def test_what_happens_happens_at_the_onset() -> None:
    """A dip of .72 in one session, a shift of .42 in four, at the sixth to the fifteenth; and a slow slide."""
    series = drawn(SeriesLaw())
    assert (series.onset.min(), series.onset.max()) == (5, 14)
    first = series.onset[0]
    dip, shift = series.dip()[0], series.shift()[0]
    assert dip.nonzero()[0].tolist() == [first]
    assert dip[first] == -0.72
    assert shift.nonzero()[0].tolist() == [first, first + 1, first + 2, first + 3]
    assert set(shift[first : first + 4].tolist()) == {-0.42}
    assert series.slide(0.1, after=2)[0, :5].tolist() == pytest.approx([0.0, 0.0, -0.1, -0.2, -0.3])


def test_the_same_seed_draws_the_same() -> None:
    """Series come again with the seed, others with another one."""
    one, again, other = (drawn(SeriesLaw(), clients=20, seed=seed) for seed in (5, 5, 6))
    assert (one.levels == again.levels).all()
    assert (one.onset == again.onset).all()
    assert (one.levels != other.levels).all()
