"""Backups taken while forms come in, restored elsewhere, compared row by row, and damaged in every way they can be."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import Queue
from threading import Lock
from typing import Any
from uuid import UUID

from sqlalchemy import make_url

from app.access.administer import list_organisations
from app.access.organisation import change_settings
from app.audit.seal_all import seal_all
from app.backup.bundle import NAME as KEYS
from app.backup.create import Created, create
from app.backup.manifest import DATA, LEFT_OUT, described, write_manifest
from app.backup.manifest import NAME as MANIFEST
from app.backup.restore import restore
from app.backup.verify import verify
from app.errors import AllianceError
from app.storage.runtime import Runtime, open_runtime
from tests.faults.accounting import faults
from tests.faults.counts import Counts
from tests.faults.ground import Ground
from tests.harness import Service, form

#: So few pages are copied at a time that many forms come in between.
PAGES = 8
#: Forms that come in while the file is copied.
MEANWHILE = 6
#: All rows of all tables, as SQLite keeps them.
State = dict[str, list[tuple[Any, ...]]]


def run(ground: Ground, *, seed: int, cycles: int, each: int = 8) -> Counts:
    """Write, back up while more is written, restore elsewhere, compare, and see that what is damaged is refused."""
    counts = Counts(told={"planted": 0, "erased": 0})
    with ground.service() as service:
        yard = Yard(
            service=service, to=ground.make_folder(), elsewhere=ground.make_folder(), chance=random.Random(seed)
        )
        for cycle in range(cycles):
            yard.write(each, cycle=cycle)
            acknowledged = list(yard.acknowledged)
            made, before = yard.back_up(cycle)
            counts.rows += sum(map(len, before.values()))
            counts.found(differences(before, state(made.folder / DATA)))
            counts.found(yard.verified(made))
            counts.found(yard.restored(made, before, acknowledged))
            counts.found(yard.planted(made, counts))
            counts.found(yard.erased_since(made, counts, cycle=cycle))
            counts.cycles += 1
        counts.acknowledged = len(yard.acknowledged)
    return counts


def state(path: Path) -> State:
    """Read every row of a file."""
    with closing(sqlite3.connect(path)) as connection:
        names = [one for (one,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names}  # noqa: S608


def differences(before: State, after: State) -> list[str]:
    """Name the tables whose rows are not those of before; what a backup leaves out must be empty."""
    expected = before | {name: [] for name in LEFT_OUT}
    return [
        f"{'lost' if len(after.get(name, [])) < len(expected[name]) else 'other rows'}: {name}"
        for name in sorted(expected.keys() | after.keys())
        if expected.get(name) != after.get(name)
    ]


def _plain(rows: list[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """Spell JSON one way: the keys' file does not keep the order of its fields."""
    return {
        tuple(tuple(sorted(json.loads(one).items())) if str(one).startswith("{") else one for one in row)
        for row in rows
    }


