"""What no module of the service uses: programs, objects from bytes, XML, code from text, weak digests, weak chance."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Modules, with what an attacker does with each.
MODULES = {
    "subprocess": "commands",
    "pty": "commands",
    "pickle": "objects from bytes",
    "marshal": "objects from bytes",
    "shelve": "objects from bytes",
    "xml": "entities",
    "lxml": "entities",
    "random": "guessing",
    "ctypes": "memory",
}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "hashlib.md5", "hashlib.sha1"}
#: Where it may be, with the reason.
ALLOWED = {
    "cli/demo/service.py": "the demo starts the service, with fixed words",
    "cli/demo/forms.py": "invented answers, the same for a seed",
}


def spelled(node: ast.expr) -> str:
    """Write a name as it is called."""
    if isinstance(node, ast.Attribute):
        return f"{spelled(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def used(source: str) -> set[str]:
    """Find what a module uses of it, wherever in the module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names} & MODULES.keys()
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module.split(".")[0]} & MODULES.keys()
            found |= {f"{node.module}.{alias.name}" for alias in node.names} & CALLS
        elif isinstance(node, ast.Call):
            found |= {spelled(node.func)} & CALLS
    return found


def test_no_module_uses_what_is_dangerous() -> None:
    """But for the listed ones, each of which is still in use."""
    folder = ROOT / "app"
    found = {
        path.relative_to(folder).as_posix(): what
        for path in sorted(folder.rglob("*.py"))
        if (what := used(path.read_text("utf-8")))
    }
    assert found.keys() == ALLOWED.keys(), found


def test_each_kind_is_found() -> None:
    """Planted faults: imports of both kinds, within a function too, and calls."""
    for source, what in (
        ("import pickle", "pickle"),
        ("def f():\n    from xml.etree import ElementTree", "xml"),
        ("from os import system", "os.system"),
        ("import os\nos.popen('x')", "os.popen"),
        ("eval('1')", "eval"),
        ("import hashlib\nhashlib.md5(b'')", "hashlib.md5"),
        ("from hashlib import sha1", "hashlib.sha1"),
    ):
        assert used(source) == {what}
    assert used("import re\nre.compile('x')\nfrom hashlib import sha256\nimport secrets") == set()
