"""How often an application may ask, and how often a credential may be wrong: counted per worker, in bounded memory.

Windows and notation are those of the library `limits`. Its own memory starts a thread or a task at nearly every
request to look for what has expired, so the counters are kept here, behind its interface. The headers are those of
draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from time import monotonic

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.caller import Caller
from app.errors import Fault, InvalidSubmission, Unauthenticated
from app.web.problems import WebProblem, problem
from app.web.seen import UNTOLD

#: Applications or peers that are counted at a time; of more the one that was seen first is forgotten.
MOST_COUNTED = 10_000
#: Credentials that were right lately and are let through, whatever else their peer sends.
MOST_KNOWN = 10_000
#: Answers 401 to a credential that stands in the body.
TOKENS = "/oauth/token"

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Counters(Storage):
    """Counters in the memory of one event loop, which end by themselves; the clock is the one that never jumps."""

    STORAGE_SCHEME = None  # it is made by hand, never by a URL

    def __init__(self, *, most: int = MOST_COUNTED) -> None:
        super().__init__()
        self._most = most
        self._counted: dict[str, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self._counted)

    @property
    def base_exceptions(self) -> type[Exception]:
        """Name what can go wrong here, which is nothing."""
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count one more; the window begins with the first."""
        now = monotonic()
        count, until = self._counted.get(key, (0, 0.0))
        if until <= now:
            self._counted.pop(key, None)
            self._make_room(now)
            count, until = 0, now + expiry
        self._counted[key] = count + amount, until
        return count + amount

    def _make_room(self, now: float) -> None:
        """Drop what has ended from the front; of live ones only the oldest, and only where there is no room."""
        while self._counted:
            oldest = next(iter(self._counted))
            if len(self._counted) < self._most and self._counted[oldest][1] > now:
                return
            del self._counted[oldest]

    def get(self, key: str) -> int:
        """Say how often it was counted in its window."""
        count, until = self._counted.get(key, (0, 0.0))
        return count if until > monotonic() else 0

    def get_expiry(self, key: str) -> float:
        """Say when its window ends."""
        return self._counted.get(key, (0, monotonic()))[1]

    def check(self) -> bool:
        """Say that memory is there."""
        return True

    def reset(self) -> int:
        """Forget everything."""
        forgotten = len(self._counted)
        self._counted.clear()
        return forgotten

    def clear(self, key: str) -> None:
        """Forget one."""
        self._counted.pop(key, None)


@dataclass(frozen=True, slots=True)
class Rate:
    """One named limit with its counters."""

    name: str
    item: RateLimitItem
    counting: FixedWindowRateLimiter

    @classmethod
    def of(cls, name: str, notation: str) -> Rate | None:
        """Make the limit that a setting writes as `1000/second`, or none for `off`."""
        return None if notation == "off" else cls(name, parse(notation), FixedWindowRateLimiter(Counters()))

    def fields(self, *keys: str) -> tuple[list[tuple[bytes, bytes]], int]:
        """Write the headers that tell how it stands, and in how many seconds the window ends."""
        until, remaining = self.counting.get_window_stats(self.item, *keys)
        seconds = min(max(1, math.ceil(until - monotonic())), self.item.get_expiry())
        policy = f'"{self.name}";q={self.item.amount};w={self.item.get_expiry()}'
        now = f'"{self.name}";r={remaining};t={seconds}'
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", now.encode())], seconds


@dataclass(frozen=True, slots=True)
class Counting:
    """What one request counts against, the caller's own first: the smallest, which the caller has to keep to."""

    scope: Scope
    against: Sequence[tuple[Rate, tuple[str, ...]]]
    is_told: bool

    def hit(self, times: int = 1) -> int | None:
        """Count, and say in how many seconds to come again if it is too much; what is told is told in the answer."""
        for rate, whose in self.against:
            if not rate.counting.hit(rate.item, *whose, cost=times):
                return self._tell(rate, whose)
        if self.against:
            self._tell(*self.against[0])
        return None

    def _tell(self, rate: Rate, whose: tuple[str, ...]) -> int:
        fields, seconds = rate.fields(*whose)
        if self.is_told:
            self.scope["state"]["headers"] = fields
        return seconds

    def items(self, number: int) -> None:
        """Count a batch of one person by what is in it, before any of it is looked at; one is counted already."""
        if number < 2 or not self.against:
            return
        seconds = self.hit(number - 1)
        if number > self.against[0][0].item.amount:  # to come again would not help
            raise InvalidSubmission(Fault(pointer="/items", code="too_long"))
        if seconds is not None:
            raise WebProblem("rate_limited", headers={"Retry-After": str(seconds)})


