"""The bundle of keys: what opens the data, and who was erased. There is one, the newest; older ones must not be kept.

The organisations' keys are in it, as in the data: clients' keys may have been wrapped anew since the data were copied.
A line holds a row; the last one says what the others are, with a digest that only the service's secrets can make.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Connection, LargeBinary, Table, Uuid, select
from sqlalchemy.dialects import postgresql, sqlite

from app.backup.files import write_private
from app.backup.manifest import FORMAT
from app.errors import Misconfigured
from app.storage.key_tables import client_keys, organisation_keys
from app.storage.keyring import KeyRing
from app.storage.people_tables import erasures
from app.storage.runtime import Runtime
from app.storage.types import UtcDateTime

NAME: Final = "keys-latest"
#: So many rows are read or written in a transaction.
PORTION: Final = 500

#: In the order in which they are read, with what their rows are ordered by: what an erasure destroyed meanwhile is told
#: by its tombstone, and a key that was made meanwhile is there when what it wraps is.
TABLES: Final[tuple[tuple[Table, str], ...]] = (
    (client_keys, "key_id"),
    (organisation_keys, "key_id"),
    (erasures, "client_id"),
)
_BY_NAME: Final = {table.name: table for table, _ in TABLES}
_INSERTS: Final[Mapping[str, Callable[[Table], Any]]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The last line of a bundle."""

    created_at: datetime
    migration: str
    rows: dict[str, int]
    sha256: str
    format: int = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signed:
    bundle: Ending
    mac: str


async def write_bundle(runtime: Runtime, path: Path, *, organisations: Sequence[UUID], migration: str) -> Ending:
    """Write the keys and tombstones of all organisations into a file."""
    created_at = runtime.now()
    digest, rows = sha256(), dict.fromkeys(map(str, _BY_NAME), 0)
    with write_private(path) as file:
        for organisation in organisations:
            for table, row_id in TABLES:
                after: UUID | None = None
                while portion := await _portion(runtime, table, row_id, organisation=organisation, after=after):
                    for row in portion:
                        line = _encode([str(table.name), row]) + b"\n"
                        digest.update(line)
                        file.write(line)
                    rows[table.name] += len(portion)
                    after = portion[-1][row_id]
        ending = Ending(created_at=created_at, migration=migration, rows=rows, sha256=digest.hexdigest())
        mac = runtime.keys.backup("bundle", _encode(ending)).hex()
        file.write(_encode(_Signed(bundle=ending, mac=mac)) + b"\n")
    return ending


async def _portion(
    runtime: Runtime, table: Table, row_id: str, *, organisation: UUID, after: UUID | None
) -> list[dict[str, Any]]:
    def work(connection: Connection) -> list[dict[str, Any]]:
        query = select(table).where(table.c.organisation_id == organisation).order_by(table.c[row_id]).limit(PORTION)
        if after is not None:
            query = query.where(table.c[row_id] > after)
        return [{str(name): value for name, value in row.items()} for row in connection.execute(query).mappings()]

    return await runtime.database.read(work, organisation=organisation)


def check_bundle(path: Path, *, keys: KeyRing) -> Ending:
    """Read a bundle to its end; one that was changed or cut, or made with other secrets, is refused."""
    digest, line = sha256(), b""
    try:
        with path.open("rb") as file:
            for one in file:
                digest.update(line)
                line = one
        signed = msgspec.json.decode(line, type=_Signed)
    except FileNotFoundError:
        raise Misconfigured(f"there are no keys at {path}") from None
    except (msgspec.DecodeError, OSError, UnicodeDecodeError):
        raise Misconfigured(f"{path} is no bundle of keys, or not all of one") from None
    made = keys.backup("bundle", _encode(signed.bundle)).hex()
    if signed.bundle.format != FORMAT or not hmac.compare_digest(made, signed.mac):
        raise Misconfigured(f"{path} was changed, or made with other secrets than those in use")
    if digest.hexdigest() != signed.bundle.sha256 or line != _encode(signed) + b"\n":
        raise Misconfigured(f"{path} was changed")
    return signed.bundle


async def load_bundle(runtime: Runtime, path: Path, *, organisations: Collection[UUID]) -> dict[UUID, dict[str, int]]:
    """Write keys and tombstones from a bundle that was checked; what is there is replaced.

    Organisations that are not in the data were made after them, and are left out.
    """
    loaded = {organisation: dict.fromkeys(_BY_NAME, 0) for organisation in organisations}
    for (organisation, name), group in groupby(lines(path), key=lambda line: line[:2]):
        if organisation in loaded:
            rows = [
                {column: _value(_BY_NAME[name], column, value) for column, value in row.items()} for *_, row in group
            ]
            for at in range(0, len(rows), PORTION):
                write = partial(_write, _BY_NAME[name], rows[at : at + PORTION])
                await runtime.database.write(write, organisation=organisation)
            loaded[organisation][name] += len(rows)
    for organisation in organisations:
        runtime.vault.forget(organisation=organisation)
    return loaded


def _write(table: Table, rows: list[dict[str, Any]], connection: Connection) -> None:
    statement = _INSERTS[connection.dialect.name](table)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in table.primary_key.columns}
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=changed), rows
    )


def lines(path: Path) -> Iterator[tuple[UUID, str, dict[str, Any]]]:
    """Read the rows of a bundle that was checked, each with its organisation and its table."""
    with path.open("rb") as file:
        for line in file:
            found = msgspec.json.decode(line)
            if isinstance(found, list):  # the last line is none
                name, row = found
                yield UUID(row["organisation_id"]), name, row


def _value(table: Table, column: str, value: Any) -> Any:
    """Give a value the type of its column again."""
    if column not in table.c:
        raise Misconfigured(f"the keys are of a newer version: it has {table.name}.{column}")
    kind = table.c[column].type
    if value is None:
        return None
    if isinstance(kind, Uuid):
        return UUID(value)
    if isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(value)
    return b64decode(value) if isinstance(kind, LargeBinary) else value
