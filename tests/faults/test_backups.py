"""What a backup must be beyond its harness: whole or not there, without keys, and newer keys than data."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal

from app.backup.bundle import check_bundle
from app.backup.manifest import DATA
from app.backup.restore import restore
from app.keys.rotate import rotate
from tests.faults import backups
from tests.faults.backups import Yard
from tests.faults.counts import Counts
from tests.faults.killed_backup import POINTS
from tests.harness import Service


@pytest.fixture
def yard(tmp_path: Path, portal: BlockingPortal) -> Iterator[Yard]:
    """A service on SQLite with some forms of two clients in it."""
    with Service.start(f"sqlite:///{tmp_path / 'alliance.db'}", portal, secrets=tmp_path / "secrets") as service:
        yard = Yard(service=service, to=tmp_path / "backups", elsewhere=tmp_path, chance=Random(1))
        yard.post("c-1", 1)
        yard.post("c-1", 2)
        yard.post("c-2", 1)
        yield yard


def whole(folder: Path) -> list[Path]:
    """List what looks like a backup."""
    return [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]


def test_a_backup_that_is_killed_is_no_backup(yard: Yard, tmp_path: Path) -> None:
    """At whichever point: nothing looks whole, keys are whole or not there, and the next backup clears up."""
    secrets = str(yard.runtime.secrets_dir)
    running = {
        point: subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.faults.killed_backup",
                yard.service.database_url,
                secrets,
                tmp_path / point,
                point,
            ]
        )
        for point in POINTS
    }
    assert {point: one.wait() for point, one in running.items()} == dict.fromkeys(POINTS, -signal.SIGKILL)
    for point in POINTS:
        yard.to = tmp_path / point
        assert whole(yard.to) == []
        assert [path.name.startswith(".draft-") for path in yard.to.iterdir() if path.is_dir()] == [True]
        if (yard.to / "keys-latest").exists():
            check_bundle(yard.to / "keys-latest", keys=yard.runtime.keys)
        made = yard.backed_up()
        assert whole(yard.to) == [made.folder]
        assert sorted(path.name for path in yard.to.iterdir()) == [
            ".keys-latest.lock", ".lock", made.folder.name, "keys-latest",
        ]  # fmt: skip
        assert yard.verified(made) == []
    assert (tmp_path / "half_named" / "keys-latest").exists()


def test_no_key_of_a_client_is_in_the_data(yard: Yard) -> None:
    """Neither as a row nor anywhere in the bytes; what is sealed is there, and the keys' file has them all."""
    with closing(sqlite3.connect(yard.database)) as connection:
        keys = [bytes(one) for (one,) in connection.execute("SELECT wrapped FROM client_keys")]
        sealed = [bytes(one) for (one,) in connection.execute("SELECT sealed_comment FROM submissions")]
    made = yard.backed_up()
    data = (made.folder / DATA).read_bytes()
    assert len(keys) == 2
    assert [key for key in keys if key in data] == []
    assert [one for one in sealed if one not in data] == []
    assert made.bundle.rows == {"client_keys": 2, "organisation_keys": 1, "erasures": 0}


def test_only_the_owner_reads_what_is_written(yard: Yard) -> None:
    """Folders 0700 and files 0600, those of a restored database too."""
    made = yard.backed_up()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (yard.to, *yard.to.rglob("*"))}
    with yard.restoring(made) as target:
        modes[target.name] = target.stat().st_mode & 0o777
    assert modes == {
        "backups": 0o700,
        made.folder.name: 0o700,
        ".lock": 0o600,
        ".keys-latest.lock": 0o600,
        "keys-latest": 0o600,
        "data.db": 0o600,
        "manifest.json": 0o600,
        "restored.db": 0o600,
    }


def test_older_data_open_with_keys_that_were_changed_since(yard: Yard) -> None:
    """Keys of clients that are wrapped by a newer key of the organisation open what was backed up before."""
    old = yard.backed_up()
    yard.service.portal.call(partial(rotate, yard.runtime, organisation=yard.clinic.organisation, clients=True))
    yard.backed_up()
    assert yard.verified(old) == []


def test_two_backups_in_a_second_have_two_names(yard: Yard) -> None:
    """Neither takes the other's place."""
    assert len({yard.backed_up().folder for _ in range(3)}) == 3
    assert len(whole(yard.to)) == 3


def test_the_harness_finds_a_restore_that_loses_a_row(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a score is gone after the restore."""
    made, before = yard.backed_up(), backups.state(yard.database)
    assert yard.restored(made, before, yard.acknowledged) == []

    async def loses(*given: Any, to: Path, **named: Any) -> Any:
        done = await restore(*given, to=to, **named)
        with closing(sqlite3.connect(to)) as connection:
            connection.execute("DELETE FROM scores WHERE rowid = (SELECT max(rowid) FROM scores)")
            connection.commit()
        return done

    monkeypatch.setattr(backups, "restore", loses)
    assert "lost: scores" in yard.restored(made, before, yard.acknowledged)


def test_the_harness_finds_damage_that_is_not_found(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: whatever is verified is whole. Then every way to damage a backup is told as one that was not found."""
    monkeypatch.setattr(yard, "verified", lambda *_, **__: [])
    counts = Counts(told={"planted": 0})
    assert yard.planted(yard.backed_up(), counts) == [f"not found: {name}" for name in backups.DAMAGES]
