"""`alliance apps`: applications and their API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import typer

from app.cli import jwks
from app.cli.output import AsJson, fail, print_json, print_table, run, say

if TYPE_CHECKING:
    from app.access.binding import Binding
    from app.storage.types import AnyRow

app = typer.Typer(help="Applications and their API keys.", no_args_is_help=True)
app.add_typer(jwks.app, name="jwks")

Org = Annotated[UUID, typer.Option("--org", help="The organisation's id.")]
App = Annotated[UUID, typer.Option("--app", help="The application's id.")]
TherapistRef = Annotated[
    str | None, typer.Option(help="The key opens this therapist's episodes only; a supervisor's, those of their teams.")
]
ExpiresIn = Annotated[
    int | None,
    typer.Option(
        metavar="DAYS", help="The key ends after so many days. Without it, when the organisation has settled."
    ),
]
System = Annotated[str | None, typer.Option(help="The system of the reference, where your forms send one.")]

_SCOPES = (
    "instruments:read submissions:write submissions:read scores:read caseload:read signals:write safeguarding:read"
)
_ONCE = "The key is shown once. Keep it where secrets are kept."


@app.command("create")
def create(  # noqa: PLR0917 - typer passes by name
    name: Annotated[str, typer.Argument(help="Its name.")],
    org: Org,
    scope: Annotated[
        list[str],
        typer.Option(help=f"May be given often: {_SCOPES}"),
    ],
    audience: Annotated[
        Literal["system", "supervisor", "safeguarding"],
        typer.Option(help="Who reads: a system, people who supervise teams, or those who read safety checks."),
    ] = "system",
    therapist_ref: TherapistRef = None,
    system: System = None,
    expires_in: ExpiresIn = None,
    as_json: AsJson = False,
    plain: Annotated[bool, typer.Option("--plain", help="Print the API key only.")] = False,
) -> None:
    """Make an application with its first API key."""
    from app.access.administer import create_application

    binding = _binding(None, therapist_ref, system)
    made = run(
        lambda runtime: create_application(
            runtime, organisation=org, name=name, scopes=scope, audience=audience, binding=binding, days=expires_in
        )
    )
    if plain:
        typer.echo(made.api_key)
        return
    if as_json:
        print_json(
            {
                "application_id": str(made.application_id),
                "scopes": made.scopes,
                "key_id": str(made.key_id),
                "api_key": made.api_key,
                "expires_at": made.expires_at,
            }
        )
        return
    row = (made.application_id, " ".join(made.scopes), made.expires_at or "-")
    print_table("Application", ("application_id", "scopes", "key ends"), [row])
    typer.echo(made.api_key)
    say(_ONCE)


@app.command("list")
def list_all(org: Org, as_json: AsJson = False) -> None:
    """List an organisation's applications."""
    from app.access.administer import list_applications

    rows = run(lambda runtime: list_applications(runtime, organisation=org), of=org)
    if as_json:
        print_json(
            [
                {
                    "application_id": str(r.application_id),
                    "client_id": _client_id(r.application_id, organisation=org),
                    "name": r.name,
                    "audience": r.audience,
                    "scopes": r.scopes,
                    "keys_alive": r.keys_alive,
                }
                for r in rows
            ]
        )
        return
    print_table(
        "Applications",
        ("application_id", "name", "audience", "scopes", "keys alive"),
        [(r.application_id, r.name, r.audience, " ".join(r.scopes), r.keys_alive) for r in rows],
    )


@app.command("show")
def show(org: Org, app_id: App, as_json: AsJson = False) -> None:
    """Show an application: its client id, what it may do, and how it proves who it is."""
    from app.access.administer_tokens import show_application

    row = run(lambda runtime: show_application(runtime, organisation=org, application=app_id))
    shown = {
        "application_id": str(app_id),
        "client_id": _client_id(app_id, organisation=org),
        "name": row.name,
        "audience": row.audience,
        "scopes": row.scopes,
        "key_set": row.jwks_url or ("by value" if row.jwks else None),
    }
    if as_json:
        print_json(shown)
        return
    shown |= {"scopes": " ".join(row.scopes), "key_set": shown["key_set"] or "-"}
    print_table("Application", ("what", "value"), shown.items())


