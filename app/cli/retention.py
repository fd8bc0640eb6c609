"""`alliance retention`: erase the clients whose time is over."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from app.cli.output import AsJson, print_json, print_table, run

if TYPE_CHECKING:
    from app.people.retain import Retained

app = typer.Typer(help="Retention: erase the clients whose time is over.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep `run` a command of its own, though it is the only one."""


@app.command("run")
def run_retention(
    org: Annotated[UUID | None, typer.Option("--org", help="This organisation only; without it, every one.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say whom it would erase, and erase nobody.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase every client whose last form is older than the organisation's time; a legal hold keeps them."""
    from app.access.administer import list_organisations
    from app.people.retain import retain

    organisations = [org] if org else [row.organisation_id for row in run(list_organisations, as_owner=True)]
    told = {one: run(partial(retain, organisation=one, dry_run=dry_run), of=one) for one in organisations}
    if as_json:
        print_json([_document(found, organisation=one, dry_run=dry_run) for one, found in told.items()])
        return
    rows = [(one, found.before or "-", len(found.erased), len(found.held)) for one, found in told.items()]
    counted = "would be erased" if dry_run else "erased"
    print_table("Retention", ("organisation_id", "last form before", counted, "held"), rows)


def _document(found: Retained, *, organisation: UUID, dry_run: bool) -> dict[str, object]:
    return {
        "organisation_id": str(organisation),
        "before": found.before,
        "dry_run": dry_run,
        "erased": [str(one) for one in found.erased],
        "held": [str(one) for one in found.held],
    }
