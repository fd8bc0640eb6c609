"""Headers that are read before any operation runs, as the document tells them of the operations that they are about."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from app.web.audited import ABOUT_NOBODY, NEEDING_A_PERSON
from app.web.break_glass import ASKING, LONGEST_REASON, OPENED, REASON, YES

#: For whom an application asks.
ACTING_USER: dict[str, Any] = {
    "name": "Acting-User",
    "in": "header",
    "required": False,
    "description": (
        "The person for whom the application asks: your own id of them, never a name. It is sealed in the log of who "
        "looked at what. Required where the organisation wants to know who reads and erases, and with `Break-Glass`; a "
        "key that opens one client names nobody."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    "example": "staff-4711",
}
_BREAK_GLASS: tuple[dict[str, Any], ...] = (
    {
        "name": ASKING,
        "in": "header",
        "required": False,
        "description": (
            "`1` opens a client of the organisation who is not this key's own, for this one request: for keys and "
            "tokens of therapists and supervisors whose application has the scope `clients:break_glass`. It needs "
            f"`{REASON}` and `Acting-User`, and is marked in the log, with both, whether it was needed or not."
        ),
        "schema": {"type": "string", "enum": [YES]},
        "example": YES,
    },
    {
        "name": REASON,
        "in": "header",
        "required": False,
        "description": (
            f"Why, with `{ASKING}`: printable text in UTF-8, sealed with the client's key. "
            f"Without `{ASKING}` it is not kept."
        ),
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_REASON,
            "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$",
        },
        "example": "On call for th-7, who is ill; the client asks for a session today.",
    },
)
_MARKED: dict[str, Any] = {
    "description": "`marked`: the answer was opened by break-glass, and the log says so. It must not be kept.",
    "schema": {"type": "string", "enum": ["marked"]},
}


def add_headers(operation: dict[str, Any], *, method: str) -> None:
    """Tell of an operation which of these headers it reads, and which it answers."""
    name = operation["operationId"]
    if (
        (method == "get" or name in NEEDING_A_PERSON)
        and {"bearer"} == {one for kind in operation["security"] for one in kind}
        and name not in ABOUT_NOBODY
    ):
        _add(operation, ACTING_USER)
    if name in OPENED:
        for parameter in _BREAK_GLASS:
            _add(operation, parameter)
        for status in {"200", "304"} & operation["responses"].keys():
            headers = operation["responses"][status].setdefault("headers", {})
            headers[ASKING] = deepcopy(_MARKED)


def _add(operation: dict[str, Any], parameter: dict[str, Any]) -> None:
    there = operation.setdefault("parameters", [])
    if parameter["name"] not in {one["name"] for one in there}:
        there.append(deepcopy(parameter))
