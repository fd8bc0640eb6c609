"""Submissions, scores and assessments in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select, update

from app.change.since import Change
from app.instruments.model import InstrumentKey, InstrumentRef, ItemId, answer_document, answer_from_document
from app.scoring.score import AnyScore, NotScored, Score
from app.stages.panel import StagePanel
from app.stages.recommend import Recommendation
from app.storage.conflict import insert_or_skip
from app.storage.documents import from_document, to_document
from app.storage.keyring import Keyed
from app.storage.tables import assessments, idempotency_keys, scores, submissions
from app.storage.types import AnyRow
from app.submissions.form import Reported
from app.submissions.stored import StoredScore, StoredSubmission


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An idempotency key and what it would be bound to."""

    key: bytes
    fingerprint: bytes
    submission_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyScope:
    """Whose key it is, and of which route: the same text elsewhere is another key."""

    application: UUID
    route: str


def claim_keys(
    connection: Connection, claims: Sequence[Claim], scope: KeyScope, *, organisation: UUID, now: datetime
) -> dict[bytes, AnyRow]:
    """Bind the keys that are free, in order; return the rows of those that were bound before."""
    free = connection.execute(
        insert_or_skip(connection, idempotency_keys)
        .values(
            [
                {
                    "organisation_id": organisation,
                    "application_id": scope.application,
                    "route": scope.route,
                    "key": claim.key,
                    "fingerprint": claim.fingerprint,
                    "submission_id": claim.submission_id,
                    "created": True,
                    "bound_at": now,
                }
                for claim in sorted(claims, key=lambda claim: claim.key)
            ]
        )
        .returning(idempotency_keys.c.key)
    )
    bound = {claim.key for claim in claims} - {row.key for row in free}
    if not bound:
        return {}
    rows = connection.execute(
        select(idempotency_keys).where(
            idempotency_keys.c.organisation_id == organisation,
            idempotency_keys.c.application_id == scope.application,
            idempotency_keys.c.route == scope.route,
            idempotency_keys.c.key.in_(bound),
        )
    )
    return {row.key: row for row in rows}


def rebind_key(connection: Connection, key: bytes, scope: KeyScope, *, organisation: UUID, submission_id: UUID) -> None:
    """Bind a freshly claimed key to a form that was already there."""
    connection.execute(
        update(idempotency_keys)
        .where(
            idempotency_keys.c.organisation_id == organisation,
            idempotency_keys.c.application_id == scope.application,
            idempotency_keys.c.route == scope.route,
            idempotency_keys.c.key == key,
        )
        .values(submission_id=submission_id, created=False)
    )


def find_by_source(connection: Connection, sources: Sequence[Keyed], *, organisation: UUID) -> dict[bytes, AnyRow]:
    """Find forms by the digest of the sender's own ids."""
    if not sources:
        return {}
    rows = connection.execute(
        select(submissions.c.source, submissions.c.submission_id, submissions.c.content).where(
            submissions.c.organisation_id == organisation,
            submissions.c.source_key.in_({source.key_id for source in sources}),
            submissions.c.source.in_([source.digest for source in sources]),
        )
    )
    return {row.source: row for row in rows}


def insert_submission(
    connection: Connection,
    stored: StoredSubmission,
    *,
    organisation: UUID,
    application: UUID,
    content: bytes,
    source: Keyed | None,
    focus: tuple[int, ...] | None,
) -> None:
    """Write a form, its scores and its assessment."""
    row = _submission_row(stored) | {
        "organisation_id": organisation,
        "application_id": application,
        "content": content,
        "source_key": source.key_id if source else None,
        "source": source.digest if source else None,
        "focus": None if focus is None else list(focus),
    }
    connection.execute(insert(submissions).values(row))
    connection.execute(
        insert(scores),
        [_score_row(one, stored, position, organisation=organisation) for position, one in enumerate(stored.scores)],
    )
    connection.execute(
        insert(assessments).values(
            organisation_id=organisation,
            submission_id=stored.submission_id,
            change=to_document(stored.change),
            signals=[],
            stage=to_document(stored.stage),
            recommendations=to_document(stored.recommendations),
        )
    )


