"""What an organisation tells clients before the question: who reads it, that nobody watches, whom to call."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from app.errors import Misconfigured
from app.safeguarding.form import safety_forms

LONGEST: Final = 1000
_SHAPE = "default: en; texts: {en: {who_reads: ..., not_watched: ..., in_a_crisis: ...}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The three sentences before the question, in one language."""

    who_reads: str
    not_watched: str
    in_a_crisis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """An organisation's sentences by language, and the language for those who ask for none of these."""

    default: str
    texts: Mapping[str, Before]


def checked_texts(document: Any) -> Texts:
    """Read the operator's file, or say what is wrong with it."""
    try:
        found = msgspec.convert(document, Texts)
    except msgspec.ValidationError:
        raise Misconfigured(f"the texts are to look like this: {_SHAPE}") from None
    if found.default not in found.texts:
        raise Misconfigured("the texts have none in their default language")
    known = sorted(safety_forms())
    if unknown := sorted(set(found.texts) - set(known)):
        raise Misconfigured(f"the form is not there in {', '.join(unknown)}; it is in {', '.join(known)}")
    return Texts(default=found.default, texts={locale: _checked(found.texts[locale], locale) for locale in found.texts})


def _checked(before: Before, locale: str) -> Before:
    return Before(
        who_reads=_text(before.who_reads, f"{locale}: who_reads"),
        not_watched=_text(before.not_watched, f"{locale}: not_watched"),
        in_a_crisis=_text(before.in_a_crisis, f"{locale}: in_a_crisis"),
    )


def _text(text: str, name: str) -> str:
    kept = unicodedata.normalize("NFC", " ".join(text.split()))
    if not 0 < len(kept) <= LONGEST or any(unicodedata.category(char) in {"Cc", "Cs"} for char in kept):
        raise Misconfigured(f"{name} has 1 to {LONGEST} characters, none of them for control")
    return kept
