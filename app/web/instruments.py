"""What is asked and how it is counted, and scoring without storing anything."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from app.access.administer import enabled_instruments
from app.access.caller import Caller
from app.errors import InstrumentNotEnabled
from app.instruments.model import Facet, Instrument, Item, ItemRole, KeyStatus, Rater, check_answers
from app.scoring.score import score
from app.storage.runtime import Runtime
from app.web.auth import InstrumentsReader
from app.web.body import StrictRoute
from app.web.openapi import problems
from app.web.scores_wire import Count, Items, Key, Prose, Scores, score_out
from app.web.submissions_wire import EXAMPLE, InstrumentRefOut
from app.web.wire import AnswersIn, In, Out, Service, answer, cached

router = APIRouter(prefix="/v1/instruments", tags=["instruments"], route_class=StrictRoute)

InstrumentKeyIn = Annotated[str, Path(alias="key", max_length=40, pattern=r"^[a-z0-9-]+$")]
VersionIn = Annotated[str, Path(max_length=20, pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]
Value = Annotated[int, Field(ge=-1000, le=1000)]
Number = Annotated[float, Field(ge=-1000, le=1000)]


class OptionOut(Out):
    """One possible answer; the label is null where we don't own the text."""

    value: Value
    label: Prose | None


class ItemOut(Out):
    """One question. The text is null where it belongs to others: a site loads what it is licensed to use."""

    id: Key
    text: Prose | None
    role: ItemRole
    components: Items
    reversed: bool
    stage: Key | None = Field(description="For session-focus items: the stage they are about.")
    options: Annotated[list[OptionOut], Field(max_length=200)]


class ComponentOut(Out):
    """A part that is scored."""

    key: Key
    kind: Literal["component", "rollup", "total"]
    facet: Annotated[list[Facet], Field(max_length=4)]
    items: Items
    minimum_answered: Count


class MissingRuleOut(Out):
    """What happens when answers are missing: enough of them and the mean stands for the rest, else not scored."""

    method: Literal["person_mean"]
    total_needs_components: bool
    source: Prose


class SourceOut(Out):
    """Where a fact of the definition comes from."""

    says: Prose
    doi: Annotated[str, Field(max_length=200)] | None


class InstrumentOut(Out):
    """An instrument: its items, its scoring key, its sources and what is doubtful about it."""

    key: Key
    version: Key
    digest: Annotated[str, Field(max_length=80)]
    title: Prose
    rater: Rater = Field(description="Who usually answers; `raters` has all.")
    raters: Annotated[list[Rater], Field(max_length=4)]
    status: Literal["available", "needs_enabling"] = Field(
        description="`needs_enabling`: posts get 409 until the organisation enables it."
    )
    license: Prose
    key_status: KeyStatus
    validated: bool
    notes: Annotated[list[Prose], Field(max_length=40)]
    sources: Annotated[list[SourceOut], Field(max_length=40)]
    convention: Literal["mean", "sum"]
    min: Number = Field(description="Lowest answer to an item.")
    max: Number = Field(description="Highest answer to an item.")
    instructions: dict[Key, Prose]
    items: Annotated[list[ItemOut], Field(max_length=200)]
    components: Annotated[list[ComponentOut], Field(max_length=60)]
    missing_rule: MissingRuleOut
    norms: Annotated[list[None], Field(max_length=0, description="Empty: no norm is known.")]
    locales: Annotated[list[Key], Field(max_length=20)]


class InstrumentListOut(Out):
    """Every instrument in its newest version."""

    items: Annotated[list[InstrumentOut], Field(max_length=200)]
    next_cursor: None


