"""Another organisation's ids and words in every place of every operation: nothing of it is read or written."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from random import Random
from statistics import median
from typing import Any
from uuid import uuid4

import httpx

from tests.api.operations import ABSENT, INVITATION_SCOPE_OF, SCOPE_OF, Ids, body_of, call
from tests.faults.counts import Counts
from tests.faults.ground import Ground
from tests.faults.pictures import Picture, changed, picture
from tests.harness import Clinic, Service, form

#: What only the other organisation knows; no answer may hold it.
MARK = "CANARY-4417"
#: What a path, a query or a body may name without naming anybody.
_NOBODYS = {"key", "version"}
_CHECKED = 100
#: Where the other's ids are put besides the path and the body.
_HEADERS = ("Idempotency-Key", "If-Match", "If-None-Match", "Acting-User", "Organisation", "X-Organisation-Id")


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Who asks, and whose ids are asked for; `known` is what can only come from the other organisation's rows."""

    own: Clinic
    ids: Ids
    other: Clinic
    foreign: Ids
    queries: Mapping[str, list[str]]

    @classmethod
    def made(cls, service: Service) -> Sides:
        """Make two organisations with a client each, the other's with the mark in every text."""
        own, other = service.clinic(), service.clinic()
        ids = Ids.made(own)
        marked = {"client_ref": f"{MARK} client", "therapist_ref": f"{MARK} therapist", "episode_ref": f"{MARK} course"}
        # Another rule than the asker's forms meet: the id of a signal comes of its form's id, which a PUT may choose.
        sent = form(**marked, source={"system": MARK, "id": MARK}, reported={"wish_to_talk": True})
        made = other.recorded(sent)
        foreign = Ids.of(made, client_ref=marked["client_ref"], therapist_ref=marked["therapist_ref"])
        ids, foreign = _invited(own, ids), _invited(other, foreign)
        return cls(own=own, ids=ids, other=other, foreign=foreign, queries=_queries(service))

    def secrets(self) -> set[str]:
        """Name what an answer may hold only if the question held it."""
        ids = {value for name, value in vars(self.foreign).items() if name not in _NOBODYS}
        return ids | {MARK, str(self.other.organisation), str(self.other.application)}


@dataclass(frozen=True, kw_only=True)
class Probe:
    """An operation with some of its places taken by the other organisation's ids."""

    name: str
    ids: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]

    def sent(self, clinic: Clinic) -> tuple[httpx.Response, float]:
        """Send it, and take the time."""
        method, path = self.name.split(" ")
        ids = Ids(**self.ids)
        body = body_of(self.name, ids)
        usual = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())} if body else {}
        if method == "PUT":
            usual["If-None-Match" if "{submission_id}" in self.name else "If-Match"] = "*"
        content = None if body is None else json.dumps(body).encode()
        begun = time.perf_counter()
        answer = clinic.request(
            method, path.format(**vars(ids)), content=content, params=self.query or None, headers=usual | self.headers
        )
        return answer, time.perf_counter() - begun

    def absent(self, foreign: Ids) -> Probe:
        """Make the same probe with ids that nobody has."""
        gone = {value: ABSENT for name, value in vars(foreign).items() if name.endswith("_id")}

        def swapped(places: Mapping[str, str]) -> dict[str, str]:
            return {name: gone.get(value, value).replace(MARK, "nobody") for name, value in places.items()}

        headers = swapped(self.headers)
        if "Idempotency-Key" in headers:  # a key of its own: the same one would be a repeat of the probe
            headers["Idempotency-Key"] += "-twin"
        return Probe(name=self.name, ids=swapped(self.ids), query=swapped(self.query), headers=headers)

    def text(self) -> str:
        """Write all that is sent."""
        return json.dumps([self.ids, self.query, self.headers])


def run(ground: Ground, *, seed: int, cycles: int) -> Counts:
    """Send `cycles` probes, each with its twin of absent ids."""
    with ground.service() as service:
        return probe(Sides.made(service), Random(seed), cycles=cycles)


