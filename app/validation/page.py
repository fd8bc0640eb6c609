"""The page docs/validation.md: the words of `words/`, with the numbers of the runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from app.validation.document import Document
from app.validation.signal_tables import tables
from app.validation.tables import gate_table, markdown

_WORDS = Path(__file__).with_name("words")
#: The order of the page.
KINDS = ("stages", "signals")


def page(documents: Mapping[str, Document]) -> str:
    """Write the page.

    Parameters
    ----------
    documents
        Kind -> what a run found.

    Returns
    -------
    str
        Markdown; no date.

    References
    ----------
    Bookkeeping; no model.

    Examples
    --------
    >>> page({}).splitlines()[0], "simulated" in page({}), "## Never shown on real clients" in page({})
    ('# What the rules do on simulated courses', True, True)
    """
    parts = [_words("top"), *(_section(documents[kind]) for kind in KINDS if kind in documents), _words("never")]
    return "\n".join(parts)


def _words(name: str) -> str:
    return (_WORDS / f"{name}.md").read_text("utf-8")


def _section(document: Document) -> str:
    shown = "\n".join(markdown(table) for table in (*tables(document), gate_table(document)))
    text = _words(document["kind"]).format_map(document | {"tables": shown})
    return re.sub(r"(?<=\d)%", " %", text)
