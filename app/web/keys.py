"""The idempotency key of a request, as a header carries it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header

from app.web.problems import WebProblem

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        description="A fresh key for each form, the same with every retry of it; bare or in quotes. Required.",
        json_schema_extra={"minLength": 1, "maxLength": 255},
    ),
]


def checked_key(header: str) -> str:
    """Take the key out of its quotes, or refuse it."""
    if not header.strip():
        raise WebProblem("idempotency_key_missing")
    key = header.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not (0 < len(key) <= 255 and all("!" <= char <= "~" for char in key)):
        raise WebProblem("idempotency_key_invalid")
    return key
