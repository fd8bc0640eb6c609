"""Withdraw a form: it counts no longer, and what was said about the sessions after it is looked at again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.episodes.signals import write_signals
from app.errors import KeyReused, NotCurrent, NotFound
from app.storage.events import Event, Kind, event_row, sealed_in_subject
from app.storage.rows import write_rows
from app.storage.runtime import Runtime
from app.storage.tables import events, idempotency_keys, withdrawals
from app.submissions import store
from app.submissions.find import Wanted, find
from app.submissions.open_episode import Finished, OpenEpisode, open_episodes
from app.submissions.prepare import key_digest
from app.submissions.read import not_current
from app.submissions.stored import StoredSubmission, Withdrawal, WithdrawalReason, sees
from app.submissions.tally import keep_count
from app.submissions.write import Rows, add_revisions, episode_events, signal_news

ROUTE: Final = "withdrawals"


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """A form that counts no longer: since now (`is_new`), or since an earlier request.

    `created` says whether the request with this key was the one that withdrew it.
    """

    form: StoredSubmission
    withdrawal: Withdrawal
    created: bool
    replayed: bool
    is_new: bool


async def withdraw(
    runtime: Runtime, caller: Caller, submission_id: UUID, *, reason: WithdrawalReason, key: str
) -> Withdrawn:
    """Take a form out of its place; it stays readable, marked as withdrawn."""
    digest = key_digest(runtime, caller, key, route=ROUTE)
    now = runtime.now()

    def work(connection: Connection) -> Withdrawn:
        return _Withdrawal(connection, runtime, caller, now).run(submission_id, reason=reason, key=digest)

    async with runtime.flights.hold([digest]):
        return await runtime.database.write(work, organisation=caller.organisation)


class _Withdrawal:
    """One attempt at the transaction."""

    def __init__(self, connection: Connection, runtime: Runtime, caller: Caller, now: datetime) -> None:
        self._connection = connection
        self._runtime = runtime
        self._caller = caller
        self._organisation = caller.organisation
        self._now = now

    def run(self, submission_id: UUID, *, reason: WithdrawalReason, key: bytes) -> Withdrawn:
        """Withdraw the form, or say that it was withdrawn before."""
        request = json.dumps([str(submission_id), reason])
        fingerprint = self._runtime.keys.content("request", request, organisation=self._organisation)
        found = find(
            self._connection,
            Wanted(applications=[self._caller.application], routes=[ROUTE], keys=[key]),
            organisation=self._organisation,
        )
        bound = found.keys.get(key)
        if bound is not None and bound.fingerprint != fingerprint:
            raise KeyReused
        target = self._target(submission_id)
        episode = self._episode(target)
        successor, before = store.read_fate(self._connection, submission_id, organisation=self._organisation)
        if successor is not None:
            raise not_current(self._connection, self._caller, successor=successor)
        rows: Rows = {}
        if bound is None:
            rows[idempotency_keys] = [self._key_row(key, fingerprint, submission_id, created=before is None)]
        told, finished = (before, {}) if before is not None else self._take_out(target, episode, reason, rows)
        changed = [episode.row()] if episode.touched else []
        write_rows(self._connection, rows, changed_episodes=changed)
        news = signal_news([episode] if finished else [], finished, because_of={target.episode_id: submission_id})
        write_signals(
            self._connection, news, organisation=self._organisation, now=self._now, new_id=self._runtime.new_id
        )
        keep_count(self._connection, [episode.moved], organisation=self._organisation)
        created = bound.created if bound is not None else before is None
        return Withdrawn(
            form=target,
            withdrawal=told,
            created=created,
            replayed=bound is not None,
            is_new=before is None,
        )

    def _target(self, submission_id: UUID) -> StoredSubmission:
        found = store.load(self._connection, [submission_id], organisation=self._organisation)
        target = found.get(submission_id)
        if target is None or not sees(self._caller, target):
            raise NotFound
        return target

    def _episode(self, target: StoredSubmission) -> OpenEpisode:
        opened = open_episodes(
            self._connection, self._runtime.catalog, [target.client_id], organisation=self._organisation
        )
        return next(one for one in opened[target.client_id] if one.episode.episode_id == target.episode_id)

    def _take_out(
        self, target: StoredSubmission, episode: OpenEpisode, reason: WithdrawalReason, rows: Rows
    ) -> tuple[Withdrawal, dict[UUID, Finished]]:
        form = episode.stored(target.submission_id, session_number=target.session_number)
        if form is None:
            raise NotCurrent(submission_id=None)
        episode.leave(form)
        finished = {target.episode_id: episode.finish()}
        later = finished[target.episode_id].recomputed_later_sessions[target.submission_id]
        told = Withdrawal(withdrawn_at=self._now, reason=reason, recomputed_later_sessions=later)
        store.retire(self._connection, [target.submission_id], organisation=self._organisation)
        rows[withdrawals] = [
            store.withdrawal_row(
                target.submission_id,
                told,
                organisation=self._organisation,
                application=self._caller.application,
            )
        ]
        add_revisions(
            rows,
            finished,
            now=self._now,
            organisation=self._organisation,
            because_of={target.episode_id: target.submission_id},
        )
        subject = episode.subject | {"submission_id": str(target.submission_id)}
        told_of = episode_events(episode, finished[target.episode_id])
        happened: list[tuple[Kind, dict[str, str]]] = [("submission.withdrawn", subject), *told_of]
        rows[events] = [self._event_row(kind, about) for kind, about in happened]
        return told, finished

    def _event_row(self, kind: Kind, about: dict[str, str]) -> dict[str, object]:
        """Make the row of an event; who withdrew the form is sealed in it."""
        event_id = self._runtime.new_id()
        vault = self._runtime.vault.of(self._connection, organisation=self._organisation)
        acting = self._caller.acting if kind == "submission.withdrawn" else None
        event = Event(
            event_id=event_id,
            kind=kind,
            application_id=self._caller.application,
            subject=about | sealed_in_subject(vault, event_id, acting=acting),
            recorded_at=self._now,
        )
        return event_row(event, organisation=self._organisation)

    def _key_row(self, key: bytes, fingerprint: bytes, submission_id: UUID, *, created: bool) -> dict[str, object]:
        return {
            "organisation_id": self._organisation,
            "application_id": self._caller.application,
            "route": ROUTE,
            "key": key,
            "fingerprint": fingerprint,
            "submission_id": submission_id,
            "created": created,
            "bound_at": self._now,
        }
