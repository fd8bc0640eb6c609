"""How good probabilities and prompts are: accuracy, macro-F1, log-loss, calibration, predictive value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.validation.chance import Floats, Ints

#: A probability of 0 for what happened would cost infinitely much.
LEAST_PROBABILITY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How well probabilities of the four stages fit the truth, over all sessions."""

    accuracy: float
    macro_f1: float
    log_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One class of stated probabilities: how many, their mean, and the share of those that were so."""

    low: float
    high: float
    count: int
    stated: float
    observed: float


def figures(probabilities: Floats, truth: Ints) -> Figures:
    """Hold probabilities against the truth.

    Parameters
    ----------
    probabilities
        [n x k], each row sums to 1.
    truth
        [n] the true class, 0 to k - 1.

    Returns
    -------
    Figures
        `accuracy` and `macro_f1` from 0 to 1, greater is better; `log_loss` in nats, 0 at best.

    Raises
    ------
    ValueError
        Without any row.

    Notes
    -----
    The likeliest class counts as said, the first of equals. Macro-F1 is the plain mean over the k classes; a class that
    neither occurs nor is said counts 0.

    References
    ----------
    Design choice of this project, not validated; the measures are textbook ones.

    Examples
    --------
    >>> figures(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1]))
    Figures(accuracy=1.0, macro_f1=1.0, log_loss=0.4904146265058631)
    """
    if len(truth) == 0:
        raise ValueError("at least one session is needed")
    said = probabilities.argmax(axis=1)
    of_truth = probabilities[np.arange(len(truth)), truth]
    return Figures(
        accuracy=float((said == truth).mean()),
        macro_f1=float(np.mean([_f1(said == k, truth == k) for k in range(probabilities.shape[1])])),
        log_loss=float(-np.log(np.maximum(of_truth, LEAST_PROBABILITY)).mean()),
    )


def _f1(said: np.ndarray, so: np.ndarray) -> float:
    either = int(said.sum() + so.sum())
    return 2 * int((said & so).sum()) / either if either else 0.0


def calibration(probabilities: Floats, truth: Ints, *, bins: int = 10) -> tuple[Bin, ...]:
    """Compare stated probabilities with how often it was so.

    Parameters
    ----------
    probabilities
        [n x k], each row sums to 1; every entry is one statement about one class.
    truth
        [n] the true class.
    bins
        Classes of equal width from 0 to 1 [>= 1].

    Returns
    -------
    tuple of Bin
        Those that hold a statement, from the lowest.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> [(b.count, b.stated, b.observed) for b in calibration(np.array([[0.8, 0.2]]), np.array([0]), bins=2)]
    [(1, 0.2, 0.0), (1, 0.8, 1.0)]
    """
    stated = probabilities.ravel()
    so = (np.arange(probabilities.shape[1]) == truth[:, None]).ravel()
    place = np.minimum((stated * bins).astype(np.int64), bins - 1)
    return tuple(
        Bin(
            low=k / bins,
            high=(k + 1) / bins,
            count=int((place == k).sum()),
            stated=float(stated[place == k].mean()),
            observed=float(so[place == k].mean()),
        )
        for k in range(bins)
        if (place == k).any()
    )


def predictive_value(*, found: float, false: float, prevalence: float) -> float:
    """Say which share of prompts is right.

    Parameters
    ----------
    found
        Share of true events with a prompt [0-1].
    false
        Share of other sessions with a prompt [0-1].
    prevalence
        Share of sessions with a true event [0-1].

    Returns
    -------
    float
        Positive predictive value [0-1]; 0 when there is never a prompt.

    References
    ----------
    Bayes' theorem.

    Examples
    --------
    >>> round(predictive_value(found=0.74, false=0.052, prevalence=0.05), 3)
    0.428
    """
    right = prevalence * found
    prompts = right + (1 - prevalence) * false
    return right / prompts if prompts else 0.0
