"""Record forms: the one transaction of intake, for one form or for many.

Forms that arrive while a transaction of their organisation is under way share the next one. The commit happens on
leaving the transaction, before anybody is answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy import Connection

from app.access.caller import Caller
from app.storage.runtime import Runtime
from app.submissions.intake import Intake, Outcome, Recorded, Refused
from app.submissions.prepare import Entry, Prepared, prepare

#: So many calls share a transaction at most.
CALLS_TOGETHER = 64


async def record(runtime: Runtime, caller: Caller, entries: Sequence[Entry]) -> list[Outcome]:
    """Store forms in one transaction and return one outcome each, in order; keys must differ from each other.

    A form that is refused leaves no trace, and does not keep the others out.
    """
    ready, errors = prepare(runtime, caller, entries, now=runtime.now())
    outcomes: dict[int, Outcome] = dict(errors)
    if ready:
        async with runtime.flights.hold(form.key for form in ready.values()):
            outcomes |= await runtime.lanes.run(
                "record", caller.organisation, ready, partial(_record_together, runtime), most=CALLS_TOGETHER
            )
    return [outcomes[index] for index in range(len(entries))]


async def _record_together(runtime: Runtime, calls: Sequence[Mapping[int, Prepared]]) -> list[dict[int, Outcome]]:
    """Store the forms of several calls in one transaction."""
    places = [(call, index) for call, forms in enumerate(calls) for index in forms]
    ready = {number: calls[call][index] for number, (call, index) in enumerate(places)}
    outcomes: dict[int, Outcome] = {}
    left = ready
    while left:
        outcomes |= await _store(runtime, left)
        stored = {str(one.submission.submission_id) for one in outcomes.values() if isinstance(one, Recorded)}
        lost = {str(form.submission_id) for form in ready.values()} - stored
        # Refused because of a form beside it that another worker's then took the place of: look again.
        left = {n: form for n, form in left.items() if getattr(outcomes[n], "submission_id", None) in lost}
    told: list[dict[int, Outcome]] = [{} for _ in calls]
    for number, (call, index) in enumerate(places):
        told[call][index] = outcomes[number]
    return told


async def _store(runtime: Runtime, ready: Mapping[int, Prepared]) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    while ready:
        try:
            return outcomes | await runtime.database.write(partial(_attempt, runtime, ready))
        except Refused as refused:
            outcomes |= refused.errors
            ready = {number: form for number, form in ready.items() if number not in refused.errors}
    return outcomes


def _attempt(runtime: Runtime, forms: Mapping[int, Prepared], connection: Connection) -> dict[int, Outcome]:
    return Intake(connection, runtime, forms).run()