def _client_id(application: UUID, *, organisation: UUID) -> str:
    from app.access.client_id import spell_client_id

    return spell_client_id(organisation=organisation, application=application)


@app.command("keys")
def keys(org: Org, app_id: App, as_json: AsJson = False) -> None:
    """List an application's keys, without their secrets."""
    from app.access.administer import list_keys

    rows = run(lambda runtime: list_keys(runtime, organisation=org, application=app_id), of=org)
    if as_json:
        print_json(
            [
                {
                    "key_id": str(r.key_id),
                    "client_id": r.client_id and str(r.client_id),
                    "therapist_id": r.therapist_id and str(r.therapist_id),
                    "acts_as": r.acts_as,
                    "created_at": r.created_at,
                    "expires_at": r.expires_at,
                    "revoked_at": r.revoked_at,
                }
                for r in rows
            ]
        )
        return
    print_table(
        "Keys",
        ("key_id", "opens", "since", "ends", "revoked"),
        [(r.key_id, _opens(r), r.created_at, r.expires_at or "-", r.revoked_at or "-") for r in rows],
    )


def _opens(row: AnyRow) -> str:
    if row.client_id is not None:
        return f"client {row.client_id}" + ("" if row.acts_as is None else f" as {row.acts_as}")
    return "everything" if row.therapist_id is None else f"therapist {row.therapist_id}"


@app.command("add-key")
def add_key(  # noqa: PLR0917 - typer passes by name
    org: Org,
    app_id: App,
    client_ref: Annotated[str | None, typer.Option(help="Opens this client only, as your forms call them.")] = None,
    therapist_ref: TherapistRef = None,
    system: System = None,
    acts_as: Annotated[
        Literal["client", "parent"],
        typer.Option("--as", help="As whom a key of a client acts: the client, or a parent with forms of their own."),
    ] = "client",
    expires_in: ExpiresIn = None,
    as_json: AsJson = False,
) -> None:
    """Give an application another key: to change keys without a pause, or one that opens one person only."""
    from app.access.administer import add_key as add

    binding = _binding(client_ref, therapist_ref, system, acts_as=acts_as)
    made = run(lambda runtime: add(runtime, organisation=org, application=app_id, binding=binding, days=expires_in))
    if as_json:
        print_json({"key_id": str(made.key_id), "api_key": made.api_key, "expires_at": made.expires_at})
        return
    print_table("Key", ("key_id", "ends"), [(made.key_id, made.expires_at or "-")])
    typer.echo(made.api_key)
    say(_ONCE)


@app.command("revoke-key")
def revoke_key(
    key_id: Annotated[UUID, typer.Argument(help="The key's id.")], org: Org, as_json: AsJson = False
) -> None:
    """Revoke a key: the next request with it is refused."""
    from app.access.administer import revoke_key as revoke

    run(lambda runtime: revoke(runtime, organisation=org, key_id=key_id))
    if as_json:
        print_json({"key_id": str(key_id), "revoked": True})
        return
    say(f"Key {key_id} is revoked.")


@app.command("revoke-tokens")
def revoke_tokens(org: Org, app_id: App, as_json: AsJson = False) -> None:
    """End every access token of an application: the next request with one is refused. Its API keys live on."""
    from app.access.administer_tokens import revoke_tokens as revoke

    run(lambda runtime: revoke(runtime, organisation=org, application=app_id))
    if as_json:
        print_json({"application_id": str(app_id), "revoked": True})
        return
    say("Every token that was given out until now is revoked.")


def _binding(
    client_ref: str | None,
    therapist_ref: str | None,
    system: str | None,
    *,
    acts_as: Literal["client", "parent"] = "client",
) -> Binding | None:
    """Say whom a key opens; None: everything."""
    from app.access.binding import Binding

    if client_ref is not None and therapist_ref is not None:
        raise fail("a key opens one client or one therapist, not both")
    if acts_as == "parent" and client_ref is None:
        raise fail("a parent's key opens the child: give --client-ref")
    if client_ref is not None:
        return Binding(kind="client", system=system, value=client_ref, acts_as=acts_as)
    return None if therapist_ref is None else Binding(kind="therapist", system=system, value=therapist_ref)
