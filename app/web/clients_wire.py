"""A client's progress, stage and explanations on the wire."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from app.change.signal import Kind, Signal
from app.change.signal import Level as SignalLevel
from app.episodes.course import SeriesState
from app.instruments.model import Rater
from app.progress.explain import ExplainedScore
from app.progress.progress import Progress
from app.progress.stage import EpisodeStage
from app.stages.model import PROFILES, STAGES, StageName
from app.web.scores_wire import (
    Count,
    Key,
    ProbabilitiesOut,
    Prose,
    ScoreOut,
    SessionNumber,
    StageOut,
    probabilities_out,
    score_out,
    stage_out,
)
from app.web.submissions_wire import InstrumentRefOut, PersonIn
from app.web.told_form import instrument_ref_out
from app.web.wire import In, Moment, Out, Rounded, rounded_or_none

#: How many open signals a phone is told, so that the answer stays small.
SHORT_SIGNALS = 3


class LookupIn(In):
    """What you call a client."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"ref": "mrn-1042"}, {"ref": {"system": "https://ehr.example/patients", "value": "1042"}}]
        }
    )

    ref: PersonIn


class ClientOut(Out):
    """The opaque id of a client."""

    client_id: UUID


class LatestScoreOut(Out):
    """A component of the latest form; `value` is null when it was not scored, with the reason."""

    id: UUID
    component: Key
    value: Rounded | None
    pomp: Rounded | None
    reason: Key | None


class LineOut(Out):
    """An instrument and a rater: the totals of the last sessions, and the latest form in full.

    The two raters stand side by side and are never averaged.
    """

    instrument: Key
    version: Key
    rater: Rater
    min: Rounded | None
    max: Rounded | None
    sessions: Annotated[list[SessionNumber], Field(max_length=20)]
    totals: Annotated[list[Rounded | None], Field(max_length=20, description="One for each session; null: not scored.")]
    latest: Annotated[list[LatestScoreOut], Field(max_length=60)]


class ShortStageOut(Out):
    """The stage in short; `/stage` tells the rest. Experimental, not validated."""

    current: Literal["uncertain"] | StageName
    basis: Literal["focus_items", "session_number_only"]
    probabilities: ProbabilitiesOut


class ShortSignalOut(Out):
    """An open signal in short, a prompt for a conversation and never a diagnosis; `/signals` tells the rest."""

    id: UUID
    kind: Kind
    level: SignalLevel
    opened_session: SessionNumber
    rule: Key


class EpisodeOut(Out):
    """The episode that the answer is about."""

    id: UUID
    opened_at: Moment
    last_session: SessionNumber | None = Field(description="null while no form of the episode counts.")
    ending: Literal["planned", "dropout", "transfer"] | None


class ProgressOut(Out):
    """A client's progress in one episode. Parts that `fields` leaves out are null.

    A key that opens one client sees the series of the client, or of the parent as whom it acts: no signals, no stage.
    """

    client_id: UUID
    episode: EpisodeOut | None
    series: Annotated[list[LineOut], Field(max_length=40)] | None
    open_signals: Annotated[list[ShortSignalOut], Field(max_length=SHORT_SIGNALS)] | None = Field(
        description=(
            "The part `signals`: the most urgent ones, those that were looked at among them. `open_signals_count` says "
            "how many there are."
        )
    )
    open_signals_count: Annotated[int, Field(ge=0, le=1000)] | None
    stage: ShortStageOut | None


class FocusContributionOut(Out):
    """What one session-focus item said: its distance from the session's mean, and how well it fits each stage."""

    stage: StageName = Field(description="The stage that the item is about.")
    centred: Rounded
    log_likelihood: dict[StageName, Rounded]


class ContributionsOut(Out):
    """How the last session's probabilities came about."""

    before: ProbabilitiesOut | None = Field(description="After the session before; null at the first.")
    after_time: ProbabilitiesOut = Field(description="After one more session, or a rupture, before any answer.")
    rupture: bool
    items: Annotated[list[FocusContributionOut], Field(max_length=4, description="Empty without usable answers.")]


class StageDetailOut(StageOut):
    """The stage with its evidence."""

    client_id: UUID
    episode_id: UUID
    contributions: ContributionsOut
    source: Prose


