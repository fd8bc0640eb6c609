"""What becomes of a signal: the states it was in, and who looked at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from app.change.signal import Signal, State
from app.storage.sealed import Place

Standing = State | Literal["acknowledged"]
Reason = Literal["talked_about_it", "known_cause", "false_alarm", "will_watch", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """That somebody looked at a signal: who, as the application calls them, and why it needs no more."""

    acknowledgement_id: UUID
    application_id: UUID
    acting: str
    reason: str
    acknowledged_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A state that a signal came into, and the form that brought it there."""

    state: State
    level: str
    closed_session: int | None
    because_of: UUID
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LivingSignal:
    """A signal as it stands, the series it is of, and its life so far."""

    signal: Signal
    instrument: str
    rater: str
    is_seen: bool
    acknowledgements: tuple[Acknowledgement, ...]
    history: tuple[Turn, ...]

    @property
    def standing(self) -> Standing:
        """Where it stands: open ones that somebody looked at are acknowledged."""
        return "acknowledged" if self.signal.is_open and self.is_seen else self.signal.state


def acting_place(acknowledgement_id: UUID) -> Place:
    """Say where the person behind an acknowledgement is kept."""
    return Place(table="acknowledgements", column="sealed_acting", row=acknowledgement_id)
