"""What an operator does about tokens on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

from joserfc.jwk import ECKey

from app.access.administer_tokens import show_application
from app.storage.signing_keys import read_signing_keys
from tests.cli.conftest import Shell
from tests.cli.test_apps import make


def key_set(path: Path, *, private: bool = False) -> Path:
    """Write a set with one key."""
    key = ECKey.generate_key("P-384", {"kid": "a"})
    path.write_text(json.dumps({"keys": [key.as_dict(private=private)]}))
    return path


def test_an_application_is_shown_with_its_client_id(shell: Shell) -> None:
    """The list has it too; how the application proves itself is told."""
    organisation = shell.organisation()
    made = make(shell, organisation)
    client_id = f"{organisation.replace('-', '')}.{made['application_id'].replace('-', '')}"
    shown = shell.data("apps", "show", "--org", organisation, "--app", made["application_id"])
    assert shown == {
        "application_id": made["application_id"],
        "client_id": client_id,
        "name": "ehr",
        "audience": "system",
        "scopes": ["instruments:read", "scores:read"],
        "key_set": None,
    }
    assert [one["client_id"] for one in shell.data("apps", "list", "--org", organisation)] == [client_id]
    assert client_id in shell.run("apps", "show", "--org", organisation, "--app", made["application_id"]).out


def test_public_keys_are_registered_from_a_file(shell: Shell, tmp_path: Path) -> None:
    """A second set takes the place of the first."""
    organisation = shell.organisation()
    of = ("--org", organisation, "--app", make(shell, organisation)["application_id"])
    for name in ("one.json", "two.json"):
        said = shell.data("apps", "jwks", "set", *of, "--file", str(key_set(tmp_path / name)))
        assert said["keys"] == 1
    assert shell.data("apps", "show", *of)["key_set"] == "by value"


def test_what_can_not_be_a_public_key_set_is_refused(shell: Shell, tmp_path: Path) -> None:
    """Each with a sentence that says why; nothing is registered."""
    organisation = shell.organisation()
    of = ("--org", organisation, "--app", make(shell, organisation)["application_id"])
    private, broken = key_set(tmp_path / "private.json", private=True), tmp_path / "broken.json"
    broken.write_text("{}")
    refusals = {
        ("--file", str(private)): "holds a private key",
        ("--file", str(broken)): "it is no set of 1 to 100 keys",
        ("--file", str(tmp_path / "absent.json")): "can't be read",
        ("--url", "http://keys.example/jwks.json"): "must begin with https://",
        ("--url", "https://127.0.0.1/jwks.json"): "not one of the internet",
        ("--url", "https://[::ffff:10.0.0.1]/jwks.json"): "not one of the internet",
        (): "give either --file or --url",
        ("--file", str(private), "--url", "https://keys.example/"): "give either --file or --url",
    }
    for words, said in refusals.items():
        assert said in " ".join(shell.refused("apps", "jwks", "set", *of, *words).split())
    assert shell.data("apps", "show", *of)["key_set"] is None


def test_tokens_are_revoked_and_a_stranger_is_none(shell: Shell) -> None:
    """The epoch rises each time."""
    organisation = shell.organisation()
    application = make(shell, organisation)["application_id"]
    epochs = []
    for _ in range(2):
        shell.data("apps", "revoke-tokens", "--org", organisation, "--app", application)
        epochs.append(
            shell.ask(
                lambda runtime: show_application(
                    runtime, organisation=UUID(organisation), application=UUID(application)
                )
            ).epoch
        )
    assert 0 < epochs[0] < epochs[1]
    other = shell.organisation()
    for command in (("revoke-tokens",), ("show",)):
        assert "no such thing" in shell.refused("apps", *command, "--org", other, "--app", application)


def test_signing_keys_are_rotated(shell: Shell) -> None:
    """The new one is there at once; the old one stays."""
    folder = shell.folder / "secrets" / "signing"
    shell.organisation()
    (first,) = read_signing_keys(folder)
    said = shell.data("keys", "rotate-signing")
    assert {key.key_id for key in read_signing_keys(folder)} == {first.key_id, said["added"]}
    assert said["removed"] == []
    assert "is published" in shell.run("keys", "rotate-signing").err


def test_in_production_a_missing_signing_key_is_named(shell: Shell) -> None:
    """And the command that makes it needs nothing else."""
    shell.organisation()
    folder = shell.folder / "secrets" / "signing"
    for file in folder.iterdir():
        file.unlink()
    assert "alliance keys rotate-signing" in shell.refused("orgs", "list", ALLIANCE_ENV="production")
    assert shell.run("keys", "rotate-signing", ALLIANCE_ENV="production").code == 0
    assert shell.run("orgs", "list", ALLIANCE_ENV="production").code == 0


def test_an_issuer_is_added_listed_and_revoked(shell: Shell) -> None:
    """The audience that its tokens must name is told."""
    organisation = shell.organisation()
    application = make(shell, organisation)["application_id"]
    words = ("https://login.example", "--app", application, "--jwks-url", "https://login.example/keys")
    made = shell.data("issuers", "add", *words, "--org", organisation, "--therapist-claim", "employee")
    assert made["audience"] == f"http://127.0.0.1:8000/organisations/{organisation}"
    (listed,) = shell.data("issuers", "list", "--org", organisation)
    assert {**listed, "created_at": ""} == {
        "issuer_id": made["issuer_id"],
        "issuer": "https://login.example",
        "jwks_url": "https://login.example/keys",
        "application_id": application,
        "claims": {"acting": "sub", "scope": None, "therapist": "employee", "client": None, "system": None},
        "created_at": "",
        "revoked_at": None,
    }
    assert "such an issuer already" in shell.refused("issuers", "add", *words, "--org", organisation)
    assert "https://login.example" in shell.run("issuers", "list", "--org", organisation).out
    other = shell.organisation()
    assert "no such thing" in shell.refused("issuers", "revoke", made["issuer_id"], "--org", other)
    assert "no such thing" in shell.refused("issuers", "add", *words, "--org", other)
    assert shell.data("issuers", "revoke", made["issuer_id"], "--org", organisation)["revoked"] is True
    assert "is revoked" in shell.run(
        "issuers", "revoke",
        shell.data("issuers", "add", *words, "--org", organisation)["issuer_id"], "--org", organisation,
    ).err  # fmt: skip
