"""The running service that the generated clients call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.served import Served, served


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The service as a process, on SQLite."""
    folder = tmp_path_factory.mktemp("clients")
    with served(f"sqlite:///{folder / 'alliance.db'}", folder) as service:
        yield service
