"""Keys of data are changed from the command line, all of them or none."""

from __future__ import annotations

from app.storage.master import read_masters
from tests.cli.conftest import Shell


def test_a_master_key_is_changed_for_everybody(shell: Shell) -> None:
    """For one organisation alone, the operator would take out the key that all others are under."""
    organisation = shell.organisation()
    file = shell.folder / "secrets" / "master-key"
    before = read_masters(file)
    assert "every organisation" in shell.refused("keys", "rotate", "--master", "--org", organisation)
    assert read_masters(file) == before
    assert shell.data("keys", "rotate", "--master")["organisations"] == 1
    assert read_masters(file)[1:] == before


def test_a_change_of_the_master_key_that_was_broken_off_is_taken_up(shell: Shell) -> None:
    """The next rotation wraps with the key that stands first, without adding another."""
    shell.organisation()
    file = shell.folder / "secrets" / "master-key"
    file.write_text("ab" * 32 + "\n" + file.read_text())
    shell.data("keys", "rotate")
    file.write_text("ab" * 32)
    assert shell.data("keys", "check")["broken"] == []
    assert shell.run("orgs", "create", "Later").code == 0
    assert shell.data("keys", "rotate")["organisations"] == 2
