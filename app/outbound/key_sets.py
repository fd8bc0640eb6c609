"""Sets of public keys that other sites publish, kept for minutes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from app.errors import FetchRefused

KeySet = dict[str, Any]

#: So long a set is taken as it was fetched; a key that was withdrawn there is known here no longer.
FRESH: Final = 600.0
#: A key id that is not in the set, or a site that can't be reached, makes us ask again after so long.
SHORTEST: Final = 30.0
_MOST = 1000


@dataclass(slots=True)
class _Kept:
    keys: KeySet | None = None
    fetched: float = float("-inf")
    tried: float = float("-inf")
    why: str = "the keys can't be fetched"
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class KeySets:
    """Key sets by URL; requests that want one at the same time share a fetch."""

    def __init__(
        self, fetch: Callable[[str], Awaitable[bytes]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    async def get(self, url: str, *, key_id: str | None) -> KeySet:
        """Return the set behind a URL, asked again when it is old or lacks the key id, or raise FetchRefused."""
        kept = self._kept.get(url)
        if kept is None:
            if len(self._kept) >= _MOST:
                self._kept.pop(next(iter(self._kept)))
            kept = self._kept[url] = _Kept()
        if not self._serves(kept, key_id):
            async with kept.turn:
                await self._renew(kept, url, key_id)
        if kept.keys is None or self._clock() - kept.fetched > FRESH:
            raise FetchRefused(kept.why)
        return kept.keys

    def _serves(self, kept: _Kept, key_id: str | None) -> bool:
        """Say whether what is kept is fresh and has the key."""
        if kept.keys is None or self._clock() - kept.fetched > FRESH:
            return False
        return key_id is None or any(key.get("kid") == key_id for key in kept.keys["keys"])

    async def _renew(self, kept: _Kept, url: str, key_id: str | None) -> None:
        """Fetch a set, unless somebody did so just now."""
        now = self._clock()
        if self._serves(kept, key_id) or now - kept.tried < SHORTEST:
            return
        kept.tried = now
        try:
            kept.keys = parse_key_set(await self._fetch(url))
        except FetchRefused as refused:
            kept.why = str(refused)
            return  # what is still fresh goes on; when it is not, that is told
        kept.fetched = now


def parse_key_set(document: bytes) -> KeySet:
    """Read a JWK Set, or raise FetchRefused; whether its keys can be used is seen when they are."""
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        raise FetchRefused("it is not JSON") from None
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= 100 or not all(isinstance(key, dict) for key in keys):
        raise FetchRefused("it is no set of 1 to 100 keys")
    return {"keys": keys}
