"""Assertions (RFC 7523): with them an application proves who it is, by a key that only it has, each time anew."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from app.access.access_token import moment
from app.access.binding import Binding
from app.access.client_id import parse_client_id
from app.access.jose import ASSERTION_ALGORITHMS, peek, proven, usable_keys
from app.errors import Unauthenticated

#: So far ahead an assertion may end, and so far two clocks may be apart.
LONGEST: Final = timedelta(minutes=5)
APART: Final = timedelta(seconds=30)
_TYPES = (None, "JWT", "client-authentication+jwt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What an application has signed: for whom it asks, and whom it acts for."""

    assertion_id: str
    until: datetime
    binding: Binding | None
    acting: str | None


def claimed_client(text: str) -> tuple[UUID, UUID, str | None]:
    """Return the organisation, the application and the key id that an assertion names, unproven."""
    signed = peek(text)
    if signed.claims.get("iss") != signed.claims.get("sub"):
        raise Unauthenticated
    return *parse_client_id(signed.claims.get("iss")), signed.key_id


def read_assertion(text: str, keys: Mapping[str, Any], *, audiences: frozenset[str], now: datetime) -> Assertion:
    """Return what an assertion says, or raise Unauthenticated; whether it was used before is for the store to say."""
    signed = proven(text, usable_keys(keys), algorithms=ASSERTION_ALGORITHMS)
    claims = signed.claims
    if signed.header.get("typ") not in _TYPES or not _is_for_us(claims.get("aud"), audiences):
        raise Unauthenticated
    until = moment(claims.get("exp"))
    not_before = max(moment(claims.get(name, 0)) for name in ("nbf", "iat"))
    if not (now - APART < until <= now + LONGEST + APART and not_before <= now + APART):
        raise Unauthenticated
    return Assertion(
        assertion_id=_text(claims.get("jti"), 200),
        until=until + APART,
        binding=_binding(claims),
        acting=_acting(claims.get("act")),
    )


def _is_for_us(audience: object, ours: frozenset[str]) -> bool:
    """Take what names us and nobody else: an assertion that others hold too could be brought by them."""
    named = audience if isinstance(audience, list) else [audience]
    return bool(named) and all(isinstance(one, str) and one in ours for one in named)


def _binding(claims: Mapping[str, Any]) -> Binding | None:
    """Read for which one person the token shall be; null is nobody's name, and must not open everybody."""
    people: tuple[tuple[Literal["client", "therapist"], str], ...]
    people = (("client", "client_ref"), ("therapist", "therapist_ref"))
    found = [read_reference(kind, claims[name]) for kind, name in people if name in claims]
    if len(found) > 1:
        raise Unauthenticated
    return found[0] if found else None


def read_reference(kind: Literal["client", "therapist"], claim: object) -> Binding:
    """Read a reference as forms have it: a text, or system and value."""
    if isinstance(claim, dict) and claim.keys() == {"system", "value"}:
        return Binding(kind=kind, system=_text(claim["system"], 200), value=_text(claim["value"], 200))
    return Binding(kind=kind, system=None, value=_text(claim, 200))


def _acting(claim: object) -> str | None:
    if claim is None:
        return None
    if not isinstance(claim, dict):
        raise Unauthenticated
    return acting_person(claim.get("sub"))


def acting_person(claim: object) -> str:
    """Read the id of the person behind a request, or raise Unauthenticated."""
    if isinstance(claim, str) and 0 < len(claim) <= 100 and claim.isascii() and claim.isprintable():
        return claim
    raise Unauthenticated


def _text(claim: object, longest: int) -> str:
    """Read a text as a form's is: what it is kept as must not be longer, though what was sent may be shorter."""
    if not isinstance(claim, str) or len(claim) > longest:
        raise Unauthenticated
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in claim):
        raise Unauthenticated
    kept = unicodedata.normalize("NFC", claim)
    if not 0 < len(kept) <= longest:
        raise Unauthenticated
    return kept
