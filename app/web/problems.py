"""From errors to problem+json (RFC 9457): a code, the places, and never a submitted value."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import HTTPException as FastApiHTTPException
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from app.errors import (
    AllianceError,
    AlreadyExists,
    Fault,
    Forbidden,
    InvalidParameter,
    InvalidSubmission,
    KeyInProgress,
    NotCurrent,
    SessionAlreadyRated,
    SourceConflict,
    StorageBusy,
    StorageUnavailable,
    Unauthenticated,
)
from app.instruments.model import pointer_part
from app.web.problem_table import PROBLEMS

#: A problem names so many places at most.
MOST_FAULTS = 1000
_BY_STATUS = {
    401: "unauthenticated",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}

#: pydantic's names of faults and ours.
_CODES = {
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "literal_error": "not_allowed",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "string_too_long": "too_long",
    "too_long": "too_long",
    "string_too_short": "too_short",
    "too_short": "too_short",
    "string_pattern_mismatch": "invalid_format",
    "string_unicode": "invalid_text",
}


class ErrorOut(BaseModel):
    """One place with a fault."""

    pointer: str = Field(description="JSON pointer into the body (RFC 6901).", max_length=500)
    code: str = Field(description="What is wrong there; it never changes.", max_length=60)


class ProblemOut(BaseModel):
    """A problem (RFC 9457). It never repeats a value that was sent."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/validation_failed",
                    "title": "The body has faults",
                    "status": 422,
                    "code": "validation_failed",
                    "errors": [{"pointer": "/answers/7", "code": "out_of_range"}],
                    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
                }
            ]
        }
    )

    type: str = Field(description="A page of this service about the code.", max_length=200)
    title: str = Field(max_length=200)
    status: int = Field(ge=400, le=599)
    code: str = Field(description="Stable name of the problem.", max_length=60)
    errors: list[ErrorOut] = Field(description="The places, where there are any.", max_length=1000)
    trace_id: str = Field(description="Name this when you ask for help.", max_length=32)
    submission_id: str | None = Field(
        default=None, description="The stored form in question; the current one where it was corrected.", max_length=36
    )
    scope: str | None = Field(default=None, description="The scope that is missing.", max_length=40)
    parameter: str | None = Field(default=None, description="The query parameter in question.", max_length=40)


class WebProblem(FastApiHTTPException):
    """A problem that only the web knows: a body, a header or a parameter that can't be used."""

    def __init__(
        self,
        code: str,
        *,
        faults: Sequence[Fault] = (),
        parameter: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status_code=PROBLEMS[code].status or 400, headers=headers)
        self.code = code
        self.faults = faults
        self.parameter = parameter


class _Problem(Response):
    """A problem on its way out; it leaves its code in the request's state, where it is counted."""

    code: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        scope.setdefault("state", {})["problem"] = self.code
        await super().__call__(scope, receive, send)


