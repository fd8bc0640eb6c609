from __future__ import annotations

import numpy as np
import pytest

from app.validation.metrics import Figures, calibration, figures, predictive_value
from app.validation.tables import short

#: Five sessions, four stages. By hand: said 0 1 1 2 0, in truth 0 1 2 2 3.
PROBABILITIES = np.array(
    [
        [0.7, 0.1, 0.1, 0.1],
        [0.2, 0.5, 0.2, 0.1],
        [0.1, 0.6, 0.2, 0.1],
        [0.0, 0.1, 0.8, 0.1],
        [0.5, 0.1, 0.0, 0.4],
    ]
)
TRUTH = np.array([0, 1, 2, 2, 3])


def test_figures_counted_by_hand() -> None:
    """3 of 5; F1 2/3, 2/3, 2/3 and 0; the mean of -ln .7, .5, .2, .8 and .4."""
    told = figures(PROBABILITIES, TRUTH)
    assert told.accuracy == pytest.approx(0.6)
    assert told.macro_f1 == pytest.approx(0.5)
    assert told.log_loss == pytest.approx((0.356675 + 0.693147 + 1.609438 + 0.223144 + 0.916291) / 5, abs=1e-6)


def test_certainty_pays_or_costs_a_bounded_loss() -> None:
    """Right and certain costs nothing; wrong and certain costs -ln 1e-12."""
    certain = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert figures(certain, np.array([0, 0])) == Figures(accuracy=1.0, macro_f1=0.5, log_loss=0.0)
    assert figures(certain, np.array([1, 1])).log_loss == pytest.approx(27.631021)


def test_nothing_has_no_figures() -> None:
    """Without a session there is nothing to hold against the truth."""
    with pytest.raises(ValueError, match="at least one"):
        figures(np.zeros((0, 4)), np.zeros(0, dtype=int))


def test_calibration_counted_by_hand() -> None:
    """Twelve statements below one half, of which one came true, and four from there on, of which three did."""
    low, high = calibration(PROBABILITIES[:4], TRUTH[:4], bins=2)
    assert (low.low, low.high, low.count) == (0.0, 0.5, 12)
    assert (high.low, high.high, high.count) == (0.5, 1.0, 4)
    assert (low.stated, low.observed) == pytest.approx((1.4 / 12, 1 / 12))
    assert (high.stated, high.observed) == pytest.approx((2.6 / 4, 3 / 4))


def test_certain_statements_are_in_the_last_class() -> None:
    """A probability of 1 belongs to .9 to 1.0, and classes without a statement are left out."""
    told = calibration(np.array([[1.0, 0.0]]), np.array([0]))
    assert [(b.low, b.high, b.observed) for b in told] == [(0.0, 0.1, 0.0), (0.9, 1.0, 1.0)]


@pytest.mark.parametrize(
    ("found", "false", "prevalence", "expected"),
    [(0.74, 0.052, 0.05, 0.4282), (0.74, 0.052, 0.15, 0.7152), (1.0, 0.0, 0.05, 1.0), (0.0, 0.0, 0.05, 0.0)],
)
def test_predictive_value(found: float, false: float, prevalence: float, expected: float) -> None:
    """Of 1,000 sessions 50 with a dip: 37 prompts are right and 49.4 are not."""
    assert predictive_value(found=found, false=false, prevalence=prevalence) == pytest.approx(expected, abs=1e-4)


def test_shares_are_written_short() -> None:
    """Without the zero before the point, where there is one."""
    assert [short(value) for value in (0.5, 1.0, 0.0, 10.05, -0.25)] == [".500", "1.000", ".000", "10.050", "-.250"]
