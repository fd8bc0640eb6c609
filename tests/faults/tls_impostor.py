"""A server that speaks PostgreSQL's way into TLS, asks for a password in the clear, and keeps what it is told.

The PostgreSQL that the tests bring is built without TLS. What is looked at comes before PostgreSQL proper: whom the
service believes, and what it says to whom it does not.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_ASK_PASSWORD = b"R" + struct.pack("!ii", 8, 3)
_PATIENCE = 5.0


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Who signs certificates."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    pem: bytes

    @classmethod
    def made(cls, name: str) -> Authority:
        """Make an authority that vouches for itself."""
        key, named = ec.generate_private_key(ec.SECP256R1()), _named(name)
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        builder = _builder(named, named, key).add_extension(constraints, critical=True)
        return cls(name=named, key=key, pem=_pem(builder.sign(key, hashes.SHA256())))

    def certify(self, host: str, file: Path, *, days: int = 1) -> Path:
        """Write a certificate for a host with its key into a file; it ends in some days, which may be over."""
        key = ec.generate_private_key(ec.SECP256R1())
        hosts = x509.SubjectAlternativeName([x509.DNSName(host)])
        builder = _builder(_named(host), self.name, key, days=days).add_extension(hosts, critical=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(_pem(builder.sign(self.key, hashes.SHA256())) + private)
        return file


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int = 1
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@dataclass(kw_only=True)
class Impostor:
    """Listens on loopback; `asked` counts who wanted TLS, `told` keeps all that was said behind it, or without it."""

    port: int
    asked: int = 0
    told: list[bytes] = field(default_factory=list)

    def answer(self, plain: socket.socket, context: ssl.SSLContext | None) -> None:
        """Answer one connection, without TLS where there is no certificate."""
        first = _all_of(plain, 8)
        if first != _SSL_REQUEST:
            self.told.append(first)
            return
        self.asked += 1
        plain.sendall(b"N" if context is None else b"S")
        if context is None:
            self.told += filter(None, [plain.recv(1000)])
            return
        with context.wrap_socket(plain, server_side=True) as secured:
            self.told.append(secured.recv(1000))  # who wants to log in, where
            secured.sendall(_ASK_PASSWORD)
            self.told.append(secured.recv(1000))


def _all_of(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size and (more := connection.recv(size - len(found))):
        found += more
    return found


@contextmanager
def impostor(certificate: Path | None) -> Iterator[Impostor]:
    """Answer everybody with a certificate, or say to everybody that there is no TLS here."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Impostor(port=listening.getsockname()[1])

        def serve() -> None:
            with suppress(OSError):  # the end: nobody listens any more
                while True:
                    connection, _ = listening.accept()
                    connection.settimeout(_PATIENCE)
                    with connection, suppress(OSError):  # who does not believe us hangs up
                        server.answer(connection, context)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
