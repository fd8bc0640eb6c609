from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.validation.plots import PlotsUnavailable
from tests.cli.conftest import Shell, plain

#: Items that mean something else, a habit of each client, and gaps: here the baseline wins, as it does on the page.
HOSTILE = ("--halo", "1.5", "--distortion", "0.8", "--missing", "0.5")


def read(text: str) -> Any:
    """Read what must be JSON and nothing else."""
    return json.loads(text)


def test_stages_are_shown_with_every_row(bare: Shell) -> None:
    """Tables for a person: each condition, the loss too, what a therapist sees, calibration and gates."""
    done = bare.run("validate", "stages", "--courses", "60")
    said = plain(done.out)
    assert (done.code, done.err) == (0, "")
    assert said.startswith("Simulated, seed 2026: no real client is in these numbers.")
    for words in (
        "slow, 40 % wrong, 30 % missing",
        "(no gate)",
        "What a therapist sees",
        "Calibration of STG-1",
        "Gates",
    ):
        assert words in said


def test_json_is_json_only_and_the_same_for_a_seed(bare: Shell) -> None:
    """Two runs of one seed print the same bytes, another seed prints others."""
    run = ("validate", "stages", "--courses", "30")
    one, again, other = (bare.data(*run, "--seed", seed) for seed in ("5", "5", "6"))
    assert one == again
    assert one["results"] != other["results"]
    assert (one["kind"], one["seed"], one["clients"], len(one["results"])) == ("stages", 5, 30, 8)
    assert one["command"] == "alliance validate stages --seed 5 --courses 30"


def test_courses_and_forms_can_be_varied(bare: Shell) -> None:
    """Any option makes one condition of what was given, which has to pass the gate."""
    told = bare.data(
        "validate", "stages", "--courses", "40", "--dwell", "4.6,8.6", "--missing", "0.3", "--dropout", "0"
    )
    [result] = told["results"]
    assert (result["condition"], result["gated"]) == ("as given", True)
    assert result["law"] == {"dwell": [4.6, 8.6], "dropout": 0.0, "missing": 0.3}
    assert (
        told["command"]
        == "alliance validate stages --seed 2026 --courses 40 --dwell 4.6,8.6 --dropout 0.0 --missing 0.3"
    )


def test_a_missed_gate_ends_with_one(bare: Shell) -> None:
    """Where the answers say next to nothing the session number is better, and the command fails, with JSON as well."""
    done = bare.run("validate", "stages", "--courses", "150", *HOSTILE)
    assert done.code == 1
    assert "MISSED" in plain(done.out)
    assert "alliance: 2 gates missed: as given: log-loss; as given: macro-F1" in plain(done.err)
    as_json = bare.run("validate", "stages", "--courses", "150", *HOSTILE, "--json")
    assert as_json.code == 1
    assert read(as_json.out)["passed"] is False


@pytest.mark.parametrize("dwell", ["4.6", "a,b", "1,2,3", "-1,2", "nan,1", "1,99"])
def test_a_dwell_that_is_none_is_refused(bare: Shell, dwell: str) -> None:
    """Two numbers with a comma between, and nothing is run before they are there."""
    assert "--dwell takes" in plain(bare.refused("validate", "stages", f"--dwell={dwell}"))


@pytest.mark.parametrize("options", [("--missing", "1.5"), ("--courses", "0"), ("--seed", "-1"), ("--halo", "-1")])
def test_options_have_their_ranges(bare: Shell, options: tuple[str, str]) -> None:
    """A share above 1, no course, and negative numbers are wrong usage."""
    assert bare.run("validate", "stages", *options).code == 2


def test_a_report_is_a_page_with_numbers_and_plots(bare: Shell, tmp_path: Path) -> None:
    """The page, the JSON that was printed, and SVG without a date; the same bytes when it is written again."""
    pytest.importorskip("matplotlib")
    run = ("validate", "stages", "--courses", "100", "--halo", "0.2", "--report", str(tmp_path / "new"))
    told = bare.data(*run)
    page, numbers, plot = (
        tmp_path / "new" / name
        for name in ("validation.md", "validation/stages.json", "validation/stages-calibration.svg")
    )
    first = [path.read_bytes() for path in (page, numbers, plot)]
    assert json.loads(first[1]) == told
    assert "alliance validate stages --seed 2026 --courses 100 --halo 0.2" in page.read_text("utf-8")
    assert str(tmp_path) not in page.read_text("utf-8")
    assert b"<dc:date>" not in first[2]
    bare.data(*run)
    assert [path.read_bytes() for path in (page, numbers, plot)] == first


