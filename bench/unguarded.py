"""The service without encryption and without its log of events: what the two cost is measured against it.

It changes modules in this process, and then does as `alliance` does. Nothing of it is in the service.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table

from app.cli.main import run
from app.storage.key_tables import client_keys
from app.storage.rows import write_rows
from app.storage.tables import events
from app.storage.vault import OrganisationVault
from app.submissions import write

#: What is not written.
LEFT_OUT = {events, client_keys}


def _less(connection: Connection, rows: dict[Table, Any], **options: Any) -> None:
    write_rows(connection, {table: made for table, made in rows.items() if table not in LEFT_OUT}, **options)


def leave_out_guards() -> None:
    """Seal nothing, and write down no event of intake."""
    vars(write)["write_rows"] = _less
    sealing: Any = OrganisationVault
    sealing.new_client_key = lambda _self, _client: (None, {})
    sealing.look_up = lambda _self, _clients: None
    for name in ("seal", "seal_for", "seal_client", "seal_therapist", "seal_episode"):
        setattr(sealing, name, lambda *_: None)


if __name__ == "__main__":
    leave_out_guards()
    run()
