"""The committed OpenAPI document is what the service serves, and what it says is so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.harness import Clinic, form

FILE = Path(__file__).parents[2] / "openapi" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(FILE.read_text("utf-8"))


def faults(schema: str, answer: Any) -> list[str]:
    """Validate an answer against a schema of the document."""
    whole = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(answer)]


def test_the_committed_document_is_the_one_that_is_served(clinic: Clinic) -> None:
    """No drift: the file equals /openapi.json, and it is OpenAPI 3.1."""
    assert clinic.service.request("GET", "/openapi.json").json() == DOCUMENT
    assert DOCUMENT["openapi"].startswith("3.1")


def test_every_example_is_taken_for_real(clinic: Clinic) -> None:
    """The examples of all request bodies are posted as they stand and answered with 2xx."""
    schemas = DOCUMENT["components"]["schemas"]
    for example in schemas["SubmissionIn"]["examples"]:
        assert clinic.post(example).status_code == 201
    for example in schemas["LookupIn"]["examples"]:
        assert clinic.request("POST", "/v1/clients/lookup", json=example).status_code == 200
    for example in schemas["ScoreIn"]["examples"]:
        assert clinic.request("POST", "/v1/instruments/trq-s/score", json=example).status_code == 200


def test_every_answer_is_as_its_schema_says(clinic: Clinic) -> None:
    """What each operation answers validates against the document."""
    made = clinic.recorded(form(answers={"1": 4, "2": 3, "3": None, "4": "not_applicable"}))
    client = f"/v1/clients/{made['client_id']}"
    answers = {
        "SubmissionOut": made,
        "StoredSubmissionOut": clinic.get(f"/v1/submissions/{made['id']}").json(),
        "ProgressOut": clinic.get(f"{client}/progress").json(),
        "StageDetailOut": clinic.get(f"{client}/stage").json(),
        "ExplanationOut": clinic.get(f"{client}/scores/{made['scores'][0]['id']}/explanation").json(),
        "InstrumentListOut": clinic.get("/v1/instruments").json(),
        "InstrumentOut": clinic.get("/v1/instruments/trq-s/versions/1.0.0").json(),
        "ReadyOut": clinic.service.request("GET", "/readyz").json(),
        "ProblemOut": clinic.get("/v1/submissions/none").json(),
    }
    assert {name: found for name, answer in answers.items() if (found := faults(name, answer))} == {}


def test_every_operation_under_v1_names_its_scope() -> None:
    """The table of operations and scopes is that of the contract."""
    found = {
        f"{method.upper()} {path}": operation["security"][0]["bearer"]
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
        if path.startswith("/v1")
    }
    assert found == {
        "POST /v1/submissions": ["submissions:write"],
        "GET /v1/submissions/{submission_id}": ["submissions:read"],
        "POST /v1/clients/lookup": ["scores:read"],
        "GET /v1/clients/{client_id}/progress": ["scores:read"],
        "GET /v1/clients/{client_id}/stage": ["scores:read"],
        "GET /v1/clients/{client_id}/scores/{score_id}/explanation": ["scores:read"],
        "GET /v1/instruments": ["instruments:read"],
        "GET /v1/instruments/{key}": ["instruments:read"],
        "GET /v1/instruments/{key}/versions/{version}": ["instruments:read"],
        "POST /v1/instruments/{key}/score": ["instruments:read"],
    }
