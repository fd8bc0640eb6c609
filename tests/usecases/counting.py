"""The slow way to count: each current form, answer by answer, against the rows that intake keeps."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from app.instruments.catalog import Catalog
from app.storage.statistics_tables import series_statistics, statistics
from app.storage.tables import submissions

Rows = dict[tuple[Any, ...], tuple[Any, ...]]


def complete_forms(
    connection: Connection, catalog: Catalog, organisation: UUID
) -> dict[tuple[Any, ...], list[list[int]]]:
    """Read the current forms in which every scored item has a number, turned, by episode, instrument and rater."""
    found: dict[tuple[Any, ...], list[list[int]]] = defaultdict(list)
    current = select(submissions).where(submissions.c.organisation_id == organisation, submissions.c.current)
    for row in connection.execute(current):
        instrument = catalog.get(row.instrument, row.instrument_version)
        scored = [item for item in instrument.items if item.role == "scored"]
        given = [row.answers.get(item.id) for item in scored]
        if all(isinstance(answer, int) for answer in given):
            turn = instrument.minimum + instrument.maximum
            form = [turn - answer if item.reversed else answer for item, answer in zip(scored, given, strict=True)]
            found[row.episode_id, row.instrument, row.instrument_version, row.rater].append(form)
    return found


def counted(connection: Connection, catalog: Catalog, organisation: UUID) -> tuple[Rows, Rows]:
    """Count what should be in both tables."""
    whole: Rows = {}
    series: Rows = {}
    together: dict[tuple[Any, ...], list[list[int]]] = defaultdict(list)
    for place, forms in complete_forms(connection, catalog, organisation).items():
        totals = [sum(form) for form in forms]
        series[place] = (len(forms), sum(totals), sum(total * total for total in totals))
        together[place[1:]] += forms
    for key, forms in together.items():
        instrument = catalog.get(key[0], key[1])
        items, options = range(len(forms[0])), range(instrument.minimum, instrument.maximum + 1)
        numbers = [sum(form[item] for form in forms) for item in items]
        numbers += [sum(form[a] * form[b] for form in forms) for a in items for b in items if a <= b]
        numbers += [sum(form[item] == option for form in forms) for item in items for option in options]
        whole[key] = (len(forms), numbers)
    return whole, series


def kept(connection: Connection, organisation: UUID) -> tuple[Rows, Rows]:
    """Read what is in both tables; a row without forms must be empty, and is like none."""
    whole: Rows = {}
    series: Rows = {}
    of_all = select(statistics).where(statistics.c.organisation_id == organisation)
    for row in connection.execute(of_all):
        assert row.forms > 0 or not any(row.counts)
        if row.forms:
            whole[row.instrument, row.instrument_version, row.rater] = (row.forms, list(row.counts))
    of_each = select(series_statistics).where(series_statistics.c.organisation_id == organisation)
    for row in connection.execute(of_each):
        assert row.forms > 0 or (row.total, row.squares) == (0, 0)
        if row.forms:
            key = (row.episode_id, row.instrument, row.instrument_version, row.rater)
            series[key] = (row.forms, row.total, row.squares)
    return whole, series


def check_statistics(connection: Connection, catalog: Catalog, organisation: UUID) -> None:
    """Check that what intake kept is what all current forms counted anew give, to the last integer."""
    assert kept(connection, organisation) == counted(connection, catalog, organisation)