class ItemStepOut(Out):
    """One item on its way into the score."""

    item: Key
    answer: Annotated[int, Field(ge=-1000, le=1000)] | None
    status: Literal["answered", "unanswered", "not_applicable"]
    reversed: bool
    counted: Annotated[int, Field(ge=-1000, le=1000)] | None = Field(description="null: not counted.")


class StepOut(Out):
    """One line of the calculation."""

    name: Key
    says: Prose
    value: Rounded | None


class ExplanationOut(Out):
    """A score and every step from the answers to it."""

    score: ScoreOut
    submission_id: UUID
    session_number: SessionNumber
    rater: Rater
    instrument: InstrumentRefOut
    minimum_answered: Count
    items: Annotated[list[ItemStepOut], Field(max_length=200)]
    steps: Annotated[list[StepOut], Field(max_length=20)]
    sources: Annotated[list[Prose], Field(max_length=20)]


def progress_out(found: Progress, parts: frozenset[str]) -> dict[str, Any]:
    """Write a client's progress, the wanted parts of it, after ProgressOut: phones ask for it often."""
    told = found.stage.estimate if found.stage is not None else None
    signals = found.open_signals if "signals" in parts else None
    return {
        "client_id": found.client_id,
        "episode": {
            "id": found.episode_id,
            "opened_at": found.opened_at.astimezone(UTC),
            "last_session": found.last_session,
            "ending": found.ending,
        }
        if "episode" in parts
        else None,
        "series": [_line_out(line) for line in found.lines] if "series" in parts else None,
        "open_signals": [_short_out(one) for one in signals[:SHORT_SIGNALS]] if signals is not None else None,
        "open_signals_count": len(signals) if signals is not None else None,
        "stage": {
            "current": told.current or "uncertain",
            "basis": told.basis,
            "probabilities": probabilities_out(told.probabilities),
        }
        if told is not None and "stage" in parts
        else None,
    }


def stage_detail_out(found: EpisodeStage) -> StageDetailOut:
    """Map the stage with its evidence."""
    parts = found.panel.estimate.contributions
    return StageDetailOut(
        **stage_out(found.panel),
        client_id=found.client_id,
        episode_id=found.episode_id,
        contributions=ContributionsOut(
            before=None if parts.before is None else probabilities_out(parts.before),
            after_time=probabilities_out(parts.after_time),
            rupture=parts.rupture,
            items=[
                FocusContributionOut(
                    stage=STAGES[one.position],
                    centred=one.centred,
                    log_likelihood=dict(zip(STAGES, one.log_likelihood, strict=True)),
                )
                for one in parts.items
            ],
        ),
        source=f"Design choice of this project, not validated; {len(PROFILES)} stages after the seed article.",
    )


def explanation_out(found: ExplainedScore) -> ExplanationOut:
    """Map an explained score."""
    told, instrument = found.explanation, found.instrument
    return ExplanationOut(
        score=score_out(told.result, found.score_id),
        submission_id=found.submission_id,
        session_number=found.session_number,
        rater=found.rater,
        instrument=instrument_ref_out(instrument, digest=instrument.digest, scoring_version=found.scoring_version),
        minimum_answered=instrument.missing_rule.minimum[told.result.component],
        items=[
            ItemStepOut(item=i.item, answer=i.answer, status=i.status, reversed=i.reversed, counted=i.counted)
            for i in told.items
        ],
        steps=[StepOut(name=step.name, says=step.says, value=step.value) for step in told.steps],
        sources=list(told.sources),
    )


def _short_out(one: Signal) -> dict[str, Any]:
    return {
        "id": one.signal_id,
        "kind": one.kind,
        "level": one.level,
        "opened_session": one.opened_session,
        "rule": one.rule,
    }


def _line_out(line: SeriesState) -> dict[str, Any]:
    return {
        "instrument": line.instrument,
        "version": line.version,
        "rater": line.rater,
        "min": line.minimum,
        "max": line.maximum,
        "sessions": line.sessions,
        "totals": [rounded_or_none(total) for total in line.totals],
        "latest": [
            {
                "id": one.score_id,
                "component": one.component,
                "value": rounded_or_none(one.value),
                "pomp": rounded_or_none(one.pomp),
                "reason": one.reason,
            }
            for one in line.latest
        ],
    }
