"""Plots of a run as SVG, the same bytes for the same numbers. Needs the extra `validation` (matplotlib)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any

from app.errors import AllianceError
from app.validation.document import Document

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Fixed, so that ids in the files don't change; without a date for the same reason.
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "alliance",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}

#: Rules that prompt for nothing at more sessions than this are in the tables only: nobody could live with them.
_WIDEST = 0.3


class PlotsUnavailable(AllianceError):
    """Matplotlib is not installed."""

    code = "plots_unavailable"


def require_plots() -> None:
    """Make sure that plots can be drawn, before a long run.

    Raises
    ------
    PlotsUnavailable
        Without matplotlib, with what to do.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> require_plots() if find_spec("matplotlib") else None
    """
    if find_spec("matplotlib") is None:
        raise PlotsUnavailable("a report has plots, and matplotlib is not installed: install alliance[validation]")


def plots(document: Document) -> dict[str, bytes]:
    """Draw the plots of a run.

    Parameters
    ----------
    document
        What a run found, of either kind.

    Returns
    -------
    dict
        File name -> SVG, without a date and with the same ids every time.

    Raises
    ------
    PlotsUnavailable
        Without matplotlib.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> sorted(plots({"kind": "stages", "results": []})) if find_spec("matplotlib") else ["stages-calibration.svg"]
    ['stages-calibration.svg']
    """
    require_plots()
    draw = {"stages": _stage_plots, "signals": _signal_plots}[document["kind"]]
    return dict(draw(document))


@contextmanager
def _axes(into: BytesIO, *, title: str, x: str, y: str) -> Iterator[Axes]:
    """Open a small figure, and write it as SVG when it is drawn."""
    import matplotlib as mpl  # noqa: PLC0415 - optional, and slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.2, 3.8), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title, fontsize=9)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        yield axes
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7)
        figure.savefig(into, format="svg", metadata={"Date": None, "Creator": None})


def _stage_plots(document: Document) -> Iterator[tuple[str, bytes]]:
    into = BytesIO()
    with _axes(
        into, title="Calibration of STG-1, simulated courses", x="stated probability", y="share that was so"
    ) as axes:
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        for result in document["results"]:
            bins = result["calibration"]
            axes.plot(
                [b["stated"] for b in bins],
                [b["observed"] for b in bins],
                marker="o",
                markersize=2.5,
                linewidth=1,
                label=result["condition"],
            )
    yield "stages-calibration.svg", into.getvalue()


def _signal_plots(document: Document) -> Iterator[tuple[str, bytes]]:
    for result in document["results"][:1]:
        condition = result["condition"]
        into = BytesIO()
        title = f"Dips found at each strictness, simulated ({condition})"
        with _axes(into, title=title, x="false prompts a session", y="dips found") as axes:
            for line in result["roc"]:
                axes.plot(*zip(*line["points"], strict=True), linewidth=1, label=line["rule"])
            for row in (row for row in result["rows"] if row["false"] <= _WIDEST):
                axes.plot([row["false"]], [row["dip"]], marker="o", markersize=4, linestyle="", label=row["rule"])
            axes.set_xlim(0, _WIDEST)
            axes.set_ylim(0, 1)
        yield "signals-roc.svg", into.getvalue()
        into = BytesIO()
        title = f"Shifts found, simulated ({condition})"
        with _axes(into, title=title, x="session of the shift", y="found by then") as axes:
            for row in result["rows"]:
                axes.plot(range(1, len(row["delays"]) + 1), row["delays"], marker="o", markersize=3, label=row["rule"])
            axes.set_xticks(range(1, 5))
            axes.set_ylim(0, 1)
        yield "signals-delay.svg", into.getvalue()
