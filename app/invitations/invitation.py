"""What an invitation is: for whom, which form, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

from app.access.visibility import ActsAs
from app.errors import InvitationNotOpen, InvitationOver
from app.storage.sealed import Place
from app.storage.types import AnyRow
from app.submissions.form import Reference

#: So long an invitation is good unless it says otherwise, and so long at most.
USUAL: Final = timedelta(days=14)
LONGEST: Final = timedelta(days=90)
#: A form that was filled in in time may arrive so much later: a phone may be without a network for long.
ARRIVES_WITHIN: Final = timedelta(days=30)
#: So far the clock of a phone may be behind ours when it opens the form.
BEHIND: Final = timedelta(minutes=5)

Status = Literal["open", "used", "expired", "revoked"]
InvitedRater = ActsAs


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The form that is due, as whoever invites says it."""

    client_ref: Reference
    therapist_ref: Reference
    episode_ref: str | None
    session_number: int
    instrument: str
    instrument_version: str | None
    rater: InvitedRater
    locale: str | None
    opens_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """An invitation as its sender sees it."""

    invitation_id: UUID
    client_id: UUID
    therapist_id: UUID
    instrument: str
    instrument_version: str
    rater: InvitedRater
    session_number: int
    opens_at: datetime
    expires_at: datetime
    made_at: datetime
    renewals: int
    status: Status
    submission_id: UUID | None


class SealedForm(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed with the client's key: references in the clear, and what the idempotency key stood for."""

    client: tuple[str, str]
    therapist: tuple[str, str]
    episode: str | None
    locale: str | None
    fingerprint: str


def place_of(invitation_id: UUID) -> Place:
    """Say where an invitation's sealed part is kept."""
    return Place(table="invitations", column="sealed_form", row=invitation_id)


def invitation_of(row: AnyRow, *, now: datetime) -> Invitation:
    """Read an invitation from its row."""
    return Invitation(
        invitation_id=row.invitation_id,
        client_id=row.client_id,
        therapist_id=row.therapist_id,
        instrument=row.instrument,
        instrument_version=row.instrument_version,
        rater=row.rater,
        session_number=row.session_number,
        opens_at=row.opens_at,
        expires_at=row.expires_at,
        made_at=row.made_at,
        renewals=row.renewals,
        status=status_of(row, now),
        submission_id=row.submission_id,
    )


def check_time(invitation: Invitation, *, completed_at: datetime, now: datetime) -> None:
    """Take what was filled in in time, though it may arrive later."""
    if completed_at < invitation.opens_at - BEHIND:
        raise InvitationNotOpen
    if completed_at > invitation.expires_at or now > invitation.expires_at + ARRIVES_WITHIN:
        raise InvitationOver


def status_of(row: AnyRow, now: datetime) -> Status:
    """Say how an invitation stands."""
    if row.submission_id is not None:
        return "used"
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at < now else "open"
