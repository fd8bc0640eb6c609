"""`alliance doctor`: the effective settings, and what is wrong."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import typer

from app.cli.ending_keys import ending_document, ending_keys, print_ending
from app.cli.output import AsJson, print_json, print_table, read_settings, say
from app.errors import AllianceError

if TYPE_CHECKING:
    from app.settings import Settings


def doctor(as_json: AsJson = False) -> None:
    """Show the effective settings, and check what the service needs; exit 1 when something is wrong.

    API keys that end soon are told besides: nothing is wrong with them yet.
    """
    settings = read_settings()
    shown = _settings(settings)
    checks = asyncio.run(_checks(settings))
    ending = None if any(wrong for _, wrong in checks) else asyncio.run(ending_keys(settings))
    if as_json:
        print_json(
            {
                "settings": shown,
                "checks": [{"name": name, "ok": not wrong, "wrong": wrong or None} for name, wrong in checks],
                "keys_that_end_soon": ending_document(ending),
            }
        )
    else:
        print_table("Settings", ("name", "value"), shown.items())
        print_table("Checks", ("check", "result"), [(name, wrong or "ok") for name, wrong in checks])
        print_ending(ending)
    if any(wrong for _, wrong in checks):
        say("[red]Something is wrong.[/red] The table says what.")
        raise typer.Exit(1)


def _settings(settings: Settings) -> dict[str, str]:
    from app.storage.database import parse_url

    shown = {}
    for name, value in settings.model_dump().items():
        is_url = name.endswith("database_url") and value
        try:
            text = parse_url(value).render_as_string(hide_password=True) if is_url else str(value)
        except AllianceError:
            text = "(can't be read)"
        shown[f"ALLIANCE_{name.upper()}"] = text
    return shown


async def _checks(settings: Settings) -> list[tuple[str, str]]:
    """Check the catalogues, the secrets and the database; the second part says what is wrong, or nothing."""
    from app.instruments.catalog import open_catalog
    from app.stages.advice import shipped_advice
    from app.storage.keyring import open_keyring, open_masters
    from app.storage.runtime import utc_now
    from app.storage.safe_secrets import what_is_unsafe
    from app.storage.signing_keys import open_signing_keys

    found = []
    own = partial(open_catalog, settings.instruments_dir)
    for name, check in (("instruments", own), ("recommendations", shipped_advice)):
        try:
            check()
            found.append((name, ""))
        except AllianceError as error:
            found.append((name, str(error)))
    try:
        make = settings.env == "development"
        open_keyring(settings.secrets_dir, make=make)
        open_masters(settings.secrets_dir, make=make)
        open_signing_keys(settings.secrets_dir / "signing", make=make, now=utc_now)
        unsafe = [] if make else what_is_unsafe(settings.secrets_dir)
        found.append(("secrets", "; ".join(unsafe)))
    except AllianceError as error:
        found.append(("secrets", str(error)))
    return [*found, ("issuer", _issuer(settings)), ("database", await _database(settings))]


def _issuer(settings: Settings) -> str:
    """Say what is wrong with the address that tokens name."""
    if settings.env == "development" or settings.issuer.startswith("https://"):
        return ""
    return "tokens name this address, and callers reach it without TLS: set ALLIANCE_ISSUER to the public https:// one"


async def _database(settings: Settings) -> str:
    from app.storage.database import open_database
    from app.storage.migrate import is_current
    from app.storage.role import what_is_wrong_with_role
    from app.storage.transport import check_transport

    try:
        if settings.env == "production":
            check_transport(settings.database_url)
        database = open_database(settings.database_url)
    except AllianceError as error:
        return str(error)
    try:
        if wrong := await what_is_wrong_with_role(database):
            return wrong
        return "" if await is_current(database) else "no schema yet or an old one: run `alliance migrate`"
    except AllianceError as error:
        return error.code
    finally:
        await database.close()
