"""Submissions, scores and assessments in SQL: rows from forms, and forms from rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, select, update

from app.change.norms import Norm
from app.change.signal import Signal
from app.change.since import Change
from app.episodes.course import Assessment, StoredScore
from app.episodes.history import SCORE_NUMBERS, answers_of, instrument_of, read_scores
from app.episodes.norms import read_norms
from app.errors import ErasedMeanwhile
from app.instruments.model import answer_document
from app.scoring.score import NotScored, Score
from app.stages.panel import StagePanel
from app.stages.recommend import Recommendation
from app.storage.dialects import Among, in_both
from app.storage.documents import from_document
from app.storage.people_tables import erasures
from app.storage.tables import assessments, submissions, withdrawals
from app.storage.types import AnyRow
from app.submissions.form import Reported
from app.submissions.stored import StoredSubmission, Withdrawal


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """An assessment on its way into its table."""

    submission_id: UUID
    number: int
    made_at: datetime
    because_of: UUID | None
    recomputed_later_sessions: int
    assessment: Assessment


def submission_row(
    stored: StoredSubmission,
    *,
    organisation: UUID,
    application: UUID,
    content: bytes,
    focus: tuple[int, ...] | None,
) -> dict[str, Any]:
    """Make the row of a form."""
    return {
        "organisation_id": organisation,
        "submission_id": stored.submission_id,
        "application_id": application,
        "client_id": stored.client_id,
        "therapist_id": stored.therapist_id,
        "episode_id": stored.episode_id,
        "session_number": stored.session_number,
        "instrument": stored.instrument.key,
        "rater": stored.rater,
        "instrument_version": stored.instrument.version,
        "instrument_digest": stored.instrument.digest,
        "session_date": stored.session_date,
        "completed_at": stored.completed_at,
        "received_at": stored.received_at,
        "planned_sessions": stored.planned_sessions,
        "locale": stored.locale,
        "channel": stored.channel,
        "modality": stored.modality,
        "seen_by_therapist": stored.seen_by_therapist,
        "answers": {item: answer_document(answer) for item, answer in stored.answers.items()},
        "focus": None if focus is None else list(focus),
        "reported_rupture": stored.reported.rupture,
        "wish_to_talk": stored.reported.wish_to_talk,
        "ending": stored.reported.ending,
        "reported_stage": stored.reported.stage,
        "content": content,
        "sealed_comment": stored.sealed_comment,
        "norm_id": UUID(stored.norm.norm_id) if stored.norm is not None else None,
        "supersedes": stored.supersedes,
        "current": True,
    }


def score_rows(stored: StoredSubmission, *, organisation: UUID) -> list[dict[str, Any]]:
    """Make the rows of a form's scores, in the order of its definition."""
    shared = {
        "organisation_id": organisation,
        "submission_id": stored.submission_id,
        "episode_id": stored.episode_id,
        "instrument": stored.instrument.key,
        "rater": stored.rater,
        "session_number": stored.session_number,
        "instrument_version": stored.instrument.version,
        "instrument_digest": stored.instrument.digest,
    }
    return [
        shared
        | {
            "score_id": one.score_id,
            "component": one.score.component,
            "position": position,
            "scoring_version": one.score.scoring_version,
            **{name: getattr(one.score, name) if isinstance(one.score, Score) else None for name in SCORE_NUMBERS},
            "reason": one.score.reason if isinstance(one.score, NotScored) else None,
            "answered": one.score.answered,
            "items": one.score.items,
            "missing": list(one.score.missing),
            "not_applicable": list(one.score.not_applicable),
        }
        for position, one in enumerate(stored.scores)
    ]


def assessment_row(revision: Revision, *, organisation: UUID) -> dict[str, Any]:
    """Make the row of an assessment."""
    return {
        "organisation_id": organisation,
        "submission_id": revision.submission_id,
        "revision": revision.number,
        "made_at": revision.made_at,
        "because_of": revision.because_of,
        "recomputed_later_sessions": revision.recomputed_later_sessions,
        "change": revision.assessment.change,
        "signals": revision.assessment.signals,
        "stage": revision.assessment.stage,
        "recommendations": revision.assessment.recommendations,
    }


