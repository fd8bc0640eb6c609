"""Instruments: what is asked and how it is counted, scoring without storing, and enabling what is from recall."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

import app.instruments
from app.access.administer import enable_instrument
from app.instruments.catalog import open_catalog
from app.main import create_app
from tests.api.refusals import nothing_stored, refused
from tests.harness import ANSWERS, Clinic, form, scores_by_component

#: What this product promises to ship; others may stand beside it.
KEYS = {
    "trq", "trq-t", "trq-s", "trq-s-t", "wai-36", "wai-s", "wai-sr", "sai", "srs", "arm-5", "haq-ii", "care", "tasc-r",
}  # fmt: skip
KNOWN = ["arm-12", "arm-28", "b-l-ri", "br-wai", "calpas-p", "rri-c", "star-c", "star-p", "wai-sr-t"]
TWELVE = {str(i): 5 for i in range(1, 13)}
PATHS = ["/v1/instruments", "/v1/instruments/trq-s", "/v1/instruments/trq-s/versions/1.0.0"]


def enable(clinic: Clinic, instrument: str = "wai-s") -> None:
    """Enable an instrument for a clinic, as the operator does."""
    work = partial(enable_instrument, clinic.service.runtime, organisation=clinic.organisation)
    clinic.service.portal.call(partial(work, instrument=instrument, checked_against="our licensed copy, page 3"))


def test_the_list_holds_every_instrument_in_full(clinic: Clinic) -> None:
    """Newest version each, the same as read alone and by version; those without a key stand at the end."""
    listed = clinic.get("/v1/instruments").json()
    keys = [one["key"] for one in listed["items"]]
    assert keys[-9:] == KNOWN
    assert keys[:-9] == sorted(keys[:-9])
    assert set(keys) >= KEYS
    assert listed["next_cursor"] is None
    for one in listed["items"][:-9]:
        assert clinic.get(f"/v1/instruments/{one['key']}").json() == one
        assert clinic.get(f"/v1/instruments/{one['key']}/versions/{one['version']}").json() == one


def test_what_is_known_without_a_key_says_why(clinic: Clinic) -> None:
    """200 with the reason and no items; there are no versions to read, and nothing can be scored."""
    listed = {one["key"]: one for one in clinic.get("/v1/instruments").json()["items"]}
    for key in KNOWN:
        told = clinic.get(f"/v1/instruments/{key}")
        assert (told.status_code, told.json()) == (200, listed[key])
        refused(clinic.get(f"/v1/instruments/{key}/versions/1.0.0"), 404, "not_found")
    told = listed["wai-sr-t"]
    assert (told["status"], told["version"], told["items"], told["raters"]) == (
        "key_not_available", None, [], ["therapist"],
    )  # fmt: skip
    assert told["reason"].startswith(
        "Its own key, and whether the key of the client's form wai-sr holds for it, was not"
    )
    with nothing_stored(clinic):
        answer = clinic.request("POST", "/v1/instruments/wai-sr-t/score", json={"answers": TWELVE})
        refused(answer, 409, "instrument_key_not_available")


def test_our_own_instrument_is_told_with_its_texts(clinic: Clinic) -> None:
    """Items with text, role, components, stage and labelled options; what is not validated says so."""
    told = clinic.get("/v1/instruments/trq-s").json()
    assert {name: told[name] for name in ("version", "rater", "raters", "license", "key_status", "validated")} == {
        "version": "1.0.0", "rater": "client", "raters": ["client"], "license": "CC0-1.0", "key_status": "own",
        "validated": False,
    }  # fmt: skip
    assert (told["convention"], told["min"], told["max"], told["norms"], told["locales"]) == (
        "mean", 1, 5, [], ["en", "de", "es"],
    )  # fmt: skip
    assert (told["locale"], [(one["locale"], one["status"]) for one in told["translations"]]) == (
        "en", [("de", "draft"), ("es", "draft")],
    )  # fmt: skip
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one["digest"]) for one in told["translations"])
    assert told["status"] == "available"
    assert told["items"][4] == {
        "id": "5",
        "text": "We worked on what matters to me.",
        "role": "scored",
        "components": ["collaboration"],
        "reversed": False,
        "stage": None,
        "topic": None,
        "options": [
            {"value": 1, "label": "not at all"},
            {"value": 2, "label": "a little"},
            {"value": 3, "label": "somewhat"},
            {"value": 4, "label": "mostly"},
            {"value": 5, "label": "completely"},
        ],
    }
    focus = [(item["id"], item["role"], item["components"], item["stage"]) for item in told["items"][8:]]
    assert focus == [
        ("f1", "focus", [], "establishing_rapport"),
        ("f2", "focus", [], "exploring_the_problem"),
        ("f3", "focus", [], "working_on_solutions"),
        ("f4", "focus", [], "termination"),
    ]
    parts = {part["key"]: (part["kind"], part["facet"], part["items"]) for part in told["components"]}
    assert parts["collaboration"] == ("component", ["goal", "task"], ["5"])
    assert parts["elements"] == ("rollup", [], ["4", "3", "5"])
    assert parts["total"] == ("total", [], ["1", "2", "3", "4", "5", "6", "7", "8"])
    assert told["missing_rule"] == {
        "method": "person_mean",
        "total_needs_components": False,
        "source": "Design choice of this project, not validated.",
    }


@pytest.mark.parametrize(("key", "raters", "options"), [("wai-s", 2, 7), ("wai-sr", 1, 5)])
def test_the_texts_of_others_are_null(clinic: Clinic, key: str, raters: int, options: int) -> None:
    """Facts of the key only: no wording, no labels, and the licence says why."""
    told = clinic.get(f"/v1/instruments/{key}").json()
    assert [item["text"] for item in told["items"]] == [None] * 12
    labels = [option["label"] for item in told["items"] for option in item["options"]]
    assert labels == [None] * 12 * options
    assert (len(told["raters"]), told["locales"], told["instructions"]) == (raters, [], {})
    assert "the scoring key is shipped" in told["license"]


def test_what_is_reversed_is_told(clinic: Clinic) -> None:
    """As the table of the science page has it."""
    listed = {one["key"]: one for one in clinic.get("/v1/instruments").json()["items"]}
    turned = {key: " ".join(item["id"] for item in listed[key]["items"] if item["reversed"]) for key in KEYS}
    assert {key: items for key, items in turned.items() if items} == {
        "wai-36": "1 3 7 9 10 11 12 15 20 27 29 31 33 34",
        "wai-s": "4 10",
        "arm-5": "3",
        "haq-ii": "4 8 11 16 19",
        "tasc-r": "2 5 7 8 11",
    }


def test_boundaries_are_told_as_items_beside(clinic: Clinic) -> None:
    """Their role says that they are in no score, their topic what they are about."""
    items = clinic.get("/v1/instruments/trq").json()["items"]
    beside = [(i["id"], i["topic"], i["components"]) for i in items if i["role"] == "beside"]
    assert beside == [("b1", "boundaries", []), ("b2", "boundaries", [])]


def test_a_visual_scale_and_its_published_cut_off_are_told(clinic: Clinic) -> None:
    """Marks of the SRS are sent as 0 to 100 and counted in tenths; 36 is its own cut-off and nobody else's."""
    told = clinic.get("/v1/instruments/srs").json()
    assert (told["min"], told["max"], told["divisor"], len(told["items"][0]["options"])) == (0, 100, 10, 101)
    assert told["cut_offs"] == [
        {
            "component": "total",
            "value": 36.0,
            "direction": "at_or_below",
            "source": {
                "says": "Published with the scale; a total at or below it is a reason to ask (secondary)",
                "doi": None,
            },
        }
    ]
    made = scores_by_component(
        clinic.request(
            "POST", "/v1/instruments/srs/score", json={"answers": {"1": 92, "2": 88, "3": 95, "4": 90}}
        ).json()
    )
    assert {key: (score["value"], score["max"]) for key, score in made.items()} == {
        "relationship": (9.2, 10.0),
        "goals": (8.8, 10.0),
        "approach": (9.5, 10.0),
        "overall": (9.0, 10.0),
        "total": (36.5, 40.0),
    }


