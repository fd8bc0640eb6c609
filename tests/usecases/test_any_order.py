"""Forms, corrections and withdrawals end in one state, whatever the order in which they arrive."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.harness import Service
from tests.usecases.histories import Step, arrivals, check_rebuild, histories, play, state_of

_NUMBERS = count()


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of a history that fails
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(history=histories().flatmap(lambda steps: st.tuples(st.just(steps), arrivals(steps))))
def test_every_order_of_arrival_ends_in_the_same_state(
    service: Service, history: tuple[list[Step], list[list[Step]]]
) -> None:
    """State, newest assessments, scores and every answer are those of the sorted order, and those of a rebuild."""
    clinic, number = service.clinic(), next(_NUMBERS)
    steps, calls = history
    in_order, permuted = f"in order {number}", f"permuted {number}"
    expected = state_of(clinic, in_order, play(clinic, in_order, [[one] for one in steps]))
    assert state_of(clinic, permuted, play(clinic, permuted, calls)) == expected
    for client in (in_order, permuted):
        check_rebuild(clinic, client)
