"""Say that a signal was looked at, by whom and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.errors import KeyReused, NotFound
from app.signals.life import Acknowledgement, Reason, acting_place
from app.signals.read import acknowledgement_of, seen_signals
from app.signals.store import find_acknowledgement, find_signal, insert_acknowledgement, mark_acknowledged
from app.storage.events import Event, append_events, sealed_in_subject
from app.storage.runtime import Runtime
from app.storage.vault import OrganisationVault
from app.submissions.prepare import key_digest

ROUTE: Final = "acknowledgements"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """An acknowledgement, kept now or by an earlier request with this key."""

    acknowledgement: Acknowledgement
    replayed: bool


async def acknowledge(
    runtime: Runtime, caller: Caller, *, client_id: UUID, signal_id: UUID, acting: str, reason: Reason, key: str
) -> Acknowledged:
    """Keep that a person looked at a signal; the same key again answers what was kept, other content is refused."""
    digest = key_digest(runtime, caller, key, route=ROUTE)

    def work(connection: Connection) -> Acknowledged:
        attempt = _Attempt(connection=connection, runtime=runtime, caller=caller)
        return attempt.run(client_id=client_id, signal_id=signal_id, acting=acting, reason=reason, key=digest)

    async with runtime.flights.hold([digest]):
        return await runtime.database.write(work, organisation=caller.organisation)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One attempt at the transaction."""

    connection: Connection
    runtime: Runtime
    caller: Caller

    def run(self, *, client_id: UUID, signal_id: UUID, acting: str, reason: Reason, key: bytes) -> Acknowledged:
        organisation = self.caller.organisation
        signal = find_signal(self.connection, organisation=organisation, client_id=client_id, signal_id=signal_id)
        if signal is None or not self._may(signal.client_id, signal.therapist_id):
            raise NotFound
        if not seen_signals(self.connection, self.runtime, self.caller, [signal], of=signal):
            raise NotFound
        row = find_acknowledgement(self.connection, key, organisation=organisation)
        if row is not None:
            before = acknowledgement_of(row, self._vault)
            if (row.signal_id, before.acting, before.reason) != (signal_id, acting, reason):
                raise KeyReused
            return Acknowledged(acknowledgement=before, replayed=True)
        made = Acknowledgement(
            acknowledgement_id=self.runtime.new_id(),
            application_id=self.caller.application,
            acting=acting,
            reason=reason,
            acknowledged_at=self.runtime.now(),
        )
        sealed = self._vault.seal(acting, acting_place(made.acknowledgement_id))
        insert_acknowledgement(
            self.connection, made, organisation=organisation, signal_id=signal_id, sealed_acting=sealed, key=key
        )
        mark_acknowledged(
            self.connection,
            signal_id,
            organisation=organisation,
            episode_id=signal.episode_id,
            at=made.acknowledged_at,
        )
        self._log(made, client_id=client_id, episode_id=signal.episode_id, signal_id=signal_id)
        return Acknowledged(acknowledgement=made, replayed=False)

    @property
    def _vault(self) -> OrganisationVault:
        return self.runtime.vault.of(self.connection, organisation=self.caller.organisation)

    def _may(self, client_id: UUID, therapist_id: UUID) -> bool:
        return self.caller.may_see(client_id=client_id, therapist_id=therapist_id)

    def _log(self, made: Acknowledgement, *, client_id: UUID, episode_id: UUID, signal_id: UUID) -> None:
        event_id = self.runtime.new_id()
        acting = self.caller.acting or made.acting
        event = Event(
            event_id=event_id,
            kind="signal.acknowledged",
            application_id=made.application_id,
            subject={"client_id": str(client_id), "episode_id": str(episode_id), "signal_id": str(signal_id)}
            | sealed_in_subject(self._vault, event_id, acting=acting),
            recorded_at=made.acknowledged_at,
        )
        append_events(self.connection, [event], organisation=self.caller.organisation)
