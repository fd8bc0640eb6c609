"""The OpenAPI document itself: equal to what is generated, complete, bounded, and its examples are real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator

from tests.api.operations import BY_INVITATION, INVITATION_SCOPE_OF, PUBLIC, SAFETY_SCOPE_OF, SCOPE_OF, Ids
from tests.api.safety import listed, offering
from tests.contract.validator import FOLDER, Contract, exporter, walk
from tests.harness import Clinic, form

CONTRACT = Contract.committed()
#: Where errors are those of OAuth (RFC 6749), and the body is a form: by operation, the statuses.
OAUTH = {"POST /oauth/token": ("400", "401")}
DOCUMENT = CONTRACT.document


def request_schemas() -> Iterator[tuple[str, dict[str, Any]]]:
    """Go through all schemas that a request may hold: bodies with what they refer to, and parameters."""
    seen: set[str] = set()

    def follow(place: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for inner, node in walk(schema, place):
            yield inner, node
            reference = node.get("$ref")
            if isinstance(reference, str) and reference not in seen:
                seen.add(reference)
                yield from follow(reference, CONTRACT.resolve(node))

    for name, operation in CONTRACT.operations.items():
        for parameter in operation.get("parameters", []):
            yield from follow(f"{name} {parameter['in']} {parameter['name']}", parameter["schema"])
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            yield from follow(f"{name} {media_type}", content["schema"])


def examples() -> list[tuple[str, dict[str, Any]]]:
    """Collect the examples of all request bodies, those of the schema and those beside it."""
    found = []
    for name, operation in CONTRACT.operations.items():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schema = CONTRACT.resolve(content["schema"])
            given = [*schema.get("examples", []), *([content["example"]] if "example" in content else [])]
            given += [one["value"] for one in content.get("examples", {}).values()]
            found += [(name, example) for example in given]
    return found


def test_the_committed_document_is_the_generated_one() -> None:
    """Byte by byte, so that a diff shows every change of the contract."""
    assert (FOLDER / "openapi.json").read_text("utf-8") == exporter().document()


def test_the_exporter_finds_a_difference(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """The check of CI fails when the file is missing or another one, and passes when it was written."""
    export = exporter()
    monkeypatch.setattr(export, "FILE", tmp_path / "openapi.json")
    monkeypatch.setattr("sys.argv", ["export.py", "--check"])
    assert export.main() == 1
    (tmp_path / "openapi.json").write_text("{}")
    assert export.main() == 1
    monkeypatch.setattr("sys.argv", ["export.py"])
    assert export.main() == 0
    monkeypatch.setattr("sys.argv", ["export.py", "--check"])
    assert export.main() == 0


def test_the_service_serves_the_committed_document(clinic: Clinic) -> None:
    """The same on every database."""
    served = clinic.service.request("GET", "/openapi.json")
    assert (served.status_code, served.json()) == (200, DOCUMENT)


def test_the_document_is_openapi_3_1(clinic: Clinic) -> None:
    """3.1, whose schemas are JSON Schema 2020-12, with a licence and the release's version."""
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"]["license"]["identifier"] == "Apache-2.0"
    assert DOCUMENT["info"]["version"] == clinic.service.request("GET", "/openapi.json").json()["info"]["version"]
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere() -> None:
    """No schema or header is named that the document lacks."""
    parts = DOCUMENT["components"]
    known = {f"#/components/{kind}/{name}" for kind in ("schemas", "headers") for name in parts[kind]}
    used = {place: node["$ref"] for place, node in walk(DOCUMENT) if isinstance(node.get("$ref"), str)}
    assert {place: target for place, target in used.items() if target not in known} == {}
    assert known - set(used.values()) == set()


