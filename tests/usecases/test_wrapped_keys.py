"""Wrapped keys belong to somebody: exchanged in the database they open nothing; a rotation binds older ones."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, select, update

from app.errors import SealBroken
from app.keys.check import check
from app.keys.rotate import rotate
from app.storage.key_tables import client_keys, organisation_keys
from app.storage.sealed import DataKey, Place
from app.storage.vault import OrganisationVault
from tests.harness import Clinic, form
from tests.usecases.test_sealed_forms import allow_comments
from tests.usecases.test_vault import PLACE, within

#: A wrapped key begins with the version of its wrapping: 1 was bound to nobody, 2 is.
OF_BEFORE, BOUND = b"\x01", b"\x02"


def two_clients(clinic: Clinic) -> list[dict[str, Any]]:
    """Record a form with a comment of each of two clients."""
    allow_comments(clinic)
    return [clinic.recorded(form(client_ref=ref, comment=f"words of {ref}")) for ref in ("a", "b")]


def exchanged(clinic: Clinic, one: UUID, other: UUID) -> None:
    """Give each of two clients the other's key, as who writes the database could."""

    def work(connection: Connection) -> None:
        rows = {
            client: connection.execute(
                select(client_keys.c.key_id).where(
                    client_keys.c.organisation_id == clinic.organisation, client_keys.c.client_id == client
                )
            )
            .scalars()
            .all()
            for client in (one, other)
        }
        for client, keys in ((other, rows[one]), (one, rows[other])):
            connection.execute(
                update(client_keys)
                .where(client_keys.c.organisation_id == clinic.organisation, client_keys.c.key_id.in_(keys))
                .values(client_id=client)
            )

    clinic.service.in_service(work, organisation=clinic.organisation)


def wrapped_as_before(clinic: Clinic) -> None:
    """Wrap every key of the clinic as versions before did: bound to its row, and to nobody."""
    masters = clinic.service.runtime.vault.masters

    def work(vault: OrganisationVault) -> None:
        organisation = vault.organisation
        for row in vault.connection.execute(select(client_keys).where(client_keys.c.organisation_id == organisation)):
            place = Place(table="client_keys", column="wrapped", row=row.key_id)
            sealed = vault.sealing("data").seal(vault.unwrap_client_key(row).secret, place, organisation=organisation)
            _put(vault.connection, client_keys, row.key_id, sealed, organisation=organisation)
        query = select(organisation_keys).where(organisation_keys.c.organisation_id == organisation)
        for row in vault.connection.execute(query):
            place = Place(table="organisation_keys", column="wrapped", row=row.key_id)
            key = vault.vault.known(vault.connection, organisation=organisation).keys[row.key_id]
            uppermost = DataKey(key_id=UUID(bytes=row.wrapped[1:17]), secret=masters._keys[0])
            sealed = uppermost.seal(key.secret, place, organisation=organisation)
            _put(vault.connection, organisation_keys, row.key_id, sealed, organisation=organisation)

    within(clinic, work)
    clinic.service.runtime.vault.forget(organisation=clinic.organisation)


def _put(connection: Connection, table: Any, key_id: UUID, wrapped: bytes, *, organisation: UUID) -> None:
    connection.execute(
        update(table).where(table.c.organisation_id == organisation, table.c.key_id == key_id).values(wrapped=wrapped)
    )


def wrappings(clinic: Clinic) -> set[tuple[str, bytes]]:
    """Say how the clinic's keys are wrapped."""

    def work(vault: OrganisationVault) -> set[tuple[str, bytes]]:
        return {
            (table.name, row.wrapped[:1])
            for table in (client_keys, organisation_keys)
            for row in vault.connection.execute(select(table).where(table.c.organisation_id == vault.organisation))
        }

    return within(clinic, work)


def test_exchanged_keys_of_clients_open_and_seal_nothing(clinic: Clinic) -> None:
    """Neither what was sealed before nor a new comment, which the other's erasure would make unreadable."""
    one, other = two_clients(clinic)
    assert wrappings(clinic) == {("client_keys", BOUND), ("organisation_keys", BOUND)}
    ids = UUID(one["client_id"]), UUID(other["client_id"])
    exchanged(clinic, *ids)
    found = [
        clinic.get(f"/v1/submissions/{one['id']}"),
        clinic.post(form(client_ref="b", session_number=2, comment="more words"), key="again"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in found] == [(500, "storage_damaged")] * 2
    assert clinic.count("submissions") == 2
    exchanged(clinic, *ids)
    assert clinic.read_back(one["id"])["form"]["comment"] == "words of a"
    assert clinic.post(form(client_ref="b", session_number=2, comment="more words"), key="again").status_code == 201


def test_an_organisations_key_opens_for_its_purpose_only(clinic: Clinic) -> None:
    """A key for safety checks does not become one for everything else."""
    within(clinic, lambda v: (v.seal("a", PLACE), v.seal_safeguarding("b", PLACE)))
    mine = organisation_keys.c.organisation_id == clinic.organisation

    def exchange(connection: Connection) -> None:
        rows = connection.execute(select(organisation_keys).where(mine)).all()
        for row in rows:
            purpose = "data" if row.purpose == "safeguarding" else "safeguarding"
            connection.execute(
                update(organisation_keys).where(mine, organisation_keys.c.key_id == row.key_id).values(purpose=purpose)
            )

    clinic.service.in_service(exchange, organisation=clinic.organisation)
    clinic.service.runtime.vault.forget(organisation=clinic.organisation)
    with pytest.raises(SealBroken):
        within(clinic, lambda v: v.seal("more", PLACE))


def test_keys_wrapped_before_open_and_a_rotation_binds_them(clinic: Clinic) -> None:
    """Nothing has to be done for an older database to be read; afterwards an exchange is noticed there too."""
    one, other = two_clients(clinic)
    wrapped_as_before(clinic)
    assert wrappings(clinic) == {("client_keys", OF_BEFORE), ("organisation_keys", OF_BEFORE)}
    assert clinic.read_back(one["id"])["form"]["comment"] == "words of a"
    service = clinic.service
    told = service.portal.call(partial(rotate, service.runtime, organisation=clinic.organisation))
    assert (told.wrapped, told.made) == (3, 1)  # two clients' keys and the organisation's of before
    assert wrappings(clinic) == {("client_keys", BOUND), ("organisation_keys", BOUND)}
    assert service.portal.call(partial(check, service.runtime, organisation=clinic.organisation)).broken == []
    exchanged(clinic, UUID(one["client_id"]), UUID(other["client_id"]))
    assert clinic.get(f"/v1/submissions/{one['id']}").json()["code"] == "storage_damaged"


def test_a_bound_wrapping_does_not_pass_as_one_of_before(clinic: Clinic) -> None:
    """The version is part of what is sealed: changed, nothing opens."""
    one, _ = two_clients(clinic)

    def work(vault: OrganisationVault) -> None:
        query = select(client_keys).where(client_keys.c.client_id == UUID(one["client_id"]))
        row = vault.connection.execute(query.where(client_keys.c.organisation_id == vault.organisation)).one()
        changed = OF_BEFORE + row.wrapped[1:]
        _put(vault.connection, client_keys, row.key_id, changed, organisation=vault.organisation)

    within(clinic, work)
    assert clinic.get(f"/v1/submissions/{one['id']}").json()["code"] == "storage_damaged"