def test_a_report_that_cannot_be_written_is_said(bare: Shell, tmp_path: Path) -> None:
    """A file where the folder should be is an error in one sentence, after the numbers."""
    pytest.importorskip("matplotlib")
    (tmp_path / "taken").write_text("")
    done = bare.run("validate", "stages", "--courses", "5", "--report", str(tmp_path / "taken"))
    assert done.code == 1
    assert "the report can't be written to" in plain(done.err)


def test_without_matplotlib_a_report_is_refused_before_the_run(
    bare: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence says what to install; without a report nothing needs it."""

    def missing(name: str) -> None:
        assert name == "matplotlib"

    monkeypatch.setattr("app.validation.plots.find_spec", missing)
    said = plain(bare.refused("validate", "stages", "--report", str(tmp_path)))
    assert "install alliance[validation]" in said
    assert list(tmp_path.iterdir()) == []
    assert PlotsUnavailable.code == "plots_unavailable"
    assert bare.run("validate", "stages", "--courses", "5", "--json").err.count("matplotlib") == 0


def test_signals_are_shown_beside_the_rules_of_others(bare: Shell) -> None:
    """Tables for a person: each condition and rule, what a clinician lives with, DECLINE, LOW and gates."""
    done = bare.run("validate", "signals", "--courses", "60")
    said = plain(done.out)
    for words in ("base 4.4 (ceiling)", "PCOMS", "What a clinician lives with", "DECLINE", "LOW", "All rules", "Gates"):
        assert words in said
    assert said.startswith("Simulated, seed 2026: no real client is in these numbers.")


def test_series_and_assumptions_can_be_varied(bare: Shell) -> None:
    """Any option makes one condition of what was given; JSON only, the same for a seed."""
    run = (
        "validate",
        "signals",
        "--courses",
        "100",
        "--sd",
        "0.2",
        "--base",
        "4.0",
        "--missing",
        "0.1",
        "--mu0",
        "4.0",
    )
    told = bare.data(*run)
    [result] = told["results"]
    assert (result["condition"], result["gated"]) == ("as given", True)
    assert result["law"] == {"base": 4.0, "within": 0.2, "missing": 0.1}
    assert (result["assumed"]["mu0"], result["assumed"]["s0"]) == (4.0, 0.3)
    assert told == bare.data(*run)
    assert told["command"] == (
        "alliance validate signals --seed 2026 --courses 100 --sd 0.2 --base 4.0 --missing 0.1 --mu0 4.0"
    )


def test_signals_miss_their_gate_where_the_spread_is_taken_for_small(bare: Shell) -> None:
    """An SD of .6 where .1 is assumed makes far more than 7 % of sessions prompt, and the command fails."""
    done = bare.run("validate", "signals", "--courses", "60", "--sd", "0.6", "--s0", "0.1", "--json")
    assert done.code == 1
    document = read(done.out)
    assert document["passed"] is False
    assert not document["gates"][0]["passed"]
    assert "as given: false prompts a session" in plain(done.err)


def test_a_report_of_signals_has_its_two_plots(bare: Shell, tmp_path: Path) -> None:
    """Sensitivity against false prompts, and delay; the page has the section of this run only."""
    pytest.importorskip("matplotlib")
    done = bare.run("validate", "signals", "--courses", "100", "--sd", "0.28", "--report", str(tmp_path), "--json")
    assert done.code == 0
    assert sorted(file.name for file in (tmp_path / "validation").iterdir()) == [
        "signals-delay.svg",
        "signals-roc.svg",
        "signals.json",
    ]
    page = (tmp_path / "validation.md").read_text("utf-8")
    assert "## Signals" in page
    assert "## Stages" not in page
