"""What all tests share: a SQLite file and a real PostgreSQL, both built by the migrations, and the service on each."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from tests.harness import Clinic, Service, make_postgres_database, start_postgres


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """One event loop in a thread of its own: tests stay plain functions, and threads may call it together."""
    with start_blocking_portal("asyncio") as portal:
        yield portal


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server: the one of ALLIANCE_TEST_POSTGRES_URL, or one that the tests bring themselves."""
    given = os.environ.get("ALLIANCE_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="alliance-postgres-") as folder, start_postgres(Path(folder)) as url:
        yield url


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'alliance.db'}"
    return make_postgres_database(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def service(database_url: str, portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service on each database; tests share it and stay apart by organisation."""
    with Service.start(database_url, portal, secrets=tmp_path_factory.mktemp("secrets")) as service:
        yield service


@pytest.fixture
def clinic(service: Service) -> Clinic:
    """A fresh organisation with an application that may do everything."""
    return service.clinic()
