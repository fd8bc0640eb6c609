"""Norms of an organisation's own: estimated on command, kept for good, and used only once they are switched on."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.access.store import has_organisation
from app.change.norms import Norm
from app.errors import Misconfigured, NotFound
from app.norms.store import OwnData, insert_norm, list_norms, read_own_data, set_active
from app.psychometrics.own_norm import LEAST_CLIENTS, own_norm
from app.storage.documents import from_document
from app.storage.events import Event, Kind, append_events
from app.storage.runtime import Runtime
from app.storage.types import AnyRow

POPULATION = "Own clients of this organisation, all sessions pooled, complete forms only"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnNorm:
    """A norm of an organisation's own, and whether new forms are held against it."""

    norm: Norm
    active: bool


async def estimate(runtime: Runtime, *, organisation: UUID, instrument: str, rater: str) -> OwnNorm:
    """Estimate a norm from the organisation's own forms of the newest version; it is not active yet."""

    def work(connection: Connection) -> OwnNorm:
        _check(connection, organisation=organisation)
        version = runtime.catalog.latest(instrument).version
        found = [
            one
            for one in read_own_data(connection, runtime.catalog, organisation=organisation)
            if (one.instrument.key, one.instrument.version, one.rater) == (instrument, version, rater)
        ]
        clients = len(found[0].clients) if found else 0
        if clients < LEAST_CLIENTS:
            raise Misconfigured(
                f"{instrument} {version} by the {rater} has complete forms of {clients} clients; "
                f"a norm needs {LEAST_CLIENTS}"
            )
        norm = _norm(runtime, found[0], number=_next_number(connection, found[0], organisation=organisation))
        insert_norm(connection, norm, organisation=organisation, estimated_at=runtime.now())
        _log(connection, runtime, "norm.estimated", norm.norm_id, organisation=organisation)
        return OwnNorm(norm=norm, active=False)

    return await runtime.database.write(work, organisation=organisation)


async def switch(runtime: Runtime, *, organisation: UUID, norm_id: UUID, on: bool) -> OwnNorm:
    """Switch a norm on, and the one that was active off; or off. Forms keep the norm that they came in under."""

    def work(connection: Connection) -> OwnNorm:
        known = {row.norm_id: row for row in list_norms(connection, organisation=organisation)}
        chosen = known.get(norm_id)
        if chosen is None:
            raise NotFound
        for row in known.values():
            if row.active and _place(row) == _place(chosen):
                set_active(connection, row.norm_id, organisation=organisation, active=False)
        if on:
            set_active(connection, norm_id, organisation=organisation, active=True)
        _log(
            connection, runtime, "norm.activated" if on else "norm.deactivated", str(norm_id), organisation=organisation
        )
        return OwnNorm(norm=from_document(chosen.norm, Norm), active=on)

    return await runtime.database.write(work, organisation=organisation)


async def own_norms(runtime: Runtime, *, organisation: UUID) -> list[OwnNorm]:
    """List an organisation's norms."""

    def work(connection: Connection) -> list[OwnNorm]:
        _check(connection, organisation=organisation)
        rows = list_norms(connection, organisation=organisation)
        return [OwnNorm(norm=from_document(row.norm, Norm), active=row.active) for row in rows]

    return await runtime.database.read(work, organisation=organisation)


def _check(connection: Connection, *, organisation: UUID) -> None:
    if not has_organisation(connection, organisation=organisation):
        raise NotFound


def _place(row: AnyRow) -> tuple[str, str, str]:
    return (row.instrument, row.instrument_version, row.rater)


def _next_number(connection: Connection, found: OwnData, *, organisation: UUID) -> int:
    place = (found.instrument.key, found.instrument.version, found.rater)
    return 1 + sum(_place(row) == place for row in list_norms(connection, organisation=organisation))


def _norm(runtime: Runtime, found: OwnData, *, number: int) -> Norm:
    instrument = found.instrument
    return Norm(
        norm_id=str(runtime.new_id()),
        version=number,
        instrument=instrument.key,
        instrument_version=instrument.version,
        rater=found.rater,  # type: ignore[arg-type] # it was checked when the form came in
        population=POPULATION,
        clients=len(found.clients),
        forms=found.counts.forms,
        estimated_at=runtime.now(),
        source="Estimated from the organisation's own data",
        convention=instrument.convention,
        lowest=instrument.lowest,
        highest=instrument.highest,
        components=own_norm(instrument, found.counts, found.clients),
    )


def _log(connection: Connection, runtime: Runtime, kind: Kind, norm_id: str, *, organisation: UUID) -> None:
    event = Event(
        event_id=runtime.new_id(),
        kind=kind,
        application_id=None,
        subject={"norm_id": norm_id},
        recorded_at=runtime.now(),
    )
    append_events(connection, [event], organisation=organisation)
