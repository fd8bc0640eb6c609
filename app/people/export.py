"""Everything that is held about a person, in portions: for the person, or for whoever answers them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.access.visibility import ActsAs, Sight, acting_as
from app.audit.opened import opened_for_client
from app.episodes.signals import read_signals
from app.errors import NotFound
from app.invitations.invitation import Status, status_of
from app.people.export_store import next_events, next_forms, read_episodes, read_invitations, read_keys
from app.people.store import is_held, read_client, read_consents
from app.signals.read import EpisodeSignals, living
from app.storage.runtime import Runtime
from app.storage.types import AnyRow
from app.storage.vault import OrganisationVault
from app.submissions import store
from app.submissions.read import Fate
from app.submissions.stored import StoredSubmission, comment_place

T = TypeVar("T")

#: A parent's forms are the parent's: they are exported by themselves, for the parent.
Of = ActsAs
_RATERS: Final[dict[Of, frozenset[str]]] = {
    "client": frozenset({"client", "therapist", "observer"}),
    "parent": frozenset({"parent"}),
}
#: Of the log a client's own key is told who had access, and what they stated; never that a signal was opened.
TO_CLIENTS: Final = ("access.", "consent.")
_START: Final = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedEpisode:
    """An episode, with what the organisation calls it and its therapist where that is known.

    How it ended is told if the reader sees that of whoever reported it.
    """

    row: AnyRow
    reference: str | None
    therapist: tuple[str, str] | None
    tells_ending: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedInvitation:
    """An invitation, and how it stood when the export began; its token is nowhere."""

    row: AnyRow
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedEntry:
    """An entry of the log, with the reason that somebody gave who broke the glass; who it was stays sealed."""

    row: AnyRow
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What begins an export. The rest follows in portions; each is read when the one before was taken."""

    runtime: Runtime
    caller: Caller
    client_id: UUID
    of: Of
    made_at: datetime
    reference: tuple[str, str] | None
    created_at: datetime
    is_held: bool
    consents: tuple[AnyRow, ...]
    episodes: tuple[ExportedEpisode, ...]
    invitations: tuple[ExportedInvitation, ...]
    keys: tuple[AnyRow, ...]

    @property
    def is_whole(self) -> bool:
        """Say whether all of it is for the caller: a client's own key gets what the client said and agreed to."""
        return _is_whole(self.caller, self.of)

    @property
    def sight(self) -> Sight:
        """By which eyes it is seen, all of it: it is no therapist's."""
        return _sight(self.caller, self.of)

    async def forms(self) -> AsyncIterator[Fate]:
        """Go through the forms in the order in which they came, as they are read back."""
        raters, after = _raters(self.caller, self.of), _START
        while found := await self._read(partial(self._fates, raters=raters, after=after)):
            for fate in found:
                yield fate
            after = found[-1].submission.submission_id

    async def signals(self) -> AsyncIterator[EpisodeSignals]:
        """Go through the signals, episode by episode."""
        for episode in self.episodes if self.is_whole else ():
            yield await self._read(partial(self._signals, episode_id=episode.row.episode_id))

    async def log(self) -> AsyncIterator[ExportedEntry]:
        """Go through the entries of the log that name the client: what happened, and who had access."""
        after = _START if self.of == "client" else None
        while after is not None:
            found, after = await self._read(partial(self._entries, after=after))
            for one in found:
                if self.is_whole or one.row.kind.startswith(TO_CLIENTS):
                    yield one

    async def _read(self, work: Callable[[Connection], T]) -> T:
        return await self.runtime.database.read(work, organisation=self.caller.organisation)

    def _fates(self, connection: Connection, *, raters: list[str], after: UUID) -> list[Fate]:
        organisation = self.caller.organisation
        episode_ids = [one.row.episode_id for one in self.episodes]
        ids = next_forms(connection, episode_ids, raters, organisation=organisation, after=after) if episode_ids else []
        found = store.load(connection, ids, organisation=organisation, first=False)
        vault = self.runtime.vault.of(connection, organisation=organisation)
        return [_fate(connection, found[one], vault) for one in ids if one in found]

    def _entries(self, connection: Connection, *, after: UUID) -> tuple[list[ExportedEntry], UUID | None]:
        organisation = self.caller.organisation
        vault = self.runtime.vault.of(connection, organisation=organisation)
        rows, go_on = next_events(connection, self.client_id, organisation=organisation, after=after)
        return [
            ExportedEntry(row=row, reason=opened_for_client("access_reason", row, vault) if self.is_whole else None)
            for row in rows
        ], go_on

    def _signals(self, connection: Connection, *, episode_id: UUID) -> EpisodeSignals:
        organisation = self.caller.organisation
        rows = read_signals(connection, organisation=organisation, episode_id=episode_id)
        told = living(connection, rows, self.runtime.vault.of(connection, organisation=organisation))
        return EpisodeSignals(client_id=self.client_id, episode_id=episode_id, signals=told)


