"""The form `safety-1` in its languages: our own texts, apart from every instrument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal, get_args

from app.instruments.strict_yaml import load_strict
from app.storage.documents import from_document

FORM: Final = "safety-1"
Happened = Literal["no", "not_sure", "yes"]
MayContact = Literal["no", "yes"]
Question = Literal["happened", "may_contact", "contact", "words"]
QUESTIONS: Final[tuple[Question, ...]] = get_args(Question)
#: How long the two free texts may be.
LONGEST: Final[Mapping[Question, int]] = {"contact": 500, "words": 4000}

_FORMS = Path(__file__).parent / "forms"


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyForm:
    """The form in one language: `draft` until a second speaker has checked it."""

    locale: str
    status: Literal["original", "draft"]
    title: str
    questions: Mapping[Question, str]
    options: Mapping[Question, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyAnswers:
    """What a client has answered. Only the first question needs an answer."""

    happened: Happened
    may_contact: MayContact | None = None
    contact: str | None = None
    words: str | None = None

    @property
    def asks_for_nobody(self) -> bool:
        """Say whether nobody needs to look: nothing happened, nothing was said, and nobody is to call."""
        return self.happened == "no" and self.may_contact != "yes" and not self.contact and not self.words


@cache
def safety_forms() -> Mapping[str, SafetyForm]:
    """Read the form in all of its languages, once."""
    read = {path.suffixes[-2].strip("."): path.read_text("utf-8") for path in sorted(_FORMS.glob(f"{FORM}.*.yaml"))}
    return {locale: from_document(load_strict(text), SafetyForm) for locale, text in read.items()}
