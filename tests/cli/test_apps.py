from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.access.authenticate import authenticate
from app.access.caller import Caller
from app.errors import Unauthenticated
from tests.cli.conftest import Shell

KEY = re.compile(r"alliance_[A-Za-z0-9_-]{86}")
SCOPES = ("--scope", "scores:read", "--scope", "instruments:read")


def make(shell: Shell, organisation: str) -> dict[str, Any]:
    """Make an application."""
    made: dict[str, Any] = shell.data("apps", "create", "ehr", "--org", organisation, *SCOPES)
    return made


def caller(shell: Shell, api_key: str) -> Caller:
    """Authenticate with a key, as the service does."""
    return shell.ask(lambda runtime: authenticate(runtime, api_key))


def test_a_new_application_gets_a_key_that_authenticates(shell: Shell) -> None:
    """The answer holds ids and the key, and the key opens exactly the scopes that were asked for."""
    organisation = shell.organisation()
    made = make(shell, organisation)
    assert made.keys() == {"application_id", "scopes", "key_id", "api_key", "expires_at"}
    assert made["expires_at"] is None
    assert KEY.fullmatch(made["api_key"])
    assert made["scopes"] == ["instruments:read", "scores:read"]
    found = caller(shell, made["api_key"])
    assert (found.organisation, found.application) == (UUID(organisation), UUID(made["application_id"]))
    assert found.scopes == {"instruments:read", "scores:read"}


def test_the_key_stands_alone_when_asked_for(shell: Shell) -> None:
    """--plain prints the key and nothing else, for a script; the table prints it too."""
    organisation = shell.organisation()
    only = shell.run("apps", "create", "ehr", "--org", organisation, *SCOPES, "--plain")
    assert KEY.fullmatch(only.out.strip())
    shown = shell.run("apps", "create", "app", "--org", organisation, *SCOPES)
    assert (shown.code, len(KEY.findall(shown.out)), "The key is shown once" in shown.err) == (0, 1, True)


def test_an_unknown_scope_is_refused_by_name(shell: Shell) -> None:
    """The sentence names the scope and those that there are; nothing is made."""
    organisation = shell.organisation()
    said = shell.refused("apps", "create", "ehr", "--org", organisation, "--scope", "everything")
    assert "unknown scope: everything" in said
    known = "instruments:read, submissions:write, submissions:read, scores:read, caseload:read, signals:write"
    assert f"known are {known}" in " ".join(said.split())
    assert shell.data("apps", "list", "--org", organisation) == []


def test_an_application_needs_a_scope(shell: Shell) -> None:
    """Leaving it out is a wrong call."""
    assert shell.run("apps", "create", "ehr", "--org", shell.organisation()).code == 2


def test_an_unknown_organisation_has_no_applications(shell: Shell) -> None:
    """An id that names nothing is not found, and a text that is no id is a wrong call."""
    assert "there is no such thing" in shell.refused("apps", "create", "ehr", "--org", str(uuid4()), *SCOPES)
    assert shell.run("apps", "create", "ehr", "--org", "clinic", *SCOPES).code == 2


def test_two_keys_at_most_are_alive(shell: Shell) -> None:
    """A third is refused with what to do; after a revocation there is room again."""
    organisation = shell.organisation()
    application = make(shell, organisation)["application_id"]
    of_it = ("--org", organisation, "--app", application)
    second = shell.data("apps", "add-key", *of_it)
    assert "at most 2 keys for the same are alive: revoke one first" in shell.refused("apps", "add-key", *of_it)
    assert shell.run("apps", "revoke-key", second["key_id"], "--org", organisation).code == 0
    third = shell.run("apps", "add-key", *of_it)
    assert (third.code, len(KEY.findall(third.out))) == (0, 1)
    (listed,) = shell.data("apps", "list", "--org", organisation)
    assert (listed["name"], listed["keys_alive"]) == ("ehr", 2)


def test_keys_are_listed_without_their_secrets(shell: Shell) -> None:
    """The list tells when a key was made and revoked, and never the key."""
    organisation = shell.organisation()
    made = make(shell, organisation)
    of_it = ("--org", organisation, "--app", made["application_id"])
    assert shell.data("apps", "revoke-key", made["key_id"], "--org", organisation) == {
        "key_id": made["key_id"],
        "revoked": True,
    }
    second = shell.data("apps", "add-key", *of_it)
    listed = {row["key_id"]: row for row in shell.data("apps", "keys", *of_it)}
    assert listed.keys() == {made["key_id"], second["key_id"]}
    assert listed[made["key_id"]]["revoked_at"] is not None
    assert listed[second["key_id"]]["revoked_at"] is None
    table = shell.run("apps", "keys", *of_it)
    assert (table.code, second["key_id"] in table.out, KEY.search(table.out)) == (0, True, None)


def test_a_revoked_key_no_longer_authenticates(shell: Shell) -> None:
    """The other key of the same application still does."""
    organisation = shell.organisation()
    first = make(shell, organisation)
    second = shell.data("apps", "add-key", "--org", organisation, "--app", first["application_id"])
    assert shell.run("apps", "revoke-key", first["key_id"], "--org", organisation).code == 0
    with pytest.raises(Unauthenticated):
        caller(shell, first["api_key"])
    assert str(caller(shell, second["api_key"]).application) == first["application_id"]


def test_another_organisation_cannot_revoke_a_key(shell: Shell) -> None:
    """Its id is not enough, and the key goes on working."""
    made = make(shell, shell.organisation())
    other = shell.organisation()
    assert "there is no such thing" in shell.refused("apps", "revoke-key", made["key_id"], "--org", other)
    assert str(caller(shell, made["api_key"]).application) == made["application_id"]


