from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.instruments.catalog import shipped
from app.instruments.model import NOT_APPLICABLE, Answer, ItemId
from app.scoring.explain import explain
from app.scoring.score import Score, score
from app.scoring.vectors import Difference, Vectors, as_written, check_vectors, differences, vectors_schema

FOLDER = Path(__file__).parent.parent / "vectors" / "scoring"
PATHS = {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def _read(name: str, text: str | None = None) -> Vectors:
    read = check_vectors(PATHS[name].read_text("utf-8") if text is None else text)
    assert read.value is not None, [fault.sentence for fault in read.faults]
    return read.value


FILES = {name: _read(name) for name in PATHS}
CASES = [
    pytest.param(name, case.name, id=f"{name}: {case.name}") for name, file in FILES.items() for case in file.cases
]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_a_case_gives_the_numbers_written_beside_it(name: str, case: str) -> None:
    """Every component of a case has exactly the result that was worked out by hand, and no component is left out."""
    file = FILES[name]
    instrument = shipped().get(file.instrument, file.version)
    assert [one for one in differences(instrument, file) if one.where.startswith(f"case '{case}'")] == []


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_of_the_definition_and_tells_its_ranges(name: str) -> None:
    """Key, version, digest, and the least and greatest value of each component are those at the head of the file."""
    file = FILES[name]
    assert [d for d in differences(shipped().get(file.instrument, file.version), file) if "case" not in d.where] == []


def test_every_shipped_version_has_a_file_that_pins_it() -> None:
    """A version without worked cases is not shipped, and each file bears its digest and the name KEY or KEY@VERSION."""
    pinned = {(file.instrument, file.version): file.digest for file in FILES.values()}
    assert pinned == {(i.key, i.version): i.digest for i in shipped().instruments}
    assert all(name in {file.instrument, f"{file.instrument}@{file.version}"} for name, file in FILES.items())


@pytest.mark.parametrize("name", FILES)
def test_cases_say_in_a_sentence_what_they_are_about(name: str) -> None:
    """A clinician can judge a case without the code."""
    assert all(case.says.endswith(".") and len(case.says.split()) > 5 for case in FILES[name].cases)


@pytest.mark.parametrize("name", FILES)
def test_cases_meet_a_full_form_and_one_too_empty(name: str) -> None:
    """Each file has a complete form and one that is not scored."""
    totals = [case.expected["total"] for case in FILES[name].cases]
    assert any(total.get("prorated") is False for total in totals)
    assert any("not scored" in total for total in totals)


@pytest.mark.parametrize("name", ["wai-36", "wai-s", "wai-sr", "sai", "srs", "arm-5", "haq-ii", "care", "tasc-r"])
def test_cases_of_a_known_key_meet_both_ends_and_the_edge(name: str) -> None:
    """The best and the worst there is, and as few answers as are just enough (all of them for the SRS)."""
    totals = [case.expected["total"] for case in FILES[name].cases]
    assert {0, 100} <= {total.get("pomp") for total in totals}
    needed = shipped().latest(name).missing_rule.minimum["total"]
    if name != "wai-36":  # its components need 30 of 36 together, one more than the total
        assert any(total["answered"].startswith(f"{needed} of") and "pomp" in total for total in totals)


def test_the_same_twelve_answers_differ_between_the_two_short_forms() -> None:
    """The trap is set in both files with the same answers, and the components expected there are not the same."""
    trap = {key: next(c for c in FILES[key].cases if c.name.startswith("the trap")) for key in ("wai-s", "wai-sr")}
    assert trap["wai-s"].answers == trap["wai-sr"].answers
    for component in ("task", "goal", "total"):
        assert trap["wai-s"].expected[component]["sum"] != trap["wai-sr"].expected[component]["sum"]


# --- the reader and the comparer themselves ---

ARM = PATHS["arm-5"].read_text("utf-8")
WRONG = [
    (
        "total: {value: 6, mean: 6, sum: 30, pomp: 83.3333, answered: 5 of 5",
        "total: {value: 6.1, mean: 6, sum: 30, pomp: 83.3333, answered: 5 of 5",
        [Difference(where="case 'an ordinary session', total", what="value", expected=6.1, counted=6.0)],
    ),
    (
        "answered: 5 of 5, prorated: no}",
        "answered: 5 of 6, prorated: yes, missing: [3]}",
        [
            Difference(where="case 'an ordinary session', total", what="answered", expected="5 of 6", counted="5 of 5"),
            Difference(where="case 'an ordinary session', total", what="prorated", expected=True, counted=False),
            Difference(where="case 'an ordinary session', total", what="missing", expected=["3"], counted=[]),
        ],
    ),
    (
        "version: 1.0.0",
        "version: 1.0.1",
        [Difference(where="the file", what="version", expected="1.0.1", counted="1.0.0")],
    ),
    (
        "instrument: arm-5",
        "instrument: arm",
        [Difference(where="the file", what="instrument", expected="arm", counted="arm-5")],
    ),
    (
        "digest: sha256:3298",
        "digest: sha256:0298",
        [
            Difference(
                where="the file",
                what="digest",
                expected="sha256:0298df70e6ef4731fce6b55304fafb81fb40ff0859005c791aa02de3327f33ed",
                counted="sha256:3298df70e6ef4731fce6b55304fafb81fb40ff0859005c791aa02de3327f33ed",
            )
        ],
    ),
    ("total: 1 to 7", "total: 1 to 5", [Difference(where="ranges", what="total", expected="1 to 5", counted="1 to 7")]),
    (
        "{1: 6, 2: 7, 3: 2, 4: 6, 5: 5}",
        "{1: 6, 2: 7, 3: 2, 4: 6, 5: 5, 6: 1}",
        [Difference(where="case 'an ordinary session'", what="answer to 6", expected=1, counted="no such item")],
    ),
    (
        "      total: {not scored: too_many_missing, answered: 3 of 5, missing: [2], not applicable: [4]}",
        "      bond: {not scored: too_many_missing, answered: 3 of 5, missing: [2], not applicable: [4]}",
        [
            *(
                Difference(where="case 'two lines without a number', bond", what=what, expected=expected, counted=None)
                for what, expected in (
                    ("not scored", "too_many_missing"),
                    ("answered", "3 of 5"),
                    ("missing", ["2"]),
                    ("not applicable", ["4"]),
                )
            ),
            *(
                Difference(where="case 'two lines without a number', total", what=what, expected=None, counted=counted)
                for what, counted in (
                    ("answered", "3 of 5"),
                    ("missing", ["2"]),
                    ("not applicable", ["4"]),
                    ("not scored", "too_many_missing"),
                )
            ),
        ],
    ),
]


@pytest.mark.parametrize(("right", "wrong", "found"), WRONG)
def test_what_is_not_as_worked_out_is_found(right: str, wrong: str, found: list[Difference]) -> None:
    """A wrong number, head, range, answer or component is told with what was expected and what was counted."""
    assert right in ARM
    assert list(differences(shipped().latest("arm-5"), _read("arm-5", ARM.replace(right, wrong, 1)))) == found


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        (
            "4: 6, 5: 5}",
            "4: 6, 4: 5}",
            "line 14, column 39: cases/0/answers/4: the key stands twice (first in line 14)",
        ),
        ("4: 6, 5: 5}", "4: 6, 5: five}", "line 14, column 42: cases/0/answers/5: 'five' is not written as it must be"),
        ("prorated: no}", "prorated: no, scored: yes}", "cases/0/expected/total/scored: unknown field"),
        ("name: everything at its best", "name: an ordinary session", "line 18, column 11: cases/1/name: the name an "),
        ("answered: 5 of 5", "answered: 5", "cases/0/expected/total/answered: 5 is not text"),
        ("sha256:", "md5:", "digest: "),
    ],
)
def test_a_fault_in_a_file_of_cases_is_named(right: str, wrong: str, says: str) -> None:
    """A key twice, a word for an answer, an unknown field or a name twice is told with its place."""
    assert right in ARM
    read = check_vectors(ARM.replace(right, wrong, 1))
    assert read.value is None
    assert says in read.faults[0].sentence


