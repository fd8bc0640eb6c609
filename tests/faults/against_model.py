"""Requests of chance against a model in memory: what is there, what became of it, and what each answer must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.faults.accounting import faults
from tests.faults.counts import Counts
from tests.faults.ground import Ground
from tests.faults.rebuild import differences
from tests.faults.test_two_workers import EPISODES, SERIES, sent
from tests.harness import Clinic

Place = tuple[str, str, str, int]
SESSIONS = 4


@dataclass
class Kept:
    """A form as the model knows it."""

    place: Place
    content: dict[str, Any]
    status: str = "current"


@dataclass
class Model:
    """What an organisation holds, and the answers that its keys are bound to."""

    clinic: Clinic
    dice: Random
    forms: dict[str, Kept] = field(default_factory=dict)
    keys: dict[str, tuple[dict[str, Any], bytes]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def step(self) -> None:
        """Do one thing of chance and compare the answer."""
        steps: list[Callable[[], None]] = [self.post, self.post, self.again, self.reuse, self.correct, self.withdraw]
        self.dice.choice([*steps, self.put, self.rival, self.twin, self.read])()

    def check(self, what: str, answer: httpx.Response, status: int, code: str | None = None) -> bool:
        """Compare an answer with what the model expects."""
        said = (answer.status_code, answer.json().get("code"))
        if said != (status, code):
            self.wrong.append(f"{what}: {said}, not {(status, code)}")
        return said == (status, code)

    def content(self, place: Place) -> dict[str, Any]:
        """Fill in a form of a place by chance."""
        made = sent(*place)
        return made | {"answers": {item: self.dice.randint(1, 5) for item in made["answers"]}}

    def place(self, *, taken: bool) -> Place | None:
        """Draw a place that a current form has, or that none has."""
        held = {one.place for one in self.forms.values() if one.status == "current"}
        every = [(e, i, r, n) for e in EPISODES for i, r in SERIES for n in range(1, SESSIONS + 1)]
        left = [one for one in every if (one in held) == taken]
        return self.dice.choice(left) if left else None

    def some(self, *, current: bool | None = None) -> str | None:
        """Draw a form."""
        left = [one for one, kept in self.forms.items() if current is None or (kept.status == "current") == current]
        return self.dice.choice(left) if left else None

    def post(self) -> None:
        """A form in a free place is taken."""
        place = self.place(taken=False)
        if place is None:
            return
        content, key = self.content(place), f"k-{len(self.keys)}"
        answer = self.clinic.post(content, key=key)
        if self.check("post", answer, 201):
            self.forms[answer.json()["id"]] = Kept(place, content)
            self.keys[key] = (content, answer.content)

    def put(self) -> None:
        """A form under the sender's id is taken, the same again is answered alike, other content is refused."""
        place = self.place(taken=False)
        if place is None:
            return
        content, name = self.content(place), str(uuid4())
        if self.check("put", self.clinic.put(name, content), 201):
            self.forms[name] = Kept(place, content)
            self.check("put again", self.clinic.put(name, content), 201)
            self.check("put other", self.clinic.put(name, self.content(place)), 412, "already_exists")

    def again(self) -> None:
        """A key with the same content is answered with the same bytes, whatever became of the form."""
        if self.keys:
            key = self.dice.choice(sorted(self.keys))
            content, body = self.keys[key]
            answer = self.clinic.post(content, key=key)
            if self.check("again", answer, 201) and answer.content != body:
                self.wrong.append("wrong replay: other bytes")

    def reuse(self) -> None:
        """A key with other content is refused."""
        if self.keys:
            key = self.dice.choice(sorted(self.keys))
            content = self.keys[key][0] | {"completed_at": "2025-12-24T10:00:00Z"}
            self.check("reuse", self.clinic.post(content, key=key), 422, "idempotency_key_reused")

    def rival(self) -> None:
        """Other content in a place that is taken is refused."""
        place = self.place(taken=True)
        if place is not None:
            content = self.content(place) | {"completed_at": "2025-12-24T10:00:00Z"}
            self.check("rival", self.clinic.post(content), 409, "session_already_rated")

    def twin(self) -> None:
        """The same form under another key is answered with the one that is there."""
        one = self.some(current=True)
        if one is not None:
            answer = self.clinic.post(self.forms[one].content)
            if self.check("twin", answer, 200) and answer.json()["id"] != one:
                self.wrong.append("twin: another id")

    def correct(self) -> None:
        """A current form is superseded by its correction; what is no longer current is not corrected."""
        one = self.some()
        if one is None:
            return
        kept = self.forms[one]
        content = self.content(kept.place)
        answer = self.clinic.correct(one, content)
        if kept.status != "current":
            self.check("correct", answer, 409, "not_current")
        elif self.check("correct", answer, 201):
            kept.status = "superseded"
            self.forms[answer.json()["id"]] = Kept(kept.place, content)

    def withdraw(self) -> None:
        """A current form is withdrawn once."""
        one = self.some()
        if one is None:
            return
        kept = self.forms[one]
        answer = self.clinic.withdraw(one)
        if kept.status == "withdrawn":
            self.check("withdraw again", answer, 200)
        elif kept.status == "superseded":
            self.check("withdraw", answer, 409, "not_current")
        elif self.check("withdraw", answer, 201):
            kept.status = "withdrawn"

    def read(self) -> None:
        """A form is read with what became of it."""
        one = self.some()
        if one is not None:
            answer = self.clinic.get(f"/v1/submissions/{one}")
            if self.check("read", answer, 200) and answer.json()["status"] != self.forms[one].status:
                self.wrong.append(f"read: {answer.json()['status']}, not {self.forms[one].status}")

    def end(self) -> list[str]:
        """Compare everything at the end: each form, the rows, and what is said of the courses."""
        for one, kept in self.forms.items():
            answer = self.clinic.get(f"/v1/submissions/{one}")
            if (answer.status_code, answer.json().get("status")) != (200, kept.status):
                self.wrong.append(f"end: {answer.status_code}, not {kept.status}")
        told = [UUID(one) for one in self.forms]
        found = self.clinic.service.read(lambda c: faults(c, told, organisation=self.clinic.organisation))
        rows = self.clinic.count("submissions")
        found += [f"doubled: {rows} forms, not {len(self.forms)}"] * (rows != len(self.forms))
        # A form under several keys has several; how many it has is the business of other harnesses.
        return self.wrong + [one for one in found if not one.startswith("key of")] + differences(self.clinic)


def run(ground: Ground, *, seed: int, cycles: int, steps: int = 30) -> Counts:
    """Play `cycles` sequences of steps, each in an organisation of its own."""
    counts = Counts(cycles=cycles)
    with ground.service() as service:
        for number in range(cycles):
            model = Model(service.clinic(), Random(f"{seed} {number}"))
            for _ in range(steps):
                model.step()
            found = model.end()
            counts.found(f"{one} (sequence {number} of seed {seed})" for one in found)
            counts.acknowledged += len(model.forms)
            counts.rows += model.clinic.count("submissions")
            counts.told["steps"] = counts.told.get("steps", 0) + steps
    return counts
