"""The catalogue: every definition and text the service knows, read once, a site's own among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path

from app.errors import DefinitionFault, InstrumentKeyNotAvailable, NotFound
from app.instruments.definition import check_definition, definition_schema, read_definition
from app.instruments.folder import Named, read_folder
from app.instruments.model import Instrument
from app.instruments.texts import Texts, check_texts, in_words
from app.instruments.unavailable import Unavailable, read_unavailable

__all__ = ["Catalog", "definition_schema", "open_catalog", "read_definition", "shipped"]


@dataclass(frozen=True)
class Catalog:
    """All instruments by key and version, their texts by language, and what is known without a key."""

    instruments: tuple[Instrument, ...]
    texts: tuple[Texts, ...] = ()
    known: tuple[Unavailable, ...] = ()

    @cached_property
    def _by_key(self) -> dict[str, list[Instrument]]:
        by_key: dict[str, list[Instrument]] = {}
        for instrument in sorted(self.instruments, key=lambda i: tuple(map(int, i.version.split(".")))):
            by_key.setdefault(instrument.key, []).append(instrument)
        return by_key

    def latest(self, key: str) -> Instrument:
        """Return the newest version of an instrument, or raise NotFound or InstrumentKeyNotAvailable."""
        return self.get(key, None)

    def versions(self, key: str) -> list[Instrument]:
        """Return every version of an instrument, oldest first."""
        return list(self._by_key.get(key, ()))

    def get(self, key: str, version: str | None) -> Instrument:
        """Return one version (the newest for None), or raise NotFound or InstrumentKeyNotAvailable."""
        versions = self._by_key.get(key, ())
        for instrument in reversed(versions):
            if version in {None, instrument.version}:
                return instrument
        unavailable = self.unavailable(key)
        if unavailable is not None:
            raise InstrumentKeyNotAvailable(f"the scoring key of {key} is not available: {unavailable.reason}")
        raise NotFound(key)

    def listed(self) -> list[Instrument]:
        """Return the newest version of every instrument, by key."""
        return [self._by_key[key][-1] for key in sorted(self._by_key)]

    def unavailable(self, key: str) -> Unavailable | None:
        """Return what is known of an instrument whose key is not available; None when it is, or is unknown."""
        return None if key in self._by_key else next((one for one in self.known if one.key == key), None)

    def listed_unavailable(self) -> list[Unavailable]:
        """Return every known instrument that no definition makes available, by key."""
        return sorted((one for one in self.known if one.key not in self._by_key), key=lambda one: one.key)

    def texts_of(self, instrument: Instrument) -> list[Texts]:
        """Return the texts of an instrument beside those in its definition, by language."""
        found = [one for one in self.texts if (one.instrument, one.version) == (instrument.key, instrument.version)]
        return sorted(found, key=lambda one: one.locale)

    def locales(self, instrument: Instrument) -> list[str]:
        """Return the languages that an instrument can be told in, its definition's own first."""
        own = [instrument.language] if instrument.language else []
        return own + [one.locale for one in self.texts_of(instrument)]

    def told(self, instrument: Instrument, locale: str | None) -> Instrument:
        """Return an instrument in a language; without one, in its own, else in any it has."""
        found = {one.locale: one for one in self.texts_of(instrument)}
        if locale not in found and not instrument.language:
            locale = min(found, default=None)
        return in_words(instrument, found[locale]) if locale in found else instrument


@lru_cache(maxsize=1)
def shipped() -> Catalog:
    """Read the definitions and texts that come with the service."""
    folder = resources.files("app.instruments").joinpath("definitions")
    return _with_folder(Catalog((), known=read_unavailable()), *read_folder(folder))


def open_catalog(instruments_dir: Path | None) -> Catalog:
    """Read what is shipped and, over it, a site's own folder; DefinitionFault names every fault of every file."""
    if instruments_dir is None:
        return shipped()
    if not instruments_dir.is_dir():
        raise DefinitionFault("ALLIANCE_INSTRUMENTS_DIR: there is no such folder")
    return _with_folder(shipped(), *read_folder(instruments_dir))


def _with_folder(base: Catalog, files: list[Named], faults: list[str]) -> Catalog:
    found = list(faults)
    definitions = [file for file in files if file.locale is None]
    instruments = [*base.instruments, *_definitions(base, definitions, found)]

    def find(key: str, version: str) -> Instrument | None:
        return next((i for i in instruments if (i.key, i.version) == (key, version)), None)

    texts = {(one.instrument, one.version, one.locale): one for one in base.texts}
    for file in files:
        if file.locale is not None:
            read = check_texts(file.text, find)
            found += [f"{file.name}: {fault.sentence}" for fault in read.faults]
            if read.value is not None:
                found += _misplaced(file, read.value.instrument, read.value.version, read.value.locale)
                found += _add(texts, read.value, file)
    if found:
        raise DefinitionFault("\n".join(found))
    return Catalog(tuple(instruments), texts=tuple(texts.values()), known=base.known)


def _definitions(base: Catalog, files: Iterable[Named], faults: list[str]) -> list[Instrument]:
    """Read definitions; one that says another thing under a name that is taken is a fault."""
    there = {(i.key, i.version): i.digest for i in base.instruments}
    added = []
    for file in files:
        read = check_definition(file.text)
        faults += [f"{file.name}: {fault.sentence}" for fault in read.faults]
        if read.value is None:
            continue
        faults += _misplaced(file, read.value.key, read.value.version, None)
        taken = there.get((read.value.key, read.value.version))
        if taken is None:
            added.append(read.value)
        elif taken != read.value.digest:
            faults.append(
                f"{file.name}: {read.value.key} {read.value.version} is shipped with other content; "
                "give yours a version of its own, such as the next one, for stored scores name the shipped one"
            )
    return added


def _misplaced(file: Named, key: str, version: str, locale: str | None) -> list[str]:
    if (file.key, file.version, file.locale) == (key, version, locale):
        return []
    belongs = f"{key}/{version}.{locale}.yaml" if locale else f"{key}/{version}.yaml"
    return [f"{file.name}: what it says belongs into {belongs}; move it, or mend what it says"]


def _add(texts: dict[tuple[str, str, str], Texts], new: Texts, file: Named) -> list[str]:
    """Add texts; a site's checked ones take the place of a shipped draft, and nothing else is replaced."""
    place = (new.instrument, new.version, new.locale)
    old = texts.get(place)
    if old is not None and old.digest != new.digest and (old.status, new.status) != ("draft", "checked"):
        says = f"texts in {new.locale} are shipped already"
        return [f"{file.name}: {says}; only checked texts take the place of a shipped draft"]
    texts[place] = new
    return []
