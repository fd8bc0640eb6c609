"""What a run has to show, or it fails: a gate that is missed ends the command with 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.validation.stages import StageResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One thing that has to hold, with the numbers it was decided by."""

    name: str
    passed: bool
    says: str


def stage_gates(results: Sequence[StageResult]) -> tuple[Gate, ...]:
    """Ask of the stage model to be better than the first baseline, on log-loss and on macro-F1.

    Parameters
    ----------
    results
        What a run found. A condition that is not gated is reported and asks for nothing.

    Returns
    -------
    tuple of Gate
        Two for each gated condition, in their order.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> stage_gates([])
    ()
    """
    return tuple(gate for result in results if result.gated for gate in _stage_gates(result))


def _stage_gates(result: StageResult) -> tuple[Gate, Gate]:
    ours, theirs = result.model, result.baseline
    return (
        Gate(
            name=f"{result.condition}: log-loss",
            passed=ours.log_loss < theirs.log_loss,
            says=f"{ours.log_loss:.3f}, has to be below {theirs.log_loss:.3f}",
        ),
        Gate(
            name=f"{result.condition}: macro-F1",
            passed=ours.macro_f1 > theirs.macro_f1,
            says=f"{ours.macro_f1:.3f}, has to be above {theirs.macro_f1:.3f}",
        ),
    )
