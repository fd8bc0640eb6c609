"""The linters are content with what is committed, and each finds a planted fault."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.lint import DOCUMENT, ROOT, hadolint, redocly, spectral
from tests.contract.node import MODULES, TOOLS, node

TEXT = DOCUMENT.read_text("utf-8")


def planted(*faults: Callable[[dict[str, Any]], object]) -> str:
    """Put faults into a copy of the document."""
    document = json.loads(TEXT)
    for fault in faults:
        fault(document)
    return json.dumps(document)


def test_spectral_finds_nothing() -> None:
    """No error and no warning, by OpenAPI's own rules and by those of OWASP."""
    assert spectral() == (0, "No results with a severity of 'warn' or higher found!\n")


#: One fault for each kind of rule: OWASP's errors and warnings, OpenAPI's own, ours.
FAULTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "owasp:api2:2023-no-http-basic": lambda d: d["components"]["securitySchemes"]["bearer"].update(scheme="basic"),
    "owasp:api2:2023-write-restricted": lambda d: d["paths"]["/v1/submissions"]["post"].update(security=[]),
    "owasp:api4:2023-rate-limit-retry-after": lambda d: d["paths"]["/v1/caseload"]["get"]["responses"]["429"][
        "headers"
    ].pop("Retry-After"),
    "owasp:api8:2023-define-error-responses-500": lambda d: d["paths"]["/livez"]["get"]["responses"].pop("500"),
    "operation-operationId-unique": lambda d: d["paths"]["/livez"]["get"].update(operationId="get_readyz"),
    "alliance-sent-strings-restricted": lambda d: d["components"]["schemas"]["SourceIn"]["properties"]["id"].pop(
        "pattern"
    ),
}


def test_spectral_finds_planted_faults(tmp_path: Path) -> None:
    """All in one document, since a run takes seconds: without them none of these rules says anything."""
    tools = tmp_path / "tools"
    tools.mkdir()
    shutil.copy(TOOLS / ".spectral.yaml", tools)
    (tools / "node_modules").symlink_to(MODULES, target_is_directory=True)
    (tmp_path / "openapi.json").write_text(planted(*FAULTS.values()))
    code, said = spectral(tools)
    assert code == 1
    assert [rule for rule in FAULTS if rule not in said] == []


def test_redocly_finds_nothing_but_a_planted_fault(tmp_path: Path) -> None:
    """A path parameter that is not declared is found."""
    code, said = redocly(DOCUMENT)
    assert code == 0, said
    copy = tmp_path / "openapi.json"
    copy.write_text(planted(lambda d: d["paths"]["/v1/submissions/{submission_id}"]["get"].pop("parameters")))
    code, said = redocly(copy)
    assert code == 1
    assert "path-parameters-defined" in said


def test_hadolint_finds_nothing_but_a_planted_fault(tmp_path: Path) -> None:
    """A package of no known version is found."""
    assert hadolint(ROOT / "Dockerfile") == (0, "")
    copy = tmp_path / "Dockerfile"
    copy.write_text((ROOT / "Dockerfile").read_text("utf-8") + "RUN pip install fastapi\n")
    code, said = hadolint(copy)
    assert code == 1
    assert "DL3013" in said


@pytest.mark.parametrize("on_the_machine", [None, "v18.20.0", "v21.7.3", "nonsense"])
def test_a_machine_without_a_fit_node_uses_the_locked_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_the_machine: str | None
) -> None:
    """No Node, or an old one: the wheel's is found, and it runs."""
    if on_the_machine is not None:
        fake = tmp_path / "node"
        fake.write_text(f"#!/bin/sh\necho {on_the_machine}\n")
        fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tmp_path not in node().parents
    said = subprocess.run([node(), "--version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("v24.")
