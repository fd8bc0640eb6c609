"""Every step from the answers to one score, in the order a person would count."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import NotFound
from app.instruments.model import NOT_APPLICABLE, Answer, Instrument, ItemId
from app.scoring.score import AnyScore, Score, keyed, score


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemStep:
    """One item on its way into the score: what was answered, and what it counted as (None: not counted)."""

    item: ItemId
    answer: int | None
    status: str
    reversed: bool
    counted: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the calculation: what is done, with the numbers put in, and what comes out."""

    name: str
    says: str
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A score with everything that made it."""

    result: AnyScore
    items: tuple[ItemStep, ...]
    steps: tuple[Step, ...]
    sources: tuple[str, ...]


def explain(instrument: Instrument, answers: dict[ItemId, Answer], component: str) -> Explanation:
    """Recount one component and show each step.

    Parameters
    ----------
    instrument
        The definition the score names.
    answers
        The stored answers, as for `score`.
    component
        Key of a component, a rollup or the total.

    Returns
    -------
    Explanation
        Items in the component's order, then the steps: the missing rule, mean, sum and POMP (fewer when not scored).

    Raises
    ------
    NotFound
        When the instrument has no such component.

    References
    ----------
    As for `score`; the texts are this project's own.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> told = explain(shipped().latest("trq-s"), {ItemId("1"): 4}, "rapport")
    >>> [step.says for step in told.steps][1:]
    ['mean = 4 / 1 = 4', 'sum = 1 x 4 = 4', 'POMP = 100 x (4 - 1) / (5 - 1) = 75']
    """
    part = instrument.component(component)
    if part is None:
        raise NotFound(component)
    result = next(s for s in score(instrument, answers) if s.component == component)
    items = tuple(_item_step(instrument, i, answers.get(i)) for i in part.items)
    needed = instrument.missing_rule.minimum[component]
    rule = Step(
        name="missing_rule",
        says=f"{result.answered} of {result.items} answered, at least {needed} needed",
        value=None,
    )
    steps = (
        rule,
        *(
            _counting(instrument, result, items)
            if isinstance(result, Score)
            else (_why_not(instrument, answers, component, result.reason),)
        ),
    )
    sources = (
        "Percent of maximum possible (POMP): doi:10.1207/S15327906MBR3403_2",
        f"Missing answers: {instrument.missing_rule.source}",
        *(s.says + (f", doi:{s.doi}" if s.doi else "") for s in instrument.sources),
    )
    return Explanation(result=result, items=items, steps=steps, sources=sources)


def _item_step(instrument: Instrument, item_id: ItemId, answer: Answer) -> ItemStep:
    item = instrument.item(item_id)
    status = "not_applicable" if answer is NOT_APPLICABLE else "unanswered" if answer is None else "answered"
    number = answer if isinstance(answer, int) else None
    return ItemStep(
        item=item_id,
        answer=number,
        status=status,
        reversed=item is not None and item.reversed,
        counted=None if number is None else keyed(instrument, item_id, number),
    )


def _counting(instrument: Instrument, result: Score, items: tuple[ItemStep, ...]) -> tuple[Step, ...]:
    counted = [step.counted for step in items if step.counted is not None]
    added = " + ".join(map(str, counted))
    mean, low, high = _short(result.mean), _short(instrument.lowest), _short(instrument.highest)
    top = f"({added})" if len(counted) > 1 else added
    divisor = instrument.divisor
    below = f"({result.answered} x {divisor})" if divisor > 1 else str(result.answered)
    return (
        Step(name="mean", says=f"mean = {top} / {below} = {mean}", value=result.mean),
        Step(name="sum", says=f"sum = {result.items} x {mean} = {_short(result.sum)}", value=result.sum),
        Step(
            name="pomp",
            says=f"POMP = 100 x ({mean} - {low}) / ({high} - {low}) = {_short(result.pomp)}",
            value=result.pomp,
        ),
    )


def _why_not(instrument: Instrument, answers: dict[ItemId, Answer], component: str, reason: str) -> Step:
    if reason == "too_many_missing":
        return Step(name="not_scored", says="too few answers: not scored, which is not 0", value=None)
    needed = {c.key for c in instrument.components if c.kind == "component"}
    parts = [s.component for s in score(instrument, answers) if s.component in needed and not isinstance(s, Score)]
    return Step(
        name="not_scored",
        says=f"the {component} needs every component, and these are not scored: {', '.join(parts)}",
        value=None,
    )


def _short(number: float) -> str:
    return f"{number:.4f}".rstrip("0").rstrip(".")
