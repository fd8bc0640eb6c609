"""Episodes as the therapist sees them, where a client was not told that the therapist sees the answers.

Nothing that rests on such a form is told: what is said of the others is counted anew, as if it were not there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, bindparam, select

from app.access.visibility import OWN
from app.change.signal import Signal
from app.episodes.course import Assessment, CourseState, rebuild
from app.episodes.history import read_forms, read_scores, with_scores
from app.instruments.catalog import Catalog
from app.storage.dialects import in_both
from app.storage.tables import submissions

_UNTOLD = in_both(
    lambda among: (
        select(submissions.c.episode_id, submissions.c.submission_id)
        .where(
            submissions.c.organisation_id == bindparam("organisation"),
            among(submissions.c.episode_id, "ids"),
            submissions.c.seen_by_therapist.is_(False),
            submissions.c.rater.in_(sorted(OWN)),
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
    state, assessments = rebuild(with_scores(seen, scores))
    return Told(untold=untold, state=state, assessments=assessments)
