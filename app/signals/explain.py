"""How a signal came about: counted anew from the totals of its series."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.change.explain_signal import SignalExplanation, explain_signal
from app.change.signal import Look
from app.episodes.course import look_of, same_scale
from app.episodes.history import read_forms, read_scores, with_scores
from app.episodes.signals import signal_of
from app.episodes.told import read_untold
from app.errors import NotFound
from app.signals.read import seen_signals
from app.signals.store import find_signal
from app.storage.runtime import Runtime
from app.storage.types import AnyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedSignal:
    """A signal, the series it is of, and every step to it."""

    instrument: str
    rater: str
    explanation: SignalExplanation


async def explain(runtime: Runtime, caller: Caller, *, client_id: UUID, signal_id: UUID) -> ExplainedSignal:
    """Count one signal of a client anew, or raise NotFound; a key of the client's own finds none."""
    organisation = caller.organisation

    def work(connection: Connection) -> ExplainedSignal:
        row = find_signal(connection, organisation=organisation, client_id=client_id, signal_id=signal_id)
        if row is None or not caller.may_see(client_id=row.client_id, therapist_id=row.therapist_id):
            raise NotFound
        if not seen_signals(connection, runtime, caller, [row], of=row):
            raise NotFound
        looks = _looks(connection, runtime, caller, row, organisation=organisation)
        return ExplainedSignal(
            instrument=row.instrument, rater=row.rater, explanation=explain_signal(signal_of(row), looks)
        )

    return await runtime.database.read(work, organisation=organisation)


def _looks(connection: Connection, runtime: Runtime, caller: Caller, row: AnyRow, *, organisation: UUID) -> list[Look]:
    """Show the forms of a signal's series to the rules, those on the scale of the form that opened it."""
    forms = read_forms(connection, runtime.catalog, organisation=organisation, episode_id=row.episode_id)
    untold: frozenset[UUID] = frozenset()
    if caller.sight_of(row.therapist_id).must_be_told:
        untold = read_untold(connection, [row.episode_id], organisation=organisation).get(row.episode_id, untold)
    series = [
        form
        for form in forms
        if (form.instrument.key, form.rater) == (row.instrument, row.rater) and form.submission_id not in untold
    ]
    opened = next((form for form in series if form.submission_id == row.submission_id), None)
    if opened is not None:
        series = same_scale(series, opened)
    found = read_scores(connection, [form.submission_id for form in series], organisation=organisation)
    return [look_of(form) for form in sorted(with_scores(series, found), key=lambda form: form.order)]
