"""The service as an ASGI application: what uvicorn runs."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from app import __version__
from app.audit.seal_all import Sealer
from app.safeguarding.watch import watch
from app.seeing.logs import open_logs
from app.seeing.traces import open_traces
from app.settings import Settings
from app.stages.advice import released_advice
from app.storage.binding import OF_REQUESTS
from app.storage.made_here import check_not_made
from app.storage.role import check_role
from app.storage.runtime import Runtime, open_runtime
from app.web import (
    caseload,
    changes,
    clients,
    consents,
    documentation,
    health,
    instruments,
    invitations,
    metrics,
    oauth,
    people,
    psychometrics,
    safeguarding,
    schedule,
    signals,
    submissions,
)
from app.web.auth import Authentication
from app.web.boundary import BodyLimit, Boundary
from app.web.few_at_once import UnderWay
from app.web.openapi import openapi
from app.web.problems import on_http_exception, on_validation_error
from app.web.rates import FailedLogins, RateLimits
from app.web.seen import Seen
from app.web.wire import COMPRESSED_FROM


def be_seen(settings: Settings) -> None:
    """Begin to write log lines, and to send traces where there is a collector for them."""
    open_logs(form=settings.log_format, level=settings.log_level, development=settings.env == "development")
    standard = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if settings.traces_url or any(os.environ.get(name) for name in standard):
        open_traces(url=settings.traces_url, version=__version__)


def _opened(settings: Settings) -> Runtime:
    be_seen(settings)
    if settings.env == "production":
        check_not_made(settings.secrets_dir)
    return open_runtime(
        database_url=settings.database_url,
        secrets_dir=settings.secrets_dir,
        make_secrets=settings.env == "development",
        instruments_dir=settings.instruments_dir,
        issuer=settings.issuer,
        spans=OF_REQUESTS,
    )


def create_app(runtime: Runtime | None = None, settings: Settings | None = None) -> FastAPI:
    """Build the service; what is not given is what the environment's settings name."""
    settings = settings or Settings()
    service = runtime or _opened(settings)

    app = FastAPI(
        title="Alliance",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(service),
        middleware=_rings(settings),
        exception_handlers={HTTPException: on_http_exception, RequestValidationError: on_validation_error},
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.runtime = service
    app.state.exports = UnderWay()
    app.state.organisations = set()  # those whose applications have called: see watch
    _add_routes(app, settings)
    app.openapi = lambda: openapi(app)  # type: ignore[method-assign] # the documented way to extend the document
    return app


def _add_routes(app: FastAPI, settings: Settings) -> None:
    """Add every operation, and the folders of the pages."""
    personal = (submissions, clients, schedule, people, consents, signals, caseload, changes, safeguarding)
    for resource in (*personal, psychometrics, instruments, invitations, oauth, health, documentation):
        app.include_router(resource.router)
    if settings.metrics_port is None:
        app.include_router(metrics.router)
    app.mount("/assets/swagger", documentation.SWAGGER)
    app.mount("/assets", documentation.ASSETS)


def _lifespan(service: Runtime) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Say what is done before the first request and after the last one."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await check_role(service.database)
        released_advice()  # read once now, or the first form would wait for it
        # What is here by now stays: the collector need not go through it again at every few requests.
        gc.collect()
        gc.freeze()
        gc.set_threshold(25_000, 10, 20)
        watching = asyncio.create_task(watch(service, app.state.organisations))
        app.state.sealer = sealer = Sealer(service)
        sealer.start()
        yield
        watching.cancel()
        await sealer.close()
        await service.database.close()

    return lifespan


def _rings(settings: Settings) -> list[Middleware]:
    """List what a request goes through, outermost first."""
    return [
        Middleware(Seen),
        Middleware(Boundary),
        Middleware(GZipMiddleware, minimum_size=COMPRESSED_FROM, compresslevel=5),
        Middleware(FailedLogins, failed=settings.rate_limit_failed_logins),
        Middleware(Authentication),
        Middleware(
            RateLimits,
            application=(settings.rate_limit_writes, settings.rate_limit_reads),
            person=(settings.rate_limit_person_writes, settings.rate_limit_person_reads),
        ),
        Middleware(BodyLimit, seconds=settings.body_seconds),
    ]
