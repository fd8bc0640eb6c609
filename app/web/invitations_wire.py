"""What goes over the wire about invitations."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from app.invitations.bring_check import AnsweredCheck
from app.invitations.invitation import Due, Invitation, InvitedRater, Status
from app.invitations.invite import Invited
from app.invitations.submit import FilledIn
from app.safeguarding.form import FORM
from app.web.instruments_wire import InstrumentOut
from app.web.safeguarding_wire import ASKED, SafetyAnswersIn, safety_answers_of
from app.web.submissions_wire import PersonIn, reference_of
from app.web.wire import AnswersIn, In, Moment, Out, Text, Time

InstrumentKey = Annotated[str, Field(max_length=40, pattern=r"^[a-z0-9-]+$")]
Locale = Annotated[str, Field(max_length=20, pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
_VERSION = r"^[0-9]+\.[0-9]+\.[0-9]+$"

#: Said to a client before the first question.
WHO_SEES: Final = {
    "en": "Your therapist sees your answers, and so may those who supervise or run this service.",
    "es": "Tu terapeuta ve tus respuestas, y también pueden verlas quienes supervisan o gestionan este servicio.",
    "de": "Ihre Therapeutin oder Ihr Therapeut sieht Ihre Antworten; auch wer dort supervidiert oder den Dienst "
    "betreibt, kann sie sehen.",
}


class InvitationIn(In):
    """A form that is due for a client."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "client_ref": "mrn-1042",
                    "therapist_ref": "th-7",
                    "session_number": 3,
                    "instrument": "trq-s",
                    "rater": "client",
                    "locale": "en",
                }
            ]
        }
    )

    client_ref: PersonIn = Field(description="What you call the client; sealed with the client's key.")
    therapist_ref: PersonIn
    episode_ref: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    session_number: Annotated[int, Field(strict=True, ge=1, le=2000)]
    instrument: InstrumentKey
    instrument_version: Annotated[str, Field(max_length=20, pattern=_VERSION)] | None = Field(
        default=None, description="The newest one unless given."
    )
    rater: InvitedRater
    locale: Locale | None = Field(default=None, description="The language of the form unless the phone asks otherwise.")
    opens_at: Time | None = Field(default=None, description="From when on it may be filled in; now unless given.")
    expires_at: Time | None = Field(
        default=None, description="Until when; in 14 days unless given, in 90 days at the latest."
    )


class RenewalIn(In):
    """A new end."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})

    expires_at: Time | None = Field(default=None, description="In 14 days unless given, in 90 days at the latest.")


class RevocationIn(In):
    """Nothing needs to be said."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class InvitationOut(Out):
    """An invitation as its sender sees it."""

    id: UUID
    client_id: UUID
    therapist_id: UUID
    instrument: Annotated[str, Field(max_length=40)]
    instrument_version: Annotated[str, Field(max_length=20)]
    rater: InvitedRater
    session_number: Annotated[int, Field(ge=1, le=2000)]
    opens_at: Moment
    expires_at: Moment
    made_at: Moment
    renewals: Annotated[int, Field(ge=0, le=2_000_000_000)]
    status: Status
    submission_id: UUID | None = Field(description="The form that it has brought.")


class MadeInvitationOut(InvitationOut):
    """An invitation with its token."""

    token: Annotated[str, Field(max_length=120)] | None = Field(
        description="Shown once: put it behind `#` of a link, never in a path. null in a repeat; renew it for another."
    )


class DueFormOut(Out):
    """The form that one was invited to fill in."""

    id: UUID
    status: Literal["open", "used"]
    opens_at: Moment
    expires_at: Moment
    session_number: Annotated[int, Field(ge=1, le=2000)]
    rater: InvitedRater
    who_sees: Annotated[str, Field(max_length=500, description="Show this before the first question.")]
    safety_check: bool = Field(
        description=(
            "Whether there is a safety check beside this form, at `/v1/invitations/mine/safety-check`: fetch it ahead, "
            "too. It says what the organisation offers, and nothing of what was sent."
        )
    )
    instrument: InstrumentOut


class DueSubmissionIn(In):
    """The form, filled in: all else stands in the invitation."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "instrument": "trq-s",
                    "completed_at": "2026-11-24T13:05:00Z",
                    "locale": "en",
                    "answers": {"1": 4, "2": 4, "3": 5, "4": 4, "5": "not_applicable", "6": 5, "7": 4, "8": 3},
                }
            ]
        }
    )

    instrument: InstrumentKey
    answers: AnswersIn
    completed_at: Time
    locale: Locale | None = None


class DueSafetyCheckIn(In):
    """The safety check beside the form: whom it is about stands in the invitation."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"form": FORM, "completed_at": "2026-11-24T13:06:00Z", "answers": ASKED}],
        }
    )

    form: Literal["safety-1"]
    completed_at: Time
    answers: SafetyAnswersIn


def due_of(sent: InvitationIn) -> Due:
    """Map what was sent to plain types."""
    return Due(
        client_ref=reference_of(sent.client_ref),
        therapist_ref=reference_of(sent.therapist_ref),
        episode_ref=sent.episode_ref,
        session_number=sent.session_number,
        instrument=sent.instrument,
        instrument_version=sent.instrument_version,
        rater=sent.rater,
        locale=sent.locale,
        opens_at=sent.opens_at,
        expires_at=sent.expires_at,
    )


def filled_in(sent: DueSubmissionIn) -> FilledIn:
    """Map what was sent to plain types."""
    return FilledIn(
        instrument=sent.instrument, answers=sent.answers, completed_at=sent.completed_at, locale=sent.locale
    )


def answered_check(sent: DueSafetyCheckIn) -> AnsweredCheck:
    """Map what was sent to plain types."""
    return AnsweredCheck(answers=safety_answers_of(sent.answers), completed_at=sent.completed_at)


def invitation_out(found: Invitation) -> InvitationOut:
    """Write an invitation."""
    return InvitationOut(**_members(found))


def made_out(made: Invited) -> MadeInvitationOut:
    """Write an invitation with its token."""
    return MadeInvitationOut(**_members(made.invitation), token=made.token)


def _members(found: Invitation) -> dict[str, object]:
    names = [name for name in InvitationOut.model_fields if name != "id"]
    return {"id": found.invitation_id, **{name: getattr(found, name) for name in names}}
