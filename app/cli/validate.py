"""`alliance validate`: hold the rules against simulated courses, and fail when a gate is missed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.output import AsJson, fail, print_json, print_table, say

if TYPE_CHECKING:
    from app.validation.document import Document
    from app.validation.signals import SignalCondition
    from app.validation.stages import StageCondition

app = typer.Typer(help="Hold the rules against simulated courses.", no_args_is_help=True)

SEED = 2026

Seed = Annotated[int, typer.Option(min=0, help="Another seed draws other courses.")]
Report = Annotated[
    Path | None, typer.Option(help="Write the page, the numbers and plots there (needs the extra `validation`).")
]


@app.command("stages")
def stages(
    *,
    seed: Seed = SEED,
    courses: Annotated[int, typer.Option(min=1, help="Courses for each condition.")] = 2000,
    dwell: Annotated[
        str | None, typer.Option(help="Mean sessions beyond the first in rapport and exploring, such as 4.6,8.6.")
    ] = None,
    distortion: Annotated[
        float | None, typer.Option(min=0, max=1, help="How far the items mean something else than believed.")
    ] = None,
    halo: Annotated[float | None, typer.Option(min=0, help="SD of a client's own way with an item.")] = None,
    missing: Annotated[float | None, typer.Option(min=0, max=1, help="Share of sessions without a form.")] = None,
    dropout: Annotated[float | None, typer.Option(min=0, max=1, help="Share of clients who drop out.")] = None,
    plan_known: Annotated[float | None, typer.Option(min=0, max=1, help="Share of planned ends known.")] = None,
    as_json: AsJson = False,
    report: Report = None,
) -> None:
    """Run the stage model on simulated courses, beside two baselines.

    Without options on courses and forms, the eight conditions of the science page are run. With any of them, one
    condition is: the standard one with what was given. It has to pass the gate like the others.
    """
    from app.validation.document import stage_document
    from app.validation.gates import stage_gates
    from app.validation.stages import CONDITIONS, run_stages

    _check(report)
    law = {"dropout": dropout, "plan_known": plan_known}
    forms = {"distortion": distortion, "halo": halo, "missing": missing}
    given = _as_given(law | {"dwell": _pair(dwell)}, forms)
    conditions = CONDITIONS if given is None else (given,)
    with _progress("Courses", courses * len(conditions), shown=not as_json) as told:
        results = run_stages(seed=seed, clients=courses, conditions=conditions, told=told)
    document = stage_document(
        results,
        stage_gates(results),
        conditions=conditions,
        seed=seed,
        clients=courses,
        command=_command("stages", {"seed": seed, "courses": courses, "dwell": dwell} | law | forms),
    )
    _finish(document, as_json=as_json, report=report)


@app.command("signals")
def signals(
    *,
    seed: Seed = SEED,
    courses: Annotated[int, typer.Option(min=1, help="Courses for each condition.")] = 1500,
    sd: Annotated[float | None, typer.Option(min=0.01, help="Median SD within a client.")] = None,
    base: Annotated[float | None, typer.Option(min=1, max=5, help="Mean level of the clients.")] = None,
    growth: Annotated[float | None, typer.Option(min=-1, max=1, help="Growth a session, up to the twelfth.")] = None,
    carry: Annotated[float | None, typer.Option(min=0, max=0.99, help="Carry-over from session to session.")] = None,
    missing: Annotated[float | None, typer.Option(min=0, max=0.9, help="Share of sessions without a form.")] = None,
    mu0: Annotated[float | None, typer.Option(min=1, max=5, help="Mean level that the rules assume.")] = None,
    s0: Annotated[float | None, typer.Option(min=0.01, help="SD within a client that the rules assume.")] = None,
    as_json: AsJson = False,
    report: Report = None,
) -> None:
    """Run the rules for signals on simulated courses, beside the rules of others.

    Without options on series and assumptions, the five conditions of the science page are run. With any of them, one
    condition is: the first one with what was given. It has to pass the gates like the others.
    """
    from app.validation.document import signal_document
    from app.validation.gates import signal_gates
    from app.validation.quiet import run_quiet
    from app.validation.signals import CONDITIONS, run_signals

    _check(report)
    series = {"sd": sd, "base": base, "growth": growth, "carry": carry, "missing": missing}
    assumed = {"mu0": mu0, "s0": s0}
    given = _series_as_given(series, assumed)
    conditions = CONDITIONS if given is None else (given,)
    with _progress("Courses", 3 * courses * len(conditions), shown=not as_json) as told:
        results = run_signals(seed=seed, clients=courses, conditions=conditions, told=told)
        quiet = run_quiet(seed=seed, clients=courses, law=conditions[0].series, assumed=conditions[0].assumed)
    document = signal_document(
        results,
        quiet,
        signal_gates(results),
        conditions=conditions,
        seed=seed,
        clients=courses,
        command=_command("signals", {"seed": seed, "courses": courses} | series | assumed),
    )
    _finish(document, as_json=as_json, report=report)


def _series_as_given(series: dict[str, Any], assumed: dict[str, Any]) -> SignalCondition | None:
    from app.validation.charts import ASSUMED
    from app.validation.series import SeriesLaw
    from app.validation.signals import SignalCondition

    series, assumed = _given(series), _given(assumed)
    if not series and not assumed:
        return None
    law = {{"sd": "within"}.get(name, name): value for name, value in series.items()}
    return SignalCondition(
        name="as given", series=replace(SeriesLaw(), **law), assumed=replace(ASSUMED, **assumed), gated=True
    )


def _as_given(law: dict[str, Any], forms: dict[str, Any]) -> StageCondition | None:
    from app.validation.courses import CourseLaw, FormLaw
    from app.validation.stages import StageCondition

    law, forms = _given(law), _given(forms)
    if not law and not forms:
        return None
    return StageCondition(name="as given", courses=replace(CourseLaw(), **law), forms=replace(FormLaw(), **forms))


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _pair(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        raise fail("--dwell takes two numbers with a comma between, such as 4.6,8.6") from None
    if not (0 <= first <= 60 and 0 <= second <= 60):
        raise fail("--dwell takes numbers from 0 to 60")
    return first, second


def _check(report: Path | None) -> None:
    """Find out before a long run whether its report can be written."""
    from app.validation.plots import PlotsUnavailable, require_plots

    if report is None:
        return
    try:
        require_plots()
    except PlotsUnavailable as error:
        raise fail(str(error)) from None


def _command(kind: str, options: dict[str, Any]) -> str:
    """Say how to get the same numbers again."""
    words = [f"--{name.replace('_', '-')} {value}" for name, value in _given(options).items()]
    return " ".join(["alliance validate", kind, *words])


def _finish(document: Document, *, as_json: bool, report: Path | None) -> None:
    from app.validation.report import write_report
    from app.validation.signal_tables import tables
    from app.validation.tables import gate_table

    if as_json:
        print_json(document)
    else:
        sys.stdout.write(f"Simulated, seed {document['seed']}: no real client is in these numbers.\n\n")
        for table in (*tables(document), gate_table(document)):
            print_table(table.title, table.columns, table.rows)
            sys.stdout.write("\n")
    if report is not None:
        try:
            written = write_report(report, document)
        except OSError as error:
            raise fail(f"the report can't be written to {report} ({type(error).__name__})") from None
        if not as_json:
            say(f"Written: {', '.join(str(path) for path in written)}")
    missed = [gate["name"] for gate in document["gates"] if not gate["passed"]]
    if missed:
        raise fail(f"{len(missed)} {'gate' if len(missed) == 1 else 'gates'} missed: {'; '.join(missed)}")


@contextmanager
def _progress(what: str, total: int, *, shown: bool) -> Iterator[Callable[[], None]]:
    """Show a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
