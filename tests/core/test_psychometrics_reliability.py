"""Alpha, omega and the intraclass correlations, against published numbers and other people's code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pingouin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import f as scipy_f
from statsmodels.multivariate.factor import Factor

from app.psychometrics.alpha import Alpha, alpha, feldt_interval
from app.psychometrics.counts import CompleteForm, Counts, Layout, count_forms, covariance
from app.psychometrics.estimate import NotEstimated, cautions
from app.psychometrics.f_distribution import beta_share, f_quantile
from app.psychometrics.icc import shrout_fleiss
from app.psychometrics.omega import OneFactor, omega, one_factor

#: Shrout and Fleiss 1979, table 2: six targets, four raters.
SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
TEN = Layout(items=4, lowest=1, options=10)


def counted(rows: list[list[int]]) -> Counts:
    """Count rows of four items from 1 to 10."""
    return count_forms(TEN, [tuple(row) for row in rows])


def drawn(items: int, forms: int, *, seed: int) -> npt.NDArray[np.int64]:
    """Draw forms of one factor, rounded to 1 to 5 as people answer."""
    chance = np.random.default_rng(seed)
    loadings = chance.uniform(0.4, 0.9, items)
    factor = chance.normal(size=(forms, 1))
    answers = 3 + 1.1 * (factor * loadings + chance.normal(size=(forms, items)) * np.sqrt(1 - loadings**2))
    return np.clip(np.rint(answers), 1, 5).astype(np.int64)


def test_alpha_of_the_published_table() -> None:
    """The raters of Shrout and Fleiss taken as items: .909316, with Feldt's interval .675675 to .985892."""
    told = alpha(counted(SHROUT_FLEISS), range(4))
    assert isinstance(told, Alpha)
    assert round(told.value, 6) == 0.909316
    between = feldt_interval(told.value, n=6, items=4)
    assert (round(between.low, 6), round(between.high, 6)) == (0.675675, 0.985892)
    assert (between.n, between.confidence, told.forms, told.items) == (6, 0.95, 6, 4)


def test_feldt_of_a_published_alpha() -> None:
    """Alpha .93 of 231 people and 12 items: .915895 to .942631."""
    told = feldt_interval(0.93, n=231, items=12)
    assert (round(told.low, 6), round(told.high, 6)) == (0.915895, 0.942631)


@pytest.mark.parametrize(("items", "forms", "seed"), [(2, 12, 1), (4, 60, 2), (12, 231, 3), (36, 400, 4)])
def test_alpha_is_pingouins(items: int, forms: int, seed: int) -> None:
    """Another implementation, from the forms themselves, gives the same value and interval."""
    rows = drawn(items, forms, seed=seed)
    counts = count_forms(Layout(items=items, lowest=1, options=5), [tuple(map(int, row)) for row in rows])
    told = alpha(counts, range(items))
    assert isinstance(told, Alpha)
    value, interval = pingouin.cronbach_alpha(pd.DataFrame(rows))
    assert told.value == pytest.approx(value, abs=1e-12)
    ours = feldt_interval(told.value, n=forms, items=items)
    assert [ours.low, ours.high] == pytest.approx(list(interval), abs=6e-4)  # it rounds to three places


def test_alpha_of_a_component_looks_at_its_items_only() -> None:
    """Alpha of two of the four columns is that of a form of these two."""
    pair = count_forms(Layout(items=2, lowest=1, options=10), [(row[0], row[3]) for row in SHROUT_FLEISS])
    assert alpha(counted(SHROUT_FLEISS), (0, 3)) == alpha(pair, (0, 1))


@given(forms=st.lists(st.tuples(*[st.integers(1, 10)] * 4), min_size=2, max_size=9), order=st.permutations(range(4)))
def test_alpha_knows_no_order(forms: list[CompleteForm], order: list[int]) -> None:
    """Neither the order of forms nor that of items changes a bit of the result."""
    told = alpha(count_forms(TEN, forms), range(4))
    assert alpha(count_forms(TEN, forms[::-1]), order) == told
    assert isinstance(told, NotEstimated) or told.value <= 1


