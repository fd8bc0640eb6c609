"""The precondition of a change: which state the sender knows, as `If-Match` carries it."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header

from app.web.problems import WebProblem

#: Tags with commas between them (RFC 9110, section 8.8.3).
_TAG = r'(?:W/)?"[!#-~]*"'
_TAGS = re.compile(rf"{_TAG}(?:[ \t]*,[ \t]*{_TAG})*")

IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="The `ETag` that was read, or `*` for whatever is there. Required."),
]


def known_states(if_match: str | None) -> set[str] | None:
    """Read which states the sender knows, None for whatever there is; refuse a header that is not there or is none."""
    known = (if_match or "").strip()
    if not known:
        raise WebProblem("precondition_required")
    if known != "*" and not _TAGS.fullmatch(known):
        raise WebProblem("invalid_parameter", parameter="If-Match")
    return None if known == "*" else {tag[1:-1] for tag in tags(known) if not tag.startswith("W/")}


def tags(header: str) -> set[str]:
    """Read a list of tags as they are; a weak one is never that of a state that is to be changed."""
    return set(re.findall(_TAG, header))
