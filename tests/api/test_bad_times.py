"""Times and dates: RFC 3339 with a zone, from 2000 to a day from now, and nothing that a parser would forgive."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.refusals import CANARY, marked, nothing_stored, refused, told
from tests.harness import Clinic, form

TIMES: dict[str, tuple[Any, str]] = {
    "epoch": (1_763_640_000, "wrong_type"),
    "epoch in milliseconds": (1_763_640_000_000, "wrong_type"),
    "epoch as a float": (1_763_640_000.5, "wrong_type"),
    "epoch as a text": ("1763640000", "invalid_time"),
    "huge": (10**400, "wrong_type"),
    "zero": (0, "wrong_type"),
    "true": (True, "wrong_type"),
    "null": (None, "wrong_type"),
    "list": (["2026-11-01T10:00:00Z"], "wrong_type"),
    "object": ({CANARY: CANARY}, "wrong_type"),
    "empty": ("", "invalid_time"),
    "words": (CANARY, "invalid_time"),
    "very long": (CANARY * 10_000, "invalid_time"),
    "a date": ("2026-11-01", "invalid_time"),
    "without a zone": ("2026-11-01T10:00:00", "invalid_time"),
    "without seconds": ("2026-11-01T10:00Z", "invalid_time"),
    "a space for the T": ("2026-11-01 10:00:00Z", "invalid_time"),
    "basic format": ("20261101T100000Z", "invalid_time"),
    "week date": ("2026-W44-7T10:00:00Z", "invalid_time"),
    "comma": ("2026-11-01T10:00:00,5Z", "invalid_time"),
    "empty fraction": ("2026-11-01T10:00:00.Z", "invalid_time"),
    "ten digits of a second": ("2026-11-01T10:00:00.1234567891Z", "invalid_time"),
    "space in front": (" 2026-11-01T10:00:00Z", "invalid_time"),
    "line feed behind": ("2026-11-01T10:00:00Z\n", "invalid_time"),
    "NUL behind": ("2026-11-01T10:00:00Z\0", "invalid_time"),
    "surrogate behind": ("2026-11-01T10:00:00Z\ud800", "invalid_time"),
    "other digits": ("٢٠٢٦-11-01T10:00:00Z", "invalid_time"),
    "two zones": ("2026-11-01T10:00:00Z+01:00", "invalid_time"),
    "a named zone": ("2026-11-01T10:00:00+01:00[Europe/Paris]", "invalid_time"),
    "zone without minutes": ("2026-11-01T10:00:00+01", "invalid_time"),
    "zone without a colon": ("2026-11-01T10:00:00+0100", "invalid_time"),
    "zone of a day": ("2026-11-01T10:00:00+24:00", "invalid_time"),
    "zone of 99 minutes": ("2026-11-01T10:00:00+01:99", "invalid_time"),
    "leap second": ("2016-12-31T23:59:60Z", "invalid_time"),
    "hour 24": ("2026-11-01T24:00:00Z", "invalid_time"),
    "minute 60": ("2026-11-01T10:60:00Z", "invalid_time"),
    "month 13": ("2026-13-01T10:00:00Z", "invalid_time"),
    "30 February": ("2026-02-30T10:00:00Z", "invalid_time"),
    "29 February of a common year": ("2025-02-29T10:00:00Z", "invalid_time"),
    "year 0": ("0000-01-01T00:00:00Z", "invalid_time"),
    "year 10000": ("10000-01-01T00:00:00Z", "invalid_time"),
    "before year 1": ("0001-01-01T00:00:00+01:00", "invalid_time"),
    "after year 9999": ("9999-12-31T23:59:59-01:00", "invalid_time"),
    "year 1": ("0001-01-01T00:00:00Z", "too_early"),
    "1970": ("1970-01-01T00:00:00Z", "too_early"),
    "1999": ("1999-12-31T23:59:59.999999Z", "too_early"),
    "1999 in UTC": ("2000-01-01T00:30:00+01:00", "too_early"),
    "year 9999": ("9999-12-31T23:59:59Z", "in_the_future"),
}
DATES: dict[str, tuple[Any, str]] = {
    "epoch": (1_763_640_000, "wrong_type"),
    "float": (20261101.0, "wrong_type"),
    "true": (True, "wrong_type"),
    "list": ([2026, 11, 1], "wrong_type"),
    "empty": ("", "invalid_date"),
    "words": (CANARY, "invalid_date"),
    "a time": ("2026-11-01T00:00:00Z", "invalid_date"),
    "basic format": ("20261101", "invalid_date"),
    "week date": ("2026-W44-7", "invalid_date"),
    "the other way round": ("01-11-2026", "invalid_date"),
    "slashes": ("2026/11/01", "invalid_date"),
    "one digit": ("2026-11-1", "invalid_date"),
    "line feed behind": ("2026-11-01\n", "invalid_date"),
    "surrogate behind": ("2026-11-01\udfff", "invalid_date"),
    "30 February": ("2026-02-30", "invalid_date"),
    "year 0": ("0000-01-01", "invalid_date"),
    "year 1": ("0001-01-01", "too_early"),
    "1999": ("1999-12-31", "too_early"),
    "year 9999": ("9999-12-31", "in_the_future"),
}


def _in(**time: int) -> datetime:
    return datetime.now(UTC) + timedelta(**time)


@pytest.mark.parametrize(("field", "cases"), [("completed_at", TIMES), ("session_date", DATES)], ids=["time", "date"])
@pytest.mark.parametrize("code", ["wrong_type", "invalid", "too_early", "in_the_future"])
def test_what_is_no_time_is_refused(clinic: Clinic, field: str, cases: dict[str, tuple[Any, str]], code: str) -> None:
    """Whatever a lenient parser would take is refused at its place; a date is ten characters, or null."""
    wrong = {name: case for name, case in cases.items() if case[1].startswith(code)}
    with nothing_stored(clinic):
        answers = {
            name: told(clinic.post_bytes(json.dumps(marked(**{field: value})).encode()))
            for name, (value, _) in wrong.items()
        }
    assert answers == {name: (422, "validation_failed", [(f"/{field}", exact)]) for name, (_, exact) in wrong.items()}


def test_a_session_in_the_future_is_refused(clinic: Clinic) -> None:
    """Two days from now is no slow or fast clock any more: both places are named."""
    sent = marked(completed_at=_in(days=2).isoformat(), session_date=_in(days=2).date().isoformat())
    with nothing_stored(clinic):
        refused(
            clinic.post(sent),
            422,
            "validation_failed",
            ("/completed_at", "in_the_future"),
            ("/session_date", "in_the_future"),
        )


def test_a_clock_may_run_ahead_by_less_than_a_day(clinic: Clinic) -> None:
    """A sender in an early time zone, or with a fast clock, is not turned away."""
    made = clinic.post(form(completed_at=_in(hours=23).isoformat(), session_date=_in(hours=23).date().isoformat()))
    assert made.status_code == 201


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-11-01T10:00:00Z", "2026-11-01T10:00:00Z"),
        ("2026-11-01t10:00:00z", "2026-11-01T10:00:00Z"),
        ("2026-11-01T10:00:00-00:00", "2026-11-01T10:00:00Z"),
        ("2026-11-01T10:00:00+14:00", "2026-10-31T20:00:00Z"),
        ("2026-11-01T10:00:00-12:30", "2026-11-01T22:30:00Z"),
        ("2026-11-01T10:00:00.5Z", "2026-11-01T10:00:00.500000Z"),
        ("2026-11-01T10:00:00.123456789Z", "2026-11-01T10:00:00.123456Z"),
        ("2024-02-29T23:59:59.999999999Z", "2024-02-29T23:59:59.999999Z"),
        ("2000-01-01T00:00:00Z", "2000-01-01T00:00:00Z"),
        ("1999-12-31T23:00:00-01:00", "2000-01-01T00:00:00Z"),
    ],
)
def test_every_spelling_of_rfc_3339_is_taken(clinic: Clinic, sent: str, kept: str) -> None:
    """Lower-case letters, any zone and up to nine digits of a second; kept in UTC, to the microsecond."""
    made = clinic.recorded(form(completed_at=sent))
    assert clinic.get(f"/v1/submissions/{made['id']}").json()["form"]["completed_at"] == kept


def test_the_first_day_is_taken_and_null_is_no_date(clinic: Clinic) -> None:
    """From 2000 on; a date that is null is as if it were absent."""
    for session, day in ((1, "2000-01-01"), (2, None)):
        made = clinic.recorded(form(session_number=session, session_date=day))
        assert clinic.get(f"/v1/submissions/{made['id']}").json()["form"]["session_date"] == day
