"""What estimates have in common: an interval, the reason why there is none, and what to be careful about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Below these an estimate says little (design choice of this project; 50 forms is where omega starts).
FEW_FORMS = 50
FEW_CLIENTS = 50

Reason = Literal[
    "single_item",  # of one item nothing internal can be said
    "too_few_items",
    "too_few_forms",
    "too_few_groups",
    "no_repetition",  # no group has two forms
    "no_variance",
    "heywood",  # an item without a variance of its own: the one-factor model does not hold
    "not_converged",
]
Caution = Literal["few_forms", "few_clients", "repeated_measures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A confidence interval, and the number of independent cases that it was computed for."""

    low: float
    high: float
    confidence: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotEstimated:
    """No estimate, and why."""

    reason: Reason


def cautions(*, forms: int, clients: int) -> tuple[Caution, ...]:
    """Say what to be careful about when reading estimates.

    Parameters
    ----------
    forms, clients
        How many complete forms there are, of how many people.

    Returns
    -------
    tuple of str
        `few_forms` and `few_clients` below 50 of them; `repeated_measures` when a client has several forms: these are
        not independent, and what is estimated mixes differences between people with those between sessions.

    References
    ----------
    Design choice of this project.

    Examples
    --------
    >>> cautions(forms=120, clients=40)
    ('few_clients', 'repeated_measures')
    """
    told: list[tuple[bool, Caution]] = [
        (forms < FEW_FORMS, "few_forms"),
        (clients < FEW_CLIENTS, "few_clients"),
        (forms > clients, "repeated_measures"),
    ]
    return tuple(name for so, name in told if so)
