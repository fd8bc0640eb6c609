"""A safety check: what is kept of it, sealed as one text whose length tells nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from app.safeguarding.form import SafetyAnswers
from app.storage.documents import to_json
from app.storage.sealed import Place

State = Literal["open", "acknowledged", "closed"]
Turn = Literal["yours", "anothers", "everybodys"]
StepKind = Literal["opened", "acknowledged", "escalated", "closed"]
#: The turn when every recipient had theirs: from then on it is everybody's.
EVERYBODY: Final = 0
#: What is sealed has so many bytes: whether somebody wrote a lot is not to be seen from outside. The longest answers
#: and reference, with the longest sentences of a receipt, in letters of four bytes each, leave room for 60 therapists
#: from whom a check is kept; beyond, it is a multiple. Checks of before have multiples of 4096, and open as they are.
PADDED: Final = 32_768


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the sender is told: that it came in, and who reads it, in the words that were shown before the question."""

    locale: str
    who_reads: str
    in_a_crisis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRef:
    """The client as the sender names them, so that a recipient finds the person also when all else was erased."""

    system: str | None
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The sealed part of a check; `kept_from` are digests of the therapists who must not read it.

    `named_since` are those whom forms named only after it came in, written down when an erasure takes the forms away.
    """

    client_ref: ClientRef | None
    answers: SafetyAnswers
    receipt: Receipt
    kept_from: frozenset[str]
    named_since: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that was done with a check, and by whom."""

    kind: StepKind
    acting: str | None
    reason: str | None
    taken_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a check is: nothing of what was said. One that is not `readable` was damaged, and does not open."""

    check_id: UUID
    state: State
    readable: bool
    received_at: datetime
    turn: Turn | None
    escalates_at: datetime | None


def place_of(check_id: UUID) -> Place:
    """Say where a check's sealed part is kept."""
    return Place(table="safety_checks", column="sealed", row=check_id)


def acting_place(step_id: UUID) -> Place:
    """Say where it is kept who took a step."""
    return Place(table="safety_steps", column="sealed_acting", row=step_id)


def reason_place(step_id: UUID) -> Place:
    """Say where it is kept why a check was closed."""
    return Place(table="safety_steps", column="sealed_reason", row=step_id)


def recipient_place(recipient_id: UUID) -> Place:
    """Say where it is kept who a recipient is."""
    return Place(table="safeguarding_recipients", column="sealed_acting", row=recipient_id)


def content_text(content: Content) -> str:
    """Write the sealed part, filled up with blanks."""
    text = to_json(content)
    return text + " " * (-len(text.encode()) % PADDED)


def content_of(text: str) -> Content:
    """Read the sealed part back."""
    return msgspec.json.decode(text, type=Content)
