"""`alliance safeguarding`: who reads safety checks, what clients are told before, how long checks are kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer

from app.cli.output import AsJson, fail, print_json, print_table, run, say

if TYPE_CHECKING:
    from app.storage.runtime import Runtime

T = TypeVar("T")

app = typer.Typer(help="Safety checks: who reads them, and what clients are told.", no_args_is_help=True)
recipients = typer.Typer(help="The people who read safety checks, in their order.", no_args_is_help=True)
retention = typer.Typer(help="How long safety checks are kept.", no_args_is_help=True)
app.add_typer(recipients, name="recipients")
app.add_typer(retention, name="retention")

Org = Annotated[UUID, typer.Argument(metavar="ORG", help="The organisation's id.")]
AnyOrg = Annotated[UUID | None, typer.Argument(metavar="[ORG]", help="The organisation's id; all of them without.")]
Person = Annotated[str, typer.Option(help="The person, as requests name them in Acting-User: an id, never a name.")]


@app.command("configure")
def configure(
    org: Org,
    texts: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="What clients are told, as YAML.")],
    escalate_after: Annotated[int, typer.Option(help="Minutes until the next recipient's turn.")],
    retention_months: Annotated[int, typer.Option(help="For how long checks are kept.")],
    as_json: AsJson = False,
) -> None:
    """Say what clients are told before the question, when a check moves on, and how long it is kept."""
    from app.safeguarding.configure import configure as settle

    document = _read(texts)
    found = run(
        lambda runtime: settle(
            runtime,
            organisation=org,
            texts=document,
            escalate_after_minutes=escalate_after,
            retention_months=retention_months,
        )
    )
    if as_json:
        print_json({"locales": sorted(found.texts), "default": found.default})
        return
    say(f"Clients are told in {', '.join(sorted(found.texts))}; without another wish in {found.default}.")
    say("Safety checks are offered once there is a recipient: [bold]alliance safeguarding recipients add[/bold]")


@app.command("escalate")
def escalate(org: AnyOrg = None, as_json: AsJson = False) -> None:
    """Give what nobody has acknowledged in time to the next recipient; the service does so by itself every minute."""
    from app.safeguarding.escalate import escalate as move_on

    found = _of_each(org, lambda runtime, organisation: move_on(runtime, organisation=organisation))
    moved = sum(found)
    if as_json:
        print_json({"escalated": moved})
        return
    say(f"{moved} moved on.")


@recipients.command("add")
def add(org: Org, person: Person, as_json: AsJson = False) -> None:
    """Put somebody behind those who are on the list."""
    from app.safeguarding.recipients import add_recipient

    made = run(lambda runtime: add_recipient(runtime, organisation=org, person=person))
    if as_json:
        print_json({"recipient_id": str(made)})
        return
    say(f"{made} reads safety checks.")


@recipients.command("remove")
def remove(org: Org, person: Person, as_json: AsJson = False) -> None:
    """Take somebody off the list: their next request opens nothing."""
    from app.safeguarding.recipients import take_recipient_off

    gone = run(lambda runtime: take_recipient_off(runtime, organisation=org, person=person))
    if as_json:
        print_json({"recipient_id": str(gone), "removed": True})
        return
    say(f"{gone} reads no safety checks any more.")


@recipients.command("list")
def list_all(org: Org, as_json: AsJson = False) -> None:
    """List who reads safety checks, in their order."""
    from app.safeguarding.recipients import list_recipients

    found = run(lambda runtime: list_recipients(runtime, organisation=org), of=org)
    if as_json:
        print_json(
            [
                {
                    "recipient_id": str(one.recipient_id),
                    "position": one.position,
                    "person": one.person,
                    "added_at": one.added_at,
                }
                for one in found
            ]
        )
        return
    rows = [(one.position, one.person, one.recipient_id, one.added_at) for one in found]
    print_table("Recipients", ("turn", "person", "recipient_id", "since"), rows)


@retention.command("run")
def run_retention(org: AnyOrg = None, as_json: AsJson = False) -> None:
    """Delete the closed checks whose time is over; those that nobody has closed stay, and are told."""
    from app.safeguarding.retention import retain

    found = _of_each(org, lambda runtime, organisation: retain(runtime, organisation=organisation))
    deleted, not_closed = sum(one.deleted for one in found), sum(one.not_closed for one in found)
    held = sum(one.held for one in found)
    if as_json:
        print_json({"deleted": deleted, "not_closed": not_closed, "held": held})
        return
    say(f"{deleted} deleted.")
    if not_closed:
        say(f"{not_closed} are over their time and not closed: somebody has to close them.")
    if held:
        say(f"{held} stay under a legal hold.")


def _of_each(org: UUID | None, work: Callable[[Runtime, UUID], Awaitable[T]]) -> list[T]:
    """Do it for one organisation, or for each of those that the owner of the database lists."""
    if org is not None:
        return [run(lambda runtime: work(runtime, org), of=org)]
    from app.access.administer import list_organisations

    every = [row.organisation_id for row in run(list_organisations, as_owner=True)]

    async def whole(runtime: Runtime) -> list[T]:
        return [await work(runtime, organisation) for organisation in every]

    return run(whole)


def _read(path: Path) -> Any:
    import yaml

    from app.instruments.strict_yaml import load_strict

    try:
        return load_strict(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise fail(f"{path} is no YAML") from None