def test_a_key_may_open_one_client_or_one_therapist(shell: Shell) -> None:
    """Such keys come beside the two of the application, name whom they open, and two of each may be alive."""
    organisation = shell.organisation()
    application = make(shell, organisation)["application_id"]
    of_it = ("--org", organisation, "--app", application)
    bound = {
        option: [shell.data("apps", "add-key", *of_it, *option.split()) for _ in range(2)]
        for option in ("--client-ref mrn-1", "--client-ref mrn-2", "--client-ref mrn-1 --system s", "--therapist-ref t")
    }
    opened = {
        option: {(caller(shell, key["api_key"]).client_id, caller(shell, key["api_key"]).therapist_id) for key in keys}
        for option, keys in bound.items()
    }
    assert [len(people) for people in opened.values()] == [1, 1, 1, 1]
    assert len({next(iter(people)) for people in opened.values()}) == 4
    ((client, therapist),) = opened["--client-ref mrn-1"]
    assert (client is None, therapist) == (False, None)
    assert "revoke one first" in shell.refused("apps", "add-key", *of_it, "--client-ref", "mrn-1")
    assert shell.run("apps", "add-key", *of_it).code == 0
    listed = {row["key_id"]: row for row in shell.data("apps", "keys", *of_it)}
    first = listed[bound["--client-ref mrn-1"][0]["key_id"]]
    assert (first["client_id"], first["therapist_id"]) == (str(client), None)
    table = shell.run("apps", "keys", *of_it).out
    assert f"client {client}" in table
    assert "everything" in table
    assert "mrn-1" not in table


def test_a_key_of_a_client_may_act_as_a_parent(shell: Shell) -> None:
    """It comes beside the client's own, is listed as the parent's, and names the child."""
    organisation = shell.organisation()
    of_it = ("--org", organisation, "--app", make(shell, organisation)["application_id"])
    asked = {"client": (), "parent": ("--as", "parent"), "client again": ("--as", "client")}
    made = {who: shell.data("apps", "add-key", *of_it, "--client-ref", "mrn-1", *said) for who, said in asked.items()}
    found = {who: caller(shell, key["api_key"]) for who, key in made.items()}
    assert {who: one.eyes for who, one in found.items()} == {
        "client": "client", "parent": "parent", "client again": "client",
    }  # fmt: skip
    (client,) = {one.client_id for one in found.values()}
    listed = {row["key_id"]: (row["client_id"], row["acts_as"]) for row in shell.data("apps", "keys", *of_it)}
    assert listed[made["parent"]["key_id"]] == (str(client), "parent")
    assert listed[made["client"]["key_id"]] == (str(client), None)
    assert f"client {client} as parent" in " ".join(shell.run("apps", "keys", *of_it).out.split())
    for opens in ((), ("--therapist-ref", "t")):
        assert "a parent's key opens the child" in shell.refused("apps", "add-key", *of_it, *opens, "--as", "parent")


def test_a_key_opens_one_person_at_most(shell: Shell) -> None:
    """A client and a therapist together are refused."""
    organisation = shell.organisation()
    of_it = ("--org", organisation, "--app", make(shell, organisation)["application_id"])
    said = shell.refused("apps", "add-key", *of_it, "--client-ref", "a", "--therapist-ref", "b")
    assert "one client or one therapist" in said


def test_a_key_may_have_an_end(shell: Shell) -> None:
    """It is told when the key is made and in the list; what is no time, or a longer one than is settled, is refused."""
    organisation = shell.organisation()
    made = shell.data("apps", "create", "ehr", "--org", organisation, *SCOPES, "--expires-in", "90")
    lives = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=90) - timedelta(minutes=1) < lives < timedelta(days=90)
    of_it = ("--org", organisation, "--app", made["application_id"])
    (listed,) = shell.data("apps", "keys", *of_it)
    assert (listed["key_id"], listed["expires_at"], listed["revoked_at"]) == (made["key_id"], made["expires_at"], None)
    assert made["expires_at"][:19] in shell.run("apps", "keys", *of_it).out
    for days in ("0", "-1", "3651"):
        assert "a key that ends lives 1 to 3650 days" in shell.refused("apps", "add-key", *of_it, "--expires-in", days)
    shell.data("orgs", "set", organisation, "--keys-live-at-most", "30")
    said = shell.refused("apps", "add-key", *of_it, "--expires-in", "31")
    assert "this organisation's keys live 30 days at most" in said
    assert shell.data("apps", "add-key", *of_it)["expires_at"] < made["expires_at"]


def test_doctor_tells_which_keys_end_soon(shell: Shell) -> None:
    """Within 14 days, of any organisation; dead ones and those that live longer are not told, and nothing is wrong."""
    organisation = shell.organisation()
    of_it = ("--org", organisation, "--app", make(shell, organisation)["application_id"])
    soon = shell.data("apps", "add-key", *of_it, "--expires-in", "14")
    for person, days, revoked in (("mrn-1", "15", False), ("mrn-2", "7", True)):
        other = shell.data("apps", "add-key", *of_it, "--client-ref", person, "--expires-in", days)
        if revoked:
            assert shell.run("apps", "revoke-key", other["key_id"], "--org", organisation).code == 0
    assert shell.data("doctor")["keys_that_end_soon"] == [
        {
            "organisation_id": organisation,
            "application": "ehr",
            "key_id": soon["key_id"],
            "expires_at": soon["expires_at"],
        }
    ]
    shown = shell.run("doctor")
    assert (shown.code, soon["key_id"] in shown.out) == (0, True)
