"""What is already stored of an episode, read in a few narrow statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, func, select

from app.change.since import Earlier
from app.episodes.course import CourseForm
from app.instruments.catalog import Catalog
from app.instruments.model import Rater
from app.stages.criteria import Level, level
from app.storage.tables import scores, submissions

# The criteria look at the first three and the last two forms with a bond level; a few more, since some have none.
_EARLY, _LATEST = 6, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line of scores: an episode, an instrument and a rater."""

    episode_id: UUID
    instrument: str
    rater: Rater


def read_course(connection: Connection, *, organisation: UUID, episode_id: UUID) -> list[CourseForm]:
    """Read the episode's forms in the order they were received."""
    rows = connection.execute(
        select(
            submissions.c.submission_id,
            submissions.c.session_number,
            submissions.c.instrument,
            submissions.c.instrument_version,
            submissions.c.rater,
            submissions.c.content,
            submissions.c.received_at,
            submissions.c.focus,
            submissions.c.planned_sessions,
            submissions.c.ending,
            submissions.c.reported_rupture,
        )
        .where(submissions.c.organisation_id == organisation, submissions.c.episode_id == episode_id)
        .order_by(submissions.c.received_at, submissions.c.submission_id)
    )
    return [
        CourseForm(
            submission_id=row.submission_id,
            session_number=row.session_number,
            instrument=row.instrument,
            instrument_version=row.instrument_version,
            rater=row.rater,
            content=row.content,
            received_at=row.received_at,
            focus=None if row.focus is None else tuple(row.focus),
            planned_sessions=row.planned_sessions,
            ending=row.ending,
            rupture=bool(row.reported_rupture),
        )
        for row in rows
    ]


def read_ends(connection: Connection, series: Series, *, organisation: UUID) -> dict[str, tuple[Earlier, Earlier]]:
    """Read, for each component, the first and the last session of a series in which it was scored."""
    of_series = (
        scores.c.organisation_id == organisation,
        scores.c.episode_id == series.episode_id,
        scores.c.instrument == series.instrument,
        scores.c.rater == series.rater,
        scores.c.value.is_not(None),
    )
    ends = (
        select(
            scores.c.component,
            func.min(scores.c.session_number).label("first"),
            func.max(scores.c.session_number).label("last"),
        )
        .where(*of_series)
        .group_by(scores.c.component)
        .subquery()
    )
    rows = connection.execute(
        select(scores.c.component, scores.c.session_number, scores.c.value, scores.c.pomp)
        .join(ends, ends.c.component == scores.c.component)
        .where(*of_series, scores.c.session_number.in_((ends.c.first, ends.c.last)))
        .order_by(scores.c.component, scores.c.session_number)
    )
    found: dict[str, list[Earlier]] = {}
    for row in rows:
        earlier = Earlier(session_number=row.session_number, value=row.value, pomp=row.pomp)
        found.setdefault(row.component, []).append(earlier)
    return {component: (both[0], both[-1]) for component, both in found.items()}


def read_client_levels(
    connection: Connection,
    course: Sequence[CourseForm],
    catalog: Catalog,
    *,
    leading: CourseForm | None,
    episode_id: UUID,
    organisation: UUID,
) -> list[Level]:
    """Read how high the facets stood on the client's early and latest stored forms, in order.

    The series is the client's own, of the instrument of the `leading` form; without one there are no levels.
    """
    if leading is None:
        return []
    instrument = catalog.get(leading.instrument, leading.instrument_version)
    own = sorted(f.session_number for f in course if f.rater == "client" and f.instrument == leading.instrument)
    wanted = sorted({*own[:_EARLY], *own[-_LATEST:]})
    rows = connection.execute(
        select(scores.c.session_number, scores.c.component, scores.c.pomp).where(
            scores.c.organisation_id == organisation,
            scores.c.episode_id == episode_id,
            scores.c.instrument == leading.instrument,
            scores.c.rater == "client",
            scores.c.component.in_([c.key for c in instrument.components if c.facets]),
            scores.c.session_number.in_(wanted),
            scores.c.pomp.is_not(None),
        )
    )
    pomps: dict[int, dict[str, float]] = {session: {} for session in wanted}
    for row in rows:
        pomps[row.session_number][row.component] = row.pomp
    return [level(session, pomps[session], instrument.components) for session in wanted]
