"""How good the instruments are in an organisation's own hands: exact, internal, and never by therapist."""

from __future__ import annotations

from asyncio import to_thread
from dataclasses import dataclass

from sqlalchemy import Connection

from app.access.caller import Caller
from app.errors import NotFound
from app.norms.store import OwnData, read_own_data
from app.psychometrics.alpha import Alpha, alpha, feldt_interval
from app.psychometrics.counts import covariance, positions_of
from app.psychometrics.estimate import Caution, Interval, NotEstimated, cautions
from app.psychometrics.omega import omega
from app.psychometrics.variance import Nested, OneWay, nested, one_way
from app.storage.runtime import Runtime

#: From so many therapists on their share of the variance is told (design choice of this project).
LEAST_THERAPISTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentQuality:
    """The internal consistency of one component."""

    component: str
    items: int
    alpha: Alpha | NotEstimated
    interval: Interval | None
    omega: float | NotEstimated


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentQuality:
    """One instrument version and rater: how many forms, how consistent, and where the variance of totals lies."""

    instrument: str
    version: str
    rater: str
    forms: int
    clients: int
    components: tuple[ComponentQuality, ...]
    sessions_in_clients: OneWay | NotEstimated
    therapists: Nested | NotEstimated
    cautions: tuple[Caution, ...]


async def psychometrics(runtime: Runtime, caller: Caller) -> list[InstrumentQuality]:
    """Tell an organisation what its own complete forms say of its instruments; a bound key finds nothing."""
    if not caller.is_unbound:
        raise NotFound

    def work(connection: Connection) -> list[OwnData]:
        return read_own_data(connection, runtime.catalog, organisation=caller.organisation)

    found = await runtime.database.read(work, organisation=caller.organisation)
    return await to_thread(lambda: [_quality(one) for one in found])  # others need not wait while it counts


def _quality(found: OwnData) -> InstrumentQuality:
    forms, clients = found.counts.forms, len(found.clients)
    return InstrumentQuality(
        instrument=found.instrument.key,
        version=found.instrument.version,
        rater=found.rater,
        forms=forms,
        clients=clients,
        components=tuple(_component(found, one.key) for one in found.instrument.components),
        sessions_in_clients=one_way(found.clients),
        therapists=_between_therapists(found),
        cautions=cautions(forms=forms, clients=clients),
    )


def _between_therapists(found: OwnData) -> Nested | NotEstimated:
    """Split off the share of therapists; of few it would be the distance between persons who can be guessed."""
    if len(found.by_therapist) < LEAST_THERAPISTS:
        return NotEstimated(reason="too_few_groups")
    return nested(found.by_therapist)


def _component(found: OwnData, component: str) -> ComponentQuality:
    positions, forms = positions_of(found.instrument, component), found.counts.forms
    value = alpha(found.counts, positions)
    interval = None
    people = len(found.clients)  # forms of one person are not independent: these are what the interval may count on
    if isinstance(value, Alpha) and value.value < 1 and people > 2:
        interval = feldt_interval(value.value, n=people, items=value.items)
    if len(positions) < 2:
        factor: float | NotEstimated = NotEstimated(reason="single_item")
    elif forms < 2:
        factor = NotEstimated(reason="too_few_forms")
    else:
        factor = omega(covariance(found.counts, positions), forms=forms)
    return ComponentQuality(component=component, items=len(positions), alpha=value, interval=interval, omega=factor)