def probe(sides: Sides, dice: Random, *, cycles: int) -> Counts:
    """Probe, and compare the other organisation's rows with what they were."""
    counts = Counts(cycles=cycles)
    before = picture(sides.other)
    chosen: set[str] = set()  # ids of the other's under which the asker has put a form of its own
    names = sorted(SCOPE_OF | INVITATION_SCOPE_OF)
    absent_at, times = [], []
    for number in range(cycles):
        one = _drawn(sides, dice, names[number % len(names)])
        answer, took = one.sent(sides.own)
        twin, twin_took = one.absent(sides.foreign).sent(sides.own)
        if one.name.startswith("PUT /v1/submissions/") and answer.status_code in {200, 201}:
            chosen.add(one.ids["submission_id"])
        counts.found(_read(sides, one, answer, chosen), kind="foreign")
        counts.found(_told_apart(one, answer, twin, chosen), kind="foreign")
        if answer.status_code == twin.status_code == 404:
            times.append(took)
            absent_at.append(twin_took)
        if number % _CHECKED == _CHECKED - 1 or number == cycles - 1:
            before = _written(sides, counts, before, number)
    counts.found(_key_taken(sides), kind="foreign")
    counts.rows = sum(table.total() for table in before.values())
    counts.told["answered_404"] = len(times)
    if times:
        counts.samples["404_foreign_minus_absent_ms"] = [1000 * (median(times) - median(absent_at))]
    return counts


def _invited(clinic: Clinic, ids: Ids) -> Ids:
    """Invite the client to a form."""
    return replace(ids, invitation_id=call(clinic, "POST /v1/invitations", ids).json()["id"])


def _drawn(sides: Sides, dice: Random, name: str) -> Probe:
    """Draw which places hold the other's ids: at least one of those that the operation has, each by chance."""
    own, foreign = vars(sides.ids), vars(sides.foreign)
    places = [place for place in own if place not in _NOBODYS]
    used = [place for place in places if f"{{{place}}}" in name] or places
    taken = {dice.choice(used)} | {place for place in places if dice.random() < 0.3}
    # A word of the other's in a body is a word of one's own, so it says nothing of a form that is there.
    ids = own | {place: foreign[place] for place in taken}
    query = {
        parameter: dice.choice(sorted(sides.secrets()))
        for parameter in sides.queries.get(name, ())
        if dice.random() < 0.3
    }
    headers = {header: dice.choice(sorted(sides.secrets())) for header in _HEADERS if dice.random() < 0.1}
    if "Idempotency-Key" in headers:  # the same key again would be a repeat of an earlier probe
        headers["Idempotency-Key"] += f"-{dice.getrandbits(64):x}"
    if "{submission_id}" in name and name.startswith("PUT"):
        headers.pop("If-None-Match", None)
    return Probe(name=name, ids=ids, query=query, headers=headers)


def _read(sides: Sides, one: Probe, answer: httpx.Response, chosen: Collection[str]) -> list[str]:
    """List what an answer holds of the other organisation that neither the question nor a form of one's own did."""
    sent, said = one.text(), answer.text + str(answer.headers)
    secret = sides.secrets().difference(chosen)
    return [f"foreign: {one.name} told {what}" for what in secret if what in said and what not in sent]


def _told_apart(one: Probe, answer: httpx.Response, twin: httpx.Response, chosen: Collection[str]) -> list[str]:
    """Compare with the answer to absent ids: nobody may learn that an id is there.

    Where the asker has put a form of its own under the id the code of a refusal is compared: it names the asker's own
    forms, of which each of the two has others.
    """
    if {answer.status_code, twin.status_code} <= {200, 201}:
        return []
    refused = answer.status_code == twin.status_code >= 400
    if refused and one.ids["submission_id"] in chosen and answer.json()["code"] == twin.json()["code"]:
        return []
    if (answer.status_code, _body(answer)) == (twin.status_code, _body(twin)):
        return []
    return [f"foreign: {one.name} {one.text()} answers {answer.status_code}, an absent id {twin.status_code}"]


def _body(answer: httpx.Response) -> Any:
    body = answer.json() if answer.content else None
    return {name: value for name, value in body.items() if name != "trace_id"} if isinstance(body, dict) else body


def _key_taken(sides: Sides) -> list[str]:
    """Use a key that the other organisation has used: it is a fresh one here."""
    key = f"{MARK}-{uuid4()}"
    told = [side.post(form(client_ref=key), key=key) for side in (sides.other, sides.own)]
    fresh = [one.status_code == 201 and "idempotent-replayed" not in one.headers for one in told]
    return [] if all(fresh) else [f"foreign: one key in two organisations: {[one.status_code for one in told]}"]


def _written(sides: Sides, counts: Counts, before: Picture, number: int) -> Picture:
    after = picture(sides.other)
    tables = changed(before, after)
    counts.found([f"foreign: before probe {number} rows of {name} changed" for name in tables], kind="foreign")
    return after


def _queries(service: Service) -> dict[str, list[str]]:
    """Name the query parameters of every operation, after the service's own document."""
    paths = service.request("GET", "/openapi.json").json()["paths"]
    return {
        f"{method.upper()} {path}": [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
        for path, operations in paths.items()
        for method, operation in operations.items()
        if isinstance(operation, dict)
    }
