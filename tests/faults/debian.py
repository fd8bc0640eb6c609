"""Programs that only Debian's registry has: the machine's if it is there, else the package, which root installs."""

from __future__ import annotations

import os
import shutil
import subprocess

_APT = ("apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120")


def program(name: str, *, package: str) -> str:
    """Find a program, or install it where that is allowed: without it a test has nothing to show, and fails."""
    found = _found(name)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        # A package's own service is not to be started.
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for words in (("update",), ("install", "--no-install-recommends", package)):
            subprocess.run([*_APT, *words], check=True, env=quiet, stdout=subprocess.DEVNULL)
        found = _found(name)
    assert found is not None, f"{name} is missing, and only root can install it: apt-get install {package}"
    return found


def _found(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
