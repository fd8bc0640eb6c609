"""`alliance backup`: copies of the data and of the keys, kept apart, verified, and brought back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from app.cli.output import AsJson, fail, print_json, print_table, progress, read_settings, run, say
from app.errors import AllianceError

if TYPE_CHECKING:
    from uuid import UUID

    from app.backup.create import Created
    from app.backup.finish import Finished
    from app.backup.manifest import Manifest
    from app.settings import Settings
    from app.storage.keyring import KeyRing
    from app.storage.runtime import Runtime

T = TypeVar("T")

app = typer.Typer(help="Backups: the data in one place, the keys that open them in another.", no_args_is_help=True)

Backup = Annotated[Path, typer.Argument(metavar="BACKUP", help="The folder of one backup of the data.")]
KEYS = "The newest keys; nothing of clients is opened without them."
ReplaceKeys = Annotated[
    bool,
    typer.Option("--replace-keys", help="Lose the keys that are there, although they know what the database lacks."),
]


@app.command("create")
def create(
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where the backups of the data are.")],
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the newest keys are, of which no older copy may stay."),
    ] = None,
    replace_keys: ReplaceKeys = False,
    as_json: AsJson = False,
) -> None:
    """Back up an SQLite database while the service writes, and the newest keys. PostgreSQL has its own tools."""
    from app.backup.bundle import NAME
    from app.backup.create import create as use_case

    database = _file(read_settings().database_url)
    if database is None:
        raise fail("this is for SQLite: back up PostgreSQL with pg_dump, and its keys with `alliance backup keys`")

    async def work(runtime: Runtime) -> Created:
        organisations = await _organisations(runtime)
        with progress("Copying", shown=not as_json) as on_progress:
            return await use_case(
                runtime,
                database=database,
                to=to,
                keys=keys or to / NAME,
                organisations=organisations,
                replace_keys=replace_keys,
                on_progress=on_progress,
            )

    made = _told(lambda: run(work, as_owner=True))
    if as_json:
        print_json(
            {
                "folder": str(made.folder),
                "keys": str(made.keys),
                "created_at": made.manifest.created_at,
                "rows": made.manifest.rows | made.bundle.rows,
            }
        )
        return
    rows = sum(made.manifest.rows.values())
    print_table("Backup", ("what", "where", "rows"), [
        ("data", made.folder, rows), ("keys", made.keys, sum(made.bundle.rows.values())),
    ])  # fmt: skip
    say("Keep the keys apart from the data, only the newest ones, and the secrets apart from both.")


@app.command("keys")
def write_keys(
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="Where the newest keys are.")],
    replace_keys: ReplaceKeys = False,
    as_json: AsJson = False,
) -> None:
    """Write the newest keys over those of before: after each erasure, and on PostgreSQL after pg_dump."""
    from app.backup.bundle import Ending
    from app.backup.files import put
    from app.backup.newest import drafted
    from app.storage.migrate import head

    async def work(runtime: Runtime) -> Ending:
        organisations = await _organisations(runtime)
        newest = drafted(runtime, to, organisations=organisations, migration=str(head()), replace=replace_keys)
        async with newest as (draft, ending):
            put(draft, to)
        return ending

    ending = _told(lambda: run(work, as_owner=True))
    if as_json:
        print_json({"keys": str(to), "created_at": ending.created_at, "rows": ending.rows})
        return
    print_table("Keys", ("table", "rows"), ending.rows.items())


@app.command("verify")
def verify(
    backup: Backup,
    keys: Annotated[Path | None, typer.Option(metavar="FILE", help=KEYS)] = None,
    as_json: AsJson = False,
) -> None:
    """Verify a backup and restore it for a trial, in the folder for temporary files; exit 1 when something is wrong."""
    from app.backup.verify import verify as use_case

    settings = read_settings()
    manifest, done = _alone(
        use_case(backup, keys=keys, ring=_ring(settings), open_on=partial(_open, settings)), "Verifying", as_json
    )
    _show(manifest, done, as_json=as_json)


@app.command("restore")
def restore(  # noqa: PLR0917 - typer passes by name
    backup: Backup,
    keys: Annotated[Path, typer.Option(metavar="FILE", help=KEYS)],
    to: Annotated[str, typer.Option("--to", help="The database to make: `sqlite:///PATH` or a path.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a database that holds rows.")] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Put it in place although something in it is not as it must be.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Restore a backup with the newest keys, and erase again who was erased since; exit 1 when something is wrong."""
    from app.backup.restore import restore as use_case

    settings = read_settings()
    target = _file(to) if "://" in to else Path(to)
    if target is None:
        raise fail("this is for SQLite: restore PostgreSQL with pg_restore, then run `alliance backup finish`")
    restored = _alone(
        use_case(
            backup,
            keys=keys,
            to=target,
            force=force,
            anyway=anyway,
            ring=_ring(settings),
            open_on=partial(_open, settings),
        ),
        "Restoring",
        as_json,
    )
    _show(restored.manifest, restored.done, as_json=as_json)


