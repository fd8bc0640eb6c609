"""`alliance people`: legal holds, a therapist's own data, and erasures that are carried out again after a restore."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from app.cli.output import AsJson, fail, print_json, print_table, run, say

if TYPE_CHECKING:
    from app.people.holds import ClientRef
    from app.storage.runtime import Runtime

app = typer.Typer(
    help="Rights of people: legal holds, a therapist's own data, erasures after a restore.", no_args_is_help=True
)

Org = Annotated[UUID, typer.Option("--org", help="The organisation's id.")]
Ref = Annotated[str, typer.Option("--client-ref", help="The client, as your forms call them.")]
TherapistRef = Annotated[str, typer.Option(help="The therapist, as your forms call them.")]
Who = Annotated[str, typer.Option("--acting", help="Who does so: your own id, never a name. It is sealed in the log.")]
Acting = Annotated[
    str | None,
    typer.Option(help="Who exports: your own id, never a name. It is sealed in the export's entry of the log."),
]
System = Annotated[str | None, typer.Option(help="The system of the reference, where your forms send one.")]
Reason = Annotated[str, typer.Option(help="Why, for those who look at it later; kept sealed.")]


@app.command("hold")
def hold(  # noqa: PLR0917 - typer passes by name
    org: Org, client_ref: Ref, reason: Reason, acting: Who, system: System = None, as_json: AsJson = False
) -> None:
    """Keep everything about a client from being erased until it is released."""
    from app.people.holds import hold as place

    client, who = _client(client_ref, system), _named(acting)
    made = run(lambda runtime: place(runtime, organisation=org, client=client, reason=reason, acting=who))
    if as_json:
        print_json({"hold_id": str(made)})
        return
    say("Nothing of this client is erased until every hold is released.")


@app.command("release")
def release(  # noqa: PLR0917 - typer passes by name
    org: Org, client_ref: Ref, reason: Reason, acting: Who, system: System = None, as_json: AsJson = False
) -> None:
    """Release every hold on a client."""
    from app.people.holds import release as lift

    client, who = _client(client_ref, system), _named(acting)
    lifted = run(lambda runtime: lift(runtime, organisation=org, client=client, reason=reason, acting=who))
    if as_json:
        print_json({"released": lifted})
        return
    say("Released: the client may be erased.")


@app.command("holds")
def holds(org: Org, acting: Who, as_json: AsJson = False) -> None:
    """List the legal holds with their reasons, those too that were released. The log says that it was listed."""
    from app.people.holds import all_holds

    who = _named(acting)
    found = run(lambda runtime: all_holds(runtime, organisation=org, acting=who), of=org)
    names = ("hold_id", "client_id", "placed_at", "lifted_at", "reason")
    rows = [tuple(getattr(one, name) for name in names) for one in found]
    if as_json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    print_table("Legal holds", names, [["-" if cell is None else cell for cell in row] for row in rows])


@app.command("export")
def export(org: Org, therapist_ref: TherapistRef, system: System = None, acting: Acting = None) -> None:
    """Print what is held about a therapist as one JSON document, to be given to them; nothing of what clients said."""
    from app.access.teams import Person
    from app.cli.therapist_document import document
    from app.errors import ActingRequired, NotFound
    from app.people.export_therapist import export_therapist

    person = Person(system=system, value=therapist_ref)

    async def work(runtime: Runtime) -> None:
        try:
            found = await export_therapist(runtime, organisation=org, person=person, acting=acting)
        except NotFound:
            raise fail("no therapist of this organisation is called that: see whether --system is missing") from None
        except ActingRequired:
            raise fail("this organisation wants to know who reads: add --acting") from None
        async for part in document(found):
            sys.stdout.write(part)

    run(work)


@app.command("replay-erasures")
def replay(org: Org, as_json: AsJson = False) -> None:
    """Erase again whoever was erased before and came back with a restored backup."""
    from app.people.replay_erasures import replay_erasures

    counts = run(lambda runtime: replay_erasures(runtime, organisation=org), of=org)
    if as_json:
        print_json(counts)
        return
    say(f"{counts['clients']} clients were erased again.")


def _client(client_ref: str, system: str | None) -> ClientRef:
    from app.people.holds import ClientRef

    return ClientRef(system=system, value=client_ref)


def _named(acting: str) -> str:
    if not acting.strip():
        raise fail("who does this says who they are: --acting is empty")
    return acting