_NO_LONGER_CURRENT = in_both(
    lambda among: (
        update(submissions)
        .where(submissions.c.organisation_id == bindparam("organisation"), among(submissions.c.submission_id, "ids"))
        .values(current=False)
    )
)


def retire(connection: Connection, submission_ids: Collection[UUID], *, organisation: UUID) -> None:
    """Free the places of forms that are superseded or withdrawn."""
    if submission_ids:
        sent = {"organisation": organisation, "ids": list(submission_ids)}
        connection.execute(_NO_LONGER_CURRENT[connection.dialect.name], sent)


def _loading(among: Among, *, first: bool) -> Any:
    """Select forms with the assessment that was answered first, or with the latest one."""
    newest = (
        select(func.max(assessments.c.revision))
        .where(
            assessments.c.organisation_id == submissions.c.organisation_id,
            assessments.c.submission_id == submissions.c.submission_id,
        )
        .correlate(submissions)
        .scalar_subquery()
    )
    return (
        select(
            submissions,
            assessments.c.revision,
            assessments.c.recomputed_later_sessions,
            assessments.c.change,
            assessments.c.signals,
            assessments.c.stage,
            assessments.c.recommendations,
        )
        .join(
            assessments,
            (assessments.c.organisation_id == submissions.c.organisation_id)
            & (assessments.c.submission_id == submissions.c.submission_id)
            & (assessments.c.revision == (1 if first else newest)),
        )
        .where(
            submissions.c.organisation_id == bindparam("organisation"),
            among(submissions.c.submission_id, "ids"),
        )
    )


_FIRST, _LATEST = in_both(partial(_loading, first=True)), in_both(partial(_loading, first=False))


def load(
    connection: Connection, submission_ids: Collection[UUID], *, organisation: UUID, first: bool = True
) -> dict[UUID, StoredSubmission]:
    """Read forms with what was said when they came in, or with what is said now; foreign ids are left out."""
    if not submission_ids:
        return {}
    sent = {"organisation": organisation, "ids": list(submission_ids)}
    forms = connection.execute((_FIRST if first else _LATEST)[connection.dialect.name], sent).all()
    found = read_scores(connection, submission_ids, organisation=organisation)
    norms = read_norms(connection, {row.norm_id for row in forms if row.norm_id is not None}, organisation=organisation)
    return {row.submission_id: _stored(row, found[row.submission_id], norms.get(row.norm_id)) for row in forms}


_ASSESSED = in_both(
    lambda among: select(assessments).where(
        assessments.c.organisation_id == bindparam("organisation"), among(assessments.c.submission_id, "ids")
    )
)


def read_assessments(
    connection: Connection, submission_ids: Collection[UUID], *, organisation: UUID
) -> dict[UUID, tuple[int, Assessment]]:
    """Read the latest revision of some assessments, with its number."""
    newest: dict[UUID, AnyRow] = {}
    if submission_ids:
        sent = {"organisation": organisation, "ids": list(submission_ids)}
        for row in connection.execute(_ASSESSED[connection.dialect.name], sent):
            if row.submission_id not in newest or newest[row.submission_id].revision < row.revision:
                newest[row.submission_id] = row
    return {submission_id: (row.revision, _assessment(row)) for submission_id, row in newest.items()}


_SUCCESSOR = select(submissions.c.submission_id).where(
    submissions.c.organisation_id == bindparam("organisation"), submissions.c.supersedes == bindparam("id")
)
_WITHDRAWN = select(withdrawals).where(
    withdrawals.c.organisation_id == bindparam("organisation"), withdrawals.c.submission_id == bindparam("id")
)


