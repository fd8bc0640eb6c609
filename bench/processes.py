"""Processes: what they have used of the CPU, and starting and stopping them."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

_PATIENCE = 60.0


class Broken(Exception):
    """The measurement can't go on; the message says why."""


def cpu_seconds(process: int) -> float:
    """Add up the CPU time of a process and of all below it, living or ended and waited for; 0 for none."""
    if process == 0:
        return 0.0
    ticks, parents = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text("latin-1").rpartition(")")[2].split()
            number = int(path.parent.name)
            parents[number] = int(fields[1])
            ticks[number] = sum(map(int, fields[11:15]))
    family = {process}
    for number in sorted(parents):  # a child mostly has a greater number; twice catches those that have not
        family |= {number} if parents[number] in family else set()
    family |= {number for number, parent in parents.items() if parent in family}
    return sum(ticks.get(number, 0) for number in family) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(
    command: Sequence[str], *, port: int, ready: str, cwd: Path, env: Mapping[str, str], log: Path
) -> Iterator[int]:
    """Run a server until the block ends; the number of its process."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        _wait(process, port, ready, log)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, ready: str, log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with suppress(OSError):
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", ready)
            if connection.getresponse().status < 400:
                return
        time.sleep(0.05)
    raise Broken("a server did not start:\n" + log.read_text("utf-8", "replace")[-2000:])
