"""Faults of a YAML file, each with its line and column and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

import yaml
from jsonschema import Draft202012Validator, ValidationError

from app.instruments.strict_yaml import compose

T = TypeVar("T")
#: Where something stands: keys of mappings and numbers of list entries, from the top down.
Path = tuple[str | int, ...]

_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")}
_DEEPEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFault:
    """One thing wrong in a file; lines and columns count from 1."""

    line: int
    column: int
    path: str
    says: str
    do: str

    @property
    def sentence(self) -> str:
        """The fault on one line."""
        return f"line {self.line}, column {self.column}: {self.path}: {self.says}; {self.do}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A rule that the content breaks, before anyone has looked up where it stands; `key`: at the key, not its value."""

    path: Path
    says: str
    do: str
    key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Generic[T]):
    """What was read, or nothing and every fault that was found."""

    value: T | None
    faults: tuple[FileFault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The data of a file, and where each part of it stands."""

    data: Any
    values: dict[Path, yaml.Mark]
    keys: dict[Path, yaml.Mark]

    def fault(self, broken: Broken) -> FileFault:
        """Look up where a broken rule stands: at the nearest place that the file has."""
        path = broken.path
        mark = self.keys.get(path) if broken.key else self.values.get(path)
        while mark is None:
            path = path[:-1]
            mark = self.values[path]
        return _fault(mark, broken.path, broken.says, broken.do)


def read_document(text: str, schema: dict[str, Any], rules: Callable[[Any], Iterable[Broken]]) -> Reading[Document]:
    r"""Read a YAML file and hold it against its JSON Schema, then against the rules a schema can't say.

    Parameters
    ----------
    text
        The file.
    schema
        A JSON Schema of draft 2020-12.
    rules
        Lists what is broken in data that passes the schema.

    Returns
    -------
    Reading
        The document, or its faults in file order: of the YAML, else of the schema and, where every part is there and of
        its type, of the rules as well.

    References
    ----------
    Design choice of this project.

    Examples
    --------
    >>> schema = {"type": "object", "properties": {"min": {"type": "integer"}}, "additionalProperties": False}
    >>> for fault in read_document("min: low\nmax: 5", schema, lambda data: []).faults:
    ...     print(fault.sentence)
    line 1, column 6: min: 'low' is not a whole number; write digits without quotes or point
    line 2, column 1: max: unknown field; remove it or mend its name; known here: min
    """
    try:
        loader, root = compose(text)
    except (yaml.YAMLError, RecursionError) as error:
        return Reading(value=None, faults=(_unreadable(error),))
    if root is None:
        nothing = FileFault(
            line=1, column=1, path="(top)", says="the file is empty", do="write the fields it must have"
        )
        return Reading(value=None, faults=(nothing,))
    values: dict[Path, yaml.Mark] = {}
    keys: dict[Path, yaml.Mark] = {}
    faults = list(_walk(root, (), values, keys))
    if faults:
        return Reading(value=None, faults=_ordered(faults))
    try:
        document = Document(data=loader.construct_document(root), values=values, keys=keys)
    except (yaml.YAMLError, ValueError) as error:
        return Reading(value=None, faults=(_unreadable(error),))
    errors = list(Draft202012Validator(schema).iter_errors(document.data))
    broken = [one for error in errors for one in _from_schema(error)]
    if not any(error.validator in {"type", "required"} for error in errors):  # the rules need the parts to be there
        broken += rules(document.data)
    if broken:
        return Reading(value=None, faults=_ordered([document.fault(one) for one in broken]))
    return Reading(value=document, faults=())


def pathname(path: Sequence[str | int]) -> str:
    """Write a path as people read it."""
    return "/".join(map(str, path)) or "(top)"


def _fault(mark: yaml.Mark | None, path: Sequence[str | int], says: str, do: str) -> FileFault:
    line, column = (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
    return FileFault(line=line, column=column, path=pathname(path), says=says, do=do)


def _ordered(faults: Iterable[FileFault]) -> tuple[FileFault, ...]:
    return tuple(sorted(dict.fromkeys(faults), key=lambda f: (f.line, f.column)))


def _unreadable(error: Exception) -> FileFault:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else None
    says = f"not readable as YAML: {problem or type(error).__name__}"
    return _fault(mark, (), says, "check indents, brackets, quotes and colons just before this place")


def _walk(
    node: yaml.Node, path: Path, values: dict[Path, yaml.Mark], keys: dict[Path, yaml.Mark]
) -> Iterator[FileFault]:
    """Note where everything stands, and name what JSON could not have said."""
    values[path] = node.start_mark
    if len(path) > _DEEPEST:
        yield _fault(node.start_mark, path, "nested too deeply", "no field here needs more than a few levels")
    elif node.tag not in _PLAIN:
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        yield _fault(node.start_mark, path, f"a value of the kind {kind}", "put it in quotes, or write it out plainly")
    elif isinstance(node, yaml.SequenceNode):
        for number, entry in enumerate(node.value):
            yield from _walk(entry, (*path, number), values, keys)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _entry(key, value, path, values, keys)


def _entry(
    key: yaml.Node, value: yaml.Node, path: Path, values: dict[Path, yaml.Mark], keys: dict[Path, yaml.Mark]
) -> Iterator[FileFault]:
    if not isinstance(key, yaml.ScalarNode):
        yield _fault(key.start_mark, path, "a key that is no plain word", "write a name before the colon")
        return
    inner = (*path, str(key.value))
    if inner in keys:
        first = keys[inner].line + 1
        yield _fault(key.start_mark, inner, f"the key stands twice (first in line {first})", "keep one of the two")
        return
    keys[inner] = key.start_mark
    yield from _walk(value, inner, values, keys)


_TYPES = {
    "string": ("text", 'put it in quotes, as in "1.0"'),
    "integer": ("a whole number", "write digits without quotes or point"),
    "number": ("a number", "write digits without quotes"),
    "boolean": ("true or false", "write true or false without quotes"),
    "array": ("a list", "write [a, b], or one entry a line after a dash"),
    "object": ("a mapping", "write {name: value}, or one name: value a line"),
}


def _from_schema(error: ValidationError) -> Iterator[Broken]:
    path: Path = tuple(error.absolute_path)
    data: Any = error.instance
    schema: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        for name in data:
            if name not in known:
                near = "".join(f", perhaps to {close}" for close in get_close_matches(name, known, n=1))
                do = f"remove it or mend its name{near}; known here: {', '.join(known)}"
                yield Broken(path=(*path, name), says="unknown field", do=do, key=True)
    elif error.validator == "required":
        for name in schema["required"]:
            if name not in data:
                yield Broken(path=path, says=f"the field {name} is missing", do=f"add {name}: with its value")
    else:
        says, do = _said(error, schema)
        yield Broken(path=path, says=says, do=do)


def _said(error: ValidationError, schema: dict[str, Any]) -> tuple[str, str]:
    """Put a schema's complaint into words: what is wrong, and what to do."""
    limit: Any = error.validator_value
    shown = _shown(error.instance)
    told = schema.get("description", "").rstrip(".")
    about = f"write {told[0].lower()}{told[1:]}" if told else ""
    if error.validator == "type":
        kinds = [_TYPES[kind] for kind in ([limit] if isinstance(limit, str) else limit)]
        return f"{shown} is not {' or '.join(kind for kind, _ in kinds)}", (
            about if "string" in limit else ""
        ) or kinds[0][1]
    words = {
        "enum": (f"{shown} is not one of the choices", f"write one of: {', '.join(map(str, _listed(limit)))}"),
        "const": (f"{shown} is not what stands here", f"write {limit}"),
        "pattern": (f"{shown} is not written as it must be", about or f"it has to match {limit}"),
        "maxLength": (f"{shown} is too long", f"use at most {limit} characters"),
        "minLength": ("the text is empty", "write something or remove the field"),
        "minItems": ("too few entries", f"give at least {limit}"),
        "maxItems": ("too many entries", f"give at most {limit}"),
        "uniqueItems": ("an entry stands twice", "keep one of the two"),
        "minimum": (f"{shown} is too small", f"write {limit} or more"),
        "maximum": (f"{shown} is too large", f"write {limit} or less"),
    }
    return words.get(str(error.validator), (error.message[:200], about or "see the schema of the format"))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
