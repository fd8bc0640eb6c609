"""Count what was stored before intake kept count: once, with the migration, before the service takes forms again.

An organisation of which anything is counted is left alone: a withdrawal of a form that was never counted would leave
numbers below 0, and this is what prevents it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from uuid import UUID

from sqlalchemy import Connection, bindparam, insert, select, text

from app.access.store import list_organisations
from app.errors import NotFound
from app.instruments.catalog import Catalog
from app.instruments.model import Answer, Instrument, ItemId, answer_from_document
from app.psychometrics.counts import (
    NO_SERIES,
    CompleteForm,
    Counts,
    SeriesCounts,
    complete_form,
    count_forms,
    layout_of,
    no_counts,
)
from app.storage.database import Database
from app.storage.statistics_tables import series_statistics, statistics
from app.storage.tables import submissions
from app.storage.types import AnyRow

_TOGETHER = 5000

_CURRENT = select(
    submissions.c.episode_id,
    submissions.c.instrument,
    submissions.c.instrument_version,
    submissions.c.rater,
    submissions.c.answers,
).where(submissions.c.organisation_id == bindparam("organisation"), submissions.c.current)
_COUNTED = select(statistics.c.instrument).where(statistics.c.organisation_id == bindparam("organisation")).limit(1)


async def recount(database: Database, catalog: Catalog) -> int:
    """Count the forms of each organisation of which nothing is counted yet, and return how many these were."""
    found = 0
    for row in await database.read(list_organisations, organisation=None):
        organisation: UUID = row.organisation_id
        work = partial(_recount, catalog, organisation=organisation)
        found += await database.write(work, organisation=organisation)
    return found


def _recount(catalog: Catalog, connection: Connection, *, organisation: UUID) -> bool:
    """Count all current forms; what is written meanwhile waits for the lock, and is added to what was counted."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE statistics IN SHARE ROW EXCLUSIVE MODE"))  # intake writes both at once
    sent = {"organisation": organisation}
    if connection.execute(_COUNTED, sent).first() is not None:
        return False
    tally = _Tally(catalog)
    for rows in connection.execute(_CURRENT, sent).partitions(_TOGETHER):
        tally.add(rows)
    if not tally.whole:
        return False
    whole = [_row(key, counts, organisation=organisation) for key, counts in sorted(tally.whole.items())]
    connection.execute(insert(statistics), whole)
    series = [_series_row(key, sums, organisation=organisation) for key, sums in sorted(tally.series.items())]
    connection.execute(insert(series_statistics), series)
    return True


def _row(key: tuple[str, str, str], counts: Counts, *, organisation: UUID) -> dict[str, object]:
    instrument, version, rater = key
    return {
        "organisation_id": organisation,
        "instrument": instrument,
        "instrument_version": version,
        "rater": rater,
        "forms": counts.forms,
        "counts": counts.to_document(),
    }


def _series_row(key: tuple[UUID, str, str, str], sums: SeriesCounts, *, organisation: UUID) -> dict[str, object]:
    episode, instrument, version, rater = key
    return {
        "organisation_id": organisation,
        "episode_id": episode,
        "instrument": instrument,
        "instrument_version": version,
        "rater": rater,
        "forms": sums.forms,
        "total": sums.total,
        "squares": sums.squares,
    }


class _Tally:
    """Counts on their way: by instrument version and rater, and by series."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.whole: dict[tuple[str, str, str], Counts] = {}
        self.series: dict[tuple[UUID, str, str, str], SeriesCounts] = {}

    def add(self, rows: Iterable[AnyRow]) -> None:
        """Count some forms; those of an instrument that the catalogue has no longer are left out."""
        forms: dict[tuple[str, str, str], list[CompleteForm]] = {}
        for row in rows:
            key = (row.instrument, row.instrument_version, row.rater)
            instrument = self._instrument(row)
            form = None if instrument is None else complete_form(instrument, _answers(row))
            if form is not None:
                forms.setdefault(key, []).append(form)
                place = (row.episode_id, *key)
                self.series[place] = self.series.get(place, NO_SERIES).added(form)
        for key, found in forms.items():
            layout = layout_of(self._catalog.get(key[0], key[1]))
            self.whole[key] = self.whole.get(key, no_counts(layout)).merged(count_forms(layout, found))

    def _instrument(self, row: AnyRow) -> Instrument | None:
        try:
            return self._catalog.get(row.instrument, row.instrument_version)
        except NotFound:
            return None


def _answers(row: AnyRow) -> dict[ItemId, Answer]:
    return {ItemId(item): answer_from_document(answer) for item, answer in row.answers.items()}
