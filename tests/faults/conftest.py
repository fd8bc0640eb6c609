"""More than one worker, and workers in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal

from tests.faults.ground import Ground
from tests.faults.running import RunningService
from tests.faults.seedbed import Seedbed
from tests.harness import Clinic, Service, make_postgres_database


@pytest.fixture(scope="session")
def secrets(service: Service) -> Path:
    """The secrets of the shared service, for other workers on its database."""
    folder = service.runtime.secrets_dir
    assert folder is not None
    return folder


@pytest.fixture
def second_worker(service: Service, clinic: Clinic, portal: BlockingPortal, secrets: Path) -> Iterator[Clinic]:
    """The same application, served by another worker on the same database."""
    with Service.start(service.database_url, portal, secrets=secrets) as other:
        yield Clinic(
            service=other, organisation=clinic.organisation, application=clinic.application, api_key=clinic.api_key
        )


@pytest.fixture(scope="module")
def two_processes(service: Service, secrets: Path) -> Iterator[list[RunningService]]:
    """Two workers on the shared database, each in a process of its own."""
    running = [RunningService(database_url=service.database_url, secrets=secrets) for _ in range(2)]
    try:
        for one in running:
            one.launch()
        for one in running:
            one.wait()
        yield running
    finally:
        for one in running:
            one.kill()


@pytest.fixture(params=["sqlite", "postgresql"])
def own_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of the test's own."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'alliance.db'}"
    return make_postgres_database(request.getfixturevalue("postgres_url"))


@pytest.fixture
def own(own_url: str, tmp_path: Path, portal: BlockingPortal) -> Iterator[tuple[RunningService, Clinic]]:
    """A service in a process that is not started yet, and an application on its database."""
    secrets = tmp_path / "secrets"
    running = RunningService(database_url=own_url, secrets=secrets)
    with Service.start(own_url, portal, secrets=secrets) as service:
        try:
            yield running, service.clinic()
        finally:
            running.kill()


@pytest.fixture(scope="session")
def seedbed() -> Iterator[Seedbed]:
    """The process that forks services."""
    seedbed = Seedbed()
    yield seedbed
    seedbed.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def ground(
    request: pytest.FixtureRequest, tmp_path: Path, portal: BlockingPortal, postgres_url: str, seedbed: Seedbed
) -> Ground:
    """Where a harness runs, on each database."""
    return Ground(database=request.param, postgres_url=postgres_url, folder=tmp_path, portal=portal, seedbed=seedbed)
