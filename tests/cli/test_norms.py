"""`alliance norms` on an organisation with too little data, and on one with a norm."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

from sqlalchemy import Connection, insert

from app.norms.local import own_norms
from app.storage.documents import to_json
from app.storage.statistics_tables import norms
from tests.api.test_norm_in_use import NORM, NORM_ID
from tests.cli.conftest import Shell


def with_norm(shell: Shell) -> str:
    """Make an organisation that has estimated a norm."""
    organisation = shell.organisation()
    row = {
        "organisation_id": UUID(organisation),
        "norm_id": UUID(NORM_ID),
        "instrument": NORM.instrument,
        "instrument_version": NORM.instrument_version,
        "rater": NORM.rater,
        "number": NORM.version,
        "estimated_at": NORM.estimated_at,
        "active": False,
        "norm": json.loads(to_json(NORM)),
    }

    def work(connection: Connection) -> None:
        connection.execute(insert(norms), row)

    shell.ask(lambda runtime: runtime.database.write(work, organisation=UUID(organisation)))
    return organisation


def test_too_few_clients_are_refused_in_words(shell: Shell) -> None:
    """The sentence says how many there are and how many it takes; nothing is kept."""
    organisation = shell.organisation()
    said = " ".join(shell.refused("norms", "estimate", "--org", organisation, "--instrument", "care").split())
    assert "care 1.0.0 by the client has complete forms of 0 clients; a norm needs 200" in said
    assert shell.data("norms", "list", "--org", organisation) == []


def test_a_norm_is_switched_on_and_off(shell: Shell) -> None:
    """Each step prints the norm as it stands then."""
    organisation = with_norm(shell)
    steps = [shell.data("norms", step, NORM_ID, "--org", organisation) for step in ("activate", "deactivate")]
    assert [[one["active"] for one in step] for step in steps] == [[True], [False]]
    [listed] = shell.data("norms", "list", "--org", organisation)
    assert (listed["norm_id"], listed["active"], listed["clients"]) == (NORM_ID, False, 200)
    assert listed["components"]["total"]["reliability_kind"] == "internal_consistency"
    shown = shell.run("norms", "list", "--org", organisation)
    assert (shown.code, "care" in shown.out) == (0, True)


def test_a_norm_that_is_not_there_is_refused(shell: Shell) -> None:
    """Absent, or another organisation's: nothing is switched."""
    with_norm(shell)
    other = shell.organisation()
    shell.refused("norms", "activate", NORM_ID, "--org", other)
    shell.refused("norms", "activate", str(uuid4()), "--org", other)
    rows = shell.ask(lambda runtime: own_norms(runtime, organisation=UUID(other)))
    assert rows == []
