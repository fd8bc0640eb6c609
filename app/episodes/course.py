"""The course of an episode: its forms, gathered by session."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.instruments.model import Rater
from app.stages.model import Ending, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseForm:
    """What the course needs of one stored form."""

    submission_id: UUID
    session_number: int
    instrument: str
    instrument_version: str
    rater: Rater
    content: bytes
    received_at: datetime
    focus: tuple[int, ...] | None
    planned_sessions: int | None
    ending: Ending | None
    rupture: bool


def by_session(forms: Iterable[CourseForm]) -> tuple[Session, ...]:
    """Gather an episode's forms, in the order they were received, into what each session tells the stage.

    Focus answers are the client's. Of two statements about one session the later received one counts; a rupture
    counts whoever reports it.
    """
    sessions: dict[int, Session] = {}
    for form in forms:
        known = sessions.get(form.session_number, Session(number=form.session_number))
        told = form.focus if form.rater == "client" else None
        sessions[form.session_number] = Session(
            number=form.session_number,
            focus=told or known.focus,
            planned_sessions=form.planned_sessions if form.planned_sessions is not None else known.planned_sessions,
            ending=form.ending or known.ending,
            rupture=form.rupture or known.rupture,
        )
    return tuple(sessions[number] for number in sorted(sessions))


def clients_instrument(forms: Iterable[CourseForm]) -> CourseForm | None:
    """Return the latest form by the client, whose instrument the criteria panel follows."""
    own = [form for form in forms if form.rater == "client"]
    return max(own, key=lambda form: form.session_number, default=None)
