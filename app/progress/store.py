"""Reads of a client's episodes and scores in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from sqlalchemy import Connection, bindparam, select

from app.access.caller import Caller
from app.episodes.course import CourseState
from app.episodes.history import read_state, state_from
from app.episodes.identify import list_episodes
from app.episodes.told import Told, read_told, read_with_told
from app.errors import NotFound
from app.storage.runtime import Runtime
from app.storage.tables import scores, submissions
from app.storage.types import AnyRow

_OF_FORMS = (
    "submission_id", "session_number", "session_date", "completed_at", "instrument", "instrument_version", "rater",
    "norm_id", "seen_by_therapist",
)  # fmt: skip
_OF_SCORES = ("score_id", "component", "value", "mean", "pomp", "minimum", "maximum", "items", "reason")
_TRAJECTORY = (
    select(*(submissions.c[name] for name in _OF_FORMS), *(scores.c[name] for name in _OF_SCORES))
    .join(
        scores,
        (scores.c.organisation_id == submissions.c.organisation_id)
        & (scores.c.submission_id == submissions.c.submission_id),
    )
    .where(
        submissions.c.organisation_id == bindparam("organisation"),
        submissions.c.episode_id == bindparam("episode_id"),
        submissions.c.current,
        scores.c.organisation_id == bindparam("organisation"),
    )
    .order_by(submissions.c.rater, submissions.c.instrument, submissions.c.session_number, scores.c.position)
)


async def find_episode(runtime: Runtime, caller: Caller, *, client_id: UUID, episode_id: UUID | None) -> AnyRow:
    """Return an episode of a client that the caller may see, the latest unless one is named, or raise NotFound.

    Requests that wait for the database share the next look-up.
    """
    look_up = partial(_list_episodes, runtime, organisation=caller.organisation)
    found = await runtime.lanes.run("episodes", client_id, look_up, organisation=caller.organisation, most=64)
    seen = [
        one
        for one in found
        if caller.may_see(client_id=one.client_id, therapist_id=one.therapist_id)
        and episode_id in {None, one.episode_id}
    ]
    seen = await _known(runtime, caller, seen)
    if not seen:
        raise NotFound
    return seen[0]


async def _known(runtime: Runtime, caller: Caller, found: Sequence[AnyRow]) -> list[AnyRow]:
    """Keep the episodes that the caller may know of: of those where clients are told what is seen, a form is told."""
    ids = {one.episode_id for one in found if caller.sight_of(one.therapist_id).must_be_told}
    if not ids:
        return list(found)
    told = await runtime.database.read(
        lambda c: read_with_told(c, ids, organisation=caller.organisation), organisation=caller.organisation
    )
    return [one for one in found if one.episode_id not in ids or one.episode_id in told]


async def _list_episodes(runtime: Runtime, client_ids: Sequence[UUID], *, organisation: UUID) -> list[list[AnyRow]]:
    wanted = set(client_ids)
    found = await runtime.database.read(
        lambda c: list_episodes(c, wanted, organisation=organisation), organisation=organisation
    )
    return [found[client_id] for client_id in client_ids]


async def find_state(runtime: Runtime, caller: Caller, episode: AnyRow) -> CourseState | None:
    """Return what is kept of an episode, as far as it is for the caller's eyes; None while no form of it counts."""
    if caller.sight_of(episode.therapist_id).must_be_told:
        told = await find_told(runtime, caller, episode_id=episode.episode_id)
        if told is not None:
            return told.state
    kept = state_from(episode.course)
    if kept is not None:
        return kept
    return await runtime.database.read(
        lambda c: read_state(c, runtime.catalog, episode, organisation=caller.organisation),
        organisation=caller.organisation,
    )


async def find_told(runtime: Runtime, caller: Caller, *, episode_id: UUID) -> Told | None:
    """Count an episode anew from the forms that the therapist sees; None where that is everything."""
    return await runtime.database.read(
        lambda c: read_told(c, runtime.catalog, episode_id, organisation=caller.organisation),
        organisation=caller.organisation,
    )


def read_trajectory(connection: Connection, *, organisation: UUID, episode_id: UUID) -> list[AnyRow]:
    """Read every score of an episode's current forms, by rater, instrument and session."""
    sent = {"organisation": organisation, "episode_id": episode_id}
    return list(connection.execute(_TRAJECTORY, sent))


_SCORED_FORM = (
    select(
        submissions.c.submission_id,
        submissions.c.therapist_id,
        submissions.c.answers,
        submissions.c.rater,
        submissions.c.seen_by_therapist,
        submissions.c.session_number,
        scores.c.component,
        scores.c.instrument,
        scores.c.instrument_version,
        scores.c.instrument_digest,
        scores.c.scoring_version,
    )
    .join(
        scores,
        (scores.c.organisation_id == submissions.c.organisation_id)
        & (scores.c.submission_id == submissions.c.submission_id),
    )
    .where(
        submissions.c.organisation_id == bindparam("organisation"),
        submissions.c.client_id == bindparam("client_id"),
        scores.c.organisation_id == bindparam("organisation"),
        scores.c.score_id == bindparam("score_id"),
    )
)


def read_scored_form(connection: Connection, *, organisation: UUID, client_id: UUID, score_id: UUID) -> AnyRow | None:
    """Read the answers and the definition behind one score of a client."""
    sent = {"organisation": organisation, "client_id": client_id, "score_id": score_id}
    return connection.execute(_SCORED_FORM, sent).first()
