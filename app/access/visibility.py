"""Who sees what: for whose eyes an answer is, field by field and rater by rater. Kept as data, asked in one way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

#: For whose eyes a caller's answers are: a key that is bound to one person is that person's.
Eyes = Literal["system", "supervisor", "therapist", "client", "safeguarding"]
#: What an answer may hold: what a form says; what was counted of it; how an episode ended; what is concluded from
#: forms, drawn over them, or compared between them; who needs attention; and safety checks.
Field = Literal[
    "answers",
    "scores",
    "ending",
    "signals",
    "stage",
    "recommendations",
    "chart",
    "discrepancy",
    "caseload",
    "safety_check",
]
FIELDS: Final[tuple[Field, ...]] = get_args(Field)

#: A client reads their own forms, and a parent's of their child.
OWN: Final = frozenset({"client", "parent"})
ALL: Final = OWN | {"therapist", "observer"}
NOBODYS: Final[frozenset[str]] = frozenset()

_TREATING: Final = {field: NOBODYS if field == "safety_check" else ALL for field in FIELDS}
_OWN_FORMS: Final = {field: OWN if field in {"answers", "scores", "ending"} else NOBODYS for field in FIELDS}
_CHECKS: Final = {field: ALL if field == "safety_check" else NOBODYS for field in FIELDS}
#: Whose forms each pair of eyes sees of each field. A field about no single form is seen where any rater's is.
TABLE: Final[Mapping[Eyes, Mapping[Field, frozenset[str]]]] = MappingProxyType(
    {
        "system": MappingProxyType(_TREATING),
        "supervisor": MappingProxyType(_TREATING),
        "therapist": MappingProxyType(_TREATING),
        "client": MappingProxyType(_OWN_FORMS),
        "safeguarding": MappingProxyType(_CHECKS),
    }
)
#: These eyes see a client's form only if the client was told that they do.
MUST_BE_TOLD: Final[frozenset[Eyes]] = frozenset({"therapist"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """By which eyes something is seen: one therapist's episodes, or what is about none."""

    eyes: Eyes

    @property
    def must_be_told(self) -> bool:
        """Say whether only those of a client's forms are seen of which the client was told so."""
        return self.eyes in MUST_BE_TOLD

    def sees(self, field: Field) -> bool:
        """Say whether a field is seen at all."""
        return bool(TABLE[self.eyes][field])

    def sees_of(self, field: Field, *, rater: str, told: bool | None) -> bool:
        """Say whether a field of one rater's form is seen.

        `told` is what the form says of the client: False hides it from the therapist. Where nothing was stated it is
        seen: many senders do not know, and forms on paper are handed to the therapist.
        """
        if self.must_be_told and rater in OWN and told is False:
            return False
        return rater in TABLE[self.eyes][field]
