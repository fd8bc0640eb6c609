"""What a run has to show, or it fails: a gate that is missed ends the command with 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.validation.signals import SignalResult
from app.validation.stages import StageResult

#: False prompts a session of RUP-1, watch or alert, in the gated conditions.
MOST_FALSE = 0.07


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


def signal_gates(results: Sequence[SignalResult]) -> tuple[Gate, ...]:
    """Ask of RUP-1 to be rarely wrong, and better than adjacent reliable change where that is as rarely wrong.

    Parameters
    ----------
    results
        What a run found. A condition that is not gated is reported and asks for nothing.

    Returns
    -------
    tuple of Gate
        Three for each gated condition: false prompts a session, dips and shifts found.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> signal_gates([])
    ()
    """
    return tuple(gate for result in results if result.gated for gate in _signal_gates(result))


def _signal_gates(result: SignalResult) -> tuple[Gate, ...]:
    ours, theirs = result.rows[0], result.same_rate[0]
    return (
        Gate(
            name=f"{result.condition}: false prompts a session",
            passed=ours.false <= MOST_FALSE,
            says=f"{ours.false:.3f}, at most {MOST_FALSE:.3f}",
        ),
        Gate(
            name=f"{result.condition}: dips found",
            passed=ours.dip > theirs.dip,
            says=f"{ours.dip:.3f}, has to be above {theirs.dip:.3f} ({theirs.rule} at the same rate)",
        ),
        Gate(
            name=f"{result.condition}: shifts found",
            passed=ours.shift > theirs.shift,
            says=f"{ours.shift:.3f}, has to be above {theirs.shift:.3f} ({theirs.rule} at the same rate)",
        ),
    )
