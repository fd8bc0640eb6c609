"""List the safety checks that a recipient may read: how far each is, and nothing of what was said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.safeguarding.check import Standing, State
from app.safeguarding.readers import Reader
from app.safeguarding.store import read_portion
from app.storage.cursor import make_cursor, read_cursor
from app.storage.runtime import Runtime
from app.storage.types import AnyRow

_PORTION: Final = 100
_FIRST: Final = (datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """A page of the list, the newest first."""

    items: tuple[Standing, ...]
    next_cursor: str | None


async def checks(runtime: Runtime, caller: Caller, *, state: State | None, limit: int, cursor: str | None) -> Checks:
    """List the checks; one about the reader's own client leaves no gap, neither in a page nor behind it."""
    organisation, question = caller.organisation, ("safeguarding", str(state))
    before, behind = _FIRST
    if cursor is not None:
        before, behind = read_cursor(
            runtime.keys, cursor, tuple[datetime, UUID], question=question, organisation=organisation
        )

    def work(connection: Connection) -> Checks:
        reader = Reader.of(connection, runtime, caller)
        found = _all(connection, state, before, behind, organisation=organisation)
        rows = list(islice((seen for row in found if (seen := reader.look(row)) is not None), limit + 1))
        following = None
        if len(rows) > limit:
            place = (rows[limit - 1].row.received_at, rows[limit - 1].row.check_id)
            following = make_cursor(runtime.keys, place, question=question, organisation=organisation)
        return Checks(items=tuple(reader.standing(seen) for seen in rows[:limit]), next_cursor=following)

    return await runtime.database.read(work, organisation=organisation)


def _all(
    connection: Connection, state: State | None, before: datetime, behind: UUID, *, organisation: UUID
) -> Iterator[AnyRow]:
    """Go through the checks behind a place, in portions."""
    while portion := read_portion(
        connection, organisation=organisation, state=state, before=before, behind=behind, limit=_PORTION
    ):
        yield from portion
        before, behind = portion[-1].received_at, portion[-1].check_id
