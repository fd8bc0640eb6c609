"""The types that all resources share on the wire: texts, times, answers, rounded numbers, and how answers are sent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from app.instruments.model import NOT_APPLICABLE, Answer
from app.storage.documents import to_json
from app.storage.runtime import Runtime

_TIME = re.compile(r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:[0-5]\d)$", re.ASCII)
_DATE = re.compile(r"^\d{4}-\d\d-\d\d$", re.ASCII)
#: Smaller answers are not worth compressing.
COMPRESSED_FROM = 1024
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class In(BaseModel):
    """What is sent to us: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(BaseModel):
    """What we send."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _text(value: str) -> str:
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in value):
        raise PydanticCustomError("invalid_text", "a character that can't be kept")
    return unicodedata.normalize("NFC", value)


def _time(value: Any) -> datetime:
    if not isinstance(value, str):
        raise PydanticCustomError("wrong_type", "a time is a string")
    if not _TIME.match(value):
        raise PydanticCustomError("invalid_time", "not RFC 3339 with a zone")
    try:
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("invalid_time", "no such time") from None
    if moment < _EARLIEST:
        raise PydanticCustomError("too_early", "before 2000")
    return moment


def _date(value: Any) -> date | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise PydanticCustomError("wrong_type", "a date is a string")
    try:
        day = date.fromisoformat(value) if _DATE.match(value) else None
    except ValueError:
        day = None
    if day is None:
        raise PydanticCustomError("invalid_date", "not RFC 3339")
    if day < _EARLIEST.date():
        raise PydanticCustomError("too_early", "before 2000")
    return day


def _answer(value: Any) -> Answer:
    if value is None:
        return None
    if value == "not_applicable" and isinstance(value, str):
        return NOT_APPLICABLE
    if type(value) is int:  # a boolean is an int to Python, and no answer to us
        return value
    raise PydanticCustomError("wrong_type", "an answer is an integer, null or not_applicable")


Text = Annotated[str, AfterValidator(_text)]
Time = Annotated[
    datetime,
    PlainValidator(_time),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "maxLength": 40,
            "description": "RFC 3339 with a zone, from 2000 to a day from now.",
        }
    ),
]
OptionalDate = Annotated[
    date | None,
    PlainValidator(_date),
    PlainSerializer(lambda day: day and day.isoformat(), return_type=str | None),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date", "maxLength": 10}, {"type": "null"}]}),
]
ItemIn = Annotated[str, Field(max_length=40)]
AnswersIn = Annotated[
    dict[
        ItemIn,
        Annotated[
            Any,
            PlainValidator(_answer),
            WithJsonSchema(
                {
                    "anyOf": [
                        {"type": "integer", "minimum": -1000, "maximum": 1000},
                        {"const": "not_applicable"},
                        {"type": "null"},
                    ]
                }
            ),
        ],
    ],
    Field(
        max_length=200,
        description='Item -> an integer of its options, null (unanswered) or `"not_applicable"`. Absent is unanswered.',
    ),
]


def rounded(number: float) -> float:
    """Round as every double of an answer is rounded."""
    return round(number, 4) + 0.0  # the sum turns -0.0 into 0.0


def rounded_or_none(number: float | None) -> float | None:
    """Round a number that may not be there."""
    return None if number is None else rounded(number)


Rounded = Annotated[
    float,
    Field(ge=-1e6, le=1e6),
    PlainSerializer(
        rounded,
        return_type=Annotated[float, Field(description="A double, rounded to 4 decimals.", ge=-1e6, le=1e6)],
        when_used="json",
    ),
]
Moment = Annotated[
    datetime,
    PlainSerializer(lambda at: at.astimezone(UTC).isoformat().replace("+00:00", "Z"), return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 40}),
]


async def _runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


Service = Annotated[Runtime, Depends(_runtime)]


def answer(body: Out | Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Send a body as it is written by its schema; a mapping is one that was written by hand, after the same schema."""
    return Response(_content(body), status_code=status, media_type="application/json", headers=dict(headers or {}))


def _content(body: Out | Mapping[str, Any]) -> bytes:
    return (body.model_dump_json() if isinstance(body, Out) else to_json(body)).encode()


def cached(request: Request, body: Out | Mapping[str, Any], *, control: str) -> Response:
    """Send a body with a strong ETag, or 304 to a caller that has it."""
    content = _content(body)
    name = sha256(content).hexdigest()[:32]
    # A strong tag names the bytes that are sent, and compressed bytes are others; either one is known again.
    zipped = len(content) >= COMPRESSED_FROM and "gzip" in request.headers.get("accept-encoding", "")
    headers = {"ETag": f'"{name}-gzip"' if zipped else f'"{name}"', "Cache-Control": control}
    asked = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
    if asked & {f'"{name}"', f'"{name}-gzip"', "*"}:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)
