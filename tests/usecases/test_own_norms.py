"""An organisation's own norms and figures: from counts that intake keeps, exact, and used only when switched on."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any
from uuid import UUID

import pytest

from app.change.norms import Norm
from app.errors import Misconfigured, NotFound
from app.norms.local import OwnNorm, estimate, own_norms, switch
from tests.api.test_signals import care
from tests.harness import Clinic, form, scores_by_component

CLIENTS = 200


def caseload(clinic: Clinic, clients: int) -> list[int]:
    """Post two forms each of some clients; returns the totals."""
    dice = Random(20261124)
    totals, items = [], []
    for client in range(clients):
        level = dice.randint(25, 45)
        for session in (1, 2):
            total = min(50, max(10, level + dice.randint(-3, 3)))
            totals.append(total)
            sent = care(session, total, client_ref=f"mrn-{client}", therapist_ref=f"th-{client % 7}")
            items.append((f"{client}-{session}", sent))
    answer = clinic.post_batch(items, Prefer="return=minimal")
    assert {one["status"] for one in answer.json()["items"]} == {201}
    return totals


def estimated(clinic: Clinic, **more: Any) -> OwnNorm:
    """Estimate a norm as an operator does."""
    asked: dict[str, Any] = {"organisation": clinic.organisation, "instrument": "care", "rater": "client"} | more
    service = clinic.service

    async def run() -> OwnNorm:
        return await estimate(service.runtime, **asked)

    return service.portal.call(run)


def switched(clinic: Clinic, norm: Norm, *, on: bool) -> OwnNorm:
    """Switch a norm on or off."""
    service = clinic.service

    async def run() -> OwnNorm:
        return await switch(service.runtime, organisation=clinic.organisation, norm_id=UUID(norm.norm_id), on=on)

    return service.portal.call(run)


def test_a_norm_is_estimated_from_200_clients_and_not_from_fewer(clinic: Clinic) -> None:
    """The mean and SD are those of all totals; within and between split them."""
    caseload(clinic, CLIENTS - 1)
    with pytest.raises(Misconfigured, match="complete forms of 199 clients; a norm needs 200"):
        estimated(clinic)
    other = clinic.service.clinic()
    totals = caseload(other, CLIENTS)
    norm = estimated(other).norm
    mean = sum(totals) / len(totals)
    assert (norm.clients, norm.forms, norm.version) == (200, 400, 1)
    total = norm.components["total"]
    assert total.mean == pytest.approx(mean)
    assert total.sd == pytest.approx((sum((x - mean) ** 2 for x in totals) / (len(totals) - 1)) ** 0.5)
    within = sum((a - b) ** 2 / 2 for a, b in zip(totals[::2], totals[1::2], strict=True)) / CLIENTS
    assert total.within_sd == pytest.approx(within**0.5)
    assert total.reliability_kind == "internal_consistency"
    assert "own clients" in norm.population.lower()


def test_a_norm_is_used_once_it_is_switched_on_and_until_it_is_switched_off(clinic: Clinic) -> None:
    """Estimating changes nothing; activating is an event, and holds for forms from then on."""
    caseload(clinic, CLIENTS)

    def said(session: int) -> Any:
        made = clinic.recorded(care(session, 40, client_ref="mrn-0", therapist_ref="th-0"))
        return scores_by_component(made)["total"]["standing"]

    first, second = estimated(clinic).norm, estimated(clinic).norm
    assert (first.version, second.version) == (1, 2)
    assert said(3) is None
    switched(clinic, first, on=True)
    assert said(4)["norm"] == f"{first.norm_id}@1"
    switched(clinic, second, on=True)
    assert said(5)["norm"] == f"{second.norm_id}@2"
    switched(clinic, second, on=False)
    assert said(6) is None

    async def listed() -> list[OwnNorm]:
        return await own_norms(clinic.service.runtime, organisation=clinic.organisation)

    assert [one.active for one in clinic.service.portal.call(listed)] == [False, False]


def test_another_organisations_norm_is_absent(clinic: Clinic) -> None:
    """It can't be switched on, nor seen."""
    other = clinic.service.clinic()
    caseload(other, CLIENTS)
    norm = estimated(other).norm
    with pytest.raises(NotFound):
        switched(clinic, norm, on=True)


def test_the_figures_of_ones_own_data(clinic: Clinic) -> None:
    """Exact numbers, counted here by hand from the same totals; what can't be said has a reason."""
    totals = caseload(clinic, 30)
    answer = clinic.get("/v1/organisations/me/psychometrics")
    assert answer.status_code == 200
    [care_told] = answer.json()["instruments"]
    named = ("instrument", "version", "rater", "forms", "clients")
    assert [care_told[name] for name in named] == ["care", "1.0.0", "client", 60, 30]
    pairs = list(zip(totals[::2], totals[1::2], strict=True))
    within = sum((a - b) ** 2 / 2 for a, b in pairs) / 30
    mean = sum(totals) / 60
    between = (2 * sum(((a + b) / 2 - mean) ** 2 for a, b in pairs) / 29 - within) / 2
    split = care_told["sessions_in_clients"]
    assert (split["within"], split["between"]) == (pytest.approx(within, abs=1e-4), pytest.approx(between, abs=1e-4))
    assert split["icc_1_1"] == pytest.approx(between / (between + within), abs=1e-4)
    assert 0 <= care_told["therapist_share"]["share"] <= 1
    assert care_told["therapist_share"]["therapists"] == 7
    assert care_told["warnings"] == ["few_clients", "repeated_measures"]
    [total] = care_told["components"]
    assert total["alpha_interval"]["low"] < total["alpha"] < total["alpha_interval"]["high"]


def test_figures_of_nothing_and_of_one_form(clinic: Clinic) -> None:
    """No form, no instrument; one form, only reasons."""
    assert clinic.get("/v1/organisations/me/psychometrics").json() == {"instruments": []}
    clinic.recorded(form(answers={str(item): 4 for item in range(1, 9)}))
    [told] = clinic.get("/v1/organisations/me/psychometrics").json()["instruments"]
    by_name = {one["component"]: one for one in told["components"]}
    assert (by_name["total"]["alpha"], by_name["total"]["alpha_reason"]) == (None, "too_few_forms")
    assert (by_name["trust"]["alpha"], by_name["trust"]["alpha_reason"]) == (None, "single_item")
    assert told["sessions_in_clients"]["reason"] == "too_few_groups"


@pytest.mark.parametrize("kind", ["client", "therapist"])
def test_a_bound_key_finds_no_figures_of_the_organisation(clinic: Clinic, kind: Any) -> None:
    """They are the organisation's, not one person's."""
    clinic.recorded(form())
    bound = clinic.bound(kind, "mrn-1042" if kind == "client" else "th-7")
    assert bound.get("/v1/organisations/me/psychometrics").status_code == 404


def test_two_norms_are_never_active_at_once(clinic: Clinic) -> None:
    """Also when they are switched on at the same moment."""
    caseload(clinic, CLIENTS)
    service = clinic.service
    made = [estimated(clinic).norm for _ in range(2)]

    async def both() -> list[OwnNorm]:
        asked = [
            switch(service.runtime, organisation=clinic.organisation, norm_id=UUID(norm.norm_id), on=True)
            for norm in made
        ]
        return list(await asyncio.gather(*asked))

    service.portal.call(both)

    async def listed() -> list[OwnNorm]:
        return await own_norms(service.runtime, organisation=clinic.organisation)

    assert sum(one.active for one in service.portal.call(listed)) == 1