@pytest.mark.parametrize(
    ("asked", "language", "text"),
    [
        (None, "en", "We worked on what matters to me."),
        ("es", "es", "Trabajamos en lo que a mí me importa."),
        ("fr, es;q=0.5, en;q=0.4", "es", "Trabajamos en lo que a mí me importa."),
        ("fr", "en", "We worked on what matters to me."),
        ("es;q=0", "en", "We worked on what matters to me."),
        ("%%%", "en", "We worked on what matters to me."),
    ],
)
def test_an_instrument_is_told_in_the_callers_language(
    clinic: Clinic, asked: str | None, language: str, text: str
) -> None:
    """The best of those there are, else the definition's own; the facts and the digest are the same in each."""
    headers = {} if asked is None else {"Accept-Language": asked}
    for path in PATHS[1:]:
        answer = clinic.get(path, headers=headers)
        told = answer.json()
        assert (answer.headers["content-language"], told["locale"], told["items"][4]["text"]) == (
            language,
            language,
            text,
        )
        assert "Accept-Language" in answer.headers["vary"]
        assert told["digest"] == "sha256:fea93793d3889f30dcb2afdbf6bc99e5f83277ad9b1edc4b93a5b5a7eb2ef803"


def test_languages_have_tags_of_their_own(clinic: Clinic) -> None:
    """A cache that holds the English text is not told that the Spanish one is the same."""
    path = "/v1/instruments/trq-s"
    english, spanish = (clinic.get(path, headers={"Accept-Language": one}).headers["etag"] for one in ("en", "es"))
    assert english != spanish
    again = clinic.get(path, headers={"Accept-Language": "es", "If-None-Match": english})
    assert (again.status_code, again.headers["content-language"]) == (200, "es")
    again = clinic.get(path, headers={"Accept-Language": "es", "If-None-Match": spanish})
    assert (again.status_code, "Accept-Language" in again.headers["vary"]) == (304, True)


