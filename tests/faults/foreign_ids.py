"""Another organisation's ids and words in every place of every operation: nothing of it is read or written.

First every place of a path and of a query is taken in turn, then places are drawn. Reads about one client are asked by
an application that opens everything of its organisation, and by a therapist who breaks the glass.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations
from random import Random
from statistics import median
from typing import Any, Literal
from uuid import uuid4

import httpx

from tests.api.glass import BREAKING, OPENED, on_call
from tests.api.operations import ABSENT, INVITATION_SCOPE_OF, SAFETY_SCOPE_OF, SCOPE_OF, Ids, body_of, call
from tests.api.safety import listed, offering, post_check, safety_check
from tests.faults.alike_in_time import compared
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
_HEADERS = (
    "Idempotency-Key", "If-Match", "If-None-Match", "Acting-User", "Organisation", "X-Organisation-Id", "Break-Glass",
    "Access-Reason",
)  # fmt: skip
_RECIPIENT = "officer-1"
#: With what a list that would begin at its end is read whole.
_WHOLE = {"GET /v1/changes": {"after": "0"}}
#: By whom an operation is asked: a system, who reads safety checks, a therapist who breaks the glass.
Asker = Literal["system", "desk", "breaking"]
_ASKED: tuple[tuple[str, Asker], ...] = (
    *((name, "system") for name in sorted(SCOPE_OF | INVITATION_SCOPE_OF)),
    *((name, "desk" if scope == "safeguarding:read" else "system") for name, scope in sorted(SAFETY_SCOPE_OF.items())),
    *((name, "breaking") for name in OPENED),
)


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Who asks, and whose ids are asked for; under those in `chosen` the asker has put a form of its own."""

    own: Clinic
    askers: Mapping[Asker, Clinic]
    ids: Ids
    other: Clinic
    foreign: Ids
    queries: Mapping[str, list[str]]
    chosen: set[str] = field(default_factory=set)

    @classmethod
    def made(cls, service: Service) -> Sides:
        """Make two organisations with a client each, the other's with the mark in every text."""
        own, other = service.clinic(), service.clinic()
        desk, theirs = offering(own, _RECIPIENT), offering(other, f"{MARK} officer")
        ids = Ids.made(own)
        marked = {"client_ref": f"{MARK} client", "therapist_ref": f"{MARK} therapist", "episode_ref": f"{MARK} course"}
        # Another rule than the asker's forms meet: the id of a signal comes of its form's id, which a PUT may choose.
        sent = form(**marked, source={"system": MARK, "id": MARK}, reported={"wish_to_talk": True})
        made = other.recorded(sent)
        foreign = Ids.of(made, client_ref=marked["client_ref"], therapist_ref=marked["therapist_ref"])
        ids, foreign = _invited(own, ids), _invited(other, foreign)
        ids = _with_check(own, desk, _RECIPIENT, ids)
        foreign = _with_check(other, theirs, f"{MARK} officer", foreign)
        askers: dict[Asker, Clinic] = {
            "system": own,
            "desk": replace(desk, headers={"Acting-User": _RECIPIENT}),
            "breaking": replace(on_call(own), headers=BREAKING),
        }
        return cls(own=own, askers=askers, ids=ids, other=other, foreign=foreign, queries=_queries(service))

    def secrets(self) -> set[str]:
        """Name what an answer may hold only if the question held it."""
        ids = {value for name, value in vars(self.foreign).items() if name not in _NOBODYS}
        return ids | {MARK, str(self.other.organisation), str(self.other.application)}


