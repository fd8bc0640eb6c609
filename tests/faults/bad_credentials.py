"""Every operation with credentials that open nothing: 401 or 403 alike, and nothing is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from tests.api.operations import EVERY, Ids, call
from tests.api.test_access import packed, unusable, written
from tests.api.test_bad_tokens import bad_tokens
from tests.faults.counts import Counts
from tests.faults.ground import Ground
from tests.faults.pictures import changed, picture
from tests.harness import Clinic, Service

Headers = Mapping[str, str]


def broken_keys(clinic: Clinic, _dice: Random) -> dict[str, Headers]:
    """Take an API key that opens everything and break it in every way: see the list in tests/api/test_access.py."""
    return {name: {"Authorization": text} for name, text in unusable(clinic).items()}


def flipped_keys(clinic: Clinic, dice: Random) -> dict[str, Headers]:
    """Flip bits of chance in a living key, and cut it where chance wants."""
    found: dict[str, Headers] = {}
    parts = packed(clinic.api_key)
    for number in range(8):
        changed_ = bytearray(parts)
        for _ in range(dice.randint(1, 3)):
            changed_[dice.randrange(len(parts))] ^= 1 << dice.randrange(8)
        cut = clinic.api_key[: dice.randrange(len(clinic.api_key))]
        if bytes(changed_) != parts:
            found[f"flipped {number}"] = {"Authorization": f"Bearer {written(bytes(changed_))}"}
        found[f"cut {number}"] = {"Authorization": f"Bearer {cut}"}
    return found


def broken_tokens(clinic: Clinic, _dice: Random) -> dict[str, Headers]:
    """Spell access tokens that open nothing: over, of others, unsigned, changed."""
    return {f"token: {name}": {"Authorization": f"Bearer {token}"} for name, token in bad_tokens(clinic).items()}


#: What makes credentials that open nothing, out of a clinic whose key opens everything. Another kind is one more line.
CREDENTIALS: tuple[Callable[[Clinic, Random], Mapping[str, Headers]], ...] = (broken_keys, flipped_keys, broken_tokens)


def run(ground: Ground, *, seed: int, cycles: int) -> Counts:
    """Try `cycles` pairs of an operation and a credential, all operations in turn."""
    with ground.service() as service:
        return tried(service, Random(seed), cycles=cycles)


def tried(service: Service, dice: Random, *, cycles: int) -> Counts:
    """Try pairs, drawn without repeating any before all had their turn."""
    clinic = service.clinic()
    ids = Ids.made(clinic)
    bad = {name: headers for make in CREDENTIALS for name, headers in make(clinic, dice).items()}
    pairs = [(operation, name) for operation in EVERY for name in bad]
    counts = Counts(cycles=cycles, told={"credentials": len(bad), "operations": len(EVERY)})
    before = picture(clinic)
    for number in range(cycles):
        if number % len(pairs) == 0:
            dice.shuffle(pairs)
        operation, name = pairs[number % len(pairs)]
        answer = call(clinic, operation, ids, dict(bad[name]))
        if answer.status_code not in {401, 403}:
            counts.found([f"foreign: {operation} with {name}: {answer.status_code}"])
    tables = changed(before, picture(clinic))
    counts.found(f"foreign: rows of {table} changed" for table in tables)
    counts.found(_closed(clinic, ids))
    counts.rows = sum(table.total() for table in before.values())
    return counts


def _closed(clinic: Clinic, ids: Ids) -> list[str]:
    """Check that the living key still opens: a service that refuses everybody passes everything else."""
    answer = call(clinic, "GET /v1/submissions/{submission_id}", ids)
    return [] if answer.status_code == 200 else [f"a living key gets {answer.status_code}"]
