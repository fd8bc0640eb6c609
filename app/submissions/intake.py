"""One attempt at the transaction of intake, made anew when it has to be run again.

Sort the forms out, lock the clients' episodes, choose each form's place, take the forms in, write everything at once.
What somebody else writes in between is caught by the unique keys: the attempt is run again and finds it. Whatever goes
wrong with a form or an episode is told of the forms it concerns, since other callers' forms may be in the attempt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.episodes.course import CourseForm
from app.episodes.identify import Episode, choose
from app.episodes.named import check_named
from app.episodes.norms import read_norms
from app.errors import (
    AllianceError,
    EpisodeTherapistMismatch,
    ErasedMeanwhile,
    Fault,
    InvalidSubmission,
    LaterEpisodeOpen,
    NotCurrent,
    NotFound,
    SessionAlreadyRated,
    SourceConflict,
)
from app.storage.keyring import Keyed
from app.storage.runtime import Runtime
from app.submissions import store
from app.submissions.open_episode import Finished, OpenEpisode, open_episodes
from app.submissions.prepare import Prepared
from app.submissions.read import is_told, not_current
from app.submissions.sort_out import sort_out
from app.submissions.stored import StoredSubmission, sees
from app.submissions.write import Made, People, Taken, write


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


@dataclass(slots=True, kw_only=True)
class _Place:
    """Where a form goes: its people and its episode, and what it takes the place of."""

    client_id: UUID
    therapist_id: UUID
    episode: OpenEpisode
    instead_of: CourseForm | None = None


class Intake:
    """Forms of one organisation on their way into the database."""

    def __init__(self, connection: Connection, runtime: Runtime, forms: Mapping[int, Prepared]) -> None:
        self._connection = connection
        self._runtime = runtime
        self._organisation = next(iter(forms.values())).caller.organisation
        self._forms = forms
        self._now = runtime.now()
        self._sorted = sort_out(connection, forms, organisation=self._organisation)
        self._people = People(found=self._sorted.found, new_id=runtime.new_id)
        self._norms = {
            (norm.instrument, norm.instrument_version, norm.rater): norm
            for norm in read_norms(connection, self._sorted.found.norms, organisation=self._organisation).values()
        }
        self._episodes: dict[UUID, list[OpenEpisode]] = {}  # by client, the new ones too
        self._taken: dict[int, Taken] = {}
        self._sources: dict[bytes, UUID] = {}  # of this attempt

    def run(self) -> dict[int, Outcome]:
        """Run the attempt; raises Refused when any form can't be stored."""
        self._refuse(self._sorted.errors)
        self._lock()
        errors: dict[int, AllianceError] = {}
        for index in sorted(self._sorted.fresh, key=self._turn):
            try:
                self._take(index, self._forms[index])
            except AllianceError as error:
                errors[index] = error
        self._refuse(errors)
        finished = self._finish()
        self._refuse(self._go_along())
        return self._outcomes(self._write(finished))

    def _refuse(self, errors: dict[int, AllianceError]) -> None:
        if errors:
            raise Refused(errors)

    def _turn(self, index: int) -> tuple[object, ...]:
        """Say when a form is taken: in the order of completion, so that an ending is known to what comes after it."""
        form = self._forms[index]
        return (form.sitting.client.digest, form.sitting.completed_at, form.course_form.order, index)

    def _lock(self) -> None:
        known = self._sorted.found.clients
        digests = [form.sitting.client.digest for form in self._sorted.fresh.values()]
        clients = {known[digest] for digest in digests if digest in known}
        clients |= {target.client_id for target in self._sorted.targets.values()}
        self._episodes = open_episodes(
            self._connection, self._runtime.catalog, clients, organisation=self._organisation
        )

    def _take(self, index: int, form: Prepared) -> None:
        """Take one form in, unless the same form is already there."""
        place = self._place(form) if form.entry.corrects is None else self._correction(form, form.entry.corrects)
        course_form = self._with_norm(form.course_form, instead_of=place.instead_of)
        there = place.episode.at_place(course_form)
        if there is not None and there is not place.instead_of:
            told = self._is_told(form.caller, there.submission_id)
            if there.content != form.content or place.instead_of is not None or not told:
                raise SessionAlreadyRated(submission_id=str(there.submission_id), told=told)
            self._reserve(form, there.submission_id)
            self._sorted.there(index, there.submission_id)
            return
        self._reserve(form, form.submission_id)
        place.episode.take(course_form, instead_of=place.instead_of)
        self._taken[index] = Taken(
            form=form,
            client_id=place.client_id,
            therapist_id=place.therapist_id,
            episode=place.episode,
            norm=course_form.norm,
        )

    def _is_told(self, caller: Caller, submission_id: UUID) -> bool:
        """Say whether the caller may know of a form, of this attempt or stored before."""
        taken = next((t for t in self._taken.values() if t.form.submission_id == submission_id), None)
        if taken is not None:
            sight, form = caller.sight_of(taken.therapist_id), taken.form.form
            return sight.sees_of("answers", rater=form.rater, told=form.seen_by_therapist)
        return is_told(self._connection, caller, submission_id)

    def _with_norm(self, form: CourseForm, *, instead_of: CourseForm | None) -> CourseForm:
        """Hold a form against the norm that is active for its instrument, version and rater now, for good.

        A correction is held against what it corrects was held against: mending a slip switches no norm.
        """
        norm = self._norms.get((form.instrument.key, form.instrument.version, form.rater))
        if instead_of is not None and instead_of.instrument.version == form.instrument.version:
            norm = instead_of.norm
        return form if norm is None else replace(form, norm=norm)

    def _reserve(self, form: Prepared, submission_id: UUID) -> None:
        """Keep the sender's own id of a form for one form of this attempt."""
        if form.source is not None:
            first = self._sources.setdefault(form.source.own.digest, submission_id)
            if first != submission_id:
                raise SourceConflict(submission_id=str(first), told=form.caller.is_unbound)

    def _place(self, form: Prepared) -> _Place:
        """Find the episode of a form, or open one."""
        sitting = form.sitting
        client_id = self._people.client(sitting.client)
        therapist_id = self._people.therapist(sitting.therapist)
        beside = self._episodes.setdefault(client_id, [])
        try:
            chosen = choose([one.episode for one in beside], sitting, therapist_id=therapist_id)
        except EpisodeTherapistMismatch:
            if form.caller.is_unbound:
                raise
            raise NotFound from None
        episode = next((one for one in beside if one.episode is chosen), None)
        if episode is None:
            self._check_therapist(form.caller, beside, client_id=client_id, therapist_id=therapist_id)
            episode = self._open(sitting.episode, beside, client_id=client_id, therapist_id=therapist_id)
            beside.append(episode)
        return _Place(client_id=client_id, therapist_id=therapist_id, episode=episode)

    def _check_therapist(
        self, caller: Caller, beside: list[OpenEpisode], *, client_id: UUID, therapist_id: UUID
    ) -> None:
        """Let a client's own key begin with nobody new; a form of this attempt may have begun with somebody already."""
        if all(one.episode.therapist_id != therapist_id for one in beside):
            begun = frozenset(one.episode.therapist_id for one in beside)
            check_named(self._connection, caller, client_id=client_id, therapist_id=therapist_id, begun=begun)

    def _open(
        self, reference: Keyed | None, beside: list[OpenEpisode], *, client_id: UUID, therapist_id: UUID
    ) -> OpenEpisode:
        episode = Episode(
            episode_id=self._runtime.new_id(),
            client_id=client_id,
            therapist_id=therapist_id,
            reference=reference,
            opened_at=self._now,
        )
        return OpenEpisode(
            self._connection,
            self._runtime.catalog,
            episode,
            beside,
            course=None,
            is_new=True,
            organisation=self._organisation,
        )

    def _correction(self, form: Prepared, target_id: UUID) -> _Place:
        """Find what a correction takes the place of; it stays within the series of what it corrects."""
        target = self._sorted.targets.get(target_id)
        if target is None or not sees(form.caller, target):
            raise NotFound
        episode = next(one for one in self._episodes[target.client_id] if one.episode.episode_id == target.episode_id)
        self._check_series(form, target, episode.episode)
        return _Place(
            client_id=target.client_id,
            therapist_id=target.therapist_id,
            episode=episode,
            instead_of=self._current(form.caller, target, episode),
        )

    def _check_series(self, form: Prepared, target: StoredSubmission, episode: Episode) -> None:
        found, sitting = self._sorted.found, form.sitting
        faults = [
            Fault(pointer=pointer, code="differs_from_corrected")
            for pointer, differs in (
                ("/instrument", form.instrument.key != target.instrument.key),
                ("/rater", form.form.rater != target.rater),
                ("/client_ref", found.clients.get(sitting.client.digest) != target.client_id),
                ("/therapist_ref", found.therapists.get(sitting.therapist.digest) != target.therapist_id),
                ("/episode_ref", sitting.episode not in {None, episode.reference}),
            )
            if differs
        ]
        if faults:
            raise InvalidSubmission(*faults)

    def _current(self, caller: Caller, target: StoredSubmission, episode: OpenEpisode) -> CourseForm:
        """Return the form to correct, now that its episode is locked: it must still be the current one."""
        first = next((t for t in self._taken.values() if t.form.entry.corrects == target.submission_id), None)
        if first is not None:
            raise NotCurrent(submission_id=str(first.form.submission_id))
        current = episode.stored(target.submission_id, session_number=target.session_number)
        if current is None:
            successor, _ = store.read_fate(self._connection, target.submission_id, organisation=self._organisation)
            raise not_current(self._connection, caller, successor=successor)
        return current

    def _finish(self) -> dict[UUID, Finished]:
        """Finish the episodes; one that can't be finished refuses the forms that were taken into it."""
        finished: dict[UUID, Finished] = {}
        errors: dict[int, AllianceError] = {}
        for one in self._touched():
            try:
                finished[one.episode.episode_id] = one.finish()
            except AllianceError as error:
                errors |= dict.fromkeys(self._blamed(one, error), error)
        self._refuse(errors)
        return finished

    def _blamed(self, episode: OpenEpisode, error: AllianceError) -> list[int]:
        """Name the forms that an episode can't be finished for: only a correction can take an ending back."""
        here = {index: taken for index, taken in self._taken.items() if taken.episode is episode}
        corrections = [index for index, taken in here.items() if taken.form.entry.corrects is not None]
        return corrections if isinstance(error, LaterEpisodeOpen) else list(here)

    def _go_along(self) -> dict[int, AllianceError]:
        """Do what goes with a form, stored now or before, and return what keeps one out; the episodes are locked."""
        errors: dict[int, AllianceError] = {}
        for index, form in self._forms.items():
            known = self._sorted.known.get(index)
            try:
                if form.entry.along is not None:
                    form.entry.along(self._connection, form.submission_id if known is None else known.submission_id)
            except AllianceError as error:
                errors[index] = error
        return errors

    def _touched(self) -> list[OpenEpisode]:
        return [one for found in self._episodes.values() for one in found if one.touched]

    def _write(self, finished: dict[UUID, Finished]) -> dict[int, StoredSubmission]:
        made = Made(
            runtime=self._runtime,
            organisation=self._organisation,
            now=self._now,
            people=self._people,
            episodes=self._touched(),
            finished=finished,
            taken=self._taken,
            keys={
                index: (self._forms[index], known.submission_id)
                for index, known in self._sorted.known.items()
                if not known.replayed
            },
        )
        return write(self._connection, made)

    def _outcomes(self, stored: dict[int, StoredSubmission]) -> dict[int, Outcome]:
        known = self._sorted.known
        loaded = store.load(
            self._connection, {one.submission_id for one in known.values()}, organisation=self._organisation
        )
        now_there = {one.submission_id: one for one in stored.values()}
        outcomes: dict[int, Outcome] = {
            index: Recorded(submission=one, created=True, replayed=False) for index, one in stored.items()
        }
        for index, one in known.items():
            there = loaded.get(one.submission_id) or now_there.get(one.submission_id)
            if there is None:
                raise ErasedMeanwhile
            outcomes[index] = Recorded(
                submission=there,
                created=one.created,
                replayed=one.replayed,
            )
        return outcomes
