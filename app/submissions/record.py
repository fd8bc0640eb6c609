"""Record forms: the one transaction of intake, for one form or for many.

Claim the idempotency keys, find or make the people and episodes, lock the episodes in order, read what is there,
score and assess, write. The commit happens on leaving the transaction, before anybody is answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.access.store import enabled
from app.episodes.course import CourseForm, clients_instrument
from app.episodes.history import Series, read_client_levels, read_course, read_ends
from app.episodes.identify import Identities, Place, Sitting, end_episode, lock_episodes, takes
from app.errors import (
    AllianceError,
    InstrumentNotEnabled,
    KeyReused,
    OutOfOrder,
    SessionAlreadyRated,
    SourceConflict,
)
from app.storage.events import Event, Kind, append_events
from app.storage.runtime import Runtime
from app.submissions import store
from app.submissions.assess import Assessment, assess
from app.submissions.form import Form
from app.submissions.prepare import Prepared, prepare
from app.submissions.stored import StoredScore, StoredSubmission

ROUTE = "submissions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A form and the idempotency key it came with."""

    form: Form
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A form that is stored: now, by an earlier request with this key (`replayed`), or under another key."""

    submission: StoredSubmission
    created: bool
    replayed: bool


Outcome = Recorded | AllianceError


class _Refused(Exception):
    """Some forms can't be stored: roll back, so that nothing of them stays, and go on without them.

    Without errors it means: start again, since what the attempt was built on has changed.
    """

    def __init__(self, errors: dict[int, AllianceError]) -> None:
        super().__init__()
        self.errors = errors


async def record(runtime: Runtime, caller: Caller, entries: Sequence[Entry]) -> list[Outcome]:
    """Store forms in one transaction and return one outcome each, in order; keys must differ from each other.

    A form that is refused leaves no trace, and does not keep the others out.
    """
    now = runtime.now()
    outcomes: dict[int, Outcome] = {}
    ready: dict[int, Prepared] = {}
    for index, entry in enumerate(entries):
        try:
            ready[index] = prepare(runtime, caller, entry.form, key=entry.key, now=now)
        except AllianceError as error:
            outcomes[index] = error
    async with runtime.flights.hold(caller.application.bytes + form.key for form in ready.values()):
        while ready:
            try:
                outcomes |= await runtime.database.write(partial(_attempt, runtime, caller, dict(ready), now))
                break
            except _Refused as refused:
                outcomes |= refused.errors
                ready = {index: form for index, form in ready.items() if index not in refused.errors}
    return [outcomes[index] for index in range(len(entries))]


def _attempt(
    runtime: Runtime, caller: Caller, forms: dict[int, Prepared], now: datetime, connection: Connection
) -> dict[int, Outcome]:
    return _Intake(connection, runtime, caller, forms, now).run()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A form that was there before this request."""

    submission_id: UUID
    created: bool
    replayed: bool