def test_the_list_names_every_language_in_it(clinic: Clinic) -> None:
    """Instruments without texts have no language; an instrument without texts alone has no Content-Language."""
    assert clinic.get("/v1/instruments").headers["content-language"] == "en"
    assert clinic.get("/v1/instruments", headers={"Accept-Language": "de"}).headers["content-language"] == "de"
    assert "content-language" not in clinic.get("/v1/instruments/wai-sr", headers={"Accept-Language": "de"}).headers


def test_an_older_version_stays_valid(clinic: Clinic, tmp_path: Path) -> None:
    """With a site's wai-sr 1.1.0 in place, forms of 1.0.0 are taken and scored by 1.0.0, forms of none by 1.1.0."""
    shipped_one = Path(app.instruments.__file__).parent / "definitions" / "wai-sr" / "1.0.0.yaml"
    newer = shipped_one.read_text("utf-8").replace("1.0.0", "1.1.0").replace("convention: mean", "convention: sum")
    (tmp_path / "wai-sr").mkdir()
    (tmp_path / "wai-sr" / "1.1.0.yaml").write_text(newer, "utf-8")
    runtime = replace(clinic.service.runtime, catalog=open_catalog(tmp_path))

    async def begin() -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=create_app(runtime), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://alliance.test")

    own = replace(clinic, service=replace(clinic.service, runtime=runtime, http=clinic.service.portal.call(begin)))
    try:
        assert own.get("/v1/instruments/wai-sr").json()["version"] == "1.1.0"
        assert own.get("/v1/instruments/wai-sr/versions/1.0.0").json()["version"] == "1.0.0"
        made = {
            version: own.recorded(
                form(instrument="wai-sr", instrument_version=version, client_ref=f"v-{version}", answers=TWELVE)
            )
            for version in ("1.0.0", "1.1.0", None)
        }
        told = {
            version: (one["instrument"]["version"], scores_by_component(one)["total"]["value"])
            for version, one in made.items()
        }
        assert told == {"1.0.0": ("1.0.0", 5.0), "1.1.0": ("1.1.0", 60.0), None: ("1.1.0", 60.0)}
        read = own.get(f"/v1/submissions/{made['1.0.0']['id']}").json()
        assert read["instrument"]["version"] == "1.0.0"
    finally:
        clinic.service.portal.call(own.service.http.aclose)


