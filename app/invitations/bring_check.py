"""Bring the safety check beside the form that one was invited to fill in: what was said once is kept once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import Connection

from app.access.caller import Caller
from app.invitations.fetch import still_invited
from app.invitations.invitation import Invitation, check_time
from app.invitations.offer_check import invited_to_check
from app.safeguarding.form import SafetyAnswers
from app.safeguarding.offer import Choose
from app.safeguarding.receive import Received, Route, SafetyCheck, receive
from app.storage.documents import to_json
from app.storage.runtime import Runtime

_ROUTE: Final[Route] = "invitations"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredCheck:
    """What the client sends: who it is about, and which therapist must not read it, the invitation says."""

    answers: SafetyAnswers
    completed_at: datetime


async def bring_check(runtime: Runtime, caller: Caller, sent: AnsweredCheck, *, choose: Choose) -> Received:
    """Keep a safety check under an invitation, before or after its form; the same again is kept once, and not told.

    It is answered as if it were the first, or the sender of the invitation, who has the token, could try what the
    client may have said, and when. Other content is another check, not a refusal: one check for each invitation would
    let them find out by a try whether there is one, and take the client's place by sending their own.
    """
    found = await invited_to_check(runtime, caller)
    check_time(found, completed_at=sent.completed_at, now=runtime.now())
    content = to_json([found.invitation_id, sent])
    return await receive(
        runtime,
        caller,
        SafetyCheck(client_ref=None, therapist_ref=None, answers=sent.answers, completed_at=sent.completed_at),
        key=runtime.keys.content("request", content, organisation=caller.organisation).hex(),
        choose=choose,
        route=_ROUTE,
        along=partial(_along, caller, found),
    )


def _along(caller: Caller, invitation: Invitation, connection: Connection) -> None:
    """Keep a check out whose token was revoked or renewed meanwhile; nothing is noted with the invitation."""
    still_invited(connection, caller, invitation)
