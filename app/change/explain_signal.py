"""Every number of a signal, from the totals of the series to z, in the order a person would count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.change.decline import DECLINE
from app.change.low import LOW
from app.change.rupture import RUP_1
from app.change.signal import Look, Signal
from app.change.signal_steps import COUNT, short, told_as
from app.change.watch import RULES
from app.scoring.explain import Step

_NO_DIAGNOSIS = "A prompt for a conversation, never a diagnosis."
_NO_PROMISE = "Whether looking at such signals changes how therapy ends is not known here, and nothing is claimed."

#: What no signal from a total can say, whatever its rule.
LIMITS = (
    _NO_DIAGNOSIS,
    "It does not say why, nor whose doing it is: a low total can be an honest answer, a bad day, or a slip of the pen.",
    "No signal does not mean that all is well: people often give high answers whatever they think.",
    _NO_PROMISE,
)

#: What a report cannot say.
LIMITS_OF_A_REPORT = (
    _NO_DIAGNOSIS,
    "It says what was said and no more: neither why, nor how the other one sees it.",
    "No report does not mean that all is well: much is not said on a form.",
    _NO_PROMISE,
)

_STATUS = {
    "design, not validated": "design choice, not validated",
    "published": "published by the instrument's authors",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalExplanation:
    """A signal, the steps that lead to it, the rule behind it, and what it cannot say.

    `recounted` is False where the forms, as they are today, do not lead to this signal with these numbers (a form came
    in late, was corrected or withdrawn, or the rule is an older version): then the steps are what was kept with it.
    """

    signal: Signal
    rule: str
    version: str
    why: str
    source: str
    status: str
    recounted: bool
    steps: tuple[Step, ...]
    limits: tuple[str, ...]


def explain_signal(signal: Signal, forms: Sequence[Look]) -> SignalExplanation:
    """Count a signal anew and show each step.

    Parameters
    ----------
    signal
        One signal of the series.
    forms
        The forms of its series that count, in order of sessions, with the parameters that each was held against.
        Those after the session that opened the signal are not looked at.

    Returns
    -------
    SignalExplanation
        Ordered steps with their values: totals in the unit of the rule (item mean; POMP for LOW; the instrument's own
        for a cut-off), z in spreads, negative = lower than expected.

    Raises
    ------
    ValueError
        For a signal of a rule that is not known.

    Notes
    -----
    The numbers come from the code of the rule itself. Sessions whose total was not scored are left out, as there.

    References
    ----------
    As for each rule; the words are this project's own.

    Examples
    --------
    >>> from uuid import UUID
    >>> from app.change.signal import Parameters
    >>> from app.change.watch import START, look
    >>> known = Parameters(version="1", calibrated=False, mu0=3.9, tau=0.6, s0=0.3, sem=0.2)
    >>> state, forms = START, []
    >>> for session, mean in enumerate([4.0, 4.1, 4.0, 4.2, 4.1, 3.2], start=1):
    ...     forms.append(Look(submission_id=UUID(int=session), session_number=session, mean=mean, pomp=25 * (mean - 1),
    ...                       value=mean, reported_rupture=False, wish_to_talk=False, cut_offs=(), parameters=known))
    ...     state, told = look(state, forms[-1])
    >>> [step.says for step in explain_signal(told[0], forms).steps if step.name == "z"]
    ['z = (3.2 - 4.0873) / 0.2662 = -3.333: 3.333 spreads lower than expected.']
    """
    rule = next((one for one in RULES if one.id == signal.rule), None)
    if rule is None:
        raise ValueError(f"no rule is called {signal.rule}")
    until = [form for form in forms if form.session_number <= signal.opened_session]
    here = bool(until) and until[-1].submission_id == signal.submission_id and rule.version == signal.version
    counted = COUNT[signal.kind](rule, signal, until) if here else None
    return SignalExplanation(
        signal=signal,
        rule=rule.id,
        version=signal.version,
        why=rule.why,
        source=rule.source,
        status=_STATUS[rule.status],
        recounted=counted is not None,
        steps=(*(_kept(signal) if counted is None else counted), *_ending(signal)),
        limits=LIMITS_OF_A_REPORT if signal.evidence == "reported" else LIMITS,
    )


def _kept(signal: Signal) -> tuple[Step, ...]:
    """Show what was kept with a signal that today's forms do not lead to."""
    kept = {
        "value": signal.value,
        "baseline": signal.baseline,
        "spread": signal.spread,
        "z": signal.z,
        "threshold": signal.threshold,
    }
    told = "The forms, as they are today, do not lead to this signal; these are the numbers that were kept with it."
    numbers = (told_as(name, f"{name} {short(value)}", value) for name, value in kept.items() if value is not None)
    return (told_as("kept", told, None), *numbers)


def _ending(signal: Signal) -> Iterator[Step]:
    """Say which level is reported, and what became of the signal."""
    if signal.evidence == "design":
        rate = signal.expected_false_alarms
        if not signal.parameters.calibrated:
            says = "The instrument is not calibrated here: no more than a watch is reported, and no false-alarm rate."
        elif rate is None:
            says = f"Reported as: {signal.level}. Its false-alarm rate is not known."
        else:
            says = (
                f"Reported as: {signal.level}. In simulated courses whose parameters were right, {short(100 * rate)} % "
                "of the sessions without a rupture prompted like this or more strongly."
            )
        yield told_as("reported", says, rate)
    if not signal.is_open:
        when = "Since then" if signal.closed_session is None else f"Session {signal.closed_session}"
        latency = None if signal.latency is None else float(signal.latency)
        yield told_as("closed", f"{when}: {signal.state}. {_why_closed(signal)}", latency)


def _why_closed(signal: Signal) -> str:
    if signal.state == "repaired":
        return _back(signal)
    if signal.state == "unresolved" and signal.evidence == "reported":
        return "Five forms on it is looked at no longer; nothing here can say whether it was repaired."
    return {
        "passed": "A single watch is looked at until the next total and no longer.",
        "unresolved": "Five totals on it is not back; those since it began are what later ones are compared with.",
        "retracted": "What it rested on has changed: a form came in late, was corrected or withdrawn.",
    }.get(signal.state, "")


def _back(signal: Signal) -> str:
    if signal.kind == "rupture" and signal.baseline is not None and signal.spread is not None:
        line, by = short(signal.baseline - RUP_1.repaired_z * signal.spread), short(RUP_1.repaired_z)
        return f"The total is at or above {line}, which is {by} spreads below what was expected when it began."
    if signal.kind == "decline":
        return f"The difference is below {short(100 * DECLINE.repaired_share)} % of the one that a decline opens at."
    if signal.kind == "low":
        return f"The total is above {short(LOW.staying)} percent of the maximum possible."
    return "The published cut-off is met no longer."
