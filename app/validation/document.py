"""What a run found, as data: printed, kept beside the page, and what tables and plots are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from app import __version__
from app.change import decline, low, rupture
from app.change.decline import DECLINE
from app.change.low import LOW
from app.change.rupture import RUP_1
from app.stages.model import MODEL, MODEL_VERSION
from app.validation.courses import CourseLaw, FormLaw
from app.validation.gates import MOST_FALSE, Gate
from app.validation.quiet import Quiet
from app.validation.series import SeriesLaw
from app.validation.signals import SignalCondition, SignalResult
from app.validation.stages import LEARNED_ON, StageCondition, StageResult

Document = dict[str, Any]

#: Digits after the point that are kept: more than sampling error bears, fewer than machines differ in.
DIGITS = 6


def stage_document(
    results: Sequence[StageResult],
    gates: Sequence[Gate],
    *,
    conditions: Sequence[StageCondition],
    seed: int,
    clients: int,
    command: str,
) -> Document:
    """Say what a run of the stage model found.

    Parameters
    ----------
    results, gates
        What was found, and what had to be.
    conditions
        The laws of the conditions, in the order of the results.
    seed, clients, command
        How to get the same numbers again.

    Returns
    -------
    dict
        Plain data with numbers of six digits; no date and no machine.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> told = stage_document([], [], conditions=[], seed=7, clients=10, command="alliance validate stages")
    >>> told["kind"], told["simulated"], told["passed"]
    ('stages', True, True)
    """
    found = [
        _plain(asdict(result)) | {"law": changed(condition.courses, condition.forms)}
        for result, condition in zip(results, conditions, strict=True)
    ]
    return heading("stages", gates, seed=seed, command=command) | {
        "model": MODEL,
        "model_version": MODEL_VERSION,
        "clients": clients,
        "learned_on": LEARNED_ON,
        "generator": _plain(asdict(CourseLaw()) | asdict(FormLaw())),
        "results": found,
    }


def signal_document(
    results: Sequence[SignalResult],
    quiet: Quiet,
    gates: Sequence[Gate],
    *,
    conditions: Sequence[SignalCondition],
    seed: int,
    clients: int,
    command: str,
) -> Document:
    """Say what a run of the rules for signals found.

    Parameters
    ----------
    results, quiet, gates
        What was found of RUP-1 and its rivals, of DECLINE and LOW, and what had to be.
    conditions
        The laws of the conditions, in the order of the results.
    seed, clients, command
        How to get the same numbers again.

    Returns
    -------
    dict
        Plain data with numbers of six digits; no date and no machine.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> nothing = Quiet(slides=(), lows=(), together=())
    >>> told = signal_document([], nothing, [], conditions=[], seed=7, clients=10, command="alliance validate signals")
    >>> told["kind"], told["rules"]["RUP-1"]["version"], told["passed"]
    ('signals', '1', True)
    """
    found = [
        _plain(asdict(result)) | {"law": changed(condition.series), "assumed": _plain(asdict(condition.assumed))}
        for result, condition in zip(results, conditions, strict=True)
    ]
    rules: dict[str, Any] = {rupture.RULE: RUP_1, decline.RULE: DECLINE, low.RULE: LOW}
    return heading("signals", gates, seed=seed, command=command) | {
        "rules": {name: _plain(asdict(settings)) for name, settings in rules.items()},
        "clients": clients,
        "most_false": MOST_FALSE,
        "generator": _plain(asdict(SeriesLaw())),
        "results": found,
        "quiet": _plain(asdict(quiet)),
    }


def heading(kind: str, gates: Sequence[Gate], *, seed: int, command: str) -> Document:
    """Begin a document: what it is, how to get it again, and whether every gate was passed.

    Parameters
    ----------
    kind
        `stages` or `signals`.
    gates
        What had to be.
    seed, command
        How to get the same numbers again.

    Returns
    -------
    dict
        The fields that both kinds share.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> heading("signals", [Gate(name="a", passed=False, says="b")], seed=7, command="c")["passed"]
    False
    """
    return {
        "kind": kind,
        "simulated": True,
        "version": __version__,
        "command": command,
        "seed": seed,
        "passed": all(gate.passed for gate in gates),
        "gates": [asdict(gate) for gate in gates],
    }


def changed(*laws: Any) -> Document:
    """Name what a condition's laws have otherwise than the standard one.

    Parameters
    ----------
    laws
        Dataclasses whose defaults are the standard condition.

    Returns
    -------
    dict
        Field -> value, of those that differ.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> changed(CourseLaw(dwell=(4.6, 8.6)), FormLaw(halo=0.7))
    {'dwell': [4.6, 8.6], 'halo': 0.7}
    """
    found: Document = {}
    for law in laws:
        usual = asdict(type(law)())
        found |= {name: _plain(value) for name, value in asdict(law).items() if value != usual[name]}
    return found


def _plain(value: Any) -> Any:
    """Round numbers and make lists of tuples, so that the data are the same after they were written and read."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
