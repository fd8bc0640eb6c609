"""The load generator, a process of its own: `python -m bench.load` takes a job as JSON and gives figures as JSON.

Connections are kept alive, and each sends its next request when the answer to the last one is complete. Nothing is
parsed but the status and the length. A window begins after the warm-up and ends by the clock; requests are rendered
before it begins.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain, islice
from time import perf_counter
from typing import Any, cast

import uvloop

from bench import forms
from bench.figures import Window, percentile
from bench.processes import cpu_seconds

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
#: Requests a second for which bodies are rendered beforehand; a faster program gets the rest as it goes.
_PREPARED_FOR = 3000


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to send, for how long, and whose CPU time to read."""

    port: int
    kind: str
    connections: int
    expect: int
    api_key: str = ""
    warm_up: float = 0.0
    seconds: float | None = None  # None: until everything is sent
    service: int = 0
    database: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    def requests(self, connection: int) -> Iterator[bytes]:
        """Render what one connection sends."""
        options, key = self.options, self.api_key
        if self.kind == "intake":
            return forms.intake(run=options["run"], connection=connection, api_key=key)
        if self.kind == "reads":
            return forms.reads(options["paths"], connection=connection, api_key=key)
        if self.kind == "courses":
            own = options["clients"][connection :: self.connections]
            return forms.courses(own, sessions=options["sessions"], api_key=key)
        if self.kind == "alternating":
            return forms.alternating([tuple(pair) for pair in options["pairs"]], api_key=key)
        raise ValueError(self.kind)


class _Connection(asyncio.Protocol):
    """One connection: sends, waits for the whole answer, notes the time, sends again."""

    def __init__(self, job: Job, requests: Iterator[bytes]) -> None:
        self._job = job
        self._requests = requests
        self._buffer = b""
        self._since = 0.0
        self._transport: asyncio.Transport | None = None
        self.stopping = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.unexpected = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is none by inheritance
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        found = _LENGTH.search(head)
        if found is None and head[9:12] != b"304":
            self._fail(head.decode("latin-1"))
        elif found is None or len(body) >= int(found[1]):
            self._answered(int(head[9:12]), body)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.unexpected = self.unexpected or f"the connection was lost: {exc}"
            self.ended.set_result(None)

    def _answered(self, status: int, body: bytes) -> None:
        self.latencies.append(perf_counter() - self._since)
        self.statuses[status] += 1
        self._buffer = b""
        if status != self._job.expect:
            self._fail(f"{status}: {body[:300].decode('utf-8', 'replace')}")
        elif self.stopping:
            self._end()
        else:
            self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None or self._transport is None:
            self._end()
            return
        self._since = perf_counter()
        self._transport.write(request)

    def _fail(self, what: str) -> None:
        self.unexpected = what
        self._end()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        if self._transport is not None:
            self._transport.close()


async def run(job: Job) -> dict[str, Any]:
    """Do a job and describe what happened."""
    loop = asyncio.get_running_loop()
    ahead = int(_PREPARED_FOR * (job.warm_up + (job.seconds or 0)) / job.connections)
    connections = [_Connection(job, _prepared(job.requests(number), ahead)) for number in range(job.connections)]
    for connection in connections:
        await loop.create_connection(partial(_itself, connection), "127.0.0.1", job.port)
    ended = asyncio.gather(*(connection.ended for connection in connections))
    await _wait(ended, job.warm_up)
    before = [len(connection.latencies) for connection in connections]
    cpu, start = (cpu_seconds(job.service), cpu_seconds(job.database)), perf_counter()
    await _wait(ended, job.seconds)
    seconds = perf_counter() - start
    used = cpu_seconds(job.service) - cpu[0], cpu_seconds(job.database) - cpu[1]
    after = [len(connection.latencies) for connection in connections]
    for connection in connections:
        connection.stopping = True
    await asyncio.wait_for(ended, 30)
    latencies = [1000 * t for c, a, b in zip(connections, before, after, strict=True) for t in c.latencies[a:b]]
    return _result(connections, latencies, seconds=seconds, used=used)


def _itself(connection: _Connection) -> _Connection:
    return connection


def _prepared(rendered: Iterator[bytes], ahead: int) -> Iterator[bytes]:
    return chain(list(islice(rendered, ahead)), rendered)


def _result(
    connections: list[_Connection], latencies: list[float], *, seconds: float, used: tuple[float, float]
) -> dict[str, Any]:
    unexpected = next((c.unexpected for c in connections if c.unexpected), "")
    if not latencies:
        return {"unexpected": unexpected or "nothing was answered in time"}
    window = Window(
        requests=len(latencies),
        seconds=seconds,
        p50=percentile(latencies, 0.50),
        p99=percentile(latencies, 0.99),
        service_cpu=used[0],
        database_cpu=used[1],
    )
    each = latencies if len(connections) == 1 else []
    return {"unexpected": unexpected, "window": asdict(window), "each": each}


async def _wait(ended: asyncio.Future[Any], seconds: float | None) -> None:
    if seconds is None:
        await ended
    elif not ended.done():
        await asyncio.wait([ended], timeout=seconds)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(run(Job(**json.load(sys.stdin))))))
