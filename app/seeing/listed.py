"""The list of what may be seen. A field that is not here, or does not look as it should, is dropped.

A list of what is forbidden would have to know every way in which a name gets into a message. This one only has to know
what we want to read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final
from uuid import UUID

Looks = Callable[[Any], object]

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}", re.ASCII).fullmatch
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII).fullmatch
_TRACE = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}", re.ASCII).fullmatch
#: Names of ours and of parameters; a reference or an id in a path has digits or does not begin like this.
_TEMPLATE = re.compile(r"none|(/|(/([a-z_-]+(\.[a-z]+)?|v1|fhir|R4|\{[a-z_]+\}))+)", re.ASCII).fullmatch
_PLACE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}:[A-Za-z0-9_<>]{1,100}:\d{1,6}", re.ASCII).fullmatch
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _word(value: Any) -> object:
    return isinstance(value, str) and _WORD(value)


def _number(value: Any) -> object:
    return type(value) is int or type(value) is float


def _places(value: Any) -> object:
    return isinstance(value, list) and all(isinstance(one, str) and _PLACE(one) for one in value)


#: Each field of a log line, and what its values look like.
FIELDS: Final[Mapping[str, Looks]] = {
    "event": _word,
    "level": _word,
    "at": lambda value: isinstance(value, str),  # set by us after everything else
    "method": lambda value: isinstance(value, str) and (value == "other" or value in METHODS),
    "route": lambda value: isinstance(value, str) and _TEMPLATE(value),
    "status": _number,
    "milliseconds": _number,
    "trace_id": lambda value: isinstance(value, str) and _TRACE(value),
    "application_id": lambda value: isinstance(value, UUID) or (isinstance(value, str) and _ID(value)),
    "organisation_id": lambda value: isinstance(value, UUID) or (isinstance(value, str) and _ID(value)),
    "code": _word,
    "error": _word,
    "causes": lambda value: isinstance(value, list) and all(_word(one) for one in value),
    "frames": _places,
    "logger": _word,
    "place": lambda value: isinstance(value, str) and _PLACE(value),
    "process": _number,
    "port": _number,
    "dropped": _number,
    "skipped": _number,
}
#: Each attribute of a span.
ATTRIBUTES: Final[Mapping[str, Looks]] = {
    "http.request.method": FIELDS["method"],
    "http.route": FIELDS["route"],
    "http.response.status_code": _number,
    "error.type": _word,
    "db.system.name": _word,
}
#: Names of spans within a request: what is waited for.
SPANS: Final = re.compile(r"(wait|database) [a-z_]{1,30}", re.ASCII).fullmatch

_FRAMES = 30


def keep_listed(fields: Mapping[str, Any], listed: Mapping[str, Looks] = FIELDS) -> tuple[dict[str, Any], int]:
    """Return the fields that may be seen, and how many were dropped; those that are None don't count."""
    kept, dropped = {}, 0
    for name, value in fields.items():
        if value is None:
            continue
        looks = listed.get(name)
        if looks is not None and looks(value):
            kept[name] = value
        else:
            dropped += 1
    return kept, dropped


def told_of(error: BaseException) -> dict[str, Any]:
    """Tell of an error its type, the types that led to it, and its way; its message may hold what was sent."""
    kinds = [_kind(one) for one in _led_to(error)]
    return {"error": _kind(error), "causes": kinds or None, "frames": list(_frames(error.__traceback__))[-_FRAMES:]}


def _kind(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _led_to(error: BaseException) -> Iterator[BaseException]:
    for _ in range(5):
        led = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if led is None:
            return
        yield led
        error = led


def _frames(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        frame = traceback.tb_frame
        yield f"{frame.f_globals.get('__name__', 'unknown')}:{frame.f_code.co_name}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
