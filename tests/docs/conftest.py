from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.docs.pages import Workshop, environment, set_up

ALLIANCE = [sys.executable, "-m", "app.cli.main"]


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Do what `make serve` does, on the default settings, in a folder and on a port of the tests' own."""
    folder = tmp_path_factory.mktemp("checkout")
    set_up(folder)
    variables = environment(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    subprocess.run([*ALLIANCE, "migrate"], cwd=folder, env=variables, check=True, capture_output=True)
    server = subprocess.Popen(
        [*ALLIANCE, "serve", "--port", str(port)],
        cwd=folder,
        env=variables | {"ALLIANCE_ISSUER": f"http://127.0.0.1:{port}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}")
        yield Workshop(folder=folder, address=f"127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_until_ready(url: str) -> None:
    for _ in range(600):
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the service did not become ready")
