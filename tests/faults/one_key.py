"""One key from many threads at once, through two workers: one row, one answer, the rest are replays."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from uuid import UUID

import httpx

from tests.faults.accounting import faults
from tests.faults.counts import Counts
from tests.faults.ground import Ground
from tests.harness import Clinic, form

#: So many sessions has a client.
SESSIONS = 10


def run(ground: Ground, *, seed: int, cycles: int, threads: int = 32) -> Counts:
    """Post `cycles` forms under a key each, every one from all threads at once."""
    dice = Random(seed)
    with ground.workers(2) as workers:
        return race(workers, dice, cycles=cycles, threads=threads)


def race(workers: list[Clinic], dice: Random, *, cycles: int, threads: int) -> Counts:
    """Race for each key, and account for all of them."""
    counts = Counts(cycles=cycles)
    told: list[UUID] = []
    clinic = workers[0]
    with ThreadPoolExecutor(threads) as pool:
        for number in range(cycles):
            sent = form(client_ref=f"c-{number // SESSIONS}", session_number=1 + number % SESSIONS)
            order = [dice.choice(workers) for _ in range(threads)]
            answers = list(pool.map(lambda one, s=sent, n=number: one.post(s, key=f"k-{n}"), order))
            counts.found(_wrong(answers, number), kind="wrong_replays")
            told += {UUID(one.json()["id"]) for one in answers if one.status_code == 201}
    counts.acknowledged, counts.rows = len(set(told)), clinic.count("submissions")
    counts.found(clinic.service.read(lambda c: faults(c, told, organisation=clinic.organisation)))
    counts.found(["doubled: rows of one key"] * max(0, counts.rows - cycles))
    return counts


def _wrong(answers: list[httpx.Response], number: int) -> list[str]:
    """List what is wrong with the answers to one key."""
    statuses = Counter(answer.status_code for answer in answers)
    fresh = sum("idempotent-replayed" not in answer.headers for answer in answers)
    contents = len({answer.content for answer in answers})
    if (set(statuses), fresh, contents) == ({201}, 1, 1):
        return []
    return [f"k-{number}: {dict(statuses)}, {fresh} not replayed, {contents} contents"]
