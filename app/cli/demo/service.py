"""A service of the demo's own: its database, its secrets, its process, and what it said when it failed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 30.0
_LAST_LINES = 12
_SCOPES = [
    "instruments:read",
    "submissions:write",
    "submissions:read",
    "scores:read",
    "signals:write",
    "caseload:read",
]


class ServiceFailed(Exception):
    """The service ended or does not answer: a sentence about it, and the last lines of its log."""

    def __init__(self, sentence: str, service: DemoService) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.last_lines = service.last_lines()


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoService:
    """A running service, and the key of the one application in it."""

    url: str
    api_key: str
    process: subprocess.Popen[bytes]
    log: Path

    def last_lines(self) -> str:
        """Read the end of what the service logged."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-_LAST_LINES:])


@contextmanager
def demo_service(folder: Path) -> Iterator[DemoService]:
    """Serve a fresh database in the folder, with one key made for it, and stop the process in the end."""
    from app.storage.keyring import open_keyring, open_masters

    database_url, secrets = f"sqlite:///{folder / 'alliance.db'}", folder / "secrets"
    open_keyring(secrets, make=True)
    open_masters(secrets, make=True)
    # Of the settings around us none counts: not a production database, not the secrets of one.
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("ALLIANCE_")}
    environment |= {"ALLIANCE_DATABASE_URL": database_url, "ALLIANCE_SECRETS_DIR": str(secrets)}
    port = _free_port()
    log = folder / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(port), cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        api_key = _make_key(database_url, secrets)  # while the process starts: it opens the database when first asked
        service = DemoService(url=f"http://127.0.0.1:{port}", api_key=api_key, process=process, log=log)
        _wait(service)
        yield service
    finally:
        _stop(process)


def _make_key(database_url: str, secrets: Path) -> str:
    import asyncio

    from app.access.administer import create_application, create_organisation
    from app.storage.migrate import upgrade
    from app.storage.runtime import open_runtime

    upgrade(database_url)

    async def make() -> str:
        runtime = open_runtime(database_url=database_url, secrets_dir=secrets, make_secrets=True)
        try:
            organisation = await create_organisation(runtime, name="Demo")
            made = await create_application(runtime, organisation=organisation, name="demo", scopes=_SCOPES)
            return made.api_key
        finally:
            await runtime.database.close()

    return asyncio.run(make())


def _command(port: int) -> list[str]:
    root = Path(__file__).resolve().parents[3]
    return [
        *(sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app", "--app-dir", str(root)),
        *("--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--timeout-graceful-shutdown", "5"),
    ]


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(service: DemoService) -> None:
    """Ask until the service is ready; a process that has ended will not be."""
    import httpx

    until = time.monotonic() + _PATIENCE
    with httpx.Client(base_url=service.url, timeout=5, trust_env=False) as http:
        while time.monotonic() < until:
            if service.process.poll() is not None:
                raise ServiceFailed("the service did not start", service)
            try:
                if http.get("/readyz").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
    raise ServiceFailed(f"the service was not ready after {_PATIENCE:.0f} seconds", service)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
