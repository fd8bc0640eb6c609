"""`alliance audit`: the log of who looked at what, proven, exported, and its end kept off the machine."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from app.cli.output import AsJson, fail, print_json, print_table, progress, run, say

if TYPE_CHECKING:
    from app.audit.break_glass import BrokenGlass
    from app.audit.verify import KeptHead, Verdict
    from app.storage.runtime import Runtime

app = typer.Typer(help="The log of who looked at what: proven, exported, its end kept elsewhere.", no_args_is_help=True)

Org = Annotated[UUID, typer.Option("--org", help="The organisation's id.")]
AnyOrg = Annotated[UUID | None, typer.Option("--org", help="One organisation's id; all of them unless given.")]

_DAYS = ["%Y-%m-%d"]
_BROKEN = ("recorded_at", "application_id", "acting", "client_id", "operation", "outcome", "reason")
_SAYS = {
    "missing": "entry {at} is missing",
    "altered": "entry {at} is not as it was written, or not in its place",
    "unlinked": "entry {at} has lost its link",
    "cut_off": "the log was cut off: entry {at} and what came after it is missing",
    "beyond_the_end": "entry {at} was added behind the end of the log",
    "end_changed": "the end of the log, at entry {at}, is not as it was left",
    "not_the_kept_head": "entry {at} is another one than the head that was kept says",
    "no_organisation": "the organisation is gone, and its whole log with it, from entry {at} on",
}


@app.command("verify")
def verify(
    org: AnyOrg = None,
    head: Annotated[
        Path | None, typer.Option(help="What `alliance audit head --json` printed once, kept elsewhere.", exists=True)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove that every entry is there, in its order, and as it was written. Ends with 1 if one is not."""
    from app.audit.verify import GONE
    from app.audit.verify import verify as use_case

    kept = _kept(head) if head is not None else {}

    async def work(runtime: Runtime) -> dict[UUID, Verdict]:
        asked = [org] if org is not None else await _all(runtime)
        found = {one: GONE for one in kept if org is None and one not in asked}
        for organisation in asked:
            with progress(f"Organisation {organisation}", shown=not as_json) as advance:
                found[organisation] = await use_case(
                    runtime, organisation=organisation, kept=kept.get(organisation), on_portion=advance
                )
        return found

    _show(run(work, as_owner=org is None, of=org), as_json)


@app.command("seal")
def seal(org: AnyOrg = None, as_json: AsJson = False) -> None:
    """Give the entries that have none their number and link. A running service does so by itself."""
    from app.audit.seal_all import seal_all

    async def work(runtime: Runtime) -> dict[UUID, int]:
        organisations = [org] if org is not None else await _all(runtime)
        return {one: await seal_all(runtime, organisation=one) for one in organisations}

    sealed = run(work, as_owner=org is None, of=org)
    if as_json:
        print_json([{"organisation_id": str(one), "sealed": number} for one, number in sealed.items()])
        return
    print_table("Sealed now", ("organisation_id", "entries"), sealed.items())


@app.command("head")
def show_head(org: AnyOrg = None, as_json: AsJson = False) -> None:
    """Print where each log ends: its last entry's number and link. Keep it where this machine can't change it."""
    from app.audit.head import Head
    from app.audit.head import head as use_case

    async def work(runtime: Runtime) -> dict[UUID, Head]:
        organisations = [org] if org is not None else await _all(runtime)
        return {one: await use_case(runtime, organisation=one) for one in organisations}

    rows = [
        {"organisation_id": str(one), "sequence": found.sequence, "chain": found.chain.hex() if found.chain else None}
        for one, found in run(work, as_owner=org is None, of=org).items()
    ]
    if as_json:
        print_json(rows)
        return
    print_table("Heads", ("organisation_id", "sequence", "chain"), [tuple(row.values()) for row in rows])
    say("Kept as `alliance audit head --json > FILE`, it is what `alliance audit verify --head FILE` holds against.")


