"""Where a harness runs: one kind of database, a folder of its own, and ways to start the service there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from uuid import uuid4

from anyio.from_thread import BlockingPortal

from tests.faults.seedbed import ForkedService, Seedbed
from tests.harness import Clinic, Service, make_postgres_database

Kind = Literal["sqlite", "postgresql"]


@dataclass(frozen=True, kw_only=True)
class Ground:
    """One kind of database; `seedbed` starts processes of the service quickly, again and again."""

    database: Kind
    postgres_url: str
    folder: Path
    portal: BlockingPortal
    seedbed: Seedbed

    def make_url(self) -> str:
        """Make an empty database."""
        if self.database == "sqlite":
            return f"sqlite:///{self.make_folder() / 'alliance.db'}"
        return make_postgres_database(self.postgres_url)

    def make_folder(self) -> Path:
        """Make a folder that nobody else uses."""
        folder = self.folder / uuid4().hex
        folder.mkdir(parents=True)
        return folder

    @contextmanager
    def service(self, url: str | None = None) -> Iterator[Service]:
        """Start the service in this process, on a database of its own unless one is given."""
        with Service.start(url or self.make_url(), self.portal, secrets=self.make_folder()) as service:
            yield service

    @contextmanager
    def workers(self, count: int) -> Iterator[list[Clinic]]:
        """Start several workers on one database, and one application that is called through each of them."""
        url, secrets = self.make_url(), self.make_folder()
        with ExitStack() as stack:
            started = [stack.enter_context(Service.start(url, self.portal, secrets=secrets)) for _ in range(count)]
            first = started[0].clinic()
            yield [replace(first, service=one) for one in started]

    @contextmanager
    def apart(self, url: str | None = None, *, plant: str | None = None) -> Iterator[tuple[ForkedService, Clinic]]:
        """Prepare the service in a process of its own, not started yet, with an application on its database."""
        secrets = self.make_folder()
        with Service.start(url or self.make_url(), self.portal, secrets=secrets) as service:
            running = self.seedbed.service(service.database_url, secrets=secrets, plant=plant)
            try:
                yield running, service.clinic()
            finally:
                running.kill()
