"""Episodes as the therapist sees them, where a client was not told that the therapist sees the answers.

Nothing that rests on such a form is told: what is said of the others is counted anew, as if it were not there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, bindparam, not_, select
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from app.access.visibility import OWN
from app.change.signal import Signal
from app.episodes.course import Assessment, CourseState, rebuild
from app.episodes.history import read_forms, read_scores, with_scores
from app.instruments.catalog import Catalog
from app.storage.apart import apart
from app.storage.dialects import in_both
from app.storage.tables import submissions


def is_untold(form: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[bool]:
    """Say whether a form is one of which a client was told that the therapist does not see it."""
    return and_(form.rater.in_(sorted(OWN)), form.seen_by_therapist.is_(False))


_UNTOLD = in_both(
    lambda among: (
        select(submissions.c.episode_id, submissions.c.submission_id)
        .where(
            submissions.c.organisation_id == bindparam("organisation"),
            among(submissions.c.episode_id, "ids"),
            is_untold(submissions.c),
        )
        .order_by(submissions.c.submission_id)
    )
)


def read_untold(
    connection: Connection, episode_ids: Collection[UUID], *, organisation: UUID
) -> dict[UUID, frozenset[UUID]]:
    """Return, by episode, the forms of which a client was told that the therapist does not see them."""
    found: dict[UUID, set[UUID]] = {}
    if episode_ids:
        sent = {"organisation": organisation, "ids": list(episode_ids)}
        for row in connection.execute(_UNTOLD[connection.dialect.name], sent):
            found.setdefault(row.episode_id, set()).add(row.submission_id)
    return {episode_id: frozenset(forms) for episode_id, forms in found.items()}


_WITH_TOLD = in_both(
    lambda among: (
        select(submissions.c.episode_id)
        .distinct()
        .where(
            submissions.c.organisation_id == bindparam("organisation"),
            among(submissions.c.episode_id, "ids"),
            not_(is_untold(submissions.c)),
        )
    )
)


def read_with_told(connection: Connection, episode_ids: Collection[UUID], *, organisation: UUID) -> frozenset[UUID]:
    """Return the episodes that a therapist may know of: a form of them is told, whether it still counts or not."""
    if not episode_ids:
        return frozenset()
    sent = {"organisation": organisation, "ids": list(episode_ids)}
    return frozenset(connection.execute(_WITH_TOLD[connection.dialect.name], sent).scalars())


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An episode counted from the forms that the therapist sees; `untold` are the others."""

    untold: frozenset[UUID]
    state: CourseState | None
    assessments: dict[UUID, Assessment]

    @property
    def signals(self) -> dict[UUID, Signal]:
        """The signals that rest on these forms alone, as they stand now."""
        return {one.signal_id: one for told in self.assessments.values() for one in told.signals}


def read_told(connection: Connection, catalog: Catalog, episode_id: UUID, *, organisation: UUID) -> Told | None:
    """Count an episode anew from what the therapist sees; None where that is everything."""
    untold = read_untold(connection, [episode_id], organisation=organisation).get(episode_id)
    if untold is None:
        return None
    forms = read_forms(connection, catalog, organisation=organisation, episode_id=episode_id)
    seen = [form for form in forms if form.submission_id not in untold]
    scores = read_scores(connection, [form.submission_id for form in seen], organisation=organisation)
    state, assessments = apart(connection, lambda: rebuild(with_scores(seen, scores)))
    return Told(untold=untold, state=state, assessments=assessments)
