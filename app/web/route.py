"""A route that takes a request apart as it is declared, and nothing else.

The framework declares: which parameters, bodies and scopes an operation has, and the document of them. Taking a request
apart is done here, since its own way costs as much as the whole of intake: every operation of ours needs the same few
things, plain parameters, one JSON body, and what depends on nothing but the request.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cached_property
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.instruments.model import pointer_part
from app.web.audited import audited
from app.web.body import check_media_type, parse_json
from app.web.problems import WebProblem

#: As the document says; what can't be read of a shorter one is passed over.
LONGEST_LANGUAGES = 1000


class _Id(StringConvertor):
    """Anything but a name of ours, so that a wrong method on `/batch` is told as such, not as an absent id."""

    regex = "(?!(?:batch|mine|lookup)$)[^/]+"


register_url_convertor("id", _Id())


class StrictRoute(APIRoute):
    """A route that refuses unknown query parameters and bodies that are not declared as JSON.

    The scope is looked at before body and parameters: who may not ask is not told what is wrong with a question.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that has the method; the framework refuses any other.

        Its own way goes through stacks for dependencies that end after the answer, which no operation of ours has, and
        a second handler of errors beside the application's. What it tells about a client is written down first.
        """
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive, send)
        response = await audited(request, self.name, self._strict)
        await response(scope, receive, send)

    @cached_property
    def _strict(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return self.get_route_handler()

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Make the handler once, from what the framework found in the operation's signature."""
        declared = self.dependant
        endpoint = declared.call
        if endpoint is None or any(sub.dependencies or sub.query_params for sub in declared.dependencies):
            raise TypeError(f"{self.path}: an operation's dependencies take the request, and nothing else")
        known = {field.alias for field in declared.query_params}
        sources = _sources(declared)

        async def strict(request: Request) -> Response:
            values = {sub.name: await sub.call(request) for sub in declared.dependencies if sub.name and sub.call}
            _check_parameters(request, known)
            if declared.request_param_name is not None:
                values[declared.request_param_name] = request
            errors: list[Any] = []
            body = None
            if self.body_field is not None:
                check_media_type(request.headers.get("content-type", ""))
                raw = await request.body()
                if raw:
                    body, name = parse_json(raw), declared.body_params[0].name
                    _count_items(request, body)
                    values[name], errors = self.body_field.validate(body, {}, loc=("body",))
                else:
                    errors = [{"type": "missing", "loc": ("body",)}]
            for kind, fields in sources:
                values |= _taken(kind, fields, _sent(kind, request), errors)
            if errors:
                raise RequestValidationError(errors, body=body)
            response: Response = await endpoint(**values)
            return response

        return strict


def _count_items(request: Request, body: Any) -> None:
    """Have a person's batch counted by what is in it; for an application it is one request."""
    counting = getattr(request.state, "counting", None)
    items = body.get("items") if isinstance(body, dict) else None
    if counting is not None and isinstance(items, list):
        counting.items(len(items))


def _sources(declared: Dependant) -> list[tuple[str, Sequence[Any]]]:
    """List where an operation's parameters come from."""
    all_of = (("path", declared.path_params), ("query", declared.query_params), ("header", declared.header_params))
    return [(kind, fields) for kind, fields in all_of if fields]


def _sent(kind: str, request: Request) -> Mapping[str, Any]:
    if kind == "path":
        return request.path_params
    return request.query_params if kind == "query" else request.headers


def _taken(kind: str, fields: Sequence[Any], sent: Mapping[str, Any], errors: list[Any]) -> dict[str, Any]:
    """Validate the parameters of one kind; what is wrong joins the errors."""
    values = {}
    for field in fields:
        raw = sent.get(field.alias)
        if raw is not None:
            values[field.name], wrong = field.validate(raw, {}, loc=(kind, field.alias))
            errors += wrong or ()
        elif field.field_info.is_required():
            errors.append({"type": "missing", "loc": (kind, field.alias)})
        else:
            values[field.name] = field.get_default()
    return values


def _check_parameters(request: Request, known: set[str]) -> None:
    asked = request.query_params if request.scope["query_string"] else ()
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise WebProblem("unknown_parameter", parameter=pointer_part(unknown[0]))
    if asked and len(request.query_params.multi_items()) > len(asked):  # others may have looked at the first of two
        raise WebProblem("invalid_parameter", parameter=_repeated(request))
    if len(request.headers.get("accept-language", "")) > LONGEST_LANGUAGES:
        raise WebProblem("invalid_parameter", parameter="Accept-Language")


def _repeated(request: Request) -> str:
    names = [name for name, _ in request.query_params.multi_items()]
    return next(name for name in names if names.count(name) > 1)