@dataclass(frozen=True, kw_only=True)
class Probe:
    """An operation with some of its places taken by the other organisation's ids."""

    name: str
    by: Asker
    ids: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]

    def sent(self, sides: Sides) -> tuple[httpx.Response, float]:
        """Send it, and take the time."""
        method, path = self.name.split(" ")
        ids = Ids(**self.ids)
        body = body_of(self.name, ids)
        usual = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())} if body else {}
        if method == "PUT":
            usual["If-None-Match" if "{submission_id}" in self.name else "If-Match"] = "*"
        content = None if body is None else json.dumps(body).encode()
        begun = time.perf_counter()
        answer = sides.askers[self.by].request(
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
        return replace(self, ids=swapped(self.ids), query=swapped(self.query), headers=headers)

    def text(self) -> str:
        """Write all that is sent."""
        return json.dumps([self.ids, self.query, self.headers])


def run(ground: Ground, *, seed: int, cycles: int, timed: int = 0) -> Counts:
    """Send `cycles` probes, each with its twin of absent ids, and compare how long some probes' 404 takes."""
    with ground.service() as service:
        sides, dice = Sides.made(service), Random(seed)
        counts = probe(sides, dice, cycles=cycles)
        if timed:
            told_by_time(sides, dice, counts, probes=timed)
        return counts


def told_by_time(sides: Sides, dice: Random, counts: Counts, *, probes: int) -> None:
    """Compare the times of 404 to the other's ids and to absent ones, for some probes of the walk."""
    walk = walked(sides)
    counts.told["timed_404"] = counts.told["told_by_time"] = 0
    for one in dice.sample(walk, len(walk)):
        twin = one.absent(sides.foreign)
        if counts.told["timed_404"] == probes:
            return
        if not one.sent(sides)[0].status_code == twin.sent(sides)[0].status_code == 404:
            continue
        difference = compared(partial(_took, one, sides), partial(_took, twin, sides))
        counts.told["timed_404"] += 1
        counts.samples.setdefault("404_foreign_more_than_absent_percent", []).append(100 * difference.parts[0])
        if difference.shows:
            counts.told["told_by_time"] += 1
            parts = ", ".join(f"{part:+.0%}" for part in difference.parts)
            counts.found([f"foreign: {one.name} takes {parts} of the time that an absent id takes"])


def _took(one: Probe, sides: Sides) -> float:
    return one.sent(sides)[1]


def probe(sides: Sides, dice: Random, *, cycles: int, first: Sequence[Probe] | None = None) -> Counts:
    """Probe, and compare the other organisation's rows with what they were.

    First come the probes of the walk, or some others, as many as there are cycles: they are the same whatever the dice
    say.
    """
    counts = Counts(cycles=cycles)
    before = picture(sides.other)
    walk = walked(sides) if first is None else first
    absent_at, times = [], []
    for number in range(cycles):
        one = walk[number] if number < len(walk) else _drawn(sides, dice, *_ASKED[number % len(_ASKED)])
        answer, took = one.sent(sides)
        twin, twin_took = one.absent(sides.foreign).sent(sides)
        if one.name.startswith("PUT /v1/submissions/") and answer.status_code in {200, 201}:
            sides.chosen.add(one.ids["submission_id"])
        counts.found(_read(sides, one, answer, sides.chosen), kind="foreign")
        counts.found(_told_apart(one, answer, twin, sides.chosen), kind="foreign")
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


def _with_check(clinic: Clinic, desk: Clinic, recipient: str, ids: Ids) -> Ids:
    """Send a safety check in the client's name."""
    answers = {"happened": "yes", "may_contact": "yes", "contact": ids.client_ref, "words": ids.client_ref}
    answer = post_check(clinic, safety_check(client_ref=ids.client_ref, answers=answers))
    assert answer.status_code == 201, answer.text
    return replace(ids, check_id=listed(desk, recipient)[0]["id"])


def walked(sides: Sides) -> list[Probe]:
    """List a probe for each way to take some places of an operation's path, or else of its body, and for each query.

    What has no such place is asked as it is, too: a list could hold more than it should.

    Reads first, and erasures last: behind a hole they would take away what others could find.
    """
    asked = sorted(_ASKED, key=lambda one: ("GET", "POST", "PUT", "DELETE").index(one[0].split(" ")[0]))
    return [probe for name, by in asked for probe in _walked(sides, name, by)]


def _walked(sides: Sides, name: str, by: Asker) -> Iterator[Probe]:
    own, foreign = vars(sides.ids), vars(sides.foreign)
    used = _places(name) or (["client_ref", "therapist_ref"] if body_of(name, sides.ids) else [])
    for taken in (some for size in range(1, len(used) + 1) for some in combinations(used, size)):
        yield Probe(name=name, by=by, ids=own | {place: foreign[place] for place in taken}, query={}, headers={})
    queries = sides.queries.get(name, ())
    for parameter in queries:
        value = foreign.get(parameter, sides.foreign.client_id)
        yield Probe(name=name, by=by, ids=dict(own), query={parameter: value}, headers={})
    if not _places(name):
        yield Probe(name=name, by=by, ids=dict(own), query=_WHOLE.get(name, {}), headers={})
    if by == "desk":  # the other's recipient reads nothing here
        named = {"Acting-User": f"{MARK} officer"}
        yield Probe(name=name, by=by, ids=own | {place: foreign[place] for place in used}, query={}, headers=named)


def _places(name: str) -> list[str]:
    """Name the places of an operation's path that name something of somebody."""
    return [place for place in vars(Ids()) if place not in _NOBODYS and f"{{{place}}}" in name]


def _drawn(sides: Sides, dice: Random, name: str, by: Asker) -> Probe:
    """Draw which places hold the other's ids: at least one of those that the operation has, each by chance."""
    own, foreign = vars(sides.ids), vars(sides.foreign)
    places = [place for place in own if place not in _NOBODYS]
    used = _places(name) or places
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
    return Probe(name=name, by=by, ids=ids, query=query, headers=headers)


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
