"""Write the rows of one transaction, of many tables at once, with constant statements.

PostgreSQL takes them all in one statement, each table's rows as one JSON parameter, so that the statement is planned
once whatever the number of rows. SQLite runs in this process, where one statement for each table costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, TextClause, bindparam, insert, text, update

from app.storage.documents import to_json
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

NewRows = Mapping[Table, Sequence[Mapping[str, Any]]]

#: What intake writes, each table after those it refers to.
WRITTEN = (
    clients,
    therapists,
    episodes,
    submissions,
    sources,
    scores,
    assessments,
    withdrawals,
    idempotency_keys,
    events,
)
#: What changes of an episode that was there before.
_CHANGING = ("ending", "ended_session", "ended_at", "course")
_INSERTS = {table: insert(table) for table in WRITTEN}
_UPDATE = (
    update(episodes)
    .where(
        episodes.c.organisation_id == bindparam("of_organisation_id"),
        episodes.c.episode_id == bindparam("of_episode_id"),
    )
    .values({name: bindparam(name) for name in _CHANGING})
)


def write_rows(connection: Connection, new: NewRows, *, changed_episodes: Sequence[Mapping[str, Any]]) -> None:
    """Insert the new rows and update the changed episodes; a row that is there already raises its key's error."""
    if connection.dialect.name == "postgresql":
        sent: dict[str, Any] = {table.name: _json(new.get(table, ())) for table in WRITTEN}
        connection.execute(_ALL_AT_ONCE, {**sent, "changed_episodes": _json(changed_episodes)})
        return
    for table in WRITTEN:
        if rows := new.get(table):
            connection.execute(_INSERTS[table], rows)
    if changed_episodes:
        keys = ("organisation_id", "episode_id")
        connection.execute(
            _UPDATE,
            [
                {f"of_{key}": row[key] for key in keys} | {name: row[name] for name in _CHANGING}
                for row in changed_episodes
            ],
        )


def _all_at_once() -> TextClause:
    """Spell the one statement of PostgreSQL; a parameter is a JSON array of rows with the table's own column names."""
    rows = "json_populate_recordset(NULL::{table}, CAST(:{name} AS json))"
    inserts = [
        f"{t.name}_ AS (INSERT INTO {t.name} SELECT * FROM {rows.format(table=t.name, name=t.name)})"  # noqa: S608 - names of our own tables
        for t in WRITTEN
    ]
    changes = ", ".join(f"{name} = r.{name}" for name in _CHANGING)
    updates = (
        f"changed_ AS (UPDATE episodes SET {changes} "  # noqa: S608 - names of our own columns
        f"FROM {rows.format(table='episodes', name='changed_episodes')} AS r "
        "WHERE episodes.organisation_id = r.organisation_id AND episodes.episode_id = r.episode_id)"
    )
    return text(f"WITH {', '.join([*inserts, updates])} SELECT 1")


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows as PostgreSQL reads them; only bytes are spelled otherwise than JSON does."""
    return to_json([{name: _hex(v) if type(v) is bytes else v for name, v in row.items()} for row in rows])


def _hex(value: bytes) -> str:
    return "\\x" + value.hex()


_ALL_AT_ONCE = _all_at_once()
