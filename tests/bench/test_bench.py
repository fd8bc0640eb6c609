from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import forms
from bench.figures import Finding, Goal, Program, Spread, Window, percentile, ratios, spread
from bench.report import Report, finding_row, markdown, program_row, write


def _window(requests: int, *, p50: float = 4.0) -> Window:
    return Window(requests=requests, seconds=2.0, p50=p50, p99=9.0, service_cpu=0.5, database_cpu=0.25)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([3.0], 0.5, 3.0),
        ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
        ([float(n) for n in range(1, 102)], 0.99, 100.0),
        ([1.0, 2.0], 1.0, 2.0),
        ([1.0, 2.0], 0.0, 1.0),
    ],
)
def test_a_percentile_is_one_of_the_values(values: list[float], share: float, expected: float) -> None:
    """The nearest rank: the smallest value that at least the share does not exceed."""
    assert percentile(values, share) == expected


def test_a_spread_is_the_median_between_its_ends() -> None:
    """An even number of values has the mean of the two in the middle."""
    assert spread([4.0, 1.0, 2.0, 3.0]) == Spread(median=2.5, least=1.0, greatest=4.0, values=4)


def test_ratios_compare_neighbours_and_not_medians() -> None:
    """When the machine slows down between two rounds, both members of a pair feel it."""
    assert ratios([50.0, 5.0, 30.0], [100.0, 10.0, 40.0]) == [0.5, 0.5, 0.75]
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0], [1.0, 2.0])


@pytest.mark.parametrize(
    ("goal", "value", "verdict"),
    [
        (Goal(bound=0.5, at_least=True), 0.5, "met"),
        (Goal(bound=0.5, at_least=True), 0.49, "MISSED"),
        (Goal(bound=1.5, at_least=False), 1.5, "met"),
        (Goal(bound=1.5, at_least=False), 1.51, "MISSED"),
        (None, 0.0, ""),
    ],
)
def test_a_goal_is_held_against_the_median(goal: Goal | None, value: float, verdict: str) -> None:
    """The bound itself is good enough, on either side."""
    assert Finding(what="x", where="y", spread=spread([value, 0.0, 9.0]), goal=goal).verdict == verdict


def _report() -> Report:
    found = Finding(what="intake", where="sqlite", spread=spread([0.5, 0.7, 0.9]), goal=Goal(bound=0.9, at_least=True))
    program = Program(what="intake", where="sqlite", name="alliance", windows=(_window(1000), _window(4000)))
    code = {"date": "2026-11-24", "commit": "abc1234", "changed_since": "no"}
    return Report(code=code, machine={"cores": "2"}, command="make bench", findings=[found], programs=[program])


def test_a_program_is_told_by_the_medians_of_its_windows() -> None:
    """500 and 2,000 a second are 1,250; half a second of CPU for each window is 0.5 and 0.125 ms a request."""
    (program,) = _report().programs
    assert program_row(program) == ("intake", "sqlite", "alliance", "1,250", "4.0", "9.0", "0.31", "0.16")


def test_a_report_is_written_twice_and_says_what_was_missed(tmp_path: Path) -> None:
    """JSON for programs and Markdown for people hold the same, under the date and the commit."""
    path = write(_report(), tmp_path / "results")
    assert path.name == "2026-11-24-abc1234.md"
    assert finding_row(_report().findings[0]) == ("intake", "sqlite", "0.70", "0.50 - 0.90", ">= 0.9", "MISSED")
    assert "| intake | sqlite | 0.70 | 0.50 - 0.90 | >= 0.9 | MISSED |" in path.read_text("utf-8")
    assert path.read_text("utf-8") == markdown(_report())
    facts = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert facts["findings"][0]["verdict"] == "MISSED"
    assert facts["programs"][0]["windows"][1]["requests"] == 4000


def test_the_sessions_of_a_client_are_sent_in_order_and_no_key_twice() -> None:
    """A connection goes through its clients one after the other; one form in eight is of a new client."""
    sent = forms.intake(run="r", connection=3, api_key="k")
    requests = [next(sent) for _ in range(20)]
    bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in requests]
    assert [(b["client_ref"], b["session_number"]) for b in bodies[6:10]] == [
        ("r-3-0", 7), ("r-3-0", 8), ("r-3-1", 1), ("r-3-1", 2),
    ]  # fmt: skip
    keys = {request.partition(b"Idempotency-Key: ")[2].partition(b"\r\n")[0] for request in requests}
    assert len(keys) == 20
    for request, body in zip(requests, bodies, strict=True):
        assert b"Content-Length: %d\r\n" % len(request.partition(b"\r\n\r\n")[2]) in request
        assert list(body["answers"]) == [str(item) for item in range(1, 13)]


def test_long_and_short_histories_take_turns() -> None:
    """The next session of each of the two clients of a pair."""
    requests = list(forms.alternating([("short", 10, "long", 200), ("other", 10, "long", 201)], api_key="k"))
    bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in requests]
    assert [(b["client_ref"], b["session_number"]) for b in bodies] == [
        ("short", 11), ("long", 201), ("other", 11), ("long", 202),
    ]  # fmt: skip
