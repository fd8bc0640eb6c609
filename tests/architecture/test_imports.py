"""The rings: imports go one way, and breaking that fails the build."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter in a folder."""
    return subprocess.run(
        [LINT, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(folder)}
    )


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("scoring/score.py", "import app.storage.tables"),
        ("scoring/score.py", "import sqlalchemy"),
        ("stages/model.py", "import random"),
        ("submissions/record.py", "import fastapi"),
        ("submissions/record.py", "import app.progress.store"),
        ("web/clients.py", "import sqlalchemy"),
        ("storage/runtime.py", "import app.settings"),
        ("web/clients.py", "import app.validation.stages"),
        ("validation/stages.py", "import app.storage.tables"),
        ("newcomers/__init__.py", ""),
    ],
)
def test_a_broken_contract_is_found(tmp_path: Path, module: str, line: str) -> None:
    """A planted import against the rings, or a package without a ring, makes import-linter fail."""
    shutil.copytree(ROOT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    target = tmp_path / "app" / module
    target.parent.mkdir(exist_ok=True)
    before = target.read_text("utf-8") if target.exists() else ""
    target.write_text(
        before.replace("from __future__ import annotations\n", f"from __future__ import annotations\n{line}\n")
    )
    result = lint(tmp_path)
    assert result.returncode == 1, result.stdout


def test_the_contracts_hold() -> None:
    """The code as it stands keeps every contract."""
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout
