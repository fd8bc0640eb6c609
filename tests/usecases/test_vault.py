"""The vault: sealed for one place, opened by nobody else, and never with a key that was not kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

import pytest
from sqlalchemy import Connection, delete, func, select

from app.errors import KeyDestroyed, SealBroken
from app.storage.key_tables import client_keys, organisation_keys
from app.storage.sealed import Place
from app.storage.vault import OrganisationVault
from tests.harness import Clinic

T = TypeVar("T")

CLIENT, OTHER = UUID(int=7), UUID(int=8)
PLACE = Place(table="submissions", column="sealed_comment", row=UUID(int=1))
ELSEWHERE = (
    Place(table="episodes", column="sealed_comment", row=UUID(int=1)),
    Place(table="submissions", column="sealed_reference", row=UUID(int=1)),
    Place(table="submissions", column="sealed_comment", row=UUID(int=2)),
)


def within(clinic: Clinic, work: Callable[[OrganisationVault], T]) -> T:
    """Use the vault of a clinic in a transaction of its own."""
    runtime = clinic.service.runtime
    return clinic.service.in_service(
        lambda c: work(runtime.vault.of(c, organisation=clinic.organisation)), organisation=clinic.organisation
    )


def test_what_was_sealed_opens_in_a_later_transaction(clinic: Clinic) -> None:
    """Texts of the organisation, of a client and of safeguarding come back as they were."""
    sealed = within(
        clinic,
        lambda v: (v.seal("th-7", PLACE), v.seal_for(CLIENT, "Grüße 😀", PLACE), v.seal_safeguarding("canary", PLACE)),
    )
    clinic.service.runtime.vault.forget(organisation=clinic.organisation)
    opened = within(
        clinic,
        lambda v: (
            v.open(sealed[0], PLACE),
            v.open_for(CLIENT, sealed[1], PLACE),
            v.open_safeguarding(sealed[2], PLACE),
        ),
    )
    assert opened == ("th-7", "Grüße 😀", "canary")


@pytest.mark.parametrize("place", ELSEWHERE, ids=["table", "column", "row"])
def test_what_was_moved_does_not_open(clinic: Clinic, place: Place) -> None:
    """A sealed value belongs to its table, column and row."""
    sealed = within(clinic, lambda v: v.seal("th-7", PLACE))
    with pytest.raises(SealBroken):
        within(clinic, lambda v: v.open(sealed, place))


def test_every_flipped_byte_is_noticed(clinic: Clinic) -> None:
    """Version, key id, nonce, content and tag: none of them can be changed, and nothing be cut off."""
    sealed = within(clinic, lambda v: v.seal("th-7", PLACE))
    broken = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    broken += [sealed[:at] for at in (0, 1, 17, 29, len(sealed) - 1)]

    def attempts(vault: OrganisationVault) -> int:
        refused = 0
        for one in broken:
            with pytest.raises(SealBroken):
                vault.open(one, PLACE)
            refused += 1
        return refused

    assert within(clinic, attempts) == 1 + 16 + 12 + 4 + 16 + 5


def test_another_organisation_opens_nothing(clinic: Clinic) -> None:
    """Neither with its own key, nor by naming the other's."""
    sealed = within(clinic, lambda v: v.seal("th-7", PLACE))
    other = clinic.service.clinic()
    with pytest.raises(SealBroken):
        within(other, lambda v: v.open(sealed, PLACE))


def test_a_client_opens_only_what_is_theirs(clinic: Clinic) -> None:
    """One client's key is not looked for among another's."""
    sealed = within(clinic, lambda v: v.seal_for(CLIENT, "a comment", PLACE))
    within(clinic, lambda v: v.seal_for(OTHER, "another", PLACE))
    with pytest.raises(KeyDestroyed):
        within(clinic, lambda v: v.open_for(OTHER, sealed, PLACE))


def test_a_destroyed_key_opens_nothing_more(clinic: Clinic) -> None:
    """Once the row of a client's key is gone, the text is unreadable, also to a worker that has just read it."""
    sealed = within(clinic, lambda v: v.seal_for(CLIENT, "a comment", PLACE))
    assert within(clinic, lambda v: v.open_for(CLIENT, sealed, PLACE)) == "a comment"
    gone = delete(client_keys).where(client_keys.c.organisation_id == clinic.organisation)
    clinic.service.in_service(lambda c: c.execute(gone), organisation=clinic.organisation)
    with pytest.raises(KeyDestroyed):
        within(clinic, lambda v: v.open_for(CLIENT, sealed, PLACE))


def test_a_key_that_was_rolled_back_seals_nothing(clinic: Clinic) -> None:
    """A transaction that made the first keys and failed leaves none behind, not in memory either."""

    def failing(connection: Connection) -> None:
        vault = clinic.service.runtime.vault
        vault.of(connection, organisation=clinic.organisation).seal("lost", PLACE)
        again = vault.of(connection, organisation=clinic.organisation)
        again.seal_safeguarding("lost", PLACE)
        again.seal("lost", PLACE)
        raise LookupError

    with pytest.raises(LookupError):
        clinic.service.in_service(failing, organisation=clinic.organisation)
    sealed = within(clinic, lambda v: v.seal("kept", PLACE))
    clinic.service.runtime.vault.forget(organisation=clinic.organisation)
    assert within(clinic, lambda v: v.open(sealed, PLACE)) == "kept"


def test_keys_are_made_once(clinic: Clinic) -> None:
    """Each purpose and each client has one key, however often something is sealed."""
    for _ in range(3):
        within(clinic, lambda v: (v.seal("a", PLACE), v.seal_safeguarding("b", PLACE), v.seal_for(CLIENT, "c", PLACE)))

    def counted(connection: Connection) -> list[int]:
        return [
            connection.execute(
                select(func.count()).select_from(table).where(table.c.organisation_id == clinic.organisation)
            ).scalar_one()
            for table in (organisation_keys, client_keys)
        ]

    assert clinic.service.in_service(counted, organisation=clinic.organisation) == [2, 1]


def test_no_plain_text_is_stored(clinic: Clinic) -> None:
    """What lies in the table holds neither the text nor a key in the clear."""
    sealed = within(clinic, lambda v: v.seal("marker-of-a-person", PLACE))
    assert b"marker" not in sealed
    assert sealed[:1] == b"\x01"
