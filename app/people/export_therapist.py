"""Everything that is held about a therapist as a person, in portions; nothing of what clients said."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Final, Literal, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from app.access.organisation import settings_of
from app.access.store import find_person
from app.access.teams import Person
from app.access.visibility import Sight
from app.audit.log import Access, log
from app.episodes.told import read_with_told
from app.errors import ActingRequired, NotFound
from app.people import therapist_store
from app.signals.read import acknowledgement_of
from app.storage.events import place_in_subject
from app.storage.runtime import Runtime
from app.storage.types import AnyRow
from app.storage.vault import OrganisationVault
from app.submissions import store
from app.submissions.read import Fate
from app.submissions.stored import StoredSubmission

T = TypeVar("T")

#: How an entry of the log is about a therapist: they acted, a credential of theirs was used, or it names them.
Part = Literal["acting", "credential", "named"]
_START: Final = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedEpisode:
    """An episode with a therapist, and its sessions by number, each with its date where a form says one."""

    row: AnyRow
    sessions: dict[int, date | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TherapistExport:
    """What begins the export of a therapist. The rest follows in portions, each read when the one before was taken."""

    runtime: Runtime
    organisation: UUID
    therapist_id: UUID
    person: Person
    acts_as: str | None
    made_at: datetime
    created_at: datetime
    teams: tuple[AnyRow, ...]
    keys: tuple[AnyRow, ...]
    episodes: tuple[NamedEpisode, ...]

    async def forms(self) -> AsyncIterator[Fate]:
        """Go through the therapist's own forms in the order in which they came; comments stay sealed."""
        after = _START
        while found := await self._read(partial(self._forms, after=after)):
            for fate in found:
                yield fate
            after = found[-1].submission.submission_id

    async def acknowledgements(self) -> AsyncIterator[AnyRow]:
        """Go through the signals' acknowledgements that the therapist made."""
        after = (_START, _START)
        while found := await self._read(partial(self._acknowledgements, after=after)):
            for row, is_theirs in found:
                if is_theirs:
                    yield row
            after = (found[-1][0].signal_id, found[-1][0].acknowledgement_id)

    async def log(self) -> AsyncIterator[tuple[AnyRow, Part]]:
        """Go through the entries of the log that are about the therapist."""
        after = _START
        while found := await self._read(partial(self._entries, after=after)):
            for row, part in found:
                if part is not None:
                    yield row, part
            after = found[-1][0].event_id

    async def _read(self, work: Callable[[Connection], T]) -> T:
        return await self.runtime.database.read(work, organisation=self.organisation)

    def _forms(self, connection: Connection, *, after: UUID) -> list[Fate]:
        organisation = self.organisation
        ids = therapist_store.next_forms(connection, self.therapist_id, organisation=organisation, after=after)
        found = store.load(connection, ids, organisation=organisation, first=False)
        return [_fate(connection, found[one], organisation=organisation) for one in ids if one in found]

    def _acknowledgements(self, connection: Connection, *, after: tuple[UUID, UUID]) -> list[tuple[AnyRow, bool]]:
        if self.acts_as is None:
            return []
        vault = self.runtime.vault.of(connection, organisation=self.organisation)
        rows = therapist_store.next_acknowledgements(connection, after, organisation=self.organisation)
        return [(row, acknowledgement_of(row, vault).acting == self.acts_as) for row in rows]

    def _entries(self, connection: Connection, *, after: UUID) -> list[tuple[AnyRow, Part | None]]:
        organisation = self.organisation
        vault = self.runtime.vault.of(connection, organisation=organisation)
        rows = therapist_store.next_entries(connection, self.therapist_id, organisation=organisation, after=after)
        return [(row, self._part(row, vault)) for row in rows]

    def _part(self, row: AnyRow, vault: OrganisationVault) -> Part | None:
        """Say how an entry is about the therapist; of safety checks none is, whoever opened or was refused one."""
        subject = row.subject
        if "safe" in row.kind or "safe" in subject.get("operation", ""):
            return None
        sealed = subject.get("acting") if self.acts_as is not None else None
        if (
            sealed is not None
            and vault.open(b64decode(sealed), place_in_subject("acting", row.event_id)) == self.acts_as
        ):
            return "acting"
        if subject.get("bound_therapist_id") == str(self.therapist_id):
            return "credential"
        return "named" if subject.get("therapist_id") == str(self.therapist_id) else None


