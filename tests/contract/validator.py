"""A small judge of answers: what the OpenAPI document declares for an operation, and what an answer has."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import httpx
from jsonschema import Draft202012Validator, FormatChecker

FOLDER = Path(__file__).parents[2] / "openapi"

_sent = FormatChecker(["date", "uuid"])
_answered = FormatChecker(["date", "uuid"])


@_answered.checks("date-time", raises=ValueError)
def _is_utc_time(value: object) -> bool:
    """Times go out in UTC with a Z; they may come in otherwise."""
    return not isinstance(value, str) or (value.endswith("Z") and datetime.fromisoformat(value).tzinfo is not None)


def exporter() -> ModuleType:
    """Load openapi/export.py by its path: it is a script beside the document, in no package."""
    found = importlib.util.spec_from_file_location("export", FOLDER / "export.py")
    if found is None or found.loader is None:
        raise FileNotFoundError(FOLDER / "export.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Contract:
    """The OpenAPI document as a judge."""

    document: dict[str, Any]

    @classmethod
    def committed(cls) -> Contract:
        """Read the committed document."""
        return cls(json.loads((FOLDER / "openapi.json").read_text("utf-8")))

    @cached_property
    def operations(self) -> dict[str, dict[str, Any]]:
        """Return all operations as `METHOD /path`."""
        return {
            f"{method.upper()} {path}": operation
            for path, operations in self.document["paths"].items()
            for method, operation in operations.items()
        }

    def name(self, response: httpx.Response) -> str | None:
        """Name the operation that a response belongs to; literal paths come before those with parameters."""
        method, path = response.request.method, urlsplit(str(response.request.url)).path
        for name in sorted(self.operations, key=lambda name: name.count("{")):
            known, template = name.split(" ")
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            if known == method and re.fullmatch(pattern, path):
                return name
        return None

    def faults(self, response: httpx.Response) -> list[str]:
        """List where an answer is not as declared; an answer to no operation has to be a problem."""
        name = self.name(response)
        if name is None:
            content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
        else:
            declared = self.operations[name]["responses"].get(str(response.status_code))
            if declared is None:
                return [f"{response.status_code} is not declared"]
            content = declared.get("content", {})
        if not response.content:
            minimal = "preference-applied" in response.headers or response.request.method == "HEAD"
            return [] if minimal or not content else ["the body is missing"]
        media_type = response.headers["content-type"].partition(";")[0]
        if media_type not in content:
            return [f"{media_type} is not declared for {response.status_code}"]
        return self.mismatches(content[media_type]["schema"], response.json(), formats=_answered)

    def mismatches(self, schema: dict[str, Any], value: Any, *, formats: FormatChecker = _sent) -> list[str]:
        """Validate a value against a schema of the document."""
        whole = {**schema, "components": self.document["components"]}
        found = Draft202012Validator(whole, format_checker=formats).iter_errors(value)
        return [f"{error.json_path}: {error.message[:200]}" for error in found]

    def resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Follow a reference within the document."""
        if "$ref" not in schema:
            return schema
        here: Any = self.document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            here = here[part.replace("~1", "/").replace("~0", "~")]
        found: dict[str, Any] = here
        return found


def walk(node: Any, place: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Go through every object of a document with its place."""
    if isinstance(node, dict):
        yield place, node
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, part in inner:
        yield from walk(part, f"{place}/{name}")
