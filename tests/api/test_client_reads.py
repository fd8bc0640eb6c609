"""What is read about a client: the id, progress and stage."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.refusals import refused
from tests.harness import ANSWERS, Clinic, form

THERAPIST: dict[str, Any] = {
    "instrument": "trq-s-t",
    "rater": "therapist",
    "answers": {"1": 4, "2": 4, "3": 5, "4": 4, "5": "not_applicable", "6": 5, "7": 4, "8": 3},
}
FOCUS = ((5, 3, 1, 1), (4, 4, 2, 1), (2, 5, 3, 1))
STAGES = ("establishing_rapport", "exploring_the_problem", "working_on_solutions", "termination")


def with_focus(session: int, focus: tuple[int, ...] | None = None) -> dict[str, Any]:
    """Make a client's form with the focus answers of a fixture."""
    focus = focus or FOCUS[session - 1]
    return form(session_number=session, answers={**ANSWERS, **dict(zip(("f1", "f2", "f3", "f4"), focus, strict=True))})


def follow(clinic: Clinic, sessions: int = 3) -> dict[str, Any]:
    """Post the first sessions of the fixture and return the last answer."""
    return [clinic.recorded(with_focus(session)) for session in range(1, sessions + 1)][-1]


def vector(*numbers: float) -> dict[str, float]:
    """Name four numbers after the stages."""
    return dict(zip(STAGES, numbers, strict=True))


def test_a_look_up_finds_the_client_and_tells_nothing_else(clinic: Clinic) -> None:
    """The opaque id, in no cache; an unknown reference and a therapist's are absent."""
    made = clinic.recorded(form())
    found = clinic.request("POST", "/v1/clients/lookup", json={"ref": "mrn-1042"})
    assert (found.status_code, found.json()) == (200, {"client_id": made["client_id"]})
    assert found.headers["cache-control"] == "no-store"
    for ref in ("th-7", "MRN-1042", " mrn-1042", {"system": "https://ehr.example", "value": "mrn-1042"}):
        refused(clinic.request("POST", "/v1/clients/lookup", json={"ref": ref}), 404, "not_found")
    assert clinic.count("clients") == 1


def progress_of(clinic: Clinic, made: dict[str, Any], query: str = "", **headers: str) -> Any:
    """Read a client's progress."""
    return clinic.get(f"/v1/clients/{made['client_id']}/progress{query}", headers=headers)


def test_progress_holds_series_latest_scores_and_the_stage(clinic: Clinic) -> None:
    """Each instrument and rater stands alone; what was not scored is null, with its reason."""
    clinic.recorded(with_focus(1) | {"planned_sessions": 12})
    clinic.recorded(form(session_number=2, answers={"1": 5, "f1": 4, "f2": 4, "f3": 2, "f4": 1}))
    clinic.recorded(form(session_number=2, **THERAPIST))
    made = clinic.recorded(form(session_number=4, answers={**ANSWERS, "7": None, "f1": 2, "f2": 5, "f3": 3, "f4": 1}))
    answer = progress_of(clinic, made)
    told = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-cache")
    assert told["client_id"] == made["client_id"]
    episode = told["episode"]
    assert (episode["id"], episode["last_session"], episode["ending"]) == (made["episode_id"], 4, None)
    client, therapist = told["series"]
    assert {name: client[name] for name in ("instrument", "version", "rater", "min", "max", "sessions", "totals")} == {
        "instrument": "trq-s", "version": "1.0.0", "rater": "client", "min": 1.0, "max": 5.0,
        "sessions": [1, 2, 4], "totals": [4.125, None, 4.1429],
    }  # fmt: skip
    assert [(one["component"], one["value"], one["pomp"], one["reason"]) for one in client["latest"]] == [
        ("rapport", 4.0, 75.0, None),
        ("empathy", 3.0, 50.0, None),
        ("respect", 5.0, 100.0, None),
        ("trust", 4.0, 75.0, None),
        ("collaboration", 4.0, 75.0, None),
        ("genuineness", 5.0, 100.0, None),
        ("acceptance", None, None, "too_many_missing"),
        ("encouragement", 4.0, 75.0, None),
        ("relationship", 4.0, 75.0, None),
        ("elements", 4.3333, 83.3333, None),
        ("total", 4.1429, 78.5714, None),
    ]
    assert [one["id"] for one in client["latest"]] == [score["id"] for score in made["scores"]]
    assert (therapist["rater"], therapist["sessions"], therapist["totals"]) == ("therapist", [2], [4.1429])
    assert (told["open_signals"], told["open_signals_count"]) == ([], 0)
    assert told["stage"] == {name: made["stage"][name] for name in ("current", "basis", "probabilities")}


