"""Vectorised scoring against the sums alone, in a process of its own: `python -m bench.scoring FORMS ROUNDS`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from random import Random
from time import perf_counter
from typing import Any

from bench.figures import Finding, Goal, ratios, spread
from bench.plan import Plan
from bench.processes import Broken
from bench.programs import Place

_ROWS, _COLUMNS, _ADDED = "row by row", "column by column", "column by column, added by hand"


def measure(where: Place, plan: Plan) -> tuple[list[Finding], dict[str, float]]:
    """Run the comparison on the code that is measured, and tell ratios and forms a second."""
    words = [sys.executable, "-m", "bench.scoring", str(plan.forms), str(max(5, plan.rounds))]
    done = subprocess.run(words, cwd=where.folder, env=where.environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Broken(f"scoring: {done.stderr[-2000:]}")
    times: dict[str, dict[str, list[float]]] = json.loads(done.stdout)
    goals = {_ROWS: Goal(bound=0.5, at_least=True), _COLUMNS: Goal(bound=0.5, at_least=True)}
    findings = [
        Finding(
            what="vectorised scoring, of numpy's sums alone",
            where=f"{plan.forms:,} wai-sr forms, {layout}",
            spread=spread(ratios(taken["floor"], taken["ours"])),
            goal=goals.get(layout),
        )
        for layout, taken in times.items()
        if layout != "one by one"
    ]
    one_by_one = times["one by one"]
    findings.append(
        Finding(
            what="many forms at once, of one by one (as Score objects)",
            where="1,000 wai-sr forms",
            spread=spread(ratios(one_by_one["floor"], one_by_one["ours"])),
        )
    )
    speeds = {
        f"scoring, {layout}": plan.forms / min(t["ours"]) for layout, t in times.items() if layout != "one by one"
    }
    return findings, speeds


def _compare(floor: Callable[[], Any], ours: Callable[[], Any], rounds: int) -> dict[str, list[float]]:
    """Time two functions in turns, after one turn that is not counted."""
    taken: dict[str, list[float]] = {"floor": [], "ours": []}
    for number in range(rounds + 1):
        for name, work in (("floor", floor), ("ours", ours)):
            start = perf_counter()
            work()
            if number:
                taken[name].append(perf_counter() - start)
    return taken


def _all(forms: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    import numpy as np

    from app.instruments.catalog import shipped
    from app.instruments.model import Answer, ItemId
    from app.scoring.many import score_forms, score_many
    from app.scoring.score import score

    instrument = shipped().latest("wai-sr")
    ids = [item.id for item in instrument.items]
    places = [[ids.index(item) for item in component.items] for component in instrument.components]
    rows = np.random.default_rng(1).integers(1, 6, (forms, len(ids)), dtype=np.int16)
    columns = np.asfortranarray(rows)

    def added() -> list[Any]:
        sums = []
        for first, *others in places:
            total = columns[:, first].copy()
            for place in others:
                total += columns[:, place]
            sums.append(total)
        return sums

    random = Random(1)
    few: list[dict[ItemId, Answer]] = [
        {item: None if random.random() < 0.01 else random.randint(1, 5) for item in ids} for _ in range(1000)
    ]
    return {
        _ROWS: _compare(
            lambda: [rows[:, place].sum(axis=1) for place in places], lambda: score_many(instrument, rows), rounds
        ),
        _COLUMNS: _compare(
            lambda: [columns[:, place].sum(axis=1) for place in places], lambda: score_many(instrument, columns), rounds
        ),
        _ADDED: _compare(added, lambda: score_many(instrument, columns), rounds),
        "one by one": _compare(
            lambda: [score(instrument, form) for form in few], lambda: score_forms(instrument, few), rounds
        ),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_all(int(sys.argv[1]), int(sys.argv[2]))))
