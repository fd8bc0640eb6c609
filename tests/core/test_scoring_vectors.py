from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.instruments.catalog import shipped
from app.instruments.model import NOT_APPLICABLE, Answer, ItemId
from app.scoring.score import AnyScore, NotScored, Score, score

FOLDER = Path(__file__).parent.parent / "vectors" / "scoring"
WORDS: dict[str, Answer] = {"-": None, "n/a": NOT_APPLICABLE}


class _NothingTwice(yaml.SafeLoader):
    """A repeated key would silently replace the first one, and with it what a person wrote down."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len(keys) != len(set(keys)):
            raise ValueError(f"line {node.start_mark.line + 1}: a key stands twice")
        return super().construct_mapping(node, deep=deep)


def _read(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader=_NothingTwice)  # noqa: S506 - a SafeLoader
    return loaded


FILES = {path.stem: _read(path) for path in sorted(FOLDER.glob("*.yaml"))}
CASES = [
    pytest.param(file, case, id=f"{name}: {case['name']}") for name, file in FILES.items() for case in file["cases"]
]


def _answer(written: object) -> Answer:
    return written if isinstance(written, int) else WORDS[str(written)]


def _as_written(result: AnyScore) -> dict[str, Any]:
    """Write a result down in the words of the vector files, numbers with four decimals."""
    told: dict[str, Any] = {
        "answered": f"{result.answered} of {result.items}",
        "missing": list(result.missing),
        "not applicable": list(result.not_applicable),
    }
    if isinstance(result, NotScored):
        return told | {"not scored": result.reason}
    numbers = {name: round(getattr(result, name), 4) for name in ("value", "mean", "sum", "pomp")}
    return told | numbers | {"prorated": result.prorated}


def _in_full(expected: dict[str, Any]) -> dict[str, Any]:
    """Add what a reader takes for granted (nothing missing) and write item numbers as ids."""
    lists = {name: [str(item) for item in expected.get(name, [])] for name in ("missing", "not applicable")}
    return expected | lists


@pytest.mark.parametrize(("file", "case"), CASES)
def test_a_case_gives_the_numbers_written_beside_it(file: dict[str, Any], case: dict[str, Any]) -> None:
    """Every component of a case has exactly the result that was worked out by hand, and no component is left out."""
    instrument = shipped().get(file["instrument"], file["version"])
    answers = {ItemId(str(item)): _answer(written) for item, written in case["answers"].items()}
    results = {result.component: _as_written(result) for result in score(instrument, answers)}
    assert results == {component: _in_full(expected) for component, expected in case["expected"].items()}


def test_every_shipped_instrument_has_a_vector_file() -> None:
    """An instrument without hand-worked cases is not shipped, and a file is named after the instrument it is for."""
    assert {(i.key, i.version) for i in shipped().listed()} <= {(f["instrument"], f["version"]) for f in FILES.values()}
    assert all(file["instrument"] == name for name, file in FILES.items())


@pytest.mark.parametrize("name", FILES)
def test_cases_have_a_name_of_their_own_and_a_sentence(name: str) -> None:
    """A case says what it is about, in a sentence, so that a clinician can judge it without the code."""
    cases = FILES[name]["cases"]
    assert len({case["name"] for case in cases}) == len(cases)
    assert all(case["says"].endswith(".") and len(case["says"].split()) > 5 for case in cases)


@pytest.mark.parametrize("name", FILES)
def test_a_score_tells_the_range_of_its_value(name: str) -> None:
    """The least and the greatest possible value of each component are those at the head of the file."""
    file = FILES[name]
    instrument = shipped().get(file["instrument"], file["version"])
    complete = {item.id: instrument.minimum for item in instrument.items}
    told = {
        r.component: f"{r.minimum:g} to {r.maximum:g}" for r in score(instrument, {**complete}) if isinstance(r, Score)
    }
    assert told == file["ranges"]


def test_the_same_twelve_answers_differ_between_the_two_short_forms() -> None:
    """The trap is set in both files with the same answers, and the components expected there are not the same."""
    trap = {
        key: next(c for c in FILES[key]["cases"] if c["name"].startswith("the trap")) for key in ("wai-s", "wai-sr")
    }
    assert trap["wai-s"]["answers"] == trap["wai-sr"]["answers"]
    for component in ("task", "goal", "total"):
        assert trap["wai-s"]["expected"][component]["sum"] != trap["wai-sr"]["expected"][component]["sum"]
