"""One attempt at the transaction of intake, made anew when it has to be run again.

Find what the digests name, lock the episodes in order, choose each form's place, take the forms in, write everything at
once. What somebody else writes in between is caught by the unique keys: the attempt is run again and finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection

from app.access.store import enabled
from app.episodes.course import CourseForm
from app.episodes.history import read_forms
from app.episodes.identify import Episode, choose, lock_episodes
from app.errors import (
    AllianceError,
    AlreadyExists,
    Fault,
    InstrumentNotEnabled,
    InvalidSubmission,
    KeyReused,
    NotCurrent,
    NotFound,
    SessionAlreadyRated,
    SourceConflict,
)
from app.storage.keyring import Keyed
from app.storage.runtime import Runtime
from app.submissions import store
from app.submissions.find import Found, Wanted, find
from app.submissions.open_episode import OpenEpisode
from app.submissions.prepare import Prepared
from app.submissions.stored import StoredSubmission, sees
from app.submissions.write import Made, People, Taken, episode_from, write


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A form that is stored: now, by an earlier request with this key (`replayed`), or under another key."""

    submission: StoredSubmission
    created: bool
    replayed: bool


Outcome = Recorded | AllianceError


class Refused(Exception):
    """Some forms can't be stored: roll back, so that nothing of them stays, and go on without them."""

    def __init__(self, errors: dict[int, AllianceError]) -> None:
        super().__init__()
        self.errors = errors


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A form that was there before this request."""

    submission_id: UUID
    created: bool
    replayed: bool


@dataclass(slots=True, kw_only=True)
class _Place:
    """Where a form goes: its people and its episode, and what it takes the place of."""

    client_id: UUID
    therapist_id: UUID
    episode: OpenEpisode
    instead_of: CourseForm | None = None


@dataclass(slots=True)
class _Episodes:
    """The locked episodes by client, the new ones too."""

    by_client: dict[UUID, list[OpenEpisode]] = field(default_factory=dict)

    def of(self, client_id: UUID) -> list[OpenEpisode]:
        return self.by_client.setdefault(client_id, [])

    def all(self) -> list[OpenEpisode]:
        return [one for found in self.by_client.values() for one in found]


class Intake:
    """Forms of one organisation on their way into the database."""

    def __init__(self, connection: Connection, runtime: Runtime, forms: Mapping[int, Prepared]) -> None:
        self._connection = connection
        self._runtime = runtime
        self._organisation = next(iter(forms.values())).caller.organisation
        self._forms = forms
        self._now = runtime.now()
        self._known: dict[int, _Known] = {}
        self._errors: dict[int, AllianceError] = {}
        self._targets: dict[UUID, StoredSubmission] = {}
        self._episodes = _Episodes()
        self._people = People(found=Found(), new_id=runtime.new_id)
        self._taken: dict[int, Taken] = {}
        self._by_source: dict[bytes, int] = {}

    def run(self) -> dict[int, Outcome]:
        """Run the attempt; raises Refused when any form can't be stored."""
        fresh = self._within_bounds(self._known_keys())
        fresh = self._known_ids(self._known_sources(fresh))
        self._check_enabled(fresh)
        if fresh and not self._errors:
            self._take_all(fresh)
        if self._errors:
            raise Refused(self._errors)
        stored = self._write()
        return self._outcomes(stored)

    def _known_keys(self) -> dict[int, Prepared]:
        """Look everything up; what is left to do are the forms whose keys are free."""
        forms = self._forms.values()
        wanted = Wanted(
            applications={form.caller.application for form in forms},
            routes={form.entry.route for form in forms},
            keys=[form.key for form in forms],
            sources=[form.source for form in forms if form.source is not None],
            clients=[form.sitting.client for form in forms],
            therapists=[form.sitting.therapist for form in forms],
        )
        found = find(self._connection, wanted, organisation=self._organisation)
        self._people = People(found=found, new_id=self._runtime.new_id)
        fresh = {}
        for index, form in self._forms.items():
            bound = found.keys.get(form.key)
            if bound is None:
                fresh[index] = form
            elif bound.fingerprint == form.fingerprint:
                self._known[index] = _Known(submission_id=bound.submission_id, created=bound.created, replayed=True)
            else:
                self._errors[index] = (
                    AlreadyExists(submission_id=str(bound.submission_id)) if form.entry.route == "put" else KeyReused()
                )
        return fresh

    def _within_bounds(self, fresh: dict[int, Prepared]) -> dict[int, Prepared]:
        """Take out the forms about others than the one whom a key opens: before anything is said about them."""
        found = self._people.found
        rest = {}
        for index, form in fresh.items():
            caller, sitting = form.caller, form.sitting
            wanted = (
                (caller.client_id, found.clients.get(sitting.client.digest)),
                (caller.therapist_id, found.therapists.get(sitting.therapist.digest)),
            )
            if all(bound in {None, person} for bound, person in wanted):
                rest[index] = form
            else:
                self._errors[index] = NotFound()
        return rest

    def _known_sources(self, fresh: dict[int, Prepared]) -> dict[int, Prepared]:
        """Take out the forms whose sender's own id is known; a correction may come under the id of what it corrects."""
        rest = {}
        for index, form in fresh.items():
            bound = self._people.found.sources.get(form.source.digest) if form.source is not None else None
            chain = self._chain(bound) if bound is not None else []
            same = next((one for one, content in chain if content == form.content), None)
            if bound is None or form.entry.corrects in {one for one, _ in chain}:
                rest[index] = form
            elif same is not None and form.entry.corrects is None:
                self._already_there(index, same)
            else:
                of_own = form.caller.is_unbound
                self._errors[index] = SourceConflict(submission_id=str(chain[-1][0]) if of_own else None)
        return rest

    def _chain(self, submission_id: UUID) -> list[tuple[UUID, bytes]]:
        """Follow a form to its corrections, the current one last; each with the digest of its content."""
        chain = []
        following: UUID | None = submission_id
        while following is not None:
            content = store.read_content(self._connection, following, organisation=self._organisation)
            chain.append((following, content))
            following, _ = store.read_fate(self._connection, following, organisation=self._organisation)
        return chain

    def _known_ids(self, fresh: dict[int, Prepared]) -> dict[int, Prepared]:
        """Take out the forms under an id of the sender's own that is taken; read what corrections are about."""
        ids = {f.submission_id for f in fresh.values() if f.entry.submission_id is not None}
        ids |= {f.entry.corrects for f in fresh.values() if f.entry.corrects is not None}
        self._targets = store.load(self._connection, ids, organisation=self._organisation)
        rest = {}
        for index, form in fresh.items():
            there = self._targets.get(form.submission_id)
            if form.entry.submission_id is None or there is None:
                rest[index] = form
            elif (
                store.read_content(self._connection, there.submission_id, organisation=self._organisation)
                == form.content
            ):
                self._already_there(index, there.submission_id)
            elif sees(form.caller, there):
                self._errors[index] = AlreadyExists(submission_id=str(there.submission_id))
            else:
                self._errors[index] = NotFound()
        return rest

    def _check_enabled(self, fresh: dict[int, Prepared]) -> None:
        guarded = {index: form.instrument.key for index, form in fresh.items() if form.instrument.needs_enabling}
        if guarded:
            allowed = enabled(self._connection, organisation=self._organisation)
            self._errors |= {index: InstrumentNotEnabled() for index, key in guarded.items() if key not in allowed}

    def _take_all(self, fresh: dict[int, Prepared]) -> None:
        self._lock(fresh)
        in_order = sorted(fresh, key=lambda i: (fresh[i].sitting.client.digest, *fresh[i].course_form.order, i))
        for index in in_order:
            try:
                self._take(index, fresh[index])
            except AllianceError as error:
                self._errors[index] = error

    def _lock(self, fresh: dict[int, Prepared]) -> None:
        known = self._people.found.clients
        clients = {known[f.sitting.client.digest] for f in fresh.values() if f.sitting.client.digest in known}
        clients |= {target.client_id for target in self._targets.values()}
        for row in lock_episodes(self._connection, clients, organisation=self._organisation):
            self._episodes.of(row.client_id).append(
                OpenEpisode(
                    self._connection,
                    self._runtime.catalog,
                    episode_from(row),
                    row,
                    organisation=self._organisation,
                )
            )
        for found in self._episodes.by_client.values():
            for one in found:
                one.beside([other.episode for other in found])

    def _take(self, index: int, form: Prepared) -> None:
        """Take one form in, unless the same form is already there."""
        place = self._place(form) if form.entry.corrects is None else self._correction(form, form.entry.corrects)
        course_form = form.course_form
        there = place.episode.at_place(course_form)
        replaced = place.instead_of.submission_id if place.instead_of is not None else None
        if there is not None and there.submission_id != replaced:
            if there.content != form.content or place.instead_of is not None:
                raise SessionAlreadyRated(submission_id=str(there.submission_id))
            self._already_there(index, there.submission_id)
            return
        if form.source is not None:
            first = self._by_source.setdefault(form.source.digest, index)
            if first != index:
                raise SourceConflict(submission_id=str(self._forms[first].submission_id))
        place.episode.take(course_form, instead_of=place.instead_of)
        self._taken[index] = Taken(
            form=form, client_id=place.client_id, therapist_id=place.therapist_id, episode=place.episode
        )

    def _place(self, form: Prepared) -> _Place:
        """Find the episode of a form, or open one."""
        sitting = form.sitting
        client_id = self._people.client(sitting.client)
        therapist_id = self._people.therapist(sitting.therapist)
        found_here = self._episodes.of(client_id)
        chosen = choose([one.episode for one in found_here], sitting, therapist_id=therapist_id)
        episode = next((one for one in found_here if one.episode is chosen), None)
        if episode is None:
            episode = self._open(sitting.episode, client_id=client_id, therapist_id=therapist_id)
            found_here.append(episode)
        return _Place(client_id=client_id, therapist_id=therapist_id, episode=episode)

    def _open(self, reference: Keyed | None, *, client_id: UUID, therapist_id: UUID) -> OpenEpisode:
        episode = Episode(
            episode_id=self._runtime.new_id(),
            client_id=client_id,
            therapist_id=therapist_id,
            reference=reference,
            opened_at=self._now,
        )
        return OpenEpisode(self._connection, self._runtime.catalog, episode, None, organisation=self._organisation)

    def _correction(self, form: Prepared, target_id: UUID) -> _Place:
        """Find what a correction takes the place of; it stays within the series of what it corrects."""
        target = self._targets.get(target_id)
        if target is None or not sees(form.caller, target):
            raise NotFound
        episode = next(
            one for one in self._episodes.of(target.client_id) if one.episode.episode_id == target.episode_id
        )
        found = self._people.found
        sitting = form.sitting
        faults = [
            Fault(pointer=pointer, code="differs_from_corrected")
            for pointer, differs in (
                ("/instrument", form.instrument.key != target.instrument.key),
                ("/rater", form.form.rater != target.rater),
                ("/client_ref", found.clients.get(sitting.client.digest) != target.client_id),
                ("/therapist_ref", found.therapists.get(sitting.therapist.digest) != target.therapist_id),
                ("/episode_ref", sitting.episode not in {None, episode.episode.reference}),
            )
            if differs
        ]
        if faults:
            raise InvalidSubmission(*faults)
        return _Place(
            client_id=target.client_id,
            therapist_id=target.therapist_id,
            episode=episode,
            instead_of=self._current(target),
        )

    def _current(self, target: StoredSubmission) -> CourseForm:
        """Read the form to correct anew, now that its episode is locked: it must still be the current one."""
        forms = read_forms(
            self._connection,
            self._runtime.catalog,
            organisation=self._organisation,
            episode_id=target.episode_id,
            from_session=target.session_number,
        )
        current = next((form for form in forms if form.submission_id == target.submission_id), None)
        if current is None or any(taken.form.entry.corrects == target.submission_id for taken in self._taken.values()):
            successor, _ = store.read_fate(self._connection, target.submission_id, organisation=self._organisation)
            raise NotCurrent(submission_id=str(successor) if successor is not None else None)
        return current

    def _already_there(self, index: int, submission_id: UUID) -> None:
        self._known[index] = _Known(submission_id=submission_id, created=False, replayed=False)

    def _write(self) -> dict[int, StoredSubmission]:
        made = Made(
            runtime=self._runtime,
            organisation=self._organisation,
            now=self._now,
            people=self._people,
            episodes=[one for one in self._episodes.all() if one.touched],
            taken=self._taken,
            keys={
                index: (self._forms[index], known.submission_id)
                for index, known in self._known.items()
                if not known.replayed
            },
        )
        return write(self._connection, made)

    def _outcomes(self, stored: dict[int, StoredSubmission]) -> dict[int, Outcome]:
        loaded = store.load(
            self._connection, {known.submission_id for known in self._known.values()}, organisation=self._organisation
        )
        now_there = {one.submission_id: one for one in stored.values()}
        outcomes: dict[int, Outcome] = {
            index: Recorded(submission=one, created=True, replayed=False) for index, one in stored.items()
        }
        for index, known in self._known.items():
            outcomes[index] = Recorded(
                submission=loaded.get(known.submission_id) or now_there[known.submission_id],
                created=known.created,
                replayed=known.replayed,
            )
        return outcomes
