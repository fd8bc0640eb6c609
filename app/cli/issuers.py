"""`alliance issuers`: the organisation's own identity provider."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from app.cli.output import AsJson, print_json, print_table, read_settings, run, say

app = typer.Typer(help="Identity providers of an organisation, whose tokens are taken.", no_args_is_help=True)

Org = Annotated[UUID, typer.Option("--org", help="The organisation's id.")]


@app.command("add")
def add(  # noqa: PLR0917 - typer passes by name
    issuer: Annotated[str, typer.Argument(help="The issuer, as its tokens name it (`iss`).")],
    org: Org,
    app_id: Annotated[UUID, typer.Option("--app", help="The application as which its tokens act.")],
    jwks_url: Annotated[str, typer.Option(help="Where it publishes its keys; https.")],
    acting_claim: Annotated[str, typer.Option(help="The claim that names the person.")] = "sub",
    scope_claim: Annotated[
        str | None, typer.Option(help="The claim that narrows the scopes; without it, all of the application's.")
    ] = None,
    therapist_claim: Annotated[str | None, typer.Option(help="The claim with the therapist's reference.")] = None,
    client_claim: Annotated[str | None, typer.Option(help="The claim with the client's reference.")] = None,
    system: Annotated[str | None, typer.Option(help="The system of that reference, where your forms send one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take the tokens of an issuer, which act as an application."""
    from app.access.administer_issuers import Claims, add_issuer

    claims = Claims(
        acting=acting_claim, scope=scope_claim, therapist=therapist_claim, client=client_claim, system=system
    )
    issuer_id = run(
        lambda runtime: add_issuer(
            runtime, organisation=org, application=app_id, issuer=issuer, jwks_url=jwks_url, claims=claims
        )
    )
    audience = f"{read_settings().issuer.rstrip('/')}/organisations/{org}"
    if as_json:
        print_json({"issuer_id": str(issuer_id), "audience": audience})
        return
    print_table("Issuer", ("issuer_id", "audience of its tokens"), [(issuer_id, audience)])


@app.command("list")
def list_all(org: Org, as_json: AsJson = False) -> None:
    """List an organisation's issuers."""
    from app.access.administer_issuers import list_issuers

    rows = run(lambda runtime: list_issuers(runtime, organisation=org), of=org)
    shown = [
        {
            "issuer_id": str(row.issuer_id),
            "issuer": row.issuer,
            "jwks_url": row.jwks_url,
            "application_id": str(row.application_id),
            "claims": row.claims,
            "created_at": row.created_at,
            "revoked_at": row.revoked_at,
        }
        for row in rows
    ]
    if as_json:
        print_json(shown)
        return
    columns = ("issuer_id", "issuer", "application_id", "revoked_at")
    print_table("Issuers", columns, [[one[name] or "-" for name in columns] for one in shown])


@app.command("revoke")
def revoke(
    issuer_id: Annotated[UUID, typer.Argument(help="The issuer's id.")], org: Org, as_json: AsJson = False
) -> None:
    """Revoke an issuer: the next request with one of its tokens is refused."""
    from app.access.administer_issuers import revoke_issuer

    run(lambda runtime: revoke_issuer(runtime, organisation=org, issuer_id=issuer_id))
    if as_json:
        print_json({"issuer_id": str(issuer_id), "revoked": True})
        return
    say(f"Issuer {issuer_id} is revoked.")
