"""PgBouncer in transaction mode, in front of the PostgreSQL of the tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.storage.database import parse_url
from tests.faults.debian import program
from tests.faults.running import free_port
from tests.harness import SERVICE

_CONFIGURATION = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 200
logfile = {folder}/log
"""


@contextmanager
def pooled(database_url: str, folder: Path, *, size: int) -> Iterator[str]:
    """Start it with so many connections to the server, and give the URL through it, as an operator writes it."""
    url = parse_url(database_url)
    host, port, listen = str(url.query.get("host") or url.host), url.port or 5432, free_port()
    folder.mkdir(mode=0o755)
    (folder / "users").write_text(f'"{SERVICE}" "{url.password}"\n')
    (folder / "ini").write_text(_CONFIGURATION.format(host=host, port=port, listen=listen, folder=folder, size=size))
    command = [program("pgbouncer", package="pgbouncer"), str(folder / "ini")]
    if os.geteuid() == 0:
        user = Path(host).owner() if host.startswith("/") else "nobody"  # the socket is in a folder of PostgreSQL's own
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, user)
        command[1:1] = ["-u", user]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
    try:
        _wait(process, listen, folder)
        through = url.set(drivername="postgresql", host="127.0.0.1", port=listen)
        through = through.set(query={"prepared_statement_cache_size": "0"})
        yield through.render_as_string(hide_password=False)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    for _ in range(400):
        assert process.poll() is None, (folder / "said").read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.025)
        else:
            return
    raise AssertionError("PgBouncer does not listen")