def test_the_schema_of_cases_says_what_may_stand_in_one() -> None:
    """A component is either scored or not, with nothing but these fields."""
    assert set(vectors_schema()["$defs"]["expected"]["properties"]) == {
        "value", "mean", "sum", "pomp", "answered", "prorated", "missing", "not applicable", "not scored",
    }  # fmt: skip


def test_results_are_written_as_people_write_them() -> None:
    """Numbers have four decimals at most, and items are named in the order of the component."""
    answers: dict[ItemId, Answer] = {ItemId("1"): 9, ItemId("2"): 8, ItemId("3"): NOT_APPLICABLE}
    results = {one.component: as_written(one) for one in score(shipped().latest("srs"), answers)}
    assert results["relationship"] == {
        "answered": "1 of 1", "missing": [], "not applicable": [],
        "value": 0.9, "mean": 0.9, "sum": 0.9, "pomp": 9.0, "prorated": False,
    }  # fmt: skip
    assert results["total"] == {
        "answered": "2 of 4", "missing": ["4"], "not applicable": ["3"], "not scored": "too_many_missing",
    }  # fmt: skip


def test_a_visual_scale_is_explained_in_its_points() -> None:
    """Marks in tenths are divided by ten in the first step, so that every later number is in points."""
    marks: dict[ItemId, Answer] = {ItemId("1"): 92, ItemId("2"): 88, ItemId("3"): 95, ItemId("4"): 90}
    told = explain(shipped().latest("srs"), marks, "total")
    assert [step.says for step in told.steps] == [
        "4 of 4 answered, at least 4 needed",
        "mean = (92 + 88 + 95 + 90) / (4 x 10) = 9.125",
        "sum = 4 x 9.125 = 36.5",
        "POMP = 100 x (9.125 - 0) / (10 - 0) = 91.25",
    ]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_the_printed_steps_of_a_case_recount(name: str, case: str) -> None:
    """Whoever types the sum of an explanation into a calculator gets the mean of the score."""
    file = FILES[name]
    instrument = shipped().get(file.instrument, file.version)
    answers = next(one.answers for one in file.cases if one.name == case)
    for result in score(instrument, answers):
        if isinstance(result, Score):
            says = explain(instrument, answers, result.component).steps[1].says
            above, below = says.removeprefix("mean = ").split(" = ")[0].split(" / ")
            divisor = 1
            for factor in re.findall(r"\d+", below):
                divisor *= int(factor)
            assert sum(map(int, re.findall(r"\d+", above))) / divisor == pytest.approx(result.mean, abs=1e-9)
