"""Who calls: an application of an organisation, and what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

from app.errors import Misconfigured

Scope = Literal["instruments:read", "submissions:write", "submissions:read", "scores:read"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The application behind a request. An application is never called a client here: that is a person."""

    organisation: UUID
    application: UUID
    scopes: frozenset[Scope]


def check_scopes(names: list[str]) -> list[Scope]:
    """Return the scopes in their usual order, or say which one is unknown."""
    unknown = sorted(set(names) - set(SCOPES))
    if unknown:
        raise Misconfigured(f"unknown scope: {', '.join(unknown)}; known are {', '.join(SCOPES)}")
    if not names:
        raise Misconfigured("an application needs at least one scope")
    return [scope for scope in SCOPES if scope in names]
