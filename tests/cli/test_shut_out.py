"""`alliance shut-out` on the command line."""

from __future__ import annotations

from tests.cli.conftest import Shell
from tests.cli.test_apps import make


def test_an_application_and_a_person_are_shut_out(shell: Shell) -> None:
    """What ended is counted, and the deeds are in the log."""
    organisation = shell.organisation()
    of_it = ("--org", organisation, "--app", make(shell, organisation)["application_id"])
    shell.data("apps", "add-key", *of_it, "--client-ref", "mrn-1")
    shell.data("apps", "add-key", *of_it, "--therapist-ref", "th-1")
    person = ("shut-out", "person", "--org", organisation)
    assert shell.data(*person, "--client-ref", "mrn-1") == {"api_keys": 1, "providers": 0, "invitations": 0}
    assert shell.data(*person, "--therapist-ref", "th-1") == {"api_keys": 1, "providers": 0, "invitations": 0}
    assert "Ended: 1 API keys, 0 providers, 0 invitations" in shell.run("shut-out", "application", *of_it).err
    alive = [one for one in shell.data("apps", "keys", *of_it) if one["revoked_at"] is None]
    assert alive == []
    assert "no such thing" in shell.refused(*person, "--client-ref", "mrn-9")
    for words in ((), ("--client-ref", "a", "--therapist-ref", "b")):
        assert "give either --client-ref or --therapist-ref" in shell.refused(*person, *words)
