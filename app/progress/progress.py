"""A client's progress: the latest scores, a short series of totals, and the stage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.episodes.identify import list_episodes
from app.errors import NotFound
from app.progress.stage import read_panel
from app.progress.store import read_latest, read_totals
from app.stages.panel import StagePanel
from app.storage.runtime import Runtime
from app.storage.types import AnyRow

#: A phone shows a short series; the whole one is another resource.
SHORT_SERIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestScore:
    """One component of the latest form of a series."""

    score_id: UUID
    component: str
    value: float | None
    pomp: float | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series: an instrument and a rater, with the totals of the last sessions and the latest form in full."""

    instrument: str
    version: str
    rater: str
    minimum: float | None
    maximum: float | None
    sessions: tuple[int, ...]
    totals: tuple[float | None, ...]
    latest: tuple[LatestScore, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The latest episode of a client."""

    client_id: UUID
    episode_id: UUID
    opened_at: datetime
    ending: str | None
    last_session: int
    lines: tuple[Line, ...]
    stage: StagePanel


async def progress(runtime: Runtime, caller: Caller, *, client_id: UUID, episode_id: UUID | None) -> Progress:
    """Return the progress in an episode, the client's latest unless one is named, or raise NotFound."""

    def work(connection: Connection) -> Progress:
        known = list_episodes(connection, organisation=caller.organisation, client_id=client_id)
        episode = next((e for e in known if episode_id in (None, e.episode_id)), None)
        if episode is None:
            raise NotFound
        return _read(connection, runtime, episode, organisation=caller.organisation)

    return await runtime.database.read(work)


def _read(connection: Connection, runtime: Runtime, episode: AnyRow, *, organisation: UUID) -> Progress:
    totals = read_totals(connection, organisation=organisation, episode_id=episode.episode_id)
    series = [list(rows) for _, rows in groupby(totals, key=lambda row: (row.rater, row.instrument))]
    newest = read_latest(connection, [rows[-1].submission_id for rows in series], organisation=organisation)
    told = read_panel(connection, runtime, organisation=organisation, episode_id=episode.episode_id)
    return Progress(
        client_id=episode.client_id,
        episode_id=episode.episode_id,
        opened_at=episode.opened_at,
        ending=episode.ending,
        last_session=told.estimate.session_number,
        lines=tuple(_line(rows, [s for s in newest if s.submission_id == rows[-1].submission_id]) for rows in series),
        stage=told,
    )


def _line(rows: list[AnyRow], latest: list[AnyRow]) -> Line:
    scored = [row for row in rows if row.value is not None]
    short = rows[-SHORT_SERIES:]
    return Line(
        instrument=rows[-1].instrument,
        version=rows[-1].instrument_version,
        rater=rows[-1].rater,
        minimum=scored[-1].minimum if scored else None,
        maximum=scored[-1].maximum if scored else None,
        sessions=tuple(row.session_number for row in short),
        totals=tuple(row.value for row in short),
        latest=tuple(
            LatestScore(
                score_id=row.score_id,
                component=row.component,
                value=row.value,
                pomp=row.pomp,
                reason=row.reason,
            )
            for row in latest
        ),
    )