def test_alpha_says_why_there_is_none() -> None:
    """One item, one form and totals without variance have no alpha, and each says so."""
    assert alpha(counted(SHROUT_FLEISS), (1,)) == NotEstimated(reason="single_item")
    assert alpha(counted(SHROUT_FLEISS[:1]), (0, 1)) == NotEstimated(reason="too_few_forms")
    assert alpha(counted([[3, 4, 1, 1], [4, 3, 1, 1]]), (0, 1)) == NotEstimated(reason="no_variance")
    with pytest.raises(ValueError, match="two cases"):
        feldt_interval(0.9, n=1, items=4)


@pytest.mark.parametrize("probability", [0.001, 0.025, 0.5, 0.975, 0.999])
@pytest.mark.parametrize("numerator", [1, 2, 5, 230, 1e5])
@pytest.mark.parametrize("denominator", [1, 3, 15, 2530, 1e5])
def test_quantiles_are_scipys(probability: float, numerator: float, denominator: float) -> None:
    """From one degree of freedom to a hundred thousand, on both tails."""
    expected = scipy_f.ppf(probability, numerator, denominator)
    assert f_quantile(probability, numerator, denominator) == pytest.approx(expected, rel=1e-9)


def test_quantiles_hold_for_millions_of_forms() -> None:
    """Ten million forms of twelve items."""
    assert f_quantile(0.975, 1e7, 1.1e8) == pytest.approx(scipy_f.ppf(0.975, 1e7, 1.1e8), rel=1e-6)


def test_quantiles_of_nonsense_are_refused() -> None:
    """No quantile of certainty, and none without degrees of freedom."""
    for wrong in ((0, 1, 1), (1, 1, 1), (0.5, 0, 1), (0.5, 1, float("inf"))):
        with pytest.raises(ValueError, match="probability"):
            f_quantile(*wrong)
    assert (beta_share(0.0, 1.0, 2, 3), beta_share(1.0, 0.0, 2, 3)) == (0.0, 1.0)


def of_loadings(*loadings: float) -> npt.NDArray[np.float64]:
    """Make the correlations that a one-factor model with these loadings has."""
    told = np.array(loadings)
    made: npt.NDArray[np.float64] = np.outer(told, told) + np.diag(1 - told**2)
    return made


def test_omega_of_known_loadings() -> None:
    """Loadings .8 .7 .6 .5 give .749446; 49 forms give nothing."""
    told = omega(of_loadings(0.8, 0.7, 0.6, 0.5), forms=50)
    assert isinstance(told, float)
    assert round(told, 6) == 0.749446
    assert omega(of_loadings(0.8, 0.7, 0.6, 0.5), forms=49) == NotEstimated(reason="too_few_forms")


def test_omega_is_of_items_in_their_units() -> None:
    """An item on a scale twice as wide weighs twice as much, as it does in the sum: (2 x .8 + 1.8)^2 / 13.14."""
    units = np.array([2.0, 1, 1, 1])
    told = omega(of_loadings(0.8, 0.7, 0.6, 0.5) * np.outer(units, units), forms=500)
    own = 4 * (1 - 0.64) + (1 - 0.49) + (1 - 0.36) + (1 - 0.25)
    assert told == pytest.approx(3.4**2 / (3.4**2 + own), abs=1e-9)


@pytest.mark.parametrize(("items", "forms", "seed"), [(4, 1000, 5), (8, 200, 6), (12, 231, 7), (36, 400, 8)])
def test_loadings_are_statsmodels(items: int, forms: int, seed: int) -> None:
    """Another implementation of maximum likelihood finds the same loadings."""
    correlations = np.asarray(np.corrcoef(drawn(items, forms, seed=seed).T))
    model = one_factor(correlations)
    assert isinstance(model, OneFactor)
    theirs = Factor(corr=correlations, n_factor=1, method="ml", nobs=forms).fit(maxiter=500).loadings[:, 0]
    assert model.loadings == pytest.approx(theirs * np.sign(theirs.sum()), abs=1e-5)


