"""How often an application may ask, and how often a credential may be wrong: counted per worker, in bounded memory.

Windows and notation are those of the library `limits`. Its own memory starts a thread or a task at nearly every
request to look for what has expired, so the counters are kept here, behind its interface. The headers are those of
draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from time import monotonic

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.caller import Caller
from app.errors import Unauthenticated
from app.web.problems import WebProblem, problem

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


class RateLimits:
    """Middleware that counts an application's writes and reads, and refuses what is too much.

    What was sent with GET or HEAD is a read, all else a write, a batch one of them. Whoever calls as one person, by a
    bound key or token or by an invitation, has a small count of their own, and all such callers of an application
    share a second one of its size: one phone stops neither the others nor the system that the application is.
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
        """Count one request; every answer to a caller tells how it stands."""
        caller = scope["state"].get("caller") if scope["type"] == "http" else None
        counted = [] if caller is None else self._counted(caller, is_read=scope["method"] in _READS)
        for rate, whose in counted:
            if not rate.counting.hit(rate.item, *whose):
                scope["state"]["headers"], seconds = rate.fields(*whose)
                await _refused(scope, seconds)(scope, receive, send)
                return
        if counted:
            rate, whose = counted[0]  # the smallest: what the caller has to keep to
            scope["state"]["headers"], _ = rate.fields(*whose)
        await self._app(scope, receive, send)

    def _counted(self, caller: Caller, *, is_read: bool) -> list[tuple[Rate, tuple[str, ...]]]:
        """List what a request counts against, the caller's own first; what is off is left out."""
        of_all, of_one = (self._reads, self._person_reads) if is_read else (self._writes, self._person_writes)
        application = (caller.organisation.hex, caller.application.hex)
        person = caller.client_id or caller.therapist_id
        if person is None:
            return [(of_all, application)] if of_all else []
        shared = (of_all, (*application, "persons"))
        return [(rate, whose) for rate, whose in ((of_one, (*application, person.hex)), shared) if rate]


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
