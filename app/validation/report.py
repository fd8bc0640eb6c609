"""The report of a run: its numbers as JSON, its plots, and the page made from all numbers that are there."""

from __future__ import annotations

import json
from pathlib import Path

from app.validation.document import Document
from app.validation.page import page
from app.validation.plots import plots

#: Below the folder of a report: the page beside, the numbers and plots in a folder of the same name.
PAGE, FOLDER = "validation.md", "validation"


def write_report(folder: Path, document: Document) -> tuple[Path, ...]:
    """Write the numbers and plots of a run, and the page of all runs that are there.

    Parameters
    ----------
    folder
        Where to; `docs` for the pages of this project. It is made when it is not there.
    document
        What the run found.

    Returns
    -------
    tuple of Path
        What was written.

    Raises
    ------
    PlotsUnavailable
        Without matplotlib; then nothing is written.
    OSError
        When the folder can't be written to.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> read_documents(Path("there is no such folder"))
    {}
    """
    drawn = plots(document)
    beside = folder / FOLDER
    beside.mkdir(parents=True, exist_ok=True)
    written = [beside / f"{document['kind']}.json"]
    written[0].write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for name, svg in drawn.items():
        written.append(beside / name)
        written[-1].write_bytes(svg)
    written.append(folder / PAGE)
    written[-1].write_text(page(read_documents(folder)), "utf-8")
    return tuple(written)


def read_documents(folder: Path) -> dict[str, Document]:
    """Read the numbers that are in the folder of a report.

    Parameters
    ----------
    folder
        The folder that `write_report` was given.

    Returns
    -------
    dict
        Kind -> document, of those that are there.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> read_documents(Path("there is no such folder"))
    {}
    """
    files = {kind: folder / FOLDER / f"{kind}.json" for kind in ("stages", "signals")}
    return {kind: json.loads(file.read_text("utf-8")) for kind, file in files.items() if file.is_file()}
