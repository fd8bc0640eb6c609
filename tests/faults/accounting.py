"""What must be true of a database after any fault: nothing lost, nothing doubled, nothing half written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Table, select

from app.instruments.catalog import shipped
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
    withdrawals,
)
from app.storage.types import AnyRow
from tests.usecases import counting

#: Of the instruments that the tests post.
SCORES = {"trq-s": 11, "trq-s-t": 11, "wai-sr": 4}


def faults(
    connection: Connection, acknowledged: Iterable[UUID], *, organisation: UUID, keys_of_a_form: int = 1
) -> list[str]:
    """List what is wrong with an organisation's rows, given the ids that were acknowledged."""
    forms = connection.execute(
        select(submissions, episodes.c.reference)
        .join(episodes, episodes.c.episode_id == submissions.c.episode_id, isouter=True)
        .where(submissions.c.organisation_id == organisation)
    ).all()
    stored = {row.submission_id: row.instrument for row in forms}
    places = Counter(
        (row.client_id, row.reference, row.session_number, row.instrument, row.rater) for row in forms if row.current
    )
    found = [f"lost: {one}" for one in set(acknowledged) - stored.keys()]
    found += [f"doubled: {place}" for place, times in places.items() if times > 1]
    found += _belonging(connection, stored, organisation=organisation, keys_of_a_form=keys_of_a_form)
    found += _fates(connection, forms, organisation=organisation)
    found += _revisions(connection, organisation=organisation)
    found += _places(connection, organisation=organisation)
    if counting.kept(connection, organisation) != counting.counted(connection, shipped(), organisation):
        found.append("statistics: not those of the current forms")
    return found


def _belonging(
    connection: Connection, stored: Mapping[UUID, str], *, organisation: UUID, keys_of_a_form: int
) -> list[str]:
    """List the forms that lack a part of theirs or have one too many, and the parts that lack their form."""
    found = []
    told = _subjects(connection, "submission.recorded", "submission_id", organisation)
    told += _subjects(connection, "submission.corrected", "submission_id", organisation)
    keys = _ids(connection, idempotency_keys, "submission_id", organisation, idempotency_keys.c.route != "withdrawals")
    first = _ids(connection, assessments, "submission_id", organisation, assessments.c.revision == 1)
    for name, counted, expected in (
        ("scores", _ids(connection, scores, "submission_id", organisation), None),
        ("assessment", first, 1),
        ("event", told, 1),
        ("key", keys, keys_of_a_form),
    ):
        wanted = {one: SCORES[instrument] if expected is None else expected for one, instrument in stored.items()}
        found += [f"{name} of {one}: {counted[one]}" for one, times in wanted.items() if counted[one] != times]
        found += [f"{name} without a form: {one}" for one in counted.keys() - stored.keys()]
    named = _ids(connection, sources, "submission_id", organisation)
    return found + [f"source without a form: {one}" for one in named.keys() - stored.keys()]


def _fates(connection: Connection, forms: Iterable[AnyRow], *, organisation: UUID) -> list[str]:
    """List the forms that are current although something became of them, and those that are not although nothing did.

    A form has one fate at most: one successor, or one withdrawal whose event is there.
    """
    withdrawn = _ids(connection, withdrawals, "submission_id", organisation)
    fates = withdrawn + Counter(row.supersedes for row in forms if row.supersedes is not None)
    found = [f"fates of {row.submission_id}" for row in forms if fates[row.submission_id] != (not row.current)]
    if _subjects(connection, "submission.withdrawn", "submission_id", organisation) != withdrawn:
        found.append("submission.withdrawn: not one for each")
    return found


def _revisions(connection: Connection, *, organisation: UUID) -> list[str]:
    """List the forms whose assessments are not numbered from 1 without a gap, or name no reason for a later one."""
    rows = connection.execute(select(assessments).where(assessments.c.organisation_id == organisation)).all()
    numbers: dict[UUID, list[int]] = {}
    for row in rows:
        numbers.setdefault(row.submission_id, []).append(row.revision)
    found = [f"revisions of {one}: {n}" for one, n in numbers.items() if sorted(n) != list(range(1, len(n) + 1))]
    wrong = [row for row in rows if (row.because_of is None) != (row.revision == 1)]
    return found + [f"reason of revision {row.revision} of {row.submission_id}" for row in wrong]


def _places(connection: Connection, *, organisation: UUID) -> list[str]:
    """List the people and episodes without a form, the forms without them, and those whose event is not there once."""
    found = []
    for table, name, kind in (
        (clients, "client_id", "client.created"),
        (therapists, "therapist_id", None),
        (episodes, "episode_id", "episode.opened"),
    ):
        there = _ids(connection, table, name, organisation)
        meant = _ids(connection, submissions, name, organisation)
        found += [f"{name} without a form: {one}" for one in there.keys() - meant.keys()]
        found += [f"form without a {name}: {one}" for one in meant.keys() - there.keys()]
        if kind is not None and _subjects(connection, kind, name, organisation) != there:
            found.append(f"{kind}: not one for each")
    ended = connection.execute(
        select(episodes.c.episode_id).where(episodes.c.organisation_id == organisation, episodes.c.ending.is_not(None))
    )
    told = _subjects(connection, "episode.ended", "episode_id", organisation)
    told.subtract(_subjects(connection, "episode.reopened", "episode_id", organisation))
    if {one: times for one, times in told.items() if times} != dict.fromkeys((row[0] for row in ended), 1):
        found.append("episode.ended: not one for each")
    return found


def _ids(
    connection: Connection, table: Table, name: str, organisation: UUID, *only: ColumnElement[bool]
) -> Counter[UUID]:
    rows = connection.execute(select(table.c[name]).where(table.c.organisation_id == organisation, *only))
    return Counter(row[0] for row in rows)


def _subjects(connection: Connection, kind: str, name: str, organisation: UUID) -> Counter[UUID]:
    rows = connection.execute(
        select(events.c.subject).where(events.c.organisation_id == organisation, events.c.kind == kind)
    )
    return Counter(UUID(row.subject[name]) for row in rows)
