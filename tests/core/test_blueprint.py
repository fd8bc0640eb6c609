"""Every idea of the article this product grew from has a place here: asked, advised, recorded, said, or still open.

The rows are those of the blueprint's tables, in its order, written out by hand. Whoever takes one up that is open moves
it from `Open` to what it has become; whoever drops one sees this file fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from pydantic import BaseModel

from app.instruments.catalog import shipped
from app.safeguarding.form import safety_forms
from app.stages.advice import shipped_advice
from app.web.scores_wire import RecommendationOut
from app.web.signals_wire import SignalOut
from app.web.submissions_wire import ReportedIn, SubmissionIn

ROOT = Path(__file__).parents[2]
OPENAPI = ROOT / "openapi" / "openapi.json"


class Target(Protocol):
    """What becomes of an idea."""

    def fault(self) -> str | None:
        """Say what is missing, or None."""
        ...


def _missing(words: tuple[str, ...], text: str) -> str | None:
    told = " ".join(text.lower().split())
    lacking = [word for word in words if word.lower() not in told]
    return f"without {lacking}: {told[:80]}" if lacking else None


@dataclass(frozen=True)
class Asked:
    """An item of our own measure whose text has certain words; in the short form, too, where it says so."""

    item: str
    words: tuple[str, ...]
    short: str | None = None
    instrument: str = "trq"

    def fault(self) -> str | None:
        """Look the item up by its id, and the same words in the short form."""
        item = shipped().latest(self.instrument).item(self.item)
        if item is None or item.text is None:
            return f"no item {self.item} in {self.instrument}"
        if self.short is not None:
            brief = shipped().latest("trq-s").item(self.short)
            if brief is None or brief.text != item.text:
                return f"{self.item} is not worded as {self.short} of trq-s"
        return _missing(self.words, item.text)


@dataclass(frozen=True)
class Advised:
    """An entry of the advice that has certain words in its title, text or source."""

    entry: str
    words: tuple[str, ...]

    def fault(self) -> str | None:
        """Look the entry up by its id, in English."""
        found = {advice.id: advice.words["en"] for advice in shipped_advice().entries}.get(self.entry)
        if found is None:
            return f"no advice {self.entry}"
        return _missing(self.words, f"{found.title} {found.text} {found.source}")


@dataclass(frozen=True)
class Field:
    """A field of the contract."""

    model: type[BaseModel]
    name: str

    def fault(self) -> str | None:
        """Look for the field's name."""
        return None if self.name in self.model.model_fields else f"{self.model.__name__} has no {self.name}"


@dataclass(frozen=True)
class Said:
    """A sentence of the documentation."""

    file: str
    words: tuple[str, ...]

    def fault(self) -> str | None:
        """Look for the words in the file."""
        return _missing(self.words, (ROOT / self.file).read_text("utf-8"))


@dataclass(frozen=True)
class Noted:
    """A note that the measure itself carries."""

    words: tuple[str, ...]

    def fault(self) -> str | None:
        """Look for the words in the notes of the full form."""
        return _missing(self.words, " ".join(shipped().latest("trq").notes))


@dataclass(frozen=True)
class Nowhere:
    """Words that none of our items and none of the advice says: of a claim that is refused."""

    words: str

    def fault(self) -> str | None:
        """Look for the words in every text that people read."""
        items = [i.text or "" for key in ("trq", "trq-t", "trq-s", "trq-s-t") for i in shipped().latest(key).items]
        advice = [f"{a.words['en'].title} {a.words['en'].text}" for a in shipped_advice().entries]
        found = [text for text in items + advice if self.words in text.lower()]
        return f"said: {found}" if found else None


@dataclass(frozen=True)
class AskedApart:
    """A question of the safety check, which is a form of its own: no item of any instrument is about safety."""

    words: tuple[str, ...]

    def fault(self) -> str | None:
        """Look for the words in the first question, in English, and for items that would be scored."""
        if any(item.role == "safety" for one in shipped().listed() for item in one.items):
            return "an item of an instrument is about safety"
        return _missing(self.words, safety_forms()["en"].questions["happened"])


@dataclass(frozen=True)
class Open:
    """Not yet there. When it comes, its row is to say what it has become, so its appearance is a fault."""

    what: str
    is_there: Callable[[], bool]

    def fault(self) -> str | None:
        """Complain once the thing is there."""
        return f"{self.what} is there: say in its row what became of it" if self.is_there() else None


def _path_with(*parts: str) -> bool:
    """Say whether an operation of the service has one of the parts in its path."""
    paths = [line.strip() for line in OPENAPI.read_text("utf-8").splitlines() if line.startswith('    "/')]
    return any(part in path for path in paths for part in parts)


def _wire(model: type[BaseModel], name: str) -> dict[str, Any]:
    found: dict[str, Any] = model.model_json_schema()["properties"][name]
    return found


