"""The vault: texts sealed with keys that are wrapped by keys, the uppermost of which is in a file.

An organisation has a key for its own data and one for safety checks; each client has a key, wrapped by the first of
these. To destroy a client's keys is to make unreadable what was sealed with them, in every copy of the data.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any, Final, Literal, get_args
from uuid import UUID

import msgspec
from sqlalchemy import Connection, bindparam, insert, select

from app.errors import KeyDestroyed, SealBroken
from app.storage.dialects import in_both
from app.storage.documents import to_json
from app.storage.key_tables import client_keys, organisation_keys
from app.storage.master import MasterKeys
from app.storage.sealed import DataKey, Place, new_data_key, sealed_with
from app.storage.types import AnyRow

Purpose = Literal["data", "safeguarding"]
PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)

#: For so many seconds a worker seals with what was the newest key when it looked; what is retired still opens.
SEALS_FOR: Final = 30.0
#: So many organisations' keys are kept in memory.
KEPT: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """An organisation's keys as they were read: those that open, and of each purpose the one that seals."""

    keys: dict[UUID, DataKey]
    sealing: dict[Purpose, DataKey]
    is_committed: bool
    read_at: float


class Vault:
    """The keys of all organisations.

    What is kept in memory is committed: a key of a transaction that is rolled back must seal nothing that stays.
    """

    def __init__(self, masters: MasterKeys, *, now: Callable[[], datetime], new_id: Callable[[], UUID]) -> None:
        self.masters = masters
        self.now = now
        self._new_id = new_id
        self._kept: dict[UUID, _Known] = {}
        self._making: dict[UUID, object] = {}  # keys of transactions of this process that may not be committed yet

    def of(self, connection: Connection, *, organisation: UUID) -> OrganisationVault:
        """Use an organisation's keys within a transaction; a key that has to be made is written by it."""
        return OrganisationVault(vault=self, connection=connection, organisation=organisation)

    def forget(self, *, organisation: UUID) -> None:
        """Read an organisation's keys anew at the next use."""
        self._kept.pop(organisation, None)

    def known(self, connection: Connection, *, organisation: UUID, anew: bool = False) -> _Known:
        """Return an organisation's keys, from memory where they are fresh."""
        kept = self._kept.get(organisation)
        if kept is None or anew or monotonic() - kept.read_at > SEALS_FOR:
            kept = self._read(connection, organisation=organisation)
            if kept.sealing and kept.is_committed:
                self._keep(kept, organisation=organisation)
        return kept

    def make(self, connection: Connection, purpose: Purpose, *, organisation: UUID) -> DataKey:
        """Make an organisation's key, and write the row that keeps it."""
        key = new_data_key(self._new_id())
        self.masters.look_again()
        self._making[key.key_id] = connection.get_transaction()
        row = {
            "organisation_id": organisation,
            "key_id": key.key_id,
            "purpose": purpose,
            "master_key": self.masters.current_id,
            "wrapped": self.masters.wrap(key, organisation_place(key.key_id, purpose), organisation=organisation),
            "created_at": self.now(),
            "retired_at": None,
        }
        connection.execute(insert(organisation_keys), [row])
        return key

    def made_for_client(
        self, client_id: UUID, *, organisation_key: DataKey, organisation: UUID
    ) -> tuple[DataKey, dict[str, Any]]:
        """Make a client's key, and the row that keeps it."""
        key = new_data_key(self._new_id())
        row = {
            "organisation_id": organisation,
            "client_id": client_id,
            "key_id": key.key_id,
            "organisation_key": organisation_key.key_id,
            "wrapped": organisation_key.wrap(key, client_place(key.key_id, client_id), organisation=organisation),
            "created_at": self.now(),
            "retired_at": None,
        }
        return key, row

    def _read(self, connection: Connection, *, organisation: UUID) -> _Known:
        keys: dict[UUID, DataKey] = {}
        sealing: dict[Purpose, DataKey] = {}
        is_committed = True
        for row in connection.execute(_ORGANISATION_KEYS, {"organisation": organisation}):
            place = organisation_place(row.key_id, row.purpose)
            key = self.masters.unwrap(row.key_id, row.wrapped, place, master=row.master_key, organisation=organisation)
            keys[row.key_id] = key
            if row.retired_at is None:
                sealing[row.purpose] = key
            is_committed = self._is_committed(row.key_id, connection) and is_committed
        return _Known(keys=keys, sealing=sealing, is_committed=is_committed, read_at=monotonic())

    def _is_committed(self, key_id: UUID, connection: Connection) -> bool:
        """Say whether a key is seen from another transaction than the one that made it."""
        made_in = self._making.get(key_id)
        if made_in is not None and made_in is connection.get_transaction():
            return False
        self._making.pop(key_id, None)
        return True

    def _keep(self, known: _Known, *, organisation: UUID) -> None:
        self._kept.pop(organisation, None)
        self._kept[organisation] = known
        if len(self._kept) > KEPT:
            self._kept.pop(next(iter(self._kept)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationVault:
    """One organisation's keys within one transaction."""

    vault: Vault
    connection: Connection
    organisation: UUID
    _made: dict[Purpose, DataKey] = field(default_factory=dict)
    _clients: dict[UUID, list[DataKey]] = field(default_factory=dict)  # of each the one that seals first

    def seal(self, text: str, place: Place, *, purpose: Purpose = "data") -> bytes:
        """Seal a text with the organisation's key."""
        return self.sealing(purpose).seal(text.encode(), place, organisation=self.organisation)

    def open(self, sealed: bytes, place: Place) -> str:
        """Open what was sealed with one of the organisation's keys."""
        return self._opening(sealed_with(sealed)).open(sealed, place, organisation=self.organisation).decode()

    def seal_safeguarding(self, text: str, place: Place) -> bytes:
        """Seal a text with the key for safety checks, which no erasure destroys."""
        return self.seal(text, place, purpose="safeguarding")

    def open_safeguarding(self, sealed: bytes, place: Place) -> str:
        """Open a part of a safety check."""
        return self.open(sealed, place)

    def seal_for(self, client_id: UUID, text: str, place: Place) -> bytes:
        """Seal a text with a client's key, which is made if there is none."""
        self.look_up([client_id])
        if not self._clients[client_id]:
            key, client_key_row = self.new_client_key(client_id)
            _insert_client_key(self.connection, client_key_row, organisation=self.organisation)
        else:
            key = self._clients[client_id][0]
        return key.seal(text.encode(), place, organisation=self.organisation)

    def open_for(self, client_id: UUID, sealed: bytes, place: Place) -> str:
        """Open what was sealed with a client's key; raises KeyDestroyed when that was destroyed."""
        self.look_up([client_id])
        wanted = sealed_with(sealed)
        key = next((key for key in self._clients[client_id] if key.key_id == wanted), None)
        if key is None:
            raise KeyDestroyed
        return key.open(sealed, place, organisation=self.organisation).decode()

    def open_for_or_of(self, client_id: UUID, sealed: bytes, place: Place) -> str:
        """Open what is sealed with a client's key, or, of a version before, with one of the organisation's."""
        try:
            return self.open_for(client_id, sealed, place)
        except KeyDestroyed:
            try:
                return self.open(sealed, place)
            except SealBroken:
                raise KeyDestroyed from None

    def seal_client(self, client_id: UUID, parts: tuple[str, str]) -> bytes:
        """Seal what a caller calls a client, with the client's own key."""
        return self.seal_for(client_id, to_json(parts), _reference_of("clients", client_id))

    def open_client(self, client_id: UUID, sealed: bytes) -> tuple[str, str]:
        """Open what a caller calls a client: the system and the value."""
        return _parts(self.open_for(client_id, sealed, _reference_of("clients", client_id)))

    def seal_therapist(self, therapist_id: UUID, parts: tuple[str, str]) -> bytes:
        """Seal what a caller calls a therapist, with the organisation's key."""
        return self.seal(to_json(parts), _reference_of("therapists", therapist_id))

    def open_therapist(self, therapist_id: UUID, sealed: bytes) -> tuple[str, str]:
        """Open what a caller calls a therapist: the system and the value."""
        return _parts(self.open(sealed, _reference_of("therapists", therapist_id)))

    def seal_episode(self, client_id: UUID, episode_id: UUID, reference: str) -> bytes:
        """Seal what a caller calls an episode, with its client's key."""
        return self.seal_for(client_id, reference, _reference_of("episodes", episode_id))

    def open_episode(self, client_id: UUID, episode_id: UUID, sealed: bytes) -> str:
        """Open what a caller calls an episode."""
        return self.open_for(client_id, sealed, _reference_of("episodes", episode_id))

    def new_client_key(self, client_id: UUID) -> tuple[DataKey, dict[str, Any]]:
        """Make the first key of a client who is new; the caller writes its row."""
        key, row = self.vault.made_for_client(
            client_id, organisation_key=self.sealing("data"), organisation=self.organisation
        )
        self._clients[client_id] = [key]
        return key, row

    def look_up(self, client_ids: Collection[UUID]) -> None:
        """Read the keys of some clients at once; those that were read are not read again."""
        wanted = [client_id for client_id in client_ids if client_id not in self._clients]
        if not wanted:
            return
        self._clients.update((client_id, []) for client_id in wanted)
        sent = {"organisation": self.organisation, "client_ids": wanted}
        for row in self.connection.execute(_CLIENT_KEYS[self.connection.dialect.name], sent):
            self._clients[row.client_id].append(self.unwrap_client_key(row))

    def unwrap_client_key(self, row: AnyRow) -> DataKey:
        """Unwrap a client's key with the organisation's key that it is under."""
        place = client_place(row.key_id, row.client_id)
        return self._opening(row.organisation_key).unwrap(
            row.key_id, row.wrapped, place, organisation=self.organisation
        )

    def wrap_client_key(self, key: DataKey, client_id: UUID) -> bytes:
        """Wrap a client's key with the organisation's newest."""
        return self.sealing("data").wrap(key, client_place(key.key_id, client_id), organisation=self.organisation)

    def is_newest(self, purpose: Purpose, sealed: bytes) -> bool:
        """Say whether a value is sealed with the organisation's newest key of a purpose."""
        return sealed_with(sealed) == self.sealing(purpose).key_id

    def is_newest_of(self, client_id: UUID, sealed: bytes) -> bool:
        """Say whether a value is sealed with a client's newest key, or with one that is not there."""
        self.look_up([client_id])
        keys = self._clients[client_id]
        return not keys or sealed_with(sealed) == keys[0].key_id

    def sealing(self, purpose: Purpose) -> DataKey:
        """Return the key that seals for a purpose, which is made if there is none."""
        key = self._made.get(purpose)
        if key is None:
            key = self.vault.known(self.connection, organisation=self.organisation).sealing.get(purpose)
        if key is None:  # made a moment ago, perhaps, by another worker
            key = self.vault.known(self.connection, organisation=self.organisation, anew=True).sealing.get(purpose)
        if key is None:
            # Two workers may each make one: both open, and the newer one seals from then on.
            key = self._made[purpose] = self.vault.make(self.connection, purpose, organisation=self.organisation)
        return key

    def _opening(self, key_id: UUID) -> DataKey:
        for key in self._made.values():
            if key.key_id == key_id:
                return key
        known = self.vault.known(self.connection, organisation=self.organisation)
        if key_id not in known.keys:
            known = self.vault.known(self.connection, organisation=self.organisation, anew=True)
        if key_id not in known.keys:
            raise SealBroken
        return known.keys[key_id]


def _insert_client_key(connection: Connection, row: dict[str, Any], *, organisation: UUID) -> None:
    connection.execute(insert(client_keys), [{**row, "organisation_id": organisation}])


def _reference_of(table: str, row: UUID) -> Place:
    return Place(table=table, column="sealed_reference", row=row)


def _parts(opened: str) -> tuple[str, str]:
    return msgspec.json.decode(opened, type=tuple[str, str])


def organisation_place(key_id: UUID, purpose: Purpose) -> Place:
    """Say where an organisation's wrapped key is kept, and what it is for."""
    return Place(table="organisation_keys", column="wrapped", row=key_id, whose=purpose)


def client_place(key_id: UUID, client_id: UUID) -> Place:
    """Say where a client's wrapped key is kept, and whose it is."""
    return Place(table="client_keys", column="wrapped", row=key_id, whose=str(client_id))


_ORGANISATION_KEYS = (
    select(organisation_keys)
    .where(organisation_keys.c.organisation_id == bindparam("organisation"))
    .order_by(organisation_keys.c.created_at, organisation_keys.c.key_id)
)
#: The newest first, and those that are retired behind: the first one seals.
_CLIENT_KEYS = in_both(
    lambda among: (
        select(client_keys)
        .where(client_keys.c.organisation_id == bindparam("organisation"), among(client_keys.c.client_id, "client_ids"))
        .order_by(client_keys.c.retired_at.is_not(None), client_keys.c.created_at.desc(), client_keys.c.key_id.desc())
    )
)
