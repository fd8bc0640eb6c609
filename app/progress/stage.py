"""Where a client's episode stands now."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.access.caller import Caller
from app.errors import NotFound
from app.progress.store import find_episode, find_state
from app.stages.panel import StagePanel
from app.storage.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeStage:
    """The stage of one episode at its last session."""

    client_id: UUID
    episode_id: UUID
    panel: StagePanel


async def stage(runtime: Runtime, caller: Caller, *, client_id: UUID, episode_id: UUID | None) -> EpisodeStage:
    """Return the stage of an episode, the client's latest unless one is named, or raise NotFound.

    An episode without any form that counts has none, and a key of the client's own does not open it.
    """
    episode = await find_episode(runtime, caller, client_id=client_id, episode_id=episode_id)
    state = await find_state(runtime, caller, episode)
    if state is None or not caller.sight_of(episode.therapist_id).sees("stage"):
        raise NotFound
    return EpisodeStage(client_id=client_id, episode_id=episode.episode_id, panel=state.panel)
