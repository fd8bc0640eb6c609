"""What is recommended when a signal is open: what it leads to, in which order, and with which numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import UUID

import pytest
from msgspec import to_builtins

from app.change.signal import Kind, Level, Look, Parameters, Signal, State
from app.change.watch import START, look
from app.instruments.catalog import shipped
from app.instruments.model import Answer, ItemId
from app.scoring.score import score
from app.stages.advice import stored_advice
from app.stages.model import Ending, Session, StageEstimate, estimate
from app.stages.recommend import Because, Recommendation, recommend
from app.storage.documents import from_document

TRQ = shipped().latest("trq")
FORM = UUID("01936f5e-9d3c-7a20-8b1c-2f6d5e4c3b2a")
KNOWN = Parameters(version="1", calibrated=False, mu0=3.9, tau=0.6, s0=0.3, sem=0.2)

REPAIR = "signal.rupture.repair_in_four_steps"
TALK = "signal.wish_to_talk.make_room"
LOW = "signal.low.ask_what_is_missing"
DECLINE = "signal.decline.look_back_together"
CUT_OFF = "signal.cut_off.ask_about_the_form"
DIP = "signal.dip.check_in_gently"


def raised(
    kind: Kind,
    *,
    detected: Level = "watch",
    state: State = "open",
    value: float | None = None,
    bound: float | None = None,
) -> Signal:
    """Make a signal as a rule would tell it; reports have no numbers and a component of their own."""
    return Signal(
        signal_id=FORM,
        submission_id=FORM,
        rule=kind,
        version="1",
        kind=kind,
        level="watch",
        detected=detected,
        component="report" if kind in {"reported_rupture", "wish_to_talk"} else "total",
        opened_session=6,
        state=state,
        closed_session=None if state == "open" else 7,
        value=value,
        z=None,
        threshold=bound,
        baseline=None,
        spread=None,
        drift=False,
        sessions_used=5,
        parameters=KNOWN,
        expected_false_alarms=None,
        evidence="design",
    )


def told(*signals: Signal, stage: StageEstimate | None = None, **low: int) -> tuple[Recommendation, ...]:
    """Recommend at a trq form on which everything is 5 but the named components and items."""
    answers: dict[ItemId, Answer] = {
        item: low.get(c.key, 5) for c in TRQ.components if c.kind == "component" for item in c.items
    }
    answers |= {ItemId(item): answer for item, answer in low.items() if item.startswith("b") and item[1:].isdigit()}
    return recommend(TRQ, scores=score(TRQ, answers), answers=answers, stage=stage, signals=signals)


def ids(*signals: Signal, stage: StageEstimate | None = None, **low: int) -> list[str]:
    """List the ids of what is recommended."""
    return [one.id for one in told(*signals, stage=stage, **low)]


def exploring(ending: Ending | None = None) -> StageEstimate:
    """Make an estimate that names exploring the problem."""
    sessions = [Session(number=1, focus=(5, 3, 1, 1)), Session(number=2, focus=(2, 5, 3, 1))]
    return replace(estimate(sessions), current="exploring_the_problem", ending=ending)


# --- what a signal leads to ---


@pytest.mark.parametrize(
    ("kind", "detected", "advice", "rule"),
    [
        ("reported_rupture", "alert", REPAIR, "signal.reported_rupture"),
        ("rupture", "alert", REPAIR, "signal.rupture"),
        ("rupture", "watch", DIP, "signal.dip"),
        ("wish_to_talk", "watch", TALK, "signal.wish_to_talk"),
        ("low", "watch", LOW, "signal.low"),
        ("decline", "watch", DECLINE, "signal.decline"),
        ("cut_off", "watch", CUT_OFF, "signal.cut_off"),
    ],
)
def test_an_open_signal_leads_to_its_advice_with_its_numbers(
    kind: Kind, detected: Level, advice: str, rule: str
) -> None:
    """The reason names the signal, its value and the bound that it is at or beyond, in one unit."""
    [given] = told(raised(kind, detected=detected, value=3.2, bound=3.47))
    component = "report" if kind in {"reported_rupture", "wish_to_talk"} else "total"
    assert (given.id, given.catalogue) == (advice, "1.1.0")
    assert given.because == (Because(rule=rule, component=component, items=(), value=3.2, threshold=3.47),)


def test_a_report_has_no_numbers() -> None:
    """Somebody said so: there is nothing to hold it against."""
    [given] = told(raised("reported_rupture", detected="alert"))
    assert given.because == (
        Because(rule="signal.reported_rupture", component="report", items=(), value=None, threshold=None),
    )


def test_what_the_detector_said_decides_and_not_the_level_that_is_reported() -> None:
    """An instrument that is not calibrated reports no more than a watch; a fall is talked about as one all the same."""
    capped = raised("rupture", detected="alert")
    assert (capped.level, ids(capped)) == ("watch", [REPAIR])
    assert ids(replace(capped, level="alert")) == [REPAIR]


@pytest.mark.parametrize("state", ["repaired", "unresolved", "passed", "retracted"])
@pytest.mark.parametrize("kind", ["reported_rupture", "rupture", "wish_to_talk", "low", "decline", "cut_off"])
def test_a_signal_that_is_closed_proposes_nothing(kind: Kind, state: State) -> None:
    """What is over is no reason to talk about it again."""
    assert told(raised(kind, state=state)) == ()
    assert told(raised(kind, detected="alert", state=state)) == ()


def test_no_signals_change_nothing() -> None:
    """A form without signals is answered as before there were any."""
    assert ids() == []
    assert ids(rapport=1) == ["practice.get_to_know_the_client"]


def test_from_the_rules_to_the_advice() -> None:
    """The series of the science page: a fall at the sixth session, and back at the next one."""
    state, given = START, {}
    for session, mean in enumerate([4.0, 4.1, 4.0, 4.2, 4.1, 3.2, 4.0], start=1):
        form = Look(
            submission_id=UUID(int=session),
            session_number=session,
            mean=mean,
            pomp=25 * (mean - 1),
            value=mean,
            reported_rupture=False,
            wish_to_talk=False,
            cut_offs=(),
            parameters=KNOWN,
        )
        state, signals = look(state, form)
        given[session] = told(*signals)
    assert {session: [one.id for one in advice] for session, advice in given.items() if advice} == {6: [REPAIR]}
    [because] = given[6][0].because
    assert (because.rule, because.component, because.value) == ("signal.rupture", "total", 3.2)
    assert because.threshold == pytest.approx(4.0873 - 2.33 * 0.2662, abs=1e-3)


# --- order, and at most three ---


def test_signals_stand_in_the_order_of_urgency_whatever_the_order_they_are_told_in() -> None:
    """What was said comes before what was reckoned, and a dip comes last; three practices are there in all."""
    every = [
        raised("rupture"),
        raised("cut_off"),
        raised("decline"),
        raised("low"),
        raised("wish_to_talk"),
        raised("reported_rupture", detected="alert"),
    ]
    given = told(*every)
    assert [(one.id, [b.rule for b in one.because]) for one in given] == [
        (REPAIR, ["signal.reported_rupture"]),
        (TALK, ["signal.wish_to_talk"]),
        (LOW, ["signal.low", "signal.decline", "signal.cut_off", "signal.dip"]),
    ]
    assert told(*reversed(every)) == given


def test_a_reported_and_a_detected_rupture_are_one_conversation() -> None:
    """The report comes first among the reasons: it is a fact."""
    [given] = told(raised("rupture", detected="alert", value=3.2), raised("reported_rupture", detected="alert"))
    assert (given.id, [b.rule for b in given.because]) == (REPAIR, ["signal.reported_rupture", "signal.rupture"])


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        (("low", "decline", "cut_off", "rupture"), LOW),
        (("decline", "cut_off", "rupture"), DECLINE),
        (("cut_off", "rupture"), CUT_OFF),
        (("rupture",), DIP),
    ],
)
def test_of_several_reasons_to_ask_the_most_urgent_gives_the_text(signals: tuple[Kind, ...], expected: str) -> None:
    """One check-in, in the words of the strongest reason, with the others beside it."""
    [given] = told(*(raised(kind) for kind in signals))
    assert (given.id, len(given.because)) == (expected, len(signals))


def test_a_signal_comes_after_boundaries_and_before_components_and_the_stage() -> None:
    """What a client says of boundaries outright comes first; how the parts compare can wait."""
    rupture = raised("rupture", detected="alert")
    assert ids(rupture, rapport=1) == [REPAIR, "practice.get_to_know_the_client"]
    assert ids(rupture, stage=exploring(), b1=1) == [
        "practice.respect_boundaries",
        REPAIR,
        "exploring_the_problem.check_understanding",
    ]


def test_an_ending_comes_before_every_signal() -> None:
    """A dropout after a rupture: the door first, and the repair if there is another talk."""
    rupture = raised("rupture", detected="alert")
    assert ids(rupture, stage=exploring("dropout")) == ["ending.dropout.leave_the_door_open", REPAIR]
    assert ids(rupture, raised("low"), stage=exploring("planned")) == [
        "ending.planned.name_what_was_gained",
        "ending.planned.goals_for_after",
        REPAIR,
    ]


def test_three_signals_leave_no_room_for_more() -> None:
    """At most three, so a weaker component and the stage are not told beside three conversations on signals."""
    three = (raised("reported_rupture", detected="alert"), raised("wish_to_talk"), raised("low"))
    assert ids(*three, stage=exploring(), rapport=1) == [REPAIR, TALK, LOW]
    assert ids(*three, stage=exploring(), b1=1) == ["practice.respect_boundaries", REPAIR, TALK]


def test_what_is_stored_of_a_signal_is_read_back_with_its_words() -> None:
    """The reasons and the entry come back from a document as they were."""
    given = told(raised("rupture", detected="alert", value=3.2, bound=3.47))
    document = json.loads(json.dumps(to_builtins(given)))
    [again] = from_document(document, tuple[Recommendation, ...])
    assert (again,) == given
    assert stored_advice(again.catalogue, again.id).practice == "repair_the_relationship"
