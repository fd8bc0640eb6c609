"""From invented courses to the forms that would be posted, the same ones for the same seed and day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from app.cli.demo.courses import COURSES, STORY, TOO_MANY_GAPS, Course

SENT_TWICE = 6
_THERAPISTS = 3
_STAGES = ("establishing_rapport", "exploring_the_problem", "working_on_solutions", "termination")
_FOCUS = ((5, 3, 1, 1), (2, 5, 3, 1), (1, 3, 5, 1), (1, 1, 3, 5))
_GOAL_ITEMS = {"4", "6", "8", "11"}  # of wai-sr


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One form with the key it is posted under, and whether its sender asks again.

    `acknowledge` is the reason with which the therapist acknowledges the signals that the form opens.
    """

    client: str
    key: str
    form: dict[str, Any]
    twice: bool = False
    acknowledge: str | None = None


def client_name(number: int) -> str:
    """Name an invented client."""
    return f"demo-client-{number:02}"


def forms(seed: int, *, today: date) -> list[Sending]:
    """Make the forms of all clients in the order of time; every one was completed before today."""
    made = []
    for number, course in enumerate(COURSES, start=1):
        made += _Client(number, course, Random(f"{seed}/{number}"), today).sendings()  # noqa: S311 - invented data
    made.sort(key=lambda sending: str(sending.form["completed_at"]))
    again = set(Random(seed).sample(range(len(made)), SENT_TWICE))  # noqa: S311 - the same
    return [replace(one, twice=index in again) for index, one in enumerate(made)]


class _Client:
    """One client's forms, session by session."""

    def __init__(self, number: int, course: Course, dice: Random, today: date) -> None:
        self._number, self._course, self._dice = number, course, dice
        self._traits = [dice.gauss(0, 0.25) for _ in range(12)]
        self._days = self._session_days(today)

    def sendings(self) -> list[Sending]:
        """Make the forms: the client's, the therapist's, and now and then wai-sr."""
        made = []
        for session in range(1, self._course.sessions + 1):
            if session not in self._course.skipped:
                made.append(self._sending(session, self._own(session), minutes=55))
            if session in self._course.wai_sessions:
                made.append(self._sending(session, self._wai(session), minutes=60))
            if self._has_therapist_form(session):
                made.append(self._sending(session, self._therapist(session), minutes=75))
        return made

    def _sending(self, session: int, part: dict[str, Any], *, minutes: int) -> Sending:
        name, day = client_name(self._number), self._days[session - 1]
        ended = datetime.combine(day, time(8 + self._number % 8), UTC) + timedelta(minutes=minutes)
        form = {
            "client_ref": name,
            "therapist_ref": f"demo-therapist-{self._number % _THERAPISTS + 1}",
            "session_number": session,
            "planned_sessions": self._course.planned,
            "session_date": day.isoformat(),
            "completed_at": ended.isoformat().replace("+00:00", "Z"),
            "locale": "en",
            "channel": self._course.channel,
            **part,
        }
        seen = self._course.acknowledged.get(session) if part["rater"] == "client" else None
        return Sending(client=name, key=f"{name}/{session}/{part['instrument']}", form=form, acknowledge=seen)

    def _own(self, session: int) -> dict[str, Any]:
        course = self._course
        gaps = course.gaps.get(session)
        answers = _summing_to(course.own, session) or self._answers(8, self._level(session), spread=0.4)
        answers |= dict.fromkeys(gaps) if gaps else {} if course.own else self._gap(session)
        answers |= self._focus(session)
        return {
            "instrument": "trq-s",
            "rater": "client",
            "answers": answers,
            "reported": {
                "rupture": session in course.ruptures,
                "wish_to_talk": session in course.wish_to_talk,
                "ending": self._ending(session),
            },
            "seen_by_therapist": True,
        }

    def _therapist(self, session: int) -> dict[str, Any]:
        # Therapists see part of a dip: their answers follow the client's by two thirds.
        level = self._level(session) / 1.5 + self._course.level / 3 + self._course.therapist_gap
        told = _summing_to(self._course.theirs, session)
        answers = told or self._answers(8, level, spread=0.4) | self._gap(session)
        reported = {"stage": _STAGES[self._phase(session)], "ending": self._ending(session)}
        return {"instrument": "trq-s-t", "rater": "therapist", "answers": answers, "reported": reported}

    def _wai(self, session: int) -> dict[str, Any]:
        answers = self._answers(12, self._level(session), spread=0.3)
        answers |= {item: max(1, int(value) - 2) for item, value in answers.items() if item in _GOAL_ITEMS}
        if session > 1:
            answers["8"] = None
        return {"instrument": "wai-sr", "rater": "client", "answers": answers}

    def _answers(self, items: int, level: float, *, spread: float) -> dict[str, Any]:
        drawn = (level + self._traits[i] + self._dice.gauss(0, spread) for i in range(items))
        return {str(i): max(1, min(5, round(value))) for i, value in enumerate(drawn, start=1)}

    def _gap(self, session: int) -> dict[str, Any]:
        """Leave out one item now and then; the forms whose gaps are told about have theirs elsewhere."""
        chance, item = self._dice.random(), str(self._dice.randint(1, 8))
        if chance > 0.15 or (self._number in {STORY, TOO_MANY_GAPS} and session in self._course.gaps):
            return {}
        return {item: None if chance < 0.1 else "not_applicable"}

    def _focus(self, session: int) -> dict[str, Any]:
        if not self._course.focus or (self._dice.random() < 0.08 and session < self._course.sessions):
            return {}
        now, before = _FOCUS[self._phase(session)], _FOCUS[self._phase(max(1, session - 1))]
        about = (round((n + b) / 2) for n, b in zip(now, before, strict=True))  # a move takes its time
        drawn = (max(1, min(5, one + self._dice.choice((0, 0, 0, -1, 1)))) for one in about)
        return dict(zip(("f1", "f2", "f3", "f4"), drawn, strict=True))

    def _phase(self, session: int) -> int:
        return sum(session >= first for first in self._course.moves)

    def _level(self, session: int) -> float:
        return self._course.level + self._course.slope * (session - 1) - self._course.dips.get(session, 0.0)

    def _ending(self, session: int) -> str | None:
        return self._course.ending if session == self._course.sessions else None

    def _has_therapist_form(self, session: int) -> bool:
        always = bool(self._course.theirs) or self._ending(session) is not None
        return self._dice.random() < self._course.therapist_forms or always

    def _session_days(self, today: date) -> list[date]:
        """Meet every week, with a fortnight now and then, up to the last session."""
        days = [today - timedelta(days=1 + self._number % 6, weeks=self._course.weeks_ago)]
        while len(days) < self._course.sessions:
            days.insert(0, days[0] - timedelta(weeks=self._dice.choice((1, 1, 1, 1, 1, 2))))
        return days


def _summing_to(sums: tuple[int, ...], session: int) -> dict[str, Any]:
    """Make eight answers of a given sum, as even as can be; which of them are the higher ones moves on."""
    if not sums:
        return {}
    low, higher = divmod(sums[session - 1], 8)
    return {str(i): low + ((i + 3 * session) % 8 < higher) for i in range(1, 9)}
