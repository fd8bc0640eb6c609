"""The OpenAPI document: what FastAPI finds, with problems as problem+json."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from app.web.header_parameters import add_headers
from app.web.problems import ProblemOut
from app.web.seen import UNTOLD
from app.web.wire import In, Out

_DESCRIPTIONS = {
    400: "The request can't be understood.",
    401: "No valid credentials.",
    403: "The application lacks the scope.",
    404: "Nothing is there: absent, malformed or another organisation's.",
    408: "The body did not come in time; nothing was stored.",
    409: "What is stored forbids it.",
    410: "It is over, or the client was erased.",
    412: "The id stands for another form, or what is to be changed is not as it was read.",
    413: "The body is over 1 MiB.",
    415: "The body is not declared as JSON.",
    422: "The body has faults; nothing was stored.",
    428: "The header with the precondition is missing.",
    429: "Too many requests; nothing was stored.",
    500: "Something went wrong here; nothing was acknowledged.",
    503: "The database can't be used; nothing was acknowledged.",
}
_DESCRIPTION = """\
Measures the therapeutic alliance, the working relationship between a client and a therapist: forms come in, component
scores, change, signals, the likely stage and recommendations go out.

Scores and signals are prompts for a conversation, not a diagnosis and not a judgement of a therapist. Our own measure,
the signals and the stage model are not validated, and the answers say so. Not a crisis service.
"""
_TAGS = [
    {"name": "submissions", "description": "Forms come in and can be read back."},
    {"name": "clients", "description": "What is known about one client: progress, stage, and how a score came about."},
    {"name": "people", "description": "What a person has a right to: notice, consent, their data, and to be erased."},
    {"name": "signals", "description": "Prompts to look at a relationship: read, explained, acknowledged."},
    {
        "name": "caseload",
        "description": "Open episodes, those that need attention first; never figures about therapists.",
    },
    {"name": "changes", "description": "What happened since, for programs that keep a copy."},
    {
        "name": "safeguarding",
        "description": "Safety checks: asked of clients, read by named people and by nobody else.",
    },
    {"name": "organisations", "description": "What an organisation's own forms say of its instruments."},
    {"name": "instruments", "description": "What is asked and how it is counted; scoring without storing."},
    {"name": "invitations", "description": "A form that is due: the client's way in, with a token for this one form."},
    {"name": "oauth", "description": "Access tokens for applications, and the keys that these are signed with."},
    {"name": "health", "description": "Whether the service lives and can work."},
]
#: How often an application may ask, as draft-ietf-httpapi-ratelimit-headers-10 tells it; none where the limit is off.
_RATE_LIMITS: dict[str, dict[str, Any]] = {
    "RateLimit-Policy": {
        "description": (
            'The limit that was counted against: `"writes";q=1000;w=1` is 1000 writes in a second, '
            '`"person-writes"` what one person or invitation has of them. Never told of safety checks.'
        ),
        "schema": {"type": "string", "maxLength": 100},
    },
    "RateLimit": {
        "description": 'How it stands: `"writes";r=998;t=1` is 998 left, all of them again in a second.',
        "schema": {"type": "string", "maxLength": 100},
    },
}
_RETRY_AFTER: dict[str, Any] = {
    "description": "Seconds to wait.",
    "schema": {"type": "integer", "minimum": 1, "maximum": 3600},
}
#: Relative to where the document is served: every site has an address of its own, behind TLS of its own.
_SERVERS = [{"url": "/", "description": "The service that serves this document."}]
#: What is said of a parameter wherever it stands.
_PARAMETERS: dict[str, dict[str, Any]] = {
    "submission_id": {"description": "The `id` in the answer to a form."},
    "client_id": {"description": "The opaque id that `POST /v1/clients/lookup` and every answer to a form name."},
    "score_id": {"description": "The `id` of a score."},
    "signal_id": {"description": "The `id` of a signal."},
    "check_id": {"description": "The `id` of a safety check."},
    "episode_id": {"description": "The `episode_id` in the answer to a form."},
    "invitation_id": {"description": "The `id` of an invitation."},
    "key": {"description": "The instrument's key."},
    "version": {"description": "A version of the instrument."},
}
#: What a route checks by hand is said by hand: visible ASCII, but not the empty text in quotes; a list of parts.
_PATTERNS = {
    "Idempotency-Key": r'^(?!""$)[!-~]+$',
    "fields": "^(episode|series|signals|stage)(,(episode|series|signals|stage))*$",
}
#: Headers without which a PUT is refused with 428.
_PRECONDITIONS: dict[str, dict[str, Any]] = {
    "If-None-Match": {"type": "string", "enum": ["*"]},
    "If-Match": {"type": "string", "maxLength": 400, "pattern": r'^(\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*)$'},
}
#: A text that is sent has no control characters; one of a narrower form says so itself.
_TEXT = r"^[^\u0000-\u001f\u007f-\u009f]*$"
#: Where the answers hold what other operations' paths name.
_IDS = {
    "SubmissionOut": {
        "submission_id": "/id",
        "client_id": "/client_id",
        "episode_id": "/episode_id",
        "score_id": "/scores/0/id",
    },
    "StoredSubmissionOut": {"client_id": "/client_id", "episode_id": "/episode_id", "score_id": "/scores/0/id"},
    "ClientOut": {"client_id": "/client_id"},
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare that an operation may answer these problems."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
    return {status: {"description": _DESCRIPTIONS[status], "content": content} for status in statuses}


def _sharpen(node: Any) -> None:
    """Say what FastAPI leaves out: an id has 36 characters, an integer 32 bits, and its limits are integers."""
    if isinstance(node, dict):
        if "anyOf" in node:
            kinds = _one_list(node.pop("anyOf"))
            node.update({"anyOf": kinds} if len(kinds) > 1 else kinds[0])
        if node.get("format") == "uuid":
            node["maxLength"] = 36
        if node.get("type") == "integer":
            _sharpen_integer(node)
        for part in node.values():
            _sharpen(part)
    elif isinstance(node, list):
        for part in node:
            _sharpen(part)


def _sharpen_integer(node: dict[str, Any]) -> None:
    if "exclusiveMaximum" in node:
        node["maximum"] = node.pop("exclusiveMaximum") - 1
    limits: dict[str, Any] = {name: int(node[name]) for name in ("minimum", "maximum") if name in node}
    node.update({"format": "int32", **limits})


def _one_list(kinds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make one list of all texts that may stand at a place: generated clients read a choice of lists wrongly."""
    texts = [kind for kind in kinds if "enum" in kind or isinstance(kind.get("const"), str)]
    if not texts:
        return kinds
    values = [value for kind in texts for value in kind.get("enum", [kind.get("const")])]
    at = kinds.index(texts[0])
    others = [kind for kind in kinds if kind not in texts]
    return [*others[:at], {"type": "string", "enum": values}, *others[at:]]


