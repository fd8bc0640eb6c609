"""`alliance instruments check`: what is wrong in a file and where, or what was understood."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.output import AsJson, fail, print_json, print_table, read_settings, say

if TYPE_CHECKING:
    from app.instruments.catalog import Catalog
    from app.instruments.located import FileFault
    from app.instruments.model import Instrument
    from app.instruments.texts import Texts
    from app.scoring.vectors import Difference, Vectors

#: A text file names its instrument; a definition has a key.
_TEXTS = re.compile(r"^instrument\s*:", re.MULTILINE)


def check(
    file: Annotated[Path, typer.Argument(help="A definition, or a file of texts.")],
    vectors: Annotated[Path | None, typer.Option(help="Worked cases to hold the definition against.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a definition or a file of texts: every fault with its line and what to do; exit 1 when there is one."""
    text = _read(file)
    if _TEXTS.search(text):
        if vectors is not None:
            raise fail("worked cases are for a definition, and this is a file of texts")
        _check_texts(file, text, as_json=as_json)
        return
    instrument, faults = _definition(text)
    cases, case_faults = _vectors(vectors)
    found = _differences(instrument, cases)
    if as_json:
        report = _report("definition", faults, None if instrument is None else _understood(instrument))
        if vectors is not None:
            report["vectors"] = _case_report(cases, case_faults, found)
            report["ok"] = report["ok"] and report["vectors"]["ok"]
        print_json(report)
    else:
        _print_faults(file, faults)
        if vectors is not None:
            _print_faults(vectors, case_faults)
            _print_differences(found)
        if instrument is not None:
            _print_understood(instrument)
        if instrument is not None and cases is not None and not found:
            sys.stdout.write(f"All {len(cases.cases)} worked cases agree.\n")
    _end(len(faults) + len(case_faults) + len(found))


def _check_texts(file: Path, text: str, *, as_json: bool) -> None:
    from app.instruments.texts import check_texts

    beside = file.parent
    catalog = _catalog()

    def find(key: str, version: str) -> Instrument | None:
        own = beside / f"{version}.yaml"
        instrument = _definition(_read(own))[0] if own.is_file() else None
        if instrument is not None and (instrument.key, instrument.version) == (key, version):
            return instrument
        return next((i for i in catalog.versions(key) if i.version == version), None)

    read = check_texts(text, find)
    if as_json:
        understood = None if read.value is None else _texts_understood(read.value)
        print_json(_report("texts", read.faults, understood))
    else:
        _print_faults(file, read.faults)
        if read.value is not None:
            told = _texts_understood(read.value)
            digest = told.pop("digest")
            print_table("Texts", ("what", "understood"), [(name, _plain(value)) for name, value in told.items()])
            sys.stdout.write(f"digest: {digest}\n")
    _end(len(read.faults))


def _end(faults: int) -> None:
    if faults:
        say(f"[red]alliance:[/red] {faults} {'fault' if faults == 1 else 'faults'}")
        raise typer.Exit(1)


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise fail(f"{file} can't be read as UTF-8 text ({type(error).__name__})") from None


def _catalog() -> Catalog:
    """Read the catalogue; where a site's own folder is faulty, what is shipped will do for a check."""
    from app.errors import DefinitionFault
    from app.instruments.catalog import open_catalog, shipped

    try:
        return open_catalog(read_settings().instruments_dir)
    except DefinitionFault:
        return shipped()


def _definition(text: str) -> tuple[Instrument | None, tuple[FileFault, ...]]:
    """Read a definition; one whose name is taken by a shipped one of other content has a fault as well."""
    from app.instruments.catalog import shipped
    from app.instruments.definition import check_definition
    from app.instruments.located import FileFault

    read = check_definition(text)
    taken = [
        i for i in shipped().instruments if read.value and (i.key, i.version) == (read.value.key, read.value.version)
    ]
    if read.value is None or not taken or taken[0].digest == read.value.digest:
        return read.value, read.faults
    line = next(at for at, words in enumerate(text.splitlines(), start=1) if words.startswith("version"))
    says = f"{read.value.key} {read.value.version} is shipped with other content"
    do = "give yours a version of its own, such as the next one, or another key"
    return read.value, (FileFault(line=line, column=1, path="version", says=says, do=do),)


