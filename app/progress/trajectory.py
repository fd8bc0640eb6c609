"""The whole course of a client's scores in one episode, per instrument and rater."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.access.visibility import Sight
from app.change.norms import Norm
from app.change.shape import Shape
from app.episodes.course import parameters_of, scale_of
from app.episodes.norms import read_norms
from app.instruments.catalog import Catalog
from app.progress.chart import BandPoint, Looked, band, shape_so_far
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
class Chart:
    """What is drawn over the totals of a series, for those who treat and supervise."""

    shape: Shape
    band: tuple[BandPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """All forms of one instrument by one rater, by session; `ranges` are those in which each was scored last."""

    instrument: str
    rater: str
    ranges: dict[str, tuple[float | None, float | None]]
    points: tuple[Point, ...]
    chart: Chart | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """The series of one episode; the raters stand side by side and are never averaged."""

    client_id: UUID
    episode_id: UUID
    series: tuple[Series, ...]


async def trajectory(runtime: Runtime, caller: Caller, *, client_id: UUID, episode_id: UUID | None) -> Trajectory:
    """Return every series of an episode, the client's latest unless one is named, or raise NotFound.

    A client's own key gets the series as they are: the chart over them is for those who treat.
    """
    episode = await find_episode(runtime, caller, client_id=client_id, episode_id=episode_id)
    organisation = caller.organisation

    def work(connection: Connection) -> tuple[list[AnyRow], dict[UUID, Norm]]:
        rows = read_trajectory(connection, organisation=organisation, episode_id=episode.episode_id)
        known = {row.norm_id for row in rows if row.norm_id is not None}
        return rows, read_norms(connection, known, organisation=organisation)

    rows, norms = await runtime.database.read(work, organisation=organisation)
    sight = caller.sight_of(episode.therapist_id)
    drawn = _Drawing(catalog=runtime.catalog, norms=norms, sight=sight)
    seen = [row for row in rows if sight.sees_of("scores", rater=row.rater, told=row.seen_by_therapist)]
    lines = groupby(seen, key=lambda row: (row.rater, row.instrument))
    series = tuple(_series(list(found), drawn) for _, found in lines)
    return Trajectory(client_id=client_id, episode_id=episode.episode_id, series=series)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawing:
    """What the chart of a series is made with."""

    catalog: Catalog
    norms: Mapping[UUID, Norm]
    sight: Sight

    def chart(self, forms: list[list[AnyRow]]) -> Chart | None:
        if not self.sight.sees_of("chart", rater=forms[0][0].rater, told=None):
            return None
        looked = [self._looked(form) for form in forms]
        return Chart(shape=shape_so_far(looked), band=band(looked))

    def _looked(self, rows: list[AnyRow]) -> Looked:
        first = rows[0]
        total = next((row for row in rows if row.component == "total"), None)
        instrument = self.catalog.get(first.instrument, first.instrument_version)
        norm = self.norms[first.norm_id] if first.norm_id is not None else None
        return Looked(
            session_number=first.session_number,
            mean=total.mean if total is not None else None,
            unit=total.items if total is not None and instrument.convention == "sum" else 1,
            scale=scale_of(instrument),
            parameters=parameters_of(instrument, norm),
        )


def _series(rows: list[AnyRow], drawn: _Drawing) -> Series:
    forms = [list(found) for _, found in groupby(rows, key=lambda row: row.submission_id)]
    return Series(
        instrument=rows[0].instrument,
        rater=rows[0].rater,
        ranges={row.component: (None, None) for row in rows}
        | {row.component: (row.minimum, row.maximum) for row in rows if row.reason is None},
        points=tuple(_point(form) for form in forms),
        chart=drawn.chart(forms),
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