def _restrict_texts(node: Any) -> None:
    """Say of every free text in what is sent that it has no control characters."""
    if isinstance(node, dict):
        if node.get("type") == "string" and not {"pattern", "format", "enum", "const"} & node.keys():
            node["pattern"] = _TEXT
        for name, part in node.items():
            if name != "examples":
                _restrict_texts(part)
    elif isinstance(node, list):
        for part in node:
            _restrict_texts(part)


def _complete(operation: dict[str, Any], *, is_told: bool) -> None:
    """Add what holds for every operation, whichever route declares it."""
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    responses.update({str(status): said for status, said in problems(500).items()})
    if "requestBody" in operation:
        responses.update({str(status): said for status, said in problems(408).items()})
    # No security says that none is needed, which is not the same as nothing said; wrong proofs are counted anyway.
    if operation.setdefault("security", []) or "requestBody" in operation:
        _limit(responses, is_told=is_told)
    operation["responses"] = dict(sorted(responses.items()))
    for parameter in operation.get("parameters", []):
        schema = _without_null(parameter["schema"])
        if parameter["name"] in _PATTERNS:
            schema["pattern"] = _PATTERNS[parameter["name"]]
        if parameter["name"] in _PRECONDITIONS and "428" in responses:
            schema = _PRECONDITIONS[parameter["name"]]
            parameter["required"] = True
        parameter.update({**_PARAMETERS.get(parameter["name"], {}), **parameter, "schema": schema})


def _limit(responses: dict[str, Any], *, is_told: bool) -> None:
    """Say that an operation is counted, and what is answered when it is too much; of safety checks not how it stands.

    Wrong credentials are counted and told there, too.
    """
    responses.update({str(status): said for status, said in problems(429).items()})
    responses["429"]["headers"] = {"Retry-After": _RETRY_AFTER}
    told = {name: {"$ref": f"#/components/headers/{name}"} for name in _RATE_LIMITS}
    for status, response in responses.items():
        if is_told or status in {"401", "429"}:
            response["headers"] = {**response.get("headers", {}), **told}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Take null out of a parameter's kinds: it is sent or left out."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name != "anyOf"}, **kinds[0]}


def _with_nulls(schemas: dict[str, Any], model: type[BaseModel]) -> None:
    """Put back the nulls that FastAPI drops from the examples of a model and of those below it."""
    extra = model.model_config.get("json_schema_extra")
    if isinstance(extra, dict) and model.__name__ in schemas:
        schemas[model.__name__].update(deepcopy(extra))
    for below in model.__subclasses__():
        _with_nulls(schemas, below)


def _link(operations: list[tuple[str, dict[str, Any]]]) -> None:
    """Lead from every answer that holds ids to the operations whose paths name them."""
    named = {operation["operationId"]: set(re.findall(r"{(\w+)}", path)) for path, operation in operations}
    for _, operation in operations:
        for response in operation["responses"].values():
            schema = response.get("content", {}).get("application/json", {}).get("schema", {})
            ids = _IDS.get(schema.get("$ref", "").rpartition("/")[2], {})
            links = {
                target: {
                    "operationId": target,
                    "parameters": {name: f"$response.body#{ids[name]}" for name in sorted(names)},
                }
                for target, names in named.items()
                if names and names <= ids.keys() and target != operation["operationId"]
            }
            if links:
                response["links"] = links


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
            servers=_SERVERS,
            routes=app.routes,
        )
        schemas = document["components"]["schemas"]
        schema = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs"), ProblemOut=schema)
        document["components"]["headers"] = deepcopy(_RATE_LIMITS)
        for kind in (In, Out):
            _with_nulls(schemas, kind)
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        paths = document["paths"].items()
        operations = [(path, one) for path, methods in paths for one in methods.values()]
        for path, method, operation in ((path, *one) for path, methods in paths for one in methods.items()):
            _complete(operation, is_told=not path.startswith(UNTOLD))
            add_headers(operation, method=method)
        _link(operations)
        _sharpen(document)
        for name, sent in schemas.items():
            if name.endswith("In"):
                _restrict_texts(sent)
        app.openapi_schema = document
    return app.openapi_schema
