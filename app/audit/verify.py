"""Prove an organisation's log: every entry is there, in its order, and as it was written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import Connection

from app.audit.store import Extent, read_extent, read_portion
from app.storage.chain import START, end, link
from app.storage.keyring import KeyRing
from app.storage.runtime import Runtime
from app.storage.types import AnyRow

#: An entry is not there; it is not as it was written; it lost its link; the log was cut behind it; the log goes on
#: behind its end; where it ends was changed; another log than the one whose head was kept elsewhere; or of an
#: organisation whose head was kept nothing is there at all.
Fault = Literal[
    "missing", "altered", "unlinked", "cut_off", "beyond_the_end", "end_changed", "not_the_kept_head", "no_organisation"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptHead:
    """Where a log ended once, as somebody kept it off the machine: a number, and the link of the entry."""

    sequence: int
    chain: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found: a fault with the number of the first entry that is wrong, or none.

    `begins_at` is the first entry with a link: those before it are of an older release and prove nothing, nor do those
    that have no number yet.
    """

    entries: int
    last: int
    begins_at: int | None
    without_link: int
    not_sealed: int
    fault: Fault | None
    broken_at: int | None


#: Of an organisation that is not there though a head of its log was kept: no command takes one away.
GONE: Final = Verdict(
    entries=0, last=0, begins_at=None, without_link=0, not_sealed=0, fault="no_organisation", broken_at=1
)


class _Broken(Exception):
    def __init__(self, fault: Fault, at: int) -> None:
        super().__init__(fault)
        self.fault: Fault = fault
        self.at = at


@dataclass(slots=True, kw_only=True)
class Proof:
    """A proof on its way through the entries."""

    keys: KeyRing
    organisation: UUID
    extent: Extent
    kept: KeptHead | None
    sequence: int = 0
    before: bytes = START
    begins_at: int | None = None
    verdict: Verdict | None = field(default=None)

    @property
    def is_done(self) -> bool:
        """Say whether the proof ended, with a fault or without one."""
        return self.verdict is not None

    def take(self, rows: list[AnyRow]) -> None:
        """Take the next portion; an empty one is the end."""
        try:
            for row in rows:
                if row.sequence <= self.extent.last:  # what was sealed meanwhile is the next proof's
                    self._step(row)
            if not rows or self.sequence >= self.extent.last:
                self._end()
                self.verdict = self._told(None)
        except _Broken as broken:
            self.verdict = self._told(broken)

    def _step(self, row: AnyRow) -> None:
        number = self.sequence + 1
        if row.sequence != number:
            raise _Broken("missing", number)
        if row.chain is None:
            if self.begins_at is not None:
                raise _Broken("unlinked", number)
        else:
            found = link(self.keys, self.before, row, sequence=number, organisation=self.organisation)
            if found != row.chain:
                raise _Broken("altered", number)
            self.begins_at = self.begins_at or number
            self.before = found
        self.sequence = number
        if self.kept is not None and self.kept.sequence == number and self.kept.chain != row.chain:
            raise _Broken("not_the_kept_head", number)

    def _end(self) -> None:
        """Hold the last entry against where the log was left, and against the head that was kept elsewhere."""
        head = self.extent.head
        if self.kept is not None and self.kept.sequence > self.sequence:
            raise _Broken("cut_off", self.sequence + 1)
        if head is None:
            raise _Broken("end_changed", self.sequence)
        if head.sequence > self.sequence:
            raise _Broken("cut_off", self.sequence + 1)
        if head.sequence < self.sequence:
            raise _Broken("beyond_the_end", head.sequence + 1)
        if head.chain != end(self.keys, self.before, sequence=self.sequence, organisation=self.organisation):
            raise _Broken("end_changed", self.sequence)

    def _told(self, broken: _Broken | None) -> Verdict:
        unlinked = self.begins_at - 1 if self.begins_at is not None else self.sequence
        return Verdict(
            entries=self.sequence - unlinked,
            last=self.extent.last,
            begins_at=self.begins_at,
            without_link=unlinked,
            not_sealed=self.extent.unsealed,
            fault=None if broken is None else broken.fault,
            broken_at=None if broken is None else broken.at,
        )


async def verify(
    runtime: Runtime,
    *,
    organisation: UUID,
    kept: KeptHead | None = None,
    on_portion: Callable[[int, int], None] = lambda _done, _all: None,
) -> Verdict:
    """Prove the log from its first entry to its end, in portions; `on_portion` is told how far it is."""
    database = runtime.database
    proof = await database.read(
        lambda c: begin(c, runtime.keys, organisation=organisation, kept=kept), organisation=organisation
    )
    while not proof.is_done:
        after = proof.sequence
        proof.take(
            await database.read(
                lambda c, after=after: read_portion(c, organisation=organisation, after=after),  # type: ignore[misc]
                organisation=organisation,
            )
        )
        on_portion(proof.sequence, proof.extent.last)
    if proof.verdict is None:
        raise RuntimeError("a proof that is done has a verdict")
    return proof.verdict


def begin(connection: Connection, keys: KeyRing, *, organisation: UUID, kept: KeptHead | None = None) -> Proof:
    """Begin a proof: how far the log goes is read first, so that what comes meanwhile changes nothing."""
    extent = read_extent(connection, organisation=organisation)
    return Proof(keys=keys, organisation=organisation, extent=extent, kept=kept)
