"""Whether commits are flushed to the disk: read back of the connection that writes, since no kill -9 can show it."""

from __future__ import annotations

from sqlalchemy import Connection

from tests.harness import Service

_SQLITE = {"journal_mode": "wal", "synchronous": "2"}
_POSTGRESQL = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def unflushed(service: Service) -> list[str]:
    """List the settings under which a commit that was acknowledged could be lost with the power."""
    sqlite = service.runtime.database.name == "sqlite"
    ask, wanted = ("PRAGMA", _SQLITE) if sqlite else ("SHOW", _POSTGRESQL)

    def settings(connection: Connection) -> dict[str, str]:
        return {name: str(connection.exec_driver_sql(f"{ask} {name}").scalar()) for name in wanted}

    found = service.in_service(settings)
    return [f"{name} is {value}" for name, value in found.items() if value != wanted[name]]
