"""The OAuth client id of an application: it carries the organisation, so that no look-up is unbound."""

from __future__ import annotations

import re
from uuid import UUID

from app.errors import Unauthenticated

_SPELLING = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{32})", re.ASCII)


def spell_client_id(*, organisation: UUID, application: UUID) -> str:
    """Write an application's client id.

    Examples
    --------
    >>> spell_client_id(organisation=UUID(int=1), application=UUID(int=2))
    '00000000000000000000000000000001.00000000000000000000000000000002'
    """
    return f"{organisation.hex}.{application.hex}"


def parse_client_id(text: object) -> tuple[UUID, UUID]:
    """Take a client id apart into organisation and application, or raise Unauthenticated."""
    found = _SPELLING.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise Unauthenticated
    return UUID(hex=found[1]), UUID(hex=found[2])
