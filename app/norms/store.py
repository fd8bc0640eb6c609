"""Counts over an organisation's forms, and its norms, in SQL."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, insert, select, update

from app.change.norms import Norm
from app.instruments.catalog import Catalog
from app.instruments.model import Instrument
from app.psychometrics.counts import NO_SERIES, Counts, SeriesCounts, from_document, layout_of
from app.storage.statistics_tables import norms, series_statistics, statistics
from app.storage.tables import episodes
from app.storage.types import AnyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnData:
    """The complete forms of one instrument version and rater: all together, and by therapist and client."""

    instrument: Instrument
    rater: str
    counts: Counts
    by_therapist: dict[UUID, list[SeriesCounts]]
    clients: list[SeriesCounts]


_COUNTED = (
    select(statistics)
    .where(statistics.c.organisation_id == bindparam("organisation"), statistics.c.forms > 0)
    .order_by(statistics.c.instrument, statistics.c.instrument_version, statistics.c.rater)
)
_SERIES = (
    select(
        episodes.c.client_id,
        episodes.c.therapist_id,
        series_statistics.c.instrument,
        series_statistics.c.instrument_version,
        series_statistics.c.rater,
        func.sum(series_statistics.c.forms).label("forms"),
        func.sum(series_statistics.c.total).label("total"),
        func.sum(series_statistics.c.squares).label("squares"),
    )
    .join(
        episodes,
        (episodes.c.organisation_id == series_statistics.c.organisation_id)
        & (episodes.c.episode_id == series_statistics.c.episode_id),
    )
    .where(
        series_statistics.c.organisation_id == bindparam("organisation"),
        episodes.c.organisation_id == bindparam("organisation"),
        series_statistics.c.forms > 0,
    )
    .group_by(
        episodes.c.client_id,
        episodes.c.therapist_id,
        series_statistics.c.instrument,
        series_statistics.c.instrument_version,
        series_statistics.c.rater,
    )
)


def read_own_data(connection: Connection, catalog: Catalog, *, organisation: UUID) -> list[OwnData]:
    """Read what is counted of an organisation's forms; an instrument that the catalogue has no longer is left out."""
    sent = {"organisation": organisation}
    counted = [row for row in connection.execute(_COUNTED, sent) if row.instrument_version in _versions(catalog, row)]
    series: dict[tuple[str, str, str], list[AnyRow]] = defaultdict(list)
    for row in connection.execute(_SERIES, sent):
        series[row.instrument, row.instrument_version, row.rater].append(row)
    return [_own_data(row, catalog, series[row.instrument, row.instrument_version, row.rater]) for row in counted]


def _versions(catalog: Catalog, row: AnyRow) -> set[str]:
    return {one.version for one in catalog.versions(row.instrument)}


def _own_data(row: AnyRow, catalog: Catalog, series: list[AnyRow]) -> OwnData:
    instrument = catalog.get(row.instrument, row.instrument_version)
    clients: dict[UUID, SeriesCounts] = {}
    therapists: dict[UUID, list[SeriesCounts]] = defaultdict(list)
    for one in series:
        sums = SeriesCounts(forms=int(one.forms), total=int(one.total), squares=int(one.squares))
        clients[one.client_id] = clients.get(one.client_id, NO_SERIES).merged(sums)
        therapists[one.therapist_id].append(sums)
    return OwnData(
        instrument=instrument,
        rater=row.rater,
        counts=from_document(layout_of(instrument), forms=row.forms, document=row.counts),
        by_therapist=dict(therapists),
        clients=list(clients.values()),
    )


_NORMS = (
    select(norms)
    .where(norms.c.organisation_id == bindparam("organisation"))
    .order_by(norms.c.instrument, norms.c.instrument_version, norms.c.rater, norms.c.number)
)


def list_norms(connection: Connection, *, organisation: UUID) -> list[AnyRow]:
    """List an organisation's norms, each instrument's in the order they were estimated."""
    return list(connection.execute(_NORMS, {"organisation": organisation}))


def insert_norm(connection: Connection, norm: Norm, *, organisation: UUID, estimated_at: datetime) -> None:
    """Keep a norm, not active."""
    row = {
        "organisation_id": organisation,
        "norm_id": UUID(norm.norm_id),
        "instrument": norm.instrument,
        "instrument_version": norm.instrument_version,
        "rater": norm.rater,
        "number": norm.version,
        "estimated_at": estimated_at,
        "active": False,
        "norm": norm,
    }
    connection.execute(insert(norms), row)


def set_active(connection: Connection, norm_id: UUID, *, organisation: UUID, active: bool) -> None:
    """Switch one norm on or off."""
    connection.execute(
        update(norms).where(norms.c.organisation_id == organisation, norms.c.norm_id == norm_id).values(active=active)
    )
