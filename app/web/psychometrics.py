"""What an organisation's own forms say of its instruments."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import ConfigDict, Field
from starlette.responses import Response

from app.instruments.model import Rater
from app.norms.psychometrics import ComponentQuality, InstrumentQuality, psychometrics
from app.psychometrics.alpha import Alpha
from app.psychometrics.estimate import Caution, NotEstimated, Reason
from app.psychometrics.variance import Nested, OneWay
from app.web.auth import Administrator
from app.web.openapi import problems
from app.web.route import StrictRoute
from app.web.scores_wire import Key
from app.web.wire import Out, Rounded, Service, answer

router = APIRouter(prefix="/v1/organisations", tags=["organisations"], route_class=StrictRoute)

Forms = Annotated[int, Field(ge=0, le=2_000_000_000)]
WhyNot = Reason | None


class ConfidenceOut(Out):
    """A confidence interval; `n` is the number of clients that it counts on, since forms of one are not independent."""

    low: Rounded
    high: Rounded
    confidence: Rounded
    n: Forms


class ComponentQualityOut(Out):
    """The internal consistency of one component; null with the reason where there is none."""

    component: Key
    items: Annotated[int, Field(ge=0, le=200)]
    alpha: Rounded | None
    alpha_interval: ConfidenceOut | None = Field(description="Feldt's interval.")
    alpha_reason: WhyNot
    omega: Rounded | None = Field(description="Of a one-factor model; null below 50 forms.")
    omega_reason: WhyNot


class SplitOut(Out):
    """Where the variance of the totals lies: between clients, and between the sessions of a client."""

    between: Annotated[float, Field(ge=0, le=1e9)] | None = Field(
        description="Variance, in squared steps of the options."
    )
    within: Annotated[float, Field(ge=0, le=1e9)] | None
    icc_1_1: Rounded | None = Field(description="How alike two sessions of a client are.")
    icc_1_k: Rounded | None = Field(description="How reliable the mean of a client's sessions is.")
    reason: WhyNot


class TherapistShareOut(Out):
    """How much of the variance lies between therapists, all together: none is told apart, and none is ranked."""

    share: Rounded | None
    therapists: Annotated[int, Field(ge=0, le=1_000_000)] | None
    reason: WhyNot


class InstrumentQualityOut(Out):
    """One instrument version and rater, from the complete forms that count today."""

    instrument: Key
    version: Key
    rater: Rater
    forms: Forms
    clients: Forms
    components: Annotated[list[ComponentQualityOut], Field(max_length=60)]
    sessions_in_clients: SplitOut
    therapist_share: TherapistShareOut
    warnings: Annotated[list[Caution], Field(max_length=10)]


class PsychometricsOut(Out):
    """How good the instruments are in your own hands. Exact and internal: not for publication."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"instruments": []}]})

    instruments: Annotated[list[InstrumentQualityOut], Field(max_length=1000)]


@router.get(
    "/me/psychometrics",
    response_model=PsychometricsOut,
    summary="Read how good the instruments are in your own data",
    description=(
        "Internal consistency with its interval, and where the variance of the totals lies, from counts that intake "
        "keeps. Forms of the same client are not independent, and few forms say little: read the warnings. Exact "
        "figures of your own clients: internal, and never a ranking of therapists."
    ),
    responses=problems(400, 401, 403, 404, 503),
)
async def get_psychometrics(caller: Administrator, service: Service) -> Response:
    """Read the psychometrics of the caller's organisation."""
    found = await psychometrics(service, caller)
    return answer(PsychometricsOut(instruments=[_instrument_out(one) for one in found]))


def _instrument_out(one: InstrumentQuality) -> InstrumentQualityOut:
    return InstrumentQualityOut(
        instrument=one.instrument,
        version=one.version,
        rater=one.rater,
        forms=one.forms,
        clients=one.clients,
        components=[_component_out(part) for part in one.components],
        sessions_in_clients=_split_out(one.sessions_in_clients),
        therapist_share=_share_out(one.therapists),
        warnings=list(one.cautions),
    )


def _component_out(part: ComponentQuality) -> ComponentQualityOut:
    interval = part.interval
    return ComponentQualityOut(
        component=part.component,
        items=part.items,
        alpha=part.alpha.value if isinstance(part.alpha, Alpha) else None,
        alpha_interval=None
        if interval is None
        else ConfidenceOut(low=interval.low, high=interval.high, confidence=interval.confidence, n=interval.n),
        alpha_reason=_reason(part.alpha),
        omega=part.omega if isinstance(part.omega, float) else None,
        omega_reason=_reason(part.omega),
    )


def _split_out(split: OneWay | NotEstimated) -> SplitOut:
    if isinstance(split, NotEstimated):
        return SplitOut(between=None, within=None, icc_1_1=None, icc_1_k=None, reason=split.reason)
    return SplitOut(
        between=round(split.between, 4),
        within=round(split.within, 4),
        icc_1_1=split.icc_1_1,
        icc_1_k=split.icc_1_k,
        reason=None,
    )


def _share_out(share: Nested | NotEstimated) -> TherapistShareOut:
    if isinstance(share, NotEstimated):
        return TherapistShareOut(share=None, therapists=None, reason=share.reason)
    return TherapistShareOut(share=share.share_of_therapists, therapists=share.number_of_therapists, reason=None)


def _reason(found: Any) -> Any:
    return found.reason if isinstance(found, NotEstimated) else None