@pytest.mark.parametrize("path", PATHS)
def test_instruments_are_cacheable(clinic: Clinic, path: str) -> None:
    """A strong ETag, 304 for whoever has it, and the same bytes for every organisation."""
    first, other = clinic.get(path), clinic.service.clinic().get(path)
    tag = first.headers["etag"]
    assert (first.headers["cache-control"], tag[0], tag[-1]) == ("private, no-cache", '"', '"')
    assert (other.headers["etag"], other.content) == (tag, first.content)
    for asked in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = clinic.get(path, headers={"If-None-Match": asked})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert clinic.get(path, headers={"If-None-Match": '"x"'}).status_code == 200


def test_each_instrument_has_its_own_etag(clinic: Clinic) -> None:
    """No two representations share a tag."""
    tags = [clinic.get(f"/v1/instruments/{key}").headers["etag"] for key in [*sorted(KEYS), *KNOWN]]
    assert len({*tags, clinic.get("/v1/instruments").headers["etag"]}) == len(KEYS) + len(KNOWN) + 1 == 23


@pytest.mark.parametrize(
    "answers",
    [ANSWERS, {**ANSWERS, "7": None}, {"1": 5}, {"f1": 3}, {**ANSWERS, "5": "not_applicable", "8": None}],
    ids=["all", "one missing", "one answered", "focus only", "two missing"],
)
def test_the_stateless_score_is_what_would_be_stored(clinic: Clinic, answers: dict[str, Any]) -> None:
    """The same scores but for the ids, and nothing is kept."""
    with nothing_stored(clinic):
        answer = clinic.request("POST", "/v1/instruments/trq-s/score", json={"answers": answers})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    made = clinic.recorded(form(answers=answers))
    assert answer.json() == {
        "instrument": made["instrument"],
        "scores": [score | {"id": None} for score in made["scores"]],
    }


def test_an_instrument_from_recall_waits_until_it_is_enabled(clinic: Clinic) -> None:
    """409 for a post, a score and both raters; the instrument itself can be read and says what it waits for."""
    sent = form(instrument="wai-s", answers=TWELVE)
    with nothing_stored(clinic):
        refused(clinic.post(sent), 409, "instrument_not_enabled")
        refused(clinic.post(sent | {"rater": "therapist"}), 409, "instrument_not_enabled")
        score = clinic.request("POST", "/v1/instruments/wai-s/score", json={"answers": TWELVE})
        refused(score, 409, "instrument_not_enabled")
    assert clinic.get("/v1/instruments/wai-s").json()["status"] == "needs_enabling"


