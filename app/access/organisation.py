"""What an organisation has settled for all of its people, with what holds where nothing was said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, false, func, insert, select

from app.storage.people_tables import organisation_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationSettings:
    """Whether forms may hold free text, whether a person must be named, and how long data are kept.

    New API keys live `keys_live_at_most` days at most; with `tokens_only` keys bring tokens, and open nothing else.
    """

    comments_allowed: bool = False
    acting_required: bool = False
    retention_months: int | None = None
    keys_live_at_most: int | None = None
    tokens_only: bool = False


_NAMES = ("comments_allowed", "acting_required", "retention_months", "keys_live_at_most", "tokens_only")
_SETTINGS = select(*(organisation_settings.c[name] for name in _NAMES)).where(
    organisation_settings.c.organisation_id == bindparam("organisation")
)
#: Joined into every look-up of a caller, so that a change holds from the next request on and costs no query.
ACTING_REQUIRED = func.coalesce(
    select(organisation_settings.c.acting_required)
    .where(organisation_settings.c.organisation_id == bindparam("organisation"))
    .scalar_subquery(),
    false(),
).label("acting_required")
#: The same, for a caller with an API key.
TOKENS_ONLY = func.coalesce(
    select(organisation_settings.c.tokens_only)
    .where(organisation_settings.c.organisation_id == bindparam("organisation"))
    .scalar_subquery(),
    false(),
).label("tokens_only")
_CLEAR = delete(organisation_settings).where(organisation_settings.c.organisation_id == bindparam("organisation"))


def settings_of(connection: Connection, *, organisation: UUID) -> OrganisationSettings:
    """Read an organisation's settings; without any, the defaults."""
    row = connection.execute(_SETTINGS, {"organisation": organisation}).mappings().first()
    return OrganisationSettings() if row is None else OrganisationSettings(**row)


def change_settings(
    connection: Connection, changes: dict[str, Any], *, organisation: UUID, at: datetime
) -> OrganisationSettings:
    """Change some of an organisation's settings, and return all of them."""
    settings = replace(settings_of(connection, organisation=organisation), **changes)
    connection.execute(_CLEAR, {"organisation": organisation})
    row = {name: getattr(settings, name) for name in _NAMES}
    connection.execute(insert(organisation_settings).values(organisation_id=organisation, changed_at=at, **row))
    return settings
