from __future__ import annotations

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
    """It names its pages; only while there is no organisation it tells how to make one."""
    if has_organisation:
        shell.organisation()
    port = free_port()
    process = shell.start("serve", "--port", str(port))
    try:
        wait_until_ready(f"http://127.0.0.1:{port}")
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert f"http://127.0.0.1:{port}/docs" in said
    assert ("Nobody can call it yet" in said) is not has_organisation
