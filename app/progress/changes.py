"""What happened since: the events about clients, by the number that the server gave them after they were committed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, get_args
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.access.visibility import Sight
from app.episodes.told import read_untold, read_with_told
from app.progress.changes_store import last_of, read_events, read_people, read_raters
from app.seeing.untold import untold
from app.storage.runtime import Runtime
from app.storage.seal import is_all_sealed, seal
from app.storage.types import AnyRow

#: What the feed tells. What operators do (keys, applications, instruments, teams) is not for those who sync clients; a
#: kind that is not here is told to nobody.
Told = Literal[
    "client.created",
    "client.erased",
    "episode.opened",
    "episode.ended",
    "episode.reopened",
    "episode.recomputed",
    "episode.scheduled",
    "submission.recorded",
    "submission.corrected",
    "submission.withdrawn",
    "signal.opened",
    "signal.closed",
    "signal.acknowledged",
]
TOLD: Final[tuple[Told, ...]] = get_args(Told)
#: What a client's own key is told: their forms, and that there is an episode with a schedule. Neither what the
#: therapist reported nor what was concluded.
TO_CLIENTS: Final[frozenset[str]] = frozenset(
    {
        "client.created",
        "episode.opened",
        "episode.scheduled",
        "submission.recorded",
        "submission.corrected",
        "submission.withdrawn",
    }
)
#: What a key is not told that sees a client's forms only where the client was told so: what an episode became by a form
#: does not name the form, and that may be one which this key must not know of.
CONCLUDED: Final[frozenset[str]] = frozenset({"episode.ended", "episode.reopened", "episode.recomputed"})
#: How many events of these kinds one request goes through at most: many are about others.
LOOKED_AT: Final = 1000
#: How many portions are sealed at most to find the end; what is older than that is told once more.
BACKLOG: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that happened, with the ids of what it happened to; those that don't apply are None."""

    sequence: int
    kind: Told
    recorded_at: datetime
    client_id: UUID
    episode_id: UUID | None
    submission_id: UUID | None
    supersedes: UUID | None
    signal_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """A part of the feed: where to go on, and whether there is more now.

    `next_after` is the number of an event of a kind that is told: one of another kind, as of a safety check, must not
    move it, for then everybody could see that there was one.
    """

    items: tuple[Change, ...]
    next_after: int
    more: bool


async def changes(runtime: Runtime, caller: Caller, *, after: int | None, limit: int) -> Changes:
    """Return what happened after a number that an earlier call gave; without one, nothing but where to begin.

    Events without a number get theirs here, in portions, when the end of those with one is reached.
    """
    organisation = caller.organisation
    if after is None:
        return Changes(items=(), next_after=await _end(runtime, organisation=organisation), more=False)

    def work(connection: Connection) -> tuple[Changes, bool]:
        found, is_end = _look(connection, caller, after=after, limit=limit)
        return found, is_end and not is_all_sealed(connection, organisation=organisation)

    found, is_behind = await runtime.database.read(work, organisation=organisation)
    with untold():  # what is not sealed yet may be the events of untold requests
        while is_behind:
            await _seal(runtime, organisation=organisation)
            found, is_behind = await runtime.database.read(work, organisation=organisation)
    return found


async def _end(runtime: Runtime, *, organisation: UUID) -> int:
    """Return the last number of what is told, once what is committed has one.

    Of a long backlog only a part is waited for.
    """

    def work(connection: Connection) -> tuple[int, bool]:
        last = last_of(connection, TOLD, organisation=organisation)
        return last, is_all_sealed(connection, organisation=organisation)

    last, is_end = await runtime.database.read(work, organisation=organisation)
    with untold():  # as above
        for _ in range(BACKLOG):
            if is_end:
                break
            await _seal(runtime, organisation=organisation)
            last, is_end = await runtime.database.read(work, organisation=organisation)
    return last


async def _seal(runtime: Runtime, *, organisation: UUID) -> None:
    await runtime.database.write(lambda c: seal(c, runtime, organisation=organisation), organisation=organisation)


def _look(connection: Connection, caller: Caller, *, after: int, limit: int) -> tuple[Changes, bool]:
    """Go through events until there are enough; say whether the end of those with a number was reached.

    Who is told of everybody needs few.
    """
    found, is_end = Changes(items=(), next_after=after, more=False), False
    for size in (limit, LOOKED_AT) if caller.is_unbound else (LOOKED_AT,):
        rows = read_events(connection, TOLD, organisation=caller.organisation, after=after, limit=size)
        is_end = len(rows) < size
        found = _part(connection, caller, rows, after=after, limit=limit, is_end=is_end)
        if found.items or is_end:
            break
    return found, is_end


