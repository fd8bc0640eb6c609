"""Client and therapist side by side on the wire."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field

from app.change.raters import Profile, TruthAndBias, WhyNoSimilarity, WhyNoTruth
from app.progress.discrepancy import Discrepancy, PairOfSeries, SessionDiscrepancy
from app.web.scores_wire import Key, SessionNumber
from app.web.wire import Out, Rounded

Components = Annotated[list[Key], Field(max_length=60)]

_SESSION: dict[str, Any] = {
    "session_number": 3,
    "client_submission_id": "019aa5f0-5c00-7000-8000-000000000000",
    "therapist_submission_id": "019aa5f0-5c00-7000-8000-000000000001",
    "differences": [-3.125, 0.0, 25.0, -25.0, -25.0],
    "similarity": {
        "components": ["rapport", "empathy", "respect", "trust"],
        "elevation": -6.25,
        "scatter_client": 17.6777,
        "scatter_therapist": 10.8253,
        "scatter_difference": -6.8524,
        "scatter_ratio": 0.6124,
        "correlation": 0.0,
        "reason": None,
    },
}
EXAMPLE: dict[str, Any] = {
    "client_id": "019aa5f0-5c00-7a1b-8c2d-3e4f5a6b7c8d",
    "episode_id": "019aa5f0-5c00-7b1b-8c2d-3e4f5a6b7c8d",
    "pairs": [
        {
            "client_instrument": "trq-s",
            "therapist_instrument": "trq-s-t",
            "components": ["total", "rapport", "empathy", "respect", "trust"],
            "latest": _SESSION,
            "sessions": [_SESSION],
            "truth_and_bias": {
                "component": "total",
                "pairs": 1,
                "slope": None,
                "bias": None,
                "reason": "too_few_pairs",
            },
        }
    ],
}


class SimilarityOut(Out):
    """How alike two profiles are over the components that both have: by level, spread and form. In POMP points.

    A correlation over few components says little about one session.
    """

    components: Components = Field(description="Those compared: neither rollups nor the total.")
    elevation: Rounded | None = Field(description="Mean of the therapist's profile - mean of the client's.")
    scatter_client: Rounded | None = Field(description="Standard deviation over the components.")
    scatter_therapist: Rounded | None
    scatter_difference: Rounded | None = Field(description="Therapist - client.")
    scatter_ratio: Rounded | None = Field(description="Therapist / client; null where the client's profile is flat.")
    correlation: Rounded | None = Field(description="Pearson's, -1 to 1; null where a profile is flat.")
    reason: WhyNoSimilarity | None = Field(description="Why there is no correlation, or nothing at all.")


class SessionDiscrepancyOut(Out):
    """One session that both rated."""

    session_number: SessionNumber
    client_submission_id: UUID
    therapist_submission_id: UUID
    differences: Annotated[list[Rounded | None], Field(max_length=60)] = Field(
        description=(
            "Therapist - client in POMP points, in the order of `components`; above 0 the therapist rates the alliance "
            "stronger. null: one of the two was not scored."
        )
    )
    similarity: SimilarityOut


class TruthAndBiasOut(Out):
    """How the therapist's totals follow the client's, from five sessions on: T - mean(C) = bias + slope (C - mean(C)).

    The client's rating is what is followed, not what is right.
    """

    component: Key
    pairs: Annotated[int, Field(ge=0, le=2000)] = Field(
        description="Sessions with both totals, since an instrument version last changed a scale."
    )
    slope: Rounded | None = Field(description="1: step by step; 0: not at all.")
    bias: Rounded | None = Field(description="In POMP points; below 0 the therapist rates lower than the client.")
    reason: WhyNoTruth | None = Field(description="Why there is no slope.")


class PairOfSeriesOut(Out):
    """A client's and a therapist's instrument that ask both the same, in the sessions that both rated."""

    client_instrument: Key
    therapist_instrument: Key
    components: Components = Field(description="What both have with as many items; the total first.")
    latest: SessionDiscrepancyOut
    sessions: Annotated[list[SessionDiscrepancyOut], Field(max_length=2000)] = Field(
        description="All of them, by session; the last one is the latest."
    )
    truth_and_bias: TruthAndBiasOut


class DiscrepancyOut(Out):
    """Client and therapist side by side in one episode. They are compared and never averaged."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    client_id: UUID
    episode_id: UUID
    pairs: Annotated[list[PairOfSeriesOut], Field(max_length=100)] = Field(
        description="Empty while no session was rated by both."
    )


def discrepancy_out(found: Discrepancy) -> DiscrepancyOut:
    """Map the pairs of an episode."""
    return DiscrepancyOut(
        client_id=found.client_id, episode_id=found.episode_id, pairs=[_pair_out(pair) for pair in found.pairs]
    )


def _pair_out(pair: PairOfSeries) -> PairOfSeriesOut:
    sessions = [_session_out(one, pair.components) for one in pair.sessions]
    return PairOfSeriesOut(
        client_instrument=pair.client_instrument,
        therapist_instrument=pair.therapist_instrument,
        components=list(pair.components),
        latest=sessions[-1],
        sessions=sessions,
        truth_and_bias=_truth_out(pair.total),
    )


def _session_out(one: SessionDiscrepancy, components: tuple[str, ...]) -> SessionDiscrepancyOut:
    return SessionDiscrepancyOut(
        session_number=one.session_number,
        client_submission_id=one.client_submission_id,
        therapist_submission_id=one.therapist_submission_id,
        differences=[one.differences.get(key) for key in components],
        similarity=_similarity_out(one.similarity),
    )


def _similarity_out(found: Profile) -> SimilarityOut:
    return SimilarityOut(
        components=list(found.components),
        elevation=found.elevation,
        scatter_client=found.scatter_client,
        scatter_therapist=found.scatter_therapist,
        scatter_difference=found.scatter_difference,
        scatter_ratio=found.scatter_ratio,
        correlation=found.correlation,
        reason=found.reason,
    )


def _truth_out(found: TruthAndBias) -> TruthAndBiasOut:
    return TruthAndBiasOut(
        component="total", pairs=found.pairs, slope=found.slope, bias=found.bias, reason=found.reason
    )