async def export_therapist(
    runtime: Runtime, *, organisation: UUID, person: Person, acting: str | None = None
) -> TherapistExport:
    """Begin the export of a therapist's own data, or raise NotFound; that it was made is an entry of the log.

    It is the organisation that gives it to the therapist. Where it wants to know who reads, `acting` has to be said.
    """
    work = partial(_begin, runtime, person, organisation=organisation, acting=acting)
    found = await runtime.database.read(work, organisation=organisation)
    access = Access(
        kind="access.read",
        application_id=None,
        operation="export_therapist",
        outcome="told",
        asked=(("therapist_id", found.therapist_id),),
        acting=acting,
    )
    await log(runtime, access, organisation=organisation)
    return found


def _begin(
    runtime: Runtime, person: Person, connection: Connection, *, organisation: UUID, acting: str | None
) -> TherapistExport:
    if acting is None and settings_of(connection, organisation=organisation).acting_required:
        raise ActingRequired
    reference = runtime.keys.reference("therapist", person.system or "", person.value, organisation=organisation)
    therapist = find_person(connection, "therapist", reference, organisation=organisation)
    if therapist is None:
        raise NotFound
    return TherapistExport(
        runtime=runtime,
        organisation=organisation,
        therapist_id=therapist,
        person=person,
        acts_as=_acts_as(connection, runtime, person, therapist, organisation=organisation),
        made_at=runtime.now(),
        created_at=therapist_store.read_therapist(connection, therapist, organisation=organisation).created_at,
        teams=tuple(therapist_store.read_teams(connection, therapist, organisation=organisation)),
        keys=tuple(therapist_store.read_keys(connection, therapist, organisation=organisation)),
        episodes=tuple(_episodes(connection, therapist, organisation=organisation)),
    )


def _acts_as(
    connection: Connection, runtime: Runtime, person: Person, therapist: UUID, *, organisation: UUID
) -> str | None:
    """Say under which id the log knows somebody; None where it may be another one's, whose acts must not be told.

    The log names people without a system: of two systems' therapists of the same value it can't be told who acted.
    """
    plain = runtime.keys.reference("therapist", "", person.value, organisation=organisation)
    if find_person(connection, "therapist", plain, organisation=organisation) not in {None, therapist}:
        return None
    vault = runtime.vault.of(connection, organisation=organisation)
    others = therapist_store.read_others(connection, therapist, organisation=organisation)
    is_shared = any(vault.open_therapist(row.therapist_id, row.sealed_reference)[1] == person.value for row in others)
    return None if is_shared else person.value


def _episodes(connection: Connection, therapist: UUID, *, organisation: UUID) -> list[NamedEpisode]:
    """Read the episodes with their sessions, those of which a therapist's key knows: the document is for the therapist.

    A client who kept every form from their therapist, or an episode that such a form opened, is not named in it.
    """
    sight, sessions = Sight(eyes="therapist"), dict[UUID, dict[int, date | None]]()
    for row in therapist_store.read_sessions(connection, therapist, organisation=organisation):
        if sight.sees_of("answers", rater=row.rater, told=row.seen_by_therapist):
            of_episode = sessions.setdefault(row.episode_id, {})
            of_episode[row.session_number] = of_episode.get(row.session_number) or row.session_date
    rows = therapist_store.read_episodes(connection, therapist, organisation=organisation)
    known = read_with_told(connection, [row.episode_id for row in rows], organisation=organisation)
    return [NamedEpisode(row=row, sessions=sessions.get(row.episode_id, {})) for row in rows if row.episode_id in known]


def _fate(connection: Connection, form: StoredSubmission, *, organisation: UUID) -> Fate:
    successor, withdrawal = None, None
    if not form.current:
        successor, withdrawal = store.read_fate(connection, form.submission_id, organisation=organisation)
    return Fate(submission=form, superseded_by=successor, withdrawal=withdrawal, comment=None)
