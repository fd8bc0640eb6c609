"""Write the rows of one transaction, of many tables at once, with constant statements.

PostgreSQL takes them all in one statement, each table's rows as one JSON parameter, so that the statement is planned
once whatever the number of rows. SQLite runs in this process, where one statement for each table costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, LargeBinary, Table, TextClause, bindparam, insert, text, update

from app.storage.documents import to_json
from app.storage.key_tables import client_keys
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
    client_keys,
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
_CHANGING = ("ending", "ended_session", "ended_at", "course", "last_session", "last_completed_at")
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
    """Update the changed episodes and insert the new rows; a row that is there already raises its key's error.

    Where an episode ends and the next one opens, the first is closed before: two people have one open at most.
    """
    if connection.dialect.name == "postgresql":
        sent: dict[str, Any] = {table.name: _json(table, new.get(table, ())) for table in WRITTEN}
        if new.get(episodes) and changed_episodes:
            connection.execute(_UPDATE_ALONE, _changes(changed_episodes))
            changed_episodes = ()
        connection.execute(_ALL_AT_ONCE, sent | _changes(changed_episodes))
        return
    if changed_episodes:
        keys = ("organisation_id", "episode_id")
        connection.execute(
            _UPDATE,
            [
                {f"of_{key}": row[key] for key in keys} | {name: row[name] for name in _CHANGING}
                for row in changed_episodes
            ],
        )
    for table in WRITTEN:
        if rows := new.get(table):
            connection.execute(_INSERTS[table], rows)


def _rows(table: str, parameter: str) -> str:
    return f"json_populate_recordset(NULL::{table}, CAST(:{parameter} AS json))"


def _insert(table: Table) -> str:
    names = ", ".join(f'"{column.name}"' for column in table.columns if column.computed is None)
    return f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {_rows(table.name, table.name)}"  # noqa: S608 - our own names


def _update() -> str:
    """Spell the update. The keys are sent beside the rows: joined with those alone, it reads the whole table.

    How many rows JSON holds is not known when the statement is planned, and the plan is kept while the table grows.
    """
    changes = ", ".join(f"{name} = r.{name}" for name in _CHANGING)
    return (
        f"UPDATE episodes SET {changes} FROM {_rows('episodes', 'changed_episodes')} AS r "  # noqa: S608 - our own names
        "WHERE episodes.organisation_id = r.organisation_id AND episodes.episode_id = r.episode_id "
        "AND episodes.organisation_id = ANY(CAST(:changed_in AS uuid[])) "
        "AND episodes.episode_id = ANY(CAST(:changed_ids AS uuid[]))"
    )


def _changes(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "changed_episodes": _json(episodes, rows),
        "changed_in": list({row["organisation_id"] for row in rows}),
        "changed_ids": [row["episode_id"] for row in rows],
    }


def _all_at_once() -> TextClause:
    """Spell the one statement of PostgreSQL; a parameter is a JSON array of rows with the table's own column names."""
    parts = [*(f"{table.name}_ AS ({_insert(table)})" for table in WRITTEN), f"changed_ AS ({_update()})"]
    return text(f"WITH {', '.join(parts)} SELECT 1")


def _json(table: Table, rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows as PostgreSQL reads them; only bytes are spelled otherwise than JSON does."""
    if names := _BYTES[table]:
        return to_json([{**row, **{name: _hex(row.get(name)) for name in names}} for row in rows])
    return to_json(rows)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else "\\x" + value.hex()


_BYTES = {
    table: tuple(column.name for column in table.columns if isinstance(column.type, LargeBinary)) for table in WRITTEN
}
_ALL_AT_ONCE = _all_at_once()
_UPDATE_ALONE = text(_update())
