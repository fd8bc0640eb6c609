"""`alliance instruments check`: every fault with its line and what to do, or what was understood."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Shell, plain

ROOT = Path(__file__).parents[2]
DEFINITIONS = ROOT / "app" / "instruments" / "definitions"
VECTORS = ROOT / "tests" / "vectors" / "scoring"
SRS = (DEFINITIONS / "srs" / "1.0.0.yaml").read_text("utf-8")


def written(shell: Shell, name: str, text: str) -> str:
    """Write a file into the shell's folder and return its path."""
    path = shell.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return str(path)


def test_what_was_understood_is_shown(bare: Shell) -> None:
    """Items, components, minimum answers and reversed items, so that the author can compare with the paper."""
    told = bare.data("instruments", "check", str(DEFINITIONS / "wai-s" / "1.0.0.yaml"))
    assert (told["kind"], told["ok"], told["faults"]) == ("definition", True, [])
    understood = told["understood"]
    assert understood["digest"] == "sha256:2a4acd65facfa4b1ffaeaa6b3eca3720d3bbaa76ec0bd78f6b6b6a48adb380c3"
    assert {name: understood[name] for name in ("belongs into", "answers", "value", "scored items", "reversed")} == {
        "belongs into": "wai-s/1.0.0.yaml",
        "answers": "1 to 7",
        "value": "sum",
        "scored items": 12,
        "reversed": ["4", "10"],
    }
    assert understood["components"][2] == {"key": "goal", "items": ["4", "6", "10", "11"], "minimum answered": 3}
    done = bare.run("instruments", "check", str(DEFINITIONS / "srs" / "1.0.0.yaml"))
    assert (done.code, done.err) == (0, "")
    assert "0 to 100, divided by 10" in done.out
    assert "digest: sha256:1fe166581464ca8039af5c2400ac5bf4a59dff5375b5343edff4b0ed55f3a0dd\n" in done.out


def test_every_fault_has_its_line_and_says_what_to_do(bare: Shell) -> None:
    """FILE:LINE:COLUMN as compilers print it, one line a fault, and exit 1."""
    broken = SRS.replace('items: ["4"]', 'items: ["5"]').replace("convention: sum", "convention: total")
    path = written(bare, "mine.yaml", broken)
    done = bare.run("instruments", "check", path)
    assert done.code == 1
    assert done.out.splitlines()[:3] == [
        f"{path}:8:13: convention: 'total' is not one of the choices; write one of: mean, sum",
        f"{path}:13:10: items/3/id: no component has the item 4; put it into a component, or take it out",
        f"{path}:18:44: components/3/items/0: no scored item 5; declare it under items, or take it out here",
    ]
    assert "3 faults" in done.err
    done = bare.run("instruments", "check", path, "--json")
    assert done.code == 1
    told = json.loads(done.out)
    assert (told["ok"], told["understood"], len(told["faults"])) == (False, None, 3)
    assert told["faults"][0] == {
        "line": 8,
        "column": 13,
        "path": "convention",
        "says": "'total' is not one of the choices",
        "do": "write one of: mean, sum",
    }


def test_a_shipped_version_with_other_content_is_a_fault(bare: Shell) -> None:
    """The author hears it from the check, and not when the service does not start."""
    path = written(bare, "mine.yaml", SRS.replace("key_status: secondary", "key_status: verified"))
    done = bare.run("instruments", "check", path)
    assert done.code == 1
    assert done.out.startswith(f"{path}:4:1: version: srs 1.0.0 is shipped with other content; give yours a version of")
    assert bare.run("instruments", "check", written(bare, "mine.yaml", SRS.replace("1.0.0", "1.0.1"))).code == 0


