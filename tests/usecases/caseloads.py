"""Caseloads made of rows, without forms; and the order of attention counted in plain Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert
from uuid_utils.compat import uuid7

from app.storage.tables import clients, episodes, signals, therapists
from tests.harness import Clinic


@dataclass(frozen=True, kw_only=True)
class Made:
    """Rows of a caseload, by table."""

    therapists: list[dict[str, Any]] = field(default_factory=list)
    clients: list[dict[str, Any]] = field(default_factory=list)
    episodes: list[dict[str, Any]] = field(default_factory=list)
    signals: list[dict[str, Any]] = field(default_factory=list)

    def add_therapist(self, organisation: UUID, at: datetime) -> UUID:
        """Add a therapist."""
        self.therapists.append(person(organisation, "therapist_id", at))
        made: UUID = self.therapists[-1]["therapist_id"]
        return made

    def add_episode(self, organisation: UUID, therapist_id: UUID, **columns: Any) -> UUID:
        """Add a client with an episode; columns replace the usual ones."""
        at = columns.get("opened_at", datetime.fromisoformat("2026-01-01T00:00:00Z"))
        self.clients.append(person(organisation, "client_id", at))
        row = {
            "organisation_id": organisation,
            "episode_id": uuid7(),
            "client_id": self.clients[-1]["client_id"],
            "therapist_id": therapist_id,
            "opened_at": at,
            "ending": None,
            "last_session": None,
            "last_completed_at": None,
            "expected_sessions": None,
            "cadence_days": None,
        } | columns
        self.episodes.append(row)
        made: UUID = row["episode_id"]
        return made

    def add_signal(self, episode_id: UUID, **columns: Any) -> UUID:
        """Add a signal to an episode; columns replace the usual ones."""
        of = next(row for row in reversed(self.episodes) if row["episode_id"] == episode_id)
        opened = columns.get("opened_at", of["opened_at"])
        row = {
            **{name: of[name] for name in ("organisation_id", "client_id", "therapist_id", "episode_id")},
            "signal_id": uuid7(),
            "submission_id": uuid7(),
            "instrument": "trq-s",
            "rater": "client",
            "rule": "RUP-1",
            "level": "alert",
            "opened_session": 3,
            "state": "open",
            "closed_session": None,
            "detail": {},
            "opened_at": opened,
            "changed_at": opened,
            "acknowledged_at": None,
        } | columns
        self.signals.append(row)
        made: UUID = row["signal_id"]
        return made

    def write(self, clinic: Clinic) -> None:
        """Write all rows."""
        tables = (
            (therapists, self.therapists), (clients, self.clients), (episodes, self.episodes), (signals, self.signals),
        )  # fmt: skip

        def work(connection: Connection) -> None:
            for table, rows in tables:
                if rows:
                    connection.execute(insert(table), rows)

        clinic.service.write(work)


def person(organisation: UUID, name: str, at: datetime) -> dict[str, Any]:
    """Make a client or a therapist whom nobody has a reference for."""
    made = uuid7()
    return {
        "organisation_id": organisation,
        name: made,
        "reference_key": "test",
        "reference": made.bytes * 2,
        "created_at": at,
    }


def drawn(rng: random.Random, organisation: UUID, *, number: int, now: datetime) -> Made:
    """Draw a caseload with every state, often at the edge of the next one, and with ties."""
    made = Made()
    people = [made.add_therapist(organisation, now) for _ in range(max(2, number // 25))]
    for _ in range(number):
        cadence = rng.choice([None, 1, 3, 5, 6, 7, 14, 30])
        edge = missed_after(cadence) if cadence else 0
        last = None if rng.random() < 0.1 else now - timedelta(seconds=edge + rng.choice([-86400, -1, 0, 1, 86400]))
        episode = made.add_episode(
            organisation,
            rng.choice(people),
            opened_at=now - timedelta(days=rng.randrange(5)),
            ending=rng.choice([None, None, None, "planned"]),
            last_session=None if last is None else rng.randrange(1, 14),
            last_completed_at=last,
            expected_sessions=rng.choice([None, 12]),
            cadence_days=cadence,
        )
        for _ in range(rng.choice([0, 0, 0, 1, 2, 4])):
            opened = now - timedelta(days=rng.randrange(4))
            made.add_signal(
                episode,
                rule=rng.choice(["RUP-1", "LOW", "DECLINE", "cut_off.published", "reported.rupture"]),
                level=rng.choice(["alert", "watch"]),
                state=rng.choice(["open", "open", "repaired", "passed", "retracted"]),
                opened_session=rng.randrange(1, 14),
                opened_at=opened,
                changed_at=opened,
                acknowledged_at=rng.choice([None, None, opened]),
            )
    return made


def missed_after(cadence: int) -> int:
    """Count the seconds from the last form until one is missing: 1.5 cadences, and 3 days late at least."""
    return int(max(1.5 * cadence, cadence + 3) * 86400)


def expected(made: Made, *, now: datetime, of: Sequence[UUID] | None = None) -> list[tuple[str, UUID, UUID | None]]:
    """Order the open episodes as the page of the docs says: state, episode, and the signal it is told by."""
    rows = [
        _told(made, row, now)
        for row in made.episodes
        if row["ending"] is None and (of is None or row["therapist_id"] in of)
    ]
    return [row[2:] for row in sorted(rows, key=lambda row: (row[0], row[1], row[3].hex))]


def _told(made: Made, row: dict[str, Any], now: datetime) -> tuple[int, int, str, UUID, UUID | None]:
    mine = [one for one in made.signals if one["episode_id"] == row["episode_id"] and one["state"] == "open"]
    new = [one for one in mine if one["acknowledged_at"] is None]
    for rank, state, found in (
        (0, "alert", [one for one in new if one["level"] == "alert"]),
        (1, "watch", [one for one in new if one["level"] == "watch"]),
        (3, "acknowledged", [one for one in mine if one["acknowledged_at"] is not None]),
    ):
        if rank == 3 and (since := _missing_since(row, now)) is not None:
            return 2, since, "missing_form", row["episode_id"], None
        if found:
            first = min(found, key=lambda one: (one["opened_at"], one["signal_id"].hex))
            return rank, int(first["opened_at"].timestamp()), state, row["episode_id"], first["signal_id"]
    return 4, int(row["opened_at"].timestamp()), "none", row["episode_id"], None


def _missing_since(row: dict[str, Any], now: datetime) -> int | None:
    if row["cadence_days"] is None or row["last_completed_at"] is None:
        return None
    if row["expected_sessions"] is not None and row["last_session"] >= row["expected_sessions"]:
        return None
    since = int(row["last_completed_at"].timestamp()) + missed_after(row["cadence_days"])
    return since if since <= int(now.timestamp()) else None
