"""What use cases are given: few things, made once when the service starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from app.instruments.catalog import Catalog, open_catalog
from app.outbound.fetch import Fetcher
from app.outbound.key_sets import KeySets
from app.storage.binding import UNHURRIED, Spans
from app.storage.database import Database, open_database
from app.storage.flights import Flights
from app.storage.keyring import KeyRing, open_keyring, open_masters
from app.storage.probe import WriteProbe
from app.storage.remembered import Remembered
from app.storage.signing_keys import SigningKeys, open_signing_keys
from app.storage.together import Lanes
from app.storage.transport import check_transport
from app.storage.vault import Vault

#: The address of a service that is tried out.
ISSUER = "http://127.0.0.1:8000"


def utc_now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The database, the keys, the catalogue, the clock and the id factory.

    `issuer` is the public address of the service, which its tokens name.
    """

    database: Database
    keys: KeyRing
    vault: Vault
    catalog: Catalog
    signing: SigningKeys
    issuer: str = ISSUER
    key_sets: KeySets = field(default_factory=lambda: KeySets(Fetcher().fetch))
    now: Callable[[], datetime] = utc_now
    new_id: Callable[[], UUID] = uuid7
    flights: Flights = field(default_factory=Flights)
    lanes: Lanes = field(default_factory=Lanes)
    probe: WriteProbe = field(default_factory=WriteProbe)
    secrets_dir: Path | None = None
    tokens: Remembered[Any] = field(default_factory=Remembered)


def open_runtime(
    *,
    database_url: str,
    secrets_dir: Path,
    make_secrets: bool,
    instruments_dir: Path | None = None,
    issuer: str = ISSUER,
    spans: Spans = UNHURRIED,
) -> Runtime:
    """Open the database and the secrets; nothing is connected before it is needed.

    `spans` says how long the database may take for a statement: what serves requests sets an end to it.
    """
    keys = open_keyring(secrets_dir, make=make_secrets)
    masters = open_masters(secrets_dir, make=make_secrets)
    if not make_secrets:  # in production
        check_transport(database_url)
    return Runtime(
        database=open_database(database_url, spans=spans),
        keys=keys,
        vault=Vault(masters, now=utc_now, new_id=uuid7),
        catalog=open_catalog(instruments_dir),
        secrets_dir=secrets_dir,
        signing=open_signing_keys(secrets_dir / "signing", make=make_secrets, now=utc_now),
        issuer=issuer.rstrip("/"),
    )
