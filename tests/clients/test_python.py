"""A Python client generated of the document: complete without a warning, and it works with the running service."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.contract.lint import DOCUMENT
from tests.contract.served import Served
from tests.contract.validator import Contract
from tests.harness import ANSWERS

PACKAGE = "alliance_generated_client"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the generated package; a warning of the generator fails."""
    folder = tmp_path_factory.mktemp("python")
    scripts = str(Path(sys.executable).parent)
    command = ["openapi-python-client", "generate", "--meta", "none", "--fail-on-warning"]
    done = subprocess.run(
        [*command, "--path", str(DOCUMENT), "--output-path", str(folder / PACKAGE)],
        env={**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture
def package(generated: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that imports a part of the generated package."""
    monkeypatch.syspath_prepend(str(generated))
    return lambda name: importlib.import_module(f"{PACKAGE}.{name}")


@pytest.fixture
def connected(package: Any) -> Iterator[Any]:
    """A function that makes a client; all of them are closed in the end."""
    with ExitStack() as stack:

        def connect(url: str, key: str, **options: Any) -> Any:
            return stack.enter_context(package("client").AuthenticatedClient(base_url=url, token=key, **options))

        yield connect


def call(module: Any, client: Any, *ids: Any, **sent: Any) -> Any:
    """Call an operation and return the whole answer."""
    return module.sync_detailed(*ids, client=client, **sent)


def test_every_operation_has_a_function(package: Any) -> None:
    """The generator leaves out what it doesn't understand: nothing is left out."""
    for operation in Contract.committed().operations.values():
        assert callable(package(f"api.{operation['tags'][0]}.{operation['operationId']}").sync_detailed)


def test_it_does_the_main_job(package: Any, connected: Any, running: Served) -> None:
    """Post, replay, look up, read with an ETag, and see problems."""
    models, post = package("models"), package("api.submissions.post_submission")
    client = connected(running.url, running.key)
    answers = models.SubmissionInAnswers.from_dict(ANSWERS | {"7": None, "8": "not_applicable"})
    form = models.SubmissionIn(
        instrument="trq-s",
        rater=models.SubmissionInRater.CLIENT,
        client_ref=models.ReferenceIn(system="https://ehr.example/patients", value="python"),
        therapist_ref="th-7",
        session_number=3,
        completed_at=datetime(2026, 11, 20, 14, 5, tzinfo=UTC),
        answers=answers,
    )
    first = call(post, client, body=form, idempotency_key="python-1")
    assert (first.status_code, first.parsed.scores[0].component) == (201, "rapport")
    again = call(post, client, body=form, idempotency_key="python-1")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.parsed == first.parsed

    found = call(package("api.clients.post_lookup"), client, body=models.LookupIn(ref=form.client_ref)).parsed
    assert found.client_id == first.parsed.client_id
    progress = call(package("api.clients.get_progress"), client, found.client_id)
    assert (progress.status_code, progress.parsed.client_id) == (200, found.client_id)
    knowing = connected(running.url, running.key, headers={"If-None-Match": progress.headers["etag"]})
    assert call(package("api.clients.get_progress"), knowing, found.client_id).status_code == 304


def test_problems_are_parsed(package: Any, connected: Any, running: Served) -> None:
    """A refusal is an object with a code and places; a caller without a key gets one too."""
    models, score = package("models"), package("api.instruments.post_score")
    client = connected(running.url, running.key)
    body = models.ScoreIn(answers=models.ScoreInAnswers.from_dict({"1": 9}))
    refused = call(score, client, "trq-s", body=body)
    assert (refused.status_code, refused.parsed.code) == (422, "validation_failed")
    assert [(one.pointer, one.code) for one in refused.parsed.errors] == [("/answers/1", "out_of_range")]
    assert call(score, connected(running.url, "unknown"), "trq-s", body=body).parsed.code == "unauthenticated"
