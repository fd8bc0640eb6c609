"""Recommendations as the demo prints them: the text, why it was given, on what evidence, and when to look again."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from app.cli.demo.post import Answered
from app.cli.demo.words import chance, new_table

if TYPE_CHECKING:
    from rich.console import Console


def print_advice(console: Console, advice: list[dict[str, Any]]) -> None:
    """Print recommendations in full."""
    from rich.padding import Padding

    for one in advice:
        console.print(f"[bold]{one['title']}[/bold]")
        console.print(Padding(one["text"], (0, 0, 0, 2)))
        lines = [
            f"Because {' and '.join(_because(reason) for reason in one['because'])}.",
            f"Evidence: {one['evidence']}. {one['source']}",
            f"Look again after {sessions(one['review_after_sessions'])}.",
        ]
        console.print(Padding("\n".join(lines), (0, 0, 1, 2), style="dim"), markup=False)


def print_along_the_way(console: Console, told: list[Answered]) -> None:
    """Print what was suggested when, over both raters' forms; sessions with the same suggestions together."""
    table = new_table(("After session", "left"), ("Suggested then", "left"))
    suggested: dict[int, list[str]] = {}
    for one in told:
        suggested.setdefault(one.session, []).extend(advice["title"] for advice in one.answer["recommendations"])
    for titles, run in groupby(suggested, key=lambda session: tuple(dict.fromkeys(suggested[session]))):
        numbers = list(run)
        table.add_row(
            str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}",
            "; ".join(titles) or "nothing: the stage was uncertain",
        )
    console.print(table)
    console.print()


def _because(reason: dict[str, Any]) -> str:
    rule, value, threshold = reason["rule"], reason["value"], reason["threshold"]
    if rule.startswith("signal."):
        return _raised(rule, value, threshold)
    if reason["component"] is not None:
        items = ", ".join(reason["items"])
        return (
            f"{reason['component']} (items {items}) lies {value:.0f} POMP below the mean of the others "
            f"(rule {rule}, named from more than {threshold:.0f})"
        )
    if rule == "boundaries.item_low":
        return f"item {', '.join(reason['items'])} on boundaries was answered with {value:.0f} (rule {rule})"
    if value is not None:
        stage = rule.partition(".")[2].replace("_", " ")
        return f"the stage is {stage} with probability {chance(value)} (rule {rule}, named from {chance(threshold)})"
    kind = rule.removeprefix("ending.")
    return f"an ending was reported: {kind} (rule {rule})"


def _raised(rule: str, value: float | None, threshold: float | None) -> str:
    kind = rule.removeprefix("signal.").replace("_", " ")
    if value is None or threshold is None:
        return f"this was said on the form: {kind} (rule {rule})"
    return f"a signal is open: {kind} (rule {rule}, opened with {value:.2f}, at or beyond {threshold:.2f})"


def sessions(number: int) -> str:
    """Write a number of sessions."""
    return "1 session" if number == 1 else f"{number} sessions"
