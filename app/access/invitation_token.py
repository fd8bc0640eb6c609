"""The text of an invitation's token."""

from __future__ import annotations

from uuid import UUID

from app.access.spelled import Spelled, new_spelled, parse_spelled

PREFIX = "invite_"


def new_invitation_token(invitation_id: UUID, *, organisation: UUID) -> Spelled:
    """Make a token with a fresh secret."""
    return new_spelled(PREFIX, invitation_id, organisation=organisation)


def parse_invitation_token(text: str) -> Spelled:
    """Take a token apart, or raise Unauthenticated."""
    return parse_spelled(PREFIX, text)
