"""Reads of a client's episodes and scores in SQL."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, select

from app.storage.tables import scores, submissions
from app.storage.types import AnyRow


def read_totals(connection: Connection, *, organisation: UUID, episode_id: UUID) -> list[AnyRow]:
    """Read the total of every form of an episode, in order of sessions."""
    return list(
        connection.execute(
            select(
                scores.c.submission_id,
                scores.c.instrument,
                scores.c.instrument_version,
                scores.c.rater,
                scores.c.session_number,
                scores.c.value,
                scores.c.minimum,
                scores.c.maximum,
                scores.c.pomp,
            )
            .where(
                scores.c.organisation_id == organisation,
                scores.c.episode_id == episode_id,
                scores.c.component == "total",
            )
            .order_by(scores.c.rater, scores.c.instrument, scores.c.session_number)
        )
    )


def read_latest(connection: Connection, submission_ids: list[UUID], *, organisation: UUID) -> list[AnyRow]:
    """Read all scores of some forms, in the order of their definitions."""
    return list(
        connection.execute(
            select(scores)
            .where(scores.c.organisation_id == organisation, scores.c.submission_id.in_(submission_ids))
            .order_by(scores.c.submission_id, scores.c.position)
        )
    )


def read_scored_form(connection: Connection, *, organisation: UUID, client_id: UUID, score_id: UUID) -> AnyRow | None:
    """Read the answers and the definition behind one score of a client."""
    return connection.execute(
        select(
            submissions.c.submission_id,
            submissions.c.answers,
            submissions.c.rater,
            submissions.c.session_number,
            scores.c.component,
            scores.c.instrument,
            scores.c.instrument_version,
            scores.c.instrument_digest,
            scores.c.scoring_version,
        )
        .join(
            scores,
            (scores.c.organisation_id == submissions.c.organisation_id)
            & (scores.c.submission_id == submissions.c.submission_id),
        )
        .where(
            submissions.c.organisation_id == organisation,
            submissions.c.client_id == client_id,
            scores.c.organisation_id == organisation,
            scores.c.score_id == score_id,
        )
    ).first()
