"""The floor on PostgreSQL: asyncpg, a form and its scores in one statement; progress in one indexed select."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, Response

from bench.floors.wire import SubmissionIn, answer, progress, scored

_TABLES = """
CREATE TABLE IF NOT EXISTS submissions (
    submission_id uuid PRIMARY KEY, client text NOT NULL, therapist text NOT NULL, session_number integer NOT NULL,
    instrument text NOT NULL, rater text NOT NULL, completed_at timestamptz NOT NULL, received_at timestamptz NOT NULL,
    answers jsonb NOT NULL);
CREATE TABLE IF NOT EXISTS scores (
    submission_id uuid NOT NULL, client text NOT NULL, session_number integer NOT NULL, component text NOT NULL,
    value double precision, sum double precision, pomp double precision, answered smallint NOT NULL,
    PRIMARY KEY (submission_id, component));
CREATE INDEX IF NOT EXISTS ix_scores_client ON scores (client, component, session_number);
"""
_INSERT = """
WITH form AS (
    INSERT INTO submissions VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING submission_id, client, session_number)
INSERT INTO scores
SELECT form.*, score.* FROM form, unnest($10::text[], $11::float8[], $12::float8[], $13::float8[], $14::int2[]) AS score
"""
_SELECT = """
SELECT session_number, value FROM scores
WHERE client = $1 AND component = 'total' ORDER BY session_number DESC LIMIT 20
"""


def create_app() -> FastAPI:
    """Make the floor on the database that BENCH_DATABASE names."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(os.environ["BENCH_DATABASE"], min_size=16, max_size=16) as pool:
            await pool.execute(_TABLES)
            app.state.pool = pool
            yield

    app = FastAPI(docs_url=None, openapi_url=None, lifespan=lifespan)

    @app.post("/v1/submissions", status_code=201)
    async def post(sent: SubmissionIn) -> Response:
        out = scored(sent)
        names = ("component", "value", "sum", "pomp", "answered")
        await app.state.pool.execute(
            _INSERT,
            *(out.id, sent.client_ref, sent.therapist_ref, sent.session_number, sent.instrument, sent.rater),
            *(sent.completed_at, out.received_at, json.dumps(sent.answers)),
            *([getattr(score, name) for score in out.scores] for name in names),
        )
        return answer(out, status=201)

    @app.get("/progress/{client}")
    async def get(client: str) -> Response:
        rows = await app.state.pool.fetch(_SELECT, client)
        return answer(progress(client, [(row[0], row[1]) for row in rows]))

    @app.get("/ready")
    async def ready() -> Response:
        return Response()

    return app
