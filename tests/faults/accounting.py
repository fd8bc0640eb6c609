"""What must be true of a database after any fault: nothing lost, nothing doubled, nothing half written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Connection, Table, select

from app.storage.tables import assessments, events, idempotency_keys, scores, submissions

SCORES_OF_TRQ_S = 11


def faults(connection: Connection, acknowledged: Iterable[UUID], *, organisation: UUID) -> list[str]:
    """List what is wrong with an organisation's rows, given the ids that were acknowledged."""

    def ids(table: Table) -> Counter[UUID]:
        rows = connection.execute(select(table.c.submission_id).where(table.c.organisation_id == organisation))
        return Counter(row[0] for row in rows)

    stored = ids(submissions)
    recorded = Counter(
        UUID(row.subject["submission_id"])
        for row in connection.execute(
            select(events.c.subject).where(
                events.c.organisation_id == organisation, events.c.kind == "submission.recorded"
            )
        )
    )
    places = Counter(
        tuple(row)
        for row in connection.execute(
            select(
                submissions.c.client_id,
                submissions.c.session_number,
                submissions.c.instrument,
                submissions.c.rater,
            ).where(submissions.c.organisation_id == organisation)
        )
    )
    found = [f"lost: {one}" for one in set(acknowledged) - stored.keys()]
    found += [f"doubled: {place}" for place, times in places.items() if times > 1]
    for name, counted, expected in (
        ("scores", ids(scores), SCORES_OF_TRQ_S),
        ("assessment", ids(assessments), 1),
        ("event", recorded, 1),
        ("key", ids(idempotency_keys), 1),
    ):
        found += [f"{name} of {one}: {counted[one]}" for one in stored if counted[one] != expected]
        found += [f"{name} without a form: {one}" for one in counted.keys() - stored.keys()]
    return found
