"""Record forms: the one transaction of intake, for one form or for many.

Forms that arrive while a transaction of their organisation is under way share the next one. The commit happens on
leaving the transaction, before anybody is answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.errors import (
    ClientErased,
    ErasedMeanwhile,
    InvalidSubmission,
    KeyInProgress,
    SessionAlreadyRated,
    SourceConflict,
    StorageBusy,
)
from app.seeing.metrics import TOGETHER, count_form
from app.storage.runtime import Runtime
from app.submissions.intake import Intake, Outcome, Recorded, Refused
from app.submissions.prepare import Entry, Prepared, prepare

#: So many forms share a transaction at most; a larger batch has one of its own.
FORMS_TOGETHER = 32
#: So often a form that gave way to another one is looked at.
LOOKS = 3


async def record(runtime: Runtime, caller: Caller, entries: Sequence[Entry]) -> list[Outcome]:
    """Store forms in one transaction and return one outcome each, in order; keys must differ from each other.

    A form that is refused leaves no trace, and does not keep the others out.
    """
    ready, errors = prepare(runtime, caller, entries, now=runtime.now())
    outcomes: dict[int, Outcome] = dict(errors)
    if ready:
        try:
            outcomes |= await _in_turn(runtime, ready, organisation=caller.organisation)
        except (KeyInProgress, StorageBusy) as error:  # nothing is stored: each form may be sent again
            outcomes |= dict.fromkeys(ready, error)
    for outcome in outcomes.values():
        _count(outcome)
    return [outcomes[index] for index in range(len(entries))]


def _count(outcome: Outcome) -> None:
    if isinstance(outcome, Recorded):
        count_form("replayed" if outcome.replayed else "recorded" if outcome.created else "there")
    else:
        count_form("refused", code=outcome.specific_code if isinstance(outcome, InvalidSubmission) else outcome.code)


async def _in_turn(runtime: Runtime, ready: dict[int, Prepared], *, organisation: UUID) -> dict[int, Outcome]:
    """Wait for the keys and for a place in a transaction."""
    async with runtime.flights.hold(form.key for form in ready.values()):
        return await runtime.lanes.run(
            "record",
            ready,
            partial(_record_together, runtime, organisation=organisation),
            organisation=organisation,
            most=FORMS_TOGETHER,
            weigh=len,
        )


async def _record_together(
    runtime: Runtime, calls: Sequence[Mapping[int, Prepared]], *, organisation: UUID
) -> list[dict[int, Outcome]]:
    """Store the forms of several calls in one transaction."""
    places = [(call, index) for call, forms in enumerate(calls) for index in forms]
    ready = {number: calls[call][index] for number, (call, index) in enumerate(places)}
    outcomes: dict[int, Outcome] = {}
    left = ready
    for _ in range(LOOKS):
        outcomes |= await _store(runtime, left, organisation=organisation)
        lost = _lost(outcomes, ready)
        left = {n: form for n, form in left.items() if _gave_way_to(outcomes[n]) in lost}
        if not left:
            break
    told: list[dict[int, Outcome]] = [{} for _ in calls]
    for number, (call, index) in enumerate(places):
        told[call][index] = outcomes[number]
    return told


def _lost(outcomes: Mapping[int, Outcome], ready: Mapping[int, Prepared]) -> set[str]:
    """Name the forms that had a place in an attempt, and in the end another worker's form took it."""
    stored = {str(one.submission.submission_id) for one in outcomes.values() if isinstance(one, Recorded)}
    return {str(form.submission_id) for form in ready.values()} - stored


def _gave_way_to(outcome: Outcome) -> str | None:
    return outcome.submission_id if isinstance(outcome, SessionAlreadyRated | SourceConflict) else None


async def _store(runtime: Runtime, ready: Mapping[int, Prepared], *, organisation: UUID) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    erased = 0
    while ready:
        try:
            attempt = partial(_attempt, runtime, ready)
            outcomes |= await runtime.database.write(attempt, organisation=organisation)
        except Refused as refused:
            outcomes |= refused.errors
            ready = {number: form for number, form in ready.items() if number not in refused.errors}
        except ErasedMeanwhile:  # the next attempt finds the client erased
            erased += 1
            if erased == LOOKS:
                raise ClientErased from None
        else:
            TOGETHER.observe(len(ready))
            break
    return outcomes


def _attempt(runtime: Runtime, forms: Mapping[int, Prepared], connection: Connection) -> dict[int, Outcome]:
    return Intake(connection, runtime, forms).run()
