"""The service as a real process on loopback, which can be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class RunningService:
    """The service under uvicorn, in a process of its own."""

    database_url: str
    secrets: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.launch()
        self.wait()

    def environment(self) -> dict[str, str]:
        """Say where its database and its secrets are.

        Wrong credentials of all tests come from one address, and one person's phone asks as fast as it can.
        """
        return {
            "ALLIANCE_DATABASE_URL": self.database_url,
            "ALLIANCE_SECRETS_DIR": str(self.secrets),
            "ALLIANCE_RATE_LIMIT_FAILED_LOGINS": "off",
            "ALLIANCE_RATE_LIMIT_PERSON_WRITES": "off",
            "ALLIANCE_RATE_LIMIT_PERSON_READS": "off",
        }

    def lives(self) -> bool:
        """Say whether the process is there."""
        return self.process is not None and self.process.poll() is None

    def launch(self) -> None:
        """Start it without waiting."""
        command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app", "--no-access-log"]
        self.process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(self.port)],
            cwd=ROOT,
            env={**os.environ, **self.environment()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait(self) -> None:
        """Wait until it is ready; a process that ends instead is a failure."""
        with httpx.Client(base_url=self.url, timeout=2) as http:
            for _ in range(1200):
                assert self.lives(), "the service ended"
                try:
                    if http.get("/readyz").status_code == 200:
                        return
                except httpx.TransportError:
                    time.sleep(0.025)
        raise AssertionError("the service did not become ready")

    def kill(self) -> None:
        """Kill -9."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=30)
            self.process = None
