"""A client's progress: the latest scores, short series, open signals and the stage, as they are kept of the episode."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.access.caller import Caller
from app.access.visibility import Sight
from app.change.signal import Signal
from app.episodes.course import SeriesState
from app.progress.store import find_episode, find_state
from app.stages.panel import StagePanel
from app.storage.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One episode of a client. Without any form that counts there is no last session and no stage.

    Stage and signals, the most urgent first, are None for a client's own key.
    """

    client_id: UUID
    episode_id: UUID
    opened_at: datetime
    ending: str | None
    last_session: int | None
    lines: tuple[SeriesState, ...]
    open_signals: tuple[Signal, ...] | None
    stage: StagePanel | None


async def progress(runtime: Runtime, caller: Caller, *, client_id: UUID, episode_id: UUID | None) -> Progress:
    """Return the progress in an episode, the client's latest unless one is named, or raise NotFound."""
    episode = await find_episode(runtime, caller, client_id=client_id, episode_id=episode_id)
    state = await find_state(runtime, caller, episode)
    sight = caller.sight_of(episode.therapist_id)
    found = state.series.values() if state is not None else ()
    # What is kept was counted from told forms alone, where others are not for these eyes.
    lines = [line for line in found if sight.sees_of("scores", rater=line.rater, told=None)]
    lines.sort(key=lambda line: (line.rater, line.instrument))
    ended = state.ended if state is not None else None
    return Progress(
        client_id=episode.client_id,
        episode_id=episode.episode_id,
        opened_at=episode.opened_at,
        ending=ended.ending if ended is not None and sight.sees_of("ending", rater=ended.rater, told=None) else None,
        last_session=max((line.sessions[-1] for line in lines), default=None),
        lines=tuple(lines),
        open_signals=_by_urgency(lines, sight) if sight.sees("signals") else None,
        stage=state.panel if state is not None and sight.sees("stage") else None,
    )


def _by_urgency(lines: list[SeriesState], sight: Sight) -> tuple[Signal, ...]:
    """Gather the signals that are open: alerts first, then those that were opened last, then by series and rule."""
    seen = [line for line in lines if sight.sees_of("signals", rater=line.rater, told=None)]
    found = [one for line in seen for one in line.watch.open]
    return tuple(sorted(found, key=lambda one: (one.level != "alert", -one.opened_session)))