def test_an_enabled_instrument_is_scored_with_its_reversals_and_sums(clinic: Clinic) -> None:
    """Items 4 and 10 count as 8 - x; values are sums from 4 to 28 and from 12 to 84."""
    enable(clinic)
    made = clinic.recorded(form(instrument="wai-s", answers={**TWELVE, "4": 1, "1": 7}))
    scores = scores_by_component(made)
    numbers = ("value", "mean", "sum", "min", "max", "pomp")
    assert {name: [score[number] for number in numbers] for name, score in scores.items()} == {
        "task": [22.0, 5.5, 22.0, 4.0, 28.0, 75.0],
        "bond": [20.0, 5.0, 20.0, 4.0, 28.0, 66.6667],
        "goal": [20.0, 5.0, 20.0, 4.0, 28.0, 66.6667],
        "total": [62.0, 5.1667, 62.0, 12.0, 84.0, 69.4444],
    }
    path = f"/v1/clients/{made['client_id']}/scores/{scores['goal']['id']}/explanation"
    told = clinic.get(path).json()
    assert [(item["item"], item["answer"], item["reversed"], item["counted"]) for item in told["items"]] == [
        ("4", 1, True, 7), ("6", 5, False, 5), ("10", 5, True, 3), ("11", 5, False, 5),
    ]  # fmt: skip
    assert [step["says"] for step in told["steps"]] == [
        "4 of 4 answered, at least 3 needed",
        "mean = (7 + 5 + 3 + 5) / 4 = 5",
        "sum = 4 x 5 = 20",
        "POMP = 100 x (5 - 1) / (7 - 1) = 66.6667",
    ]
    score = clinic.request("POST", "/v1/instruments/wai-s/score", json={"answers": {**TWELVE, "4": 1, "1": 7}})
    assert score.json()["scores"] == [one | {"id": None} for one in made["scores"]]


def test_enabling_is_an_organisations_own_and_is_seen_at_once(clinic: Clinic) -> None:
    """The ETag of the instrument and of the list change; another organisation still waits."""
    paths = ("/v1/instruments", "/v1/instruments/wai-s", "/v1/instruments/wai-s/versions/1.0.0")
    before = {path: clinic.get(path).headers["etag"] for path in paths}
    other = clinic.service.clinic()
    enable(clinic)
    for path, tag in before.items():
        assert clinic.get(path, headers={"If-None-Match": tag}).status_code == 200
        assert other.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert clinic.get("/v1/instruments/wai-s").json()["status"] == "available"
    refused(other.post(form(instrument="wai-s", answers=TWELVE)), 409, "instrument_not_enabled")
    assert clinic.post(form(instrument="wai-s", answers=TWELVE, rater="therapist")).status_code == 201


@pytest.mark.parametrize("value", [0, 8, -1, 700])
def test_an_enabled_instrument_keeps_its_range(clinic: Clinic, value: int) -> None:
    """1 to 7, whatever other instruments have."""
    enable(clinic)
    with nothing_stored(clinic):
        sent = form(instrument="wai-s", answers={**TWELVE, "10": value})
        refused(clinic.post(sent), 422, "validation_failed", ("/answers/10", "out_of_range"))


@pytest.mark.parametrize("key", sorted(KEYS))
def test_a_form_of_every_key_is_taken_and_told_everywhere(clinic: Clinic, key: str) -> None:
    """Everything at its best is 100 percent; score, explanation, progress and stage do without components, too."""
    told = clinic.get(f"/v1/instruments/{key}").json()
    if told["status"] == "needs_enabling":
        enable(clinic, key)
    best = {i["id"]: told["min"] if i["reversed"] else told["max"] for i in told["items"] if i["role"] == "scored"}
    answers = {item: int(answer) for item, answer in best.items()}
    forms = [form(instrument=key, rater=told["rater"], session_number=n, answers=answers) for n in (1, 2)]
    for made in [clinic.recorded(one) for one in forms]:
        scores = scores_by_component(made)
        assert {score["pomp"] for score in scores.values()} == {100.0}
        assert list(scores) == [part["key"] for part in told["components"]]
        client = f"/v1/clients/{made['client_id']}"
        assert clinic.get(f"{client}/scores/{scores['total']['id']}/explanation").json()["steps"][-1]["value"] == 100
        assert clinic.get(f"{client}/progress").status_code == 200
        assert clinic.get(f"{client}/stage").status_code == 200
    refused(
        clinic.post(form(instrument=key, rater=told["rater"], client_ref="x", answers={"1": int(told["max"]) + 1})),
        422,
        "validation_failed",
        ("/answers/1", "out_of_range"),
    )
