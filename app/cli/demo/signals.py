"""Signals as the demo prints them: what was told session by session, what became of it, and how it came about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.cli.demo.advice import sessions
from app.cli.demo.post import Answered
from app.cli.demo.words import new_table, note, points

if TYPE_CHECKING:
    from rich.console import Console


def print_course(console: Console, told: list[Answered]) -> None:
    """Print a series with the signals that were told at each form."""
    table = new_table(("Session", "right"), ("Total", "right"), ("Signal told", "left"))
    for one in told:
        said = "; ".join(_told(signal, at=one) for signal in one.answer["signals"])
        score = one.score()
        table.add_row(str(one.session), "none" if score["status"] == "not_scored" else points(score["value"]), said)
    console.print(table)
    console.print()


def print_life(console: Console, signals: list[dict[str, Any]]) -> None:
    """Print what became of signals: every state they were in, and who looked at them."""
    for signal in signals:
        turns = [(turn["changed_at"], _turn(turn)) for turn in signal["history"]]
        turns += [(seen["acknowledged_at"], _seen(seen)) for seen in signal["acknowledgements"]]
        course = ", ".join(says for _, says in sorted(turns, key=lambda turn: turn[0]))
        console.print(f"{named(signal)}: {course}.")
    console.print()


def print_how(console: Console, told: dict[str, Any]) -> None:
    """Print the service's explanation of a signal: every step, the rule behind it, and what it can't say."""
    steps = new_table(("Step", "left"), ("What is done", "left"))
    for step in told["steps"]:
        steps.add_row(step["name"].replace("_", " "), step["says"])
    console.print(steps)
    console.print()
    signal = told["signal"]
    note(console, f"{signal['rule']}, version {signal['version']}: {told['status']}. {told['source']}")
    console.print()
    console.print("What it can't say:")
    for limit in told["limits"]:
        note(console, f"- {limit}")
    console.print()


def named(signal: dict[str, Any]) -> str:
    """Write which signal it is."""
    return f"{_words(signal['kind'])} of session {signal['opened_session']}"


def _told(signal: dict[str, Any], *, at: Answered) -> str:
    kind = _words(signal["kind"])
    if signal["state"] != "open":
        return f"{kind}: {signal['state']}, after {sessions(signal['latency'])}"
    if signal["opened_session"] != at.session:
        return f"{kind}: still open"
    return f"{kind}: opened, as {signal['level']}{_numbers(signal)}"


def _numbers(signal: dict[str, Any]) -> str:
    value, threshold, baseline = signal["value"], signal["threshold"], signal["baseline"]
    if value is None or threshold is None:
        return ""
    if baseline is None:
        return f" ({value:g}, from {threshold:g} downwards)"
    return f" ({points(value)} where {points(baseline)} was expected, z {signal['z']:.2f})"


def _turn(turn: dict[str, Any]) -> str:
    if turn["closed_session"] is None:
        return str(turn["state"])
    return f"{turn['state']} at session {turn['closed_session']}"


def _seen(seen: dict[str, Any]) -> str:
    return f"acknowledged by {seen['acting']} ({_words(seen['reason'])})"


def _words(name: str) -> str:
    return name.replace("_", " ")
