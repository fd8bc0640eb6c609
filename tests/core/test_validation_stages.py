from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from app.stages.model import STAGES, Session, estimate
from app.validation.baseline import learn
from app.validation.courses import AFTER_THE_END, CourseLaw, Courses, FormLaw, draw_courses, draw_forms
from app.validation.document import changed, stage_document
from app.validation.gates import stage_gates
from app.validation.metrics import Figures
from app.validation.stages import CONDITIONS, StageCondition, StageResult, filter_courses, run_stages
from app.validation.tables import gate_table, stage_tables

SCIENCE = {
    "standard": (0.720, 0.642, 0.673, 0.854, 0.820, 0.410),
    "fast dwell": (0.617, 0.486, 0.922, 0.835, 0.765, 0.420),
    "item halo .7, 40 % wrong, 30 % missing": (0.728, 0.639, 0.669, 0.684, 0.631, 0.744),
}


def test_the_eight_conditions_are_those_of_the_science_page() -> None:
    """Names and order of its table; only the last, which is a loss, has no gate."""
    assert [condition.name for condition in CONDITIONS] == [
        "standard",
        "30 % missing",
        "40 % wrong, 30 % missing",
        "slow dwell",
        "fast dwell",
        "item halo .7",
        "slow, 40 % wrong, 30 % missing",
        "item halo .7, 40 % wrong, 30 % missing",
    ]
    assert [condition.gated for condition in CONDITIONS] == [True] * 7 + [False]


def test_a_run_gives_the_numbers_of_the_science_page() -> None:
    """With 700 courses each figure lies within .05 of the table, which was computed by another program."""
    chosen = [condition for condition in CONDITIONS if condition.name in SCIENCE]
    for result in run_stages(seed=31, clients=700, conditions=chosen):
        found = [
            value for one in (result.baseline, result.model) for value in (one.accuracy, one.macro_f1, one.log_loss)
        ]
        assert found == pytest.approx(SCIENCE[result.condition], abs=0.05), result.condition


def test_the_model_is_run_as_the_service_runs_it() -> None:
    """What the simulation says of a session is what `estimate` says of the sessions up to it."""
    courses = draw_courses(CourseLaw(), 12, seed=3, part=1)
    forms = draw_forms(courses, FormLaw(missing=0.3), seed=3, part=1)
    filtered = filter_courses(courses, forms)
    for client in range(12):
        known = [
            Session(
                number=t + 1,
                focus=tuple(forms[client, t].tolist()) if forms[client, t].any() else None,
                planned_sessions=int(courses.planned[client]) or None,
                rupture=bool(courses.reports[client, t]),
            )
            for t in range(int(courses.sessions[client]))
        ]
        for at in (1, len(known) // 2, len(known)):
            told = estimate(known, at=at)
            assert tuple(filtered.probabilities[client, at - 1].tolist()) == told.probabilities
            named = int(filtered.named[client, at - 1])
            assert (STAGES[named] if named >= 0 else None) == told.current
        assert not filtered.probabilities[client, len(known) :].any()


def test_the_baseline_counts() -> None:
    """Of three courses one is in exploring at the second session of three: (1 + .5) / (3 + 4 x .5) = .3."""
    stages = np.full((3, 60), AFTER_THE_END)
    stages[:, :2] = [[0, 0], [0, 1], [0, 0]]
    courses = Courses(stages=stages, reports=np.zeros((3, 60), dtype=bool), planned=np.array([3, 3, 3]))
    told = learn(courses).probabilities(courses)
    assert told[0, 0].tolist() == pytest.approx([0.7, 0.1, 0.1, 0.1])
    assert told[2, 1].tolist() == pytest.approx([0.5, 0.3, 0.1, 0.1])
    unknown = replace(courses, planned=np.array([0, 0, 0]))
    assert learn(courses).probabilities(unknown)[0, 0].tolist() == [0.25] * 4


def test_the_same_seed_gives_the_same_numbers() -> None:
    """A run is decided by its seed; conditions of one law of courses share them, and so the baseline."""
    conditions = CONDITIONS[:2]
    one, again, other = (run_stages(seed=seed, clients=30, conditions=conditions) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    assert one[0].baseline == one[1].baseline
    assert one[0].model != one[1].model


def _result(*, gated: bool = True, model: Figures) -> StageResult:
    [told] = run_stages(seed=1, clients=5, conditions=[StageCondition(name="a", gated=gated)])
    return replace(told, model=model, baseline=Figures(accuracy=0.5, macro_f1=0.5, log_loss=0.7))


@pytest.mark.parametrize(
    ("macro_f1", "log_loss", "passed", "verdict"),
    [
        (0.6, 0.6, [True, True], "better"),
        (0.5, 0.6, [True, False], "better on one, worse on the other"),
        (0.6, 0.7, [False, True], "better on one, worse on the other"),
        (0.4, 0.8, [False, False], "loses"),
    ],
)
def test_a_gate_asks_to_be_better_on_both(macro_f1: float, log_loss: float, passed: list[bool], verdict: str) -> None:
    """As good as the baseline is not better; the table says the same words."""
    result = _result(model=Figures(accuracy=0.9, macro_f1=macro_f1, log_loss=log_loss))
    gates = stage_gates([result])
    assert [gate.passed for gate in gates] == passed
    document = stage_document([result], gates, conditions=[StageCondition(name="a")], seed=1, clients=5, command="c")
    assert document["passed"] is all(passed)
    assert stage_tables(document)[0].rows[0][-1] == verdict
    assert [row[-1] for row in gate_table(document).rows] == ["passed" if one else "MISSED" for one in passed]


def test_a_condition_without_a_gate_is_reported_all_the_same() -> None:
    """The loss stands in the table, and no gate is missed by it."""
    result = _result(gated=False, model=Figures(accuracy=0.1, macro_f1=0.1, log_loss=0.9))
    assert stage_gates([result]) == ()
    document = stage_document([result], (), conditions=[StageCondition(name="a")], seed=1, clients=5, command="c")
    assert stage_tables(document)[0].rows[0][-1] == "loses (no gate)"


def test_a_document_is_plain_and_says_how_to_get_it_again() -> None:
    """It survives being written and read, and names seed, command and what a condition has otherwise."""
    results = run_stages(seed=4, clients=20, conditions=CONDITIONS[3:4])
    document = stage_document(
        results,
        stage_gates(results),
        conditions=CONDITIONS[3:4],
        seed=4,
        clients=20,
        command="alliance validate stages",
    )
    assert json.loads(json.dumps(document)) == document
    assert (document["seed"], document["simulated"], document["model"]) == (4, True, "STG-1")
    assert document["results"][0]["law"] == {"dwell": [4.6, 8.6]}
    assert changed(CourseLaw(), FormLaw()) == {}
