"""Record forms: the one transaction of intake, for one form or for many.

The commit happens on leaving the transaction, before anybody is answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from app.access.caller import Caller
from app.storage.runtime import Runtime
from app.submissions.intake import Intake, Outcome, Refused
from app.submissions.prepare import Entry, Prepared, prepare


async def record(runtime: Runtime, caller: Caller, entries: Sequence[Entry]) -> list[Outcome]:
    """Store forms in one transaction and return one outcome each, in order; keys must differ from each other.

    A form that is refused leaves no trace, and does not keep the others out.
    """
    now = runtime.now()
    ready, errors = prepare(runtime, caller, entries, now=now)
    outcomes: dict[int, Outcome] = dict(errors)
    async with runtime.flights.hold(caller.application.bytes + form.key for form in ready.values()):
        while ready:
            try:
                outcomes |= await runtime.database.write(partial(_attempt, runtime, caller, ready, now))
                break
            except Refused as refused:
                outcomes |= refused.errors
                ready = {index: form for index, form in ready.items() if index not in refused.errors}
    return [outcomes[index] for index in range(len(entries))]


def _attempt(
    runtime: Runtime, caller: Caller, forms: dict[int, Prepared], now: datetime, connection: Connection
) -> dict[int, Outcome]:
    return Intake(connection, runtime, caller, forms, now).run()