def test_every_operation_says_what_it_does_and_who_may() -> None:
    """A summary, one known tag, a name of its own, and a scope unless it is public."""
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    names = [operation["operationId"] for operation in CONTRACT.operations.values()]
    assert len(set(names)) == len(names)
    for name, operation in CONTRACT.operations.items():
        assert operation["summary"].strip(), name
        assert len(operation["tags"]) == 1, name
        assert operation["tags"][0] in tags
        if name.split(" ")[1] in PUBLIC:
            assert operation["security"] == []
        elif name in BY_INVITATION:
            assert operation["security"] == [{"invitation": []}]
        else:
            assert operation["security"] == [{"bearer": [(SCOPE_OF | SAFETY_SCOPE_OF | INVITATION_SCOPE_OF)[name]]}]
    assert DOCUMENT["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_every_operation_declares_its_problems() -> None:
    """500 everywhere; 401, 403 and 429 behind credentials; 400, 408, 413, 415 and 422 with a body only."""
    for name, operation in CONTRACT.operations.items():
        statuses = set(operation["responses"])
        assert "500" in statuses, name
        if name in SCOPE_OF | SAFETY_SCOPE_OF | INVITATION_SCOPE_OF:
            assert {"400", "401", "403", "429", "503"} <= statuses, name
        assert name in OAUTH or ("requestBody" in operation) == ({"408", "413", "415", "422"} <= statuses), name
        assert name in OAUTH or ("requestBody" in operation) == ("422" in statuses), name
        for status, response in operation["responses"].items():
            if status in OAUTH.get(name, ()):
                assert list(response["content"]) == ["application/json"]
            elif int(status) >= 400 and name != "GET /readyz":
                assert list(response["content"]) == ["application/problem+json"], (name, status)


def test_every_string_and_number_of_a_request_is_bounded() -> None:
    """A string has a length or a list of values, a number has both ends, a list and an object their sizes."""
    needed = {"string": {"maxLength"}, "integer": {"minimum", "maximum"}, "number": {"minimum", "maximum"}}
    needed |= {"array": {"maxItems"}}
    unbounded = {
        place: missing
        for place, node in request_schemas()
        if (missing := needed.get(str(node.get("type")), set()) - node.keys()) and not {"enum", "const"} & node.keys()
    }
    assert unbounded == {}


def test_every_object_of_a_request_is_closed() -> None:
    """Unknown fields are refused, and a map says how many entries it may have."""
    objects = {place: node for place, node in request_schemas() if node.get("type") == "object"}
    assert {
        place
        for place, node in objects.items()
        if node.get("additionalProperties") is not False and "maxProperties" not in node
    } == set()
    assert len(objects) >= 5


def test_every_string_number_and_list_of_an_answer_is_bounded() -> None:
    """The conventions of the contract: a maximum on every string, array and number."""
    needed = {"string": "maxLength", "integer": "maximum", "number": "maximum", "array": "maxItems"}
    unbounded = [
        place
        for place, node in walk(DOCUMENT["components"]["schemas"], "#/components/schemas")
        if str(node.get("type")) in needed
        and needed[str(node.get("type"))] not in node
        and not {"enum", "const"} & node.keys()
    ]
    assert unbounded == []


def test_every_number_of_a_score_says_how_it_is_rounded() -> None:
    """Doubles are rounded to 4 decimals, and the schema says so."""
    for name in ("value", "mean", "sum", "pomp"):
        assert DOCUMENT["components"]["schemas"]["ScoredOut"]["properties"][name]["type"] == "number"
    problems = DOCUMENT["components"]["schemas"]["ProbabilitiesOut"]["properties"].values()
    assert {one["description"] for one in problems} == {"A double, rounded to 4 decimals."}


def test_every_body_has_an_example_and_each_is_valid() -> None:
    """What a reader copies passes the schema beside it."""
    with_body = {name for name, operation in CONTRACT.operations.items() if "requestBody" in operation}
    assert {name for name, _ in examples()} == with_body
    for name, example in examples():
        (content,) = CONTRACT.operations[name]["requestBody"]["content"].values()
        assert CONTRACT.mismatches(content["schema"], example) == []
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for example in schema.get("examples", []):
            assert CONTRACT.mismatches({"$ref": f"#/components/schemas/{name}"}, example) == []


def test_every_example_is_taken_for_real(clinic: Clinic) -> None:
    """Posted as it stands, to every place its path may name; intake first, so that there is someone to look up."""
    reader = offering(clinic)
    for name, example in sorted(examples(), key=lambda one: ("withdrawal" in one[0], one[0] != "POST /v1/submissions")):
        if name in OAUTH or "/invitations/" in name:
            continue  # see test_invitations; the other's example holds a secret, which can't be a real one
        method, path = name.split(" ")
        headers = {"Idempotency-Key": str(uuid4()), "Content-Type": "application/json", "Acting-User": "officer-1"}
        if method == "PUT":
            headers["If-None-Match" if "{submission_id}" in path else "If-Match"] = "*"
        if "{submission_id}" in path:
            path = path.replace("{submission_id}", submission_for(clinic, method, example))
        if "{client_id}" in path:
            path = path.format(**vars(Ids.made(clinic, client_ref=name)))
        if "{check_id}" in path:
            path = path.replace("{check_id}", listed(reader, "officer-1")[0]["id"])
        content = json.dumps(example)
        by = reader if SAFETY_SCOPE_OF.get(name) == "safeguarding:read" else clinic
        answer = by.request(method, path.replace("{key}", "trq-s"), content=content, headers=headers)
        assert answer.status_code in {200, 201}, (name, answer.text)
        assert CONTRACT.faults(answer) == []


def submission_for(clinic: Clinic, method: str, example: dict[str, Any]) -> str:
    """Name a form that an example is about: the sender's own new one, the stored one, or any."""
    if method == "PUT":
        return str(uuid4())
    return str(clinic.post(example if "instrument" in example else form()).json()["id"])
