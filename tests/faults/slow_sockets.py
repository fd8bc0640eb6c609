"""Sockets that drip, stop or never read, against the service as an operator starts it, while others go on working.

`run` is the harness: a few seconds with deadlines of one second, or a soak with the deadlines of the defaults.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx

from tests.faults.running import ROOT, free_port
from tests.harness import SYSTEM_SCOPES, form

#: How much the service may grow while it is held by slow sockets.
MOST_GROWTH_MIB = 64
#: ESTABLISHED and CLOSE_WAIT: what a program has closed is in another state, though its last bytes are not taken.
_OPEN = frozenset({"01", "08"})
_MANY = b"GET /openapi.json HTTP/1.1\r\nHost: slow\r\n\r\n" * 12


@dataclass(frozen=True, kw_only=True)
class Started:
    """A service under `alliance serve`, and a key that may do everything."""

    port: int
    pid: int
    key: str

    def memory(self) -> float:
        """Say how many MiB it holds."""
        status = Path(f"/proc/{self.pid}/status").read_text("ascii")
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    def holds(self) -> set[int]:
        """List the callers' ports of the connections that it has not closed, as the kernel sees them."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
        ours = [row for row in rows if row[3] in _OPEN and int(row[1].rpartition(":")[2], 16) == self.port]
        return {int(row[2].rpartition(":")[2], 16) for row in ours}

    def connect(self, *, buffer: int | None = None) -> socket.socket:
        """Open a connection; a small buffer is full soon."""
        connection = socket.socket()
        if buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", self.port))
        return connection


