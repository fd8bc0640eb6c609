"""Where a client's episode stands now."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.episodes.course import by_session, clients_instrument
from app.episodes.history import read_client_levels, read_course
from app.episodes.identify import list_episodes
from app.errors import NotFound
from app.stages.panel import StagePanel, panel
from app.storage.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeStage:
    """The stage of one episode at its last session; None while no form of it is there."""

    client_id: UUID
    episode_id: UUID
    panel: StagePanel


async def stage(runtime: Runtime, caller: Caller, *, client_id: UUID, episode_id: UUID | None) -> EpisodeStage:
    """Return the stage of an episode, the client's latest unless one is named, or raise NotFound."""

    def work(connection: Connection) -> EpisodeStage:
        known = list_episodes(connection, organisation=caller.organisation, client_id=client_id)
        found = next((e.episode_id for e in known if episode_id in (None, e.episode_id)), None)
        if found is None:
            raise NotFound
        told = read_panel(connection, runtime, organisation=caller.organisation, episode_id=found)
        return EpisodeStage(client_id=client_id, episode_id=found, panel=told)

    return await runtime.database.read(work)


def read_panel(connection: Connection, runtime: Runtime, *, organisation: UUID, episode_id: UUID) -> StagePanel:
    """Estimate the stage of an episode from all of its forms."""
    course = read_course(connection, organisation=organisation, episode_id=episode_id)
    sessions = by_session(course)
    levels = read_client_levels(
        connection,
        course,
        runtime.catalog,
        leading=clients_instrument(course),
        episode_id=episode_id,
        organisation=organisation,
    )
    return panel(sessions, levels, at=sessions[-1].number)
