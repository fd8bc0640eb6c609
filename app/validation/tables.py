"""The tables of a run, for the terminal and for the page: every row, those that are lost too."""

from __future__ import annotations

from dataclasses import dataclass

from app.validation.document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def markdown(table: Table) -> str:
    """Write a table as Markdown, under its title.

    Parameters
    ----------
    table
        The table.

    Returns
    -------
    str
        Lines that end with a line end.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> print(markdown(Table(title="Sums", columns=("a", "b"), rows=(("1", "2"),))))
    **Sums**
    <BLANKLINE>
    | a | b |
    |---|---|
    | 1 | 2 |
    <BLANKLINE>
    """
    lines = [f"| {' | '.join(row)} |" for row in (table.columns, *table.rows)]
    lines.insert(1, f"|{'---|' * len(table.columns)}")
    return "\n".join([f"**{table.title}**", "", *lines, ""])


def short(value: float, digits: int = 3) -> str:
    """Write a share without the zero before the point, as the literature does.

    Parameters
    ----------
    value
        Any number.
    digits
        Digits after the point.

    Returns
    -------
    str
        Such as .854 or 1.393.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> short(0.8541), short(1.3926), short(-0.5, 1)
    ('.854', '1.393', '-.5')
    """
    return f"{value:.{digits}f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.{digits}f}"


def gate_table(document: Document) -> Table:
    """Lay out the gates of a run.

    Parameters
    ----------
    document
        What the run found.

    Returns
    -------
    Table
        One row for each gate.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> gate_table({"gates": [{"name": "a", "passed": True, "says": "b"}]}).rows
    (('a', 'b', 'passed'),)
    """
    return Table(
        title="Gates",
        columns=("gate", "found", ""),
        rows=tuple((g["name"], g["says"], "passed" if g["passed"] else "MISSED") for g in document["gates"]),
    )


def stage_tables(document: Document) -> tuple[Table, ...]:
    """Lay out what a run of the stage model found.

    Parameters
    ----------
    document
        What `stage_document` says.

    Returns
    -------
    tuple of Table
        The model beside its baselines, what a therapist sees, and the calibration in the first condition.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> stage_tables({"results": []})[0].title
    'Accuracy, macro-F1 and log-loss'
    """
    results = document["results"]
    return (
        Table(
            title="Accuracy, macro-F1 and log-loss",
            columns=("condition", "baseline", "told the truth", "STG-1", "STG-1 against the baseline"),
            rows=tuple(
                (r["condition"], _three(r["baseline"]), _three(r["told_the_truth"]), _three(r["model"]), _verdict(r))
                for r in results
            ),
        ),
        Table(
            title="What a therapist sees",
            columns=("condition", "sessions with a named stage", "of these, named rightly"),
            rows=tuple((r["condition"], f"{r['naming']['named']:.0%}", f"{r['naming']['right']:.0%}") for r in results),
        ),
        *(_calibration_table(r) for r in results[:1]),
    )


def _three(figures: Document) -> str:
    return " ".join(short(figures[name]) for name in ("accuracy", "macro_f1", "log_loss"))


def _verdict(result: Document) -> str:
    ours, theirs = result["model"], result["baseline"]
    better = [ours["log_loss"] < theirs["log_loss"], ours["macro_f1"] > theirs["macro_f1"]]
    words = {2: "better", 1: "better on one, worse on the other", 0: "loses"}[sum(better)]
    return words if result["gated"] else f"{words} (no gate)"


def _calibration_table(result: Document) -> Table:
    return Table(
        title=f"Calibration of STG-1 ({result['condition']})",
        columns=("stated probability", "statements", "mean stated", "so in truth"),
        rows=tuple(
            (
                f"{short(b['low'], 1)} to {short(b['high'], 1)}",
                str(b["count"]),
                short(b["stated"]),
                short(b["observed"]),
            )
            for b in result["calibration"]
        ),
    )
