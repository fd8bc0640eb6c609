"""Break-glass: a read about somebody else's client, opened for this one request, with a reason, and marked for good.

Which reads, who may, and what has to be said is decided here, before the operation runs. What opens is one word of the
caller (`Caller.opened`), which everything that looks for a client asks; the mark is made where every access is
(app/web/audited.py).
"""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Final

from fastapi import Request
from starlette.responses import Response

from app.access.caller import Caller
from app.errors import ActingRequired, Forbidden
from app.web.problems import WebProblem

#: The reads about one client that it opens: what is concluded and asked of them, never lists, exports or statements.
OPENED: Final = frozenset(
    {
        "get_progress", "get_stage", "get_trajectory", "get_discrepancy", "get_explanation", "get_signals",
        "get_signal_explanation", "get_schedule", "get_submission",
    }
)  # fmt: skip
ASKING: Final = "Break-Glass"
#: What the asking header says, and nothing else.
YES: Final = "1"
REASON: Final = "Access-Reason"
LONGEST_REASON: Final = 500
#: Kinds of characters that are not printed: controls, marks of direction and width, no characters, ends of lines.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def reason_given(request: Request, caller: Caller, operation: str) -> str | None:
    """Return why the glass is to be broken, None where nobody asks for it, or refuse.

    Who may not is told that first; what is said without being asked for changes nothing, but must be well said.
    """
    if operation not in OPENED:
        return None
    asked = request.headers.getlist(ASKING)
    if asked and not caller.may_break_glass:
        raise Forbidden(scope="clients:break_glass")
    if asked and asked != [YES]:
        raise WebProblem("invalid_parameter", parameter=ASKING)
    reason = _reason(request)
    if not asked:
        return None
    if reason is None:
        raise WebProblem("access_reason_required")
    if caller.acting is None:
        raise ActingRequired
    return reason


def opened(caller: Caller) -> Caller:
    """Let a caller find every client of the organisation; what they see of one is their own eyes' as before."""
    return replace(caller, opened=True)


def mark(response: Response) -> None:
    """Say on an answer that it was opened so, and let nobody keep it."""
    response.headers[ASKING] = "marked"
    response.headers["Cache-Control"] = "no-store"


def _reason(request: Request) -> str | None:
    """Read the reason: printable text as UTF-8, which the framework takes for Latin-1."""
    given = request.headers.getlist(REASON)
    if not given:
        return None
    try:
        reason = unicodedata.normalize("NFC", given[0].encode("latin-1").decode("utf-8"))
    except UnicodeError:
        reason = ""
    is_printable = not any(unicodedata.category(char) in _UNSEEN for char in reason)
    if len(given) > 1 or not is_printable or not 0 < len(reason.strip()) <= LONGEST_REASON:
        raise WebProblem("invalid_parameter", parameter=REASON)
    return reason.strip()
