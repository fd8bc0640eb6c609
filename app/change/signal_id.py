"""The id of a signal, which follows from the form that opened it: a course that is counted anew finds the same one."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

_TIME_SHIFT = 80
_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62
_RAND_A = ((1 << 12) - 1) << 64
_RAND_B = (1 << 62) - 1


def signal_id(submission_id: UUID, *, rule: str, component: str) -> UUID:
    """Name the signal that a rule opened at a form.

    Parameters
    ----------
    submission_id
        The form that opened it, a UUIDv7.
    rule
        The id of the rule, such as `RUP-1`; its version is no part of the name.
    component
        The component it is about.

    Returns
    -------
    UUID
        A UUIDv7 with the time of the submission (its first 48 bits). The other 74 bits that are free come from SHA-256
        over the bytes of the submission's id, the rule, a zero byte, and the component, so that no two rules of one
        form share an id.

    References
    ----------
    RFC 9562, section 5.7. That the other bits are a digest is a choice of this project.

    Examples
    --------
    >>> signal_id(UUID("01936f5e-9d3c-7a20-8b1c-2f6d5e4c3b2a"), rule="RUP-1", component="total")
    UUID('01936f5e-9d3c-7651-a3b2-c0aa07fcd807')
    """
    digest = sha256(submission_id.bytes + rule.encode() + b"\0" + component.encode()).digest()
    filled = int.from_bytes(digest[:10], "big")
    time = submission_id.int >> _TIME_SHIFT << _TIME_SHIFT
    return UUID(int=time | _VERSION_7 | (filled & _RAND_A) | _VARIANT | (filled & _RAND_B))
