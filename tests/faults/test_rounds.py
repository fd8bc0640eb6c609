"""The runner: rounds in turn, counts that outlive it, a report that says what was not reached, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults import __main__ as command
from tests.faults import rounds
from tests.faults.counts import Counts
from tests.faults.registry import Harness


def works(_ground: Any, *, seed: int, cycles: int) -> Counts:
    """Do as much as is asked, and keep the seed."""
    return Counts(cycles=cycles, acknowledged=2 * cycles, rows=2 * cycles, samples={"seeds": [seed]})


def loses(_ground: Any, *, cycles: int, **_: int) -> Counts:
    """Lose a form."""
    counts = Counts(cycles=cycles)
    counts.found(["lost: one"])
    return counts


def breaks(_ground: Any, **_: int) -> Counts:
    """Break."""
    raise RuntimeError("harness")


@pytest.fixture
def soak(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a harness until its long form of 6 cycles is through, in rounds of 2, without databases."""

    def run(work: Any, *words: str) -> tuple[int, dict[str, Any]]:
        harness = Harness(name="fake", says="nothing", run=work, short=1, round=2, long={"cycles": 6})
        monkeypatch.setattr(command, "HARNESSES", (harness,))
        monkeypatch.setattr(rounds, "grounds", _Nowhere)
        code = command.main(["--progress", str(tmp_path / "progress.json"), "--seed", "7", *words])
        made: dict[str, Any] = json.loads((tmp_path / "report.json").read_text("utf-8"))
        return code, made

    return run


class _Nowhere:
    def __enter__(self) -> Any:
        return lambda _kind: None

    def __exit__(self, *_: object) -> None:
        return None


def test_a_long_form_is_run_to_its_end_on_both_databases(soak: Any) -> None:
    """Three rounds of two cycles each, from seeds of their own, and nothing went wrong."""
    code, made = soak(works)
    assert code == 0
    for database in ("sqlite", "postgresql"):
        lane = made["lanes"][f"fake/{database}"]
        assert (lane["cycles"], lane["acknowledged"], lane["rounds"]) == (6, 12, 3)
        assert lane["long_form"] == {"cycles": {"reached": 6, "of": 6}}
        assert lane["measured"]["seeds"]["least"] != lane["measured"]["seeds"]["most"]


def test_what_was_not_reached_is_said(soak: Any, tmp_path: Path) -> None:
    """Without time no round is run: the report says so in words."""
    code, made = soak(works, "--minutes", "0")
    assert (code, made["lanes"]["fake/sqlite"]["cycles"]) == (0, 0)
    assert "**Not reached**: 0 of 6 cycles." in (tmp_path / "report.md").read_text("utf-8")


def test_a_run_that_was_cut_off_goes_on(soak: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts are kept after every round, and the next run adds to them."""

    def once(ground: Any, *, seed: int, cycles: int) -> Counts:
        monkeypatch.setattr(rounds, "say", cut_off)
        return works(ground, seed=seed, cycles=cycles)

    def cut_off(_: str) -> None:
        raise KeyboardInterrupt

    code, made = soak(once)
    assert (code, sum(lane["cycles"] for lane in made["lanes"].values())) == (0, 2)
    monkeypatch.setattr(rounds, "say", lambda _: None)
    code, made = soak(works)
    assert (code, made["sittings"]) == (0, 2)
    assert [(lane["cycles"], lane["rounds"]) for lane in made["lanes"].values()] == [(6, 3), (6, 3)]


@pytest.mark.parametrize(("work", "says"), [(loses, "lost: one"), (breaks, "RuntimeError: harness")])
def test_what_goes_wrong_ends_the_run_with_1(soak: Any, work: Any, says: str, tmp_path: Path) -> None:
    """Something lost, and a harness that breaks, are told in the report and by the exit code."""
    code, made = soak(work, "--minutes", "0.001")
    assert code == 1
    assert made["wrong"] >= 1
    assert says in (tmp_path / "report.md").read_text("utf-8")


def test_another_seed_needs_a_fresh_run(soak: Any, tmp_path: Path) -> None:
    """Counts of two seeds are not added up."""
    soak(works)
    assert command.main(["--progress", str(tmp_path / "progress.json"), "--seed", "8"]) == 2
