from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from app.instruments.catalog import shipped
from app.instruments.model import NOT_APPLICABLE, Answer, ItemId
from app.scoring.score import AnyScore, NotScored, Score, score
from tests.core import oracle

SETS = 5_000
#: Forms take longer the more items they have.
FEWER = {"wai-36": 2_000, "trq": 2_000, "trq-t": 2_000, "haq-ii": 2_000}
SEEDS = {key: 20_260_101 + number for number, key in enumerate(oracle.PLACES)}


def _random_form(random: Random, instrument: str) -> dict[int, oracle.Given]:
    """Fill in a form: some with great care, some hardly at all."""
    gaps = random.choice((0.0, 0.05, 0.15, 0.3, 0.6))
    low, high = oracle.RANGE[instrument]
    numbers = range(low, high + 1)
    form: dict[int, oracle.Given] = {}
    for item in oracle.PLACES[instrument]:
        gap = random.choice((oracle.EMPTY, oracle.DOES_NOT_APPLY))
        form[item] = gap if random.random() < gaps else random.choice(numbers)
    return form


def _for_the_app(form: dict[int, oracle.Given]) -> dict[ItemId, Answer]:
    words: dict[oracle.Given, Answer] = {oracle.EMPTY: None, oracle.DOES_NOT_APPLY: NOT_APPLICABLE}
    return {ItemId(str(i)): given if isinstance(given, int) else words[given] for i, given in form.items()}


def _differences(told: AnyScore, counted: oracle.Counted) -> list[str]:
    """Name every field in which the application and the oracle disagree."""
    pairs: dict[str, tuple[object, object]] = {
        "answered": (told.answered, len(counted.numbers)),
        "items": (told.items, counted.items),
        "missing": (sorted(told.missing), sorted(counted.empty)),
        "not_applicable": (sorted(told.not_applicable), sorted(counted.does_not_apply)),
        "reason": (told.reason if isinstance(told, NotScored) else "", counted.why_not),
    }
    wrong = [f"{name}: {ours!r}, oracle {theirs!r}" for name, (ours, theirs) in pairs.items() if ours != theirs]
    if isinstance(told, Score) and not counted.why_not:
        numbers = {
            "value": (told.value, counted.value),
            "mean": (told.mean, counted.mean),
            "sum": (told.sum, counted.total),
            "pomp": (told.pomp, counted.pomp),
        }
        wrong += [f"{name}: {x!r}, oracle {y}" for name, (x, y) in numbers.items() if abs(x - float(y)) > 1e-9]
        if told.prorated != (len(counted.numbers) < counted.items):
            wrong.append("prorated")
    return wrong


@pytest.mark.parametrize("instrument", SEEDS)
def test_thousands_of_forms_agree_with_the_oracle(instrument: str) -> None:
    """Every component of 5,000 random forms (2,000 long ones) is the same in the application and in the oracle."""
    definition = shipped().get(instrument, "1.0.0")
    random = Random(SEEDS[instrument])
    for _ in range(FEWER.get(instrument, SETS)):
        form = _random_form(random, instrument)
        told = {result.component: result for result in score(definition, _for_the_app(form))}
        counted = oracle.count(instrument, form)
        assert told.keys() == counted.keys()
        wrong = {name: found for name in told if (found := _differences(told[name], counted[name]))}
        assert not wrong, form


@pytest.mark.parametrize("instrument", SEEDS)
def test_the_random_forms_reach_every_kind_of_result(instrument: str) -> None:
    """Each kind of result occurs often among the random forms, so that their agreement means something."""
    random = Random(SEEDS[instrument])
    kinds: Counter[str] = Counter()
    for _ in range(SETS):
        total = oracle.count(instrument, _random_form(random, instrument))["total"]
        kinds[total.why_not or ("prorated" if total.empty or total.does_not_apply else "complete")] += 1
    wanted = {"complete", "prorated", "too_many_missing"}
    if instrument in {"wai-36", "wai-s", "wai-sr"}:
        wanted.add("component_not_scored")
    if instrument == "srs":
        wanted.remove("prorated")
    assert kinds.keys() == wanted
    assert min(kinds.values()) > 50


def test_the_oracle_knows_every_key_of_the_table() -> None:
    """All keys of the science page and our own four; a key that is added later brings its worked cases instead."""
    assert oracle.PLACES.keys() == oracle.RANGE.keys()
    assert set(oracle.PLACES) == {
        "wai-36", "wai-s", "wai-sr", "sai", "srs", "arm-5", "haq-ii", "care", "tasc-r",
        "trq", "trq-t", "trq-s", "trq-s-t",
    }  # fmt: skip


def test_the_oracle_knows_nothing_of_the_application() -> None:
    """An oracle that borrows from the code under test would agree with its mistakes."""
    tree = ast.parse(Path(oracle.__file__).read_text("utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert modules == {"__future__", "collections", "dataclasses", "fractions"}
