"""Keys change while everything stays readable, and what does not open is found."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy import Connection, select, update

from app.errors import Misconfigured
from app.keys import store
from app.keys.check import Checked, check
from app.keys.rotate import Rotated, rewrap, rotate
from app.storage.key_tables import client_keys, organisation_keys
from app.storage.keyring import open_keyring
from app.storage.master import MasterKeys, add_master, master_id, read_masters, write_masters
from app.storage.sealed_columns import SEALED, is_sealed
from app.storage.tables import clients, metadata, submissions
from app.storage.vault import Vault
from tests.harness import Clinic, Service, form
from tests.usecases.test_sealed_forms import allow_comments


def turn(clinic: Clinic, *, clients: bool = False) -> Rotated:
    """Change the clinic's keys."""
    service = clinic.service
    return service.portal.call(partial(rotate, service.runtime, organisation=clinic.organisation, clients=clients))


def looked(clinic: Clinic) -> Checked:
    """Open everything of the clinic."""
    service = clinic.service
    return service.portal.call(partial(check, service.runtime, organisation=clinic.organisation))


def filled(clinic: Clinic) -> list[str]:
    """Record three forms of two clients with comments and an episode's reference; return their ids."""
    allow_comments(clinic)
    return [
        clinic.recorded(form(client_ref=ref, session_number=n, comment=f"words {n}", episode_ref=ref))["id"]
        for ref, n in (("a", 1), ("a", 2), ("b", 3))
    ]


def read(clinic: Clinic, *columns: Any) -> list[Any]:
    """Read some columns of a table."""
    query = select(*columns).where(columns[0].table.c.organisation_id == clinic.organisation)
    return clinic.service.in_service(lambda c: list(c.execute(query)), organisation=clinic.organisation)


def test_every_sealed_column_is_known() -> None:
    """A column of sealed values that rotation and checks do not know would be left behind."""
    there = {(c.table.name, c.name) for t in metadata.tables.values() for c in t.columns if is_sealed(c)}
    assert {(one.table.name, one.column) for one in SEALED} == there


def test_a_rotation_leaves_nothing_under_older_keys(clinic: Clinic) -> None:
    """New keys of the organisation and of both clients hold everything; the words are what they were."""
    ids = filled(clinic)
    before = dict(read(clinic, submissions.c.submission_id, submissions.c.sealed_comment))
    told = turn(clinic, clients=True)
    # one key of the organisation and two of clients; wrapped again: the two of before; two clients with a reference and
    # an episode each, three comments, one therapist
    assert (told.made, told.wrapped, told.sealed) == (3, 2, 8)
    after = dict(read(clinic, submissions.c.submission_id, submissions.c.sealed_comment))
    assert all(after[one][1:17] != before[one][1:17] for one in before)
    newest = {row.key_id for row in read(clinic, organisation_keys.c.key_id, organisation_keys.c.retired_at)[1:]}
    assert {row.organisation_key for row in read(clinic, client_keys.c.organisation_key)} == newest
    assert [clinic.read_back(one)["form"]["comment"] for one in ids] == ["words 1", "words 2", "words 3"]
    assert (looked(clinic).opened, looked(clinic).broken) == (8, [])


def test_a_rotation_without_clients_wraps_their_keys_and_leaves_their_values(clinic: Clinic) -> None:
    """Only what the organisation's key sealed is sealed anew: the therapist's reference."""
    filled(clinic)
    before = read(clinic, submissions.c.sealed_comment)
    told = turn(clinic)
    assert (told.made, told.wrapped, told.sealed) == (1, 2, 1)
    assert read(clinic, submissions.c.sealed_comment) == before
    assert looked(clinic).broken == []


