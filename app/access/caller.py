"""Who calls: an application of an organisation, and what it may do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal, get_args
from uuid import UUID

from app.access.visibility import OWN, ActsAs, Eyes, Field, Sight
from app.errors import Misconfigured

Scope = Literal[
    "instruments:read",
    "submissions:write",
    "submissions:read",
    "scores:read",
    "caseload:read",
    "signals:write",
    "consent:write",
    "clients:erase",
    "clients:break_glass",
    "invitations:write",
    "safeguarding:read",
    "admin",
    "metrics:read",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)

#: For whose eyes an application's answers are: a machine of the organisation, people who supervise others, or those who
#: read safety checks.
Audience = Literal["system", "supervisor", "safeguarding"]
AUDIENCES: tuple[Audience, ...] = get_args(Audience)
#: A supervisor reads. Forms are not theirs to send, and their look does not stand for the therapist's. Safety checks
#: are read by an application that reads nothing else, and by no other one.
SCOPES_OF: Final[dict[Audience, frozenset[Scope]]] = {
    "system": frozenset(SCOPES) - {"safeguarding:read", "clients:break_glass", "metrics:read"},
    "supervisor": frozenset({"instruments:read", "scores:read", "caseload:read"}),
    "safeguarding": frozenset({"safeguarding:read"}),
}
#: What goes with no audience by itself: an operator adds it by name. One widens what a bound key opens, for those who
#: treat or supervise; the other opens the counts of all organisations, for a program of the operator's own.
BESIDE: Final[dict[Audience, frozenset[Scope]]] = {
    "system": frozenset({"clients:break_glass", "metrics:read"}),
    "supervisor": frozenset({"clients:break_glass"}),
    "safeguarding": frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The application behind a request. An application is never called a client here: that is a person.

    A key may open one client or one therapist only; then everything of others is absent. A supervisor's key opens the
    therapists in `supervised`, who may be nobody; there `therapist_id` is the supervisor, and opens nothing itself.
    Who opens one client acts as the client, or as a parent of theirs (`acts_as`): one of the two, never both.
    `acting` is the person behind the request, as the application knows them: an id, never a name.
    Who calls with an invitation is the client of it, has no scope, and opens that invitation alone.
    `opened` says that the glass was broken for this one request: therapists don't bound it then. The eyes stay.
    """

    organisation: UUID
    application: UUID
    scopes: frozenset[Scope]
    client_id: UUID | None = None
    acts_as: ActsAs = "client"
    therapist_id: UUID | None = None
    supervised: frozenset[UUID] | None = None
    acting: str | None = None
    acting_required: bool = False
    invitation: UUID | None = None
    opened: bool = False

    @property
    def eyes(self) -> Eyes:
        """For whose eyes the answers are."""
        if self.client_id is not None:
            return self.acts_as
        if self.supervised is not None:
            return "supervisor"
        if "safeguarding:read" in self.scopes:
            return "safeguarding"
        return "system" if self.therapist_id is None else "therapist"

    @property
    def lacks_a_person(self) -> bool:
        """Say whether a person has to be named before this caller reads; a client's own key names the client."""
        return self.acting_required and self.acting is None and self.client_id is None

    @property
    def may_break_glass(self) -> bool:
        """Say whether others' clients may be opened, for a reason: by who treats or supervises, never by a client."""
        return "clients:break_glass" in self.scopes and self.eyes not in OWN | {"safeguarding"}

    @property
    def is_unbound(self) -> bool:
        """Say whether the key opens everything of its organisation."""
        return self.client_id is None and self.therapists is None

    @property
    def therapists(self) -> frozenset[UUID] | None:
        """The therapists whose episodes the key opens; None: it is not bound to therapists."""
        if self.supervised is not None:
            return self.supervised
        return None if self.therapist_id is None else frozenset({self.therapist_id})

    @property
    def treats(self) -> UUID | None:
        """The therapist whose clients the caller treats; None: nobody's.

        A supervisor may have clients of their own, whatever the audience of the key is and however it came to open
        them: what a client was told of their therapist holds for that person.
        """
        return None if self.eyes in OWN | {"safeguarding"} else self.therapist_id

    def sight_of(self, therapist_id: UUID) -> Sight:
        """Say by which eyes the caller sees a therapist's episodes, and with them everything about their forms."""
        return Sight(eyes="therapist" if therapist_id == self.treats else self.eyes)

    def sees(self, field: Field) -> bool:
        """Say whether a field that is about no therapist's episode is for this caller's eyes: see the table."""
        return Sight(eyes=self.eyes).sees(field)

    @property
    def client_named(self) -> str:
        """Name whom a client's own credential stands for: what a parent has sent repeats nothing of the child's."""
        is_told_apart = self.acts_as != "client" and self.invitation is None  # an invitation is one rater's by itself
        return f"{self.client_id} {self.acts_as}" if is_told_apart else str(self.client_id)

    def may_send(self, rater: str) -> bool:
        """Say whether forms of a rater are this caller's to send: who opens one client sends their own."""
        return self.client_id is None or rater == self.acts_as

    def may_see(self, *, client_id: UUID, therapist_id: UUID) -> bool:
        """Say whether a form of these two is within what the key opens."""
        within = self.opened or self.therapists is None or therapist_id in self.therapists
        return within and self.client_id in {None, client_id}


def allowed_scopes(audience: str, scopes: Collection[Scope]) -> frozenset[Scope]:
    """Return which of an application's scopes its audience may use: none for one that is not known here."""
    return frozenset(scopes) & next((_open_to(known) for known in AUDIENCES if known == audience), frozenset())


def _open_to(audience: Audience) -> frozenset[Scope]:
    return SCOPES_OF[audience] | BESIDE[audience]


def check_scopes(names: list[str], *, audience: Audience = "system") -> list[Scope]:
    """Return the scopes in their usual order, or say which one is unknown or not for the audience."""
    unknown = sorted(set(names) - set(SCOPES))
    if unknown:
        raise Misconfigured(f"unknown scope: {', '.join(unknown)}; known are {', '.join(SCOPES)}")
    if not names:
        raise Misconfigured("an application needs at least one scope")
    wanted = [scope for scope in SCOPES if scope in names]
    refused = [scope for scope in wanted if scope not in _open_to(audience)]
    if refused:
        open_to = ", ".join(scope for scope in SCOPES if scope in _open_to(audience))
        raise Misconfigured(f"not for the audience {audience}: {', '.join(refused)}; it may have {open_to}")
    return wanted
