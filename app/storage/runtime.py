"""What use cases are given: few things, made once when the service starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from uuid_utils.compat import uuid7

from app.instruments.catalog import Catalog, open_catalog
from app.storage.database import Database, open_database
from app.storage.flights import Flights
from app.storage.keyring import KeyRing, open_keyring, open_masters
from app.storage.probe import WriteProbe
from app.storage.together import Lanes
from app.storage.vault import Vault


def utc_now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The database, the keys, the catalogue, the clock and the id factory."""

    database: Database
    keys: KeyRing
    vault: Vault
    catalog: Catalog
    now: Callable[[], datetime] = utc_now
    new_id: Callable[[], UUID] = uuid7
    flights: Flights = field(default_factory=Flights)
    lanes: Lanes = field(default_factory=Lanes)
    probe: WriteProbe = field(default_factory=WriteProbe)
    secrets_dir: Path | None = None


def open_runtime(
    *, database_url: str, secrets_dir: Path, make_secrets: bool, instruments_dir: Path | None = None
) -> Runtime:
    """Open the database and the secrets; nothing is connected before it is needed."""
    keys = open_keyring(secrets_dir, make=make_secrets)
    masters = open_masters(secrets_dir, make=make_secrets)
    return Runtime(
        database=open_database(database_url),
        keys=keys,
        vault=Vault(masters, now=utc_now, new_id=uuid7),
        catalog=open_catalog(instruments_dir),
        secrets_dir=secrets_dir,
    )
