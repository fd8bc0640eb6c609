from __future__ import annotations

import json
import re
import signal
import socket
import time

import httpx
import pytest

from tests.cli.conftest import Shell


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(url: str) -> None:
    """Ask until the service is ready."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError(url)


@pytest.mark.parametrize("has_organisation", [False, True])
def test_the_service_is_served_and_says_how_to_begin(shell: Shell, has_organisation: bool) -> None:  # noqa: FBT001
    """It names its pages; only while there is no organisation it tells how to make one. Two workers do the same."""
    if has_organisation:
        shell.organisation()
    port = free_port()
    process = shell.start("serve", "--port", str(port), "--workers", "2" if has_organisation else "1")
    try:
        wait_until_ready(f"http://127.0.0.1:{port}")
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert f"http://127.0.0.1:{port}/docs" in said
    assert ("Nobody can call it yet" in said) is not has_organisation


def lines_of(said: str) -> list[dict[str, object]]:
    """Read the lines that are for programs; what `serve` says to a person comes before them."""
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("workers", [1, 2])
def test_the_process_writes_json_and_counts_all_workers(shell: Shell, workers: int) -> None:
    """Nothing of a path is in it, libraries' lines are there too, and the main port has no metrics."""
    shell.organisation()
    port, beside = free_port(), free_port()
    process = shell.start("serve", "--port", str(port), "--workers", str(workers), ALLIANCE_METRICS_PORT=str(beside))
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url)
        for _ in range(10):
            assert httpx.get(f"{url}/livez").status_code == 200
        assert httpx.get(f"{url}/problems/canary7361").status_code == 404
        assert httpx.get(f"{url}/metrics").status_code == 401
        counted = httpx.get(f"http://127.0.0.1:{beside}/metrics").text
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    series = r'^alliance_requests_total{method="GET",route="/livez",status="200"} (\S+)$'
    [live] = re.findall(series, counted, re.MULTILINE)
    assert float(live) == 10
    lines = lines_of(said)
    assert sum(line["event"] == "request" and line["route"] == "/livez" for line in lines) == 10
    assert sum(line.get("route") == "/problems/{code}" for line in lines) == 1
    assert {"server_process_started", "started", "shutting_down"} <= {str(line["event"]) for line in lines}
    assert "canary7361" not in said + counted
    assert "dropped" not in {name for line in lines for name in line}
