"""The rules of others that simulations compare with."""

from __future__ import annotations

from math import erf, nan, sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from app.change.literature import adjacent_drop, adjacent_reliable_change, cusum, pcoms, shewhart


def sessions(flags: NDArray[np.bool_]) -> list[int]:
    """Name the sessions of one series, from 1, that prompted."""
    return [int(n) + 1 for n in np.flatnonzero(flags)]


def markov(*, k: float, h: float, shift: float, states: int = 250) -> float:
    """Average run length of a one-sided chart, by the chain of Brook and Evans 1972."""
    width = 2 * h / (2 * states - 1)
    steps = np.subtract.outer(np.arange(states), np.arange(states)).T  # from row to column
    upper = (steps + 0.5) * width + k - shift
    cdf = np.vectorize(lambda z: 0.5 * (1 + erf(z / sqrt(2))))
    chain = cdf(upper) - cdf(upper - width)
    chain[:, 0] = cdf(upper[:, 0])
    return float(np.linalg.solve(np.eye(states) - chain, np.ones(states))[0])


@pytest.mark.parametrize(
    ("h", "shift", "published"), [(4.0, 0.0, 168.0), (5.0, 0.0, 465.0), (4.0, 1.0, 8.38), (5.0, 1.0, 10.4)]
)
def test_run_lengths_of_the_cusum(h: float, shift: float, published: float) -> None:
    """The published run lengths, by a Markov chain, and by the chart itself over three million seeded sessions."""
    with_shift, against = markov(k=0.5, h=h, shift=shift), markov(k=0.5, h=h, shift=-shift)
    by_chain = 1 / (1 / with_shift + 1 / against)
    assert by_chain == pytest.approx(published, rel=0.004)
    drawn = np.random.default_rng(20120501).normal(-shift, 1.0, size=(1500, 2000))
    down, up = cusum(drawn, centre=0.0, sigma=1.0, h=h)
    assert drawn.size / (down | up).sum() == pytest.approx(by_chain, rel=0.04)
    assert not (down & up).any()


def test_the_cusum_skips_what_is_not_scored() -> None:
    """A missing total neither prompts nor adds, and a prompt starts both sides anew."""
    down, up = cusum([-2.0, -2.0, nan, -2.0, -2.0, nan, 2.0, 2.0, 2.0], centre=0.0, sigma=1.0)
    assert (sessions(down), sessions(up)) == ([4], [9])
    assert cusum([nan, nan], centre=0.0, sigma=1.0)[0].tolist() == [False, False]
    two, _ = cusum([[5.0, 3.9, 3.9], [4.0, 4.0, 4.0]], centre=[5.0, 4.0], sigma=0.4)
    assert two.tolist() == [[False, False, True], [False, False, False]]


def test_adjacent_reliable_change() -> None:
    """1.96 sqrt(2) .20 is .5544; since the scored session before."""
    assert sessions(adjacent_reliable_change([4.0, 3.45, 4.0, 3.44, 3.0], sem=0.2)) == [4]
    assert sessions(adjacent_reliable_change([nan, 4.0, nan, 3.4, nan], sem=0.2)) == [4]
    assert adjacent_reliable_change([[4.0, 3.0], [3.0, 4.0]], sem=0.2).tolist() == [[False, True], [False, False]]


def test_adjacent_drops() -> None:
    """One standard deviation between persons, two within; a drop of exactly that is one, whatever the last bit."""
    assert sessions(adjacent_drop([4.3, 3.7, 3.2], sd=0.6)) == [2]
    assert sessions(adjacent_drop([4.3, 3.8, 3.2], sd=0.3, times=2.0)) == [3]
    steps = [[(30 + n) / 10, (30 + n - 6) / 10] for n in range(20)]
    assert adjacent_drop(steps, sd=0.6)[:, 1].all()


def test_the_individuals_chart() -> None:
    """By hand: 4.0 4.2 4.0 4.2 has mean 4.1 and moving range .2, so the limit is 4.1 - 3 x .2 / 1.128 = 3.568."""
    base = [4.0, 4.2, 4.0, 4.2]
    assert sessions(shewhart([*base, 3.57])) == []
    assert sessions(shewhart([*base, 3.56])) == [5]
    assert sessions(shewhart([4.0, nan, 4.2, 4.0, nan, 4.2, 3.56])) == [7]
    assert sessions(shewhart([4.0, 4.2, 4.0, 2.0])) == []  # three are too few
    assert sessions(shewhart([4.0] * 6 + [1.0])) == []  # no range, no limit
    with pytest.raises(ValueError, match="two scores"):
        shewhart(base, history=1)


def test_the_rule_of_the_session_rating_scale() -> None:
    """36 or less, or a point less than the session before, in tenths."""
    assert sessions(pcoms([39.3, 38.3, 37.4, 36.1, 36.0, 35.9])) == [2, 4, 5, 6]
    assert sessions(pcoms([40.0, nan, 39.0, nan])) == [3]
    assert sessions(pcoms([36.0])) == [1]
