"""Whom to look at first, as the service's own caseload says, with the one reason for each place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli.demo.post import Posted, get
from app.cli.demo.words import heading, new_table, note

if TYPE_CHECKING:
    import httpx
    from rich.console import Console


def show_attention(console: Console, http: httpx.Client, posted: Posted) -> None:
    """Print the open episodes that ask for attention, in the order of the service."""
    cases = get(http, "/v1/caseload?limit=200")["items"]
    names = {told[0].answer["client_id"]: client for client, told in posted.clients.items()}
    heading(console, "Who asks for attention")
    table = new_table(("Reference", "left"), ("Attention", "left"), ("Why", "left"))
    asking = [case for case in cases if case["signal_id"] is not None]
    for case in asking:
        table.add_row(names[case["client_id"]], case["attention"].replace("_", " "), case["why"]["text"])
    console.print(table)
    console.print()
    note(
        console,
        f"{len(asking)} of {len(cases)} open episodes have an open signal. Alerts come first, then watches, and what "
        "somebody has looked at after both; among them those that wait longest, which is chance here, where all was "
        "posted within seconds. Ended courses are not in this list.",
    )
