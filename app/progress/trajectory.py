"""The whole course of a client's scores in one episode, per instrument and rater."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from uuid import UUID

from app.access.caller import Caller
from app.progress.store import find_episode, read_trajectory
from app.storage.runtime import Runtime
from app.storage.types import AnyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One form of a series: value and POMP by component; None where it was not scored."""

    submission_id: UUID
    session_number: int
    session_date: date | None
    completed_at: datetime
    version: str
    values: dict[str, float | None]
    pomps: dict[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """All forms of one instrument by one rater, by session; `ranges` are those in which each was scored last."""

    instrument: str
    rater: str
    ranges: dict[str, tuple[float | None, float | None]]
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """The series of one episode; the raters stand side by side and are never averaged."""

    client_id: UUID
    episode_id: UUID
    series: tuple[Series, ...]


async def trajectory(runtime: Runtime, caller: Caller, *, client_id: UUID, episode_id: UUID | None) -> Trajectory:
    """Return every series of an episode, the client's latest unless one is named, or raise NotFound."""
    episode = await find_episode(runtime, caller, client_id=client_id, episode_id=episode_id)
    rows = await runtime.database.read(
        lambda c: read_trajectory(c, organisation=caller.organisation, episode_id=episode.episode_id)
    )
    lines = groupby(rows, key=lambda row: (row.rater, row.instrument))
    series = tuple(_series(list(found)) for (rater, _), found in lines if caller.may_read(rater))
    return Trajectory(client_id=client_id, episode_id=episode.episode_id, series=series)


def _series(rows: list[AnyRow]) -> Series:
    forms = [list(found) for _, found in groupby(rows, key=lambda row: row.submission_id)]
    return Series(
        instrument=rows[0].instrument,
        rater=rows[0].rater,
        ranges={row.component: (None, None) for row in rows}
        | {row.component: (row.minimum, row.maximum) for row in rows if row.reason is None},
        points=tuple(_point(form) for form in forms),
    )


def _point(rows: list[AnyRow]) -> Point:
    return Point(
        submission_id=rows[0].submission_id,
        session_number=rows[0].session_number,
        session_date=rows[0].session_date,
        completed_at=rows[0].completed_at,
        version=rows[0].instrument_version,
        values={row.component: row.value for row in rows},
        pomps={row.component: row.pomp for row in rows},
    )
