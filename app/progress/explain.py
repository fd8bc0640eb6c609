"""How a stored score came about."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.access.caller import Caller
from app.errors import NotFound
from app.instruments.model import Instrument, ItemId, answer_from_document
from app.progress.store import read_scored_form
from app.scoring.explain import Explanation
from app.scoring.explain import explain as explain_score
from app.storage.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedScore:
    """A stored score, the form it belongs to, and every step from the answers to it."""

    score_id: UUID
    submission_id: UUID
    session_number: int
    rater: str
    instrument: Instrument
    scoring_version: str
    explanation: Explanation


async def explain(runtime: Runtime, caller: Caller, *, client_id: UUID, score_id: UUID) -> ExplainedScore:
    """Recount one stored score of a client from its answers, or raise NotFound."""
    row = await runtime.database.read(
        lambda c: read_scored_form(c, organisation=caller.organisation, client_id=client_id, score_id=score_id),
        organisation=caller.organisation,
    )
    visible = row is not None and caller.may_see(client_id=client_id, therapist_id=row.therapist_id)
    if row is None or not visible:
        raise NotFound
    if not caller.sight_of(row.therapist_id).sees_of("scores", rater=row.rater, told=row.seen_by_therapist):
        raise NotFound
    instrument = runtime.catalog.get(row.instrument, row.instrument_version)
    answers = {ItemId(item): answer_from_document(answer) for item, answer in row.answers.items()}
    return ExplainedScore(
        score_id=score_id,
        submission_id=row.submission_id,
        session_number=row.session_number,
        rater=row.rater,
        instrument=instrument,
        scoring_version=row.scoring_version,
        explanation=explain_score(instrument, answers, row.component),
    )
