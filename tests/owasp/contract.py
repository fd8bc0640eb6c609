"""The operations as the committed contract has them: a new one is met by these tests without a line here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "openapi" / "openapi.json").read_text(encoding="utf-8")
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def operations() -> dict[str, dict[str, Any]]:
    """Return each operation behind credentials by its name, as `GET /v1/caseload`."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/v1/")
    }


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference within the document."""
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].removeprefix("#/components/schemas/")
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][name]
    return found


def fields_of(schema: dict[str, Any]) -> set[str]:
    """Name the fields of an object, whichever of several shapes it has."""
    schema = resolved(schema)
    names = set(schema.get("properties", {}))
    for one in [*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("allOf", [])]:
        names |= fields_of(one)
    return names


def answered_fields() -> set[str]:
    """Name every field that any answer has at its top."""
    names: set[str] = set()
    for operation in operations().values():
        for status, answer in operation["responses"].items():
            if status.startswith("2") and "content" in answer:
                for content in answer["content"].values():
                    names |= fields_of(content["schema"])
    return names


def body_schema(operation: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of an operation's body, if it has one."""
    body = operation.get("requestBody")
    return None if body is None else resolved(body["content"]["application/json"]["schema"])
