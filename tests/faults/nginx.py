"""Debian's nginx with the configuration that is shipped, on loopback: only paths, ports and the name are changed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.faults.debian import program
from tests.faults.running import ROOT, free_port

SHIPPED = ROOT / "deploy" / "nginx.conf"


def make_certificate(folder: Path) -> None:
    """Make a certificate for 127.0.0.1 that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alliance.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@dataclass(frozen=True, kw_only=True)
class Nginx:
    """A running proxy."""

    folder: Path
    port: int
    plain_port: int

    @property
    def url(self) -> str:
        """Where it listens with TLS."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> Path:
        """The certificate to trust."""
        return self.folder / "fullchain.pem"

    def logs(self, *, until: str = "") -> str:
        """Everything that it has written, once this is there: a line is written after its answer was sent."""
        written = ""
        for _ in range(500):
            written = "".join(path.read_text("utf-8") for path in sorted(self.folder.glob("*.log")))
            if until in written:
                break
            time.sleep(0.02)
        return written


def configuration(folder: Path, *, service: int, port: int, plain_port: int, changes: dict[str, str]) -> Path:
    """Write the shipped configuration with what a site changes, and nothing that is not there."""
    text = SHIPPED.read_text("utf-8")
    replaced = {
        "/run/": f"{folder}/",
        "/var/log/nginx/": f"{folder}/",
        "/etc/ssl/alliance/": f"{folder}/",
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{service};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        "listen 80 default_server;": f"listen 127.0.0.1:{plain_port} default_server;",
        **changes,
    }
    for old, new in replaced.items():
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "nginx.conf"
    path.write_text(text, "utf-8")
    return path


@contextmanager
def proxy(folder: Path, *, service: int, changes: dict[str, str] | None = None) -> Iterator[Nginx]:
    """Check the configuration and run it in front of a service's port."""
    nginx = program("nginx", package="nginx-light")
    make_certificate(folder)
    running = Nginx(folder=folder, port=free_port(), plain_port=free_port())
    path = configuration(
        folder, service=service, port=running.port, plain_port=running.plain_port, changes=changes or {}
    )
    checked = subprocess.run([nginx, "-t", "-c", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr, checked.stderr
    # It is started when the first process ends: the sockets are open by then.
    subprocess.run([nginx, "-c", path], check=True, capture_output=True)
    pid = int((folder / "alliance-nginx.pid").read_text())
    try:
        yield running
    finally:
        os.kill(pid, signal.SIGTERM)
