"""The tables of a run of the rules for signals: every condition, and every row that is lost."""

from __future__ import annotations

from collections.abc import Sequence

from app.validation.document import Document
from app.validation.tables import Table, short, stage_tables


def tables(document: Document) -> tuple[Table, ...]:
    """Lay out what a run found.

    Parameters
    ----------
    document
        What the run found, of either kind.

    Returns
    -------
    tuple of Table
        All but the gates.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> len(tables({"kind": "stages", "results": []}))
    2
    """
    return {"stages": stage_tables, "signals": signal_tables}[document["kind"]](document)


def signal_tables(document: Document) -> tuple[Table, ...]:
    """Lay out what a run of the rules for signals found.

    Parameters
    ----------
    document
        What `signal_document` says.

    Returns
    -------
    tuple of Table
        RUP-1 by condition; the rules of others as they are, and at the same rate; what a clinician lives with; DECLINE;
        LOW; all rules together.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> signal_tables({"results": [], "quiet": {"slides": [], "lows": [], "together": []}})[0].title
    'RUP-1: false prompts a session; dips found; shifts found'
    """
    results = document["results"]
    return (
        _own(results),
        _others(results),
        _same_rate(results),
        _lived_with(results),
        *(_delays(result) for result in results[:1]),
        *_quiet(document["quiet"]),
    )


def _own(results: Sequence[Document]) -> Table:
    return Table(
        title="RUP-1: false prompts a session; dips found; shifts found",
        columns=("condition", "watch or alert", "alert only"),
        rows=tuple((r["condition"], *(_three(row) for row in r["rows"][:2])) for r in results),
    )


def _others(results: Sequence[Document]) -> Table:
    return Table(
        title="Rules of others as they are: false prompts a session; dips found; shifts found",
        columns=("condition", *(row["rule"] for r in results[:1] for row in r["rows"][2:])),
        rows=tuple((r["condition"], *(_three(row) for row in r["rows"][2:])) for r in results),
    )


def _same_rate(results: Sequence[Document]) -> Table:
    """Compare with rules of others that were made as strict as RUP-1 is."""
    return Table(
        title="At the false prompts of RUP-1 (watch or alert): dips found; shifts found",
        columns=(
            "condition",
            "RUP-1",
            *(same["rule"] for r in results[:1] for same in r["same_rate"]),
            "RUP-1 loses to",
        ),
        rows=tuple(
            (r["condition"], _two(r["rows"][0]), *(_two(same) for same in r["same_rate"]), _lost(r)) for r in results
        ),
    )


def _lost(result: Document) -> str:
    """Name what finds more than RUP-1 without more false prompts."""
    ours = result["rows"][0]
    lost = [
        f"{same['rule']} ({what}s)"
        for same in result["same_rate"]
        for what in ("dip", "shift")
        if same[what] >= ours[what]
    ]
    return ", ".join(lost) or "none"


def _lived_with(results: Sequence[Document]) -> Table:
    return Table(
        title="What a clinician lives with",
        columns=(
            "condition",
            "rule",
            "courses of 12 / 20 with a false prompt",
            "prompts that are right, 5 % / 15 % of sessions with a dip",
            "false prompts a week, 25 clients",
        ),
        rows=tuple(
            (
                r["condition"],
                row["rule"],
                f"{row['courses'][0]:.0%} / {row['courses'][1]:.0%}",
                f"{row['right'][0]:.0%} / {row['right'][1]:.0%}",
                f"{row['weekly']:.1f}",
            )
            for r in results
            for row in (r["rows"] if r is results[0] else r["rows"][:2])
        ),
    )


def _delays(result: Document) -> Table:
    return Table(
        title=f"Shifts found by their first, second, third and fourth session ({result['condition']})",
        columns=("rule", "first", "second", "third", "fourth"),
        rows=tuple((row["rule"], *(short(share, 2) for share in row["delays"])) for row in result["rows"]),
    )


def _quiet(quiet: Document) -> tuple[Table, ...]:
    return _decline(quiet), _low(quiet), _together(quiet)


def _decline(quiet: Document) -> Table:
    return Table(
        title="DECLINE: courses with a prompt",
        columns=(
            "rule",
            "nothing happens, 12 / 20",
            "the same, sd .45, 20",
            "falls .10 a session: by 8 / 12 / 20",
            "falls .05 a session: by 8 / 12 / 20",
            "false a week, 25 clients",
        ),
        rows=tuple(
            (
                _released(row),
                _shares(row["stable"]),
                short(row["wide"], 2),
                _shares(row["fast"]),
                _shares(row["slow"]),
                short(row["weekly"], 2),
            )
            for row in quiet["slides"]
        ),
    )


def _low(quiet: Document) -> Table:
    return Table(
        title="LOW: clients with a prompt",
        columns=(
            "rule (POMP at once, and staying)",
            "never good: by 1 / 3 / 4 / 12",
            "all others: by 3 / 12",
            "others doing well, by 12",
            "others, sd .45, by 12",
            "right by 3, if 10 % never good",
            "others a week, 25 clients",
        ),
        rows=tuple(
            (
                _released(row),
                _shares(row["never"]),
                _shares(row["stable"]),
                short(row["well"]),
                short(row["wide"], 2),
                short(row["right"], 2),
                short(row["weekly"], 2),
            )
            for row in quiet["lows"]
        ),
    )


def _together(quiet: Document) -> Table:
    return Table(
        title="All rules together, nothing happens",
        columns=("rules", "courses of 12 / 20 with a prompt", "prompts a week, 25 clients"),
        rows=tuple((row["rules"], _shares(row["courses"]), short(row["weekly"], 2)) for row in quiet["together"]),
    )


def _three(row: Document) -> str:
    return f"{short(row['false'])}; {_two(row)}"


def _two(row: Document) -> str:
    return f"{short(row['dip'], 2)}; {short(row['shift'], 2)}"


def _shares(shares: Sequence[float]) -> str:
    return " / ".join(short(share, 2) for share in shares)


def _released(row: Document) -> str:
    return f"{row['rule']} (released)" if row["released"] else str(row["rule"])
