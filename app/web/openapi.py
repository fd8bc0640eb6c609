"""The OpenAPI document: what FastAPI finds, with problems as problem+json."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.web.problems import ProblemOut

_DESCRIPTIONS = {
    400: "The request can't be understood.",
    401: "No valid credentials.",
    403: "The application lacks the scope.",
    404: "Nothing is there: absent, malformed or another organisation's.",
    409: "What is stored forbids it.",
    413: "The body is over 1 MiB.",
    415: "The body is not declared as JSON.",
    422: "The body has faults; nothing was stored.",
    503: "The database can't be used; nothing was acknowledged.",
}
_DESCRIPTION = """\
Measures the therapeutic alliance, the working relationship between a client and a therapist: forms come in, component
scores, change, the likely stage and recommendations go out.

Scores are prompts for a conversation, not a diagnosis and not a judgement of a therapist. Our own measure and the stage
model are not validated, and every answer says so. Not a crisis service.
"""
_TAGS = [
    {"name": "submissions", "description": "Forms come in and can be read back."},
    {"name": "clients", "description": "What is known about one client: progress, stage, and how a score came about."},
    {"name": "instruments", "description": "What is asked and how it is counted; scoring without storing."},
    {"name": "health", "description": "Whether the service lives and can work."},
]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare that an operation may answer these problems."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
    return {status: {"description": _DESCRIPTIONS[status], "content": content} for status in statuses}


def _bound(node: Any) -> None:
    """Say that an id has 36 characters, which FastAPI leaves out."""
    if isinstance(node, dict):
        if node.get("format") == "uuid":
            node["maxLength"] = 36
        for part in node.values():
            _bound(part)
    elif isinstance(node, list):
        for part in node:
            _bound(part)


def openapi(app: FastAPI) -> dict[str, Any]:
    """Build the document once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="Alliance",
            version=app.version,
            openapi_version="3.1.0",
            summary="An open service that measures the therapeutic alliance.",
            description=_DESCRIPTION,
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            tags=_TAGS,
            routes=app.routes,
        )
        schemas = document["components"]["schemas"]
        schema = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs"), ProblemOut=schema)
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for path in document["paths"].values():
            for operation in path.values():
                if "HTTPValidationError" in str(operation["responses"].get("422")):
                    del operation["responses"]["422"]
        _bound(document)
        app.openapi_schema = document
    return app.openapi_schema
