"""Which language a caller would rather read (RFC 9110, section 12.5.4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", re.ASCII)
_RANGE = re.compile(r"\*|[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)
#: More ranges than this are nobody's preference.
_MOST = 50


class _Wish(NamedTuple):
    """One range of the header with its quality and its place."""

    range: str
    quality: float
    place: int


def preferred_language(header: str | None, offered: Sequence[str]) -> str | None:
    """Choose among the languages on offer by an Accept-Language header; None when it accepts none of them.

    `de` accepts `de` and `de-CH`, `de-AT` accepts `de` for want of anything nearer, `*` accepts what no other range
    names, and a quality of 0 refuses. Equal wishes are decided by their order, then by the order on offer. A part that
    can't be read is passed over.
    """
    wishes = _wishes(header or "")
    best: tuple[float, int, int] | None = None
    chosen: str | None = None
    for place, language in enumerate(offered):
        wish = _wish_for(language.lower(), wishes)
        if wish is None or wish.quality == 0:
            continue
        rank = (wish.quality, -wish.place, -place)
        if best is None or rank > best:
            best, chosen = rank, language
    return chosen


def _wishes(header: str) -> list[_Wish]:
    wishes = []
    for place, part in enumerate(header.split(",")[:_MOST]):
        name, _, parameter = (piece.strip() for piece in part.partition(";"))
        quality = _quality(parameter)
        if quality is not None and _RANGE.fullmatch(name):
            wishes.append(_Wish(name.lower(), quality, place))
    return wishes


def _quality(parameter: str) -> float | None:
    if not parameter:
        return 1.0
    name, _, value = (piece.strip() for piece in parameter.partition("="))
    return float(value) if name.lower() == "q" and _QUALITY.fullmatch(value) else None


def _wish_for(language: str, wishes: list[_Wish]) -> _Wish | None:
    """Find what the header says of one language: by its name or a wider one, by a narrower one, then by `*`."""
    wider = [wish for wish in wishes if language == wish.range or language.startswith(f"{wish.range}-")]
    nearest = max(wider, key=lambda wish: len(wish.range), default=None)
    if nearest is not None and nearest.quality == 0:
        return nearest
    narrower = [wish for wish in wishes if wish.range.startswith(f"{language}-") and wish.quality > 0]
    named = [wish for wish in (nearest, *narrower) if wish is not None]
    if named:
        return max(named, key=lambda wish: (wish.quality, -wish.place))
    return next((wish for wish in wishes if wish.range == "*"), None)