def test_worked_cases_are_run_and_each_difference_is_shown(bare: Shell) -> None:
    """With the right cases the check says how many agree; with a wrong number, which one, and what was counted."""
    definition = str(DEFINITIONS / "srs" / "1.0.0.yaml")
    done = bare.run("instruments", "check", definition, "--vectors", str(VECTORS / "srs.yaml"))
    assert (done.code, "All 8 worked cases agree." in done.out) == (0, True)
    wrong = (VECTORS / "srs.yaml").read_text("utf-8").replace("sum: 36.5", "sum: 36.4").replace("0 to 40", "4 to 40")
    path = written(bare, "cases.yaml", wrong)
    done = bare.run("instruments", "check", definition, "--vectors", path)
    assert (done.code, "worked cases agree" in done.out) == (1, False)
    assert done.out.splitlines()[:2] == [
        "ranges: total: 4 to 40 expected, 0 to 40 counted",
        "case 'an ordinary session', total: sum: 36.4 expected, 36.5 counted",
    ]
    done = bare.run("instruments", "check", definition, "--vectors", path, "--json")
    assert done.code == 1
    assert json.loads(done.out)["ok"] is False
    assert json.loads(done.out)["vectors"]["differences"][1] == {
        "where": "case 'an ordinary session', total",
        "what": "sum",
        "expected": 36.4,
        "counted": 36.5,
    }


def test_a_fault_in_the_worked_cases_has_its_line_too(bare: Shell) -> None:
    """The file of cases is checked like the definition."""
    path = written(bare, "cases.yaml", "instrument: srs\nversion: 1.0.0\nranges: {}\ncases: []\nspare: 1\n")
    done = bare.run("instruments", "check", str(DEFINITIONS / "srs" / "1.0.0.yaml"), "--vectors", path)
    assert done.code == 1
    assert f"{path}:4:8: cases: too few entries; give at least 1\n" in done.out
    assert f"{path}:5:1: spare: unknown field; remove it or mend its name" in done.out


def test_texts_are_checked_against_their_definition(bare: Shell) -> None:
    """The definition is the one beside the file, else the catalogue's."""
    spanish = (DEFINITIONS / "trq-s" / "1.0.0.es.yaml").read_text("utf-8")
    path = written(bare, "es.yaml", spanish)
    told = bare.data("instruments", "check", path)
    assert (told["kind"], told["understood"]["belongs into"], told["understood"]["items"]) == (
        "texts",
        "trq-s/1.0.0.es.yaml",
        12,
    )
    done = bare.run("instruments", "check", written(bare, "es.yaml", spanish.replace("  f1:", "  f9:")))
    assert done.code == 1
    assert "items/f9: the definition has no item f9; mend its id, or take it out" in done.out
    assert 'items: no text for the item f1; add "f1": with its text' in done.out
    own = "wai-x/1.0.0.yaml"
    written(bare, own, (DEFINITIONS / "wai-sr" / "1.0.0.yaml").read_text("utf-8").replace("key: wai-sr", "key: wai-x"))
    items = ", ".join(f'"{i}": Item' for i in range(1, 13))
    head = "format: 1\ninstrument: wai-x\nversion: 1.0.0\nlocale: en\nstatus: draft\nlicense: Ours\ntitle: X\n"
    texts = f"{head}items: {{{items}}}\n"
    assert bare.run("instruments", "check", written(bare, "wai-x/1.0.0.en.yaml", texts)).code == 0
    done = bare.run("instruments", "check", written(bare, "elsewhere/1.0.0.en.yaml", texts))
    assert (done.code, "no definition of wai-x 1.0.0" in done.out) == (1, True)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_a_sentence(bare: Shell, content: bytes | None) -> None:
    """A missing file and one in another encoding."""
    path = bare.folder / "x.yaml"
    if content is not None:
        path.write_bytes(content)
    assert "can't be read as UTF-8 text" in plain(bare.refused("instruments", "check", str(path)))


def test_worked_cases_of_texts_are_refused(bare: Shell) -> None:
    """Texts have nothing to score."""
    words = ("instruments", "check", str(DEFINITIONS / "trq-s" / "1.0.0.es.yaml"), "--vectors", "x.yaml")
    assert "worked cases are for a definition" in bare.refused(*words)


def test_a_check_works_while_the_sites_folder_is_faulty(bare: Shell) -> None:
    """That is when it is needed most."""
    written(bare, "own/srs/1.0.0.yaml", SRS.replace("min: 0", "min: 200"))
    own = {"ALLIANCE_INSTRUMENTS_DIR": str(bare.folder / "own")}
    texts = str(DEFINITIONS / "trq-s" / "1.0.0.es.yaml")
    assert bare.run("instruments", "check", texts, **own).code == 0
    done = bare.run("instruments", "check", str(bare.folder / "own" / "srs" / "1.0.0.yaml"), **own)
    assert (done.code, ":7:14: scale/min: min is not below max" in done.out) == (1, True)
