"""Signals on the wire."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field

from app.change.signal import Evidence, Kind, Level, Signal, State
from app.instruments.model import Rater
from app.signals.explain import ExplainedSignal
from app.signals.life import Acknowledgement, LivingSignal, Reason, Standing, Turn
from app.signals.read import EpisodeSignals
from app.web.scores_wire import Key, Prose, SessionNumber
from app.web.wire import In, Moment, Out, Rounded, Text, rounded_or_none

EXAMPLE: dict[str, Any] = {
    "id": "019aa5f0-5c00-7a1b-8c2d-3e4f5a6b7c8d",
    "submission_id": "019aa5f0-5c00-7000-8000-000000000000",
    "kind": "rupture",
    "level": "watch",
    "rule": "RUP-1",
    "version": "1",
    "component": "total",
    "state": "open",
    "opened_session": 6,
    "closed_session": None,
    "latency": None,
    "value": 3.2,
    "z": -3.333,
    "threshold": 3.467,
    "baseline": 4.0873,
    "drift": False,
    "sessions_used": 5,
    "calibrated": False,
    "parameters": "uncalibrated-1",
    "expected_false_alarms": None,
    "evidence": "design",
}


class SignalOut(Out):
    """A prompt to look at the relationship: never a diagnosis, and often wrong.

    Numbers are those of the form that opened it: on the scale of the item mean for `RUP-1` and `DECLINE`, in percent
    of the maximum possible for `LOW`, in the instrument's own unit for a cut-off; null where the rule has none.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    id: UUID
    submission_id: UUID = Field(description="The form that opened it.")
    kind: Kind
    level: Level = Field(description="`watch` at most while the instrument is not calibrated.")
    rule: Key
    version: Key
    component: Key
    state: State
    opened_session: SessionNumber
    closed_session: SessionNumber | None
    latency: Annotated[int, Field(ge=0, le=2000)] | None = Field(description="Sessions from opening to closing.")
    value: Rounded | None
    z: Rounded | None
    threshold: Rounded | None = Field(description="What the rule held it against.")
    baseline: Rounded | None = Field(description="The level expected from the sessions before.")
    drift: bool = Field(description="Found as a slow slide, not as one low session.")
    sessions_used: Annotated[int, Field(ge=0, le=2000)]
    calibrated: bool = Field(description="Held against a norm; otherwise against fractions of the range.")
    parameters: Key = Field(description="The version of the rule's parameters.")
    expected_false_alarms: Rounded | None = Field(
        description="Share of sessions without a rupture that raise this level, from simulation; null: not known."
    )
    evidence: Evidence = Field(description="`design`: a choice of this project, not validated.")


class TurnOut(Out):
    """A state that the signal came into. A late form that changes it adds one; none is overwritten."""

    state: State
    level: Level
    closed_session: SessionNumber | None
    because_of: UUID = Field(description="The form that came in, was corrected or withdrawn.")
    changed_at: Moment


class AcknowledgementOut(Out):
    """That somebody looked at a signal."""

    id: UUID
    acting: Annotated[str, Field(max_length=100)]
    reason: Reason
    application_id: UUID
    acknowledged_at: Moment


class LivingSignalOut(SignalOut):
    """A signal with its life so far."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                EXAMPLE
                | {"instrument": "trq-s", "rater": "client", "standing": "open", "acknowledgements": [], "history": []}
            ]
        }
    )

    instrument: Key
    rater: Rater
    standing: Standing = Field(description="Its state; an open one that somebody looked at is `acknowledged`.")
    acknowledgements: Annotated[list[AcknowledgementOut], Field(max_length=1000)]
    history: Annotated[list[TurnOut], Field(max_length=1000)]


class SignalsOut(Out):
    """The signals of one episode, by session; those that a late form took away stay, as `retracted`."""

    client_id: UUID
    episode_id: UUID
    signals: Annotated[list[LivingSignalOut], Field(max_length=4000)]


class SignalStepOut(Out):
    """One line of the calculation, in words."""

    name: Key
    says: Prose
    value: Rounded | None


class SignalExplanationOut(Out):
    """A signal and every step from the totals of its series to it."""

    signal: SignalOut
    instrument: Key
    rater: Rater
    why: Prose = Field(description="Why the rule exists.")
    source: Prose
    status: Prose
    recounted: bool = Field(
        description="false: today's forms do not lead to it any more; the steps are what was kept with it."
    )
    steps: Annotated[list[SignalStepOut], Field(max_length=60)]
    limits: Annotated[list[Prose], Field(max_length=10, description="What the signal can't say.")]


class AcknowledgementIn(In):
    """Who looked at a signal, and why it needs no more."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"acting": "th-7", "reason": "talked_about_it"}]})

    acting: Annotated[Text, Field(min_length=1, max_length=100)] = Field(
        description="Your own id of the person, never a name."
    )
    reason: Reason


def signal_out(one: Signal) -> dict[str, Any]:
    """Write a signal, after SignalOut."""
    return {
        "id": one.signal_id,
        "submission_id": one.submission_id,
        "kind": one.kind,
        "level": one.level,
        "rule": one.rule,
        "version": one.version,
        "component": one.component,
        "state": one.state,
        "opened_session": one.opened_session,
        "closed_session": one.closed_session,
        "latency": one.latency,
        "value": rounded_or_none(one.value),
        "z": rounded_or_none(one.z),
        "threshold": rounded_or_none(one.threshold),
        "baseline": rounded_or_none(one.baseline),
        "drift": one.drift,
        "sessions_used": one.sessions_used,
        "calibrated": one.parameters.calibrated,
        "parameters": one.parameters.version,
        "expected_false_alarms": one.expected_false_alarms,
        "evidence": one.evidence,
    }


def signals_out(found: EpisodeSignals) -> dict[str, Any]:
    """Write the signals of an episode, after SignalsOut."""
    return {
        "client_id": found.client_id,
        "episode_id": found.episode_id,
        "signals": [_living_out(one) for one in found.signals],
    }


def signal_explanation_out(found: ExplainedSignal) -> SignalExplanationOut:
    """Map an explained signal."""
    told = found.explanation
    return SignalExplanationOut(
        signal=SignalOut(**signal_out(told.signal)),
        instrument=found.instrument,
        rater=found.rater,
        why=told.why,
        source=told.source,
        status=told.status,
        recounted=told.recounted,
        steps=[SignalStepOut(name=step.name, says=step.says, value=step.value) for step in told.steps],
        limits=list(told.limits),
    )


def acknowledgement_out(one: Acknowledgement) -> dict[str, Any]:
    """Write an acknowledgement, after AcknowledgementOut."""
    return {
        "id": one.acknowledgement_id,
        "acting": one.acting,
        "reason": one.reason,
        "application_id": one.application_id,
        "acknowledged_at": one.acknowledged_at.astimezone(UTC),
    }


def _living_out(one: LivingSignal) -> dict[str, Any]:
    return signal_out(one.signal) | {
        "instrument": one.instrument,
        "rater": one.rater,
        "standing": one.standing,
        "acknowledgements": [acknowledgement_out(seen) for seen in one.acknowledgements],
        "history": [_turn_out(turn) for turn in one.history],
    }


def _turn_out(turn: Turn) -> dict[str, Any]:
    return {
        "state": turn.state,
        "level": turn.level,
        "closed_session": turn.closed_session,
        "because_of": turn.because_of,
        "changed_at": turn.changed_at.astimezone(UTC),
    }
