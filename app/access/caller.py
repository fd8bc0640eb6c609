"""Who calls: an application of an organisation, and what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

from app.errors import Misconfigured

Scope = Literal[
    "instruments:read",
    "submissions:write",
    "submissions:read",
    "scores:read",
    "caseload:read",
    "signals:write",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The application behind a request. An application is never called a client here: that is a person.

    A key may open one client or one therapist only; then everything of others is absent.
    """

    organisation: UUID
    application: UUID
    scopes: frozenset[Scope]
    client_id: UUID | None = None
    therapist_id: UUID | None = None

    @property
    def is_unbound(self) -> bool:
        """Say whether the key opens everything of its organisation."""
        return self.client_id is None and self.therapist_id is None

    @property
    def sees_the_stage(self) -> bool:
        """Say whether stage, signals and recommendations are for this caller: a client reads their own scores only."""
        return self.client_id is None

    def may_read(self, rater: str) -> bool:
        """Say whether a rater's answers and scores are for this caller: a client does not read the therapist's."""
        return self.client_id is None or rater in {"client", "parent"}

    def may_see(self, *, client_id: UUID, therapist_id: UUID) -> bool:
        """Say whether a form of these two is within what the key opens."""
        return self.client_id in {None, client_id} and self.therapist_id in {None, therapist_id}


def check_scopes(names: list[str]) -> list[Scope]:
    """Return the scopes in their usual order, or say which one is unknown."""
    unknown = sorted(set(names) - set(SCOPES))
    if unknown:
        raise Misconfigured(f"unknown scope: {', '.join(unknown)}; known are {', '.join(SCOPES)}")
    if not names:
        raise Misconfigured("an application needs at least one scope")
    return [scope for scope in SCOPES if scope in names]
