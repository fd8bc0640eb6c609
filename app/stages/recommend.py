"""What could be talked about next: at most three recommendations, each with the reasons it rests on.

Rules are looked at in one order, the most urgent first. A practice is recommended once; when several rules lead to it,
the first one gives the text and all of them stand among the reasons. With nothing to say the answer is empty, never
filler.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import getdoc
from typing import ClassVar

from app.change.signal import Signal
from app.instruments.model import Answer, Instrument, ItemId
from app.scoring.score import AnyScore
from app.stages.advice import Advice, Concern, shipped_advice
from app.stages.model import NAMED_FROM, STAGES, StageEstimate
from app.stages.weaker import Yardstick, weaker

#: More than this is noise to somebody between two sessions.
AT_MOST = 3

#: On 1 to 5: "not at all" and "a little" to a line that says that boundaries were kept.
BOUNDARY_LOW = 2.0

_DESIGN = "Design choice of this project, not validated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """A reason: the rule, and what it looked at.

    `value` is what the rule found and `threshold` what it was held against: the probability of the stage, which must
    reach it; how far the component lies below the others in POMP, which must exceed it; the answer to an item on
    boundaries, which must not be above it; what opened a signal and the bound that it is at or beyond, in the signal's
    own unit. Both are None where something was simply reported.
    """

    rule: str
    component: str | None
    items: tuple[str, ...]
    value: float | None
    threshold: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """A prompt for a conversation, never a judgement: which entry of which catalogue, and why.

    Words, practice, evidence and when to look again stand in that version of the catalogue (`stored_advice`), so that
    what is kept is small and can be read in any language.
    """

    id: str
    catalogue: str
    because: tuple[Because, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the rules look at: one form's answers and scores, the signals told at it, and the stage of its episode."""

    instrument: Instrument
    scores: Sequence[AnyScore]
    answers: Mapping[ItemId, Answer]
    stage: StageEstimate | None
    sems: Mapping[str, float] | None
    signals: Sequence[Signal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One entry of the catalogue, and the reason why a rule chose it."""

    advice: Advice
    because: Because


class Rule(ABC):
    """A way from a case to advice. The docstring of each rule says why it exists."""

    id: ClassVar[str]
    source: ClassVar[str]

    @property
    def why(self) -> str:
        """The reason for the rule, in plain words."""
        return getdoc(self) or ""

    @abstractmethod
    def proposals(self, case: Case) -> Iterator[Proposal]:
        """Give what the rule proposes, the most urgent first."""


class EndingReported(Rule):
    """An ending can't be made up for later, so what its kind asks for comes before all else.

    A dropout or a transfer is not a success to celebrate, which is why the reported kind decides and not the stage. The
    report is a fact and needs no likely stage.
    """

    id = "ending"
    source = f"{_DESIGN}; the article's fourth stage, told apart by how it ended."

    def proposals(self, case: Case) -> Iterator[Proposal]:
        """Propose the advice of the reported kind of ending."""
        if case.stage is None or case.stage.ending is None:
            return
        because = Because(rule=f"{self.id}.{case.stage.ending}", component=None, items=(), value=None, threshold=None)
        for advice in shipped_advice().for_ending(case.stage.ending):
            yield Proposal(advice=advice, because=because)


class BoundaryLow(Rule):
    """A client who says that a boundary was not kept answers for one item; no mean of several may hide it.

    It is about being able to say no and about clear roles, and a prompt to ask. A violation is a safeguarding matter
    with a way of its own and never comes through here. A therapist's guess at what the client felt is not a report.
    """

    id = "boundaries.item_low"
    source = f"{_DESIGN}; the article's tip to respect boundaries."

    def proposals(self, case: Case) -> Iterator[Proposal]:
        """Propose the practice for each item on boundaries that a client answered with 1 or 2."""
        if case.instrument.raters != ("client",):
            return
        for item in case.instrument.items:
            answer = case.answers.get(item.id)
            asks = item.role == "beside" and item.topic == "boundaries"
            if not asks or not isinstance(answer, int) or answer > BOUNDARY_LOW:
                continue
            because = Because(
                rule=self.id, component=None, items=(item.id,), value=float(answer), threshold=BOUNDARY_LOW
            )
            for advice in shipped_advice().for_practice("respect_boundaries"):
                yield Proposal(advice=advice, because=because)


class SignalRaised(Rule):
    """A signal asks whether something has come between the two, and to ask is all that can be done about it here.

    What the detector said decides and not the level that is reported: an instrument that is not calibrated caps the
    level, and the conversation would be the same one. A single watch of RUP-1 is a dip and asks for less. What is
    repaired, unresolved or passed is over, and proposes nothing.
    """

    id = "signal"
    source = f"{_DESIGN}; sections 5 and 7 of the project's science page."

    #: What a reason says a signal is (`signal.rupture`), the most urgent first, and what its advice is about.
    urgency: ClassVar[Mapping[str, Concern]] = {
        "reported_rupture": "rupture",
        "rupture": "rupture",
        "wish_to_talk": "wish_to_talk",
        "low": "low",
        "decline": "decline",
        "cut_off": "cut_off",
        "dip": "dip",
    }

    def proposals(self, case: Case) -> Iterator[Proposal]:
        """Propose the advice for each open signal."""
        if not case.signals:
            return
        told = {self._name(signal): signal for signal in case.signals if signal.is_open}
        for name, concern in self.urgency.items():
            if name not in told:
                continue
            signal = told[name]
            because = Because(
                rule=f"{self.id}.{name}",
                component=signal.component,
                items=(),
                value=signal.value,
                threshold=signal.threshold,
            )
            for advice in shipped_advice().for_signal(concern):
                yield Proposal(advice=advice, because=because)

    @staticmethod
    def _name(signal: Signal) -> str:
        return "dip" if signal.kind == "rupture" and signal.detected == "watch" else signal.kind


class ComponentWeaker(Rule):
    """A component far below the others may say what to talk about, but the lowest of several is mostly chance.

    So it is named only beyond error: the known error of measurement, or else the noise of the form itself and 15 POMP
    (`weaker` says how). On short forms the lowest component of a simulated client was the right one in 24 % of
    sessions.
    """

    id = "component.weaker"
    source = f"{_DESIGN}; rule 11 of the project's science page."

    #: The names that are stored, with their versions. Version 1 of `component.weaker` named from 15 POMP alone.
    names: ClassVar[Mapping[Yardstick, str]] = {"spread": "component.weaker.2", "sem": "component.weaker.sem.1"}

    def proposals(self, case: Case) -> Iterator[Proposal]:
        """Propose the practice of each weaker component, the weakest first."""
        for found in weaker(case.instrument, scores=case.scores, answers=case.answers, sems=case.sems):
            because = Because(
                rule=self.names[found.yardstick],
                component=found.component.key,
                items=tuple(found.component.items),
                value=found.below,
                threshold=found.threshold,
            )
            for advice in shipped_advice().for_component(found.component):
                yield Proposal(advice=advice, because=because)


class StageNamed(Rule):
    """Each stage has tasks of its own, so a stage that is likely enough to be named gives the focus.

    An uncertain stage, or one that only the number of the session suggests, would send a therapist the wrong way.
    """

    id = "stage"
    source = f"{_DESIGN}; the four stages of the article, with STG-1."

    def proposals(self, case: Case) -> Iterator[Proposal]:
        """Propose the advice of the named stage, unless an ending was reported."""
        stage = case.stage
        if stage is None or stage.current is None or stage.basis == "session_number_only" or stage.ending is not None:
            return
        because = Because(
            rule=f"{self.id}.{stage.current}",
            component=None,
            items=(),
            value=stage.probabilities[STAGES.index(stage.current)],
            threshold=NAMED_FROM,
        )
        for advice in shipped_advice().for_stage(stage.current):
            yield Proposal(advice=advice, because=because)


#: Every rule, the most urgent first.
RULES: tuple[Rule, ...] = (EndingReported(), BoundaryLow(), SignalRaised(), ComponentWeaker(), StageNamed())


def recommend(
    instrument: Instrument,
    *,
    scores: Sequence[AnyScore],
    answers: Mapping[ItemId, Answer],
    stage: StageEstimate | None,
    sems: Mapping[str, float] | None = None,
    signals: Sequence[Signal] = (),
) -> tuple[Recommendation, ...]:
    """Recommend what to talk about next.

    Parameters
    ----------
    instrument
        The definition of the form; it tells components from rollups and the total.
    scores
        The scores of one form of that instrument, from one rater. Components that were not scored are not looked at.
    answers
        The checked answers that the scores were counted from.
    stage
        The stage of the episode at this session, or None where it was not estimated.
    sems
        Component -> standard error of measurement [POMP, > 0], where a norm or a definition brings them; see `weaker`.
    signals
        Those told at this form of its series, one open one of a rule at most; closed ones propose nothing.

    Returns
    -------
    tuple of Recommendation
        None to three, the most urgent first: the reported ending; a client's low answer to an item on boundaries
        [1 or 2 of 5]; open signals, a reported rupture first, then RUP-1's alert, a wish to talk, a low level, a
        decline, a published cut-off and RUP-1's watch; components weaker than the mean of the others beyond error, the
        weakest first; the stage, when it is named and no ending was reported. Empty when there is nothing to say.

    Raises
    ------
    ValueError
        For a standard error that is not a positive number.

    Notes
    -----
    Rollups and the total are no components and are not compared. Single items (trq-s) are never named as weaker. A
    practice is recommended once; further rules that lead to it are added to its reasons. The rule and the version that
    a signal rests on stand with the signal.

    References
    ----------
    Design choice of this project, not validated. Nothing here claims that advice or feedback changes how therapy ends.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> from app.scoring.score import score
    >>> wai = shipped().latest("wai-sr")
    >>> low_bond = {item.id: 2 if item.id in {"3", "5", "7", "9"} else 4 for item in wai.items}
    >>> given = recommend(wai, scores=score(wai, low_bond), answers=low_bond, stage=None)
    >>> [(r.id, r.catalogue, r.because[0].value) for r in given]
    [('practice.build_trust', '1.1.0', 50.0)]
    """
    case = Case(instrument=instrument, scores=scores, answers=answers, stage=stage, sems=sems, signals=signals)
    by_practice: dict[str, list[Proposal]] = {}
    for rule in RULES:
        for proposal in rule.proposals(case):
            by_practice.setdefault(proposal.advice.practice, []).append(proposal)
    return tuple(_recommendation(proposals) for proposals in by_practice.values())[:AT_MOST]


def _recommendation(proposals: list[Proposal]) -> Recommendation:
    return Recommendation(
        id=proposals[0].advice.id,
        catalogue=shipped_advice().version,
        because=tuple(proposal.because for proposal in proposals),
    )
