from __future__ import annotations

import re
import signal
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from app.cli.demo import service
from app.cli.demo.forms import forms
from app.cli.demo.post import Refused, call
from app.cli.demo.words import chance, change, sparkline
from app.instruments.catalog import shipped
from app.instruments.model import check_answers
from tests.cli.conftest import Shell, plain

CLIENTS = [f"demo-client-{number:02}" for number in range(1, 21)]
TODAY = date(2026, 3, 2)


@pytest.fixture
def scratch(bare: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell whose temporary directory is its folder: what stays behind is seen there."""
    monkeypatch.setenv("TMPDIR", str(bare.folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return bare


def caseload(out: str) -> list[tuple[str, str]]:
    """Read the caseload's lines: the client, and the last total."""
    return re.findall(r"^(demo-client-[0-9]{2}) +[0-9]+ +[^ ]+ +(none|[0-9.]+) ", out, re.MULTILINE)


def test_the_demo_runs_to_its_end(scratch: Shell) -> None:
    """Twenty clients go through the API and are shown, within a narrow terminal; nothing stays behind."""
    process = scratch.start("demo", "--exit", COLUMNS="80", PYTHONIOENCODING="utf-8")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert max(map(len, out.splitlines())) == 80
    assert sorted(client for client, _ in caseload(out)) == CLIENTS
    text = plain(out)
    assert "forms posted through the public API for 20 clients" in text
    assert "6 were sent twice and got their first answer again (replayed)" in text
    assert "1 had too many gaps: the total is not scored, which is not 0" in text
    for said in ("Invented data", "not validated", "prompts for a conversation", "no more than a watch is reported"):
        assert said in text
    assert "uncertain" in text
    assert "working on solutions" in text
    assert "Because an ending was reported: planned (rule ending.planned). Evidence: design." in text
    assert "POMP = 100 x (" in text
    assert list(scratch.folder.iterdir()) == []


def test_the_demo_leaves_its_pages_open_until_it_is_ended(scratch: Shell) -> None:
    """The printed address and key work; Ctrl-C is the good end of it, and takes everything away."""
    nowhere = {"ALLIANCE_DATABASE_URL": "sqlite:///nowhere/at/all.db", "ALLIANCE_ENV": "production"}
    process = scratch.start("demo", COLUMNS="100", PYTHONIOENCODING="utf-8", **nowhere)
    try:
        assert process.stderr is not None
        said = ""
        while "Ctrl-C" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        url = re.search(r"http://127\.0\.0\.1:[0-9]+(?=/docs)", said)
        key = re.search(r"alliance_[A-Za-z0-9_-]{86}", said)
        assert url is not None
        assert key is not None
        assert httpx.get(f"{url[0]}/docs").status_code == 200
        headers = {"Authorization": f"Bearer {key[0]}"}
        found = httpx.post(f"{url[0]}/v1/clients/lookup", json={"ref": "demo-client-07"}, headers=headers)
        assert found.status_code == 200
    finally:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert max(map(len, out.splitlines())) == 100
    totals = [total for _, total in caseload(out)]
    assert totals == ["none", *sorted(totals[1:], key=float)]
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url[0]}/livez")
    assert list(scratch.folder.iterdir()) == []


