"""`alliance keys`: the service's own keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from app.cli.output import AsJson, fail, print_json, print_table, read_settings, run, say
from app.errors import AllianceError

if TYPE_CHECKING:
    from app.storage.runtime import Runtime

app = typer.Typer(help="The service's own keys.", no_args_is_help=True)

Organisation = Annotated[UUID | None, typer.Option("--org", help="One organisation only; all of them otherwise.")]


@app.callback()
def group() -> None:
    """Keep every command one of its own."""


@app.command("check")
def check_all(org: Organisation = None, as_json: AsJson = False) -> None:
    """Open everything that is sealed; exit 1 when something does not open."""
    from app.keys.check import Checked, check

    async def work(runtime: Runtime) -> dict[UUID, Checked]:
        return {one: await check(runtime, organisation=one) for one in await _organisations(runtime, org)}

    found = run(work, as_owner=org is None, of=org)
    broken = [one for checked in found.values() for one in checked.broken]
    opened = sum(checked.opened for checked in found.values())
    if as_json:
        print_json({"organisations": len(found), "opened": opened, "broken": broken})
    else:
        print_table("Sealed values that do not open", ("where",), [(one,) for one in broken])
        say(f"{opened} values of {len(found)} organisations were opened; {len(broken)} do not open.")
    if broken:
        raise typer.Exit(1)


@app.command("rotate")
def rotate_all(
    org: Organisation = None,
    clients: Annotated[bool, typer.Option("--clients", help="Give each client a new key too.")] = False,
    master: Annotated[
        bool, typer.Option("--master", help="Begin with a new master key, kept first in its file.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make new keys and seal with them what older ones held; the service goes on writing meanwhile.

    Older keys still open. Run it again a minute later to take up what a worker sealed with the key before.
    """
    from rich.progress import track

    from app.keys.rotate import Rotated, rewrap, rotate
    from app.storage.master import add_master

    if master and org is not None:
        raise fail("a master key is for every organisation: leave out --org, or the others stay under the one before")

    async def work(runtime: Runtime) -> dict[UUID, Rotated]:
        if master:
            add_master(runtime.vault.masters)
        found = await _organisations(runtime, org)
        told = {}
        for one in track(found, description="Rotating", disable=as_json, transient=True):
            under_newest = await rewrap(runtime, organisation=one)  # takes up one that was broken off
            told[one] = await rotate(runtime, organisation=one, clients=clients)
            told[one].wrapped += under_newest.wrapped
        return told

    found = run(work, as_owner=org is None, of=org)
    sums = {name: sum(getattr(one, name) for one in found.values()) for name in ("made", "wrapped", "sealed")}
    if as_json:
        print_json({"organisations": len(found), **sums})
        return
    print_table("Keys", ("organisations", *sums), [(len(found), *sums.values())])


async def _organisations(runtime: Runtime, org: UUID | None) -> list[UUID]:
    from app.access.administer import list_organisations

    if org is not None:
        return [org]
    return [row.organisation_id for row in await list_organisations(runtime)]


@app.command("rotate-signing")
def rotate_signing(as_json: AsJson = False) -> None:
    """Add a key for access tokens, and remove those whose tokens have all expired; the service need not stop.

    The new key is published at once and signs after ten minutes; the first one signs at once.
    """
    from app.storage.runtime import utc_now
    from app.storage.signing_keys import rotate_signing_keys

    try:
        added, dropped = rotate_signing_keys(read_settings().secrets_dir / "signing", now=utc_now())
    except (AllianceError, OSError) as error:
        raise fail(str(error)) from None
    if as_json:
        print_json({"added": added, "removed": dropped})
        return
    say(f"Key {added} is published; {len(dropped)} old ones are removed.")
