"""The steps of each kind of signal, counted by the code of its rule and told in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isclose

from app.change import decline, low, rupture
from app.change.reported import meets
from app.change.signal import Kind, Look, Parameters, Signal
from app.change.watch import Decline, Low, Rule, Rupture
from app.scoring.explain import Step

#: As many sessions are listed one by one.
_LONG = 8


def _count_rupture(rule: Rule, signal: Signal, forms: Sequence[Look]) -> tuple[Step, ...] | None:
    settings = rule.settings if isinstance(rule, Rupture) else rupture.RUP_1
    state, before = rupture.START_OF_RUPTURE, rupture.START_OF_RUPTURE
    used: list[tuple[int, float]] = []
    since: list[tuple[int, float]] = []
    told = None
    for form in forms:
        before = state
        state, told = rupture.step(
            state,
            form.mean,
            session_number=form.session_number,
            parameters=form.parameters,
            settings=settings,
        )
        if form.mean is None or form is forms[-1]:
            continue
        since = [*since, (form.session_number, form.mean)] if before.onset or state.onset else []
        if told.closed == "unresolved":
            used, since = since, []
        elif state.onset is None:
            used.append((form.session_number, form.mean))
            since = []
    if told is None or told.opened != signal.detected or not _same(told.z, signal.z):
        return None
    if told.expected is None:
        return None
    return (
        *_expected_steps(told, told.expected, used, forms[-1].parameters, settings),
        _spread_step(told.expected, before.reference.scatter, forms[-1].parameters, settings),
        *_judged_steps(told, told.expected, before.cusum, settings),
    )


def _expected_steps(
    told: rupture.Reading,
    expected: rupture.Expected,
    used: Sequence[tuple[int, float]],
    known: Parameters,
    settings: rupture.RuptureSettings,
) -> Iterator[Step]:
    """From the totals of the sessions before to what they let one expect."""
    score, own = told.score or 0.0, short(expected.reliability)
    recent, q = short(expected.recent), short(expected.concentration)
    mu0, tau, s0 = short(known.mu0), short(known.tau), short(known.s0)
    yield told_as("score", f"Session {told.session_number}: total {short(score)}, as mean of the items.", score)
    yield told_as("parameters", _parameters(known), None)
    yield told_as("baseline_sessions", f"Compared with {_listed(used)}.", float(expected.sessions_used))
    yield told_as(
        "recent_mean",
        f"Their mean, each session counting {short(settings.carry)} of the one after it: {recent}.",
        expected.recent,
    )
    yield told_as(
        "concentration",
        f"The sum of their squared weights is {q}: they count like {short(1 / expected.concentration)} equal ones.",
        expected.concentration,
    )
    yield told_as(
        "own_share",
        f"The person's own sessions count for {tau}^2 / ({tau}^2 + {s0}^2 x {q}) = {own}, the mean of others ({mu0}) "
        "for the rest.",
        expected.reliability,
    )
    rest = short(1 - expected.reliability)
    says = f"Expected: {own} x {recent} + {rest} x {mu0} = {short(expected.baseline)}."
    yield told_as("expected", says, expected.baseline)


def _spread_step(
    expected: rupture.Expected, scatter: float, known: Parameters, settings: rupture.RuptureSettings
) -> Step:
    """Tell how far sessions usually are from what is expected."""
    pooled = (
        f"({short(settings.prior)} x {short(known.s0)}^2 + {short(scatter)}) / "
        f"{short(settings.prior + expected.sessions_used - 1)}"
    )
    return told_as(
        "spread",
        "Sessions usually differ from that by the known spread within a person and the person's own, by error of "
        f"measurement at least, and by more while there are few: sqrt(max({pooled}, {short(known.sem)}^2) x (1 + "
        f"{short(expected.concentration)})) = {short(expected.spread)}.",
        expected.spread,
    )


def _judged_steps(
    told: rupture.Reading, expected: rupture.Expected, cusum_before: float, settings: rupture.RuptureSettings
) -> Iterator[Step]:
    """From what was expected to what was found."""
    z, m, spread = told.z or 0.0, short(expected.baseline), short(expected.spread)
    yield told_as(
        "z",
        f"z = ({short(told.score or 0.0)} - {m}) / {spread} = {short(z)}: {short(abs(z))} spreads "
        f"{'lower' if z < 0 else 'higher'} than expected.",
        z,
    )
    yield told_as(
        "watch_bound",
        f"A watch is a total at or below {m} - {short(settings.watch_z)} x {spread} = "
        f"{short(told.watch_below or 0.0)}.",
        told.watch_below,
    )
    yield told_as(
        "alert_bound",
        f"An alert is one at or below {m} - {short(settings.alert_z)} x {spread} = {short(told.alert_below or 0.0)}, "
        f"and at least {short(settings.beyond)} errors of measurement lower than expected.",
        told.alert_below,
    )
    yield told_as(
        "cumulative_sum",
        f"Small differences add up: S = max(0, {short(cusum_before)} - ({short(z)}) - {short(settings.slack)}) = "
        f"{short(told.cusum or 0.0)}; above {short(settings.decision)} it is an alert too.",
        told.cusum,
    )
    yield told_as("detected", f"Found: {'an alert' if told.raw == 'alert' else 'a watch'}{_which(told)}.", None)


def _which(told: rupture.Reading) -> str:
    by_itself = told.score is not None and told.alert_below is not None and told.score <= told.alert_below
    if not told.drift:
        return ", by this session's total"
    return ", by this session's total and by the sum" if by_itself else ", by the sum: no single session is that low"


def _count_decline(rule: Rule, signal: Signal, forms: Sequence[Look]) -> tuple[Step, ...] | None:
    settings = rule.settings if isinstance(rule, Decline) else decline.DECLINE
    state, told = decline.START_OF_DECLINE, None
    for form in forms:
        state, told = decline.step(state, form.mean, parameters=form.parameters, settings=settings)
    if told is None or not told.opened or not _same(told.last, signal.value) or not _same(told.first, signal.baseline):
        return None
    scored = [(form.session_number, form.mean) for form in forms if form.mean is not None]
    first, last = told.first or 0.0, told.last or 0.0
    difference, error = told.difference or 0.0, told.standard_error or 0.0
    known, n = forms[-1].parameters, settings.window
    return (
        told_as("parameters", _parameters(known), None),
        told_as("first_mean", f"First: the mean of {_listed(scored[:n])} is {short(first)}.", told.first),
        told_as("last_mean", f"Last: the mean of {_listed(scored[-n:])} is {short(last)}.", told.last),
        told_as("difference", f"Lower by {short(first)} - {short(last)} = {short(difference)}.", told.difference),
        told_as(
            "spread",
            f"Two such means usually differ by sqrt(2 / {n}) x {short(max(known.s0, known.sem))} = {short(error)}: "
            "the larger of the spread within a person and error of measurement.",
            told.standard_error,
        ),
        told_as("z", f"z = -{short(difference)} / {short(error)} = {short(-difference / error)}.", -difference / error),
        told_as(
            "threshold",
            f"A watch is a difference of at least {short(settings.limit)} x {short(error)} = "
            f"{short(told.threshold or 0.0)}, once for a decline.",
            told.threshold,
        ),
        told_as("detected", "Found: a watch.", None),
    )


def _count_low(rule: Rule, signal: Signal, forms: Sequence[Look]) -> tuple[Step, ...] | None:
    settings = rule.settings if isinstance(rule, Low) else low.LOW
    state, told = low.START_OF_LOW, None
    for form in forms:
        state, told = low.step(state, form.pomp, settings=settings)
    if told is None or not told.opened or told.pomp is None or not _same(told.pomp, signal.value):
        return None
    said = f"Session {signal.opened_session}: total {short(told.pomp)} percent of the maximum possible."
    score = told_as("score", said, told.pomp)
    found = told_as("detected", "Found: a watch. The values are nobody's norm.", None)
    if told.form == "low":
        bound = f"A watch is a total at or below {short(settings.low)}, from the first session on."
        return (score, told_as("threshold", bound, settings.low), found)
    scored = [(form.session_number, form.pomp) for form in forms if form.pomp is not None][-told.sessions_used :]
    half = settings.sessions // 2
    return (
        score,
        told_as("last_mean", f"The mean of {_listed(scored)} is {short(told.mean or 0.0)}.", told.mean),
        told_as(
            "rise",
            f"The mean of the last {half} of them minus that of the first {half} is {short(told.rise or 0.0)}; "
            f"{short(settings.rise)} or more would be upward change.",
            told.rise,
        ),
        told_as(
            "threshold",
            f"A watch is a mean and a total at or below {short(settings.staying)} without upward change.",
            settings.staying,
        ),
        found,
    )


def _count_cut_off(rule: Rule, signal: Signal, forms: Sequence[Look]) -> tuple[Step, ...] | None:
    del rule
    value = forms[-1].value
    met = next((one for one in forms[-1].cut_offs if value is not None and meets(one, value)), None)
    if met is None or value is None or not _same(value, signal.value) or not _same(met.value, signal.threshold):
        return None
    doi = f", doi:{met.source.doi}" if met.source.doi else ""
    return (
        told_as("score", f"Session {signal.opened_session}: total {short(value)}.", value),
        told_as(
            "threshold",
            f"The published cut-off of this instrument is {met.direction.replace('_', ' ')} {short(met.value)} "
            f"({met.source.says}{doi}). It holds for no other instrument.",
            met.value,
        ),
        told_as("detected", "Found: a watch.", None),
    )


def _count_report(rule: Rule, signal: Signal, forms: Sequence[Look]) -> tuple[Step, ...] | None:
    del rule
    ruptured = signal.kind == "reported_rupture"
    if not (forms[-1].reported_rupture if ruptured else forms[-1].wish_to_talk):
        return None
    what = "that the relationship was strained" if ruptured else "that somebody wishes to talk about the relationship"
    return (
        told_as("report", f"The form of session {signal.opened_session} says {what}. Nothing is calculated.", None),
    )


#: How the steps of each kind are counted; None where the forms do not lead to the signal.
COUNT: Mapping[Kind, Callable[[Rule, Signal, Sequence[Look]], tuple[Step, ...] | None]] = {
    "rupture": _count_rupture,
    "decline": _count_decline,
    "low": _count_low,
    "cut_off": _count_cut_off,
    "reported_rupture": _count_report,
    "wish_to_talk": _count_report,
}


def _parameters(known: Parameters) -> str:
    return (
        f"Parameters {known.version}, {'calibrated' if known.calibrated else 'not calibrated'}: mean between persons "
        f"{short(known.mu0)}, spread between persons {short(known.tau)}, within a person {short(known.s0)}, error of "
        f"measurement {short(known.sem)}."
    )


def _listed(scores: Sequence[tuple[int, float]]) -> str:
    shown = ", ".join(f"{short(score)} (session {number})" for number, score in scores[-_LONG:])
    earlier = len(scores) - _LONG
    return f"{earlier} earlier and {shown}" if earlier > 0 else shown


def told_as(name: str, says: str, value: float | None) -> Step:
    """Make one line of an explanation."""
    return Step(name=name, says=says, value=value)


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def short(number: float) -> str:
    """Write a number with four decimals at most."""
    shown = f"{number:.4f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown
