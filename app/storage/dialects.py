"""Where the two databases want another spelling: membership in a list that is sent along.

PostgreSQL takes the list as one array, so that a statement is prepared once, whatever its length. SQLite has no
arrays; there each length is a statement of its own, which costs next to nothing within one process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, any_, bindparam
from sqlalchemy.dialects.postgresql import ARRAY

Statement = TypeVar("Statement")
Among = Callable[[ColumnElement[Any], str], ColumnElement[bool]]


def in_both(build: Callable[[Among], Statement]) -> Mapping[str, Statement]:
    """Build a statement for each database, by the name of its dialect; `among(column, parameter)` is the membership."""
    return {"sqlite": build(_expanded), "postgresql": build(_in_array)}


def _expanded(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    return column.in_(bindparam(parameter, expanding=True))


def _in_array(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    return column == any_(bindparam(parameter, type_=ARRAY(column.type)))
