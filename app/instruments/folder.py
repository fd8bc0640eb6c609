"""The files of a folder of definitions: KEY/VERSION.yaml, and KEY/VERSION.LOCALE.yaml for texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable

_NAME = re.compile(r"(\d+\.\d+\.\d+)(?:\.([A-Za-z]+(?:-[A-Za-z]+)*))?\.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A file by its place: the folder is the key, the name is the version, and the locale of texts."""

    name: str
    key: str
    version: str
    locale: str | None
    text: str


def read_folder(folder: Traversable) -> tuple[list[Named], list[str]]:
    """Read every file of a folder of definitions, in the order of their names.

    Parameters
    ----------
    folder
        Holds one folder a key. Names that begin with a dot, and files that are no YAML, are left alone.

    Returns
    -------
    tuple
        The files, and one sentence for each YAML file that lies or is named otherwise, or can't be read.

    References
    ----------
    Design choice of this project.
    """
    files: list[Named] = []
    faults: list[str] = []
    for name, entry in _entries(folder):
        key, _, file = name.rpartition("/")
        matched = _NAME.fullmatch(file)
        if not key or matched is None:
            faults.append(f"{name}: put it at KEY/VERSION.yaml, or at KEY/VERSION.LOCALE.yaml for texts")
            continue
        try:
            text = entry.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"{name}: can't be read as UTF-8 text ({type(error).__name__})")
            continue
        files.append(Named(name=name, key=key, version=matched[1], locale=matched[2], text=text))
    return files, faults


def _entries(folder: Traversable, above: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if not above:
                yield from _entries(entry, f"{entry.name}/")
        elif entry.name.endswith((".yaml", ".yml")):
            yield f"{above}{entry.name}", entry
