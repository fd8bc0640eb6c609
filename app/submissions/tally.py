"""Keep count of complete forms, exactly: what came in is added, what was corrected or withdrawn is taken away.

Last in its transaction, with keys in order: the row of an instrument is one that every transaction of the organisation
wants, and it is held for the commit only. Rows of a series are under the lock of their episode.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import add
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, TextClause, bindparam, select, text
from sqlalchemy.dialects.sqlite import Insert, insert

from app.episodes.course import CourseForm
from app.instruments.model import Instrument
from app.psychometrics.counts import NO_SERIES, CompleteForm, Counts, complete_form, count_forms, layout_of
from app.storage.documents import to_json
from app.storage.statistics_tables import series_statistics, statistics

#: What makes a row of each table one's own, the organisation first.
_NAMES = {table.name: [key.name for key in table.primary_key.columns] for table in (statistics, series_statistics)}

#: An instrument version and a rater; for a series with its episode before.
_Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The forms that came into an episode, and those that count no longer."""

    episode_id: UUID
    arrived: Sequence[CourseForm]
    gone: Sequence[CourseForm]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """The complete forms of one key that came and went."""

    instrument: Instrument
    arrived: list[CompleteForm]
    gone: list[CompleteForm]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsRows:
    """What is to be added to the rows of both tables, in the order of their keys."""

    statistics: list[dict[str, Any]]
    series: list[dict[str, Any]]


def statistics_rows(moved: Iterable[Moved], *, organisation: UUID) -> StatisticsRows:
    """Count the complete forms that came and went; what adds up to nothing is left out."""
    whole: dict[_Key, _Group] = {}
    series: dict[_Key, _Group] = {}
    for one in moved:
        for forms, came in ((one.arrived, True), (one.gone, False)):
            for form in forms:
                counted = complete_form(form.instrument, form.answers)
                if counted is not None:
                    key = (form.instrument.key, form.instrument.version, form.rater)
                    _note(whole, key, form.instrument, counted, came=came)
                    _note(series, (one.episode_id, *key), form.instrument, counted, came=came)
    return StatisticsRows(
        statistics=[
            {
                **_named(statistics, key, organisation=organisation),
                "forms": counts.forms,
                "counts": counts.to_document(),
            }
            for key, group in sorted(whole.items())
            if any((counts := _change(group)).numbers)
        ],
        series=[
            {**_named(series_statistics, key, organisation=organisation), **changed}
            for key, group in sorted(series.items())
            if any((changed := _series_change(group)).values())
        ],
    )


def keep_count(connection: Connection, moved: Iterable[Moved], *, organisation: UUID) -> None:
    """Add what came and take away what went, as the last thing that the transaction writes."""
    rows = statistics_rows(moved, organisation=organisation)
    if not rows.statistics and not rows.series:
        return
    if connection.dialect.name == "postgresql":
        sent = {"statistics": to_json(rows.statistics), "series_statistics": to_json(rows.series)}
        connection.execute(_ADD_BOTH, sent)
        return
    for row in rows.statistics:
        there = connection.execute(_COUNTS, {f"of_{name}": row[name] for name in _NAMES["statistics"]}).scalar()
        connection.execute(_PUT, row if there is None else row | {"counts": list(map(add, there, row["counts"]))})
    if rows.series:
        connection.execute(_ADD_SERIES, rows.series)


def _note(groups: dict[_Key, _Group], key: _Key, instrument: Instrument, form: CompleteForm, *, came: bool) -> None:
    group = groups.setdefault(key, _Group(instrument=instrument, arrived=[], gone=[]))
    (group.arrived if came else group.gone).append(form)


def _change(group: _Group) -> Counts:
    layout = layout_of(group.instrument)
    arrived = count_forms(layout, group.arrived)
    return arrived.without(count_forms(layout, group.gone)) if group.gone else arrived


def _series_change(group: _Group) -> dict[str, int]:
    counts = NO_SERIES
    for form in group.arrived:
        counts = counts.added(form)
    for form in group.gone:
        counts = counts.removed(form)
    return {"forms": counts.forms, "total": counts.total, "squares": counts.squares}


def _named(table: Table, key: _Key, *, organisation: UUID) -> Mapping[str, Any]:
    return dict(zip(_NAMES[table.name], (organisation, *key), strict=True))


def _adding(table: Table, changes: str) -> str:
    """Spell for PostgreSQL: add rows of JSON to those that are there."""
    names, keys = ", ".join(column.name for column in table.columns), ", ".join(_NAMES[table.name])
    return (
        f"INSERT INTO {table.name} ({names}) SELECT {names} "  # noqa: S608 - our own names
        f"FROM json_populate_recordset(NULL::{table.name}, CAST(:{table.name} AS json)) ORDER BY {keys} "
        f"ON CONFLICT ({keys}) DO UPDATE SET {changes}"
    )


def _plus(table: Table, *names: str) -> str:
    return ", ".join(f"{name} = {table.name}.{name} + excluded.{name}" for name in names)


def _add_both() -> TextClause:
    place_by_place = (
        "counts = (SELECT array_agg(one + other ORDER BY place) "
        "FROM unnest(statistics.counts, excluded.counts) WITH ORDINALITY AS u(one, other, place))"
    )
    series = _adding(series_statistics, _plus(series_statistics, *_SUMS))
    whole = _adding(statistics, f"{_plus(statistics, 'forms')}, {place_by_place}")
    return text(f"WITH series_ AS ({series}) {whole}")


def _put() -> Insert:
    """Put a row of counts, which holds what was there already, in its place."""
    put = insert(statistics)
    return put.on_conflict_do_update(
        index_elements=["organisation_id", "instrument", "instrument_version", "rater"],
        set_={"forms": statistics.c.forms + put.excluded.forms, "counts": put.excluded.counts},
    )


def _add_series() -> Insert:
    """Add to the rows of series."""
    add_to = insert(series_statistics)
    return add_to.on_conflict_do_update(
        index_elements=["organisation_id", "episode_id", "instrument", "instrument_version", "rater"],
        set_={name: series_statistics.c[name] + add_to.excluded[name] for name in _SUMS},
    )


_SUMS = ("forms", "total", "squares")
_ADD_BOTH = _add_both()
_COUNTS = select(statistics.c.counts).where(
    statistics.c.organisation_id == bindparam("of_organisation_id"),
    *(statistics.c[name] == bindparam(f"of_{name}") for name in _NAMES["statistics"][1:]),
)
_PUT = _put()
_ADD_SERIES = _add_series()
