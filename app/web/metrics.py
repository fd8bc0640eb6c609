"""What Prometheus reads, for an administrator's key; nobody's where it has a port of its own."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from app.seeing.metrics import CONTENT_TYPE, exposition
from app.web.auth import Administrator
from app.web.route import StrictRoute

router = APIRouter(include_in_schema=False, route_class=StrictRoute)


@router.get("/metrics")
async def get_metrics(_caller: Administrator) -> Response:
    """Write the metrics of the whole service."""
    return Response(await asyncio.to_thread(exposition), headers={"Content-Type": CONTENT_TYPE})