def test_a_service_that_does_not_start_shows_its_last_lines(scratch: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo ends with 1 and with what the service said, brackets and all."""
    broken = [sys.executable, "-c", "import sys; sys.exit('[/boom] no memory left')"]
    monkeypatch.setattr(service, "_command", lambda _port: broken)
    done = scratch.run("demo", "--exit")
    assert done.code == 1
    assert "the service did not start" in done.err
    assert "[/boom] no memory left" in done.err
    assert list(scratch.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx.Response(409, json={"code": "out_of_order"}), "409 out_of_order"),
        (httpx.Response(502, text="<html>"), "502 (no problem document)"),
    ],
)
def test_an_answer_that_is_no_success_ends_the_demo_with_its_code(answer: httpx.Response, code: str) -> None:
    """Nothing is shown that did not happen."""
    transport = httpx.MockTransport(lambda _request: answer)
    expected = re.escape(f"POST /v1/submissions was answered with {code}")
    with (
        httpx.Client(transport=transport, base_url="http://alliance.test") as http,
        pytest.raises(Refused, match=f"^{expected}$"),
    ):
        call(http, "POST", "/v1/submissions")


def test_the_same_seed_and_day_make_the_same_forms() -> None:
    """Another seed makes others; keys never repeat."""
    made = forms(7, today=TODAY)
    assert forms(7, today=TODAY) == made
    assert forms(8, today=TODAY) != made
    assert len({sending.key for sending in made}) == len(made)
    assert sum(sending.twice for sending in made) == 6


@pytest.mark.parametrize("seed", range(20))
def test_every_form_can_be_taken_and_lies_in_the_past(seed: int) -> None:
    """Whatever the seed: answers fit their instruments, each course runs forward, and none of it is of today."""
    last: dict[tuple[str, str], tuple[int, str]] = {}
    for sending in forms(seed, today=TODAY):
        form = sending.form
        check_answers(shipped().latest(form["instrument"]), form["answers"])
        assert datetime.fromisoformat(form["completed_at"]) < datetime(2026, 3, 2, tzinfo=UTC)
        assert form["session_number"] <= 12
        series, place = (sending.client, form["instrument"]), (form["session_number"], form["completed_at"])
        assert last.get(series, (0, "")) < place
        last[series] = place


def test_the_caseload_holds_what_a_clinic_meets() -> None:
    """Three therapists, both raters, a longer form, gaps of both kinds, a rupture and two kinds of ending."""
    made = [sending.form for sending in forms(7, today=TODAY)]
    assert {form["client_ref"] for form in made} == set(CLIENTS)
    assert {form["therapist_ref"] for form in made} == {f"demo-therapist-{number}" for number in (1, 2, 3)}
    count = Counter(form["instrument"] for form in made)
    assert count["trq-s"] > count["trq-s-t"] > 100
    assert count["wai-sr"] == 3
    answers = [answer for form in made for answer in form["answers"].values()]
    assert None in answers
    assert "not_applicable" in answers
    reported = [form.get("reported", {}) for form in made]
    assert {one.get("ending") for one in reported} == {None, "planned", "dropout"}
    assert sum(bool(one.get("rupture")) for one in reported) == 1
    assert sum(bool(one.get("wish_to_talk")) for one in reported) == 1
    (planned,) = {form["session_number"] for form in made if form.get("reported", {}).get("ending") == "planned"}
    assert planned == 12


def test_the_last_session_lies_within_the_last_days_unless_the_course_ended() -> None:
    """Dates follow today, so that the caseload looks like one of now."""
    latest: dict[str, str] = {sending.client: sending.form["session_date"] for sending in forms(7, today=TODAY)}
    late = [client for client, day in latest.items() if date.fromisoformat(day) < TODAY - timedelta(days=7)]
    assert late == ["demo-client-08"]


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0, "<.01"), (0.004, "<.01"), (0.005, ".01"), (0.6, ".60"), (0.994, ".99"), (0.996, ">.99"), (1.0, ">.99")],
)
def test_a_probability_is_never_written_as_certain(value: float, written: str) -> None:
    """Rounding must not say more than the model does."""
    assert chance(value) == written


@pytest.mark.parametrize(
    ("value", "written"), [(None, "-"), (0.0, "0.00"), (-0.004, "0.00"), (-0.5, "-0.50"), (1.125, "+1.12")]
)
def test_a_change_has_its_sign_and_nothing_has_none(value: float | None, written: str) -> None:
    """A difference that rounds to nothing has no direction."""
    assert change(value) == written


def test_a_course_is_drawn_session_by_session() -> None:
    """The ends of the scale are the lowest and the highest block; no total and no form have signs of their own."""
    assert sparkline([1, 2, 4, 5], [1.0, 5.0, None, 3.0], ascii_only=False) == "▁█.x▅"
    assert sparkline([1, 2, 4, 5], [1.0, 5.0, None, 3.0], ascii_only=True) == "15.x3"
