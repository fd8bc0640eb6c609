"""An SQLite file as a whole, all organisations in it: copied while others write, and looked at as it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from app.backup.files import flush, make_private
from app.backup.manifest import Head

#: So many pages are copied between two looks at how far it is.
PAGES: Final = 2_000
#: Whoever waits is told of a change every so often.
OnProgress = Callable[[int, int], None]

_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
_HEADS = """
    SELECT one.organisation_id, one.sequence, one.chain
    FROM (SELECT organisation_id, max(sequence) AS sequence FROM events GROUP BY organisation_id) AS last
    JOIN events AS one ON one.organisation_id = last.organisation_id AND one.sequence = last.sequence
    ORDER BY one.organisation_id
"""


def copy(source: Path, target: Path, *, on_progress: OnProgress, pages: int = PAGES) -> None:
    """Copy a file as it is at one moment, however long it takes and whatever is written meanwhile.

    The transaction that is open holds the moment: without it each write of another process would begin the copy anew.
    """
    with closing(sqlite3.connect(source, isolation_level=None)) as reading:
        reading.execute("PRAGMA query_only=ON")
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        with closing(sqlite3.connect(make_private(target))) as writing:
            reading.backup(writing, pages=pages, progress=lambda _status, left, total: on_progress(total - left, total))


def copy_without(source: Path, target: Path, tables: Sequence[str]) -> None:
    """Empty tables of a copy, overwriting what was there, and write what is left into another file."""
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=OFF")  # a journal would keep what is overwritten
        connection.execute("PRAGMA secure_delete=ON")
        for table in tables:
            connection.execute(f'DELETE FROM "{table}"')  # noqa: S608 - our own names
        connection.execute("VACUUM INTO ?", [str(make_private(target))])
    flush(source)
    source.unlink()
    flush(target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is in a file: its schema, how many rows of each table, and where each organisation's log ends."""

    migration: str
    rows: dict[str, int]
    heads: tuple[Head, ...]


def look(path: Path) -> Found:
    """Look what is in a file that nobody writes to."""
    with closing(_unchanged(path)) as connection:
        tables = [str(name) for (name,) in connection.execute(_TABLES)]
        return Found(
            migration=str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]),
            rows={
                name: int(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])  # noqa: S608 - see above
                for name in tables
                if name != "alembic_version"
            },
            heads=tuple(
                Head(organisation_id=UUID(organisation), sequence=sequence, chain=chain and bytes(chain).hex())
                for organisation, sequence, chain in connection.execute(_HEADS)
            ),
        )


def what_is_broken(path: Path) -> str:
    """Say what SQLite's own checks find wrong in a file that nobody writes to, or nothing."""
    try:
        with closing(_unchanged(path)) as connection:
            result = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
            if result != "ok":
                return result
            lost = connection.execute("PRAGMA foreign_key_check").fetchall()
            return f"{len(lost)} rows refer to what is not there" if lost else ""
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorname if hasattr(error, "sqlite_errorname") else "not an SQLite file"


def has_rows(path: Path) -> bool:
    """Say whether a database file holds anything that would be lost with it; it may be in use."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        tables = [str(name) for (name,) in connection.execute(_TABLES)]
        return any(
            connection.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchone()  # noqa: S608 - see above
            for name in tables
            if name != "alembic_version"
        )


def is_in_use(path: Path) -> bool:
    """Say whether somebody has a database file open; if nobody has, all of it is in the one file afterwards."""
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError:
            return True
    return False


def _unchanged(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
