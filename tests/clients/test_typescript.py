"""A TypeScript client generated of the document: it compiles strictly, and works with the running service."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.contract.lint import DOCUMENT
from tests.contract.node import MODULES, run
from tests.contract.served import Served

HERE = Path(__file__).parent
STRICT = {
    "strict": True,
    "noUncheckedIndexedAccess": True,
    "noPropertyAccessFromIndexSignature": True,
    "noEmitOnError": True,
    "module": "nodenext",
    "target": "es2022",
    "types": ["node"],
    "skipLibCheck": True,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as an integrator has it: generated types, a script, the packages."""
    folder = tmp_path_factory.mktemp("typescript")
    code, said = run("openapi-typescript", DOCUMENT, "--output", folder / "schema.d.ts")
    assert code == 0, said
    shutil.copy(HERE / "use.ts", folder)
    (folder / "node_modules").symlink_to(MODULES, target_is_directory=True)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": STRICT, "files": ["use.ts"]}))
    return folder


def test_it_compiles_and_does_the_main_job(project: Path, running: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Post, replay, look up, read with an ETag, and see problems."""
    code, said = run("tsc", "--project", project)
    assert code == 0, said
    monkeypatch.setenv("ALLIANCE_URL", running.url)
    monkeypatch.setenv("ALLIANCE_KEY", running.key)
    code, said = run(project / "use.js", cwd=project)
    assert code == 0, said
    assert json.loads(said) == {
        "posted": [201, 201],
        "replayed": [None, "true"],
        "same": True,
        "rapport": 4,
        "stage": "string",
        "reused": [422, "idempotency_key_reused"],
        "refused": [422, "validation_failed", [{"pointer": "/answers/1", "code": "out_of_range"}]],
        "found": True,
        "progress": [200, True],
        "unchanged": [304, True],
    }


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("session_number: 3", 'session_number: "3"'),
        ('rater: "client"', 'rater: "neighbour"'),
        ("found.data?.client_id ??", "found.data?.client_number ??"),
        ('{ header: { "Idempotency-Key": key } }', "{}"),
    ],
)
def test_a_caller_who_errs_is_told_by_the_compiler(project: Path, right: str, wrong: str) -> None:
    """Types that accept everything would pass the test above as well."""
    script = (HERE / "use.ts").read_text("utf-8")
    assert script.count(right) == 1
    (project / "wrong.ts").write_text(script.replace(right, wrong))
    (project / "wrong.json").write_text(json.dumps({"compilerOptions": STRICT, "files": ["wrong.ts"]}))
    code, said = run("tsc", "--project", project / "wrong.json", "--noEmit")
    assert code != 0
    assert "wrong.ts" in said
