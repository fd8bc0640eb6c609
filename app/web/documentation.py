"""Pages: the interactive documentation (all assets are our own, no internet), the problems and the schemas."""

from __future__ import annotations

from html import escape
from importlib import resources
from pathlib import Path

import fastapi_offline
from fastapi import APIRouter
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from app.errors import NotFound
from app.instruments.catalog import definition_schema
from app.web.problem_table import PROBLEMS, ProblemKind

router = APIRouter(include_in_schema=False)

ASSETS = StaticFiles(directory=str(resources.files("app.web").joinpath("assets")))
SWAGGER = StaticFiles(directory=str(Path(fastapi_offline.__file__).parent / "static"))

_DOCS = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Alliance API</title>
<link rel="icon" href="/assets/alliance.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/swagger/swagger-ui.css">
<link rel="stylesheet" href="/assets/alliance.css">
</head>
<body class="docs">
<main id="docs"><p class="loading">The documentation needs JavaScript. The same as a file:
<a href="/openapi.json">openapi.json</a></p></main>
<script src="/assets/swagger/swagger-ui-bundle.js"></script>
<script src="/assets/docs.js"></script>
</body>
</html>
"""


@router.get("/")
async def get_home() -> Response:
    """Lead to the documentation."""
    return RedirectResponse("/docs")


@router.get("/favicon.ico")
async def get_favicon() -> Response:
    """Lead to the icon."""
    return RedirectResponse("/assets/alliance.svg")


@router.get("/docs")
async def get_docs() -> Response:
    """Show the interactive documentation."""
    return HTMLResponse(_DOCS, headers={"Cache-Control": "no-cache"})


@router.get("/problems")
async def get_problems() -> Response:
    """List every error code."""
    whole = [kind for kind in PROBLEMS.values() if kind.status is not None]
    places = [kind for kind in PROBLEMS.values() if kind.status is None]
    body = f"<h1>Error codes</h1>{_table(whole)}<h2>Codes at one place of a body</h2>{_table(places)}"
    return _page("Error codes", body)


@router.get("/problems/{code}")
async def get_problem(code: str) -> Response:
    """Tell what an error code means and what to do."""
    kind = PROBLEMS.get(code)
    if kind is None:
        raise NotFound
    where = f"HTTP status {kind.status}" if kind.status else "at one place of a body, beside its pointer"
    body = f"<h1>{escape(kind.title)}</h1><p><code>{kind.code}</code> · {where}</p><p>{_prose(kind.advice)}</p>"
    return _page(kind.title, body + '<p><a href="/problems">All error codes</a></p>')


@router.get("/schemas/instrument.json")
async def get_instrument_schema() -> Response:
    """Serve the JSON Schema of instrument definitions."""
    return JSONResponse(
        definition_schema(), media_type="application/schema+json", headers={"Cache-Control": "public, max-age=3600"}
    )


def _table(kinds: list[ProblemKind]) -> str:
    rows = "".join(
        f'<li><a href="/problems/{kind.code}"><code>{kind.code}</code></a>'
        f"<span>{kind.status or ''}</span><p>{escape(kind.title)}</p></li>"
        for kind in kinds
    )
    return f'<ul class="codes">{rows}</ul>'


def _prose(text: str) -> str:
    parts = escape(text, quote=False).split("`")
    return "".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))


def _page(title: str, body: str) -> HTMLResponse:
    return HTMLResponse(
        f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · Alliance</title>
<link rel="icon" href="/assets/alliance.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/alliance.css">
</head>
<body>
<header><a href="/docs">Alliance</a></header>
<main>{body}</main>
</body>
</html>
""",
        headers={"Cache-Control": "public, max-age=300"},
    )