@dataclass(kw_only=True)
class Yard:
    """A service that is written to and backed up, again and again."""

    service: Service
    to: Path
    elsewhere: Path
    chance: random.Random
    acknowledged: list[UUID] = field(default_factory=list)
    sent: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    gate: Lock = field(default_factory=Lock)
    posted: Queue[int] = field(default_factory=Queue)

    def __post_init__(self) -> None:
        self.clinic = self.service.clinic()
        allowed = partial(
            change_settings,
            changes={"comments_allowed": True},
            organisation=self.clinic.organisation,
            at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        self.service.in_service(allowed, organisation=self.clinic.organisation)

    @property
    def runtime(self) -> Runtime:
        """What the service runs on."""
        return self.service.runtime

    @property
    def database(self) -> Path:
        """The file that is backed up."""
        return Path(str(make_url(self.service.database_url).database))

    def post(self, client: str, session: int) -> None:
        """Post a form with a comment; nothing is under way while the gate is held."""
        with self.gate:
            sent = form(client_ref=client, session_number=session, comment=f"{client} {session}")
            told = UUID(self.clinic.recorded(sent)["id"])
            self.acknowledged.append(told)
            self.sent[told] = sent
        self.posted.put(session)

    def write(self, each: int, *, cycle: int) -> None:
        """Post forms, correct some and withdraw one."""
        for at in range(each):
            self.post(f"c-{cycle}-{at % 3}", 1 + at // 3)
        corrected, withdrawn = self.chance.sample(self.acknowledged[-each:], 2)
        answer = self.clinic.correct(corrected, self.sent[corrected] | {"comment": "corrected"})
        assert answer.status_code == 201, answer.text
        made = UUID(answer.json()["id"])
        self.acknowledged.append(made)
        self.sent[made] = self.sent[corrected]
        assert self.clinic.withdraw(withdrawn).status_code in {200, 201}
        self.service.portal.call(partial(seal_all, self.runtime, organisation=self.clinic.organisation))

    def back_up(self, cycle: int) -> tuple[Created, State]:
        """Back up while forms come in, and return the state of the moment that the copy is of."""

        def meanwhile() -> None:
            for session in range(1, MEANWHILE + 1):
                self.post(f"m-{cycle}", session)

        self.gate.acquire()
        before = state(self.database)
        begun: list[bool] = []

        def on_progress(_done: int, _all: int) -> None:
            if not begun:
                begun.append(True)
                while not self.posted.empty():
                    self.posted.get()
                self.gate.release()
            if len(begun) < MEANWHILE:
                begun.append(True)
                self.posted.get(timeout=60)  # the copy goes on when one more form is stored

        with ThreadPoolExecutor(1) as writers:
            writing = writers.submit(meanwhile)
            made = self.backed_up(on_progress)
            writing.result()
        return made, before

    def backed_up(self, on_progress: Callable[[int, int], None] = lambda _done, _all: None) -> Created:
        """Take a backup."""

        async def work() -> Created:
            return await create(
                self.runtime,
                database=self.database,
                to=self.to,
                keys=self.to / KEYS,
                organisations=[row.organisation_id for row in await list_organisations(self.runtime)],
                on_progress=on_progress,
                pages=PAGES,
            )

        return self.service.portal.call(work)

    def open_on(self, url: str) -> Runtime:
        """Open the runtime on a restored database."""
        secrets = self.runtime.secrets_dir
        assert secrets is not None
        return open_runtime(database_url=url, secrets_dir=secrets, make_secrets=False)

    def verified(self, made: Created, *, keys: Path | None = None) -> list[str]:
        """Verify a backup; return what is wrong with it."""
        work = partial(verify, made.folder, keys=keys or made.keys, ring=self.runtime.keys, open_on=self.open_on)
        try:
            _, done = self.service.portal.call(work)
        except AllianceError as error:
            return [f"refused: {error}"]
        comments = state(made.folder / DATA)["submissions"]
        proven = [f"{done.entries} entries of the log proven"] * (done.entries < len(made.manifest.heads))
        return [*done.wrong, *proven, *["not every sealed value was opened"] * (done.opened < len(comments))]

    @contextmanager
    def restoring(self, made: Created) -> Iterator[Path]:
        """Restore a backup with the newest keys into a file of its own."""
        target = self.elsewhere / "restored.db"
        work = partial(restore, made.folder, keys=made.keys, to=target, ring=self.runtime.keys, open_on=self.open_on)
        done = self.service.portal.call(work).done
        assert target.exists(), done.wrong
        try:
            yield target
        finally:
            target.unlink()

    def restored(self, made: Created, before: State, acknowledged: list[UUID]) -> list[str]:
        """Restore a backup; what it holds must be what there was, and whole."""
        with self.restoring(made) as target:
            after = state(target)
            found = [f"lost: rows of {name}" for name in LEFT_OUT if not _plain(before[name]) <= _plain(after[name])]
            found += differences(before, after | {name: [] for name in LEFT_OUT})
            with Service.start(
                f"sqlite:///{target}", self.service.portal, secrets=self.runtime.secrets_dir or target
            ) as restored:
                clinic = replace(self.clinic, service=restored)
                found += self.counted_up(restored, acknowledged)
                told = clinic.get(f"/v1/submissions/{self.chance.choice(acknowledged)}")
                if told.status_code != 200 or not told.json()["form"]["comment"]:
                    found.append(f"a restored form was answered with {told.status_code}")
        return found

    def erased_since(self, made: Created, counts: Counts, *, cycle: int) -> list[str]:
        """Erase a client who is in a backup, and restore it: they are erased there too, and nothing else is."""
        gone = [one for one in self.acknowledged if self.sent[one]["client_ref"] == f"c-{cycle}-0"]
        client = self.clinic.read_back(gone[0])["client_id"]
        before = state(made.folder / DATA)
        answer = self.clinic.request("DELETE", f"/v1/clients/{client}")
        assert answer.status_code == 200, answer.text
        self.acknowledged = [one for one in self.acknowledged if one not in gone]
        self.backed_up()
        with self.restoring(made) as target:
            after = state(target)
            found = [f"brought back: {one}" for one in gone if one.hex in str(after["submissions"])]
            if UUID(client).hex in str(after["clients"]) + str(after["client_keys"]):
                found.append(f"brought back: {client}")
            if len(after["clients"]) != len(before["clients"]) - 1 or len(after["erasures"]) != cycle + 1:
                found.append("other clients were erased")
            with closing(sqlite3.connect(target)) as connection:
                if connection.execute("SELECT 1 FROM events WHERE sequence IS NULL").fetchone():
                    found.append("that they were erased again is not sealed")
            with Service.start(
                f"sqlite:///{target}", self.service.portal, secrets=self.runtime.secrets_dir or target
            ) as restored:
                found += self.counted_up(restored, [])
        counts.told["erased"] += 1
        return found

    def counted_up(self, restored: Service, acknowledged: list[UUID]) -> list[str]:
        """Account for all rows; the log keeps what was written of those who were erased."""
        found = restored.read(lambda c: faults(c, acknowledged, organisation=self.clinic.organisation))
        kept = ("event without a form", "not one for each") if self.clinic.count("erasures") else ()
        return [one for one in found if not any(words in one for words in kept)]

    def planted(self, made: Created, counts: Counts) -> list[str]:
        """Damage a copy of a backup in every way; return what was not found."""
        missed = []
        for name, damage in DAMAGES.items():
            copied = self.elsewhere / "damaged"
            shutil.copytree(made.folder, copied)
            keys = shutil.copy(made.keys, self.elsewhere / KEYS)
            damage(replace(made, folder=copied, keys=Path(keys)), self)

            if not self.verified(replace(made, folder=copied), keys=Path(keys)):
                missed.append(f"not found: {name}")
            counts.told["planted"] += 1
            shutil.rmtree(copied)
        return missed


def _flip(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def _signed_anew(made: Created, yard: Yard, **changes: Any) -> None:
    """Sign a manifest as only somebody with the secrets could: then what is counted must tell."""
    manifest = replace(made.manifest, files={DATA: described(made.folder / DATA)}, **changes)
    write_manifest(made.folder, manifest, keys=yard.runtime.keys)


def _without_a_row(made: Created, yard: Yard) -> None:
    with closing(sqlite3.connect(made.folder / DATA)) as connection:
        connection.execute("DELETE FROM scores WHERE rowid = (SELECT max(rowid) FROM scores)")
        connection.commit()
    _signed_anew(made, yard)


def _of_another(made: Created, yard: Yard) -> None:
    """Put a row where it does not belong: numbers are as before."""
    with closing(sqlite3.connect(made.folder / DATA)) as connection:
        one, other = connection.execute(
            "SELECT rowid, sealed_comment FROM submissions WHERE sealed_comment NOT NULL LIMIT 2"
        )
        connection.execute("UPDATE submissions SET sealed_comment = ? WHERE rowid = ?", (other[1], one[0]))
        connection.commit()
    _signed_anew(made, yard)


def _other_entry(made: Created, yard: Yard) -> None:
    """Change an entry of the log, which is proven by a key that is not in the database."""
    with closing(sqlite3.connect(made.folder / DATA)) as connection:
        connection.execute("DROP TRIGGER events_are_never_rewritten")
        connection.execute("UPDATE events SET kind = 'episode.ended' WHERE sequence = 2")
        connection.commit()
    _signed_anew(made, yard)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _without_a_key(made: Created, _yard: Yard) -> None:
    lines = made.keys.read_bytes().splitlines(keepends=True)
    made.keys.write_bytes(b"".join(lines[1:]))


def _older_keys(made: Created, yard: Yard) -> None:
    """Lay a newer backup of the data beside: then the keys are not the newest."""
    beside = made.folder.parent / "newer"
    beside.mkdir(exist_ok=True)
    newer = replace(made.manifest, created_at=yard.runtime.now())
    write_manifest(beside, newer, keys=yard.runtime.keys)


def _unknown_schema(made: Created, yard: Yard) -> None:
    _signed_anew(made, yard, migration="20990101")


def _other_end(made: Created, yard: Yard) -> None:
    heads = tuple(replace(head, sequence=head.sequence + 1) for head in made.manifest.heads)
    _signed_anew(made, yard, heads=heads)


DAMAGES: dict[str, Callable[[Created, Yard], object]] = {
    "a flipped bit in the data": lambda made, yard: _flip(made.folder / DATA, yard.chance),
    "a flipped bit in the manifest": lambda made, yard: _flip(made.folder / MANIFEST, yard.chance),
    "a flipped bit in the keys": lambda made, yard: _flip(made.keys, yard.chance),
    "data that were cut": lambda made, _: _cut(made.folder / DATA),
    "keys that were cut": lambda made, _: _cut(made.keys),
    "no data": lambda made, _: (made.folder / DATA).unlink(),
    "a missing row": _without_a_row,
    "a value of another row": _of_another,
    "another entry of the log": _other_entry,
    "a missing key": _without_a_key,
    "keys that are older than the data": _older_keys,
    "a schema nobody knows": _unknown_schema,
    "another end of the log": _other_end,
}
