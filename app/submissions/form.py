"""A form as it was sent, in plain types, and what makes two forms the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, Literal

import msgspec

from app.instruments.model import Answer, Rater, answer_document
from app.stages.model import Ending, StageName

Channel = Literal["in_person", "video", "phone", "text"]
#: How a form is spelled that the client was told the therapist does not see.
_KEPT: Final = "kept_from_therapist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a caller calls a person; without a system it is of the organisation's own."""

    system: str | None
    value: str

    @property
    def parts(self) -> tuple[str, str]:
        """The two parts that are digested."""
        return (self.system or "", self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The sender's own name of the form."""

    system: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What was reported beside the answers."""

    rupture: bool | None = None
    wish_to_talk: bool | None = None
    ending: Ending | None = None
    stage: StageName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One form by one rater about one session."""

    instrument: str
    instrument_version: str | None
    rater: Rater
    client_ref: Reference
    therapist_ref: Reference
    episode_ref: str | None
    session_number: int
    planned_sessions: int | None
    session_date: date | None
    completed_at: datetime
    locale: str | None
    channel: Channel | None
    modality: str | None
    answers: dict[str, Answer]
    reported: Reported
    seen_by_therapist: bool | None
    source: Source | None
    comment: str | None = None


def canonical_content(form: Form, *, version: str | None) -> str:
    """Spell a form's content in one way, so that two forms can be compared however they were written.

    Unanswered and absent items are the same, a time is the same in every zone, a plain reference the same as one
    without a system. The sender's own id is not content.
    """
    content: dict[str, Any] = {
        "instrument": form.instrument,
        "instrument_version": version,
        "rater": form.rater,
        "client_ref": form.client_ref.parts,
        "therapist_ref": form.therapist_ref.parts,
        "episode_ref": form.episode_ref,
        "session_number": form.session_number,
        "planned_sessions": form.planned_sessions,
        "session_date": form.session_date.isoformat() if form.session_date else None,
        "completed_at": form.completed_at.astimezone(UTC).isoformat(),
        "locale": form.locale,
        "channel": form.channel,
        "modality": form.modality,
        "answers": {item: answer_document(a) for item, a in form.answers.items() if a is not None},
        "reported": {
            "rupture": bool(form.reported.rupture),
            "wish_to_talk": bool(form.reported.wish_to_talk),
            "ending": form.reported.ending,
            "stage": form.reported.stage,
        },
        # Nothing stated is spelled as it was before `false` was something else: forms of then stay the same.
        "seen_by_therapist": _KEPT if form.seen_by_therapist is False else bool(form.seen_by_therapist),
    }
    if form.comment is not None:  # left out otherwise: forms of before there were comments stay the same
        content["comment"] = form.comment
    return msgspec.json.encode(content, order="sorted").decode()


def canonical_request(form: Form, *, corrects: str | None) -> str:
    """Spell all that one idempotency key stands for: the form as it was sent, its sender's own id, what it corrects.

    A version left out stays so: a newer one must not make another request of a repeat.
    """
    content = canonical_content(form, version=form.instrument_version)
    source = [form.source.system, form.source.id] if form.source else None
    return msgspec.json.encode([content, source, corrects]).decode()