@app.command("finish")
def finish(keys: Annotated[Path, typer.Option(metavar="FILE", help=KEYS)], as_json: AsJson = False) -> None:
    """Finish what pg_restore began: the newest keys, and who was erased since erased again. It may be run again."""
    from app.backup.finish import finish as use_case

    async def work(runtime: Runtime) -> Finished:
        return await use_case(runtime, keys=keys, organisations=await _organisations(runtime))

    _show(None, _told(lambda: run(work, as_owner=True)), as_json=as_json)


async def _organisations(runtime: Runtime) -> list[UUID]:
    from app.access.administer import list_organisations

    return [row.organisation_id for row in await list_organisations(runtime)]


def _file(url: str) -> Path | None:
    """Return the file of an SQLite URL; None for another database's."""
    from app.storage.database import parse_url

    try:
        parsed = parse_url(url)
    except AllianceError as error:
        raise fail(str(error)) from None
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def _ring(settings: Settings) -> KeyRing:
    from app.storage.keyring import open_keyring

    try:
        return open_keyring(settings.secrets_dir, make=False)
    except AllianceError as error:
        raise fail(str(error)) from None


def _open(settings: Settings, url: str) -> Runtime:
    from app.storage.runtime import open_runtime

    return open_runtime(
        database_url=url, secrets_dir=settings.secrets_dir, make_secrets=False, instruments_dir=settings.instruments_dir
    )


def _alone(work: Coroutine[Any, Any, T], what: str, as_json: bool) -> T:
    """Run work that opens what it needs itself."""
    with progress(what, shown=not as_json):
        return _told(lambda: asyncio.run(work))


def _told(work: Callable[[], T]) -> T:
    """Turn errors of files and of what is in them into sentences."""
    try:
        return work()
    except (AllianceError, OSError, sqlite3.Error) as error:
        raise fail(str(error) or error.__class__.__name__) from None


def _show(manifest: Manifest | None, done: Finished, *, as_json: bool) -> None:
    told = {
        "created_at": None if manifest is None else manifest.created_at,
        "data_rows": None if manifest is None else sum(manifest.rows.values()),
        "organisations": done.organisations,
        "keys": done.loaded,
        "erased_again": done.erased_again,
        "sealed_values_opened": done.opened,
        "log_entries_proven": done.entries,
    }
    if as_json:
        print_json(told | {"ok": not done.wrong, "wrong": done.wrong})
    else:
        keys = ", ".join(f"{table} {rows}" for table, rows in done.loaded.items())
        rows = [(name.replace("_", " "), value) for name, value in (told | {"keys": keys}).items() if value is not None]
        print_table("Backup", ("what", "found"), rows)
        for wrong in done.wrong:
            say(f"[red]wrong:[/red] {wrong}")
    if done.wrong:
        raise typer.Exit(1)
