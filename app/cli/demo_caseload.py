"""The invented caseload of the demo: 20 clients, up to 12 sessions, two raters, gaps, a planned ending."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

CLIENTS = 20
_FOCUS = ((5, 3, 1, 1), (4, 4, 2, 1), (2, 5, 3, 1), (2, 4, 4, 1), (1, 3, 5, 1), (1, 2, 5, 2), (1, 1, 3, 5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One form of the demo, and whose it is."""

    client: str
    form: dict[str, Any]


def caseload(seed: int) -> list[Visit]:
    """Make every form, client after client, in the order of sessions."""
    dice = Random(seed)  # noqa: S311 - invented data, nothing secret
    return [visit for number in range(1, CLIENTS + 1) for visit in _course(number, dice)]


def _course(number: int, dice: Random) -> list[Visit]:
    client = f"demo-client-{number:02}"
    planned = number == 7
    sessions = 12 if planned else dice.randint(3, 12)
    base = 2.0 if number == 5 else dice.gauss(3.9, 0.4)
    visits = []
    for session in range(1, sessions + 1):
        dip = 1.1 if number == 12 and session == 4 else 0.12 * session if number == 9 else 0.0
        form = {
            "client_ref": client,
            "therapist_ref": f"demo-therapist-{number % 3 + 1}",
            "session_number": session,
            "planned_sessions": 12 if planned else None,
            "completed_at": (datetime.now(UTC) - timedelta(weeks=sessions - session, hours=2)).isoformat(
                timespec="seconds"
            ),
        }
        ending = "planned" if planned and session == sessions else None
        own = {"instrument": "trq-s", "rater": "client", "reported": {"ending": ending}}
        visits.append(
            Visit(client=client, form=form | own | {"answers": _answers(base - dip, session, sessions, dice, planned)})
        )
        if dice.random() < 0.8:
            theirs = {"instrument": "trq-s-t", "rater": "therapist"}
            visits.append(Visit(client=client, form=form | theirs | {"answers": _items(base + 0.2, dice)}))
    return visits


def _answers(level: float, session: int, sessions: int, dice: Random, planned: bool) -> dict[str, Any]:
    answers = _items(level, dice)
    if dice.random() < 0.04:  # a form with so many gaps that its total is not scored
        answers |= {"2": None, "4": None, "6": None}
    if dice.random() < 0.85:
        last = len(_FOCUS) - 1 if planned else len(_FOCUS) - 2
        focus = _FOCUS[min(last, (session - 1) * len(_FOCUS) // max(sessions, 6))]
        answers |= dict(zip(("f1", "f2", "f3", "f4"), focus, strict=True))
    return answers


def _items(level: float, dice: Random) -> dict[str, Any]:
    answers: dict[str, Any] = {str(i): max(1, min(5, round(dice.gauss(level, 0.6)))) for i in range(1, 9)}
    gap = dice.random()
    if gap < 0.15:
        answers[str(dice.randint(1, 8))] = None if gap < 0.1 else "not_applicable"
    return answers
