"""CONTRIBUTING's walk to a new instrument, followed word for word."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.instruments.catalog import open_catalog
from app.instruments.model import ItemId
from app.scoring.score import Score, score

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
WALK = PAGE[PAGE.index("\n## An instrument\n") : PAGE.index("\n## A decision\n")]
STEPS = dict(re.findall(r"^\*\*\d\. ([\w ]+)\.\*\*(.*?)(?=^\*\*\d\.|\Z)", WALK, re.DOTALL | re.MULTILINE))
#: The core's tests of what is shipped, which a new pair of files has to pass as they stand.
GUARDS = ("test_instruments.py", "test_scoring_vectors.py", "test_instrument_faults.py", "test_catalog.py")


def saved(step: str, folder: Path) -> Path:
    """Save the YAML block of a step under the name that the step says."""
    name = re.search(r"[Ss]ave (?:it|them) as `(own[^`]+\.yaml)`", STEPS[step])
    block = re.search(r"```yaml\n(.*?)```", STEPS[step], re.DOTALL)
    assert name, step
    assert block, step
    path = folder / name[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block[1], "utf-8")
    return path


def run(step: str, folder: Path) -> str:
    """Run the shell block of a step as it stands, in the folder, and return what it printed."""
    block = re.search(r"```sh\n(.*?)```", STEPS[step], re.DOTALL)
    assert block, step
    words = shlex.split(block[1])
    settings = dict(word.split("=", 1) for word in words if word.startswith("ALLIANCE_"))
    command = [word for word in words if not word.startswith("ALLIANCE_")]
    assert command[0] == ".venv/bin/alliance"
    done = subprocess.run(
        [sys.executable, "-m", "app.cli.main", *command[1:]],
        cwd=folder,
        env={**os.environ, **settings, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def walked(tmp_path: Path) -> Path:
    """A folder in which the files of the walk have been saved."""
    for step in ("The definition", "The cases", "Another language"):
        saved(step, tmp_path)
    return tmp_path


def test_the_walk_has_its_six_steps() -> None:
    """So that none of them is passed over by the tests below."""
    assert list(STEPS) == ["The definition", "The check", "The cases", "Another language", "Use it", "Ship it"]


def test_the_checks_of_the_walk_say_what_the_page_says(walked: Path) -> None:
    """The definition alone, with its cases, and the texts: each check passes and shows what was understood."""
    shown = run("The check", walked)
    digest = re.search(r"^digest: (sha256:[0-9a-f]{64})$", STEPS["The cases"], re.MULTILINE)
    assert digest
    assert f"digest: {digest[1]}\n" in shown
    assert "harbour/1.0.0.yaml" in shown
    assert "All 3 worked cases agree." in run("The cases", walked)
    assert "harbour/1.0.0.es.yaml" in run("Another language", walked)


def test_the_command_line_scores_a_form_of_it(walked: Path) -> None:
    """With the folder named in the setting, as the page does."""
    told = json.loads(run("Use it", walked))
    assert {one["component"]: one["value"] for one in told["scores"]} == {"calm": 9.0, "course": 7.0, "total": 16.0}


def test_the_catalogue_of_the_service_has_it(walked: Path) -> None:
    """The service is given the same catalogue: the instrument, both languages, and a form of it scored."""
    catalog = open_catalog(walked / "own")
    harbour = catalog.latest("harbour")
    assert (harbour.version, catalog.locales(harbour)) == ("1.0.0", ["en", "es"])
    assert catalog.told(harbour, "es").items[2].text == "Me sentí a salvo."
    answers = {ItemId(str(item)): answer for item, answer in enumerate((4, 3, 2, 1, 4), start=1)}
    values = {one.component: one.value for one in score(harbour, {**answers}) if isinstance(one, Score)}
    assert values == {"calm": 9.0, "course": 7.0, "total": 16.0}


def test_shipping_it_takes_two_files_and_nothing_else(walked: Path) -> None:
    """In a copy of the repository with the two files in place, the guards of what is shipped pass as they stand."""
    copy = walked / "repository"
    leave = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("app", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=leave)
    shutil.copy(ROOT / "pyproject.toml", copy)
    places = re.findall(r"`((?:app|tests)/[^`]+harbour[^`]*\.yaml)`", STEPS["Ship it"])
    assert len(places) == 2
    for source, place in zip(("own/harbour/1.0.0.yaml", "own-cases/harbour.yaml"), places, strict=True):
        (copy / place).parent.mkdir(exist_ok=True)
        shutil.copy(walked / source, copy / place)
    passed = guards(copy, *GUARDS)
    assert passed.returncode == 0, passed.stdout[-3000:]
    assert "test_scoring_vectors.py::test_a_case_gives_the_numbers_written_beside_it[harbour: " in passed.stdout
    (copy / places[1]).unlink()
    missing = guards(copy, "test_scoring_vectors.py")
    assert missing.returncode == 1
    assert "test_every_shipped_version_has_a_file_that_pins_it" in missing.stdout


def guards(copy: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Run tests of the core in a copy of the repository."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "--noconftest", "-p", "no:cacheprovider"]
        + [f"tests/core/{name}" for name in names],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