def problem(
    code: str,
    *,
    trace_id: str,
    faults: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """Answer with a problem."""
    body = problem_body(code, trace_id=trace_id, faults=faults, **more)
    answer = _Problem(
        json.dumps(body, ensure_ascii=False),
        status_code=body["status"],
        media_type="application/problem+json",
        headers=headers,
    )
    answer.code = code
    return answer


def problem_body(code: str, *, trace_id: str, faults: Sequence[Fault] = (), **more: Any) -> dict[str, Any]:
    """Write a problem's members; those that are None are left out."""
    kind = PROBLEMS[code]
    return {
        "type": f"/problems/{code}",
        "title": kind.title,
        "status": kind.status or 500,
        "code": code,
        "errors": [{"pointer": fault.pointer, "code": fault.code} for fault in faults[:MOST_FAULTS]],
        "trace_id": trace_id,
        **{name: value for name, value in more.items() if value is not None},
    }


def from_error(error: AllianceError, trace_id: str) -> Response:
    """Answer an error of the product; the table says with which status."""
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="alliance"'
    if isinstance(error, KeyInProgress | StorageBusy | StorageUnavailable):
        headers["Retry-After"] = "1"
    return problem(**members(error, trace_id), headers=headers)


def members(error: AllianceError, trace_id: str) -> dict[str, Any]:
    """Say what an error of the product tells: its code, the places, and the ids that help to go on."""
    code = error.specific_code if isinstance(error, InvalidSubmission) else error.code
    if code not in PROBLEMS or PROBLEMS[code].status is None:
        code = "misconfigured"
    return {
        "code": code,
        "trace_id": trace_id,
        "faults": error.faults if isinstance(error, InvalidSubmission) else (),
        "submission_id": _stored_form(error),
        "scope": error.scope if isinstance(error, Forbidden) else None,
        "parameter": error.parameter if isinstance(error, InvalidParameter) else None,
    }


def _stored_form(error: AllianceError) -> str | None:
    if isinstance(error, SourceConflict | SessionAlreadyRated):
        return error.submission_id if error.told else None
    return error.submission_id if isinstance(error, NotCurrent | AlreadyExists) else None


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer the framework's own 404, 405 and 413, and what our body parser refuses."""
    trace_id = request.state.trace_id
    if isinstance(error, WebProblem):
        return problem(
            error.code, trace_id=trace_id, faults=error.faults, parameter=error.parameter, headers=error.headers
        )
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    if status == 405:
        headers = {"Allow": ", ".join(_allowed(request))}
    return problem(_BY_STATUS.get(status, "bad_request"), trace_id=trace_id, headers=headers)


def _allowed(request: Request) -> list[str]:
    """List the methods of every route of a path; the framework names those of the first one only."""
    routes = iter_route_contexts(request.app.routes)
    here = [route for route in routes if compile_path(route.path or "")[0].match(request.scope["path"])]
    return sorted({method for route in here for method in route.methods or ()})


async def on_validation_error(request: Request, error: Exception) -> Response:
    """Answer faults that the schemas find: 404 for a malformed id, 400 for a parameter, 422 for the body."""
    trace_id = request.state.trace_id
    found = error.errors() if isinstance(error, RequestValidationError) else []
    places = {one["loc"][0] for one in found}
    if "path" in places:
        return problem("not_found", trace_id=trace_id)
    if any(one["loc"] == ("header", "Idempotency-Key") for one in found):
        return problem("idempotency_key_missing", trace_id=trace_id)
    for one in found:
        if one["loc"][0] in {"query", "header"}:
            return problem("invalid_parameter", trace_id=trace_id, parameter=str(one["loc"][1])[:40])
    body = error.body if isinstance(error, RequestValidationError) else None
    places_in_body = [(one["loc"][1:], one["type"]) for one in found[:MOST_FAULTS]]
    return problem("validation_failed", trace_id=trace_id, faults=faults_of(places_in_body, body))


def faults_of(found: Iterable[tuple[Sequence[int | str], str]], body: Any) -> list[Fault]:
    """Turn pydantic's places and kinds of faults into ours, each once."""
    return list({Fault(pointer=_pointer(loc, kind, body), code=_code(kind)): None for loc, kind in found})


def _code(kind: str) -> str:
    if kind in PROBLEMS:
        return kind
    return _CODES.get(kind, "wrong_type" if kind.endswith("_type") or kind == "none_required" else "invalid")


def _pointer(loc: Sequence[int | str], kind: str, body: Any) -> str:
    """Turn pydantic's place into a JSON pointer; names that the body lacks (tags of unions) are left out."""
    parts: list[str] = []
    here = body
    for depth, part in enumerate(loc):
        inside = isinstance(here, dict) and part in here
        inside = inside or (isinstance(here, list) and isinstance(part, int) and part < len(here))
        if inside:
            here = here[part]
        elif not (kind == "missing" and depth == len(loc) - 1):
            continue
        parts.append(pointer_part(str(part)))
    return "".join(f"/{part}" for part in parts)
