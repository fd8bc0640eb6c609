"""`alliance orgs`: organisations."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.output import AsJson, print_json, print_table, run, say

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
