"""Worked cases: answers as people write them, and the scores that were counted for them by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from app.instruments.located import Broken, Reading, read_document
from app.instruments.model import NOT_APPLICABLE, Answer, Instrument, ItemId, answer_document
from app.scoring.score import AnyScore, NotScored, Score, score

_WORDS: dict[str, Answer] = {"-": None, "n/a": NOT_APPLICABLE}
#: What is written down of a component; decimals are rounded to four.
_NUMBERS = ("value", "mean", "sum", "pomp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One form and what each component of it must give."""

    name: str
    says: str
    answers: dict[ItemId, Answer]
    expected: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """The worked cases of one version of an instrument, and the digest that pins its definition."""

    instrument: str
    version: str
    digest: str | None
    ranges: dict[str, str]
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it was worked out by hand; `expected` or `counted` is None where there is nothing."""

    where: str
    what: str
    expected: Any
    counted: Any


@cache
def vectors_schema() -> dict[str, Any]:
    """Return the JSON Schema that every file of worked cases follows."""
    text = resources.files("app.scoring").joinpath("vectors.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def check_vectors(text: str) -> Reading[Vectors]:
    """Read a file of worked cases, or name every fault with its line.

    Parameters
    ----------
    text
        A YAML file, see `vectors.schema.json`. An answer is a number, "-" (left empty) or n/a (does not apply).

    Returns
    -------
    Reading
        The cases, or the faults: of the YAML, of the schema, or a name that stands twice.

    References
    ----------
    Design choice of this project.
    """
    read = read_document(text, vectors_schema(), _names_once)
    return Reading(value=None if read.value is None else _build(read.value.data), faults=read.faults)


def differences(instrument: Instrument, vectors: Vectors) -> tuple[Difference, ...]:
    """Score every case and list each thing that is not as it was worked out by hand.

    Parameters
    ----------
    instrument
        The definition that the cases are for.
    vectors
        The cases. Every component has to be expected, with all its numbers; an empty list of items may be left out.

    Returns
    -------
    tuple of Difference
        Empty when the definition and all cases agree: key, version and digest (where given), ranges, and each field of
        each component of each case. Numbers agree when they are equal after rounding to four decimals.

    References
    ----------
    Design choice of this project.
    """
    return (*_about_the_file(instrument, vectors), *(d for case in vectors.cases for d in _about(instrument, case)))


def as_written(result: AnyScore) -> dict[str, Any]:
    """Write a result in the words of the files: numbers with four decimals, items in the order of the component."""
    told: dict[str, Any] = {
        "answered": f"{result.answered} of {result.items}",
        "missing": list(result.missing),
        "not applicable": list(result.not_applicable),
    }
    if isinstance(result, NotScored):
        return told | {"not scored": result.reason}
    numbers = {name: round(getattr(result, name), 4) for name in _NUMBERS}
    return told | numbers | {"prorated": result.prorated}


def _about_the_file(instrument: Instrument, vectors: Vectors) -> Iterator[Difference]:
    heads = {
        "instrument": (vectors.instrument, instrument.key),
        "version": (vectors.version, instrument.version),
        "digest": (vectors.digest or instrument.digest, instrument.digest),
    }
    for what, (expected, counted) in heads.items():
        if expected != counted:
            yield Difference(where="the file", what=what, expected=expected, counted=counted)
    lowest: dict[ItemId, Answer] = {item.id: instrument.minimum for item in instrument.items}
    ranges = {
        one.component: f"{one.minimum:g} to {one.maximum:g}"
        for one in score(instrument, lowest)
        if isinstance(one, Score)
    }
    yield from _compared("ranges", vectors.ranges, ranges)


def _about(instrument: Instrument, case: Case) -> Iterator[Difference]:
    where = f"case '{case.name}'"
    for item_id, answer in case.answers.items():
        item = instrument.item(item_id)
        if item is None or not item.accepts(answer):
            known = "no such item" if item is None else f"{instrument.minimum} to {instrument.maximum}"
            yield Difference(where=where, what=f"answer to {item_id}", expected=answer_document(answer), counted=known)
    counted = {result.component: as_written(result) for result in score(instrument, case.answers)}
    for component in [*case.expected, *(key for key in counted if key not in case.expected)]:
        expected = _in_full(case.expected[component]) if component in case.expected else {}
        yield from _compared(f"{where}, {component}", expected, counted.get(component, {}))


def _compared(where: str, expected: dict[str, Any], counted: dict[str, Any]) -> Iterator[Difference]:
    for what in [*expected, *(name for name in counted if name not in expected)]:
        if expected.get(what) != counted.get(what):
            yield Difference(where=where, what=what, expected=expected.get(what), counted=counted.get(what))


def _in_full(expected: dict[str, Any]) -> dict[str, Any]:
    """Add what a reader takes for granted (nothing missing) and write item numbers as ids."""
    lists = {name: [str(item) for item in expected.get(name, [])] for name in ("missing", "not applicable")}
    return expected | lists


def _names_once(data: dict[str, Any]) -> Iterator[Broken]:
    seen: set[str] = set()
    for at, case in enumerate(data["cases"]):
        if case["name"] in seen:
            says = f"the name {case['name']} stands twice"
            yield Broken(path=("cases", at, "name"), says=says, do="give each case a name of its own")
        seen.add(case["name"])


def _build(data: dict[str, Any]) -> Vectors:
    return Vectors(
        instrument=data["instrument"],
        version=data["version"],
        digest=data.get("digest"),
        ranges=data["ranges"],
        cases=tuple(
            Case(
                name=case["name"],
                says=case["says"],
                answers={ItemId(item): _answer(written) for item, written in case["answers"].items()},
                expected=case["expected"],
            )
            for case in data["cases"]
        ),
    )


def _answer(written: int | str) -> Answer:
    return _WORDS[written] if isinstance(written, str) else written
