"""One client's story in detail: each session, the stage and its reasons, the advice, and how the total was counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.cli.demo.advice import print_advice, print_along_the_way
from app.cli.demo.counting import print_counting, print_sources
from app.cli.demo.courses import STORY
from app.cli.demo.forms import client_name
from app.cli.demo.post import Answered, Posted, get
from app.cli.demo.words import chance, change, heading, is_wide, new_table, note, points, stage, stage_name

if TYPE_CHECKING:
    import httpx
    from rich.console import Console

_FOCUS = ("f1", "f2", "f3", "f4")
_MET = {True: "yes", False: "no", None: "can't be told"}


def show_story(console: Console, http: httpx.Client, posted: Posted) -> None:
    """Tell one client's course from the first session to the planned ending."""
    client = client_name(STORY)
    told = posted.clients[client]
    detail = get(http, f"/v1/clients/{told[0].answer['client_id']}/stage")
    heading(console, f"One client's story: {client}")
    console.print(
        f"{detail['planned_sessions']} sessions were planned; a {detail['ending']} ending was reported at the last.\n"
    )
    _show_sessions(console, told)
    _show_stage(console, detail)
    heading(console, "What could be talked about: prompts for a conversation, not a diagnosis")
    print_along_the_way(console, [one for one in told if one.session < told[-1].session])
    console.print(f"After session {told[-1].session}:\n")
    print_advice(console, told[-1].answer["recommendations"])
    last = posted.last(client, "trq-s")
    heading(console, f"How the client's total of session {last.session} was counted")
    print_sources(console, print_counting(console, http, last))


def _show_sessions(console: Console, told: list[Answered]) -> None:
    wide = is_wide(console)
    table = new_table(
        ("", "right"),
        *((("Date", "left"),) if wide else ()),
        ("Client:\ntotal", "right"),
        ("since\nprev.", "right"),
        ("Thera-\npist", "right"),
        ("About\nk p w e", "left"),
        ("Stage after the session" if wide else "Stage", "left"),
        ("Reported", "left"),
        between=2 if wide else 3,
    )
    for session in sorted({one.session for one in told}):
        table.add_row(*_session_cells([one for one in told if one.session == session], wide=wide))
    console.print(table)
    console.print()
    note(
        console,
        "About: how much of the session was getting to know each other (k), understanding the problem (p), finding "
        "ways forward (w), and looking back to end (e), each 1 to 5 as the client answered (-: not answered).\n"
        "The stage follows from these answers, from time, and from a reported rupture or ending, never from how high "
        "the totals are. A reported rupture is a signal, with advice on its repair while it is open.",
    )


def _session_cells(told: list[Answered], *, wide: bool) -> list[str]:
    """Write one session; `told` holds its forms, and the last of them knew most."""
    by_rater = {one.form["rater"]: one for one in told}
    own, theirs = by_rater.get("client"), by_rater.get("therapist")
    since = None if own is None else own.answer["change"]["total"]["since_previous"]["value"]
    return [
        str(told[0].session),
        *([told[0].form["session_date"]] if wide else []),
        _total(own),
        change(since),
        _total(theirs),
        _focus(own),
        stage(told[-1].answer["stage"], wide=wide),
        _reported(told),
    ]


def _total(one: Answered | None) -> str:
    if one is None:
        return "-"
    return "none" if one.score()["status"] == "not_scored" else points(one.score()["value"])


def _focus(own: Answered | None) -> str:
    answers = own.form["answers"] if own else {}
    return " ".join(str(answers.get(item, "-")) for item in _FOCUS)


def _reported(told: list[Answered]) -> str:
    said = []
    for reported in (one.form["reported"] for one in told):
        said += ["rupture"] if reported.get("rupture") else []
        said += [f"{reported['ending']} end"] if reported["ending"] else []
    return ", ".join(dict.fromkeys(said))


def _show_stage(console: Console, detail: dict[str, Any]) -> None:
    heading(console, f"Why this stage, at session {detail['session_number']}")
    parts = detail["contributions"]
    table = new_table(
        ("Stage", "left"), ("Before", "right"), ("After one more session", "right"), ("With the answers", "right")
    )
    for name, now in detail["probabilities"].items():
        table.add_row(
            stage_name(name, wide=True),
            chance(parts["before"][name]) if parts["before"] else "-",
            chance(parts["after_time"][name]),
            f"[bold]{chance(now)}[/bold]",
        )
    console.print(table)
    console.print("\nSigns of a move to the next stage; they explain and never overrule the probabilities:\n")
    signs = new_table(("Met", "left"), ("Sign", "left"), ("of a move to", "left"))
    for sign in detail["criteria"]:
        signs.add_row(_MET[sign["met"]], sign["text"], stage_name(sign["move"].rpartition(" -> ")[2], wide=True))
    console.print(signs)
    console.print()
    note(console, f"Model {detail['model']}, version {detail['version']}. {detail['source']}")
