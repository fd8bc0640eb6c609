"""The signals of an episode, with all that became of them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.episodes.signals import read_signal_changes, read_signals, signal_of
from app.episodes.told import read_told
from app.errors import NotFound
from app.progress.store import find_episode
from app.signals.life import Acknowledgement, LivingSignal, Turn, acting_place
from app.signals.store import read_acknowledgements
from app.storage.runtime import Runtime
from app.storage.types import AnyRow
from app.storage.vault import OrganisationVault


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeSignals:
    """All signals of one episode, by session."""

    client_id: UUID
    episode_id: UUID
    signals: tuple[LivingSignal, ...]


async def signals(runtime: Runtime, caller: Caller, *, client_id: UUID, episode_id: UUID | None) -> EpisodeSignals:
    """Return the signals of an episode, the client's latest unless one is named, or raise NotFound.

    They are for those who treat and supervise: a key of the client's own finds none.
    """
    episode = await find_episode(runtime, caller, client_id=client_id, episode_id=episode_id)
    if not caller.sight_of(episode.therapist_id).sees("signals"):
        raise NotFound
    organisation = caller.organisation

    def work(connection: Connection) -> tuple[LivingSignal, ...]:
        rows = read_signals(connection, organisation=organisation, episode_id=episode.episode_id)
        rows = seen_signals(connection, runtime, caller, rows, of=episode)
        return living(connection, rows, runtime.vault.of(connection, organisation=organisation))

    found = await runtime.database.read(work, organisation=organisation)
    return EpisodeSignals(client_id=client_id, episode_id=episode.episode_id, signals=found)


def seen_signals(
    connection: Connection, runtime: Runtime, caller: Caller, rows: list[AnyRow], *, of: AnyRow
) -> list[AnyRow]:
    """Keep the signals of an episode that rest on nothing but what is for the caller's eyes."""
    sight = caller.sight_of(of.therapist_id)
    rows = [row for row in rows if sight.sees_of("signals", rater=row.rater, told=None)]
    if not (sight.must_be_told and rows):
        return rows
    told = read_told(connection, runtime.catalog, of.episode_id, organisation=caller.organisation)
    return rows if told is None else [row for row in rows if told.signals.get(row.signal_id) == signal_of(row)]


def living(connection: Connection, rows: list[AnyRow], vault: OrganisationVault) -> tuple[LivingSignal, ...]:
    """Put their acknowledgements and their history to some signals."""
    organisation = vault.organisation
    ids = [row.signal_id for row in rows]
    seen = read_acknowledgements(connection, ids, organisation=organisation)
    turns = read_signal_changes(connection, ids, organisation=organisation)
    return tuple(
        LivingSignal(
            signal=signal_of(row),
            instrument=row.instrument,
            rater=row.rater,
            is_seen=row.acknowledged_at is not None,
            acknowledgements=tuple(acknowledgement_of(one, vault) for one in seen[row.signal_id]),
            history=tuple(_turn(one) for one in turns[row.signal_id]),
        )
        for row in rows
    )


def acknowledgement_of(row: AnyRow, vault: OrganisationVault) -> Acknowledgement:
    """Read an acknowledgement from its row; of those made before persons were sealed, `acting` is plain."""
    sealed = row.sealed_acting
    return Acknowledgement(
        acknowledgement_id=row.acknowledgement_id,
        application_id=row.application_id,
        acting=row.acting if sealed is None else vault.open(sealed, acting_place(row.acknowledgement_id)),
        reason=row.reason,
        acknowledged_at=row.acknowledged_at,
    )


def _turn(row: AnyRow) -> Turn:
    return Turn(
        state=row.state,
        level=row.level,
        closed_session=row.closed_session,
        because_of=row.because_of,
        changed_at=row.changed_at,
    )
