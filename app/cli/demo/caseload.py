"""The caseload as a table: side by side what the two raters said, in an order to read in, without a ranking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.cli.demo.post import Posted, get
from app.cli.demo.words import UNSCORED, change, heading, is_wide, new_table, note, points, sparkline, stage

if TYPE_CHECKING:
    import httpx
    from rich.console import Console

_LARGEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One client as the API tells it; totals are None where a form was not scored or is not there."""

    client: str
    last_session: int
    sessions: list[int]
    totals: list[float | None]
    pomp: float | None
    since_previous: float | None
    since_first: float | None
    therapist: dict[int, float | None]
    stage: dict[str, Any]
    ending: str | None

    @property
    def total(self) -> float | None:
        """The total of the client's last form."""
        return self.totals[-1]

    @property
    def order(self) -> tuple[bool, float, str]:
        """Where the row stands: without a total first, then the lowest total."""
        return (self.total is not None, self.total or 0.0, self.client)


def read_caseload(http: httpx.Client, posted: Posted) -> list[Row]:
    """Ask for every client's progress."""
    return sorted((_read_row(http, posted, client) for client in posted.clients), key=lambda row: row.order)


def _read_row(http: httpx.Client, posted: Posted, client: str) -> Row:
    last = posted.last(client, "trq-s").answer
    progress = get(http, f"/v1/clients/{last['client_id']}/progress")
    lines = {line["instrument"]: line for line in progress["series"]}
    own, theirs = lines["trq-s"], lines.get("trq-s-t", {"sessions": [], "totals": []})
    return Row(
        client=client,
        last_session=progress["episode"]["last_session"],
        sessions=own["sessions"],
        totals=own["totals"],
        pomp=next(score["pomp"] for score in own["latest"] if score["component"] == "total"),
        since_previous=last["change"]["total"]["since_previous"]["value"],
        since_first=last["change"]["total"]["since_first"]["value"],
        therapist=dict(zip(theirs["sessions"], theirs["totals"], strict=True)),
        stage=progress["stage"],
        ending=progress["episode"]["ending"],
    )


def show_caseload(console: Console, rows: list[Row]) -> None:
    """Print the caseload and how to read it."""
    heading(console, f"The caseload: {len(rows)} clients of three therapists, in one list")
    wide = is_wide(console)
    table = new_table(
        ("Reference", "left"),
        ("Ses.", "right"),
        ("Each total,\n1 to 5", "left"),
        ("Client", "right"),
        ("POMP", "right"),
        ("since\nprev.", "right"),
        ("since\nfirst", "right"),
        ("Thera-\npist", "right"),
        ("Stage and its probability" if wide else "Stage", "left"),
        between=2 if wide else 1,
    )
    for column in table.columns[:-1]:
        column.no_wrap = True
    for row in rows:
        table.add_row(*_cells(row, wide=wide, ascii_only=console.options.ascii_only))
    console.print(table)
    console.print()
    _explain(console, rows, wide=wide)


def _cells(row: Row, *, wide: bool, ascii_only: bool) -> tuple[str, ...]:
    same_session = row.sessions[-1]
    return (
        row.client,
        str(row.last_session),
        sparkline(row.sessions, row.totals, ascii_only=ascii_only),
        "none" if row.total is None else points(row.total),
        "-" if row.pomp is None else f"{row.pomp:.0f}",
        change(row.since_previous),
        change(row.since_first),
        points(row.therapist.get(same_session)),
        stage(row.stage, wide=wide) if row.ending is None else _ended(row),
    )


def _ended(row: Row) -> str:
    how = "planned end" if row.ending == "planned" else row.ending
    return f"{stage(row.stage, wide=False)}, {how}"


def _explain(console: Console, rows: list[Row], *, wide: bool) -> None:
    drops = sorted((r for r in rows if r.since_previous is not None and r.since_previous < 0), key=_drop)[:_LARGEST]
    console.print(
        "Largest drops since the session before: "
        + ", ".join(f"{row.client} {change(row.since_previous)}" for row in drops)
    )
    note(
        console,
        "Order: a last form without a total first, then the lowest last total. It is an order to read in; no line is "
        "drawn anywhere. What is a signal stands below.\n"
        "Change is in points of the scale from 1 to 5. There is no norm for this measure, so nobody can say whether a "
        "change is more than noise. POMP: percent of the maximum possible.\n"
        "Client and therapist stand side by side, about the same session (-: no form), and are never averaged. "
        f"Under Client, none, and {UNSCORED} in the course: too many gaps for a total. A dot in the course: no form.\n"
        "Stage: experimental; below .60, or without recent answers to what the sessions were about, it is uncertain."
        + ("" if wide else " A terminal of 100 columns shows its full name."),
    )


def _drop(row: Row) -> float:
    return row.since_previous or 0.0
