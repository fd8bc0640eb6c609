"""`alliance shut-out`: end everything that opens something for an application or a person who is gone."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from app.cli.output import AsJson, fail, print_json, run, say

if TYPE_CHECKING:
    from app.access.shut_out import Ended

app = typer.Typer(help="End all credentials of who is gone: the next request is refused.", no_args_is_help=True)

Org = Annotated[UUID, typer.Option("--org", help="The organisation's id.")]


@app.command("application")
def application(
    org: Org, app_id: Annotated[UUID, typer.Option("--app", help="The application's id.")], as_json: AsJson = False
) -> None:
    """End an application's keys, tokens, key set and providers, and the invitations that it made."""
    from app.access.shut_out import shut_out_application

    _tell(run(lambda runtime: shut_out_application(runtime, organisation=org, application=app_id)), as_json=as_json)


@app.command("person")
def person(
    org: Org,
    client_ref: Annotated[str | None, typer.Option(help="A client, as your forms call them.")] = None,
    therapist_ref: Annotated[
        str | None, typer.Option(help="A therapist or supervisor, as your forms call them.")
    ] = None,
    system: Annotated[str | None, typer.Option(help="The system of the reference, where your forms send one.")] = None,
    as_json: AsJson = False,
) -> None:
    """End the keys of one person, a client's invitations, and all access tokens: programs get another one."""
    from app.access.binding import Binding
    from app.access.shut_out import shut_out_person

    if (client_ref is None) == (therapist_ref is None):
        raise fail("give either --client-ref or --therapist-ref")
    if client_ref is not None:
        who = Binding(kind="client", system=system, value=client_ref)
    else:
        who = Binding(kind="therapist", system=system, value=str(therapist_ref))
    _tell(run(lambda runtime: shut_out_person(runtime, who, organisation=org)), as_json=as_json)


def _tell(ended: Ended, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(ended))
        return
    say(
        f"Ended: {ended.api_keys} API keys, {ended.providers} providers, {ended.invitations} invitations, "
        "and every access token until now."
    )