@app.command("export")
def export(
    org: Org,
    client: Annotated[UUID | None, typer.Option("--client", help="Only the entries about this client.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Only the entries behind this number.")] = 0,
    open_acting: Annotated[
        bool, typer.Option("--open-acting", help="Open who the persons were, and the reasons they gave.")
    ] = False,
    acting: Annotated[
        str | None, typer.Option(help="Who exports: your own id, never a name. It is sealed in the export's own entry.")
    ] = None,
) -> None:
    """Print the log, one JSON object a line. That it was exported is an entry of the log itself."""
    from app.audit.export import export as use_case

    if open_acting and not acting:
        raise fail("who opens persons says who they are: add --acting")

    async def work(runtime: Runtime) -> int:
        lines = 0
        async for entry in use_case(
            runtime, organisation=org, client_id=client, after=after, open_acting=open_acting, acting=acting
        ):
            typer.echo(json.dumps(entry, ensure_ascii=False))
            lines += 1
        return lines

    say(f"{run(work, of=org)} entries")


@app.command("break-glass")
def break_glass(
    org: Org,
    acting: Annotated[str, typer.Option(help="Who looks: your own id, never a name. It is sealed in the log.")],
    since: Annotated[datetime | None, typer.Option(help="Only those since this day, in UTC.", formats=_DAYS)] = None,
    as_json: AsJson = False,
) -> None:
    """List who broke the glass, about whom and why, opened. That it was listed is an entry of the log itself."""
    from app.audit.break_glass import broken_glass

    if not acting:
        raise fail("who opens persons says who they are: --acting is empty")
    first = None if since is None else since.replace(tzinfo=UTC)

    async def work(runtime: Runtime) -> list[BrokenGlass]:
        return [one async for one in broken_glass(runtime, organisation=org, acting=acting, since=first)]

    found = [_broken(one) for one in run(work, of=org)]
    if as_json:
        print_json(found)
        return
    print_table("Broken glass", _BROKEN, [["-" if cell is None else cell for cell in one.values()] for one in found])


def _broken(one: BrokenGlass) -> dict[str, str | None]:
    """Write a row; the reason is gone with a client who was erased."""
    at = one.recorded_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    cells = (at, one.application_id, one.acting, one.client_id, one.operation, one.outcome, one.reason)
    return {name: None if cell is None else str(cell) for name, cell in zip(_BROKEN, cells, strict=True)}


async def _all(runtime: Runtime) -> list[UUID]:
    from app.access.administer import list_organisations

    return [row.organisation_id for row in await list_organisations(runtime)]


def _kept(path: Path) -> dict[UUID, KeptHead | None]:
    """Read heads that were kept; of a log without links there is none, but its organisation was there."""
    from app.audit.verify import KeptHead

    try:
        return {
            UUID(row["organisation_id"]): None
            if row["chain"] is None
            else KeptHead(sequence=int(row["sequence"]), chain=bytes.fromhex(row["chain"]))
            for row in [*json.loads(path.read_text("utf-8"))]
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise fail(f"{path} is not what `alliance audit head --json` prints") from None


def _show(found: dict[UUID, Verdict], as_json: bool) -> None:
    if as_json:
        print_json([_document(verdict, organisation=organisation) for organisation, verdict in found.items()])
    else:
        columns = ("organisation_id", "entries", "first link", "without link", "not sealed", "result")
        print_table(
            "Logs", columns, [_row(verdict, organisation=organisation) for organisation, verdict in found.items()]
        )
        if any(verdict.without_link for verdict in found.values()):
            say("Entries without a link are of a release that made none: they are counted, and prove nothing.")
    if any(verdict.fault for verdict in found.values()):
        raise typer.Exit(1)


def _document(verdict: Verdict, *, organisation: UUID) -> dict[str, Any]:
    return {
        "organisation_id": str(organisation),
        "intact": verdict.fault is None,
        "entries": verdict.entries,
        "last": verdict.last,
        "begins_at": verdict.begins_at,
        "without_link": verdict.without_link,
        "not_sealed": verdict.not_sealed,
        "fault": verdict.fault,
        "broken_at": verdict.broken_at,
    }


def _row(verdict: Verdict, *, organisation: UUID) -> tuple[Any, ...]:
    told = "intact" if verdict.fault is None else _SAYS[verdict.fault].format(at=verdict.broken_at)
    return (
        organisation,
        verdict.entries,
        verdict.begins_at or "",
        verdict.without_link,
        verdict.not_sealed,
        told,
    )
