"""What commands share: tables for people, JSON for programs, and errors that say what to do."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from app.errors import AllianceError, Misconfigured

if TYPE_CHECKING:
    from uuid import UUID

    from app.instruments.catalog import Catalog
    from app.settings import Settings
    from app.storage.runtime import Runtime

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON only, for programs.")]


def print_json(data: Any) -> None:
    """Print data as JSON on standard output."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # A name may look like markup: cells and title are shown as they are.
    table = Table(*columns, title=Text(title), title_justify="left", header_style="bold", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    Console().print(table)


def say(text: str) -> None:
    """Say something to the person, on standard error: standard output is for data."""
    from rich.console import Console

    Console(stderr=True, soft_wrap=True).print(text)


def fail(text: str) -> typer.Exit:
    """Say what is wrong, and return the exit to raise."""
    from rich.markup import escape

    say(f"[red]alliance:[/red] {escape(text)}")
    return typer.Exit(1)


def read_settings() -> Settings:
    """Read the settings, or say which one is wrong without showing its value."""
    from pydantic import ValidationError

    from app.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        names = ", ".join(f"ALLIANCE_{one['loc'][0]}".upper() for one in error.errors())
        raise fail(f"the setting {names} can't be used") from None


def read_catalog() -> Catalog:
    """Read the instruments, a site's own among them, or say every fault of every file."""
    from app.instruments.catalog import open_catalog

    try:
        return open_catalog(read_settings().instruments_dir)
    except AllianceError as error:
        raise fail(str(error)) from None


def run(work: Callable[[Runtime], Awaitable[T]], *, as_owner: bool = False, of: UUID | None = None) -> T:
    """Open the runtime, run one piece of work, close, and turn errors into sentences.

    The owner of the tables is asked for what is about all organisations: the service sees one at a time. `of` is an
    organisation that has to be there: of one that is not, everything would be found in order.
    """
    from app.access.administer import has_organisation
    from app.storage.migrate import is_current
    from app.storage.runtime import open_runtime

    settings = read_settings()

    async def whole() -> T:
        runtime = open_runtime(
            database_url=owners_url(settings) if as_owner else settings.database_url,
            secrets_dir=settings.secrets_dir,
            make_secrets=settings.env == "development",
            instruments_dir=settings.instruments_dir,
            issuer=settings.issuer,
        )
        try:
            if not await is_current(runtime.database):
                raise fail("the database has no schema yet or an old one: run `alliance migrate`")
            if of is not None and not await has_organisation(runtime, organisation=of):
                raise fail(f"there is no organisation {of}")
            return await _sealed(runtime, work)
        finally:
            await runtime.database.close()

    try:
        return asyncio.run(whole())
    except AllianceError as error:
        raise fail(sentence(error)) from None


async def _sealed(runtime: Runtime, work: Callable[[Runtime], Awaitable[T]]) -> T:
    """Run work and seal what it wrote in the log, also when it failed: until then it can be deleted unseen."""
    from app.audit.seal_written import NotingDatabase, seal_written

    noting = NotingDatabase(runtime.database)
    try:
        return await work(replace(runtime, database=noting))
    finally:
        try:
            await seal_written(runtime, noting)
        except AllianceError as error:  # what was done is done, and is told
            say(f"It is in the log, but not sealed yet ({sentence(error)}): run `alliance audit seal`.")


def owners_url(settings: Settings) -> str:
    """Return the URL of who may list the organisations; on SQLite there is one URL for everything."""
    from app.storage.database import parse_url

    if settings.migration_database_url is not None:
        return settings.migration_database_url
    if parse_url(settings.database_url).get_backend_name() != "sqlite":
        raise Misconfigured("set ALLIANCE_MIGRATION_DATABASE_URL: only the owner of the tables sees all organisations")
    return settings.database_url


def sentence(error: AllianceError) -> str:
    """Say what an error is."""
    if error.code == "not_found":
        return "there is no such thing"
    return str(error) or error.code.replace("_", " ")


@contextmanager
def progress(what: str, *, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Show how far a long piece of work is, on standard error; it is told what is done and what all is."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