SAFETY = AskedApart(("not all right",))
PAGE = Open("the form's page for clients", lambda: _path_with("/forms", "page", "link"))
OUTCOME = Open("an outcome score beside", lambda: _path_with("outcome") or "outcome" in SubmissionIn.model_fields)

COMPONENTS: dict[str, list[Target]] = {
    "rapport": [
        Asked("1", ("warm", "welcome"), short="1"),
        Asked("2", ("easy", "open up")),
        Asked("3", ("my life", "people", "things")),
    ],
    "empathy": [
        Asked("4", ("understood",), short="2"),
        Asked("5", ("saw and heard", "unsaid")),
        Asked("6", ("how things look", "from where i stand")),
    ],
    "respect": [
        Asked("7", ("seriously", "my decisions"), short="3"),
        Asked("8", ("as an equal",)),
        Asked("9", ("safe", "private")),
    ],
    "trust": [
        Asked("10", ("rely", "do what they say"), short="4"),
        Asked("11", ("on my side", "good for me first")),
        Asked("12", ("good hands", "knows how to help")),
    ],
    "collaboration": [
        Asked("13", ("worked on", "matters to me"), short="5"),
        Asked("14", ("together", "how")),
        Asked("15", ("could say", "more", "less")),
    ],
    "genuineness": [
        Asked("16", ("real", "there"), short="6"),
        Asked("17", ("honest", "hard things")),
        Asked("18", ("mattered", "how i am doing")),
    ],
    "acceptance": [
        Asked("19", ("say anything", "not be judged"), short="7"),
        Asked("20", ("nothing to prove", "grade")),
        Asked("21", ("as i am", "faults")),
    ],
    "encouragement": [
        Asked("22", ("hope or courage",), short="8"),
        Asked("23", ("noticed", "steps")),
        Asked("24", ("able to do something",)),
    ],
    "boundaries": [
        Asked("b1", ("say no", "not pushed to share")),
        Asked("b2", ("roles", "arrange", "clear")),
        SAFETY,
    ],
}

STAGES: dict[str, list[Target]] = {
    "establishing rapport": [
        Asked("f1", ("getting to know each other",), short="f1"),
        Advised("establishing_rapport.slow_down", ("slow down", "context", "general questions", "been through")),
        Advised("establishing_rapport.who_sees_the_answers", ("who sees", "be open", "comfortable", "trust")),
        Advised("practice.be_genuine", ("genuine",)),
    ],
    "exploring the problem": [
        Asked("f2", ("understanding the problem",), short="f2"),
        Advised("exploring_the_problem.check_understanding", ("before", "solutions", "more specific questions")),
        Advised("exploring_the_problem.check_understanding", ("thinks", "lives through")),
        Advised("exploring_the_problem.ask_what_was_missed", ("missed", "respect", "without weighing")),
    ],
    "working on solutions": [
        Asked("f3", ("ways forward", "trying"), short="f3"),
        Advised("working_on_solutions.agree_goals_and_tasks", ("options together", "help the client decide", "try")),
        Advised("working_on_solutions.agree_goals_and_tasks", ("agree goals and tasks", "adjust")),
        Advised("working_on_solutions.notice_steps", ("notice steps", "supportive and encouraging", "motivated")),
    ],
    "termination": [
        Asked("f4", ("looking back", "end"), short="f4"),
        Advised("termination.plan_the_ending", ("plan the ending", "goals")),
        Advised("termination.review_together", ("review", "together", "what was gained")),
        Advised("ending.planned.name_what_was_gained", ("celebrate", "proud", "gained")),
        Advised("ending.dropout.leave_the_door_open", ("without pressure", "knows only endings to celebrate")),
        Advised("ending.transfer.hand_over_together", ("hand over",)),
        Field(ReportedIn, "ending"),
    ],
}

REST: dict[str, list[Target]] = {
    "relationship is central, the keystone": [Said("docs/science.md", ("r = .278", "10.1037/pst0000172"))],
    "more important than the type of treatment": [Said("docs/science.md", ("about 8 % of variance", "a correlation"))],
    "not a friendship; boundaries set by the therapist": [
        *COMPONENTS["boundaries"],
        Advised("practice.respect_boundaries", ("not that of a friend", "your role")),
    ],
    "open about own thoughts, and should not share them": [
        Advised("practice.be_genuine", ("only in the client's interest", "contradicts itself")),
    ],
    "clients should not share their personal information": [
        Noted(("wrong as written",)),
        Nowhere("personal information"),
    ],
    "therapist's expertise; evidence-based techniques": [
        Asked("12", ("knows how to help",)),
        Field(SubmissionIn, "modality"),
    ],
    "client's participation; open and honest": [Asked("15", ("could say",)), Field(ReportedIn, "wish_to_talk")],
    "first consultation, fit, questions to ask": [PAGE],
    "tailoring treatment to needs": [
        Field(SubmissionIn, "comment"),
        Field(SignalOut, "baseline"),
        Field(RecommendationOut, "because"),
        Advised("practice.agree_goals_and_tasks", ("more of here, what less",)),
    ],
    "recovery, coping, motivation, progress": [
        Asked("22", ("hope",)),
        Asked("23", ("steps",)),
        Asked("24", ("able",)),
        OUTCOME,
    ],
    "verbal and nonverbal": [Asked("1", ("warm",)), Asked("5", ("unsaid",)), Field(SubmissionIn, "channel")],
    "takes time and patience": [Field(SignalOut, "baseline"), Field(RecommendationOut, "review_after_sessions")],
    "feeling safe": [SAFETY],
    "confidentiality": [
        Asked("9", ("private",)),
        Field(SubmissionIn, "seen_by_therapist"),
        Advised("establishing_rapport.who_sees_the_answers", ("who sees",)),
        PAGE,
    ],
    "celebrate": [
        Advised("ending.planned.name_what_was_gained", ("celebrate",)),
        Advised("practice.support_and_celebrate_steps", ("celebrate steps",)),
        Asked("23", ("noticed",)),
    ],
}

