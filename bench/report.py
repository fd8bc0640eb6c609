"""The report: one set of facts as JSON, as Markdown and on the screen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.figures import Finding, Program


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that one run found."""

    code: dict[str, str]
    machine: dict[str, str]
    command: str
    findings: list[Finding]
    programs: list[Program]
    speeds: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the files: the date and the commit."""
        changed = "-changed" if self.code["changed_since"] == "yes" else ""
        return f"{self.code['date']}-{self.code['commit']}{changed}"


FINDING_COLUMNS = ("what", "where", "median", "least - greatest", "goal", "")
PROGRAM_COLUMNS = ("what", "where", "program", "requests/s", "p50 ms", "p99 ms", "CPU ms/request", "database CPU")


def finding_row(found: Finding) -> tuple[str, ...]:
    """Lay out one finding."""
    goal = found.goal
    return (
        found.what,
        found.where,
        f"{found.spread.median:.2f}",
        f"{found.spread.least:.2f} - {found.spread.greatest:.2f}",
        "" if goal is None else f"{'>=' if goal.at_least else '<='} {goal.bound:g}",
        found.verdict,
    )


def program_row(program: Program) -> tuple[str, ...]:
    """Lay out what one program did: medians over its windows."""
    windows = program.windows
    return (
        program.what,
        program.where,
        program.name,
        f"{median(w.rate for w in windows):,.0f}",
        f"{median(w.p50 for w in windows):.1f}",
        f"{median(w.p99 for w in windows):.1f}",
        f"{median(1000 * w.service_cpu / w.requests for w in windows):.2f}",
        f"{median(1000 * w.database_cpu / w.requests for w in windows):.2f}",
    )


def markdown(report: Report) -> str:
    """Write the report as Markdown."""
    about = {**report.code, **report.machine}
    speeds = [(name, f"{speed / 1e6:.1f} million forms/s") for name, speed in report.speeds.items()]
    parts = [
        f"# Measured {report.code['date']} at {report.code['commit']}",
        "Ratios compare neighbours in time within this run; absolute figures are for orientation only.",
        f"Repeat it: `{report.command}`. What is measured, and how: [README](../README.md).",
        _table(FINDING_COLUMNS, [finding_row(f) for f in report.findings]),
        _table(PROGRAM_COLUMNS, [program_row(p) for p in report.programs]) if report.programs else "",
        _table(("scoring", "best"), speeds) if speeds else "",
        _table(("machine", ""), list(about.items())),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def write(report: Report, folder: Path) -> Path:
    """Write both files and return the path of the Markdown one."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = asdict(report)
    for found, fact in zip(report.findings, facts["findings"], strict=True):
        fact["verdict"] = found.verdict
    (folder / f"{report.name}.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    path = folder / f"{report.name}.md"
    path.write_text(markdown(report), "utf-8")
    return path


def show(report: Report, console: Console) -> None:
    """Print the tables."""
    colours = {"met": "green", "MISSED": "red", "": ""}
    for columns, rows, styles in (
        (PROGRAM_COLUMNS, [program_row(p) for p in report.programs], [""] * len(report.programs)),
        (FINDING_COLUMNS, [finding_row(f) for f in report.findings], [colours[f.verdict] for f in report.findings]),
    ):
        table = Table(*columns, box=None, pad_edge=False, header_style="bold")
        for row, style in zip(rows, styles, strict=True):
            table.add_row(*row, style=style)
        console.print(table, "")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
