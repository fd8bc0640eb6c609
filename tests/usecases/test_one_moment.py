"""A read sees one moment of the database, whatever is committed while it goes on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from sqlalchemy import Connection, select, update

from app.storage.tables import organisations
from tests.harness import Clinic, looked_up


def test_a_read_sees_one_moment(clinic: Clinic) -> None:
    """On PostgreSQL a second statement saw what was committed behind the first: an untold form, half an erasure."""
    service, own = clinic.service, organisations.c.organisation_id == clinic.organisation
    name = select(organisations.c.name).where(own)

    def renamed(connection: Connection) -> None:
        connection.execute(update(organisations).where(own).values(name="Renamed"))

    def twice(connection: Connection) -> list[Any]:
        first = connection.execute(name).scalar_one()
        with ThreadPoolExecutor() as another:
            another.submit(looked_up, service.inspected_url, renamed).result()
        return [first, connection.execute(name).scalar_one()]

    read = partial(service.runtime.database.read, organisation=clinic.organisation)
    assert service.portal.call(read, twice) == ["Clinic", "Clinic"]
    assert service.portal.call(read, lambda c: c.execute(name).scalar_one()) == "Renamed"
