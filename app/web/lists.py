"""What all lists share: whole numbers in queries, the size of a page, and the way to the next one."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from app.storage.cursor import LONGEST

_DIGITS = re.compile(r"^(0|[1-9][0-9]{0,9})$", re.ASCII)


def _whole(value: Any) -> Any:
    """Take digits only: a number is never guessed from another spelling of it."""
    if isinstance(value, str) and not _DIGITS.match(value):
        raise PydanticCustomError("wrong_type", "a whole number in digits")
    return value


#: A whole number in a query.
Whole = BeforeValidator(_whole)

Limit = Annotated[
    Annotated[int, Field(ge=1, le=200), Whole], Query(description="How many at most; there may be fewer.")
]
Cursor = Annotated[
    Annotated[str, Field(min_length=1, max_length=LONGEST, pattern="^[A-Za-z0-9_-]+$")] | None,
    Query(description="The `next_cursor` of the page before, with the same other parameters."),
]
NextCursor = Annotated[
    Annotated[str, Field(max_length=LONGEST)] | None,
    Field(description="Send it as `cursor` for the next page; null: this was the last one."),
]


def next_link(**parameters: object) -> dict[str, str]:
    """Make the header that leads to the next page of the same list (RFC 8288); those that are None are left out."""
    query = urlencode({name: str(value) for name, value in parameters.items() if value is not None})
    return {"Link": f'<?{query}>; rel="next"'}
