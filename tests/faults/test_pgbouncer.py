"""Behind PgBouncer in transaction mode a client's transactions run on whatever connection is free.

What one of them left on a connection would be there for the next client: bound to another organisation, it would see
that one's rows.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy import Connection, text

from app.main import create_app
from app.storage import binding, database
from app.storage.flights import Flights
from app.storage.together import Lanes
from tests.faults.pgbouncer import pooled
from tests.harness import Clinic, Service, form, make_postgres_database

T = TypeVar("T")
#: So many connections to the server serve all of the pool's sixteen.
SIZE = 2
SEEN = text("SELECT organisation_id, pg_backend_pid() FROM submissions")


@contextmanager
def behind(service: Service, folder: Path) -> Iterator[Service]:
    """Serve the same database through PgBouncer."""
    with pooled(service.database_url, folder, size=SIZE) as url:
        opened = database.open_database(url, spans=binding.OF_REQUESTS)
        runtime = replace(service.runtime, database=opened, flights=Flights(), lanes=Lanes())
        transport = httpx.ASGITransport(app=create_app(runtime), raise_app_exceptions=False)
        http = httpx.AsyncClient(transport=transport, base_url="http://alliance.test")
        try:
            yield replace(service, runtime=runtime, http=http)
        finally:
            service.portal.call(http.aclose)
            service.portal.call(opened.close)


@pytest.fixture
def clinics(postgres_url: str, portal: BlockingPortal, tmp_path: Path) -> Iterator[list[Clinic]]:
    """Two organisations with a form each, served through PgBouncer."""
    # PgBouncer runs as another user, who sees nothing of pytest's folder.
    with (
        tempfile.TemporaryDirectory(prefix="alliance-pgbouncer-") as folder,
        Service.start(make_postgres_database(postgres_url), portal, secrets=tmp_path / "s") as service,
    ):
        made = [service.clinic(), service.clinic()]
        for one in made:
            one.recorded(form())
        Path(folder).chmod(0o755)
        with behind(service, Path(folder) / "own") as through:
            yield [replace(one, service=through) for one in made]


def seen(clinics: list[Clinic], *, times: int) -> tuple[list[tuple[UUID, UUID]], set[int]]:
    """Read all that there is to see, for both organisations at once and many times; list whose reads saw whose rows.

    With the connections that served them.
    """
    service = clinics[0].service

    def look(connection: Connection) -> list[Any]:
        return list(connection.execute(SEEN))

    async def one(organisation: UUID) -> list[tuple[UUID, UUID, int]]:
        rows = await service.runtime.database.read(look, organisation=organisation)
        return [(organisation, row[0], row[1]) for row in rows]

    async def all_at_once() -> list[list[tuple[UUID, UUID, int]]]:
        return await asyncio.gather(*(one(clinics[n % 2].organisation) for n in range(times)))

    found = [row for rows in service.portal.call(all_at_once) for row in rows]
    return [row[:2] for row in found], {row[2] for row in found}


def test_two_organisations_share_connections_and_see_nothing_of_each_other(clinics: list[Clinic]) -> None:
    """Each of four hundred reads sees its own row, on two connections for both."""
    rows, connections = seen(clinics, times=400)
    assert Counter(rows) == {(one.organisation, one.organisation): 200 for one in clinics}
    assert 0 < len(connections) <= SIZE


def test_the_service_works_through_it(clinics: list[Clinic]) -> None:
    """Forms of both at once, and what is read of them: all taken, none mixed, no statement missing or there twice."""
    service = clinics[0].service

    async def posted(clinic: Clinic, number: int) -> tuple[int, int]:
        headers = {"Authorization": f"Bearer {clinic.api_key}", "Idempotency-Key": f"key-{number}"}
        sent = form(client_ref=f"mrn-{number}")
        made = await service.http.post("/v1/submissions", json=sent, headers=headers)
        path = f"/v1/clients/{made.json()['client_id']}/progress"
        return made.status_code, (await service.http.get(path, headers=headers)).status_code

    async def all_at_once() -> list[tuple[int, int]]:
        return await asyncio.gather(*(posted(one, number) for number in range(60) for one in clinics))

    assert Counter(service.portal.call(all_at_once)) == {(201, 200): 120}
    assert [one.count("submissions") for one in clinics] == [61, 61]


def test_a_binding_that_stays_on_the_connection_is_caught(
    clinics: list[Clinic], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: a plain SET, as long as the session lasts."""

    def stays(connection: Connection, *, work: Callable[[Connection], T], organisation: UUID, span: int) -> T:  # noqa: ARG001 - as the real one
        binding._send(connection, f"SET alliance.organisation = '{organisation.hex}'")
        binding._send(connection, "BEGIN READ ONLY")
        try:
            return work(connection)
        finally:
            binding._send(connection, "COMMIT")

    monkeypatch.setattr(database, "bound_read", stays)
    rows, _ = seen(clinics, times=400)
    assert any(asker != owner for asker, owner in rows)


def test_a_role_is_known_through_it_too(clinics: list[Clinic]) -> None:
    """The service may start: its readiness is asked through the pooler."""
    ready = partial(clinics[0].service.http.get, "/readyz")
    assert clinics[0].service.portal.call(ready).json()["status"] == "ready"
