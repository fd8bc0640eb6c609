"""Processes of the service that start at once: forked from one that has everything imported and nothing running.

A fork is a process like any other: it opens its own database, listens on its own port, and is killed with -9.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from app.instruments.catalog import shipped
from app.stages.advice import released_advice
from tests.faults.running import ROOT, RunningService


class Seedbed:
    """The process that forks; it is started when it is first asked."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._asking = threading.Lock()

    def service(self, database_url: str, *, secrets: Path, plant: str | None = None) -> ForkedService:
        """Prepare a service that this process forks; `plant` names a fault, `module:function`, that it runs first."""
        return ForkedService(database_url=database_url, secrets=secrets, seedbed=self, plant=plant)

    def fork(self, order: dict[str, Any]) -> int:
        """Fork a service and return its process id."""
        with self._asking:
            if self._process is None or self._process.poll() is not None:
                self._process = _begin()
            process = self._process
            cast("IO[str]", process.stdin).write(json.dumps(order) + "\n")
            cast("IO[str]", process.stdin).flush()
            return int(cast("IO[str]", process.stdout).readline())

    def close(self) -> None:
        """End the process; what it forked is ended by who asked for it."""
        if self._process is not None:
            with suppress(BrokenPipeError):
                cast("IO[str]", self._process.stdin).close()
            self._process.wait(timeout=30)
            cast("IO[str]", self._process.stdout).close()
            self._process = None


def _begin() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.seedbed"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@dataclass
class ForkedService(RunningService):
    """The service in a process that was forked."""

    seedbed: Seedbed = field(default_factory=Seedbed)
    plant: str | None = None
    pid: int | None = None

    def launch(self) -> None:
        """Fork it without waiting."""
        self.pid = self.seedbed.fork(
            {"environment": self.environment(), "port": self.port, "plant": self.plant},
        )

    def lives(self) -> bool:
        """Say whether the process is there."""
        if self.pid is None:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def kill(self) -> None:
        """Kill -9, and wait until the process is gone."""
        if self.pid is None:
            return
        if self.lives():
            os.kill(self.pid, signal.SIGKILL)
        for _ in range(6000):
            if not self.lives():
                self.pid = None
                return
            time.sleep(0.005)
        raise AssertionError("a killed process is still there")


def serve(order: dict[str, Any]) -> None:
    """Be the service, until killed."""
    import uvicorn

    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.environ.update(order["environment"])
    if order["plant"]:
        module, _, name = order["plant"].partition(":")
        getattr(importlib.import_module(module), name)()
    uvicorn.run(
        "app.main:create_app",
        factory=True,
        host="127.0.0.1",
        port=order["port"],
        access_log=False,
        log_level="critical",
    )


def main() -> None:
    """Fork a service for each line that is read."""
    importlib.import_module("app.main")
    shipped()  # read once here: it is most of what a start costs
    released_advice()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system takes the dead away
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            serve(json.loads(line))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
