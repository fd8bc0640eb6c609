"""API10:2023, unsafe consumption of APIs: what comes from other programs is as untrusted as what callers send.

Faults of instrument definitions stand in `tests/core/test_instrument_faults.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from app.instruments.strict_yaml import load_strict
from tests.harness import Clinic, form

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    "text",
    [
        "key: !!python/object/apply:os.system ['touch planted']",
        "key: !!python/name:os.system",
        "!!python/object/new:tuple [[1]]",
        "a: &a [x, x]\nb: [*a, *a]",
        "a: 1\na: 2",
    ],
)
def test_a_definition_runs_nothing_and_grows_nothing(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site's files are data: no objects, no aliases that stand for more, no key twice."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(yaml.YAMLError):
        load_strict(text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "traceparent",
    [f"00-{TRACE}-00f067aa0ba902b7-01\n", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "x" * 20_000, "00-<script>-1-01"],
)
def test_a_trace_of_somebody_is_taken_if_it_is_one(clinic: Clinic, traceparent: str) -> None:
    """What does not look like one names nothing: neither an answer nor a line repeats it."""
    answer = clinic.get("/v1/instruments", headers={"traceparent": traceparent.strip("\n") + "x"})
    assert answer.status_code == 200
    assert answer.headers["x-trace-id"] != TRACE
    assert len(answer.headers["x-trace-id"]) == 32


def test_an_address_that_a_caller_claims_is_not_believed(clinic: Clinic) -> None:
    """The application itself reads no forwarded header: who is behind a proxy is the server's business alone."""
    plain = clinic.post(form(), key="one")
    claimed = {"X-Forwarded-For": "192.0.2.9", "X-Real-IP": "192.0.2.9", "X-Forwarded-Host": "attacker.example"}
    again = clinic.request("POST", "/v1/submissions", json=form(), headers={"Idempotency-Key": "one", **claimed})
    assert (again.status_code, again.content) == (plain.status_code, plain.content)
    assert again.headers["location"] == plain.headers["location"]
    assert "attacker" not in str(again.headers)


def test_what_another_system_names_is_never_read_back_as_an_order(clinic: Clinic) -> None:
    """Text that is a formula, a query, a template or markup elsewhere is a name here, and finds its own client only."""
    names = ["=HYPERLINK(1)", "' OR 1=1 --", "{{7*7}}", "${jndi:ldap://127.0.0.1/a}", "<script>", "%s%n", "%"]
    clients = [clinic.recorded(form(client_ref=name))["client_id"] for name in names]
    assert len(set(clients)) == len(names)
    for name, client in zip(names, clients, strict=True):
        found = clinic.request("POST", "/v1/clients/lookup", json={"ref": name})
        assert found.json() == {"client_id": client}
