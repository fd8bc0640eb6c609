"""A form as it is kept, with all that was said about it: the same for the first answer and for every later one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from app.change.since import Change
from app.instruments.model import Answer, InstrumentRef, ItemId, Rater
from app.scoring.score import AnyScore
from app.stages.panel import StagePanel
from app.stages.recommend import Recommendation
from app.submissions.form import Channel, Reported


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredScore:
    """A score and its id."""

    score_id: UUID
    score: AnyScore


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSubmission:
    """One stored form and its assessment. References are not kept in the clear, so they are not here."""

    submission_id: UUID
    client_id: UUID
    therapist_id: UUID
    episode_id: UUID
    session_number: int
    rater: Rater
    instrument: InstrumentRef
    session_date: date | None
    completed_at: datetime
    received_at: datetime
    planned_sessions: int | None
    locale: str | None
    channel: Channel | None
    modality: str | None
    seen_by_therapist: bool | None
    answers: dict[ItemId, Answer]
    reported: Reported
    supersedes: UUID | None
    scores: tuple[StoredScore, ...]
    change: dict[str, Change]
    stage: StagePanel
    recommendations: tuple[Recommendation, ...]
