"""What a person has a right to, on the wire: erasures."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.people.erasure import Erasure
from app.web.wire import Moment, Out

#: The same for everybody: whether there are safety checks of somebody is nobody's to learn from this.
KEPT = {
    "log": "What happened, in ids and kinds: who looked and who decided must stay provable. The ids lead nowhere now.",
    "statistics": "Sums over all of the organisation's forms, from which this client's were taken away; and norms that "
    "were estimated before, which hold numbers of many people and of none.",
    "tombstone": "A keyed digest of the reference, so that late repeats and restored backups don't bring the client "
    "back; and who asked for the erasure.",
    "safeguarding": "Safety checks, where an organisation uses them, are kept for its safeguarding retention time and "
    "read by its safeguarding recipients only. This says nothing on whether there are any of this client.",
    "backups": "Backups of before hold rows without the keys that open what was sealed; when one is restored, the "
    "erasure is carried out again.",
}


class KeptOut(Out):
    """Something that an erasure leaves, and why."""

    what: Literal["log", "statistics", "tombstone", "safeguarding", "backups"]
    why: Annotated[str, Field(max_length=400)]


class ErasureOut(Out):
    """What was erased of a client, and what is kept."""

    client_id: UUID
    erased_at: Moment = Field(
        description="Forms that were completed until then are refused; the client's last form may have said a later "
        "time than the service's clock."
    )
    reason: Literal["requested", "retention"]
    erased: Annotated[
        dict[Annotated[str, Field(max_length=40)], Annotated[int, Field(ge=0, le=10_000_000)]],
        Field(max_length=40, description="How many rows of which table."),
    ]
    kept: Annotated[list[KeptOut], Field(max_length=len(KEPT))]


def erasure_out(made: Erasure) -> ErasureOut:
    """Map an erasure."""
    return ErasureOut(
        client_id=made.client_id,
        erased_at=made.erased_at,
        reason=made.reason,
        erased=dict(sorted(made.erased.items())),
        kept=[KeptOut(what=what, why=why) for what, why in KEPT.items()],
    )
