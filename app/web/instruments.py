"""What is asked and how it is counted, and scoring without storing anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from app.access.administer import enabled_instruments
from app.access.caller import Caller
from app.errors import InstrumentNotEnabled, NotFound
from app.instruments.model import Instrument, check_answers
from app.scoring.score import score
from app.storage.runtime import Runtime
from app.web.auth import InstrumentsReader
from app.web.instruments_wire import (
    AnyInstrumentOut,
    InstrumentListOut,
    InstrumentOut,
    ScoredAnswersOut,
    ScoreIn,
    instrument_out,
    unavailable_out,
    without_stages,
)
from app.web.language import preferred_language
from app.web.openapi import problems
from app.web.route import StrictRoute
from app.web.scores_wire import score_out
from app.web.submissions_wire import InstrumentRefOut
from app.web.wire import Out, Service, answer, cached

router = APIRouter(prefix="/v1/instruments", tags=["instruments"], route_class=StrictRoute)

InstrumentKeyIn = Annotated[str, Path(alias="key", max_length=40, pattern=r"^[a-z0-9-]+$")]
VersionIn = Annotated[str, Path(max_length=20, pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]


#: Read by hand, for a header that can't be read is no reason to refuse.
LANGUAGE: dict[str, Any] = {
    "parameters": [
        {
            "name": "Accept-Language",
            "in": "header",
            "required": False,
            "description": "Which languages the texts are wanted in (RFC 9110); the definition's own for want of any.",
            "schema": {"type": "string", "maxLength": 1000},
            "example": "de-CH, de;q=0.9, en;q=0.5",
        }
    ]
}


@router.get(
    "",
    response_model=InstrumentListOut,
    summary="List the instruments",
    responses={304: {"description": "Nothing is new."}, **problems(400, 401, 403, 503)},
    openapi_extra=LANGUAGE,
)
async def get_instruments(request: Request, caller: InstrumentsReader, service: Service) -> Response:
    """List every instrument, newest version, and those that are known without a key."""
    allowed = await enabled_instruments(service, organisation=caller.organisation)
    told = [_told(request, service, caller, instrument, allowed=allowed) for instrument in service.catalog.listed()]
    known = [unavailable_out(one) for one in service.catalog.listed_unavailable()]
    return _cached(request, InstrumentListOut(items=[*told, *known], next_cursor=None), (one.locale for one in told))


@router.get(
    "/{key}",
    response_model=AnyInstrumentOut,
    summary="Read an instrument",
    responses={304: {"description": "Nothing is new."}, **problems(400, 401, 403, 404, 503)},
    openapi_extra=LANGUAGE,
)
async def get_instrument(
    request: Request, caller: InstrumentsReader, service: Service, key: InstrumentKeyIn
) -> Response:
    """Read the newest version of an instrument, or what is known of one without a key."""
    known = service.catalog.unavailable(key)
    if known is not None:
        return _cached(request, unavailable_out(known), ())
    allowed = await enabled_instruments(service, organisation=caller.organisation)
    told = _told(request, service, caller, service.catalog.latest(key), allowed=allowed)
    return _cached(request, told, (told.locale,))


@router.get(
    "/{key}/versions/{version}",
    response_model=InstrumentOut,
    summary="Read one version of an instrument",
    responses={304: {"description": "Nothing is new."}, **problems(400, 401, 403, 404, 503)},
    openapi_extra=LANGUAGE,
)
async def get_version(
    request: Request, caller: InstrumentsReader, service: Service, key: InstrumentKeyIn, version: VersionIn
) -> Response:
    """Read one version; released versions never change."""
    if service.catalog.unavailable(key) is not None:
        raise NotFound(key)
    allowed = await enabled_instruments(service, organisation=caller.organisation)
    told = _told(request, service, caller, service.catalog.get(key, version), allowed=allowed)
    return _cached(request, told, (told.locale,))


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


def _told(
    request: Request, service: Runtime, caller: Caller, instrument: Instrument, *, allowed: set[str]
) -> InstrumentOut:
    """Tell an instrument in the language the caller would rather read; not a client which stage an item is about."""
    header = ",".join(request.headers.getlist("accept-language"))
    locale = preferred_language(header, service.catalog.locales(instrument))
    told = instrument_out(service.catalog.told(instrument, locale), service.catalog, allowed=allowed)
    return told if caller.sees("stage") else without_stages(told)


def _cached(request: Request, body: Out, locales: Iterable[str | None]) -> Response:
    """Send a body that depends on the caller's languages; name those that its texts are in."""
    response = cached(request, body, control="private, no-cache")
    response.headers["Vary"] = "Accept-Language"
    spoken = sorted({locale for locale in locales if locale is not None})
    if spoken:
        response.headers["Content-Language"] = ", ".join(spoken)
    return response
