"""The service as others meet it: a process on loopback, and a key that the command line made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.api.operations import Ids, body_of
from tests.api.safety import TEXTS
from tests.cli.conftest import Shell
from tests.faults.running import RunningService
from tests.harness import SYSTEM_SCOPES, admit, owners_url


@dataclass(frozen=True, kw_only=True)
class Served:
    """Where it listens, and a key that may do everything."""

    url: str
    key: str
    invitation: str


@contextmanager
def served(database_url: str, folder: Path) -> Iterator[Served]:
    """Migrate a database, make an organisation with an application that offers safety checks, and serve."""
    shell = Shell(folder)

    def said(*words: str) -> dict[str, str]:
        urls = {"ALLIANCE_DATABASE_URL": database_url, "ALLIANCE_MIGRATION_DATABASE_URL": owners_url(database_url)}
        done = shell.run(*words, "--json", **urls)
        assert done.code == 0, done.err
        answer: dict[str, str] = json.loads(done.out)
        return answer

    said("migrate")
    admit(database_url)
    organisation = said("orgs", "create", "Clinic")["organisation_id"]
    scopes = [word for scope in (*SYSTEM_SCOPES, "clients:break_glass") for word in ("--scope", scope)]
    key = said("apps", "create", "ehr", "--org", organisation, *scopes)["api_key"]
    texts = folder / "safety.yaml"
    texts.write_text(json.dumps(TEXTS))  # all JSON is YAML
    times = ("--escalate-after", "60", "--retention-months", "24")
    said("safeguarding", "configure", organisation, "--texts", str(texts), *times)
    said("safeguarding", "recipients", "add", organisation, "--person", "officer-1")
    service = RunningService(database_url, secrets=folder / "secrets")
    service.start()
    try:
        yield Served(url=service.url, key=key, invitation=_invitation(service.url, key))
    finally:
        service.kill()


def _invitation(url: str, key: str) -> str:
    """Make an invitation and return its token."""
    body = body_of("POST /v1/invitations", Ids())
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "invitation"}
    token: str = httpx.post(f"{url}/v1/invitations", json=body, headers=headers).raise_for_status().json()["token"]
    return token