def _part(
    connection: Connection, caller: Caller, rows: Sequence[AnyRow], *, after: int, limit: int, is_end: bool
) -> Changes:
    """Pick what the caller may see out of some events, up to the limit."""
    seen = [change for row in rows if (change := _change(row)) is not None]
    if not caller.is_unbound:
        seen = _within(connection, caller, seen)
    if len(seen) > limit:
        return Changes(items=tuple(seen[:limit]), next_after=seen[limit - 1].sequence, more=True)
    last = rows[-1].sequence if rows else after
    return Changes(items=tuple(seen), next_after=last, more=not is_end)


def _change(row: AnyRow) -> Change | None:
    """Read an event; None if it is none that is told, or says of nobody that it is about them."""
    kind = next((one for one in TOLD if one == row.kind), None)
    subject: Mapping[str, str] = row.subject
    if kind is None or "client_id" not in subject:
        return None

    def named(name: str) -> UUID | None:
        return UUID(subject[name]) if name in subject else None

    return Change(
        sequence=row.sequence,
        kind=kind,
        recorded_at=row.recorded_at,
        client_id=UUID(subject["client_id"]),
        episode_id=named("episode_id"),
        submission_id=named("submission_id"),
        supersedes=named("supersedes"),
        signal_id=named("signal_id"),
    )


def _within(connection: Connection, caller: Caller, found: Sequence[Change]) -> list[Change]:
    """Keep what a bound key opens: whose episode and whose form it is, is read from these, not from the event."""
    organisation = caller.organisation
    episodes = {c.episode_id for c in found if c.episode_id}
    people = read_people(connection, episodes, organisation=organisation)
    is_for_all = caller.client_id is None and caller.treats is None
    named = {one for c in found for one in (c.submission_id, c.supersedes) if one is not None}
    within = [change for change in found if _is_within(caller, change, people)]
    if is_for_all:
        return within
    sights = {one: caller.sight_of(therapist_id) for one, (_, therapist_id) in people.items()}
    raters = read_raters(connection, named, organisation=organisation)
    return [
        change
        for change in _as_told(connection, within, raters, sights, organisation=organisation)
        if change.submission_id is None or _is_for(_sight(sights, change), raters.get(change.submission_id))
    ]


def _as_told(
    connection: Connection,
    found: Sequence[Change],
    forms: Mapping[UUID, tuple[str, bool | None]],
    sights: Mapping[UUID, Sight],
    *,
    organisation: UUID,
) -> Iterator[Change]:
    """Leave out what tells of forms that the caller must not know of; what is not left out may not name them either.

    That is so in the episodes where clients are told what is seen; what happened in others stays.
    """
    some = {one for one, sight in sights.items() if sight.must_be_told}
    known = read_with_told(connection, some, organisation=organisation)
    hidden = read_untold(connection, some, organisation=organisation)
    for change in found:
        if change.episode_id not in some:
            yield change
            continue
        rests_on_hidden = change.signal_id is not None and change.episode_id in hidden
        if change.kind in CONCLUDED or change.episode_id not in known or rests_on_hidden:
            continue
        if change.supersedes is not None and not _is_for(_sight(sights, change), forms.get(change.supersedes)):
            yield replace(change, kind="submission.recorded", supersedes=None)
        else:
            yield change


def _sight(sights: Mapping[UUID, Sight], change: Change) -> Sight | None:
    """Say by which eyes a change is seen; one of no episode by nobody's, as far as it names a form."""
    return None if change.episode_id is None else sights.get(change.episode_id)


def _is_for(sight: Sight | None, form: tuple[str, bool | None] | None) -> bool:
    """Say whether a form's rater is for these eyes; one that is not there any more is for nobody's."""
    return sight is not None and form is not None and sight.sees_of("answers", rater=form[0], told=form[1])


def _is_within(caller: Caller, change: Change, people: Mapping[UUID, tuple[UUID, UUID]]) -> bool:
    if caller.client_id is not None:
        if change.kind not in TO_CLIENTS or change.client_id != caller.client_id:
            return False
        if change.episode_id is None:
            return caller.therapists is None
    if change.episode_id is None or change.episode_id not in people:
        return False
    client_id, therapist_id = people[change.episode_id]
    return client_id == change.client_id and caller.may_see(client_id=client_id, therapist_id=therapist_id)
