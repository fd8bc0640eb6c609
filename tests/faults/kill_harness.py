"""kill -9 again and again, under senders that retry each form with its own key until it is acknowledged.

A kill does not simulate a loss of power: the page cache survives it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from tests.faults.running import RunningService
from tests.harness import ANSWERS, form

SESSIONS = 6


def form_number(sender: str, number: int) -> dict[str, Any]:
    """Make the n-th form of a sender: client after client, both raters, the last session with an ending."""
    client, place = divmod(number, 2 * SESSIONS)
    session, other = divmod(place, 2)
    changes: dict[str, Any] = {
        "client_ref": f"{sender}-{client}",
        "session_number": session + 1,
        "source": {"system": sender, "id": str(number)},
    }
    if other:
        answers = {item: answer for item, answer in ANSWERS.items() if not item.startswith("f")}
        return form(**changes, instrument="trq-s-t", rater="therapist", answers=answers)
    ending = "planned" if session + 1 == SESSIONS else None
    return form(**changes, reported={"ending": ending})


@dataclass
class Sender:
    """Posts form after form; one that is under way is brought to its end."""

    name: str
    url: str
    api_key: str
    stop: threading.Event
    acknowledged: dict[int, tuple[UUID, bytes]] = field(default_factory=dict)
    waiting: bool = False
    replays: int = 0
    wrong: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Post until told to stop."""
        with httpx.Client(base_url=self.url, timeout=20) as http:
            number = 0
            while not self.stop.is_set() and not self.wrong:
                self._until_acknowledged(http, number)
                number += 1

    def _until_acknowledged(self, http: httpx.Client, number: int) -> None:
        said = "no answer"
        for _ in range(4000):
            try:
                self.waiting = True
                response = self.post(http, number)
            except httpx.TransportError:
                self.waiting = False
                time.sleep(0.01)
                continue
            self.waiting = False
            if response.status_code == 201:
                self.acknowledged[number] = (UUID(response.json()["id"]), response.content)
                self.replays += "idempotent-replayed" in response.headers
                return
            said = f"{response.status_code} {response.headers.get('x-trace-id')}"
            if response.status_code not in {409, 503}:
                break
            time.sleep(0.01)
        self.wrong.append(f"{self.name}-{number}: not acknowledged, last {said}")

    def post(self, http: httpx.Client, number: int) -> httpx.Response:
        """Post a form once, under the key that is its own."""
        headers = {"Authorization": f"Bearer {self.api_key}", "Idempotency-Key": f"{self.name}-{number}"}
        return http.post("/v1/submissions", json=form_number(self.name, number), headers=headers)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What a run came to: `struck` kills hit a request under way, `answers_lost` forms were stored but unanswered."""

    seed: int
    cycles: int
    struck: int
    senders: list[Sender]

    @property
    def acknowledged(self) -> list[UUID]:
        """The ids of all acknowledged forms."""
        return [told for sender in self.senders for told, _ in sender.acknowledged.values()]

    @property
    def answers_lost(self) -> int:
        """How many forms were committed by a service that was killed before it could say so."""
        return sum(sender.replays for sender in self.senders)

    @property
    def wrong(self) -> list[str]:
        """What senders were told that they should not have been."""
        return [wrong for sender in self.senders for wrong in sender.wrong]

    def wrong_replays(self) -> list[str]:
        """Post every acknowledged form once more and list those that are not answered with the first bytes."""
        found = []
        for sender in self.senders:
            with httpx.Client(base_url=sender.url, timeout=20) as http:
                for number, (_, body) in sender.acknowledged.items():
                    again = sender.post(http, number)
                    is_replay = again.headers.get("idempotent-replayed") == "true"
                    if (again.status_code, is_replay, again.content) != (201, True, body):
                        found.append(f"{sender.name}-{number}: {again.status_code}")
        return found


def run_kills(
    running: RunningService,
    api_key: str,
    *,
    seed: int,
    cycles: int,
    senders: int,
    each: int,
    strike: Callable[[], None] | None = None,
) -> Tally:
    """Kill and restart a service that is being written to, or what `strike` strikes; it runs again when this returns.

    Every cycle lets at least `each` forms through and then strikes at a moment of chance.
    """

    def again() -> None:
        running.kill()
        running.start()

    dice = random.Random(seed)
    stop = threading.Event()
    crew = [Sender(f"sender-{n}", running.url, api_key, stop) for n in range(senders)]
    threads = [threading.Thread(target=sender.run) for sender in crew]
    struck = 0
    running.start()
    for thread in threads:
        thread.start()
    try:
        for _ in range(cycles):
            _let_through(crew, each)
            time.sleep(dice.uniform(0, 0.05))
            struck += any(sender.waiting for sender in crew)
            (strike or again)()
        _let_through(crew, each)
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=120)
    return Tally(seed=seed, cycles=cycles, struck=struck, senders=crew)


def _let_through(crew: list[Sender], count: int) -> None:
    """Wait until the senders got some more answers."""
    wanted = sum(len(sender.acknowledged) for sender in crew) + count
    for _ in range(6000):
        if sum(len(sender.acknowledged) for sender in crew) >= wanted:
            return
        if any(sender.wrong for sender in crew):
            return
        time.sleep(0.005)
    raise AssertionError("the senders got no answers")
