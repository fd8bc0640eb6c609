"""`alliance serve` and `alliance migrate`."""

from __future__ import annotations

import asyncio
import atexit
import os
import tempfile
from functools import partial
from typing import TYPE_CHECKING, Annotated, cast

import typer

from app.cli.output import AsJson, fail, print_json, read_catalog, read_settings, say, sentence
from app.errors import AllianceError, Misconfigured, StorageUnavailable

if TYPE_CHECKING:
    from app.instruments.catalog import Catalog
    from app.settings import Settings
    from app.storage.runtime import Runtime

#: The revision that brought the end of each log.
_FIRST_WITH_LINKS = "20261125"


def migrate(as_json: AsJson = False) -> None:
    """Bring the database to the newest schema."""
    from sqlalchemy.exc import SQLAlchemyError

    from app.storage.migrate import current_of, head, knows, upgrade

    settings, catalog = read_settings(), read_catalog()
    url = settings.migration_database_url or settings.database_url
    try:
        before = current_of(url)
        if before is not None and not knows(before):
            raise fail(f"the database is at {before}, of a newer version: serve it with that one")
        is_older = before is not None and before < _FIRST_WITH_LINKS
        if is_older:
            _open(url, settings)  # without the secrets nothing is begun
        upgrade(url)
        asyncio.run(_count_what_is_there(url, catalog))
        if is_older:
            asyncio.run(_begin_logs(url, settings))
        asyncio.run(_seal_what_is_plain(url, settings))
    except StorageUnavailable as error:
        raise fail(f"the database can't be migrated: {sentence(error)}") from None
    except AllianceError as error:
        raise fail(sentence(error)) from None
    except (OSError, SQLAlchemyError) as error:
        raise fail(f"the database can't be migrated ({type(error).__name__})") from None
    if as_json:
        print_json({"revision": head()})
        return
    say(f"The database is at {head()}.")


async def _count_what_is_there(url: str, catalog: Catalog) -> None:
    """Count the forms that were stored before intake kept count."""
    from app.storage.database import open_database
    from app.submissions.recount import recount

    database = open_database(url)
    try:
        await recount(database, catalog)
    finally:
        await database.close()


async def _begin_logs(url: str, settings: Settings) -> None:
    """Let the logs of before there were links go on with them; only a database of then is asked for such logs."""
    from app.access.administer import list_organisations
    from app.audit.seal_all import begin_log

    runtime = _open(url, settings)
    try:
        for row in await list_organisations(runtime):
            await begin_log(runtime, organisation=row.organisation_id)
    finally:
        await runtime.database.close()


def _open(url: str, settings: Settings) -> Runtime:
    from app.storage.runtime import open_runtime

    return open_runtime(database_url=url, secrets_dir=settings.secrets_dir, make_secrets=settings.env == "development")


async def _seal_what_is_plain(url: str, settings: Settings) -> None:
    """Seal who acknowledged signals before persons were sealed; the secrets are needed only where there are such."""
    from app.access.store import list_organisations
    from app.signals.seal_acting import seal_acting
    from app.signals.store import has_plain
    from app.storage.database import open_database

    database = open_database(url)
    plain = []
    try:
        for row in await database.read(list_organisations, organisation=None):
            of = row.organisation_id
            if await database.read(partial(has_plain, organisation=of), organisation=of):
                plain.append(of)
    finally:
        await database.close()
    if not plain:
        return
    runtime = _open(url, settings)
    try:
        for organisation in plain:
            await seal_acting(runtime, organisation=organisation)
    finally:
        await runtime.database.close()


def serve(
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes.", min=1, max=64)] = 1,
) -> None:
    """Serve the API and its pages."""
    import uvicorn

    from app.seeing.logs import open_logs
    from app.web.connections import Allowed, Connection

    settings = read_settings()
    has_organisations = asyncio.run(_check(settings))
    say(f"Alliance serves on [bold]http://{host}:{port}/docs[/bold]")
    if not has_organisations:
        say(
            "\nNobody can call it yet. In another terminal:\n"
            "  [bold].venv/bin/alliance orgs create 'My clinic'[/bold]\n"
            "  [bold].venv/bin/alliance apps create ehr --org ORGANISATION_ID --scope submissions:write "
            "--scope submissions:read --scope scores:read --scope instruments:read[/bold]\n"
            "The second prints the API key, once.\n"
        )
    open_logs(form=settings.log_format, level=settings.log_level, development=settings.env == "development")
    _serve_metrics(settings, workers=workers)
    uvicorn.run(
        "app.main:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        server_header=False,
        access_log=False,  # its lines cost a third of a read, and say whom it is about: ours don't
        log_config=None,  # what it says goes through our list
        timeout_graceful_shutdown=20,
        timeout_keep_alive=settings.idle_seconds,
        ws="none",
        http=cast(
            "type[asyncio.Protocol]",  # what makes one is enough
            partial(
                Connection,
                allowed=Allowed(
                    connections=settings.connections,
                    headers_seconds=settings.headers_seconds,
                    body_seconds=settings.body_seconds,
                    answer_seconds=settings.answer_seconds,
                ),
            ),
        ),
    )


def _serve_metrics(settings: Settings, *, workers: int) -> None:
    """Have the workers share their counts, and serve these on a port of their own where one is asked for."""
    if workers > 1:
        # The workers find the folder when they load the library; this process only adds up what is in it.
        folder = tempfile.TemporaryDirectory(prefix="alliance-metrics-")
        atexit.register(folder.cleanup)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder.name
    if settings.metrics_port is None:
        return
    from app.seeing.metrics import serve_metrics

    try:
        serve_metrics(host=settings.metrics_host, port=settings.metrics_port)
    except OSError:
        raise fail(f"the port {settings.metrics_port} of the metrics can't be used") from None
    say(f"Metrics on [bold]http://{settings.metrics_host}:{settings.metrics_port}/metrics[/bold]")


async def _check(settings: Settings) -> bool:
    """Refuse to serve without secrets or schema, or as a role too strong; say whether there is an organisation.

    On PostgreSQL the service does not see which there are.
    """
    from app.access.administer import list_organisations
    from app.storage.made_here import check_not_made
    from app.storage.migrate import is_current
    from app.storage.role import check_role
    from app.storage.runtime import open_runtime

    try:
        runtime = open_runtime(
            database_url=settings.database_url,
            secrets_dir=settings.secrets_dir,
            make_secrets=settings.env == "development",
            instruments_dir=settings.instruments_dir,
            issuer=settings.issuer,
        )
    except AllianceError as error:
        raise fail(str(error)) from None
    try:
        if settings.env == "production":
            check_not_made(settings.secrets_dir)
        await check_role(runtime.database)
        if not await is_current(runtime.database):
            raise fail("the database has no schema yet or an old one: run `alliance migrate`")
        return runtime.database.name != "sqlite" or bool(await list_organisations(runtime))
    except Misconfigured as error:
        raise fail(str(error)) from None
    except AllianceError as error:
        raise fail(f"the database can't be used ({error.code})") from None
    finally:
        await runtime.database.close()
