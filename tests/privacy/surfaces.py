"""Everything that anybody but a recipient can see of an organisation, gathered so that it can be searched."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select
from typer.testing import CliRunner

from app.cli.main import app as commands
from app.storage.cursor import read_place
from app.storage.tables import metadata
from tests.api.operations import EVERY, Ids, call, targets
from tests.api.safety import offering, post_check, safety_check
from tests.api.test_invitations import bring, invited
from tests.api.test_invited_checks import check as bring_check
from tests.api.test_supervisors import supervisor, team
from tests.harness import Clinic

#: What a client says and who it is: none of these is found anywhere but in the opening.
CLIENT = "CANARY-client-5310"
CONTACT = "CANARY-contact-5310"
WORDS = "CANARY-words-5310"
CANARIES = (CLIENT, CONTACT, WORDS)
#: Send a check: what they answer is looked at by itself.
_SENDING = {"POST /v1/safeguarding", "POST /v1/invitations/mine/safety-check"}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_TRACE = re.compile(r"\b[0-9a-f]{32}\b")

_PLACE = re.compile('(?<="next_after":")([A-Za-z0-9_-]{44})(?=")')

Seen = tuple[int, str, tuple[str, ...], str | None]


@dataclass(frozen=True)
class Watched:
    """An organisation in which a client is about to send a safety check, and all who call the service."""

    clinic: Clinic
    desk: Clinic
    phone: Clinic
    callers: Mapping[str, tuple[Clinic, dict[str, str]]]
    ids: Mapping[str, Ids]
    raw: list[str] = field(default_factory=list)

    @classmethod
    def set_up(cls, clinic: Clinic, *, only: Collection[str] = ()) -> Watched:
        """Let a client have forms, a therapist who is a recipient too, a supervisor; and another organisation.

        `only` names the callers for whom a planted fault is looked for: all of them take a while.
        """
        ids = targets_of(clinic)
        team(clinic, "A", members=("th-7",), supervisors=("sup",))
        desk, other = offering(clinic, "officer-1", "th-7"), clinic.service.clinic()
        made, phone = invited(clinic, client_ref=CLIENT, therapist_ref="th-7")
        assert bring(phone).status_code == 201  # from now on nobody renews or revokes it
        ids = {name: replace(one, invitation_id=made["id"]) for name, one in ids.items()}
        Ids.made(other, CLIENT, "th-7")
        callers: dict[str, tuple[Clinic, dict[str, str]]] = {
            "system": (clinic, {}),
            "system that names a recipient": (clinic, {"Acting-User": "officer-1"}),
            "therapist": (clinic.bound("therapist", "th-7"), {}),
            "therapist who is a recipient": (desk, {"Acting-User": "th-7"}),
            "supervisor": (supervisor(clinic, "sup"), {}),
            "client": (clinic.bound("client", CLIENT), {}),
            "another client": (clinic.bound("client", "another"), {}),
            "invited": (phone, {}),
            "desk that names nobody": (desk, {}),
            "desk that names somebody else": (desk, {"Acting-User": "officer-2"}),
            "another organisation": (other, {}),
            "another organisation's desk": (offering(other, "officer-1"), {"Acting-User": "officer-1"}),
        }
        some = {name: one for name, one in callers.items() if not only or name in only}
        return cls(clinic=clinic, desk=desk, phone=phone, callers=some, ids=ids)

    def send(self) -> list[str]:
        """Let the client send a check in each way that there is, and return their ids, which only the table knows."""
        answers = {"happened": "not_sure", "may_contact": "yes", "contact": CONTACT, "words": WORDS}
        by_system = post_check(self.clinic, safety_check(client_ref=CLIENT, answers=answers))
        for answer in (by_system, bring_check(self.phone, answers=answers)):
            assert answer.status_code == 201
            self.raw.append(f"{answer.headers}{answer.text}")
        found = [str(one["check_id"]) for one in self.rows("safety_checks")]
        assert len(found) == len(_SENDING)
        return found

    def look(self, check_id: str | None = None) -> dict[tuple[str, str], Seen]:
        """Call every operation as everybody, and return what was answered, but for ids and times."""
        found: dict[tuple[str, str], Seen] = {}
        for who, (by, named) in self.callers.items():
            for name, path in (*((one, None) for one in _operations()), ("changes", "/v1/changes?after=0&limit=200")):
                if path is not None:
                    answer = by.get(path, headers=named)
                else:
                    ids = self.ids.get(name, self.ids["GET /v1/changes"])
                    if check_id is not None:
                        ids = replace(ids, check_id=check_id)
                    answer = call(by, name, ids, {"Idempotency-Key": f"{who} {name}".replace(" ", "-"), **named})
                text = _without_looks(answer.text) if name.endswith("/export") else answer.text
                if name.endswith("changes"):
                    text = _PLACE.sub(partial(_opened, by), text)
                self.raw.append(f"{answer.headers}{text}")
                headers = tuple(sorted(header for header in answer.headers if "ratelimit" not in header))
                found[who, name] = (answer.status_code, _told(text), headers, answer.headers.get("etag"))
        return found

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Read this organisation's rows of a table."""
        of = metadata.tables[table]
        query = select(of).where(of.c.organisation_id == self.clinic.organisation)
        return [dict(row) for row in self.clinic.service.read(lambda c: c.execute(query).mappings().all())]

    def stored(self) -> Iterator[tuple[str, bytes]]:
        """Yield what lies in the database: each table's rows, and the bytes of SQLite's files."""
        for name in metadata.tables:
            values = [value for row in self.rows(name) for value in row.values()]
            texts = [value if isinstance(value, bytes) else str(value).encode() for value in values]
            yield name, b"\n".join(texts)
        url = self.clinic.service.database_url
        if url.startswith("sqlite"):
            path = Path(url.removeprefix("sqlite:///"))
            for one in (path, path.with_name(f"{path.name}-wal")):
                yield one.suffix, one.read_bytes() if one.exists() else b""

    def printed(self) -> Iterator[tuple[str, str]]:
        """Yield what the commands print that show something of an organisation."""
        service, org = self.clinic.service, str(self.clinic.organisation)
        settings = {
            "COLUMNS": "300",
            "ALLIANCE_DATABASE_URL": service.database_url,
            "ALLIANCE_SECRETS_DIR": str(service.runtime.vault.masters._path.parent),
        }
        for line in (
            f"apps list --org {org}",
            f"apps keys --org {org} --app {self.clinic.application}",
            f"teams list --org {org}",
            f"norms list --org {org}",
            f"safeguarding recipients list {org}",
            f"safeguarding escalate {org}",
            f"safeguarding retention run {org}",
            "doctor",
            f"audit export --org {org}",
            f"people export --org {org} --therapist-ref th-7",
            f"audit verify --org {org}",
        ):
            as_json = [] if " export " in line else ["--json"]
            done = CliRunner().invoke(commands, [*line.split(), *as_json], env=settings)
            assert done.exit_code in {0, 1}, (line, done.output)  # 2: no such command
            yield line, done.output


