"""schemathesis calls the running service as its document says, in all phases and with all checks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.lint import DOCUMENT, ROOT
from tests.contract.served import Served, served
from tests.contract.steering import is_steered, steered, takes_everything, unexplained
from tests.harness import form, make_postgres_database

#: Set for long runs by `make soak-contract`; an empty seed is a fresh one.
EXAMPLES = os.environ.get("ALLIANCE_CONTRACT_EXAMPLES", "8")
SEED = os.environ.get("ALLIANCE_CONTRACT_SEED", "20261124")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The service as a process, on each database."""
    folder = tmp_path_factory.mktemp("schemathesis")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'alliance.db'}"
    else:
        url = make_postgres_database(request.getfixturevalue("postgres_url"))
    with served(url, folder) as running:
        yield running


def schemathesis(service: Served, document: str, *words: str) -> tuple[int, str]:
    """Run it in a process of its own; return how it ended and what it printed."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "tests/contract/schemathesis.toml", "run"]
    done = subprocess.run(
        [*command, document, "--url", service.url, "--no-color", "--generation-database", "none", *words],
        cwd=ROOT,
        env={
            **os.environ,
            "ALLIANCE_CONTRACT_KEY": service.key,
            "ALLIANCE_CONTRACT_INVITATION": service.invitation,
            "PYTHONUTF8": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_the_service_keeps_to_its_document(service: Served, capsys: pytest.CaptureFixture[str]) -> None:
    """No server error, nothing undeclared, nothing malformed taken, nothing well-formed refused without a rule."""
    seed = ["--seed", SEED] if SEED else []
    words = ["--max-examples", EXAMPLES, "--continue-on-failure", *seed]
    code, said = schemathesis(service, f"{service.url}/openapi.json", *words)
    with capsys.disabled():
        sys.stdout.write("\nschemathesis: " + " ".join(re.findall(r"[\d,]+ generated.*|Seed: \d+", said)) + "\n")
    assert code == 0, said
    assert re.findall(r"(Examples|Coverage|Fuzzing|Stateful)$", said, re.MULTILINE) == [
        "Examples", "Coverage", "Fuzzing", "Stateful",
    ]  # fmt: skip


def test_an_answer_that_is_not_as_declared_is_found(service: Served, tmp_path: Path) -> None:
    """Held against a document that says otherwise, the same service fails."""
    document = json.loads(DOCUMENT.read_text("utf-8"))
    document["components"]["schemas"]["LiveOut"]["properties"]["status"]["const"] = "dead"
    planted = tmp_path / "openapi.json"
    planted.write_text(json.dumps(document))
    code, said = schemathesis(service, str(planted), "--max-examples", "1", "--include-path", "/livez")
    assert code == 1, said
    assert "Response violates schema" in said


def test_half_of_the_forms_are_such_that_the_instrument_takes_them() -> None:
    """A steered form keeps to the schema and to trq-s; which are steered follows from what they hold."""
    drawn = form(instrument="0", rater="parent", answers={"x": 900, "y": None}, instrument_version="1.2.3")
    made = steered({"items": [drawn]})["items"][0]
    assert (made["instrument"], made["rater"], "instrument_version" in made) == ("trq-s", "client", False)
    assert set(made["answers"].values()) <= {0, 1, 2, 3, 4, 5}
    assert {is_steered({"ref": "a"}), is_steered({"ref": "b"})} == {True, False}


def test_a_refusal_that_the_schema_should_have_said_is_found() -> None:
    """Faults of text, type or length in what was drawn by the schema are faults of the document."""
    text = {"code": "validation_failed", "errors": [{"pointer": "/ref", "code": "invalid_text"}]}
    assert unexplained(text, {"ref": "a"}) == {"invalid_text"}
    number = {"code": "validation_failed", "errors": [{"pointer": "/session_number", "code": "out_of_range"}]}
    assert unexplained(number, {"session_number": 3}) == {"out_of_range"}
    answer = {"code": "validation_failed", "errors": [{"pointer": "/answers/7", "code": "out_of_range"}]}
    assert unexplained(answer, {"answers": {"7": 9}}) == set()
    kind = {"code": "validation_failed", "errors": [{"pointer": "/answers/7", "code": "wrong_type"}]}
    assert unexplained(kind, {"answers": {"7": 4}}) == {"wrong_type"}
    assert unexplained(kind, {"answers": {"7": 4.0}}) == set()
    assert unexplained({"code": "no_answers", "errors": []}, {}) == set()
    assert unexplained({"code": "surprise", "errors": []}, {}) == {"surprise"}


def test_a_malformed_batch_that_is_taken_whole_is_found() -> None:
    """One refused item is enough; lists that are no results of items don't count."""
    assert takes_everything({"items": [{"status": 201}, {"status": 200}]})
    assert not takes_everything({"items": [{"status": 201}, {"status": 422}]})
    assert not takes_everything({"items": [{"key": "trq-s", "status": "available"}]})
    assert not takes_everything([1])
