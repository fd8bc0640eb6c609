"""The second wall: on PostgreSQL a transaction is bound to the one organisation whose rows it may see and write.

The binding ends with the transaction, so that no connection carries it into the next one, behind PgBouncer too. So
does the path of names: unless told otherwise PostgreSQL looks for a table among the connection's temporary ones first,
and one of the same name would stand in for ours, without its wall.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast
from uuid import UUID

from sqlalchemy import AdaptedConnection, Connection, text

from app.errors import StorageUnavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """How long one statement of a read, or of a write, may run on PostgreSQL [ms; 0: until it ends]."""

    read: int
    write: int


#: PostgreSQL goes on with what it was asked when nobody waits for it any more: of a request it ends by itself.
OF_REQUESTS = Spans(read=15_000, write=60_000)
#: What an operator runs may take hours.
UNHURRIED = Spans(read=0, write=0)

#: So long a write waits for a lock at most.
PATIENCE = "3s"
#: Where the tables are, and temporary ones, which it can't be kept from looking at, behind them.
SEARCH_PATH = "public, pg_temp"
#: Bound to the empty text, no row of any organisation is seen.
_BIND_WRITE = text(
    "SELECT set_config('lock_timeout', :patience, true), set_config('alliance.organisation', :organisation, true), "
    f"set_config('statement_timeout', :span, true), set_config('search_path', '{SEARCH_PATH}', true)"
)
#: A read sees one moment, as on SQLite: what is told of one form must not come from before, of another from after.
_BIND_READ = (
    f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = {SEARCH_PATH}; "
    "SET LOCAL statement_timeout = %d; SET LOCAL alliance.organisation = '%s'"
)


def bound_write(connection: Connection, *, work: Callable[[Connection], T], organisation: UUID | None, span: int) -> T:
    """Run a write within the transaction that the connection begins with it."""
    bound_to = _bound_to(organisation=organisation)
    connection.execute(_BIND_WRITE, {"patience": PATIENCE, "organisation": bound_to, "span": str(span)})
    return work(connection)


def bound_read(connection: Connection, *, work: Callable[[Connection], T], organisation: UUID | None, span: int) -> T:
    """Run a read on a connection in AUTOCOMMIT.

    The transaction begins and is bound in one message to the server, which SQLAlchemy has no way to send: so it is
    begun and ended here.
    """
    _send(connection, _BIND_READ % (span, _bound_to(organisation=organisation)))
    try:
        found = work(connection)
    except Exception:
        _end(connection, "ROLLBACK")
        raise
    except BaseException:
        connection.invalidate()  # cancelled: the connection is in the midst of something
        raise
    _end(connection, "COMMIT")
    return found


def _bound_to(*, organisation: UUID | None) -> str:
    return "" if organisation is None else organisation.hex


def _end(connection: Connection, statement: str) -> None:
    """End the transaction, unless the connection was lost and the transaction with it."""
    if not connection.invalidated:
        _send(connection, statement)


def _send(connection: Connection, statement: str) -> None:
    """Send a statement around SQLAlchemy; a connection on which it fails is closed, never given back."""
    driver = cast(AdaptedConnection, connection.connection.dbapi_connection)
    try:
        driver.run_async(lambda one: one.execute(statement))
    except Exception as error:
        connection.invalidate()
        raise StorageUnavailable from error
    except BaseException:
        connection.invalidate()
        raise