def test_a_rotation_of_more_clients_than_a_portion_ends(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each client gets one new key, though the new ones come up in later portions."""
    monkeypatch.setattr(store, "PORTION", 2)
    for ref in ("a", "b", "c"):
        clinic.recorded(form(client_ref=ref))

    async def told() -> Rotated:
        return await asyncio.wait_for(
            rotate(clinic.service.runtime, organisation=clinic.organisation, clients=True), timeout=20
        )

    # one key of the organisation and three of clients; sealed anew: three references of clients, one of the therapist
    assert clinic.service.portal.call(told) == Rotated(made=4, wrapped=3, sealed=4)
    assert len(read(clinic, client_keys.c.key_id)) == 6


def test_a_second_rotation_finds_what_was_sealed_with_the_key_before(clinic: Clinic) -> None:
    """A worker that still knew the older key has sealed with it: that opens, and the next rotation takes it up."""
    ids = filled(clinic)
    vault = clinic.service.runtime.vault
    clinic.service.in_service(
        lambda c: vault.known(c, organisation=clinic.organisation), organisation=clinic.organisation
    )
    stale = vault._kept[clinic.organisation]
    turn(clinic)
    vault._kept[clinic.organisation] = stale
    late = clinic.recorded(form(client_ref="late", comment="late words"))["id"]
    assert turn(clinic).wrapped == 3
    assert [clinic.read_back(one)["form"]["comment"] for one in (*ids, late)] == [
        "words 1", "words 2", "words 3", "late words",
    ]  # fmt: skip


def test_what_does_not_open_is_named(clinic: Clinic) -> None:
    """A value that was moved, and one whose key is gone, are told by table, column and row; the others are counted."""
    ids = filled(clinic)
    (first, moved), *_ = read(clinic, submissions.c.submission_id, submissions.c.sealed_comment)
    other = next(one for one in ids if one != str(first))

    def work(connection: Connection) -> None:
        mine = submissions.c.organisation_id == clinic.organisation
        connection.execute(
            update(submissions)
            .where(mine, submissions.c.submission_id == first)
            .values(
                sealed_comment=next(
                    row.sealed_comment
                    for row in connection.execute(select(submissions).where(mine))
                    if str(row.submission_id) == other
                )
            )
        )
        gone = connection.execute(select(clients).where(clients.c.organisation_id == clinic.organisation)).first()
        assert gone is not None

    clinic.service.in_service(work, organisation=clinic.organisation)
    found = looked(clinic)
    assert moved
    assert (found.opened, found.broken) == (7, [f"submissions.sealed_comment {first}"])


def test_a_new_master_key_wraps_and_the_one_before_may_go(portal: BlockingPortal, tmp_path: Path) -> None:
    """After the keys are wrapped anew nothing needs the older master key; before that it is needed."""
    secrets = tmp_path / "secrets"
    with Service.start(f"sqlite:///{tmp_path / 'a.db'}", portal, secrets=secrets) as service:
        clinic = service.clinic()
        filled(clinic)
        add_master(service.runtime.vault.masters)
        new, old = read_masters(secrets / "master-key")
        told = portal.call(partial(rewrap, service.runtime, organisation=clinic.organisation))
        assert told.wrapped == 1
        write_masters(secrets / "master-key", [new])
        service.runtime.vault.masters.refresh()
        service.runtime.vault.forget(organisation=clinic.organisation)
        assert looked(clinic).broken == []
        write_masters(secrets / "master-key", [old])
        service.runtime.vault.masters.refresh()
        service.runtime.vault.forget(organisation=clinic.organisation)
        assert len(looked(clinic).broken) == 8


def test_two_who_add_a_master_key_at_once_lose_none(tmp_path: Path) -> None:
    """What one has begun to wrap with must not be taken out of the file by the other."""
    path = tmp_path / "master-key"
    write_masters(path, [bytes(32)])
    adders = [MasterKeys(path) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add_master, adders))
    there = {master_id(key) for key in read_masters(path)}
    assert len(there) == 9
    assert {one.current_id for one in adders} <= there


def test_a_worker_wraps_with_a_master_key_that_was_added_meanwhile(clinic: Clinic, tmp_path: Path) -> None:
    """Else a new organisation would be under the key of before, which the operator is about to take out."""
    path = tmp_path / "master-key"
    write_masters(path, [bytes(32)])
    service = clinic.service
    vault = Vault(MasterKeys(path), now=service.runtime.now, new_id=service.runtime.new_id)
    assert vault.masters.current_id == master_id(bytes(32))
    there = MasterKeys(path)
    add_master(there)

    def work(connection: Connection) -> None:
        vault.make(connection, "safeguarding", organisation=clinic.organisation)

    service.in_service(work, organisation=clinic.organisation)
    assert (there.current_id,) in read(clinic, organisation_keys.c.master_key)


def test_a_secret_is_on_the_disk_before_anything_rests_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file, and then the folder that holds its new name: without that a loss of power brings the old file back."""
    flushed = []
    fsync = os.fsync

    def seen(descriptor: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", seen)
    write_masters(tmp_path / "master-key", [bytes(32)])
    assert flushed == [f".master-key.{os.getpid()}", tmp_path.name]


def test_a_secret_keeps_its_owner_and_its_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator who is root changes what the service has to read; nobody else ever may."""
    given = []
    monkeypatch.setattr(os, "fchown", lambda _descriptor, user, group: given.append((user, group)))
    monkeypatch.setattr(os, "fstat", lambda _: os.stat_result((0, 0, 0, 0, 4711, 4712, 0, 0, 0, 0)))
    path = tmp_path / "master-key"
    write_masters(path, [bytes(32)])
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    write_masters(path, [bytes(32)])
    assert path.stat().st_mode & 0o777 == 0o640
    mine = (tmp_path.stat().st_uid, tmp_path.stat().st_gid)
    assert given == [mine, mine]


def test_a_secret_that_cant_be_read_or_written_is_told(tmp_path: Path) -> None:
    """A folder in its place stands for what the service may not read: a sentence, no traceback."""
    (tmp_path / "master-key").mkdir()
    (tmp_path / "audit-key").mkdir()
    with pytest.raises(Misconfigured, match=r"master-key can't be read \(Is a directory\)"):
        read_masters(tmp_path / "master-key")
    with pytest.raises(Misconfigured, match="master-key can't be written"):
        write_masters(tmp_path / "master-key", [bytes(32)])
    for name in ("api-key-pepper", "reference-key", "content-key"):
        (tmp_path / name).write_text("00" * 32)
    with pytest.raises(Misconfigured, match=r"audit-key can't be read \(Is a directory\)"):
        open_keyring(tmp_path, make=False)


def test_a_service_finds_a_master_key_that_was_added_meanwhile(tmp_path: Path) -> None:
    """Another process began with a new key: what it wrapped opens here without a restart."""
    path = tmp_path / "master-key"
    write_masters(path, [bytes(range(32))])
    here, there = MasterKeys(path), MasterKeys(path)
    assert here.current_id == there.current_id
    add_master(there)
    from uuid import UUID

    from app.storage.sealed import Place, new_data_key

    key, place = (
        new_data_key(UUID(int=5)),
        Place(table="organisation_keys", column="wrapped", row=UUID(int=5), whose="data"),
    )
    wrapped = there.wrap(key, place, organisation=UUID(int=1))
    opened = here.unwrap(UUID(int=5), wrapped, place, master=there.current_id, organisation=UUID(int=1))
    assert opened.secret == key.secret


@pytest.mark.parametrize("text", ["", "zz", "00" * 31, "00" * 32 + "\n" + "00" * 5])
def test_a_bad_master_key_stops_the_service(tmp_path: Path, text: str) -> None:
    """An empty, odd or short key is told, without what the file holds."""
    (tmp_path / "master-key").write_text(text)
    with pytest.raises(Misconfigured, match="master-key") as told:
        MasterKeys(tmp_path / "master-key").refresh()
    assert "00" not in str(told.value)
