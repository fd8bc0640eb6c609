"""The twenty invented clients of the demo, as data: how each course goes, and who fills in what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One invented course of sessions.

    `level` is where the client's answers begin (1 to 5) and `slope` what a session adds; `dips` says by how much a
    session lies below that. `moves` are the sessions from which it is mostly about the problem, about ways forward and
    about the ending. Where a story rests on the totals, `own` and `theirs` give the sum of the eight answers of each
    session, whatever the seed.
    """

    sessions: int
    level: float
    slope: float = 0.0
    dips: Mapping[int, float] = field(default_factory=dict)
    moves: tuple[int, int, int] = (3, 6, 99)
    focus: bool = True  # whether the client answers what the session was about
    therapist_gap: float = -0.25  # how the therapist's answers lie to the client's
    therapist_forms: float = 0.85  # share of sessions with a form by the therapist
    skipped: frozenset[int] = frozenset()  # sessions without a form by the client
    gaps: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # session -> items left empty
    ruptures: frozenset[int] = frozenset()  # sessions after which the client says that something went wrong
    wish_to_talk: frozenset[int] = frozenset()
    planned: int | None = None
    ending: Literal["planned", "dropout"] | None = None
    weeks_ago: int = 0  # when the last session was
    wai_sessions: frozenset[int] = frozenset()  # sessions with wai-sr as well
    channel: Literal["in_person", "video"] = "in_person"
    own: tuple[int, ...] = ()  # the client's sums, 8 to 40
    theirs: tuple[int, ...] = ()  # the therapist's
    acknowledged: Mapping[int, str] = field(default_factory=dict)  # session -> why its signal needs no more


#: The client whose story is told in full: a dip, its repair, and a planned ending.
STORY = 7
#: Stories of signals: a rupture that nobody reported and that was repaired, a slow drift, a relationship that was never
#: good, a false alarm, and two who see it differently.
RUPTURE, DRIFT, NEVER_GOOD, FALSE_ALARM, DISAGREEING = 3, 6, 5, 1, 11
#: The client who fills in wai-sr too, whose goals lie low there.
LONGER_FORM = 9
#: The client whose last form has too many gaps for a total.
TOO_MANY_GAPS = 14

#: Client 1 is the first one. Nobody here exists.
COURSES: tuple[Course, ...] = (
    Course(sessions=8, level=4.2, own=(34, 33, 34, 33, 35, 29, 34, 34), acknowledged={6: "false_alarm"}),
    Course(sessions=11, level=3.6, slope=0.08, planned=16, moves=(3, 7, 99)),
    Course(
        sessions=9, level=4.1, own=(32, 33, 32, 34, 33, 25, 29, 33, 34), acknowledged={6: "talked_about_it"},
        moves=(3, 8, 99),
    ),
    Course(sessions=1, level=4.0),
    Course(sessions=4, level=2.6, own=(22, 20, 21, 20), therapist_gap=0.6, moves=(4, 99, 99)),
    Course(
        sessions=10, level=4.6, slope=-0.1, own=(37, 36, 36, 35, 34, 33, 33, 32, 31, 30), therapist_gap=0.1,
        moves=(2, 5, 99),
    ),
    Course(
        sessions=12, level=3.9, slope=0.05, dips={6: 1.2, 7: 0.4}, ruptures=frozenset({6}), moves=(3, 6, 11),
        gaps={12: ("7",)}, planned=12, ending="planned", therapist_forms=0.9,
    ),
    Course(sessions=5, level=3.6, slope=-0.18, moves=(3, 99, 99), ending="dropout", weeks_ago=5),
    Course(sessions=9, level=4.0, wai_sessions=frozenset({1, 5, 9})),
    Course(sessions=8, level=6.0, therapist_gap=-1.6, channel="video"),
    Course(
        sessions=8, level=3.4, own=(27, 28, 27, 26, 28, 27, 26, 27), theirs=(36, 36, 37, 36, 37, 36, 37, 37),
        moves=(2, 4, 99),
    ),
    Course(sessions=11, level=4.1, skipped=frozenset({4, 5}), moves=(2, 6, 99)),
    Course(sessions=6, level=3.9, focus=False),
    Course(sessions=8, level=3.8, gaps={8: ("2", "5", "7")}, moves=(3, 7, 99)),
    Course(sessions=3, level=3.7, therapist_forms=0.0),
    Course(sessions=9, level=4.4, dips={9: 1.4}, moves=(3, 6, 99), therapist_forms=1.0),
    Course(sessions=2, level=4.4, moves=(2, 99, 99), channel="video"),
    Course(sessions=12, level=4.3, moves=(2, 4, 99), planned=20),
    Course(sessions=7, level=3.2, slope=0.15, moves=(3, 5, 99), wish_to_talk=frozenset({6})),
    Course(sessions=4, level=4.0, moves=(2, 99, 99), channel="video"),
)  # fmt: skip