@given(loadings=st.lists(st.floats(0.3, 0.99), min_size=3, max_size=9))
@settings(max_examples=30)
def test_a_perfect_model_is_found(loadings: list[float]) -> None:
    """Whatever the loadings, from the correlations that they imply they are found again."""
    model = one_factor(of_loadings(*loadings))
    assert isinstance(model, OneFactor)
    assert model.loadings == pytest.approx(loadings, abs=1e-5)


def test_omega_says_why_there_is_none() -> None:
    """Two items, a constant item, and an item that would have to explain more than there is."""
    assert one_factor(of_loadings(0.8, 0.7)) == NotEstimated(reason="too_few_items")
    constant = of_loadings(0.8, 0.7, 0.6)
    constant[2] = constant[:, 2] = 0
    assert omega(constant, forms=90) == NotEstimated(reason="no_variance")
    heywood = np.array([[1, 0.9, 0.9], [0.9, 1, 0.5], [0.9, 0.5, 1]])  # .9 x .9 / .5 is more than 1
    assert omega(heywood, forms=90) == NotEstimated(reason="heywood")


def test_omega_comes_from_counts() -> None:
    """Covariances of exact counts are those of the forms."""
    rows = drawn(8, 120, seed=9)
    counts = count_forms(Layout(items=8, lowest=1, options=5), [tuple(map(int, row)) for row in rows])
    assert covariance(counts, range(8)) == pytest.approx(np.cov(rows.T), abs=1e-12)
    assert isinstance(omega(covariance(counts, range(8)), forms=120), float)


def test_the_intraclass_correlations_of_1979() -> None:
    """The table of the article gives its six correlations."""
    told = shrout_fleiss(SHROUT_FLEISS)
    one, mean = (told.icc_1_1, told.icc_2_1, told.icc_3_1), (told.icc_1_k, told.icc_2_k, told.icc_3_k)
    assert [round(value, 6) for value in one] == [0.165742, 0.289764, 0.714841]
    assert [round(value, 6) for value in mean] == [0.442797, 0.620051, 0.909316]
    assert (told.targets, told.raters) == (6, 4)


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # pingouin calls pandas in a way that pandas 4 will drop
def test_the_intraclass_correlations_are_pingouins() -> None:
    """On chance ratings too, another implementation gives the same six."""
    rows = drawn(5, 30, seed=10)
    long = pd.DataFrame(rows).reset_index().melt(id_vars="index", var_name="rater", value_name="rating")
    table = pingouin.intraclass_corr(data=long, targets="index", raters="rater", ratings="rating")
    told = shrout_fleiss(rows)
    ours = [told.icc_1_1, told.icc_2_1, told.icc_3_1, told.icc_1_k, told.icc_2_k, told.icc_3_k]
    assert list(table["ICC"]) == pytest.approx(ours, abs=1e-6)


@pytest.mark.parametrize("table", [[[1, 2]], [[1], [2]], [[1, 2], [3, float("nan")]], [[3, 3], [3, 3]], [1, 2]])
def test_incomplete_tables_have_no_correlations(table: list[list[float]]) -> None:
    """Too few of either, a missing rating, or targets that do not differ: no number is made up."""
    with pytest.raises(ValueError, match=r"table|differ"):
        shrout_fleiss(table)


def test_cautions() -> None:
    """Few forms, few clients and repeated forms are named, and nothing else."""
    assert cautions(forms=49, clients=49) == ("few_forms", "few_clients")
    assert cautions(forms=50, clients=50) == ()
    assert cautions(forms=51, clients=50) == ("repeated_measures",)
