"""Two who see it differently: client and therapist side by side over the same sessions, never averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.cli.demo.courses import DISAGREEING
from app.cli.demo.forms import client_name
from app.cli.demo.post import Answered, Posted, get
from app.cli.demo.words import heading, new_table, note, points

if TYPE_CHECKING:
    import httpx
    from rich.console import Console


def show_dyad(console: Console, http: httpx.Client, posted: Posted) -> None:
    """Show a dyad that disagrees at every session, which raises no signal."""
    client = client_name(DISAGREEING)
    told = posted.clients[client]
    found = get(http, f"/v1/clients/{told[0].answer['client_id']}/discrepancy")
    [pair] = found["pairs"]
    heading(console, f"Two who see it differently: {client}")
    console.print(
        "No signal was raised: neither of them changed much. But the therapist finds the relationship much better than "
        "the client does, and that is worth a talk too.\n"
    )
    _print_sessions(console, told, pair)
    _print_line(console, pair["truth_and_bias"])


def _print_sessions(console: Console, told: list[Answered], pair: dict[str, Any]) -> None:
    totals = {one.answer["id"]: one.score()["value"] for one in told}
    place = pair["components"].index("total")
    table = new_table(("Session", "right"), ("Client", "right"), ("Therapist", "right"), ("Difference, POMP", "right"))
    for session in pair["sessions"]:
        table.add_row(
            str(session["session_number"]),
            points(totals[session["client_submission_id"]]),
            points(totals[session["therapist_submission_id"]]),
            f"{session['differences'][place]:+.1f}",
        )
    console.print(table)
    console.print()


def _print_line(console: Console, line: dict[str, Any]) -> None:
    side = "higher" if line["bias"] > 0 else "lower"
    console.print(
        f"Over {line['pairs']} sessions the therapist rates {abs(line['bias']):.1f} POMP points {side} than the "
        f"client. The slope is {line['slope']:.2f}: at 1 the therapist's totals would follow the client's ups and "
        "downs step by step, at 0 not at all."
    )
    note(console, "The client's rating is what is followed, not what is right. The two are never averaged.")
