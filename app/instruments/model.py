"""An instrument: its items, its components and the rule for missing answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, NewType

from app.errors import Fault, InvalidSubmission

InstrumentKey = NewType("InstrumentKey", str)
ItemId = NewType("ItemId", str)

Rater = Literal["client", "therapist", "observer", "parent"]
Convention = Literal["mean", "sum"]
KeyStatus = Literal["own", "verified", "secondary", "recall"]
ItemRole = Literal["scored", "focus", "beside", "safety"]
Direction = Literal["below", "at_or_below", "above", "at_or_above"]
Facet = Literal["bond", "task", "goal", "other"]


class NotApplicable(Enum):
    """The one value that says "this does not apply to me", which is neither unanswered nor 0."""

    NOT_APPLICABLE = "not_applicable"


NOT_APPLICABLE = NotApplicable.NOT_APPLICABLE

#: What a person may say to an item: a number, nothing, or "does not apply".
Answer = int | None | Literal[NotApplicable.NOT_APPLICABLE]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One possible answer: its number and, where we own the text, its label."""

    value: int
    label: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question. Only items of the role `scored` enter a score; the topic is that of an item reported beside."""

    id: ItemId
    role: ItemRole
    text: str | None
    reversed: bool
    stage: str | None
    options: tuple[Option, ...]
    topic: str | None = None

    def accepts(self, answer: Answer) -> bool:
        """Say whether the answer is one of the options, unanswered or "does not apply"."""
        if isinstance(answer, bool):  # an int to Python, and no answer to us
            return False
        return not isinstance(answer, int) or self.options[0].value <= answer <= self.options[-1].value


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A named part that is scored: a component, a rollup of components, or the total."""

    key: str
    kind: Literal["component", "rollup", "total"]
    facets: tuple[Facet, ...]
    items: tuple[ItemId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingRule:
    """How many answers a component needs.

    `minimum` maps a component to the answers it needs; `total_needs_components` says that the total is scored only
    when every component is.
    """

    minimum: dict[str, int]
    total_needs_components: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a fact of the definition was taken from."""

    says: str
    doi: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOff:
    """A published cut-off of this instrument, in the value of its component; it holds for no other instrument."""

    component: str
    value: float
    direction: Direction
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentRef:
    """What every score names: the instrument, its version and the digest of its definition."""

    key: InstrumentKey
    version: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One version of an instrument, read from its definition."""

    key: InstrumentKey
    version: str
    digest: str
    title: str
    language: str | None
    raters: tuple[Rater, ...]
    minimum: int
    maximum: int
    divisor: int  # answers are stored as integers; a visual scale in tenths has 10
    convention: Convention
    items: tuple[Item, ...]
    components: tuple[Component, ...]
    missing_rule: MissingRule
    key_status: KeyStatus
    validated: bool
    license: str
    notes: tuple[str, ...]
    sources: tuple[Source, ...]
    instructions: dict[str, str]
    cut_offs: tuple[CutOff, ...] = ()

    _items: dict[str, Item] = field(init=False, repr=False, compare=False)
    _components: dict[str, Component] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index items and components: they are looked up for every answer of every form."""
        object.__setattr__(self, "_items", {item.id: item for item in self.items})
        object.__setattr__(self, "_components", {component.key: component for component in self.components})

    @property
    def ref(self) -> InstrumentRef:
        """The names that a score of this instrument carries."""
        return InstrumentRef(key=self.key, version=self.version, digest=self.digest)

    @property
    def lowest(self) -> float:
        """The lowest mean that a component can have."""
        return self.minimum / self.divisor

    @property
    def highest(self) -> float:
        """The highest mean that a component can have."""
        return self.maximum / self.divisor

    @property
    def needs_enabling(self) -> bool:
        """A key from recall scores nothing until the organisation has checked it."""
        return self.key_status == "recall"

    def item(self, item_id: str) -> Item | None:
        """Find an item by its id."""
        return self._items.get(item_id)

    def component(self, key: str) -> Component | None:
        """Find a component, rollup or the total by its key."""
        return self._components.get(key)

    def focus(self, answers: dict[ItemId, Answer]) -> tuple[int, ...] | None:
        """Pick the answers to the session-focus items, in the order of the stages.

        Returns None unless the instrument has the block and every item of it is answered with a number.
        """
        found = [answers.get(item.id) for item in self.items if item.role == "focus"]
        numbers = tuple(answer for answer in found if isinstance(answer, int))
        return numbers if found and len(numbers) == len(found) else None


def check_answers(instrument: Instrument, answers: dict[str, Answer]) -> dict[ItemId, Answer]:
    """Refuse answers that the instrument cannot hold.

    Parameters
    ----------
    instrument
        The definition the answers belong to.
    answers
        Item id -> an integer of the item's options, None (unanswered) or NOT_APPLICABLE.

    Returns
    -------
    dict
        Every item of the instrument in its own order; absent items are None.

    Raises
    ------
    InvalidSubmission
        `unknown_item` and `out_of_range` with one pointer each, or `no_answers` when no item is answered with a number.

    Notes
    -----
    An item answered "does not apply" is not answered. Faults are collected, so that a sender sees all of them at once.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> trq = shipped().latest("trq-s")
    >>> [item for item, answer in check_answers(trq, {"1": 4, "2": None}).items() if answer is not None]
    ['1']
    """
    faults = []
    for item_id, answer in answers.items():
        item = instrument.item(item_id)
        if item is None:
            faults.append(Fault(pointer=f"/answers/{pointer_part(item_id)}", code="unknown_item"))
        elif not item.accepts(answer):
            faults.append(Fault(pointer=f"/answers/{pointer_part(item_id)}", code="out_of_range"))
    if faults:
        raise InvalidSubmission(*faults)
    if not any(isinstance(answer, int) for answer in answers.values()):
        raise InvalidSubmission(Fault(pointer="/answers", code="no_answers"), code="no_answers")
    return {item.id: answers.get(item.id) for item in instrument.items}


def answer_document(answer: Answer) -> int | str | None:
    """Write an answer as JSON holds it."""
    return "not_applicable" if answer is NOT_APPLICABLE else answer


def answer_from_document(document: int | str | None) -> Answer:
    """Read an answer from JSON."""
    return NOT_APPLICABLE if isinstance(document, str) else document


def pointer_part(name: str) -> str:
    """Escape one part of a JSON pointer (RFC 6901); what is no plain name becomes `?`, so nothing odd is echoed."""
    if not (0 < len(name) <= 40 and name.isascii() and name.isprintable()):
        return "?"
    return name.replace("~", "~0").replace("/", "~1")