class ScoreIn(In):
    """Answers to score; absent items count as unanswered."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"answers": EXAMPLE["answers"]}]})

    answers: AnswersIn


class ScoredAnswersOut(Out):
    """The scores; nothing is stored."""

    instrument: InstrumentRefOut
    scores: Scores


@router.get(
    "",
    response_model=InstrumentListOut,
    summary="List the instruments",
    responses={304: {"description": "Nothing is new."}, **problems(400, 401, 403, 503)},
)
async def get_instruments(request: Request, caller: InstrumentsReader, service: Service) -> Response:
    """List every instrument, newest version."""
    allowed = await enabled_instruments(service, organisation=caller.organisation)
    items = [_instrument_out(i, allowed=allowed) for i in service.catalog.listed()]
    return cached(request, InstrumentListOut(items=items, next_cursor=None), control="private, no-cache")


@router.get(
    "/{key}",
    response_model=InstrumentOut,
    summary="Read an instrument",
    responses={304: {"description": "Nothing is new."}, **problems(400, 401, 403, 404, 503)},
)
async def get_instrument(
    request: Request, caller: InstrumentsReader, service: Service, key: InstrumentKeyIn
) -> Response:
    """Read the newest version of an instrument."""
    instrument = service.catalog.latest(key)
    allowed = await enabled_instruments(service, organisation=caller.organisation)
    return cached(request, _instrument_out(instrument, allowed=allowed), control="private, no-cache")


@router.get(
    "/{key}/versions/{version}",
    response_model=InstrumentOut,
    summary="Read one version of an instrument",
    responses={304: {"description": "Nothing is new."}, **problems(400, 401, 403, 404, 503)},
)
async def get_version(
    request: Request, caller: InstrumentsReader, service: Service, key: InstrumentKeyIn, version: VersionIn
) -> Response:
    """Read one version; released versions never change."""
    instrument = service.catalog.get(key, version)
    allowed = await enabled_instruments(service, organisation=caller.organisation)
    return cached(request, _instrument_out(instrument, allowed=allowed), control="private, no-cache")


@router.post(
    "/{key}/score",
    response_model=ScoredAnswersOut,
    summary="Score answers without storing them",
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
async def post_score(caller: InstrumentsReader, service: Service, key: InstrumentKeyIn, sent: ScoreIn) -> Response:
    """Score one set of answers."""
    instrument = service.catalog.latest(key)
    await _check_enabled(service, caller, instrument)
    scores = score(instrument, check_answers(instrument, sent.answers))
    ref = InstrumentRefOut(
        key=instrument.key,
        version=instrument.version,
        digest=instrument.digest,
        key_status=instrument.key_status,
        validated=instrument.validated,
        scoring_version=scores[0].scoring_version,
    )
    return answer(ScoredAnswersOut(instrument=ref, scores=[score_out(s, None) for s in scores]))


async def _check_enabled(service: Runtime, caller: Caller, instrument: Instrument) -> None:
    if instrument.needs_enabling:
        allowed = await enabled_instruments(service, organisation=caller.organisation)
        if instrument.key not in allowed:
            raise InstrumentNotEnabled


def _instrument_out(instrument: Instrument, *, allowed: set[str]) -> InstrumentOut:
    waiting = instrument.needs_enabling and instrument.key not in allowed
    return InstrumentOut(
        key=instrument.key,
        version=instrument.version,
        digest=instrument.digest,
        title=instrument.title,
        rater=instrument.raters[0],
        raters=list(instrument.raters),
        status="needs_enabling" if waiting else "available",
        license=instrument.license,
        key_status=instrument.key_status,
        validated=instrument.validated,
        notes=list(instrument.notes),
        sources=[SourceOut(says=s.says, doi=s.doi) for s in instrument.sources],
        convention=instrument.convention,
        min=instrument.minimum,
        max=instrument.maximum,
        instructions=instrument.instructions,
        items=[_item_out(instrument, item) for item in instrument.items],
        components=[
            ComponentOut(
                key=c.key,
                kind=c.kind,
                facet=list(c.facets),
                items=list(c.items),
                minimum_answered=instrument.missing_rule.minimum[c.key],
            )
            for c in instrument.components
        ],
        missing_rule=MissingRuleOut(
            method="person_mean",
            total_needs_components=instrument.missing_rule.total_needs_components,
            source=instrument.missing_rule.source,
        ),
        norms=[],
        locales=[instrument.language] if instrument.language else [],
    )


def _item_out(instrument: Instrument, item: Item) -> ItemOut:
    return ItemOut(
        id=item.id,
        text=item.text,
        role=item.role,
        components=[c.key for c in instrument.components if c.kind == "component" and item.id in c.items],
        reversed=item.reversed,
        stage=item.stage,
        options=[OptionOut(value=option.value, label=option.label) for option in item.options],
    )
