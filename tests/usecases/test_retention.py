"""Whoever comes back between the look for clients over time and their erasure is erased no more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from app.access.settle import settle
from app.people import retain as module
from app.people.holds import ClientRef, hold
from app.people.retain import Retained, retain
from app.storage.runtime import Runtime
from app.submissions.record import record
from tests.harness import Clinic
from tests.usecases.calling import caller_of, entry, record_all

LONG_AGO, NOW = "2001-01-07T10:00:00Z", datetime(2026, 11, 1, tzinfo=UTC)


def known(clinic: Clinic, *refs: str) -> list[UUID]:
    """Make clients of whom the one form is of long ago, and let the organisation keep nobody for so long."""
    sent = [entry(ref, client_ref=ref, completed_at=LONG_AGO) for ref in refs]
    outcomes: list[Any] = record_all(clinic, sent)
    months = partial(settle, organisation=clinic.organisation, changes={"retention_months": 24})
    clinic.service.portal.call(partial(months, clinic.service.runtime))
    return [one.submission.client_id for one in outcomes]


def retained(clinic: Clinic, monkeypatch: pytest.MonkeyPatch, meanwhile: Any) -> Retained:
    """Run the retention; `meanwhile` happens between the look and the first erasure."""
    erase = module._erase
    happened: list[Any] = []

    async def first_meanwhile(runtime: Runtime, client_id: UUID, **options: Any) -> bool:
        if not happened:
            happened.append(await meanwhile(clinic.service.runtime))
        return await erase(runtime, client_id, **options)

    monkeypatch.setattr(module, "_erase", first_meanwhile)
    runtime = replace(clinic.service.runtime, now=lambda: NOW)
    return clinic.service.portal.call(partial(retain, runtime, organisation=clinic.organisation, dry_run=False))


def test_a_form_that_comes_in_meanwhile_keeps_its_client(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were found, and are in therapy again: nothing of them goes; who has no new form goes all the same."""
    back, gone = known(clinic, "back", "gone")
    new = [entry("new", client_ref="back", session_number=2, completed_at="2026-10-30T10:00:00Z")]
    told = retained(clinic, monkeypatch, lambda runtime: record(runtime, caller_of(clinic), new))
    assert told.erased == (gone,)
    assert clinic.count("submissions") == 2
    assert clinic.get(f"/v1/clients/{back}/progress").status_code == 200


def test_a_form_that_is_as_old_keeps_nobody(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is when it was completed, not when it came."""
    (gone,) = known(clinic, "gone")
    late = [entry("late", client_ref="gone", session_number=2, completed_at="2001-02-07T10:00:00Z")]
    told = retained(clinic, monkeypatch, lambda runtime: record(runtime, caller_of(clinic), late))
    assert (told.erased, clinic.count("submissions")) == ((gone,), 0)


def test_a_hold_that_is_placed_meanwhile_keeps_its_client(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands before anything is erased."""
    known(clinic, "held")
    client = ClientRef(system=None, value="held")
    placing = partial(hold, client=client, reason="a claim", acting="officer-9", organisation=clinic.organisation)
    told = retained(clinic, monkeypatch, placing)
    assert (told.erased, clinic.count("submissions")) == ((), 1)
