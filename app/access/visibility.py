"""Who sees what: for whose eyes an answer is, field by field and rater by rater. Kept as data, asked in one way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

#: As whom a credential that opens one client acts: the client, or a parent, who is another person with other forms.
ActsAs = Literal["client", "parent"]
#: For whose eyes a caller's answers are: a key that is bound to one person is that person's.
Eyes = Literal["system", "supervisor", "therapist", "client", "parent", "safeguarding"]
#: What is asked of each rater's form: what it says; what was counted of it; what a norm says of that (an interval, a
#: standing, whether a change is reliable); how many later sessions it moved; how the episode ended; what is concluded
#: from it, drawn over it, or compared with another rater's.
OfForm = Literal[
    "answers",
    "comment",
    "reported",
    "scores",
    "change",
    "norm",
    "recount",
    "ending",
    "signals",
    "notes",
    "recommendations",
    "chart",
    "discrepancy",
]
#: What is asked of no form by itself: where an episode stands, and who needs attention.
OfAll = Literal["stage", "caseload"]
Field = Literal[OfForm, OfAll]

#: Whose forms a credential that opens one client may be for; each reads their own, and nothing of the other's.
OWN: Final[frozenset[str]] = frozenset(get_args(ActsAs))
ALL: Final = OWN | {"therapist", "observer"}
#: Who is compared with whom.
PAIR: Final = frozenset({"client", "therapist"})
#: In place of raters, where no form is asked about.
SEEN: Final = frozenset({"seen"})
NOBODYS: Final[frozenset[str]] = frozenset()

_OF_FORMS: Final = dict.fromkeys(get_args(OfForm), ALL) | {"discrepancy": PAIR}
_TREATING: Final = _OF_FORMS | dict.fromkeys(get_args(OfAll), SEEN)
_NOTHING: Final = dict.fromkeys(_TREATING, NOBODYS)
_SAID: Final = ("answers", "comment", "scores", "change", "ending")
#: A supervisor reads no form by itself, and so nothing that stands beside one alone.
_BESIDE: Final = ("comment", "reported", "change", "norm", "recount", "notes", "recommendations")
_SUPERVISING: Final = {field: raters for field, raters in _TREATING.items() if field not in _BESIDE}
#: How many later sessions a form moved would tell a therapist of sessions that a hidden form rates.
_THERAPISTS: Final = _TREATING | {"recount": NOBODYS}
#: Whose forms each pair of eyes sees of each field. A field that is not there is seen by nobody: no answer to these
#: eyes has a place for it. Safety checks are none of these: their scope opens nothing else, and goes with no other.
TABLE: Final[Mapping[Eyes, Mapping[Field, frozenset[str]]]] = MappingProxyType(
    {
        "system": MappingProxyType(_TREATING),
        "supervisor": MappingProxyType(_SUPERVISING),
        "therapist": MappingProxyType(_THERAPISTS),
        "client": MappingProxyType(_NOTHING | dict.fromkeys(_SAID, frozenset({"client"}))),
        "parent": MappingProxyType(_NOTHING | dict.fromkeys(_SAID, frozenset({"parent"}))),
        "safeguarding": MappingProxyType({}),
    }
)
#: These eyes see a client's form only if the client was told that they do.
MUST_BE_TOLD: Final[frozenset[Eyes]] = frozenset({"therapist"})


def acting_as(rater: str | None) -> ActsAs:
    """Read as whom a credential acts: as the client, unless it was made for a parent."""
    return "parent" if rater == "parent" else "client"


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
        return bool(TABLE[self.eyes].get(field))

    def sees_of(self, field: OfForm, *, rater: str, told: bool | None) -> bool:
        """Say whether a field of one rater's form is seen.

        `told` is what the form says of the client: False hides it from the therapist. Where nothing was stated it is
        seen: many senders do not know, and forms on paper are handed to the therapist.
        """
        if self.must_be_told and rater in OWN and told is False:
            return False
        return rater in TABLE[self.eyes].get(field, NOBODYS)