def test_progress_keeps_the_range_of_a_series_without_a_total(clinic: Clinic) -> None:
    """A series that was never scored says so, and is not left out."""
    made = clinic.recorded(form(answers={"1": 5}))
    (line,) = progress_of(clinic, made).json()["series"]
    assert (line["sessions"], line["totals"], line["min"], line["max"]) == ([1], [None], None, None)


def test_progress_tells_the_signals_that_are_open(clinic: Clinic) -> None:
    """In short, while they are; a client's own key is not told."""
    made = clinic.recorded(form(reported={"rupture": True, "wish_to_talk": True}))
    clinic.recorded(form(session_number=1, **THERAPIST))
    told = progress_of(clinic, made).json()
    assert told["open_signals"] == [
        {
            "id": made["signals"][0]["id"], "kind": "reported_rupture", "level": "alert", "opened_session": 1,
            "rule": "reported.rupture",
        },
        {
            "id": made["signals"][1]["id"], "kind": "wish_to_talk", "level": "watch", "opened_session": 1,
            "rule": "reported.wish_to_talk",
        },
    ]  # fmt: skip
    assert progress_of(clinic.bound("therapist", "th-7"), made).json()["open_signals"] == told["open_signals"]
    assert progress_of(clinic.bound("client", "mrn-1042"), made).json()["open_signals"] is None
    for session in range(2, 7):  # a report is closed at the fifth later form
        clinic.recorded(form(session_number=session))
    assert progress_of(clinic, made).json()["open_signals"] == []


def test_progress_of_twenty_sessions_by_two_raters_fits_into_4_kb(clinic: Clinic) -> None:
    """With long numbers, not scored components and four open signals, in the last twenty of more sessions."""
    theirs = THERAPIST | {"answers": {**THERAPIST["answers"], "7": None, "2": None}}
    for session in range(101, 122):
        said = {"reported": {"rupture": session == 121, "wish_to_talk": session == 121}}
        sent = form(session_number=session, answers={**ANSWERS, "7": None}, planned_sessions=200, **said)
        made = clinic.recorded(sent)
        clinic.recorded(form(session_number=session, **(theirs if session == 121 else THERAPIST), **said))
    answer = progress_of(clinic, made, **{"Accept-Encoding": "identity"})
    assert [line["sessions"] for line in answer.json()["series"]] == [list(range(102, 122))] * 2
    assert answer.json()["series"][1]["totals"] == [4.1429] * 19 + [None]
    kinds = [(one["level"], one["kind"]) for one in answer.json()["open_signals"]]
    assert kinds == [("alert", "reported_rupture"), ("alert", "reported_rupture"), ("watch", "wish_to_talk")]
    assert answer.json()["open_signals_count"] == 4
    assert len(answer.content) < 4096


def test_progress_has_a_strong_etag_that_changes_with_a_post(clinic: Clinic) -> None:
    """The same bytes, the same tag, 304; a new form of either rater is another tag."""
    made = follow(clinic, 1)
    first, second = progress_of(clinic, made), progress_of(clinic, made)
    tag = first.headers["etag"]
    assert tag.startswith('"')
    assert (second.headers["etag"], second.content) == (tag, first.content)
    clinic.recorded(form(session_number=1, **THERAPIST))
    third = progress_of(clinic, made, **{"If-None-Match": tag})
    assert third.status_code == 200
    assert third.headers["etag"] != tag
    clinic.recorded(with_focus(2))
    assert progress_of(clinic, made, **{"If-None-Match": third.headers["etag"]}).status_code == 200