async def export(runtime: Runtime, caller: Caller, *, client_id: UUID, of: Of | None) -> Export:
    """Begin the export of a client's data, or raise NotFound; it is of whom the caller is, unless somebody is named.

    It is for the organisation's own systems, and for a key that opens this client only, as the client or as a parent:
    each gets their own, and the other's is absent. No therapist's key gets one. Safety checks are no part of it.
    """
    of = of or caller.acts_as
    if caller.therapists is not None or caller.client_id not in {None, client_id} or not caller.may_send(of):
        raise NotFound
    work = partial(_begin, runtime, caller, client_id=client_id, of=of)
    return await runtime.database.read(work, organisation=caller.organisation)


def _begin(runtime: Runtime, caller: Caller, connection: Connection, *, client_id: UUID, of: Of) -> Export:
    organisation = caller.organisation
    client = read_client(connection, client_id, organisation=organisation)
    if client is None:
        raise NotFound
    vault = runtime.vault.of(connection, organisation=organisation)
    sealed, rows = client.sealed_reference, read_episodes(connection, client_id, organisation=organisation)
    sight, now = _sight(caller, of), runtime.now()
    invited = read_invitations(connection, client_id, _raters(caller, of), organisation=organisation)
    keys = read_keys(connection, client_id, organisation=organisation)
    return Export(
        runtime=runtime,
        caller=caller,
        client_id=client_id,
        of=of,
        made_at=now,
        reference=None if sealed is None else vault.open_client(client_id, sealed),
        created_at=client.created_at,
        is_held=is_held(connection, client_id, organisation=organisation),
        consents=tuple(read_consents(connection, client_id, organisation=organisation)) if of == "client" else (),
        episodes=tuple(_episode(row, vault, sight) for row in rows),
        invitations=tuple(ExportedInvitation(row=row, status=status_of(row, now)) for row in invited),
        keys=tuple(row for row in keys if acting_as(row.acts_as) == of),
    )


def _sight(caller: Caller, of: Of) -> Sight:
    return Sight(eyes=caller.eyes if _is_whole(caller, of) else of)


def _raters(caller: Caller, of: Of) -> list[str]:
    """Name whose forms an export holds: of a client's own key the client's, or a parent's for the parent."""
    return [rater for rater in sorted(_RATERS[of]) if caller.may_send(rater)]


def _is_whole(caller: Caller, of: Of) -> bool:
    return caller.client_id is None and of == "client"


def _episode(row: AnyRow, vault: OrganisationVault, sight: Sight) -> ExportedEpisode:
    sealed, therapist = row.sealed_reference, row.sealed_therapist
    return ExportedEpisode(
        row=row,
        reference=None if sealed is None else vault.open_episode(row.client_id, row.episode_id, sealed),
        therapist=None if therapist is None else vault.open_therapist(row.therapist_id, therapist),
        tells_ending=row.ended_by is not None and sight.sees_of("ending", rater=row.ended_by, told=None),
    )


def _fate(connection: Connection, form: StoredSubmission, vault: OrganisationVault) -> Fate:
    successor, withdrawal, comment = None, None, None
    if not form.current:
        successor, withdrawal = store.read_fate(connection, form.submission_id, organisation=vault.organisation)
    if form.sealed_comment is not None:
        comment = vault.open_for(form.client_id, form.sealed_comment, comment_place(form.submission_id))
    return Fate(submission=form, superseded_by=successor, withdrawal=withdrawal, comment=comment)