def load(connection: Connection, submission_ids: Sequence[UUID], *, organisation: UUID) -> dict[UUID, StoredSubmission]:
    """Read forms with their scores and assessments; ids that are not the organisation's are left out."""
    if not submission_ids:
        return {}
    forms = connection.execute(
        select(submissions, assessments.c.change, assessments.c.stage, assessments.c.recommendations)
        .join(
            assessments,
            (assessments.c.organisation_id == submissions.c.organisation_id)
            & (assessments.c.submission_id == submissions.c.submission_id),
        )
        .where(submissions.c.organisation_id == organisation, submissions.c.submission_id.in_(submission_ids))
    ).all()
    rows = connection.execute(
        select(scores)
        .where(scores.c.organisation_id == organisation, scores.c.submission_id.in_(submission_ids))
        .order_by(scores.c.submission_id, scores.c.position)
    )
    found: dict[UUID, list[StoredScore]] = {}
    for row in rows:
        found.setdefault(row.submission_id, []).append(StoredScore(score_id=row.score_id, score=_score(row)))
    return {row.submission_id: _stored(row, tuple(found[row.submission_id])) for row in forms}


def _stored(row: AnyRow, found: tuple[StoredScore, ...]) -> StoredSubmission:
    return StoredSubmission(
        submission_id=row.submission_id,
        client_id=row.client_id,
        therapist_id=row.therapist_id,
        episode_id=row.episode_id,
        session_number=row.session_number,
        rater=row.rater,
        instrument=_instrument(row),
        session_date=row.session_date,
        completed_at=row.completed_at,
        received_at=row.received_at,
        planned_sessions=row.planned_sessions,
        locale=row.locale,
        channel=row.channel,
        modality=row.modality,
        seen_by_therapist=row.seen_by_therapist,
        answers={ItemId(item): answer_from_document(answer) for item, answer in row.answers.items()},
        reported=Reported(
            rupture=row.reported_rupture,
            wish_to_talk=row.wish_to_talk,
            ending=row.ending,
            stage=row.reported_stage,
        ),
        supersedes=row.supersedes,
        scores=found,
        change=from_document(row.change, dict[str, Change]),
        stage=from_document(row.stage, StagePanel),
        recommendations=from_document(row.recommendations, tuple[Recommendation, ...]),
    )


def _instrument(row: AnyRow) -> InstrumentRef:
    return InstrumentRef(
        key=InstrumentKey(row.instrument), version=row.instrument_version, digest=row.instrument_digest
    )


def _submission_row(stored: StoredSubmission) -> dict[str, Any]:
    return {
        "submission_id": stored.submission_id,
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
        "reported_rupture": stored.reported.rupture,
        "wish_to_talk": stored.reported.wish_to_talk,
        "ending": stored.reported.ending,
        "reported_stage": stored.reported.stage,
        "supersedes": stored.supersedes,
    }


def _score_row(one: StoredScore, stored: StoredSubmission, position: int, *, organisation: UUID) -> dict[str, Any]:
    score = one.score
    numbers = ("value", "mean", "sum", "minimum", "maximum", "pomp", "prorated")
    return {
        "organisation_id": organisation,
        "score_id": one.score_id,
        "submission_id": stored.submission_id,
        "episode_id": stored.episode_id,
        "instrument": score.instrument.key,
        "rater": stored.rater,
        "session_number": stored.session_number,
        "component": score.component,
        "position": position,
        "instrument_version": score.instrument.version,
        "instrument_digest": score.instrument.digest,
        "scoring_version": score.scoring_version,
        **{name: getattr(score, name) if isinstance(score, Score) else None for name in numbers},
        "reason": score.reason if isinstance(score, NotScored) else None,
        "answered": score.answered,
        "items": score.items,
        "missing": list(score.missing),
        "not_applicable": list(score.not_applicable),
    }


def _score(row: AnyRow) -> AnyScore:
    if row.reason is not None:
        return NotScored(
            component=row.component,
            instrument=_instrument(row),
            scoring_version=row.scoring_version,
            reason=row.reason,
            answered=row.answered,
            items=row.items,
            missing=tuple(row.missing),
            not_applicable=tuple(row.not_applicable),
        )
    return Score(
        component=row.component,
        instrument=_instrument(row),
        scoring_version=row.scoring_version,
        value=row.value,
        mean=row.mean,
        sum=row.sum,
        minimum=row.minimum,
        maximum=row.maximum,
        pomp=row.pomp,
        answered=row.answered,
        items=row.items,
        prorated=row.prorated,
        missing=tuple(row.missing),
        not_applicable=tuple(row.not_applicable),
    )
