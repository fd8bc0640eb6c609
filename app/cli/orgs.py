"""`alliance orgs`: organisations."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import typer

from app.cli.output import AsJson, fail, print_json, print_table, run, say

app = typer.Typer(help="Organisations.", no_args_is_help=True)


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Its name.")],
    as_json: AsJson = False,
    plain: Annotated[bool, typer.Option("--plain", help="Print the organisation's id only.")] = False,
) -> None:
    """Make an organisation."""
    from app.access.administer import create_organisation

    organisation = run(lambda runtime: create_organisation(runtime, name=name))
    if plain:
        typer.echo(str(organisation))
        return
    if as_json:
        print_json({"organisation_id": str(organisation)})
        return
    print_table("Organisation", ("organisation_id", "name"), [(organisation, name)])
    say(f"Next: [bold]alliance apps create NAME --org {organisation} --scope submissions:write[/bold]")


@app.command("set")
def set_up(  # noqa: PLR0917 - typer passes by name
    org: Annotated[UUID, typer.Argument(help="The organisation's id.")],
    retention_months: Annotated[
        str | None,
        typer.Option(metavar="N|none", help="Months after the last form when a client is over time; none: no end."),
    ] = None,
    comments_allowed: Annotated[
        bool | None, typer.Option("--comments-allowed/--no-comments-allowed", help="Whether forms may hold free text.")
    ] = None,
    acting_required: Annotated[
        bool | None,
        typer.Option(
            "--acting-required/--no-acting-required", help="Whether whoever reads about clients must be named."
        ),
    ] = None,
    keys_live_at_most: Annotated[
        str | None,
        typer.Option(metavar="DAYS|none", help="Days after which a new API key ends at the latest; none: no end."),
    ] = None,
    tokens_only: Annotated[
        bool | None,
        typer.Option("--tokens-only/--keys-too", help="Whether API keys bring access tokens and open nothing else."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Settle what holds for all of an organisation's people, and show it."""
    from app.access.settle import settle

    flags = {"comments_allowed": comments_allowed, "acting_required": acting_required, "tokens_only": tokens_only}
    changes: dict[str, bool | int | None] = {name: value for name, value in flags.items() if value is not None}
    if retention_months is not None:
        changes["retention_months"] = _number(retention_months, "--retention-months takes a number of months, or none")
    if keys_live_at_most is not None:
        changes["keys_live_at_most"] = _number(keys_live_at_most, "--keys-live-at-most takes a number of days, or none")
    settled = asdict(run(lambda runtime: settle(runtime, organisation=org, changes=changes)))
    if as_json:
        print_json(settled)
        return
    print_table("Settings", tuple(settled), [tuple(settled.values())])


def _number(text: str, says: str) -> int | None:
    if text == "none":
        return None
    if not text.isdecimal():
        raise fail(says)
    return int(text)


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """List the organisations."""
    from app.access.administer import list_organisations

    rows = run(list_organisations, as_owner=True)
    if as_json:
        print_json(
            [{"organisation_id": str(r.organisation_id), "name": r.name, "created_at": r.created_at} for r in rows]
        )
        return
    print_table(
        "Organisations", ("organisation_id", "name", "since"), [(r.organisation_id, r.name, r.created_at) for r in rows]
    )