@contextmanager
def started(folder: Path, database_url: str, **settings: str) -> Iterator[Started]:
    """Migrate, make an application, and serve until the end."""
    environment = {
        **os.environ,
        "ALLIANCE_DATABASE_URL": database_url,
        "ALLIANCE_SECRETS_DIR": str(folder / "secrets"),
        **settings,
    }

    def said(*words: str) -> dict[str, str]:
        command = [sys.executable, "-m", "app.cli.main", *words, "--json"]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        answer: dict[str, str] = json.loads(done.stdout)
        return answer

    said("migrate")
    organisation = said("orgs", "create", "Clinic")["organisation_id"]
    scopes = [word for scope in SYSTEM_SCOPES for word in ("--scope", scope)]
    key = said("apps", "create", "ehr", "--org", organisation, *scopes)["api_key"]
    port = free_port()
    serve = [sys.executable, "-m", "app.cli.main", "serve", "--port", str(port)]
    process = subprocess.Popen(
        serve, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _wait(process, port)
        yield Started(port=port, pid=process.pid, key=key)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(1200):
        assert process.poll() is None, "the service ended"
        with suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200:
                return
        time.sleep(0.025)
    raise AssertionError("the service did not become ready")


@dataclass(kw_only=True)
class Slow:
    """One slow socket: what it begins with, and what it drips."""

    kind: str
    connection: socket.socket
    drip: bytes
    reads: bool = True
    since: float = field(default_factory=time.monotonic)

    @property
    def port(self) -> int:
        """Its own end."""
        return int(self.connection.getsockname()[1])

    def is_closed(self, held: set[int]) -> bool:
        """Drip, and say whether the other side has closed; who never reads would not see it."""
        if not self.reads:
            return self.port not in held
        try:
            if self.drip:
                self.connection.send(self.drip)
            while self.connection.recv(65536):
                pass
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True


def _post(service: Started, *, key: str, length: int, sent: bytes) -> bytes:
    head = (
        f"POST /v1/submissions HTTP/1.1\r\nHost: slow\r\nAuthorization: Bearer {key}\r\n"
        f"Idempotency-Key: slow-{service.port}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
    return head.encode() + sent


def _kinds(service: Started) -> dict[str, Callable[[], Slow]]:
    """Name the ways to be slow."""

    def opened(kind: str, first: bytes, drip: bytes, *, reads: bool = True) -> Slow:
        connection = service.connect(buffer=None if reads else 4096)
        with suppress(ConnectionError):  # one that was refused in the middle is closed, as is counted later
            connection.sendall(first)
        connection.settimeout(0)
        return Slow(kind=kind, connection=connection, drip=drip, reads=reads)

    half = b"{" + b" " * 60_000
    most = b"{" + b" " * 999_000
    return {
        "silent": lambda: opened("silent", b"", b""),
        "headers": lambda: opened("headers", b"GET /v1/instruments HTTP/1.1\r\nX-Slow: ", b"a"),
        "body": lambda: opened("body", _post(service, key=service.key, length=1_000_000, sent=half), b" "),
        "large body": lambda: opened("large body", _post(service, key=service.key, length=1_000_000, sent=most), b" "),
        "body of nobody": lambda: opened(
            "body of nobody", _post(service, key="wrong", length=1_000_000, sent=b""), b" "
        ),
        "empty lines": lambda: opened("empty lines", b"GET /livez HTTP/1.1\r\nHost: slow\r\n\r\n", b"\r\n"),
        "never reads": lambda: opened("never reads", _MANY, b"", reads=False),
    }


@dataclass(kw_only=True)
class Counts:
    """What came of it."""

    sockets: int
    opened: Counter[str] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=Counter)
    longest: dict[str, float] = field(default_factory=dict)
    most_at_once: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    memory_before: float = 0
    memory_most: float = 0

    def faults(self) -> list[str]:
        """Say what is wrong: sockets that stayed, requests that were not answered well, memory that grew."""
        found = [f"{kind}: {n} left open" for kind, n in sorted((self.opened - self.closed).items())]
        wrong = {status: n for status, n in self.statuses.items() if status not in {200, 201}}
        if wrong or not self.statuses:
            found.append(f"normal requests: {dict(self.statuses)}")
        if self.memory_most - self.memory_before > MOST_GROWTH_MIB:
            found.append(f"memory: {self.memory_before:.0f} MiB became {self.memory_most:.0f}")
        return found


def _work(service: Started, counts: Counts, stop: Event) -> None:
    """Post and read as usual; an answer that does not come is counted as status 0."""
    headers = {"Authorization": f"Bearer {service.key}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{service.port}", headers=headers, timeout=10) as http:
        number = 0
        while not stop.is_set():
            number += 1
            posted: dict[str, Any] = {
                "json": form(client_ref=f"normal-{number}"),
                "headers": {"Idempotency-Key": f"normal-{number}"},
            }
            asked: tuple[tuple[str, str, dict[str, Any]], ...] = (
                ("GET", "/v1/instruments", {}),
                ("POST", "/v1/submissions", posted),
            )
            for method, path, more in asked:
                counts.statuses[_asked(http, method, path, more)] += 1
            stop.wait(0.02)


def _asked(http: httpx.Client, method: str, path: str, more: dict[str, Any]) -> int:
    """Ask, once more where the connection ended: an idle one may be closed just as it is used again."""
    for _ in range(2):
        try:
            return http.request(method, path, **more).status_code
        except httpx.RemoteProtocolError:
            continue
        except httpx.HTTPError:
            break
    return 0


def _hold(service: Started, counts: Counts, *, rounds: float, patience: float, only: str | None) -> None:
    """Open the sockets, put new ones in the place of closed ones until the time is over, then wait for the last."""
    kinds = [(kind, make) for kind, make in _kinds(service).items() if only in {None, kind}]
    began = now = time.monotonic()
    slow: list[Slow] = []
    number = 0
    while slow or number == 0 or now - began < rounds:
        while len(slow) < counts.sockets and (number < counts.sockets or now - began < rounds):
            kind, make = kinds[number % len(kinds)]
            slow.append(make())
            counts.opened[kind] += 1
            number += 1
        counts.most_at_once = max(counts.most_at_once, len(slow))
        counts.memory_most = max(counts.memory_most, service.memory())
        slow = _still_open(slow, counts, service.holds())
        now = time.monotonic()
        if now - began > rounds + patience:
            break
        time.sleep(0.05)
    for one in slow:
        one.connection.close()


def _still_open(slow: list[Slow], counts: Counts, held: set[int]) -> list[Slow]:
    """Let every socket drip, and count those that were closed."""
    left = []
    for one in slow:
        if not one.is_closed(held):
            left.append(one)
            continue
        one.connection.close()
        counts.closed[one.kind] += 1
        counts.longest[one.kind] = max(counts.longest.get(one.kind, 0.0), time.monotonic() - one.since)
    return left


def run(
    folder: Path,
    *,
    database_url: str | None = None,
    sockets: int = 200,
    seconds: float = 0,
    patience: float = 15,
    only: str | None = None,
    settings: dict[str, str] | None = None,
) -> Counts:
    """Hold the service with slow sockets for some seconds (0: each once), and wait for the last to be closed.

    `patience` is how long the last ones may take; `only` is the one way of being slow that is tried;
    `settings` are ALLIANCE_ variables of the service.
    """
    url = database_url or f"sqlite:///{folder / 'alliance.db'}"
    with started(folder, url, **(settings or {})) as service:
        counts = Counts(sockets=sockets)
        _warm_up(service)
        counts.memory_before = service.memory()
        stop = Event()
        worker = Thread(target=_work, args=(service, counts, stop))
        worker.start()
        try:
            _hold(service, counts, rounds=seconds, patience=patience, only=only)
        finally:
            stop.set()
            worker.join()
    return counts


def _warm_up(service: Started) -> None:
    """Let the service load and keep what it keeps for good."""
    headers = {"Authorization": f"Bearer {service.key}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{service.port}", headers=headers, timeout=30) as http:
        for number in range(20):
            http.get("/openapi.json")
            http.get("/v1/instruments")
            key = {"Idempotency-Key": f"warm-{number}"}
            http.post("/v1/submissions", json=form(client_ref=f"warm-{number}"), headers=key)