def _vectors(file: Path | None) -> tuple[Vectors | None, tuple[FileFault, ...]]:
    from app.scoring.vectors import check_vectors

    if file is None:
        return None, ()
    read = check_vectors(_read(file))
    return read.value, read.faults


def _differences(instrument: Instrument | None, cases: Vectors | None) -> tuple[Difference, ...]:
    from app.scoring.vectors import differences

    return () if instrument is None or cases is None else differences(instrument, cases)


def _report(kind: str, faults: tuple[FileFault, ...], understood: dict[str, Any] | None) -> dict[str, Any]:
    return {"kind": kind, "ok": not faults, "faults": [_fault(fault) for fault in faults], "understood": understood}


def _fault(fault: FileFault) -> dict[str, Any]:
    return {
        "line": fault.line,
        "column": fault.column,
        "path": fault.path,
        "says": fault.says,
        "do": fault.do,
    }


def _case_report(cases: Vectors | None, faults: tuple[FileFault, ...], found: tuple[Difference, ...]) -> dict[str, Any]:
    return {
        "ok": not (faults or found),
        "cases": 0 if cases is None else len(cases.cases),
        "faults": [_fault(fault) for fault in faults],
        "differences": [
            {"where": d.where, "what": d.what, "expected": d.expected, "counted": d.counted} for d in found
        ],
    }


def _understood(instrument: Instrument) -> dict[str, Any]:
    count = {role: sum(item.role == role for item in instrument.items) for role in ("scored", "focus", "beside")}
    return {
        "key": instrument.key,
        "version": instrument.version,
        "digest": instrument.digest,
        "belongs into": f"{instrument.key}/{instrument.version}.yaml",
        "title": instrument.title,
        "raters": list(instrument.raters),
        "answers": f"{instrument.minimum} to {instrument.maximum}"
        + (f", divided by {instrument.divisor}" if instrument.divisor > 1 else ""),
        "value": instrument.convention,
        "key status": instrument.key_status + (" (has to be enabled)" if instrument.needs_enabling else ""),
        "scored items": count["scored"],
        "focus items": count["focus"],
        "items beside": count["beside"],
        "reversed": [item.id for item in instrument.items if item.reversed],
        "components": [
            {"key": c.key, "items": list(c.items), "minimum answered": instrument.missing_rule.minimum[c.key]}
            for c in instrument.components
        ],
    }


def _texts_understood(texts: Texts) -> dict[str, Any]:
    return {
        "instrument": texts.instrument,
        "version": texts.version,
        "locale": texts.locale,
        "status": texts.status,
        "digest": texts.digest,
        "belongs into": f"{texts.instrument}/{texts.version}.{texts.locale}.yaml",
        "title": texts.title,
        "items": len(texts.items),
        "labels": len(texts.labels),
    }


def _print_faults(file: Path, faults: tuple[FileFault, ...]) -> None:
    for fault in faults:
        sys.stdout.write(f"{file}:{fault.line}:{fault.column}: {fault.path}: {fault.says}; {fault.do}\n")


def _print_differences(found: tuple[Difference, ...]) -> None:
    for one in found:
        sys.stdout.write(f"{one.where}: {one.what}: {one.expected} expected, {one.counted} counted\n")


def _print_understood(instrument: Instrument) -> None:
    told = _understood(instrument)
    parts, digest = told.pop("components"), told.pop("digest")
    print_table("Definition", ("what", "understood"), [(name, _plain(value)) for name, value in told.items()])
    rows = [(part["key"], " ".join(part["items"]), part["minimum answered"]) for part in parts]
    print_table("Components", ("component", "items", "needs"), rows)
    sys.stdout.write(f"digest: {digest}\n")  # as the file of worked cases has it, and never cut off


def _plain(value: Any) -> str:
    return (" ".join(value) or "none") if isinstance(value, list) else str(value)
