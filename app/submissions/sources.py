"""The sender's own id of a form: which form it stands for, and whom that keeps out.

Ids of systems are one space, which nobody else can occupy: what a key of one person sends is kept in a space of that
person's own, a parent's apart from the child's. The same form is known again in whichever of them it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.episodes.identify import Sitting
from app.errors import AllianceError, NotCurrent, SourceConflict
from app.storage.keyring import Keyed, KeyRing
from app.submissions import store
from app.submissions.form import Source
from app.submissions.read import is_told
from app.submissions.stored import sees


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """An id in the space of who sends it, and in the others in which the same form may stand."""

    own: Keyed
    systems: Keyed
    others: tuple[Keyed, ...]

    @property
    def all(self) -> tuple[Keyed, ...]:
        """Every space, the sender's own first."""
        return (self.own, *self.others)


def sources_of(keys: KeyRing, caller: Caller, source: Source, sitting: Sitting) -> Sources:
    """Digest an id in the systems' space, and in those of the persons whom a form is about."""
    organisation = caller.organisation
    systems, client, parent, therapist = (
        keys.reference("source", source.system, source.id, *whose, organisation=organisation)
        for whose in (
            (),
            ("client", sitting.client.digest.hex()),
            ("parent", sitting.client.digest.hex()),
            ("therapist", sitting.therapist.digest.hex()),
        )
    )
    of_client = {"client": client, "parent": parent}[caller.acts_as]
    own = of_client if caller.client_id is not None else therapist if caller.therapist_id is not None else systems
    others = tuple(one for one in (systems, client, parent, therapist) if one is not own)
    return Sources(own=own, systems=systems, others=others)


def by_source(
    connection: Connection,
    caller: Caller,
    sources: Sources,
    known: Mapping[bytes, UUID],
    *,
    content: bytes,
    corrects: UUID | None,
) -> UUID | AllianceError | None:
    """Return the form that this one is again, what keeps it out, or None.

    A correction may come under the id of what it corrects. The same form again is there already, but only while it
    counts: one that was corrected or withdrawn since must not look as if it did.
    """
    organisation = caller.organisation
    chains = {
        one.digest: _chain(connection, known[one.digest], organisation=organisation)
        for one in sources.all
        if one.digest in known
    }
    if any(corrects in chain for chain in chains.values()):
        return None
    own, systems = (_last(chains.get(one.digest)) for one in (sources.own, sources.systems))
    same = next((chain for chain in chains.values() if content in chain.values()), None) if corrects is None else None
    if own is not None and own != _last(same):
        return SourceConflict(submission_id=str(own), told=caller.is_unbound)
    if same is not None and is_told(connection, caller, list(same)[-1]):
        return _again(connection, caller, same, content=content)
    if systems is not None and _is_seen(connection, caller, systems):
        return SourceConflict(submission_id=str(systems), told=caller.is_unbound)
    return None


def _last(chain: Mapping[UUID, bytes] | None) -> UUID | None:
    return list(chain)[-1] if chain else None


def _again(
    connection: Connection, caller: Caller, chain: Mapping[UUID, bytes], *, content: bytes
) -> UUID | AllianceError:
    last = list(chain)[-1]
    _, withdrawal = store.read_fate(connection, last, organisation=caller.organisation)
    if withdrawal is None and chain[last] == content:
        return last
    is_told = withdrawal is None and caller.is_unbound
    return NotCurrent(submission_id=str(last) if is_told else None)


def _is_seen(connection: Connection, caller: Caller, submission_id: UUID) -> bool:
    """Say whether a system's form is there for a key of one person: what is not keeps nobody out, and tells nothing."""
    found = store.load(connection, [submission_id], organisation=caller.organisation)
    return submission_id in found and sees(caller, found[submission_id])


def _chain(connection: Connection, submission_id: UUID, *, organisation: UUID) -> dict[UUID, bytes]:
    """Follow a form to its corrections, the last one last; each with the digest of its content."""
    chain: dict[UUID, bytes] = {}
    following: UUID | None = submission_id
    while following is not None:
        chain[following] = store.read_content(connection, following, organisation=organisation)
        following, _ = store.read_fate(connection, following, organisation=organisation)
    return chain
