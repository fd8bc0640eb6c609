"""The text of an API key: a prefix to recognise it by, its organisation, its id, and 256 random bits."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.access.spelled import new_spelled, parse_spelled

PREFIX = "alliance_"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ApiKey:
    """An API key taken apart."""

    organisation: UUID
    key_id: UUID
    secret: bytes
    text: str


def new_api_key(*, organisation: UUID, key_id: UUID) -> ApiKey:
    """Make a key with a fresh secret."""
    made = new_spelled(PREFIX, key_id, organisation=organisation)
    return ApiKey(organisation=organisation, key_id=key_id, secret=made.secret, text=made.text)


def parse_api_key(text: str) -> ApiKey:
    """Take a key apart, or raise Unauthenticated; whether it is a live key is for the store to say."""
    found = parse_spelled(PREFIX, text)
    return ApiKey(organisation=found.organisation, key_id=found.id, secret=found.secret, text=text)
