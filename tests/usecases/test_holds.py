"""Why a client was held is about the client: sealed with their key, opened by named persons, gone with the client."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlalchemy import delete, select, update

from app.audit.export import export
from app.errors import KeyDestroyed, SealBroken
from app.keys.check import check
from app.keys.rotate import rotate
from app.people.holds import ClientRef, Hold, all_holds, release
from app.storage.key_tables import client_keys
from app.storage.people_tables import legal_holds
from app.storage.sealed import Place, sealed_with
from app.storage.vault import OrganisationVault
from tests.harness import Clinic, form
from tests.usecases.erasing import erased, held

T = TypeVar("T")
WHY = "Complaint of CANARY against th-7"


def within(clinic: Clinic, work: Callable[[OrganisationVault], T]) -> T:
    """Do something with the organisation's keys."""
    vault = clinic.service.runtime.vault
    return clinic.service.in_service(
        lambda c: work(vault.of(c, organisation=clinic.organisation)), organisation=clinic.organisation
    )


def listed(clinic: Clinic, *, acting: str = "officer-9") -> list[Hold]:
    """List the holds."""
    work = partial(all_holds, clinic.service.runtime, organisation=clinic.organisation, acting=acting)
    found: list[Hold] = clinic.service.portal.call(work)
    return found


def sealed_reason(clinic: Clinic) -> bytes:
    """Read the one reason as it lies there."""
    query = select(legal_holds.c.sealed_reason).where(legal_holds.c.organisation_id == clinic.organisation)
    return bytes(clinic.service.read(lambda c: c.execute(query).scalar_one()))


def as_before(clinic: Clinic, hold_id: UUID) -> None:
    """Seal the reason as a version before did, with the organisation's key."""
    sealed = within(clinic, lambda vault: vault.seal(WHY, place(hold_id)))
    mine = (legal_holds.c.organisation_id == clinic.organisation, legal_holds.c.hold_id == hold_id)
    statement = update(legal_holds).where(*mine).values(sealed_reason=sealed)
    clinic.service.in_service(lambda c: c.execute(statement).close(), organisation=clinic.organisation)


def place(hold_id: UUID) -> Place:
    """Say where a reason is kept."""
    return Place(table="legal_holds", column="sealed_reason", row=hold_id)


def entries(clinic: Clinic) -> list[dict[str, Any]]:
    """Take the log out, opened; without the entry that this makes."""

    async def whole() -> list[dict[str, Any]]:
        found = export(clinic.service.runtime, organisation=clinic.organisation, open_acting=True, acting="auditor-1")
        return [one async for one in found][:-1]

    return clinic.service.portal.call(whole)


def test_no_key_that_is_left_opens_why_an_erased_client_was_held(clinic: Clinic) -> None:
    """A backup from before the erasure has the reason, and the keys of today don't open it."""
    client_id = UUID(clinic.recorded(form())["client_id"])
    hold_id = held(clinic, reason=WHY)
    sealed = sealed_reason(clinic)
    assert within(clinic, lambda vault: vault.open_for(client_id, sealed, place(hold_id))) == WHY
    lift = partial(release, client=ClientRef(system=None, value="mrn-1042"), reason="settled", acting="officer-9")
    clinic.service.portal.call(partial(lift, clinic.service.runtime, organisation=clinic.organisation))
    assert erased(clinic, client_id).status_code == 200
    with pytest.raises(KeyDestroyed):
        within(clinic, lambda vault: vault.open_for_or_of(client_id, sealed, place(hold_id)))
    with pytest.raises(SealBroken):
        within(clinic, lambda vault: vault.open(sealed, place(hold_id)))


def test_what_a_version_before_sealed_is_read_and_sealed_anew_by_a_rotation(clinic: Clinic) -> None:
    """It lies under the organisation's key, which no erasure destroys: afterwards it is under the client's."""
    client_id = UUID(clinic.recorded(form())["client_id"])
    as_before(clinic, held(clinic, reason="another"))
    assert [one.reason for one in listed(clinic)] == [WHY]
    call, runtime = clinic.service.portal.call, clinic.service.runtime
    assert call(partial(check, runtime, organisation=clinic.organisation)).broken == []
    # of the organisation: the therapist's reference; and the reason
    assert call(partial(rotate, runtime, organisation=clinic.organisation)).sealed == 2
    mine = (client_keys.c.organisation_id == clinic.organisation, client_keys.c.client_id == client_id)
    keys = clinic.service.read(lambda c: c.execute(select(client_keys.c.key_id).where(*mine)).scalars().all())
    assert [sealed_with(sealed_reason(clinic))] == list(keys)
    assert call(partial(check, runtime, organisation=clinic.organisation)).broken == []
    assert [one.reason for one in listed(clinic)] == [WHY]


def test_who_holds_releases_and_looks_stands_in_the_log(clinic: Clinic) -> None:
    """With the person, sealed, and about whom; no word of why but for whoever opens it."""
    client_id = clinic.recorded(form())["client_id"]
    held(clinic, reason=WHY)
    (one,) = listed(clinic, acting="nurse-CANARY")
    assert (str(one.client_id), one.reason) == (client_id, WHY)
    placed, looked = [one for one in entries(clinic) if one["subject"].get("acting") in {"officer-9", "nurse-CANARY"}]
    assert (placed["kind"], placed["subject"]) == (
        "legal_hold.placed", {"client_id": client_id, "acting": "officer-9", "hold_reason": WHY},
    )  # fmt: skip
    assert (looked["kind"], looked["subject"]) == (
        "access.read",
        {"operation": "people_holds", "outcome": "told", "client_id": client_id, "acting": "nurse-CANARY"},
    )


def test_nothing_is_opened_when_the_look_cant_be_written(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry comes first."""
    clinic.recorded(form())
    held(clinic, reason=WHY)

    async def broken(*_args: object, **_kwargs: object) -> None:
        raise SealBroken

    def opened(*_args: object) -> str:
        raise AssertionError("opened before it was written")

    monkeypatch.setattr("app.people.holds.log", broken)
    monkeypatch.setattr(OrganisationVault, "open_for_or_of", opened)
    with pytest.raises(SealBroken):
        listed(clinic)


def test_who_was_erased_meanwhile_has_no_reason_left(clinic: Clinic) -> None:
    """Of a list that was under way the others are told all the same."""
    clinic.recorded(form())
    held(clinic, reason=WHY)
    gone = delete(client_keys).where(client_keys.c.organisation_id == clinic.organisation)
    clinic.service.in_service(lambda c: c.execute(gone).close(), organisation=clinic.organisation)
    assert [one.reason for one in listed(clinic)] == [None]
