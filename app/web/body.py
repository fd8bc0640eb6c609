"""Routes that read their bodies strictly: UTF-8, JSON, each key once; and know their parameters."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.responses import Response

from app.errors import Fault
from app.instruments.model import pointer_part
from app.web.problems import WebProblem

#: As the document says; what can't be read of a shorter one is passed over.
LONGEST_LANGUAGES = 1000


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

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
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


class _Id(StringConvertor):
    """Anything but a name of ours, so that a wrong method on `/batch` is told as such, not as an absent id."""

    regex = "(?!batch$)[^/]+"


register_url_convertor("id", _Id())


class StrictRequest(Request):
    """A request whose JSON is parsed strictly."""

    async def json(self) -> Any:
        """Parse the body."""
        return parse_json(await self.body())


class StrictRoute(APIRoute):
    """A route that refuses unknown query parameters and bodies that are not declared as JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the framework's handler."""
        handle = super().get_route_handler()
        known = {field.alias for field in self.dependant.query_params}
        takes_body = self.body_field is not None

        async def strict(request: Request) -> Response:
            asked = request.query_params if request.scope["query_string"] else ()
            unknown = [name for name in asked if name not in known]
            if unknown:
                raise WebProblem("unknown_parameter", parameter=pointer_part(unknown[0]))
            if len(request.headers.get("accept-language", "")) > LONGEST_LANGUAGES:
                raise WebProblem("invalid_parameter", parameter="Accept-Language")
            if takes_body:
                _check_media_type(request.headers.get("content-type", ""))
            return await handle(StrictRequest(request.scope, request.receive))

        return strict


def _check_media_type(declared: str) -> None:
    media_type, *parameters = (part.strip().lower() for part in declared.split(";"))
    if media_type != "application/json":
        raise WebProblem("unsupported_media_type")
    charsets = [value.strip('"') for name, _, value in (p.partition("=") for p in parameters) if name == "charset"]
    if charsets not in ([], ["utf-8"]):
        raise WebProblem("not_utf8")
