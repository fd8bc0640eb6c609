"""Scores, change, stage and recommendations on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import Field

from app.change.norms import Norm
from app.change.reliable import NoStanding, Standing, standing
from app.change.since import Change, Difference
from app.scoring.score import AnyScore, Score
from app.stages.advice import FALLBACK_LANGUAGE, advice_text, stored_advice
from app.stages.model import MODEL, MODEL_VERSION, STAGES, Basis, StageName, Vector
from app.stages.panel import StagePanel
from app.stages.recommend import Recommendation
from app.web.wire import Out, Rounded, rounded, rounded_or_none

Key = Annotated[str, Field(max_length=60)]
Prose = Annotated[str, Field(max_length=2000)]
Count = Annotated[int, Field(ge=0, le=200)]
Items = Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=200)]
SessionNumber = Annotated[int, Field(ge=1, le=2000)]


class IntervalOut(Out):
    """An interval in the instrument's own unit."""

    low: Rounded
    high: Rounded


class StandingOut(Out):
    """A score in its norm, with the norm and the kind of reliability that it rests on."""

    t_score: Rounded = Field(description="Mean 50 and SD 10 in the norm.")
    percentile: Rounded
    percentile_method: Literal["mid_rank", "normal_approximation"] = Field(
        description="`normal_approximation`: not of this norm's own table; scores of an alliance are skewed."
    )
    reliability: Literal["internal_consistency", "test_retest", "within_person"]
    norm: Key
    norm_source: Prose


class ScoredOut(Out):
    """A component that was scored. `value`, `min` and `max` follow the instrument's convention (mean or sum)."""

    id: UUID | None = Field(description="null where nothing is stored.")
    component: Key
    status: Literal["scored"]
    value: Rounded
    mean: Rounded
    sum: Rounded = Field(description="Number of items times the mean of the answered ones.")
    min: Rounded
    max: Rounded
    pomp: Rounded = Field(description="Percent of maximum possible, 0 to 100.")
    answered: Count
    items: Count
    prorated: bool = Field(description="True when items are missing and the mean of the others stands for them.")
    missing: Items
    not_applicable: Items
    interval: IntervalOut | None = Field(description="1.96 standard errors of measurement to either side; not clipped.")
    interval_reason: Literal["no_norm", "norm_lacks_component"] | None
    standing: StandingOut | None = Field(
        description="Where the score stands in its norm; null without one, and for a client's key."
    )


class NotScoredOut(Out):
    """A component that was not scored: never 0, never a guess."""

    id: UUID | None
    component: Key
    status: Literal["not_scored"]
    value: None
    reason: Literal["too_many_missing", "component_not_scored"]
    answered: Count
    items: Count
    missing: Items = Field(description="Items without an answer.")
    not_applicable: Items = Field(description="Items answered with `not_applicable`.")


ScoreOut = Annotated[ScoredOut | NotScoredOut, Field(discriminator="status")]
Scores = Annotated[list[ScoreOut], Field(max_length=60)]


class JudgedOut(Out):
    """What a change was held against."""

    rc: Rounded = Field(description="The change in units of its own error.")
    limit: Rounded = Field(description="The smallest change that is reliable, in the instrument's own unit.")
    norm: Key
    reliability: Literal["internal_consistency", "test_retest", "within_person"]


class DifferenceOut(Out):
    """Now minus then. `reliable` is null until a norm tells change from measurement error, and for a client's key."""

    session_number: SessionNumber | None = Field(description="The session compared with.")
    value: Rounded | None
    pomp: Rounded | None
    reliable: bool | None
    reason: Literal["no_norm", "norm_lacks_component", "first_session", "not_scored"] | None
    judged: JudgedOut | None = Field(description="The norm that told; null while `reliable` is.")


class ChangeOut(Out):
    """Change of one component within its series (episode, instrument and rater)."""

    since_previous: DifferenceOut
    since_first: DifferenceOut


class ProbabilitiesOut(Out):
    """One probability for each stage; they sum to 1."""

    establishing_rapport: Rounded
    exploring_the_problem: Rounded
    working_on_solutions: Rounded
    termination: Rounded


class CriterionOut(Out):
    """A sign of a move between stages. It explains and never overrides; null while it can't be told."""

    id: Key
    move: Key
    met: bool | None
    text: Prose


class StageOut(Out):
    """The likely stage. Experimental: no validated instrument measures these stages."""

    model: Key
    version: Key
    session_number: SessionNumber
    current: Literal["uncertain"] | StageName = Field(
        description="A stage from a probability of .60 upwards and with recent evidence, else `uncertain`."
    )
    candidates: Annotated[list[StageName], Field(min_length=2, max_length=2, description="The two likeliest.")]
    basis: Basis
    probabilities: ProbabilitiesOut
    planned_sessions: SessionNumber | None
    ending: Literal["planned", "dropout", "transfer"] | None
    criteria: Annotated[list[CriterionOut], Field(max_length=10)]
    experimental: Literal[True]


class BecauseOut(Out):
    """A rule that spoke, and what it looked at."""

    rule: Key
    component: Key | None
    items: Items
    value: Rounded | None = Field(description="What the rule found; null where something was simply reported.")
    threshold: Rounded | None = Field(description="What the value was held against; each rule says in which direction.")


