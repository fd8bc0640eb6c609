"""Two floors without a database, for orientation: the server alone, and the framework with scoring."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Response

from bench.floors.wire import SubmissionIn, answer, scored

_BODY = b'{"status":"ok"}'
_HEAD = {"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"%d" % len(_BODY))]}


async def asgi(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """Read the body and answer a constant."""
    if scope["type"] == "http":
        while (await receive()).get("more_body"):
            pass
        await send(_HEAD)
        await send({"type": "http.response.body", "body": _BODY})


def framework() -> FastAPI:
    """Make the floor of FastAPI: pydantic in and out, scoring, nothing stored."""
    app = FastAPI(docs_url=None, openapi_url=None)

    @app.post("/v1/submissions", status_code=201)
    async def post(sent: SubmissionIn) -> Response:
        return answer(scored(sent), status=201)

    @app.get("/ready")
    async def ready() -> Response:
        return Response()

    return app
