"""What could be talked about next: at most three recommendations, each with the reasons it rests on.

Rules are looked at in one order, the most urgent first. A practice is recommended once; when several rules lead to it,
the first one gives the text and all of them stand among the reasons. With nothing to say the answer is empty, never
filler.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from inspect import getdoc
from typing import ClassVar

from app.instruments.model import Component, Instrument
from app.scoring.score import AnyScore, Score
from app.stages.advice import Advice, shipped_advice
from app.stages.model import NAMED_FROM, STAGES, StageEstimate

#: More than this is noise to somebody between two sessions.
AT_MOST = 3

#: Rule 11 of science.md while no standard error of measurement is known: 15 % of the range, from 3 items upwards.
WEAKER_BY_POMP = 15.0
WEAKER_FROM_ITEMS = 3

#: POMPs are quotients: a difference of exactly 15 may come out a hair above it, and must not count as more.
ROUNDING = 1e-9

#: Texts are kept by language code; English is the only one so far.
LANGUAGE = "en"

_DESIGN = "Design choice of this project, not validated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """A reason: the rule, and what it looked at.

    `value` is the probability of the stage, or how far the component lies below the others in POMP; `threshold` is what
    it was held against. Both are None where something was simply reported.
    """

    rule: str
    component: str | None
    items: tuple[str, ...]
    value: float | None
    threshold: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """A prompt for a conversation, never a judgement: what to do, why, on what evidence, and when to look again."""

    id: str
    practice: str
    title: str
    text: str
    because: tuple[Because, ...]
    evidence: str
    source: str
    review_after_sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the rules look at: one form's scores, and the stage of its episode."""

    instrument: Instrument
    scores: Sequence[AnyScore]
    stage: StageEstimate | None


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


class ComponentWeaker(Rule):
    """A component far below the others may say what to talk about, but the lowest of several is mostly chance.

    So it is named only beyond 15 POMP below the mean of the others and only when at least three of its items were
    answered: on short forms the lowest component of a simulated client was the right one in 24 % of sessions.
    """

    id = "component.weaker"
    source = f"{_DESIGN}; rule 11 of the project's science page."

    def proposals(self, case: Case) -> Iterator[Proposal]:
        """Propose the practice of each weaker component, the weakest first."""
        scored = list(_scored_components(case))
        gaps = [
            (below, component, score)
            for component, score in scored
            if (below := _below_others(score, [s for _, s in scored if s is not score])) is not None
        ]
        for below, component, score in sorted(gaps, key=lambda gap: gap[2].pomp):
            # What was answered counts, not what was asked: a definition may let one answer of four stand for the rest.
            if score.answered < WEAKER_FROM_ITEMS or below <= WEAKER_BY_POMP + ROUNDING:
                continue
            because = Because(
                rule=self.id,
                component=component.key,
                items=tuple(component.items),
                value=below,
                threshold=WEAKER_BY_POMP,
            )
            for advice in shipped_advice().for_component(component):
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
RULES: tuple[Rule, ...] = (EndingReported(), ComponentWeaker(), StageNamed())


def recommend(
    instrument: Instrument, *, scores: Sequence[AnyScore], stage: StageEstimate | None
) -> tuple[Recommendation, ...]:
    """Recommend what to talk about next.

    Parameters
    ----------
    instrument
        The definition of the form; it tells components from rollups and the total.
    scores
        The scores of one form of that instrument, from one rater. Components that were not scored are not looked at.
    stage
        The stage of the episode at this session, or None where it was not estimated.

    Returns
    -------
    tuple of Recommendation
        None to three, the most urgent first: the reported ending; components weaker than the mean of the others
        [by more than 15 POMP, 3 answered items at least], the weakest first; the stage, when it is named and no ending
        was reported. Empty when there is nothing to say.

    Notes
    -----
    Rollups and the total are no components and are not compared. Single items (trq-s) are never named as weaker. A
    practice is recommended once; further rules that lead to it are added to its reasons.

    References
    ----------
    Design choice of this project, not validated. Nothing here claims that advice or feedback changes how therapy ends.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> from app.scoring.score import score
    >>> wai = shipped().latest("wai-sr")
    >>> low_bond = {item.id: 2 if item.id in {"3", "5", "7", "9"} else 4 for item in wai.items}
    >>> [(r.practice, r.because[0].value) for r in recommend(wai, scores=score(wai, low_bond), stage=None)]
    [('build_trust', 50.0)]
    """
    case = Case(instrument=instrument, scores=scores, stage=stage)
    by_practice: dict[str, list[Proposal]] = {}
    for rule in RULES:
        for proposal in rule.proposals(case):
            by_practice.setdefault(proposal.advice.practice, []).append(proposal)
    return tuple(_recommendation(proposals) for proposals in by_practice.values())[:AT_MOST]


def _scored_components(case: Case) -> Iterator[tuple[Component, Score]]:
    for score in case.scores:
        component = case.instrument.component(score.component)
        if isinstance(score, Score) and component is not None and component.kind == "component":
            yield component, score


def _below_others(score: Score, others: list[Score]) -> float | None:
    """Tell by how many POMP a component lies below the mean of the others; None when there are no others."""
    return sum(other.pomp for other in others) / len(others) - score.pomp if others else None


def _recommendation(proposals: list[Proposal]) -> Recommendation:
    advice = proposals[0].advice
    return Recommendation(
        id=advice.id,
        practice=advice.practice,
        title=advice.title[LANGUAGE],
        text=advice.text[LANGUAGE],
        because=tuple(proposal.because for proposal in proposals),
        evidence=advice.evidence,
        source=advice.source,
        review_after_sessions=advice.review_after_sessions,
    )
