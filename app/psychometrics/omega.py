"""McDonald's omega from a one-factor model, fitted by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.psychometrics.estimate import FEW_FORMS, NotEstimated

Floats = npt.NDArray[np.float64]

#: A share of own variance below this is taken for none (the bound that R's factanal keeps).
_LEAST_UNIQUE = 0.005
_STEPS = 500
_SETTLED = 1e-11


@dataclass(frozen=True, slots=True, kw_only=True)
class OneFactor:
    """A one-factor model: the loading of each item [in its own unit] and the variance that is its own."""

    loadings: tuple[float, ...]
    own: tuple[float, ...]

    @property
    def omega(self) -> float:
        """The share of the variance of the sum of all items that the factor explains [0-1]."""
        common = sum(self.loadings) ** 2
        return common / (common + sum(self.own))


def one_factor(covariances: Floats) -> OneFactor | NotEstimated:
    """Fit a one-factor model.

    Parameters
    ----------
    covariances
        [items x items], symmetric, of at least three items; a matrix of correlations will do.

    Returns
    -------
    OneFactor or NotEstimated
        The sum of loadings is not negative. `too_few_items` below three, where the model can't be identified;
        `no_variance` when an item is a constant; `heywood` when an item is left with less than .005 of its variance;
        `not_converged` when the fit does not settle.

    Notes
    -----
    The two conditions of maximum likelihood in turn: given the items' own variances, the loadings are the leading
    eigenvector of the correlations weighted by them; given the loadings, own variance is what they leave. Scale-free:
    it works on correlations, and gives loadings in each item's unit. Two such rounds are extrapolated to the next one
    (SQUAREM), else an item with little variance of its own takes tens of thousands.

    References
    ----------
    Lawley and Maxwell, Factor Analysis as a Statistical Method, 1971; Joereskog 1967,
    doi:10.1007/BF02289658. Varadhan and Roland 2008, doi:10.1111/j.1467-9469.2007.00585.x.

    Examples
    --------
    >>> model = one_factor(np.array([[1, 0.56, 0.48], [0.56, 1, 0.42], [0.48, 0.42, 1]]))
    >>> [round(one, 4) for one in model.loadings]
    [0.8, 0.7, 0.6]
    """
    if len(covariances) < 3:
        return NotEstimated(reason="too_few_items")
    variances = np.diag(covariances)
    if not (variances > 0).all():
        return NotEstimated(reason="no_variance")
    units = np.sqrt(variances)
    correlations = covariances / np.outer(units, units)
    own = np.full(len(units), 0.5)
    for _ in range(_STEPS):
        first = _left(correlations, own)
        second = _left(correlations, first)
        step, bend = first - own, second - 2 * first + own
        own = _left(correlations, _ahead(own, second, step=step, bend=bend))
        if own.min() < _LEAST_UNIQUE:
            return NotEstimated(reason="heywood")
        if np.abs(step).max() < _SETTLED:
            loadings = _loadings(correlations, own) * units
            return OneFactor(loadings=tuple(loadings.tolist()), own=tuple((own * variances).tolist()))
    return NotEstimated(reason="not_converged")


def omega(covariances: Floats, *, forms: int) -> float | NotEstimated:
    """Estimate the reliability of a sum of items that measure one thing, but not equally well.

    Parameters
    ----------
    covariances
        [items x items], symmetric.
    forms
        How many forms they were estimated from.

    Returns
    -------
    float or NotEstimated
        Omega total of the one-factor model [0-1]; `too_few_forms` below 50 forms, else the reasons of `one_factor`.

    Notes
    -----
    omega = (sum of loadings)^2 / ((sum of loadings)^2 + sum of own variances), the items in their own units, as they
    are summed. It takes one factor for granted; with several, it is no reliability of anything.

    References
    ----------
    McDonald 1999, Test Theory; the least number of forms is a design choice of this project, not validated.

    Examples
    --------
    >>> told = np.array([0.8, 0.7, 0.6, 0.5])
    >>> round(omega(np.outer(told, told) + np.diag(1 - told**2), forms=50), 6)
    0.749446
    """
    if forms < FEW_FORMS:
        return NotEstimated(reason="too_few_forms")
    model = one_factor(covariances)
    return model if isinstance(model, NotEstimated) else model.omega


def _loadings(correlations: Floats, own: Floats) -> Floats:
    """Give the most likely loadings for these own variances, signed so that their sum is not negative."""
    roots = np.sqrt(own)
    values, vectors = np.linalg.eigh(correlations / np.outer(roots, roots))
    loadings: Floats = roots * vectors[:, -1] * np.sqrt(max(values[-1] - 1, 0.0))
    return loadings if loadings.sum() >= 0 else -loadings


def _left(correlations: Floats, own: Floats) -> Floats:
    """Return what the loadings leave to each item."""
    left: Floats = 1 - _loadings(correlations, own) ** 2
    return left


def _ahead(own: Floats, second: Floats, *, step: Floats, bend: Floats) -> Floats:
    """Extrapolate two rounds, unless that leads nowhere or out of what a variance can be."""
    curved = float(bend @ bend)
    if curved == 0:
        return second
    length = max(1.0, float(np.sqrt(step @ step / curved)))
    ahead: Floats = own + 2 * length * step + length**2 * bend
    return ahead if ahead.min() > 0 and ahead.max() <= 1 else second