@pytest.mark.parametrize("part", ["progress", "stage"])
@pytest.mark.parametrize("asked", ["{}", "W/{}", '"x", {}', '{},"x"', '"x" , W/{} ,"y"', "*"])
def test_a_known_etag_is_answered_with_304(clinic: Clinic, part: str, asked: str) -> None:
    """Alone, weak, in a list, or as `*`: no body, the tag and the cache rule."""
    path = f"/v1/clients/{follow(clinic, 1)['client_id']}/{part}"
    tag = clinic.get(path).headers["etag"]
    answer = clinic.get(path, headers={"If-None-Match": asked.format(tag)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert (answer.headers["etag"], answer.headers["cache-control"]) == (tag, "private, no-cache")


@pytest.mark.parametrize("asked", ['"x"', "x", '""', "", '"*"', '"x", "y"'])
def test_another_etag_is_answered_with_200(clinic: Clinic, asked: str) -> None:
    """What is no known tag is no tag."""
    assert progress_of(clinic, follow(clinic, 1), **{"If-None-Match": asked}).status_code == 200


def test_compressed_and_plain_bytes_have_their_own_tags_and_know_each_other(clinic: Clinic) -> None:
    """A strong tag names bytes; either one is enough for a 304."""
    made = follow(clinic, 1)
    plain = progress_of(clinic, made, **{"Accept-Encoding": "identity"})
    packed = progress_of(clinic, made, **{"Accept-Encoding": "gzip"})
    assert (plain.headers.get("content-encoding"), packed.headers["content-encoding"]) == (None, "gzip")
    assert plain.content == packed.content
    assert plain.headers["etag"] != packed.headers["etag"]
    assert "accept-encoding" in packed.headers["vary"].lower()
    for tag in (plain.headers["etag"], packed.headers["etag"]):
        for encoding in ("identity", "gzip"):
            headers = {"Accept-Encoding": encoding, "If-None-Match": tag}
            assert progress_of(clinic, made, **headers).status_code == 304


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ("series", {"series"}),
        ("episode,stage", {"episode", "stage"}),
        ("signals", {"open_signals", "open_signals_count"}),
        ("stage,series,episode", {"episode", "series", "stage"}),
        ("stage,stage", {"stage"}),
    ],
)
def test_fields_choose_the_parts_of_progress(clinic: Clinic, fields: str, kept: set[str]) -> None:
    """The other parts are null, and the client's id always stands."""
    made = follow(clinic, 1)
    told = progress_of(clinic, made, f"?fields={fields}").json()
    assert told.pop("client_id") == made["client_id"]
    assert {name for name, part in told.items() if part is not None} == kept


@pytest.mark.parametrize("fields", ["CANARY-7361", "", "stage,", "series;stage", "client_id", "Stage", "stage,CANARY"])
def test_an_unknown_field_is_refused(clinic: Clinic, fields: str) -> None:
    """400 with the parameter's name."""
    answer = progress_of(clinic, follow(clinic, 1), f"?fields={fields}")
    assert refused(answer, 400, "invalid_parameter")["parameter"] == "fields"


def test_progress_and_stage_of_a_named_episode(clinic: Clinic) -> None:
    """The latest episode unless one is named; another client's episode is absent."""
    old = clinic.recorded(form(episode_ref="a", session_number=7))
    new = clinic.recorded(form(episode_ref="b", session_number=1))
    foreign = clinic.recorded(form(client_ref="mrn-2"))
    client = f"/v1/clients/{old['client_id']}"
    for query, episode, last in (
        ("", new["episode_id"], 1),
        (f"?episode_id={old['episode_id']}", old["episode_id"], 7),
    ):
        progress, stage = clinic.get(f"{client}/progress{query}").json(), clinic.get(f"{client}/stage{query}").json()
        assert (progress["episode"]["id"], progress["episode"]["last_session"]) == (episode, last)
        assert (stage["episode_id"], stage["session_number"]) == (episode, last)
    for part in ("progress", "stage"):
        refused(clinic.get(f"{client}/{part}?episode_id={foreign['episode_id']}"), 404, "not_found")


def test_the_stage_of_the_fixture_is_told_with_its_evidence(clinic: Clinic) -> None:
    """The numbers of the published fixtures, and what time and each focus item contributed to them."""
    made = follow(clinic)
    answer = clinic.get(f"/v1/clients/{made['client_id']}/stage")
    told = answer.json()
    assert answer.headers["cache-control"] == "private, no-cache"
    assert told["probabilities"] == vector(0.1121, 0.8269, 0.0610, 0.0)
    assert (told["model"], told["version"], told["session_number"]) == ("STG-1", "1", 3)
    assert (told["current"], told["basis"]) == ("exploring_the_problem", "focus_items")
    assert told["candidates"] == ["exploring_the_problem", "establishing_rapport"]
    assert (told["planned_sessions"], told["ending"], told["experimental"]) == (None, None, True)
    assert told["contributions"] == {
        "before": vector(0.6143, 0.3842, 0.0015, 0.0),
        "after_time": vector(0.3847, 0.5063, 0.1089, 0.0001),
        "rupture": False,
        "items": [
            {"stage": STAGES[0], "centred": -0.75, "log_likelihood": vector(-0.7701, -0.0951, -0.0006, -0.0006)},
            {"stage": STAGES[1], "centred": 2.25, "log_likelihood": vector(-1.0401, -0.2976, -1.1391, -1.8276)},
            {"stage": STAGES[2], "centred": 0.25, "log_likelihood": vector(-0.2031, -0.0456, -0.1626, -0.0276)},
            {"stage": STAGES[3], "centred": -1.75, "log_likelihood": vector(-0.3516, -0.2031, -0.4101, -2.2326)},
        ],
    }
    assert {name: told[name] for name in made["stage"]} == made["stage"]


