"""Where the CPU time of intake goes: the service in this process, on SQLite, without a network, under cProfile.

Each thread is told apart (with Python 3.11): the event loop, and SQLite's threads. The clock is
the thread's CPU time, so that waiting counts nothing. The profiler makes calls dearer than they are: compare shares,
and measure gains with `make bench`.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import sys
import tempfile
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time, thread_time
from types import FrameType
from typing import Any, TextIO

from fastapi import FastAPI

from bench import forms


def main(arguments: list[str]) -> None:
    """Profile, and print the functions that took most time."""
    parser = argparse.ArgumentParser(prog="python -m bench.profiling", description=__doc__)
    parser.add_argument("--forms", type=int, default=400)
    parser.add_argument("--together", type=int, default=1, help="requests under way at a time")
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--sort", default="tottime", choices=("tottime", "cumtime"))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="alliance-profile-") as folder:
        asyncio.run(_profile(Path(folder), options, sys.stdout))


async def _profile(folder: Path, options: argparse.Namespace, out: TextIO) -> None:
    from app.main import create_app
    from app.storage.runtime import open_runtime

    api_key = await _prepare(folder)
    profiles = _Profiles()
    start, cpu = perf_counter(), process_time()
    profiles.start()
    runtime = open_runtime(**_opening(folder))  # its threads are new, and so are profiled
    app = create_app(runtime)
    each = options.forms // options.together
    walks = [forms.intake(run="p", connection=n, api_key=api_key) for n in range(options.together)]
    await asyncio.gather(*(_post(app, islice(walk, each)) for walk in walks))
    await runtime.database.close()
    profiles.stop()
    took, used, posted = perf_counter() - start, process_time() - cpu, each * options.together
    out.write(f"{posted} forms, {1000 * used / posted:.2f} ms CPU each while profiled, {posted / took:.0f} a second.\n")
    profiles.show(out, lines=options.lines, sort=options.sort)


def _opening(folder: Path) -> dict[str, Any]:
    url = f"sqlite:///{folder / 'alliance.db'}"
    return {"database_url": url, "secrets_dir": folder / "secrets", "make_secrets": True}


async def _prepare(folder: Path) -> str:
    """Make the database, an organisation and a key."""
    from app.access.administer import create_application, create_organisation
    from app.storage.migrate import upgrade
    from app.storage.runtime import open_runtime

    opening = _opening(folder)
    await asyncio.to_thread(upgrade, opening["database_url"])
    runtime = open_runtime(**opening)
    organisation = await create_organisation(runtime, name="Profile")
    made = await create_application(runtime, organisation=organisation, name="bench", scopes=["submissions:write"])
    await runtime.database.close()
    return made.api_key


class _Profiles:
    """A profile of this thread, and one of each thread that is started while profiling."""

    def __init__(self) -> None:
        self._profiles = {threading.current_thread().name: cProfile.Profile(thread_time)}

    def start(self) -> None:
        """Begin."""
        threading.setprofile(self._enter)
        next(iter(self._profiles.values())).enable()

    def stop(self) -> None:
        """End; other threads have to have ended."""
        next(iter(self._profiles.values())).disable()
        threading.setprofile(None)

    def show(self, out: TextIO, *, lines: int, sort: str) -> None:
        """Print each profile."""
        for thread, profile in self._profiles.items():
            out.write(f"\n== {thread}\n")
            pstats.Stats(profile, stream=out).sort_stats(sort).print_stats(lines)

    def _enter(self, _frame: FrameType, _event: str, _argument: Any) -> None:
        """Replace this hook, which is called first in a new thread, by a profile of that thread."""
        sys.setprofile(None)
        profile = cProfile.Profile(thread_time)
        with suppress(ValueError):  # from Python 3.12 on there is one profiler for all threads
            profile.enable()
            self._profiles[threading.current_thread().name] = profile


async def _post(app: FastAPI, requests: Iterator[bytes]) -> None:
    """Call the application as a server would, without one."""
    for request in requests:
        head, _, body = request.partition(b"\r\n\r\n")
        lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:]]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": "/v1/submissions", "raw_path": b"/v1/submissions", "root_path": "", "query_string": b"",
            "headers": [(name.lower(), value) for name, _, value in lines],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
        }  # fmt: skip
        sent: list[MutableMapping[str, Any]] = []

        async def receive(body: bytes = body) -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any], sent: list[MutableMapping[str, Any]] = sent) -> None:
            sent.append(message)

        await app(scope, receive, send)
        if sent[0]["status"] != 201:
            raise SystemExit(str(sent))


if __name__ == "__main__":
    main(sys.argv[1:])
