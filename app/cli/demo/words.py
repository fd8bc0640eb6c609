"""How the demo writes numbers, stages and courses: short where the terminal is narrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDE = 100
UNSCORED, ABSENT = "x", "."

SHORT = {
    "establishing_rapport": "rapport",
    "exploring_the_problem": "exploring",
    "working_on_solutions": "solutions",
    "termination": "termination",
}


def open_console() -> Console:
    """Open standard output for tables; numbers are not coloured, since a colour would be a judgement."""
    from rich.console import Console

    return Console(highlight=False)


def is_wide(console: Console) -> bool:
    """Say whether there is room for whole words."""
    return console.width >= WIDE


def new_table(*columns: tuple[str, str], between: int = 3) -> Table:
    """Make a table from headings, each with its justification, and so many spaces between columns (1 to 3)."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.padding = (0, min(1, between - 1))
    table.collapse_padding = between == 2
    for heading, side in columns:
        table.add_column(heading, justify="right" if side == "right" else "left", vertical="top")
    return table


def heading(console: Console, text: str) -> None:
    """Print a heading with room above it."""
    console.print()
    console.rule(f"[bold]{text}[/bold]", align="left", characters="-" if console.options.ascii_only else "─")
    console.print()


def note(console: Console, text: str) -> None:
    """Print a remark under a table."""
    console.print(text, style="dim", markup=False)


def points(value: float | None) -> str:
    """Write a score on its scale."""
    return "-" if value is None else f"{value:.2f}"


def change(value: float | None) -> str:
    """Write a difference with its sign."""
    return "-" if value is None else "0.00" if abs(value) < 0.005 else f"{value:+.2f}"


def chance(value: float) -> str:
    """Write a probability as journals do; a model's rounding is never a certainty."""
    if value < 0.005:
        return "<.01"
    return ">.99" if value >= 0.995 else f"{value:.2f}".removeprefix("0")


def stage_name(name: str, *, wide: bool) -> str:
    """Write a stage."""
    return name.replace("_", " ") if wide else SHORT.get(name, name)


def stage(told: Mapping[str, Any], *, wide: bool) -> str:
    """Write the stage with its probability, or that it is uncertain and between which two."""
    chances: dict[str, float] = told["probabilities"]
    if told["current"] != "uncertain":
        return f"{stage_name(told['current'], wide=wide)} {chance(chances[told['current']])}"
    if told["basis"] == "session_number_only":
        return "uncertain (not answered)" if wide else "uncertain"
    first, second = sorted(chances, key=lambda name: -chances[name])[:2]
    return f"uncertain: {SHORT[first]}/{SHORT[second]}" if wide else "uncertain"


def sparkline(sessions: Sequence[int], totals: Sequence[float | None], *, ascii_only: bool) -> str:
    """Draw totals from 1 to 5, session by session, with signs of their own for no total and for no form."""
    known = dict(zip(sessions, totals, strict=True))
    steps = "12345" if ascii_only else "▁▂▃▄▅▆▇█"
    drawn = ""
    for session in range(1, max(known) + 1):
        value = known.get(session)
        if value is not None:
            drawn += steps[min(len(steps) - 1, int((value - 1) / 4 * len(steps)))]
        else:
            drawn += UNSCORED if session in known else ABSENT
    return drawn
