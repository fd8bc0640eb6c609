"""Bring the form that one was invited to fill in: once, and safely again with the same content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from app.access.binding import log
from app.access.caller import Caller
from app.errors import Fault, InvalidSubmission, InvitationUsed, KeyReused
from app.instruments.model import Answer
from app.invitations.fetch import Fetched, invited, still_invited
from app.invitations.invitation import Invitation, check_time
from app.invitations.store import change_invitation
from app.storage.runtime import Runtime
from app.submissions.form import Form, Reference, Reported
from app.submissions.intake import Recorded
from app.submissions.prepare import Entry
from app.submissions.record import record


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledIn:
    """What the client sends: everything else stands in the invitation."""

    instrument: str
    answers: Mapping[str, Answer]
    completed_at: datetime
    locale: str | None


async def submit(runtime: Runtime, caller: Caller, sent: FilledIn) -> Recorded:
    """Record the form under the invitation: the same again is answered as the first time, another one refused."""
    found = await invited(runtime, caller)
    check_time(found.invitation, completed_at=sent.completed_at, now=runtime.now())
    if sent.instrument != found.invitation.instrument:
        raise InvalidSubmission(Fault(pointer="/instrument", code="not_allowed"))
    invitation_id = found.invitation.invitation_id
    use = partial(_use, runtime, caller, found.invitation)
    entry = Entry(form=_form(found, sent), key=str(invitation_id), route="invitations", along=use)
    (outcome,) = await record(runtime, caller, [entry])
    if isinstance(outcome, KeyReused):
        raise InvitationUsed
    if not isinstance(outcome, Recorded):
        raise outcome
    return outcome


def _form(found: Fetched, sent: FilledIn) -> Form:
    """Put together what was sent and what the invitation says."""
    return Form(
        instrument=found.invitation.instrument,
        instrument_version=found.invitation.instrument_version,
        rater=found.invitation.rater,
        client_ref=_reference(found.form.client),
        therapist_ref=_reference(found.form.therapist),
        episode_ref=found.form.episode,
        session_number=found.invitation.session_number,
        planned_sessions=None,
        session_date=None,
        completed_at=sent.completed_at,
        locale=sent.locale,
        channel=None,
        modality=None,
        answers=dict(sent.answers),
        reported=Reported(),
        seen_by_therapist=True,  # the form says so before the first question
        source=None,
        comment=None,
    )


def _reference(parts: tuple[str, str]) -> Reference:
    return Reference(system=parts[0] or None, value=parts[1])


def _use(runtime: Runtime, caller: Caller, invitation: Invitation, connection: Connection, submission_id: UUID) -> None:
    """Note which form the invitation brings, in the form's own transaction."""
    if still_invited(connection, caller, invitation).submission_id is not None:
        return
    organisation, changes = caller.organisation, {"submission_id": submission_id}
    change_invitation(connection, invitation.invitation_id, changes, organisation=organisation)
    about = {"invitation_id": str(invitation.invitation_id), "submission_id": str(submission_id)}
    log(
        connection, runtime, "invitation.used", about,
        organisation=organisation, at=runtime.now(), application=caller.application,
    )  # fmt: skip
