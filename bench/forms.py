"""What is sent: requests as bytes, rendered before the clock starts; floor and service get the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

#: A new client comes after this many forms of the one before: one form in eight is of a new client.
SESSIONS = 8
_THERAPISTS = 40
_BEGIN = datetime(2018, 1, 2, 9, tzinfo=UTC)


def post(*, client: str, session: int, key: str, api_key: str, random: Random) -> bytes:
    """Render the request that posts one form: one in twenty with an item left empty."""
    answers = [str(random.randint(1, 5)) for _ in range(12)]
    if random.random() < 0.05:
        answers[random.randrange(12)] = "null"
    filled = ",".join(f'"{item}":{answer}' for item, answer in enumerate(answers, start=1))
    completed = (_BEGIN + timedelta(weeks=session)).isoformat()
    body = (
        f'{{"instrument":"wai-sr","rater":"client","client_ref":"{client}",'
        f'"therapist_ref":"th-{sum(client.encode()) % _THERAPISTS}","session_number":{session},'
        f'"completed_at":"{completed}","answers":{{{filled}}}}}'
    )
    head = (
        f"POST /v1/submissions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api_key}\r\n"
        f"Idempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


def get(path: str, *, api_key: str) -> bytes:
    """Render a request that reads."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api_key}\r\n\r\n".encode()


def intake(*, run: str, connection: int, api_key: str) -> Iterator[bytes]:
    """Post forms without end: one client after the other, each with its sessions in order."""
    random = Random(connection)
    client = 0
    while True:
        name = f"{run}-{connection}-{client}"
        for session in range(1, SESSIONS + 1):
            yield post(client=name, session=session, key=f"{name}-{session}", api_key=api_key, random=random)
        client += 1


def courses(clients: list[str], *, sessions: int, api_key: str) -> Iterator[bytes]:
    """Post the first sessions of some clients."""
    random = Random(len(clients))
    for client in clients:
        for session in range(1, sessions + 1):
            yield post(client=client, session=session, key=f"{client}-{session}", api_key=api_key, random=random)


def alternating(pairs: list[tuple[str, int, str, int]], *, api_key: str) -> Iterator[bytes]:
    """Post the next form of a client with a short history, of one with a long history, and so on."""
    random = Random(len(pairs))
    for short, after_short, long, after_long in pairs:
        for client, session in ((short, after_short + 1), (long, after_long + 1)):
            yield post(client=client, session=session, key=f"{client}-{session}", api_key=api_key, random=random)


def reads(paths: list[str], *, connection: int, api_key: str) -> Iterator[bytes]:
    """Read some paths without end, in an order of the connection's own."""
    random = Random(connection)
    rendered = [get(path, api_key=api_key) for path in paths]
    while True:
        random.shuffle(rendered)
        yield from rendered
