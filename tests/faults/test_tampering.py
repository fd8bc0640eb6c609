"""What the proof of the log must catch, and faults planted into the proof itself."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest

from app.storage import chain
from tests.faults import tampering
from tests.faults.ground import Ground
from tests.harness import Clinic, Service, form


@pytest.fixture
def looked_at(clinic: Clinic) -> Clinic:
    """An organisation with a log of some entries, all sealed."""
    for session in range(1, 5):
        made = clinic.recorded(form(session_number=session))
        clinic.get(f"/v1/clients/{made['client_id']}/progress")
    clinic.get("/v1/changes?after=0")
    return clinic


def test_every_kind_of_tampering_is_found_and_nothing_of_it_stays(looked_at: Clinic) -> None:
    """Sixty probes, ten of each kind: all found, and the log is whole afterwards."""
    numbers = partial(tampering.sequences, organisation=looked_at.organisation)
    before = looked_at.service.read(numbers)
    counts = tampering.probed(looked_at, seed=20261124, probes=60)
    assert (counts.wrong, counts.says) == (0, [])
    assert counts.told == dict.fromkeys(tampering.KINDS, 10)
    assert looked_at.service.read(numbers) == before


@pytest.mark.parametrize(("skipped", "name"), [(1, "kind"), (2, "application_id"), (3, "subject"), (4, "recorded_at")])
def test_a_proof_that_skips_a_field_is_caught(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, skipped: int, name: str
) -> None:
    """Planted: one field is no part of the link; then flips of it pass, each of them, and are counted."""
    real = chain.spelled

    def less(row: Any, sequence: int) -> bytes:
        parts: list[Any] = msgspec.json.decode(real(row, sequence))
        return msgspec.json.encode([part for place, part in enumerate(parts) if place != skipped])

    monkeypatch.setattr(chain, "spelled", less)
    monkeypatch.setitem(tampering.TAMPERS, "flipped", partial(tampering.flip, name=name))
    clinic.recorded(form())
    clinic.get("/v1/changes?after=0")
    counts = tampering.probed(clinic, seed=1, probes=12)
    assert counts.says == ["not detected: flipped, probe 0", "not detected: flipped, probe 6"]


def test_a_proof_that_forgets_the_end_is_caught(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the end is the last link itself, which can be read off the entries; then a log that was cut passes."""
    for module in ("app.storage.seal", "app.audit.verify"):
        monkeypatch.setattr(f"{module}.end", lambda _keys, last, **_: last)
    monkeypatch.setitem(
        tampering.TAMPERS, "cut_off", lambda log, _: tampering.cut_off(log, kept=len(log.rows) - 1, how=1)
    )
    clinic = service.clinic()
    clinic.recorded(form())
    clinic.get("/v1/changes?after=0")
    counts = tampering.probed(clinic, seed=1, probes=6)
    assert "not detected: cut_off, probe 3" in counts.says


def test_the_harness_runs_on_a_ground_of_its_own(ground: Ground) -> None:
    """As `make soak` runs it."""
    counts = tampering.run(ground, seed=2, cycles=12)
    assert (counts.cycles, counts.wrong) == (12, 0)
    assert counts.rows == 29
