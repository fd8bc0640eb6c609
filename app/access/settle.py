"""Settle for an organisation what holds for all of its people."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.access import store
from app.access.binding import log
from app.access.key_life import check_days
from app.access.organisation import OrganisationSettings, change_settings, settings_of
from app.errors import Misconfigured, NotFound
from app.storage.runtime import Runtime

#: Longer than any law asks for.
LONGEST_MONTHS = 1200


async def settle(runtime: Runtime, *, organisation: UUID, changes: dict[str, Any]) -> OrganisationSettings:
    """Change some settings of an organisation, none at all to look at them, and return all of them."""
    months = changes.get("retention_months")
    if months is not None and not 1 <= months <= LONGEST_MONTHS:
        raise Misconfigured(f"a time of retention has 1 to {LONGEST_MONTHS} months")
    days = changes.get("keys_live_at_most")
    if days is not None:
        check_days(days)
    now = runtime.now()

    def work(connection: Connection) -> OrganisationSettings:
        if not store.has_organisation(connection, organisation=organisation):
            raise NotFound
        before = settings_of(connection, organisation=organisation)
        if replace(before, **changes) == before:
            return before
        told = {name: str(value).lower() for name, value in changes.items()}
        log(connection, runtime, "organisation.settings_changed", told, organisation=organisation, at=now)
        return change_settings(connection, changes, organisation=organisation, at=now)

    return await runtime.database.write(work, organisation=organisation)
