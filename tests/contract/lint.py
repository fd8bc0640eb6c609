"""The linters of the contract, as `make contract` runs them: spectral with the OWASP rules, redocly, hadolint."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.contract.node import TOOLS, run

ROOT = Path(__file__).parents[2]
DOCUMENT = TOOLS.parent / "openapi.json"


def spectral(tools: Path = TOOLS) -> tuple[int, str]:
    """Lint the document above a folder with the rules in it: their exceptions name the document by that place."""
    return run(
        "spectral", "lint", "--ruleset", ".spectral.yaml", "--fail-severity", "warn", "../openapi.json", cwd=tools
    )


def redocly(document: Path) -> tuple[int, str]:
    """Lint a document."""
    return run("redocly", "lint", "--config", "redocly.yaml", document)


def hadolint(dockerfile: Path) -> tuple[int, str]:
    """Lint a Dockerfile with the hadolint of the locked wheel."""
    tool = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or "hadolint"
    done = subprocess.run([tool, "--no-color", dockerfile], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main() -> int:
    """Run all three and print what they found."""
    checks: dict[str, Callable[[], tuple[int, str]]] = {
        "spectral": spectral,
        "redocly": lambda: redocly(DOCUMENT),
        "hadolint": lambda: hadolint(ROOT / "Dockerfile"),
    }
    failed = []
    for name, check in checks.items():
        code, said = check()
        sys.stdout.write(f"{name}: {'clean' if code == 0 else said}\n")
        failed += [name] if code else []
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
