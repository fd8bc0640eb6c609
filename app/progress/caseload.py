"""The caseload: open episodes, those that need attention first. Clients are in an order, therapists never."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args
from uuid import UUID

from app.access.caller import Caller
from app.errors import NotFound
from app.progress.caseload_store import FIRST, MISSING, NONE, Asked, Place, read_caseload
from app.progress.caseload_words import Why, why_of
from app.progress.schedule import next_expected
from app.storage.cursor import make_cursor, read_cursor
from app.storage.runtime import Runtime
from app.storage.types import AnyRow

Attention = Literal["alert", "watch", "missing_form", "acknowledged", "none"]
STATES: Final[tuple[Attention, ...]] = get_args(Attention)
#: One state, or all that ask for somebody to do something.
Wanted = Literal["alert", "watch", "missing_form", "acknowledged", "none", "needs_attention"]

_EVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One open episode: what it asks for, and the one reason why."""

    client_id: UUID
    episode_id: UUID
    therapist_id: UUID
    attention: Attention
    why: Why
    signal_id: UUID | None
    last_session: int | None
    last_completed_at: datetime | None
    next_expected_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caseload:
    """A page of the caseload as it stood at a time, and where the next one begins."""

    as_of: datetime
    cases: tuple[Case, ...]
    next_cursor: str | None


async def caseload(
    runtime: Runtime,
    caller: Caller,
    *,
    therapist_id: UUID | None,
    state: Wanted | None,
    limit: int,
    cursor: str | None,
) -> Caseload:
    """Read a page of what the caller may see; a key of the client's own finds no caseload at all.

    The pages of one walk show one moment: a form becomes missing, and a signal is opened, closed or looked at, for the
    next walk only. A therapist outside what the key opens has no cases, as one whom nobody knows.
    """
    if not caller.sees("caseload"):
        raise NotFound
    question = ("caseload", str(therapist_id), str(state))
    organisation = caller.organisation
    as_of, after = runtime.now(), FIRST
    if cursor is not None:
        micros, rank, since, episode_id = read_cursor(
            runtime.keys, cursor, tuple[int, int, int, UUID], question=question, organisation=organisation
        )
        as_of, after = _EPOCH + timedelta(microseconds=micros), Place(rank=rank, since=since, episode_id=episode_id)
    lowest, highest = _ranks(state)
    asked = Asked(
        as_of=as_of,
        # Clocks of two servers differ a little: the first page hides no signal for that.
        opened_by=_EVER if cursor is None else as_of,
        lowest=lowest,
        highest=highest,
        therapists=_therapists(caller, therapist_id),
        told_of=caller.treats,
        after=after,
        limit=limit + 1,
    )
    rows = await runtime.database.read(
        lambda c: read_caseload(c, asked, organisation=organisation), organisation=organisation
    )
    following = None
    if len(rows) > limit:
        last = rows[limit - 1]
        place = ((as_of - _EPOCH) // timedelta(microseconds=1), last.rank, last.since, last.episode_id)
        following = make_cursor(runtime.keys, place, question=question, organisation=organisation)
    return Caseload(as_of=as_of, cases=tuple(_case(row) for row in rows[:limit]), next_cursor=following)


def _ranks(state: Wanted | None) -> tuple[int, int]:
    if state is None:
        return 0, NONE
    if state == "needs_attention":
        return 0, MISSING
    rank = STATES.index(state)
    return rank, rank


def _therapists(caller: Caller, wanted: UUID | None) -> frozenset[UUID] | None:
    """Take the therapists that are asked for out of those whom the key opens; None: all of the organisation."""
    if wanted is None:
        return caller.therapists
    return frozenset({wanted}) if caller.therapists is None else caller.therapists & {wanted}


def _case(row: AnyRow) -> Case:
    state = STATES[row.rank]
    is_signal = state not in {"missing_form", "none"}
    return Case(
        client_id=row.client_id,
        episode_id=row.episode_id,
        therapist_id=row.therapist_id,
        attention=state,
        why=why_of(state, rule=row.rule, session=row.opened_session),
        signal_id=row.signal_id if is_signal else None,
        last_session=row.last_session,
        last_completed_at=row.last_completed_at,
        next_expected_at=next_expected(row),
    )