class _Intake:
    """One attempt at the transaction, made anew when it has to be run again."""

    def __init__(
        self, connection: Connection, runtime: Runtime, caller: Caller, forms: dict[int, Prepared], now: datetime
    ) -> None:
        self._connection = connection
        self._runtime = runtime
        self._application = caller.application
        self._organisation = caller.organisation
        self._scope = store.KeyScope(application=caller.application, route=ROUTE)
        self._forms = forms
        self._now = now
        self._known: dict[int, _Known] = {}
        self._stored: dict[int, StoredSubmission] = {}
        self._errors: dict[int, AllianceError] = {}
        self._identities = Identities(connection, organisation=self._organisation, new_id=runtime.new_id, now=now)
        self._sources: dict[bytes, UUID] = {}
        self._ended: set[UUID] = set()

    def run(self) -> dict[int, Outcome]:
        """Run the attempt; raises _Refused when any form can't be stored."""
        fresh = self._without_known_sources(self._claim())
        self._check_enabled(fresh)
        if fresh and not self._errors:
            self._store_all(fresh)
        if self._errors:
            raise _Refused(self._errors)
        return self._outcomes()

    def _claim(self) -> dict[int, Prepared]:
        """Claim the keys; what is left to do are the forms whose keys were free."""
        claims = [
            store.Claim(key=form.key, fingerprint=form.fingerprint, submission_id=form.submission_id)
            for form in self._forms.values()
        ]
        bound = store.claim_keys(self._connection, claims, self._scope, organisation=self._organisation, now=self._now)
        for index, form in self._forms.items():
            row = bound.get(form.key)
            if row is not None and row.fingerprint != form.fingerprint:
                self._errors[index] = KeyReused()
            elif row is not None:
                self._known[index] = _Known(submission_id=row.submission_id, created=row.created, replayed=True)
        return {index: form for index, form in self._forms.items() if form.key not in bound}

    def _without_known_sources(self, fresh: dict[int, Prepared]) -> dict[int, Prepared]:
        """Take out the forms whose sender's own id is known."""
        sources = [form.source for form in fresh.values() if form.source is not None]
        known = store.find_by_source(self._connection, sources, organisation=self._organisation)
        rest = {}
        for index, form in fresh.items():
            row = known.get(form.source.digest) if form.source else None
            if row is None:
                rest[index] = form
            elif row.content == form.content:
                self._already_there(index, row.submission_id)
            else:
                self._errors[index] = SourceConflict(submission_id=str(row.submission_id))
        return rest

    def _check_enabled(self, fresh: dict[int, Prepared]) -> None:
        guarded = {index: form.instrument.key for index, form in fresh.items() if form.instrument.needs_enabling}
        if guarded:
            allowed = enabled(self._connection, organisation=self._organisation)
            self._errors |= {index: InstrumentNotEnabled() for index, key in guarded.items() if key not in allowed}

    def _store_all(self, fresh: dict[int, Prepared]) -> None:
        places = self._places(fresh)
        locked = lock_episodes(
            self._connection, [place.episode_id for place in places.values()], organisation=self._organisation
        )
        for index, place in places.items():
            sitting = fresh[index].sitting
            if sitting.episode is None and not takes(locked[place.episode_id], sitting):
                raise _Refused({})  # it was ended while we waited for the lock
        for index in sorted(places, key=lambda i: (places[i].episode_id, fresh[i].form.session_number, i)):
            try:
                self._store_one(index, fresh[index], self._after_endings(fresh[index].sitting, places[index]))
            except AllianceError as error:
                self._errors[index] = error

    def _places(self, fresh: dict[int, Prepared]) -> dict[int, Place]:
        """Find or make the client, the therapist and the episode of each form."""
        identities = self._identities
        sittings = {index: form.sitting for index, form in fresh.items()}
        clients = identities.clients(s.client for s in sittings.values())
        therapists = identities.therapists(s.therapist for s in sittings.values())
        places: dict[int, Place] = {}
        told: set[UUID] = set()
        for index in sorted(sittings, key=lambda i: (sittings[i].client.digest, sittings[i].session_number)):
            sitting = sittings[index]
            client_id, new_client = clients[sitting.client.digest]
            therapist_id, _ = therapists[sitting.therapist.digest]
            try:
                episode_id, new_episode = identities.episode(sitting, client_id=client_id, therapist_id=therapist_id)
            except AllianceError as error:
                self._errors[index] = error
                continue
            places[index] = Place(
                client_id=client_id,
                therapist_id=therapist_id,
                episode_id=episode_id,
                new_client=new_client and client_id not in told,
                new_episode=new_episode,
            )
            told.add(client_id)
        return places

    def _after_endings(self, sitting: Sitting, place: Place) -> Place:
        """Choose the place again when a form before this one has just ended the episode."""
        if place.episode_id not in self._ended or sitting.episode is not None:
            return place
        episode_id, new = self._identities.episode(sitting, client_id=place.client_id, therapist_id=place.therapist_id)
        lock_episodes(self._connection, [episode_id], organisation=self._organisation)
        return replace(place, episode_id=episode_id, new_episode=new)

    def _store_one(self, index: int, form: Prepared, place: Place) -> None:
        """Write one form of a locked episode, unless the same form is already there."""
        course = read_course(self._connection, organisation=self._organisation, episode_id=place.episode_id)
        there = _check_place(form, course)
        if there is not None:
            self._already_there(index, there)
            return
        if form.source is not None and form.source.digest in self._sources:
            raise SourceConflict(submission_id=str(self._sources[form.source.digest]))
        # In the order of the locks, whatever the clocks of two workers said when their requests came in.
        later = [f.received_at + timedelta(microseconds=1) for f in course]
        present = _course_form(form, received_at=max([self._now, *later]))
        series = Series(episode_id=place.episode_id, instrument=form.instrument.key, rater=form.form.rater)
        assessment = assess(
            form.instrument,
            form.answers,
            present,
            course=course,
            earlier=read_ends(self._connection, series, organisation=self._organisation),
            levels=read_client_levels(
                self._connection,
                course,
                self._runtime.catalog,
                leading=clients_instrument([*course, present]),
                episode_id=place.episode_id,
                organisation=self._organisation,
            ),
        )
        stored = self._to_store(form, place, assessment, received_at=present.received_at)
        store.insert_submission(
            self._connection,
            stored,
            organisation=self._organisation,
            application=self._application,
            content=form.content,
            source=form.source,
            focus=present.focus,
        )
        self._log(form, place)
        self._stored[index] = stored
        if form.source is not None:
            self._sources[form.source.digest] = stored.submission_id

    def _to_store(
        self, prepared: Prepared, place: Place, assessment: Assessment, *, received_at: datetime
    ) -> StoredSubmission:
        form = prepared.form
        return StoredSubmission(
            submission_id=prepared.submission_id,
            client_id=place.client_id,
            therapist_id=place.therapist_id,
            episode_id=place.episode_id,
            session_number=form.session_number,
            rater=form.rater,
            instrument=prepared.instrument.ref,
            session_date=form.session_date,
            completed_at=form.completed_at,
            received_at=received_at,
            planned_sessions=form.planned_sessions,
            locale=form.locale,
            channel=form.channel,
            modality=form.modality,
            seen_by_therapist=form.seen_by_therapist,
            answers=prepared.answers,
            reported=form.reported,
            supersedes=None,
            scores=tuple(StoredScore(score_id=self._runtime.new_id(), score=s) for s in assessment.scores),
            change=assessment.change,
            stage=assessment.stage,
            recommendations=assessment.recommendations,
        )

    def _log(self, form: Prepared, place: Place) -> None:
        client = {"client_id": str(place.client_id)}
        episode = client | {"episode_id": str(place.episode_id)}
        happened: list[tuple[Kind, dict[str, str]]] = []
        if place.new_client:
            happened.append(("client.created", client))
        if place.new_episode:
            happened.append(("episode.opened", episode))
        happened.append(("submission.recorded", episode | {"submission_id": str(form.submission_id)}))
        if self._ends(form, place):
            self._ended.add(place.episode_id)
            happened.append(("episode.ended", episode))
        events = [
            Event(
                event_id=self._runtime.new_id(),
                kind=kind,
                application_id=self._application,
                subject=subject,
                recorded_at=self._now,
            )
            for kind, subject in happened
        ]
        append_events(self._connection, events, organisation=self._organisation)

    def _ends(self, form: Prepared, place: Place) -> bool:
        ending = form.form.reported.ending
        return ending is not None and end_episode(
            self._connection,
            organisation=self._organisation,
            episode_id=place.episode_id,
            ending=ending,
            session_number=form.form.session_number,
            at=form.form.completed_at,
        )

    def _already_there(self, index: int, submission_id: UUID) -> None:
        """Bind a fresh key to a form that was stored under another key."""
        key = self._forms[index].key
        store.rebind_key(
            self._connection, key, self._scope, organisation=self._organisation, submission_id=submission_id
        )
        self._known[index] = _Known(submission_id=submission_id, created=False, replayed=False)

    def _outcomes(self) -> dict[int, Outcome]:
        loaded = store.load(
            self._connection, [known.submission_id for known in self._known.values()], organisation=self._organisation
        )
        outcomes: dict[int, Outcome] = {
            index: Recorded(submission=one, created=True, replayed=False) for index, one in self._stored.items()
        }
        for index, known in self._known.items():
            outcomes[index] = Recorded(
                submission=loaded[known.submission_id], created=known.created, replayed=known.replayed
            )
        return outcomes


def _check_place(form: Prepared, course: Sequence[CourseForm]) -> UUID | None:
    """Return the id of the same form if it is there; refuse another one in its place, and an earlier session."""
    own = [f for f in course if f.instrument == form.instrument.key and f.rater == form.form.rater]
    number = form.form.session_number
    there = next((f for f in own if f.session_number == number), None)
    if there is not None:
        if there.content == form.content:
            return there.submission_id
        raise SessionAlreadyRated(submission_id=str(there.submission_id))
    last = max((f.session_number for f in own), default=0)
    if number < last:
        raise OutOfOrder(last_session=last)
    return None


def _course_form(prepared: Prepared, *, received_at: datetime) -> CourseForm:
    form = prepared.form
    return CourseForm(
        submission_id=prepared.submission_id,
        session_number=form.session_number,
        instrument=prepared.instrument.key,
        instrument_version=prepared.instrument.version,
        rater=form.rater,
        content=prepared.content,
        received_at=received_at,
        focus=prepared.instrument.focus(prepared.answers),
        planned_sessions=form.planned_sessions,
        ending=form.reported.ending,
        rupture=bool(form.reported.rupture),
    )
