"""What is stored of an episode, read in few constant statements."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection, bindparam, select

from app.change.norms import Norm
from app.episodes.course import CourseForm, CourseState, StoredScore, rebuild
from app.episodes.norms import read_norms
from app.instruments.catalog import Catalog
from app.instruments.model import Answer, InstrumentKey, InstrumentRef, ItemId, answer_from_document
from app.scoring.score import AnyScore, NotScored, Score
from app.storage.apart import apart
from app.storage.dialects import in_both
from app.storage.tables import scores, submissions
from app.storage.types import AnyRow

_STATES = msgspec.json.Decoder(CourseState)
SCORE_NUMBERS = ("value", "mean", "sum", "minimum", "maximum", "pomp", "prorated")

_FORMS = (
    select(
        submissions.c.submission_id,
        submissions.c.session_number,
        submissions.c.instrument,
        submissions.c.instrument_version,
        submissions.c.rater,
        submissions.c.completed_at,
        submissions.c.content,
        submissions.c.answers,
        submissions.c.focus,
        submissions.c.planned_sessions,
        submissions.c.ending,
        submissions.c.reported_rupture,
        submissions.c.wish_to_talk,
        submissions.c.norm_id,
    )
    .where(
        submissions.c.organisation_id == bindparam("organisation"),
        submissions.c.episode_id == bindparam("episode_id"),
        submissions.c.session_number >= bindparam("from_session"),
        submissions.c.current,
    )
    .order_by(submissions.c.session_number, submissions.c.submission_id)
)
_SCORES = in_both(
    lambda among: (
        select(scores)
        .where(scores.c.organisation_id == bindparam("organisation"), among(scores.c.submission_id, "ids"))
        .order_by(scores.c.submission_id, scores.c.position)
    )
)


def read_forms(
    connection: Connection, catalog: Catalog, *, organisation: UUID, episode_id: UUID, from_session: int = 1
) -> list[CourseForm]:
    """Read an episode's current forms from a session on, without their scores."""
    sent = {"organisation": organisation, "episode_id": episode_id, "from_session": from_session}
    rows = list(connection.execute(_FORMS, sent))
    norms = read_norms(connection, {row.norm_id for row in rows if row.norm_id is not None}, organisation=organisation)
    return [_form(row, catalog, norms) for row in rows]


def read_scores(
    connection: Connection, submission_ids: Collection[UUID], *, organisation: UUID
) -> dict[UUID, tuple[StoredScore, ...]]:
    """Read the scores of some forms, in the order of their definitions."""
    found: dict[UUID, list[StoredScore]] = {submission_id: [] for submission_id in submission_ids}
    for row in connection.execute(
        _SCORES[connection.dialect.name], {"organisation": organisation, "ids": list(submission_ids)}
    ):
        found[row.submission_id].append(StoredScore(score_id=row.score_id, score=_score(row)))
    return {submission_id: tuple(rows) for submission_id, rows in found.items()}


def read_state(connection: Connection, catalog: Catalog, episode: AnyRow, *, organisation: UUID) -> CourseState | None:
    """Return what is kept of an episode, made from its forms where nothing is; None without any form."""
    kept = state_from(episode.course)
    if kept is not None:
        return kept
    forms = read_forms(connection, catalog, organisation=organisation, episode_id=episode.episode_id)
    found = read_scores(connection, [form.submission_id for form in forms], organisation=organisation)
    return apart(connection, lambda: rebuild(with_scores(forms, found)))[0]


def state_from(document: str | None) -> CourseState | None:
    """Read what is kept of an episode from the text of its document; None where other code wrote it."""
    if document is None:
        return None
    try:
        return _STATES.decode(document)
    except msgspec.ValidationError:
        return None


def with_scores(forms: Iterable[CourseForm], found: dict[UUID, tuple[StoredScore, ...]]) -> list[CourseForm]:
    """Put scores to their forms."""
    return [form.scored(found[form.submission_id]) for form in forms]


def instrument_of(row: AnyRow) -> InstrumentRef:
    """Read which definition a row names."""
    return InstrumentRef(
        key=InstrumentKey(row.instrument), version=row.instrument_version, digest=row.instrument_digest
    )


def answers_of(row: AnyRow) -> dict[ItemId, Answer]:
    """Read the answers of a form from its row."""
    return {ItemId(item): answer_from_document(answer) for item, answer in row.answers.items()}


def _form(row: AnyRow, catalog: Catalog, norms: Mapping[UUID, Norm]) -> CourseForm:
    return CourseForm(
        submission_id=row.submission_id,
        session_number=row.session_number,
        instrument=catalog.get(row.instrument, row.instrument_version),
        rater=row.rater,
        completed_at=row.completed_at,
        content=row.content,
        focus=None if row.focus is None else tuple(row.focus),
        planned_sessions=row.planned_sessions,
        ending=row.ending,
        rupture=bool(row.reported_rupture),
        wish_to_talk=bool(row.wish_to_talk),
        norm=norms[row.norm_id] if row.norm_id is not None else None,
        answers=answers_of(row),
        scores=(),
    )


def _score(row: AnyRow) -> AnyScore:
    shared: dict[str, Any] = {
        "component": row.component,
        "instrument": instrument_of(row),
        "scoring_version": row.scoring_version,
        "answered": row.answered,
        "items": row.items,
        "missing": tuple(row.missing),
        "not_applicable": tuple(row.not_applicable),
    }
    if row.reason is not None:
        return NotScored(**shared, reason=row.reason)
    return Score(**shared, **{name: getattr(row, name) for name in SCORE_NUMBERS})
