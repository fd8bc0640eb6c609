"""Open what is sealed in entries of the log: who it was, and why."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Collection
from typing import Any
from uuid import UUID

from app.errors import KeyDestroyed
from app.storage.events import SEALED, SEALED_FOR_CLIENT, place_in_subject
from app.storage.types import AnyRow
from app.storage.vault import OrganisationVault


def look_up_clients(rows: Collection[AnyRow], vault: OrganisationVault) -> None:
    """Read the keys of the clients for whom something is sealed in some entries, all at once."""
    vault.look_up({UUID(row.subject["client_id"]) for row in rows if SEALED_FOR_CLIENT & row.subject.keys()})


def opened_subject(row: AnyRow, vault: OrganisationVault) -> dict[str, Any]:
    """Return an entry's subject with everything open; None for what was said about a client who was erased since."""
    subject: dict[str, Any] = dict(row.subject)
    for name in SEALED & subject.keys():
        subject[name] = vault.open(b64decode(subject[name]), place_in_subject(name, row.event_id))
    for name in SEALED_FOR_CLIENT & subject.keys():
        subject[name] = opened_for_client(name, row, vault)
    return subject


def opened_for_client(name: str, row: AnyRow, vault: OrganisationVault) -> str | None:
    """Open what an entry says about its client; None where it says nothing, or they were erased since."""
    if name not in row.subject:
        return None
    sealed, place = b64decode(row.subject[name]), place_in_subject(name, row.event_id)
    try:
        return vault.open_for(UUID(row.subject["client_id"]), sealed, place)
    except KeyDestroyed:
        return None
