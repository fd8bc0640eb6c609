"""Corrections, withdrawals and late forms against posts, through two workers: the end is that of the stored forms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import Any

import httpx
import pytest

from tests.faults.accounting import faults
from tests.faults.rebuild import differences
from tests.faults.test_two_workers import SERIES, sent
from tests.harness import Clinic

EPISODE = "2026-a"
LAST = 8


def settled(send: Callable[[], httpx.Response]) -> tuple[int, str | None]:
    """Send until the answer is final: 409 in_progress asks for another try."""
    for _ in range(200):
        response = send()
        code = response.json().get("code")
        if code != "in_progress":
            return response.status_code, code
    raise AssertionError("in progress for ever")


def other_answers(instrument: str, rater: str, session: int, dice: Random) -> dict[str, Any]:
    """Make what a form should have been."""
    made = sent(EPISODE, instrument, rater, session)
    return made | {"answers": {item: dice.randint(1, 5) for item in made["answers"]}}


def changes(worker: Clinic, ids: dict[tuple[str, int], str], dice: Random) -> list[Callable[[], httpx.Response]]:
    """Make what one worker is sent: corrections and withdrawals of old forms, new sessions and late ones."""
    raters = dict(SERIES)
    work: list[Callable[[], httpx.Response]] = []
    for (instrument, session), target in ids.items():
        made = other_answers(instrument, raters[instrument], session, dice)
        key = f"{dice.random()}"
        work.append(
            partial(worker.correct, target, made, key=key)
            if dice.random() < 0.5
            else partial(worker.withdraw, target, key=key)
        )
    work += [
        partial(worker.post, sent(EPISODE, instrument, rater, session), key=f"{instrument}-{session}")
        for instrument, rater in SERIES
        for session in range(1, LAST + 1)
        if (instrument, session) not in ids
    ]
    return dice.sample(work, len(work))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_changes_and_posts_on_one_series_end_as_a_rebuild_does(
    clinic: Clinic, second_worker: Clinic, seed: int
) -> None:
    """Whatever wins, every form has one fate, nothing is lost or doubled, and what is said follows from the rest."""
    old = {
        (instrument, session): clinic.recorded(sent(EPISODE, instrument, rater, session))["id"]
        for instrument, rater in SERIES
        for session in range(2, LAST, 2)
    }
    dice = Random(seed)
    work = [one for pair in zip(*(changes(w, old, dice) for w in (clinic, second_worker)), strict=True) for one in pair]
    with ThreadPoolExecutor(6) as pool:
        answers = Counter(pool.map(settled, work))
    assert set(answers) <= {(201, None), (200, None), (409, "not_current")}
    assert answers[201, None] >= len(old)
    found = clinic.service.read(lambda c: faults(c, [], organisation=clinic.organisation))
    assert [one for one in found if not one.startswith("key of")] == []
    assert differences(clinic) == []
