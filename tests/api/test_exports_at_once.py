"""Few exports are under way at once, so that they don't hold what everybody else reads by."""

from __future__ import annotations

from asyncio import Event, timeout
from collections.abc import AsyncIterator
from concurrent.futures import Future
from functools import partial
from typing import Any

import httpx
import pytest

from app.people.export import Export
from app.web.few_at_once import IN_ALL
from tests.harness import Clinic, form, problem


class Held:
    """Exports that wait before their end until they are let go."""

    def __init__(self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
        self.portal = clinic.service.portal
        self.go: Event = self.portal.call(Event)
        self.under_way: list[Future[httpx.Response]] = []
        self.reached = 0
        held = self

        async def log(_export: Export) -> AsyncIterator[Any]:
            held.reached += 1
            async with timeout(20):  # one that should have been refused ends by itself
                await held.go.wait()
            for one in list[Any]():
                yield one

        monkeypatch.setattr(Export, "log", log)

    def begin(self, clinic: Clinic, client_id: str) -> None:
        """Begin an export, and wait until it is held."""
        headers = {"Authorization": f"Bearer {clinic.api_key}"}
        ask = partial(clinic.service.http.get, f"/v1/clients/{client_id}/export", headers=headers)
        self.under_way.append(self.portal.start_task_soon(ask))
        wanted = self.reached + 1
        while self.reached < wanted and not self.under_way[-1].done():
            clinic.service.request("GET", "/livez")

    def end(self) -> list[int]:
        """Let all of them go, and return how they were answered."""
        self.portal.call(self.go.set)
        return [one.result().status_code for one in self.under_way]


def test_an_organisation_has_three_under_way(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fourth is refused, whichever client it is of; other organisations export, and it goes on when one has ended."""
    made, second = clinic.recorded(form()), clinic.recorded(form(client_ref="mrn-2"))
    other = clinic.service.clinic()
    theirs = other.recorded(form())["client_id"]
    held = Held(clinic, monkeypatch)
    for _ in range(3):
        held.begin(clinic, made["client_id"])
    refused = clinic.get(f"/v1/clients/{second['client_id']}/export")
    assert (refused.status_code, problem(refused)["code"]) == (503, "too_many_exports")
    assert refused.headers["Retry-After"] == "1"
    assert clinic.get(f"/v1/clients/{second['client_id']}/progress").status_code == 200
    held.begin(other, theirs)
    assert held.end() == [200, 200, 200, 200]
    assert clinic.get(f"/v1/clients/{second['client_id']}/export").status_code == 200


def test_all_together_leave_half_of_the_connections(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight in a process, of however many organisations; PostgreSQL has sixteen connections."""
    clinics = [clinic.service.clinic() for _ in range(4)]
    ids = [one.recorded(form())["client_id"] for one in clinics]
    held = Held(clinic, monkeypatch)
    for number in range(8):
        held.begin(clinics[number // 3], ids[number // 3])
    refused = clinics[3].get(f"/v1/clients/{ids[3]}/export")
    assert (refused.status_code, problem(refused)["code"], IN_ALL) == (503, "too_many_exports", 8)
    assert held.end() == [200] * 8


def test_what_failed_or_was_refused_is_not_under_way(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Absent clients, and exports that break off in the midst: each gives its place back."""
    made = clinic.recorded(form())["client_id"]
    for _ in range(4):
        assert clinic.get(f"/v1/clients/{clinic.application}/export").status_code == 404

    async def broken(_export: Export) -> AsyncIterator[Any]:
        for one in list[Any]():
            yield one
        raise ValueError

    with monkeypatch.context() as patch:
        patch.setattr(Export, "log", broken)
        for _ in range(4):
            assert clinic.get(f"/v1/clients/{made}/export").text[-1:] != "}"
    assert clinic.get(f"/v1/clients/{made}/export").status_code == 200
