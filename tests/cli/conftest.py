"""What tests of the command line share: `alliance` on a SQLite database and a secrets folder of the test's own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner

from app.cli.main import app
from app.storage.runtime import Runtime, open_runtime

T = TypeVar("T")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    """Runs `alliance` in a folder of its own."""

    folder: Path

    @property
    def database_url(self) -> str:
        """The database of this shell."""
        return f"sqlite:///{self.folder / 'alliance.db'}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings that point into the folder; the terminal is wide, so that tables don't wrap."""
        return {
            "COLUMNS": "200",
            "ALLIANCE_DATABASE_URL": self.database_url,
            "ALLIANCE_SECRETS_DIR": str(self.folder / "secrets"),
        }

    def run(self, *words: str, stdin: str | None = None, **settings: str) -> Done:
        """Run one command in this process."""
        done = CliRunner().invoke(app, words, input=stdin, env=self.environment | settings)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(code=done.exit_code, out=done.stdout, err=done.stderr)

    def data(self, *words: str) -> Any:
        """Run one command with --json: its standard output must be JSON and nothing else."""
        done = self.run(*words, "--json")
        assert (done.code, done.err) == (0, "")
        return json.loads(done.out)

    def refused(self, *words: str, stdin: str | None = None, **settings: str) -> str:
        """Run one command that must end with 1 and print nothing but a sentence on standard error; return that."""
        done = self.run(*words, stdin=stdin, **settings)
        assert (done.code, done.out) == (1, "")
        return done.err

    def start(self, *words: str, **settings: str) -> subprocess.Popen[str]:
        """Start one command as a process, as `make` does."""
        return subprocess.Popen(
            [sys.executable, "-m", "app.cli.main", *words],
            cwd=ROOT,
            env={**os.environ, **self.environment, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, work: Callable[[Runtime], Awaitable[T]], *, database_url: str | None = None) -> T:
        """Ask a use case on the same database, or on another one."""

        async def whole() -> T:
            runtime = open_runtime(
                database_url=database_url or self.database_url,
                secrets_dir=self.folder / "secrets",
                make_secrets=database_url is not None,
            )
            try:
                return await work(runtime)
            finally:
                await runtime.database.close()

        return asyncio.run(whole())

    def organisation(self) -> str:
        """Make an organisation and return its id."""
        made: str = self.data("orgs", "create", "Clinic")["organisation_id"]
        return made


@pytest.fixture
def bare(tmp_path: Path) -> Shell:
    """A shell whose database was never migrated."""
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database to copy from: migrating is slower than a file."""
    template = Shell(tmp_path_factory.mktemp("cli"))
    assert template.run("migrate").code == 0
    return template.folder


@pytest.fixture
def shell(tmp_path: Path, migrated: Path) -> Shell:
    """A shell on a migrated, empty database."""
    shutil.copytree(migrated, tmp_path, dirs_exist_ok=True)
    return Shell(tmp_path)


def plain(text: str) -> str:
    """Take colours and line ends out of what was printed."""
    return re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text))
