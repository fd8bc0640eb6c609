"""Who is meant: the client of a check under each of their ids, and the therapists from whom it is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, exists, select, union

from app.errors import KeyDestroyed, NotFound
from app.safeguarding.check import ClientRef
from app.storage.keyring import Keyed
from app.storage.runtime import Runtime
from app.storage.tables import clients, episodes, submissions, therapists
from app.storage.token_tables import invitations
from app.storage.types import AnyRow

#: A client who is not known yet is not made known by a check: that would tell others that there is one.
_STRANGER: Final = 8

_BY_ID = select(clients).where(
    clients.c.organisation_id == bindparam("organisation"), clients.c.client_id == bindparam("client_id")
)
_BY_REFERENCE = select(clients).where(
    clients.c.organisation_id == bindparam("organisation"),
    clients.c.reference_key == bindparam("reference_key"),
    clients.c.reference == bindparam("reference"),
)
#: A therapist of years ago is one, too; an episode whose forms were all withdrawn names nobody.
_BY_FORMS = select(episodes.c.therapist_id).where(
    episodes.c.organisation_id == bindparam("organisation"),
    episodes.c.client_id == bindparam("client_id"),
    exists().where(
        submissions.c.organisation_id == episodes.c.organisation_id,
        submissions.c.organisation_id == bindparam("organisation"),
        submissions.c.episode_id == episodes.c.episode_id,
        submissions.c.current,
    ),
)
#: Before the first form an invitation names one; a revoked one names nobody.
_BY_INVITATIONS = select(invitations.c.therapist_id).where(
    invitations.c.organisation_id == bindparam("organisation"),
    invitations.c.client_id == bindparam("client_id"),
    invitations.c.revoked_at.is_(None),
)
_THERAPISTS = select(therapists).where(
    therapists.c.organisation_id == bindparam("organisation"),
    therapists.c.therapist_id.in_(union(_BY_FORMS, _BY_INVITATIONS)),
)
_EVERYBODYS_THERAPISTS = select(therapists).where(therapists.c.organisation_id == bindparam("organisation"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """The client of a check: the id that is kept with it, and what the sender calls them."""

    client_id: UUID
    client_ref: ClientRef | None


def known_client(connection: Connection, runtime: Runtime, client_id: UUID, *, organisation: UUID) -> Person:
    """Return the client whom a key opens, with the reference where it was kept and still opens."""
    row = connection.execute(_BY_ID, {"organisation": organisation, "client_id": client_id}).first()
    if row is None:
        raise NotFound
    if row.sealed_reference is None:
        return Person(client_id=client_id, client_ref=None)
    vault = runtime.vault.of(connection, organisation=organisation)
    try:
        system, value = vault.open_client(client_id, row.sealed_reference)
    except KeyDestroyed:  # they were erased, and a backup has brought the row back
        return Person(client_id=client_id, client_ref=None)
    return Person(client_id=client_id, client_ref=ClientRef(system=system or None, value=value))


def named_client(connection: Connection, runtime: Runtime, named: ClientRef, *, organisation: UUID) -> Person:
    """Return the client whom the sender names; one whom no form has named yet gets an id that nobody else uses."""
    reference = runtime.keys.reference("client", named.system or "", named.value, organisation=organisation)
    row = _by_reference(connection, reference, organisation=organisation)
    return Person(client_id=stranger(reference.digest) if row is None else row.client_id, client_ref=named)


def stranger(digest: bytes) -> UUID:
    """Make the id of a client whom no form has named yet, out of the digest of the reference."""
    number = int.from_bytes(digest[:16], "big") & ~(0xF << 76) & ~(0x3 << 62)
    return UUID(int=number | _STRANGER << 76 | 0x2 << 62)


def is_stranger(client_id: UUID) -> bool:
    """Say whether an id is one of a client whom no form had named."""
    return client_id.version == _STRANGER


def ids_of(connection: Connection, client_id: UUID, *, organisation: UUID) -> tuple[UUID, ...]:
    """Return the ids under which a client's checks may be kept: their own, and that of before they were known."""
    row = connection.execute(_BY_ID, {"organisation": organisation, "client_id": client_id}).first()
    return (client_id,) if row is None else (client_id, stranger(row.reference))


def therapist_digests(
    connection: Connection, runtime: Runtime, client_ids: Iterable[UUID], *, organisation: UUID
) -> frozenset[str]:
    """Digest every therapist of a client."""
    rows: list[AnyRow] = []
    for client_id in client_ids:
        rows += connection.execute(_THERAPISTS, {"organisation": organisation, "client_id": client_id})
    return _digests(connection, runtime, rows, organisation=organisation)


def everybodys_therapists(connection: Connection, runtime: Runtime, *, organisation: UUID) -> frozenset[str]:
    """Digest everybody whom a form or an invitation has named as a therapist."""
    rows = connection.execute(_EVERYBODYS_THERAPISTS, {"organisation": organisation})
    return _digests(connection, runtime, rows, organisation=organisation)


def _digests(connection: Connection, runtime: Runtime, rows: Iterable[AnyRow], *, organisation: UUID) -> frozenset[str]:
    """Digest therapists as recipients would be, whatever the system of the reference."""
    vault = runtime.vault.of(connection, organisation=organisation)
    found: set[str] = set()
    for row in rows:
        found.add(row.reference.hex())
        if row.sealed_reference is not None:
            _, value = vault.open_therapist(row.therapist_id, row.sealed_reference)
            found.add(person_digest(runtime, value, organisation=organisation).digest.hex())
    return frozenset(found)


def person_digest(runtime: Runtime, value: str, *, organisation: UUID) -> Keyed:
    """Digest a person as requests name them: as a therapist of the organisation's own system would be."""
    return runtime.keys.reference("therapist", "", value, organisation=organisation)


def _by_reference(connection: Connection, reference: Keyed, *, organisation: UUID) -> AnyRow | None:
    sent = {"organisation": organisation, "reference_key": reference.key_id, "reference": reference.digest}
    return connection.execute(_BY_REFERENCE, sent).first()
