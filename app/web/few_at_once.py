"""Exports read for long: few are under way at once, and together they leave connections to everybody else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from starlette.types import Receive, Scope, Send

from app.web.problems import WebProblem
from app.web.route import StrictRoute

#: Exports under way in a process: of one organisation (on SQLite four reads run at once), and of all of them (on
#: PostgreSQL sixteen transactions do).
OF_ONE: Final = 3
IN_ALL: Final = 8


class UnderWay:
    """Who has how many exports under way; for the one event loop of a process."""

    def __init__(self) -> None:
        self._of: Counter[UUID] = Counter()

    @contextmanager
    def another(self, *, organisation: UUID) -> Iterator[None]:
        """Count one more until it has been sent, or refuse it."""
        if self._of[organisation] >= OF_ONE or self._of.total() >= IN_ALL:
            raise WebProblem("too_many_exports", headers={"Retry-After": "1"})
        self._of[organisation] += 1
        try:
            yield
        finally:
            self._of[organisation] -= 1
            if not self._of[organisation]:
                del self._of[organisation]


class FewAtOnce(StrictRoute):
    """A route whose answers are counted from before they are made until they are sent, or nobody is there any more."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, unless its organisation has enough of them under way."""
        caller = scope["state"].get("caller")
        if caller is None or scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        with scope["app"].state.exports.another(organisation=caller.organisation):
            await super().handle(scope, receive, send)
