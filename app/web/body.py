"""Bodies are read strictly: UTF-8, JSON, each key once."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from app.errors import Fault
from app.instruments.model import pointer_part
from app.web.problems import WebProblem

#: What no form comes near, of one object and of a whole body: each name of a stranger's would cost a fault.
MOST_NAMES = 300
MOST_NAMES_IN_ALL = 50_000


class _Repeated(dict[str, Any]):
    """An object in which a key stands twice."""

    names: list[str]


def parse_json(body: bytes) -> Any:
    """Parse a body, or raise WebProblem.

    NaN and infinities pass here as floats: no schema of ours takes a float, so they are refused at their place.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise WebProblem("not_utf8") from None
    repeated: list[_Repeated] = []
    names = 0

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal names
        names += len(pairs)
        if len(pairs) > MOST_NAMES or names > MOST_NAMES_IN_ALL:
            raise WebProblem("too_many_names")
        built = dict(pairs)
        if len(built) == len(pairs):
            return built
        marked = _Repeated(built)
        marked.names = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
        repeated.append(marked)
        return marked

    try:
        value = json.loads(text, object_pairs_hook=build, parse_int=_integer)
        twice = _repeated_keys(value, "") if repeated else []
    except RecursionError:
        raise WebProblem("nesting_too_deep") from None
    except ValueError:
        raise WebProblem("invalid_json") from None
    if repeated:
        faults = [Fault(pointer=pointer, code="duplicate_key") for pointer in twice]
        raise WebProblem("duplicate_key", faults=faults)
    return value


def _integer(digits: str) -> int:
    """Read an integer; of a longer one 30 digits do: every limit of ours is far below, and it stays out of range."""
    return int(digits[:30])


def _repeated_keys(value: Any, pointer: str) -> list[str]:
    """Find where the repeated keys stand; an object behind another repeated key may be gone already."""
    found = [f"{pointer}/{pointer_part(name)}" for name in value.names] if isinstance(value, _Repeated) else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        found += _repeated_keys(part, f"{pointer}/{pointer_part(str(name))}")
    return found


def check_media_type(declared: str) -> None:
    """Refuse a body that is not declared as JSON in UTF-8."""
    media_type, *parameters = (part.strip().lower() for part in declared.split(";"))
    if media_type != "application/json":
        raise WebProblem("unsupported_media_type")
    charsets = [value.strip('"') for name, _, value in (p.partition("=") for p in parameters) if name == "charset"]
    if charsets not in ([], ["utf-8"]):
        raise WebProblem("not_utf8")