class RecommendationOut(Out):
    """A prompt for a conversation, never a diagnosis."""

    id: Key
    catalogue_version: Key = Field(description="The version of the advice catalogue that the entry stands in.")
    practice: Key
    language: Key = Field(description="The language of `title`, `text` and `source`.")
    title: Prose
    text: Prose
    because: Annotated[list[BecauseOut], Field(max_length=10)]
    evidence: Key = Field(description="`design` means: a choice of this project, not validated.")
    source: Prose
    review_after_sessions: Annotated[int, Field(ge=1, le=20)]


def score_out(
    score: AnyScore, score_id: UUID | None, norm: Norm | None = None, *, has_norm: bool = True
) -> dict[str, Any]:
    """Write a score, after ScoredOut or NotScoredOut; without `has_norm` nothing of a norm, nor that there is none.

    What every form is answered with is written as it is sent: a model of each part would take a third of a request.
    """
    told: dict[str, Any] = {
        "id": score_id,
        "component": score.component,
        "status": "scored",
        "value": None,
        "answered": score.answered,
        "items": score.items,
        "missing": score.missing,
        "not_applicable": score.not_applicable,
    }
    if not isinstance(score, Score):
        return told | {"status": "not_scored", "reason": score.reason}
    return told | {
        "value": rounded(score.value),
        "mean": rounded(score.mean),
        "sum": rounded(score.sum),
        "min": rounded(score.minimum),
        "max": rounded(score.maximum),
        "pomp": rounded(score.pomp),
        "prorated": score.prorated,
        **(_standing_out(standing(score, norm)) if has_norm else _NO_STANDING),
    }


_NO_STANDING: Final[Mapping[str, Any]] = MappingProxyType({"interval": None, "interval_reason": None, "standing": None})


def _standing_out(told: Standing | NoStanding) -> dict[str, Any]:
    if isinstance(told, NoStanding):
        return {"interval": None, "interval_reason": told.reason, "standing": None}
    return {
        "interval": {"low": rounded(told.low), "high": rounded(told.high)},
        "interval_reason": None,
        "standing": {
            "t_score": rounded(told.t_score),
            "percentile": rounded(told.percentile),
            "percentile_method": told.percentile_method,
            "reliability": told.reliability_kind,
            "norm": told.norm_version,
            "norm_source": told.norm_source,
        },
    }


def change_out(change: Change, *, has_norm: bool = True) -> dict[str, Any]:
    """Write a change, after ChangeOut; without `has_norm` the numbers alone, and why there is none."""
    return {
        "since_previous": _difference_out(change.since_previous, has_norm=has_norm),
        "since_first": _difference_out(change.since_first, has_norm=has_norm),
    }


def stage_out(panel: StagePanel) -> dict[str, Any]:
    """Write what is said about the stage, after StageOut."""
    told = panel.estimate
    return {
        "model": MODEL,
        "version": MODEL_VERSION,
        "session_number": told.session_number,
        "current": told.current or "uncertain",
        "candidates": told.candidates,
        "basis": told.basis,
        "probabilities": probabilities_out(told.probabilities),
        "planned_sessions": told.planned_sessions,
        "ending": told.ending,
        "criteria": [{"id": c.id, "move": c.move, "met": c.met, "text": c.text} for c in panel.criteria],
        "experimental": True,
    }


def probabilities_out(vector: Vector) -> dict[str, float]:
    """Write four probabilities with their names, after ProbabilitiesOut."""
    return dict(zip(STAGES, map(rounded, vector), strict=True))


def recommendation_out(recommendation: Recommendation, language: str = FALLBACK_LANGUAGE) -> dict[str, Any]:
    """Write a recommendation, after RecommendationOut, in the language if the catalogue has it, else in English."""
    advice = stored_advice(recommendation.catalogue, recommendation.id)
    words = advice_text(recommendation.catalogue, recommendation.id, language)
    return {
        "id": recommendation.id,
        "catalogue_version": recommendation.catalogue,
        "practice": advice.practice,
        "language": words.language,
        "title": words.title,
        "text": words.text,
        "because": [
            {
                "rule": one.rule,
                "component": one.component,
                "items": one.items,
                "value": rounded_or_none(one.value),
                "threshold": rounded_or_none(one.threshold),
            }
            for one in recommendation.because
        ],
        "evidence": advice.evidence,
        "source": words.source,
        "review_after_sessions": advice.review_after_sessions,
    }


def _difference_out(difference: Difference, *, has_norm: bool) -> dict[str, Any]:
    is_of_norm = difference.reason in {"no_norm", "norm_lacks_component"}
    judged = difference.judged if has_norm else None
    return {
        "session_number": difference.session_number,
        "value": rounded_or_none(difference.value),
        "pomp": rounded_or_none(difference.pomp),
        "reliable": difference.reliable if has_norm else None,
        "reason": None if is_of_norm and not has_norm else difference.reason,
        "judged": None
        if judged is None
        else {
            "rc": rounded(judged.rc),
            "limit": rounded(judged.limit),
            "norm": judged.norm_version,
            "reliability": judged.reliability_kind,
        },
    }