def test_each_post_of_the_fixture_is_answered_with_its_stage(clinic: Clinic) -> None:
    """The stage is that of the form's own session."""
    told = [clinic.recorded(with_focus(session))["stage"] for session in (1, 2, 3)]
    assert [one["probabilities"] for one in told] == [
        vector(0.9717, 0.0279, 0.0004, 0.0),
        vector(0.6143, 0.3842, 0.0015, 0.0),
        vector(0.1121, 0.8269, 0.0610, 0.0),
    ]
    assert [one["current"] for one in told] == ["establishing_rapport", "establishing_rapport", "exploring_the_problem"]


def test_the_first_session_has_nothing_before_it(clinic: Clinic) -> None:
    """The start of the model is the prior."""
    made = follow(clinic, 1)
    parts = clinic.get(f"/v1/clients/{made['client_id']}/stage").json()["contributions"]
    assert (parts["before"], parts["after_time"]) == (None, vector(0.9, 0.09, 0.01, 0.0))


def test_a_therapists_form_shares_the_stage_of_the_episode(clinic: Clinic) -> None:
    """The stage belongs to the session, not to the rater: both forms are answered with the client's evidence."""
    made = follow(clinic)
    theirs = clinic.recorded(form(session_number=3, **THERAPIST))
    assert theirs["episode_id"] == made["episode_id"]
    assert theirs["stage"] == made["stage"]
    assert (
        clinic.get(f"/v1/clients/{made['client_id']}/stage").json()["probabilities"] == made["stage"]["probabilities"]
    )


def test_a_rupture_that_the_therapist_reports_moves_the_stage(clinic: Clinic) -> None:
    """A rupture counts whoever reports it, and is named among the contributions."""
    follow(clinic, 1)
    theirs = clinic.recorded(form(session_number=2, **THERAPIST, reported={"rupture": True}))
    told = clinic.get(f"/v1/clients/{theirs['client_id']}/stage").json()
    assert told["contributions"]["rupture"] is True
    assert told["contributions"]["items"] == []
    assert told["probabilities"] == told["contributions"]["after_time"] == theirs["stage"]["probabilities"]
    # .9717 * .81 + .0279 * .25 + .0004 * .10 = .7941
    assert told["probabilities"]["establishing_rapport"] == pytest.approx(0.7941, abs=0.0001)


def test_sessions_come_in_any_order_and_each_series_is_compared_within_itself(clinic: Clinic) -> None:
    """An earlier session is taken in every series; only later forms of the same series are compared with it."""
    clinic.recorded(form(session_number=4, episode_ref="a"))
    therapists = THERAPIST | {"episode_ref": "a"}
    for other in (
        therapists,
        {"episode_ref": "a", "instrument": "wai-sr", "answers": {str(i): 4 for i in range(1, 13)}},
        {"episode_ref": "b"},
        {"therapist_ref": "th-8"},
        {"client_ref": "mrn-2"},
        {"client_ref": {"system": "a", "value": "mrn-1042"}, "episode_ref": "a"},
    ):
        assert clinic.post(form(session_number=3, **other)).status_code == 201
    for session, later, again in ((3, 1, {"episode_ref": "a"}), (2, 2, therapists), (2, 1, {"episode_ref": "b"})):
        told = clinic.recorded(form(session_number=session, **again))
        assert told["recomputed_later_sessions"] == later
        assert told["change"]["total"]["since_previous"]["reason"] == "first_session"
    last = clinic.recorded(form(session_number=6, episode_ref="a"))
    assert last["change"]["total"]["since_previous"]["session_number"] == 4
    assert clinic.recorded(form(session_number=5, episode_ref="a"))["recomputed_later_sessions"] == 1
    assert clinic.read_back(last["id"])["change"]["total"]["since_previous"]["session_number"] == 5
    assert clinic.post(form(session_number=4, episode_ref="a")).status_code == 200
