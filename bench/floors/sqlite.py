"""The floor on SQLite: sqlite3 in one writer thread, one durable transaction for each request."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI, Response

from bench.floors.wire import SubmissionIn, SubmissionOut, answer, progress, scored

_TABLES = """
CREATE TABLE IF NOT EXISTS submissions (
    submission_id BLOB PRIMARY KEY, client TEXT NOT NULL, therapist TEXT NOT NULL, session_number INTEGER NOT NULL,
    instrument TEXT NOT NULL, rater TEXT NOT NULL, completed_at TEXT NOT NULL, received_at TEXT NOT NULL,
    answers TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS scores (
    submission_id BLOB NOT NULL, client TEXT NOT NULL, session_number INTEGER NOT NULL, component TEXT NOT NULL,
    value REAL, sum REAL, pomp REAL, answered INTEGER NOT NULL, PRIMARY KEY (submission_id, component)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ix_scores_client ON scores (client, component, session_number);
"""
_SELECT = """
SELECT session_number, value FROM scores
WHERE client = ? AND component = 'total' ORDER BY session_number DESC LIMIT 20
"""


class _Store:
    """A writer thread with its connection, and four readers with theirs."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._own = threading.local()
        self.writer = ThreadPoolExecutor(1)
        self.readers = ThreadPoolExecutor(4)
        self.writer.submit(lambda: self._connection().executescript(_TABLES)).result()

    def write(self, sent: SubmissionIn, out: SubmissionOut) -> None:
        """Store a form and its scores in one transaction."""
        connection, name = self._connection(), out.id.bytes
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "INSERT INTO submissions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(name, sent.client_ref, sent.therapist_ref, sent.session_number, sent.instrument, sent.rater),
                *(sent.completed_at.isoformat(), out.received_at.isoformat(), json.dumps(sent.answers)),
            ),
        )
        connection.executemany(
            "INSERT INTO scores VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (name, sent.client_ref, sent.session_number, s.component, s.value, s.sum, s.pomp, s.answered)
                for s in out.scores
            ],
        )
        connection.execute("COMMIT")

    def read(self, client: str) -> list[tuple[int, float | None]]:
        """Select a client's last totals."""
        return self._connection().execute(_SELECT, (client,)).fetchall()

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._own, "connection"):
            connection = sqlite3.connect(self._path, isolation_level=None)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
                connection.execute(f"PRAGMA {pragma}")
            self._own.connection = connection
        made: sqlite3.Connection = self._own.connection
        return made


def create_app() -> FastAPI:
    """Make the floor on the file that BENCH_DATABASE names."""
    store = _Store(os.environ["BENCH_DATABASE"])
    app = FastAPI(docs_url=None, openapi_url=None)

    @app.post("/v1/submissions", status_code=201)
    async def post(sent: SubmissionIn) -> Response:
        out = scored(sent)
        await asyncio.get_running_loop().run_in_executor(store.writer, store.write, sent, out)
        return answer(out, status=201)

    @app.get("/progress/{client}")
    async def get(client: str) -> Response:
        rows = await asyncio.get_running_loop().run_in_executor(store.readers, store.read, client)
        return answer(progress(client, rows))

    @app.get("/ready")
    async def ready() -> Response:
        return Response()

    return app
