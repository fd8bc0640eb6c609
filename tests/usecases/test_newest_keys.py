"""The one file of keys is replaced by what knows all that it knew, and by nothing less."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Table, delete

from app.backup.bundle import Ending, lines
from app.backup.files import put
from app.backup.newest import drafted
from app.errors import Misconfigured
from app.keys.rotate import rotate
from app.storage.key_tables import client_keys, organisation_keys
from app.storage.people_tables import erasures
from tests.harness import Clinic, form
from tests.usecases.erasing import erased


@pytest.fixture
def keys(clinic: Clinic, tmp_path: Path) -> Path:
    """A file of keys of a clinic with two clients, one of whom is erased."""
    gone = clinic.recorded(form(client_ref="gone"))
    clinic.recorded(form(client_ref="there"))
    keys = tmp_path / "keys" / "keys-latest"
    assert written(clinic, keys).rows == {"client_keys": 2, "organisation_keys": 1, "erasures": 0}
    assert erased(clinic, gone["client_id"]).status_code == 200
    assert written(clinic, keys).rows == {"client_keys": 1, "organisation_keys": 1, "erasures": 1}
    return keys


def written(
    clinic: Clinic, keys: Path, *, organisations: Sequence[UUID] | None = None, replace: bool = False
) -> Ending:
    """Write the newest keys over those of before."""

    async def work() -> Ending:
        asked = [clinic.organisation] if organisations is None else organisations
        newest = drafted(clinic.service.runtime, keys, organisations=asked, migration="-", replace=replace)
        async with newest as (draft, ending):
            put(draft, keys)
        return ending

    return clinic.service.portal.call(work)


def lost(clinic: Clinic, *tables: Table) -> None:
    """Lose what a database lacks between pg_restore and `alliance backup finish`."""
    for table in tables:
        gone = delete(table).where(table.c.organisation_id == clinic.organisation)
        clinic.service.write(partial(lambda gone, connection: connection.execute(gone).close(), gone))


def refused(clinic: Clinic, keys: Path, *, organisations: Sequence[UUID] | None = None) -> str:
    """Have it refused: the file is as it was, and nothing lies beside it."""
    before = keys.read_bytes()
    with pytest.raises(Misconfigured) as told:
        written(clinic, keys, organisations=organisations)
    assert keys.read_bytes() == before
    assert sorted(one.name for one in keys.parent.iterdir()) == [".keys-latest.lock", "keys-latest"]
    return str(told.value)


def test_what_was_erased_or_rotated_goes(clinic: Clinic, keys: Path) -> None:
    """An erased client's key is missed by nobody; a rotation leaves the older keys, retired, beside the new ones."""
    rotating = partial(rotate, clinic.service.runtime, organisation=clinic.organisation, clients=True)
    clinic.service.portal.call(rotating)
    assert written(clinic, keys).rows == {"client_keys": 2, "organisation_keys": 2, "erasures": 1}
    clinic.recorded(form(client_ref="new"))
    assert written(clinic, keys).rows == {"client_keys": 3, "organisation_keys": 2, "erasures": 1}


def test_keys_of_clients_without_a_tombstone_are_not_lost(clinic: Clinic, keys: Path) -> None:
    """As after pg_restore, which brings the organisation's keys, and before the keys were brought in."""
    lost(clinic, client_keys)
    assert "lacks: 1 key of a client. Nothing was written" in refused(clinic, keys)


def test_tombstones_are_not_lost(clinic: Clinic, keys: Path) -> None:
    """Without one whoever was erased comes back with the next restore."""
    lost(clinic, erasures)
    assert "lacks: 1 erased client. Nothing was written" in refused(clinic, keys)


def test_keys_of_organisations_are_not_lost(clinic: Clinic, keys: Path) -> None:
    """They wrap the clients', of older data too."""
    lost(clinic, client_keys, organisation_keys, erasures)
    told = refused(clinic, keys)
    assert "1 key of a client" in told
    assert "1 key of an organisation" in told
    assert "1 erased client" in told


def test_organisations_are_not_lost(clinic: Clinic, keys: Path) -> None:
    """Those of a new database are others."""
    other = clinic.service.clinic()
    assert "lacks: 1 organisation, " in refused(other, keys)


def test_what_can_not_be_read_is_not_lost(clinic: Clinic, keys: Path) -> None:
    """It may be of other secrets than those that happen to be there now."""
    keys.write_bytes(keys.read_bytes()[:-2])
    assert "add --replace-keys to lose it" in refused(clinic, keys)


def test_who_means_it_loses_them(clinic: Clinic, keys: Path) -> None:
    """When asked to, whatever is missing."""
    lost(clinic, client_keys, erasures)
    assert written(clinic, keys, replace=True).rows == {"client_keys": 0, "organisation_keys": 1, "erasures": 0}
    assert [table for _, table, _ in lines(keys)] == ["organisation_keys"]