def targets_of(clinic: Clinic) -> dict[str, Ids]:
    """Make the forms that the operations are about; the ones that change nothing share the client's."""
    shared = Ids.made(clinic, CLIENT, "th-7")
    Ids.made(clinic, "another", "th-8")
    own = targets(clinic)
    common = own["GET /v1/changes"]
    return {name: shared if one == common else one for name, one in own.items()}


def _operations() -> list[str]:
    return [name for name in EVERY if name not in _SENDING]


def _without_looks(text: str) -> str:
    """Take out of an export what it tells on purpose: what the client is called, and that these tests have looked."""
    export = json.loads(text)
    if "log" in export:
        export["reference"] = None
        export["log"] = [one for one in export["log"] if not one["kind"].startswith("access.")]
        assert "safe" not in str(export["log"])
    return json.dumps(export)


def _opened(by: Clinic, found: re.Match[str]) -> str:
    """Put the number for a place in the feed: to some it is spelled anew each time."""
    return str(read_place(by.service.runtime.keys, found[1], organisation=by.organisation))


def _told(text: str) -> str:
    """Take out of an answer what differs between any two: ids, times and the trace. The place in the feed stays."""
    return _TRACE.sub("TRACE", _TIME.sub("TIME", _UUID.sub("ID", text)))