ROWS = COMPONENTS | STAGES | REST


@pytest.mark.parametrize("idea", ROWS)
def test_an_idea_of_the_article_has_become_what_its_row_says(idea: str) -> None:
    """Each target of a row exists with the words it is recognised by, and what is open has not appeared unsaid."""
    assert [fault for target in ROWS[idea] if (fault := target.fault())] == []
    assert ROWS[idea]


def test_no_row_is_missing() -> None:
    """Nine rows of components, four of stages, fifteen others, and no name twice."""
    assert (len(COMPONENTS), len(STAGES), len(REST), len(ROWS)) == (9, 4, 15, 28)


def test_what_is_open_is_known() -> None:
    """These two are later work, and nothing else is."""
    assert {target.what for row in ROWS.values() for target in row if isinstance(target, Open)} == {
        "the form's page for clients",
        "an outcome score beside",
    }


def test_each_facet_has_one_item_and_each_item_a_facet() -> None:
    """Every item of the full form stands in one row of the components or stages, in the order of the form."""
    asked = [t.item for row in (COMPONENTS | STAGES).values() for t in row if isinstance(t, Asked)]
    assert asked == [*map(str, range(1, 25)), "b1", "b2", "f1", "f2", "f3", "f4"]
    assert {item.id for item in shipped().latest("trq").items} == set(asked)


@pytest.mark.parametrize("key", ["trq", "trq-t"])
def test_components_and_rollups_are_those_of_the_table(key: str) -> None:
    """Three items a component; relationship and elements of nine; the total of 24; boundaries in none of them."""
    parts = {part.key: " ".join(part.items) for part in shipped().latest(key).components}
    assert parts == {
        "rapport": "1 2 3",
        "empathy": "4 5 6",
        "respect": "7 8 9",
        "trust": "10 11 12",
        "collaboration": "13 14 15",
        "genuineness": "16 17 18",
        "acceptance": "19 20 21",
        "encouragement": "22 23 24",
        "relationship": "1 2 3 4 5 6 7 8 9",
        "elements": "10 11 12 7 8 9 13 14 15",
        "total": "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24",
    }


@pytest.mark.parametrize("key", ["trq", "trq-t", "trq-s", "trq-s-t"])
def test_our_measure_answers_from_not_at_all_to_completely(key: str) -> None:
    """Five labels, nothing reversed, not validated, free for all; boundaries beside the full forms only."""
    instrument = shipped().latest(key)
    assert [(o.value, o.label) for o in instrument.items[0].options] == [
        (1, "not at all"),
        (2, "a little"),
        (3, "somewhat"),
        (4, "mostly"),
        (5, "completely"),
    ]
    assert not any(item.reversed for item in instrument.items)
    assert (instrument.key_status, instrument.validated, instrument.license) == ("own", False, "CC0-1.0")
    beside = [(item.id, item.topic) for item in instrument.items if item.role == "beside"]
    assert beside == ([] if "-s" in key else [("b1", "boundaries"), ("b2", "boundaries")])


def test_a_broken_row_is_found() -> None:
    """A reworded or lost item, a lost entry, field or sentence, a refused claim and a sudden arrival are faults."""
    broken: list[Target] = [
        Asked("1", ("cold",)),
        Asked("99", ()),
        Asked("2", ("open up",), short="1"),
        Advised("practice.unheard_of", ()),
        Advised("practice.be_genuine", ("always",)),
        Field(SubmissionIn, "shoe_size"),
        Said("docs/science.md", ("more important than the type of treatment",)),
        Noted(("right as written",)),
        Nowhere("with my faults"),
        AskedApart(("how many stars",)),
        Open("a thing", lambda: True),
    ]
    assert all(target.fault() for target in broken)
    assert Open("a thing", lambda: False).fault() is None
    assert _path_with("submissions")