def read_fate(
    connection: Connection, submission_id: UUID, *, organisation: UUID
) -> tuple[UUID | None, Withdrawal | None]:
    """Tell what became of a form that is no longer current: which one superseded it, or that it was withdrawn."""
    sent = {"organisation": organisation, "id": submission_id}
    successor: UUID | None = connection.execute(_SUCCESSOR, sent).scalar()
    row = connection.execute(_WITHDRAWN, sent).first()
    withdrawn = None
    if row is not None:
        withdrawn = Withdrawal(
            withdrawn_at=row.withdrawn_at,
            reason=row.reason,
            recomputed_later_sessions=row.recomputed_later_sessions,
        )
    return successor, withdrawn


def _assessment(row: AnyRow) -> Assessment:
    return Assessment(
        change=from_document(row.change, dict[str, Change]),
        signals=from_document(row.signals, tuple[Signal, ...]),
        stage=from_document(row.stage, StagePanel),
        recommendations=from_document(row.recommendations, tuple[Recommendation, ...]),
    )


def _stored(row: AnyRow, found: tuple[StoredScore, ...], norm: Norm | None) -> StoredSubmission:
    told = _assessment(row)
    return StoredSubmission(
        submission_id=row.submission_id,
        client_id=row.client_id,
        therapist_id=row.therapist_id,
        episode_id=row.episode_id,
        session_number=row.session_number,
        rater=row.rater,
        instrument=instrument_of(row),
        session_date=row.session_date,
        completed_at=row.completed_at,
        received_at=row.received_at,
        planned_sessions=row.planned_sessions,
        locale=row.locale,
        channel=row.channel,
        modality=row.modality,
        seen_by_therapist=row.seen_by_therapist,
        answers=answers_of(row),
        reported=Reported(
            rupture=row.reported_rupture,
            wish_to_talk=row.wish_to_talk,
            ending=row.ending,
            stage=row.reported_stage,
        ),
        supersedes=row.supersedes,
        current=bool(row.current),
        scores=found,
        norm=norm,
        change=told.change,
        signals=told.signals,
        stage=told.stage,
        recommendations=told.recommendations,
        recomputed_later_sessions=row.recomputed_later_sessions,
        sealed_comment=row.sealed_comment,
    )


_ERASED = in_both(
    lambda among: (
        select(erasures.c.reference, func.max(erasures.c.erased_at).label("erased_at"))
        .where(erasures.c.organisation_id == bindparam("organisation"), among(erasures.c.reference, "references"))
        .group_by(erasures.c.reference)
    )
)


def read_erasures(
    connection: Connection, references: Collection[bytes], *, organisation: UUID
) -> dict[bytes, datetime]:
    """Read when clients were erased last, by the digest of their references."""
    sent = {"organisation": organisation, "references": list(references)}
    return {row.reference: row.erased_at for row in connection.execute(_ERASED[connection.dialect.name], sent)}


_CONTENT = select(submissions.c.content).where(
    submissions.c.organisation_id == bindparam("organisation"), submissions.c.submission_id == bindparam("id")
)


def read_content(connection: Connection, submission_id: UUID, *, organisation: UUID) -> bytes:
    """Read the digest of a stored form's content, which something has just referred to."""
    found: bytes | None = connection.execute(_CONTENT, {"organisation": organisation, "id": submission_id}).scalar()
    if found is None:
        raise ErasedMeanwhile
    return found


def assessment_in(stored: StoredSubmission) -> Assessment:
    """Take the assessment out of a stored form."""
    return Assessment(
        change=stored.change, signals=stored.signals, stage=stored.stage, recommendations=stored.recommendations
    )


def withdrawal_row(submission_id: UUID, told: Withdrawal, *, organisation: UUID, application: UUID) -> dict[str, Any]:
    """Make the row of a withdrawal."""
    return {
        "organisation_id": organisation,
        "submission_id": submission_id,
        "application_id": application,
        "reason": told.reason,
        "withdrawn_at": told.withdrawn_at,
        "recomputed_later_sessions": told.recomputed_later_sessions,
    }