class RateLimits:
    """Middleware that counts an application's writes and reads, and refuses what is too much.

    What was sent with GET or HEAD is a read, all else a write; an application's batch is one of them, a person's as
    many as it has items. Whoever calls as one person, by a bound key or token, has a small count of their own, each
    invitation has another, and all persons of an application share one of its size, all invitations another: one
    phone stops neither the others nor the system that the application is, and who has made an invitation sees and
    stops nothing but that invitation.

    Safety checks are counted apart from everything else, and never told: what is left would say when one was sent.
    The sender of an invitation has its token, too, so that those of one person are counted by where they come from.
    """

    def __init__(self, app: ASGIApp, *, application: tuple[str, str], person: tuple[str, str]) -> None:
        self._app = app
        self._writes, self._reads = (
            Rate.of(name, written) for name, written in zip(("writes", "reads"), application, strict=True)
        )
        self._person_writes, self._person_reads = (
            Rate.of(name, written) for name, written in zip(("person-writes", "person-reads"), person, strict=True)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count one request; every answer to a caller tells how it stands, but for safety checks."""
        caller = scope["state"].get("caller") if scope["type"] == "http" else None
        if caller is not None:
            counting = self._counting(scope, caller)
            seconds = counting.hit()
            if seconds is not None:
                await _refused(scope, seconds)(scope, receive, send)
                return
            if _person(caller) is not None:
                scope["state"]["counting"] = counting
        await self._app(scope, receive, send)

    def _counting(self, scope: Scope, caller: Caller) -> Counting:
        """List what a request counts against; what is off is left out."""
        is_read, is_check = scope["method"] in _READS, scope["path"].startswith(UNTOLD)
        of_all, of_one = (self._reads, self._person_reads) if is_read else (self._writes, self._person_writes)
        application = (caller.organisation.hex, caller.application.hex, *(["safety"] if is_check else []))
        person = _person(caller)
        counted: list[tuple[Rate | None, tuple[str, ...]]] = [(of_all, application)]
        if person is not None:
            kind = "persons" if caller.invitation is None else "invitations"
            own = (*application, kind, person, *([_network(scope)] if is_check else []))
            counted = [(of_one, own), (of_all, (*application, kind))]
        against = [(rate, whose) for rate, whose in counted if rate is not None]
        return Counting(scope=scope, against=against, is_told=not is_check)


def _person(caller: Caller) -> str | None:
    """Name the one for whom a credential is: an invitation is for itself, whoever else its client has it from.

    A parent has a count apart from the child's, which would tell of what the other one does.
    """
    if caller.invitation is None and caller.client_id is not None:
        return caller.client_named
    person = caller.invitation or caller.therapist_id
    return None if person is None else str(person)


class FailedLogins:
    """Middleware that stops looking up the credentials of a peer that has sent too many wrong ones.

    Counted is the peer's address (of IPv6 the network), so that nobody is locked out by somebody elsewhere who knows
    the id of a key; and a credential that was right lately is looked up all the same, so that one wrong program
    behind an address does not stop the others there. Where tokens are given out the proof is new each time, and what
    is known is the client id that was proven from this address.
    """

    def __init__(self, app: ASGIApp, *, failed: str) -> None:
        self._app = app
        self._failed = Rate.of("failed-logins", failed)
        self._known: dict[int, None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through unless its peer is held back; count it if its credential is wrong."""
        rate = self._failed
        credential = _credential(scope) if rate is not None and scope["type"] == "http" else None
        if rate is None or credential is None:
            await self._app(scope, receive, send)
            return
        known, peer = hash(credential), _network(scope)
        if scope["path"] == TOKENS:
            await self._give_out(rate, peer, (scope, receive, send))
            return
        if known not in self._known and not rate.counting.test(rate.item, peer):
            scope["state"]["headers"], seconds = rate.fields(peer)
            await _refused(scope, seconds)(scope, receive, send)
            return

        try:
            await self._app(scope, receive, send)
        except Unauthenticated:
            self._known.pop(known, None)
            rate.counting.hit(rate.item, peer)
            scope["state"]["headers"], _ = rate.fields(peer)
            raise
        finally:
            if "caller" in scope["state"]:
                self._remember(known)

    async def _give_out(self, rate: Rate, peer: str, request: tuple[Scope, Receive, Send]) -> None:
        """Let the operation say for which client id a token is asked: it stands in the body, and maybe is signed."""
        scope, receive, send = request
        is_held, known = not rate.counting.test(rate.item, peer), 0

        def named(client_id: str | None) -> None:
            nonlocal known
            known = hash((peer, client_id))
            if is_held and known not in self._known:
                scope["state"]["headers"], seconds = rate.fields(peer)
                raise WebProblem("rate_limited", headers={"Retry-After": str(seconds)})

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] == 401:
                    rate.counting.hit(rate.item, peer)
                elif message["status"] == 200:
                    self._remember(known)
            await send(message)

        scope["state"]["named"] = named
        await self._app(scope, receive, send_counted)

    def _remember(self, known: int) -> None:
        """Keep a keyed hash of what was right; one that is forgotten is merely looked at again."""
        if known not in self._known:
            if len(self._known) >= MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[known] = None


def _credential(scope: Scope) -> bytes | None:
    """Find what a request is to be let in by; a request without any costs no look-up and is not counted."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            return bytes(value)
    return b"" if scope["path"] == TOKENS else None


def _network(scope: Scope) -> str:
    client: tuple[str, int] | None = scope.get("client")
    if client is None:
        return ""
    try:
        address = ip_address(client[0])
    except ValueError:
        return client[0]
    return address.exploded[:19] if isinstance(address, IPv6Address) else str(address)


def _refused(scope: Scope, seconds: int) -> ASGIApp:
    headers: Mapping[str, str] = {"Retry-After": str(seconds)}
    return problem("rate_limited", trace_id=scope["state"]["trace_id"], headers=headers)
