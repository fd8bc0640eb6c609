"""What is missing and may not be installed is told with the command that brings it."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

import pytest

from tests.faults import debian


def test_without_root_a_missing_program_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is tried; the message says what to do."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(debian, "_found", lambda _: None)
    with pytest.raises(AssertionError, match=r"pgbouncer is missing.*apt-get install pgbouncer"):
        debian.program("pgbouncer", package="pgbouncer")


def test_root_installs_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package, after the lists, and nothing else."""
    said: list[list[str]] = []
    there = iter([None, "/usr/sbin/nginx"])

    def run(words: list[str], **_: Any) -> None:
        said.append([word for word in words if not word.startswith(("-", "DPkg"))])

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/apt-get")
    monkeypatch.setattr(debian, "_found", lambda _: next(there))
    monkeypatch.setattr(subprocess, "run", run)
    assert debian.program("nginx", package="nginx-light") == "/usr/sbin/nginx"
    assert said == [["apt-get", "update"], ["apt-get", "install", "nginx-light"]]
