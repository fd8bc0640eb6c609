"""The API keys of all organisations that end soon: whoever runs the service hears of them before an integrator does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from app.cli.output import owners_url, print_table
from app.errors import AllianceError

if TYPE_CHECKING:
    from app.settings import Settings
    from app.storage.database import Database

#: Enough to bring a new key to somebody.
SOON: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingKey:
    """A living key that ends soon."""

    organisation_id: UUID
    application: str
    key_id: UUID
    expires_at: datetime


async def ending_keys(settings: Settings) -> list[EndingKey] | None:
    """Find the keys that end soon; None where the organisations can't be listed."""
    from app.access.store import list_organisations

    try:
        async with _opened(owners_url(settings)) as database:
            organisations = await database.read(list_organisations, organisation=None)
        async with _opened(settings.database_url) as database:
            found = [await _of(database, organisation=row.organisation_id) for row in organisations]
    except AllianceError:  # a login that is not known, or does not come in; what the service needs was checked before
        return None
    return [one for part in found for one in part]


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    from app.storage.database import open_database

    database = open_database(url)
    try:
        yield database
    finally:
        await database.close()


async def _of(database: Database, *, organisation: UUID) -> list[EndingKey]:
    from app.access.store import list_ending_keys
    from app.storage.runtime import utc_now

    now = utc_now()
    work = partial(list_ending_keys, organisation=organisation, now=now, until=now + SOON)
    return [
        EndingKey(
            organisation_id=organisation, application=row.application, key_id=row.key_id, expires_at=row.expires_at
        )
        for row in await database.read(work, organisation=organisation)
    ]


def print_ending(found: list[EndingKey] | None) -> None:
    """Print a table, where there is something to do."""
    if found:
        rows = [tuple(asdict(one).values()) for one in found]
        print_table(f"Keys that end within {SOON.days} days", ("organisation", "application", "key", "ends"), rows)


def ending_document(found: list[EndingKey] | None) -> list[dict[str, Any]] | None:
    """Return the same for programs."""
    return None if found is None else [asdict(one) for one in found]
