"""How long an API key lives: until it is revoked or, where it has an end, until then."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.errors import Misconfigured
from app.storage.types import AnyRow

#: Ten years: whoever wants more wants no end.
LONGEST_DAYS: Final = 3650


def check_days(days: int) -> int:
    """Return a number of days that a key may live, or say what one looks like."""
    if not 1 <= days <= LONGEST_DAYS:
        raise Misconfigured(f"a key that ends lives 1 to {LONGEST_DAYS} days")
    return days


def end_of_key(days: int | None, *, at_most: int | None, now: datetime) -> datetime | None:
    """Say when a new key ends, None: never; one that is to live longer than the organisation has settled is refused."""
    if days is None:
        return None if at_most is None else now + timedelta(days=at_most)
    if at_most is not None and check_days(days) > at_most:
        raise Misconfigured(f"this organisation's keys live {at_most} days at most")
    return now + timedelta(days=check_days(days))


def is_alive(row: AnyRow, *, at: datetime) -> bool:
    """Say whether a key is neither revoked nor over; at its end it is over."""
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > at)
