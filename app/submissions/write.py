"""What one transaction of intake writes: rows of all tables, made from the forms that were taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table

from app.change.norms import Norm
from app.episodes.identify import Episode
from app.episodes.signals import SignalNews, write_signals
from app.storage.events import Event, Kind, event_row, sealed_in_subject
from app.storage.key_tables import client_keys
from app.storage.keyring import Keyed
from app.storage.rows import write_rows
from app.storage.runtime import Runtime
from app.storage.tables import (
    assessments,
    clients,
    episodes,
    events,
    idempotency_keys,
    scores,
    sources,
    submissions,
    therapists,
)
from app.storage.vault import OrganisationVault
from app.submissions import store
from app.submissions.find import Found
from app.submissions.open_episode import Finished, OpenEpisode
from app.submissions.prepare import Prepared
from app.submissions.stored import StoredSubmission, comment_place
from app.submissions.tally import keep_count

Rows = dict[Table, list[dict[str, Any]]]


@dataclass(slots=True, kw_only=True)
class People:
    """Clients and therapists by their references: those that were found, and those that this transaction makes."""

    found: Found
    new_id: Callable[[], UUID]
    new_clients: dict[bytes, tuple[Keyed, UUID]] = field(default_factory=dict)
    new_therapists: dict[bytes, tuple[Keyed, UUID]] = field(default_factory=dict)

    def client(self, reference: Keyed) -> UUID:
        """Return the client's id, a new one for a new reference."""
        return self._id(reference, self.found.clients, self.new_clients)

    def therapist(self, reference: Keyed) -> UUID:
        """Return the therapist's id, a new one for a new reference."""
        return self._id(reference, self.found.therapists, self.new_therapists)

    def _id(self, reference: Keyed, found: Mapping[bytes, UUID], new: dict[bytes, tuple[Keyed, UUID]]) -> UUID:
        known = found.get(reference.digest)
        if known is not None:
            return known
        return new.setdefault(reference.digest, (reference, self.new_id()))[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A form with the place that was found for it."""

    form: Prepared
    client_id: UUID
    therapist_id: UUID
    episode: OpenEpisode
    norm: Norm | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """All that a transaction is about to write. `keys` are bound to forms that were there before."""

    runtime: Runtime
    organisation: UUID
    now: datetime
    people: People
    episodes: Sequence[OpenEpisode]
    finished: Mapping[UUID, Finished]
    taken: Mapping[int, Taken]
    keys: Mapping[int, tuple[Prepared, UUID]]


def write(connection: Connection, made: Made) -> dict[int, StoredSubmission]:
    """Write everything; returns the stored forms by their place in the call."""
    organisation = made.organisation
    finished = made.finished
    rows: Rows = {}
    vault = _vault(connection, made, rows)
    stored = {index: _stored(taken, finished, made.now, vault) for index, taken in made.taken.items()}
    retired = [taken.form.entry.corrects for taken in made.taken.values() if taken.form.entry.corrects is not None]
    store.retire(connection, retired, organisation=organisation)
    _add_people(rows, made, vault)
    _add_forms(rows, made, stored)
    causes = _causes(made)
    add_revisions(rows, finished, now=made.now, organisation=organisation, because_of=causes)
    _add_keys(rows, made)
    rows[events] = [event_row(event, organisation=organisation) for event in _events(made, finished, vault)]
    changed = [one.row() for one in made.episodes if not one.is_new]
    rows[episodes] = [_new_episode(one, made, vault) for one in made.episodes if one.is_new]
    write_rows(connection, rows, changed_episodes=changed)
    news = signal_news(made.episodes, finished, because_of=causes)
    write_signals(connection, news, organisation=organisation, now=made.now, new_id=made.runtime.new_id)
    keep_count(connection, [one.moved for one in made.episodes], organisation=organisation)
    return stored


def add_revisions(
    rows: Rows,
    finished: Mapping[UUID, Finished],
    *,
    now: datetime,
    organisation: UUID,
    because_of: Mapping[UUID, UUID],
) -> None:
    """Add what is said otherwise about earlier forms: another revision, with the form that brought it."""
    for episode_id, told in finished.items():
        for submission_id, (number, assessment) in told.revised.items():
            revision = store.Revision(
                submission_id=submission_id,
                number=number,
                made_at=now,
                because_of=because_of[episode_id],
                recomputed_later_sessions=0,
                assessment=assessment,
            )
            rows.setdefault(assessments, []).append(store.assessment_row(revision, organisation=organisation))


def signal_news(
    episodes: Iterable[OpenEpisode], finished: Mapping[UUID, Finished], *, because_of: Mapping[UUID, UUID]
) -> list[tuple[Episode, SignalNews]]:
    """Gather what the signals became; where all of an episode were looked at anew, what changed the episode is why."""
    return [
        (one.episode, replace(news, because_of=news.because_of or because_of[one.episode.episode_id]))
        for one in episodes
        for news in finished[one.episode.episode_id].signals
    ]


def _causes(made: Made) -> dict[UUID, UUID]:
    """Name for each episode the earliest form that this transaction took in."""
    in_order = sorted(made.taken.values(), key=lambda taken: taken.form.course_form.order, reverse=True)
    return {taken.episode.episode.episode_id: taken.form.submission_id for taken in in_order}


def _vault(connection: Connection, made: Made, rows: Rows) -> OrganisationVault:
    """Open the vault with a key for each new client, and the keys of those known ones for whom something is sealed."""
    vault = made.runtime.vault.of(connection, organisation=made.organisation)
    taken = made.taken.values()
    new = {person for _, person in made.people.new_clients.values()} & {one.client_id for one in taken}
    rows[client_keys] = [vault.new_client_key(person)[1] for person in sorted(new)]
    vault.look_up(
        {
            one.client_id
            for one in taken
            if one.form.form.comment is not None or (one.episode.is_new and one.form.form.episode_ref is not None)
        }
    )
    return vault


def _stored(
    taken: Taken, finished: Mapping[UUID, Finished], now: datetime, vault: OrganisationVault
) -> StoredSubmission:
    prepared, form = taken.form, taken.form.form
    episode_id = taken.episode.episode.episode_id
    told = finished[episode_id].told[prepared.submission_id]
    return StoredSubmission(
        submission_id=prepared.submission_id,
        client_id=taken.client_id,
        therapist_id=taken.therapist_id,
        episode_id=episode_id,
        session_number=form.session_number,
        rater=form.rater,
        instrument=prepared.instrument.ref,
        session_date=form.session_date,
        completed_at=form.completed_at,
        received_at=now,
        planned_sessions=form.planned_sessions,
        locale=form.locale,
        channel=form.channel,
        modality=form.modality,
        seen_by_therapist=form.seen_by_therapist,
        answers=prepared.answers,
        reported=form.reported,
        supersedes=prepared.entry.corrects,
        current=True,
        scores=prepared.scores,
        norm=taken.norm,
        change=told.change,
        signals=told.signals,
        stage=told.stage,
        recommendations=told.recommendations,
        recomputed_later_sessions=finished[episode_id].recomputed_later_sessions[prepared.submission_id],
        sealed_comment=None
        if form.comment is None
        else vault.seal_for(taken.client_id, form.comment, comment_place(prepared.submission_id)),
    )


def _new_episode(one: OpenEpisode, made: Made, vault: OrganisationVault) -> dict[str, Any]:
    """Make the row of a new episode, with its reference sealed as its client's."""
    episode = one.episode
    named = next(
        (t.form.form.episode_ref for t in made.taken.values() if t.episode is one and t.form.form.episode_ref), None
    )
    sealed = None if named is None else vault.seal_episode(episode.client_id, episode.episode_id, named)
    return one.row() | {"sealed_reference": sealed}


def _add_people(rows: Rows, made: Made, vault: OrganisationVault) -> None:
    """Add the new people that a form was taken for, each table in the order of references."""
    named = {t.client_id: t.form.form.client_ref for t in made.taken.values()}
    named |= {t.therapist_id: t.form.form.therapist_ref for t in made.taken.values()}
    for table, name, new, seal in (
        (clients, "client_id", made.people.new_clients, vault.seal_client),
        (therapists, "therapist_id", made.people.new_therapists, vault.seal_therapist),
    ):
        rows[table] = [
            {
                "organisation_id": made.organisation,
                name: person,
                "reference_key": reference.key_id,
                "reference": reference.digest,
                "sealed_reference": seal(person, named[person].parts),
                "created_at": made.now,
            }
            for _, (reference, person) in sorted(new.items())
            if person in named
        ]


def _add_forms(rows: Rows, made: Made, stored: Mapping[int, StoredSubmission]) -> None:
    organisation = made.organisation
    for index, one in stored.items():
        prepared = made.taken[index].form
        row = store.submission_row(
            one,
            organisation=organisation,
            application=prepared.caller.application,
            content=prepared.content,
            focus=prepared.course_form.focus,
        )
        first = store.Revision(
            submission_id=one.submission_id,
            number=1,
            made_at=made.now,
            because_of=None,
            recomputed_later_sessions=one.recomputed_later_sessions,
            assessment=store.assessment_in(one),
        )
        rows.setdefault(submissions, []).append(row)
        rows.setdefault(scores, []).extend(store.score_rows(one, organisation=organisation))
        rows.setdefault(assessments, []).append(store.assessment_row(first, organisation=organisation))


def _add_keys(rows: Rows, made: Made) -> None:
    """Bind keys and sources, new ones to the forms that were taken, others to forms that were there."""
    bound = [(taken.form, taken.form.submission_id, True) for taken in made.taken.values()]
    bound += [(form, submission_id, False) for form, submission_id in made.keys.values()]
    known = made.people.found.sources
    for form, submission_id, created in sorted(bound, key=lambda one: one[0].key):
        rows.setdefault(idempotency_keys, []).append(
            {
                "organisation_id": made.organisation,
                "application_id": form.caller.application,
                "route": form.entry.route,
                "key": form.key,
                "fingerprint": form.fingerprint,
                "submission_id": submission_id,
                "created": created,
                "bound_at": made.now,
            }
        )
        if form.source is not None and form.source.own.digest not in known:
            row = {
                "organisation_id": made.organisation,
                "source_key": form.source.own.key_id,
                "source": form.source.own.digest,
                "submission_id": submission_id,
            }
            if row not in rows.setdefault(sources, []):
                rows[sources].append(row)


def _events(made: Made, finished: Mapping[UUID, Finished], vault: OrganisationVault) -> list[Event]:
    """Say what happened, ids and kinds only: people and episodes first, then the forms, then what they changed.

    Who sent a form is sealed in that form's event.
    """
    by_episode = {t.episode.episode.episode_id: t.form.caller.application for t in made.taken.values()}
    new_clients = {person: None for _, person in made.people.new_clients.values()}
    happened: list[tuple[UUID, Kind, dict[str, str], str | None]] = []
    for taken in made.taken.values():
        application, subject = taken.form.caller.application, taken.episode.subject
        if taken.client_id in new_clients:
            del new_clients[taken.client_id]
            happened.append((application, "client.created", {"client_id": str(taken.client_id)}, None))
        corrects = taken.form.entry.corrects
        about = subject | {"submission_id": str(taken.form.submission_id)}
        acting = taken.form.caller.acting
        happened.append(
            (application, "submission.recorded", about, acting)
            if corrects is None
            else (application, "submission.corrected", about | {"supersedes": str(corrects)}, acting)
        )
    for one in made.episodes:
        application = by_episode[one.episode.episode_id]
        told = episode_events(one, finished[one.episode.episode_id])
        happened += [(application, kind, about, None) for kind, about in told]
    return [
        Event(
            event_id=event_id,
            kind=kind,
            application_id=application,
            subject=subject | sealed_in_subject(vault, event_id, acting=acting),
            recorded_at=made.now,
        )
        for application, kind, subject, acting in happened
        for event_id in (made.runtime.new_id(),)
    ]


def episode_events(one: OpenEpisode, finished: Finished) -> list[tuple[Kind, dict[str, str]]]:
    """Say whether an episode was opened, ended or opened again, what was revised, and what its signals became."""
    is_ended = one.episode.ended_at is not None
    happened: list[tuple[bool, Kind]] = [
        (one.is_new, "episode.opened"),
        (bool(finished.revised), "episode.recomputed"),
        (is_ended and not one.was_ended, "episode.ended"),
        (one.was_ended and not is_ended, "episode.reopened"),
    ]
    told = [(kind, one.subject) for so, kind in happened if so]
    return told + [
        (kind, one.subject | {"signal_id": str(news.signal.signal_id)})
        for news in finished.signals
        for kind in news.happened
    ]
