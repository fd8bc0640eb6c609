"""The page on the instruments, written from the catalogue so that it can't tell another story."""

from __future__ import annotations

from app.instruments.catalog import Catalog
from app.instruments.model import CutOff, Instrument, Source

_HEAD = """\
# Instruments

Written from the definitions by `make docs`; change those, not this page. Only scoring keys of other people's
instruments are shipped, never their wording: a site loads the texts it is licensed to use, and its own versions of a
key, from `ALLIANCE_INSTRUMENTS_DIR`. Key status: `own` measure of this project; `verified` in the primary source;
`secondary`, from secondary sources that agree; `recall`, from general knowledge, so it scores nothing until an
organisation has checked and enabled it.

"""


def instruments_page(catalog: Catalog) -> str:
    """Write the page on every instrument of a catalogue, in Markdown.

    Parameters
    ----------
    catalog
        The instruments, their texts, and those known without a key.

    Returns
    -------
    str
        A table of all, a section on each, and a table of those without a key; it ends with a line break.

    References
    ----------
    Design choice of this project.
    """
    rows = [_row(catalog, instrument) for instrument in catalog.listed()]
    known = [f"| `{one.key}` | {one.title} | {one.reason} |" for one in catalog.listed_unavailable()]
    return "\n".join(
        [
            _HEAD + "| key | title | raters | items, range | value | key status | languages |",
            "|---|---|---|---|---|---|---|",
            *rows,
            *(line for instrument in catalog.listed() for line in _section(catalog, instrument)),
            "",
            "## Known, without a key",
            "The API lists these with `status: key_not_available`. A definition of a site's own makes one available.",
            "",
            "| key | title | why it is not here |",
            "|---|---|---|",
            *known,
            "",
        ]
    )


def _row(catalog: Catalog, instrument: Instrument) -> str:
    scored = sum(item.role == "scored" for item in instrument.items)
    extra = [f"{n} {role}" for role in ("focus", "beside") if (n := sum(i.role == role for i in instrument.items))]
    cells = [
        f"`{instrument.key}`",
        instrument.title,
        ", ".join(instrument.raters),
        ", ".join([f"{scored}, {instrument.lowest:g} to {instrument.highest:g}", *extra]),
        instrument.convention,
        instrument.key_status + ("" if instrument.validated else ", **not validated**"),
        ", ".join(catalog.locales(instrument)) or "none",
    ]
    return f"| {' | '.join(cells)} |"


def _section(catalog: Catalog, instrument: Instrument) -> list[str]:
    versions = [version.version for version in catalog.versions(instrument.key)]
    turned = [item.id for item in instrument.items if item.reversed]
    drafts = [texts.locale for texts in catalog.texts_of(instrument) if texts.status == "draft"]
    lines = [
        "",
        f"## `{instrument.key}`",
        f"{instrument.title}. Version {', '.join(versions)}. {instrument.license}",
        "",
        "| component | items | answers needed |",
        "|---|---|---|",
        *(
            f"| {c.key} | {' '.join(c.items)} | {instrument.missing_rule.minimum[c.key]} |"
            for c in instrument.components
        ),
        "",
        f"- Reversed: {', '.join(turned) or 'none'}.",
        f"- Missing answers: {instrument.missing_rule.source}",
        *(f"- Published cut-off: {_cut_off(cut)}." for cut in instrument.cut_offs),
        *(f"- {note}" for note in instrument.notes),
        *([f"- Drafts, to be checked by a second speaker: {', '.join(drafts)}."] if drafts else []),
        *(f"- Source: {_source(source)}." for source in instrument.sources),
    ]
    return [line.rstrip() for line in lines]


def _cut_off(cut: CutOff) -> str:
    return f"{cut.component} {cut.direction.replace('_', ' ')} {cut.value:g}. {_source(cut.source)}"


def _source(source: Source) -> str:
    says = source.says.rstrip(".")
    return f"{says}, [doi:{source.doi}](https://doi.org/{source.doi})" if source.doi else says
