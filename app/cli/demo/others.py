"""Two more things a clinic asks: what happens to a form with many gaps, and what a longer form can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli.demo.advice import print_advice
from app.cli.demo.counting import print_counting
from app.cli.demo.courses import LONGER_FORM, TOO_MANY_GAPS
from app.cli.demo.forms import client_name
from app.cli.demo.post import Posted
from app.cli.demo.words import heading, new_table, points

if TYPE_CHECKING:
    import httpx
    from rich.console import Console


def show_others(console: Console, http: httpx.Client, posted: Posted) -> None:
    """Show a total that was not scored, and a component that a longer form can name."""
    client = client_name(TOO_MANY_GAPS)
    heading(console, f"Not every form gets a total: {client}")
    print_counting(console, http, posted.last(client, "trq-s"))
    _show_longer_form(console, posted, client_name(LONGER_FORM))


def _show_longer_form(console: Console, posted: Posted, client: str) -> None:
    heading(console, f"A longer form can name a weaker part: {client}, wai-sr")
    last = posted.last(client, "wai-sr")
    table = new_table(("Part", "left"), ("Score", "right"), ("POMP", "right"), ("Answered", "right"), ("", "left"))
    for score in last.answer["scores"]:
        table.add_row(
            score["component"],
            points(score["value"]),
            f"{score['pomp']:.0f}" if score["status"] == "scored" else "-",
            f"{score['answered']} of {score['items']}",
            "the mean of the others stands for the missing" if score.get("prorated") else "",
        )
    console.print(table)
    console.print()
    named = [one for one in last.answer["recommendations"] if one["because"][0]["rule"].startswith("component.")]
    print_advice(console, named)
    if not named:
        console.print("No part lies far enough below the others to be named.")
