"""What Prometheus reads, with a key of the operator's bound to nobody; for nobody where it has a port of its own."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from app.errors import NotFound
from app.seeing.metrics import CONTENT_TYPE, exposition
from app.web.auth import MetricsReader
from app.web.route import StrictRoute

router = APIRouter(include_in_schema=False, route_class=StrictRoute)


@router.get("/metrics")
async def get_metrics(caller: MetricsReader) -> Response:
    """Write the metrics of the whole service; to a credential of one person there are none."""
    if not caller.is_unbound:
        raise NotFound
    return Response(await asyncio.to_thread(exposition), headers={"Content-Type": CONTENT_TYPE})
