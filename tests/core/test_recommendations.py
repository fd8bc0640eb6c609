from __future__ import annotations

import re
from dataclasses import replace
from importlib import resources

import pytest
import yaml

from app.errors import CatalogueFault
from app.instruments.catalog import read_definition, shipped
from app.instruments.model import Answer, Component, Facet, Instrument, ItemId
from app.scoring.score import AnyScore, Score, score
from app.stages.advice import AdviceCatalogue, advice_schema, read_advice, shipped_advice
from app.stages.model import Ending, Session, StageEstimate, StageName, estimate
from app.stages.recommend import RULES, Because, recommend

WAI = shipped().latest("wai-sr")
TRQ_S = shipped().latest("trq-s")
TEXT = resources.files("app.stages").joinpath("advice.yaml").read_text("utf-8")

# What STG-1 says of these: exploring; establishing with .9717; uncertain with .5230 against .4611; nothing to go by.
EXPLORING = [Session(number=1, focus=(5, 3, 1, 1)), Session(number=2, focus=(2, 5, 3, 1))]
ESTABLISHING = [Session(number=1, focus=(5, 3, 1, 1))]
UNCERTAIN = [
    Session(number=number, focus=focus)
    for number, focus in enumerate(
        [(5, 3, 1, 1), (4, 4, 2, 1), (2, 5, 3, 1), None, (1, 3, 5, 1), (3, 4, 2, 1)],
        start=1,
    )
]
NO_EVIDENCE = [Session(number=1), Session(number=2)]

BOND = Because(rule="component.weaker", component="bond", items=("3", "5", "7", "9"), value=50.0, threshold=15.0)


def wai(*, task: int = 4, bond: int = 4, goal: int = 4) -> tuple[AnyScore, ...]:
    """Score a wai-sr form whose items are alike within each component."""
    items = {"1": task, "2": task, "10": task, "12": task, "3": bond, "5": bond, "7": bond, "9": bond}
    items |= {"4": goal, "6": goal, "8": goal, "11": goal}
    return scored(WAI, items)


def scored(instrument: Instrument, items: dict[str, int]) -> tuple[AnyScore, ...]:
    """Score plain answers."""
    answers: dict[ItemId, Answer] = {ItemId(item): answer for item, answer in items.items()}
    return score(instrument, answers)


def with_pomp(**pomps: float) -> tuple[AnyScore, ...]:
    """Score a wai-sr form and put other POMPs into it, to stand exactly at an edge."""
    return tuple(
        replace(s, pomp=pomps[s.component]) if isinstance(s, Score) and s.component in pomps else s for s in wai()
    )


def long_form() -> Instrument:
    """Make an instrument with eight components of three items each, 1 to 5."""
    names = ["rapport", "empathy", "respect", "trust", "collaboration", "genuineness", "acceptance", "encouragement"]
    parts = [
        {"key": name, "facet": ["other"], "items": [str(3 * k + 1), str(3 * k + 2), str(3 * k + 3)]}
        for k, name in enumerate(names)
    ]
    definition = {
        "format": 1,
        "key": "long-form",
        "version": "1.0.0",
        "title": "Eight components of three items",
        "raters": ["client"],
        "scale": {"min": 1, "max": 5},
        "convention": "mean",
        "items": [{"id": str(number)} for number in range(1, 25)],
        "components": parts,
        "total": {"key": "total"},
        "missing_rule": {"minimum": "standard", "total_needs_components": False, "source": "test"},
        "key_status": "own",
        "validated": False,
        "license": "CC0-1.0",
        "sources": [],
    }
    return read_definition(yaml.safe_dump(definition))


LONG = long_form()


def long(**weak: int) -> tuple[AnyScore, ...]:
    """Score a long form on which everything is 5 but the named components."""
    return scored(
        LONG, {i: weak.get(c.key, 5) for c in LONG.components if c.kind == "component" for i in map(str, c.items)}
    )


def staged(current: StageName | None, *, ending: Ending | None = None) -> StageEstimate:
    """Make an estimate that names a stage with probability .8, or none."""
    names = ("establishing_rapport", "exploring_the_problem", "working_on_solutions", "termination")
    a, b, c, d = (0.8 if name == current else 0.2 / 3 for name in names)
    return replace(estimate(EXPLORING), current=current, probabilities=(a, b, c, d), ending=ending)


def ids(scores: tuple[AnyScore, ...], stage: StageEstimate | None) -> list[str]:
    """List the ids recommended after a wai-sr form."""
    return [r.id for r in recommend(WAI, scores=scores, stage=stage)]


# --- nothing to say ---


def test_nothing_to_say_is_empty() -> None:
    """Even components and no stage lead to no advice, rather than to filler."""
    assert recommend(WAI, scores=wai(), stage=None) == ()


def test_no_scores_and_no_stage_is_empty() -> None:
    """A form of which nothing is known leads to no advice."""
    assert recommend(WAI, scores=(), stage=None) == ()


def test_an_uncertain_stage_gives_no_advice() -> None:
    """Below .60 no stage is named and no advice rests on it."""
    uncertain = estimate(UNCERTAIN)
    assert (uncertain.current, uncertain.basis, uncertain.candidates) == (
        None,
        "focus_items",
        ("working_on_solutions", "exploring_the_problem"),
    )
    assert ids(wai(), uncertain) == []


def test_the_session_number_alone_gives_no_advice() -> None:
    """Without focus answers the stage is a guess from the calendar and no advice rests on it."""
    assert estimate(NO_EVIDENCE).basis == "session_number_only"
    assert ids(wai(), estimate(NO_EVIDENCE)) == []


def test_the_session_number_alone_gives_no_advice_even_if_a_stage_is_named() -> None:
    """The basis is looked at for itself, whatever a future model names."""
    assert ids(wai(), replace(staged("working_on_solutions"), basis="session_number_only")) == []


# --- the stage ---


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("establishing_rapport", ["establishing_rapport.slow_down", "establishing_rapport.who_sees_the_answers"]),
        (
            "exploring_the_problem",
            ["exploring_the_problem.check_understanding", "exploring_the_problem.ask_what_was_missed"],
        ),
        ("working_on_solutions", ["working_on_solutions.agree_goals_and_tasks", "working_on_solutions.notice_steps"]),
        ("termination", ["termination.plan_the_ending", "termination.review_together"]),
    ],
)
def test_a_named_stage_gives_its_two_entries(stage: StageName, expected: list[str]) -> None:
    """Each stage has two entries, the most useful first."""
    assert ids(wai(), staged(stage)) == expected


def test_stage_advice_says_how_likely_the_stage_is() -> None:
    """The reason is the rule with the stage's probability and the threshold it was held against."""
    first = recommend(WAI, scores=wai(), stage=staged("exploring_the_problem"))[0]
    assert first.because == (
        Because(rule="stage.exploring_the_problem", component=None, items=(), value=0.8, threshold=0.6),
    )
    assert (first.practice, first.evidence, first.review_after_sessions) == ("offer_empathy", "design", 1)


def test_stage_advice_from_the_model_itself() -> None:
    """A first session about getting to know each other leads to the advice of establishing rapport, at .9717."""
    first = recommend(TRQ_S, scores=(), stage=estimate(ESTABLISHING))[0]
    assert first.id == "establishing_rapport.slow_down"
    assert first.because[0].value == pytest.approx(0.9717, abs=5e-5)


# --- endings ---


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("planned", ["ending.planned.name_what_was_gained", "ending.planned.goals_for_after"]),
        ("dropout", ["ending.dropout.leave_the_door_open"]),
        ("transfer", ["ending.transfer.hand_over_together"]),
    ],
)
@pytest.mark.parametrize("stage", ["working_on_solutions", "termination", None])
def test_a_reported_ending_replaces_the_advice_of_the_stage(
    ending: Ending, expected: list[str], stage: StageName | None
) -> None:
    """The kind of ending decides, whatever stage is named."""
    assert ids(wai(), staged(stage, ending=ending)) == expected


def test_a_reported_ending_needs_no_evidence_on_the_stage() -> None:
    """An ending is a report, not an estimate: it counts without a single focus answer."""
    told = estimate([*NO_EVIDENCE, Session(number=3, ending="transfer")])
    assert (told.current, told.basis) == (None, "session_number_only")
    assert ids(wai(), told) == ["ending.transfer.hand_over_together"]


def test_ending_advice_names_the_kind() -> None:
    """The reason is the report: a rule with the kind, and no value."""
    [dropout] = recommend(WAI, scores=wai(), stage=staged("termination", ending="dropout"))
    assert dropout.because == (Because(rule="ending.dropout", component=None, items=(), value=None, threshold=None),)


@pytest.mark.parametrize("ending", ["dropout", None])
def test_a_dropout_is_not_celebrated(ending: Ending | None) -> None:
    """Neither a reported dropout nor an ending of unknown kind brings words of celebration."""
    given = recommend(WAI, scores=wai(), stage=staged("termination", ending=ending))
    assert given
    assert not [
        r.id for r in given if re.search("celebrat|proud|congratul|success|well done", (r.title + r.text).lower())
    ]


def test_a_dropout_brings_no_review_of_progress() -> None:
    """After a dropout none of the advice on steps, gains or reviews is given, though termination is named."""
    given = recommend(WAI, scores=wai(), stage=staged("termination", ending="dropout"))
    assert "support_and_celebrate_steps" not in [r.practice for r in given]


def test_a_planned_ending_is_celebrated() -> None:
    """A planned ending is looked back on together, and celebrated."""
    first = recommend(WAI, scores=wai(), stage=staged("termination", ending="planned"))[0]
    assert "celebrate" in first.text
    assert first.practice == "support_and_celebrate_steps"


# --- components ---


def test_a_weaker_component_gives_its_practice_with_the_reason() -> None:
    """A component far below the others is named with its items and its difference in POMP."""
    [given] = recommend(WAI, scores=wai(bond=2), stage=None)
    assert (given.id, given.because) == ("practice.build_trust", (BOND,))


@pytest.mark.parametrize(
    ("bond", "expected"),
    [
        (60.0, []),
        (60.0 + 1e-12, []),
        (60.0 - 1e-12, []),
        (59.99, ["practice.build_trust"]),
        (60.01, []),
    ],
)
def test_rule_11_at_its_edge(bond: float, expected: list[str]) -> None:
    """Exactly 15 POMP below the others (75) is not beyond error, nor is what rounding adds; .01 more is."""
    assert ids(with_pomp(task=70.0, bond=bond, goal=80.0), None) == expected


def test_rule_11_on_real_answers_on_both_sides() -> None:
    """On wai-sr 12.5 POMP below the others say nothing and 15.625 do, which are neighbouring answers."""
    below = {str(i): 4 for i in range(1, 13)} | {"3": 3, "5": 3}
    assert ids(scored(WAI, below), None) == []
    [given] = recommend(WAI, scores=scored(WAI, below | {"7": 3, "1": 3, "2": 3, "10": 5, "12": 5, "4": 3}), stage=None)
    assert (given.because[0].component, given.because[0].value) == ("bond", 15.625)


def test_rule_11_compares_with_the_mean_of_the_others() -> None:
    """Far below one other component but near the second is not enough: the mean of the others counts."""
    assert ids(with_pomp(task=60.0, bond=60.0, goal=89.0), None) == []
    assert ids(with_pomp(task=60.0, bond=50.0, goal=89.0), None) == ["practice.build_trust"]


def test_a_component_that_is_stronger_is_not_named() -> None:
    """Only weaker components lead to advice."""
    assert ids(wai(bond=5, task=4, goal=4), None) == []


def test_the_weakest_component_comes_first() -> None:
    """Of two weaker components the weaker one comes first, against the order of the definition."""
    given = recommend(LONG, scores=long(rapport=2, encouragement=1), stage=None)
    assert [r.practice for r in given] == ["support_and_celebrate_steps", "get_to_know_the_client"]


def test_two_components_of_one_practice_give_one_recommendation_with_both_reasons() -> None:
    """Goals and tasks both weak is one conversation, not two."""
    [both] = recommend(WAI, scores=wai(bond=5, task=2, goal=2), stage=None)
    assert both.practice == "agree_goals_and_tasks"
    assert [(b.component, b.value) for b in both.because] == [("task", 37.5), ("goal", 37.5)]
    [one] = recommend(WAI, scores=wai(bond=5, task=2, goal=3), stage=None)
    assert [(b.component, b.value) for b in one.because] == [("task", 50.0)]


def test_components_that_are_not_scored_are_not_looked_at() -> None:
    """A component with too many missing answers is neither named nor among the others."""
    answers = {str(i): 4 for i in range(1, 13)} | {"3": 1, "5": 1}
    unanswered = {item: answer for item, answer in answers.items() if item not in {"7", "9"}}
    assert ids(scored(WAI, unanswered), None) == []
    only_bond = dict.fromkeys(("3", "5", "7", "9"), 1)
    assert ids(scored(WAI, only_bond), None) == []


def test_a_prorated_component_may_be_named() -> None:
    """Three answers of four are enough to be scored, and so to be named."""
    answers = {str(i): 4 for i in range(1, 13)} | {"3": 2, "5": 2, "7": 2}
    del answers["9"]
    assert ids(scored(WAI, answers), None) == ["practice.build_trust"]


def test_fewer_than_three_answers_are_never_named() -> None:
    """Where a definition lets two answers stand for four items, they are still too few to name a component."""
    few = tuple(replace(s, answered=2) if isinstance(s, Score) and s.component == "bond" else s for s in wai(bond=1))
    assert ids(few, None) == []


@pytest.mark.parametrize("item", ["1", "2", "3", "4", "5", "6", "7", "8"])
def test_single_items_of_trq_s_are_never_named(item: str) -> None:
    """The lowest possible answer to one item among the highest ones says nothing on a component."""
    answers = {str(i): 5 for i in range(1, 9)} | {item: 1}
    assert recommend(TRQ_S, scores=scored(TRQ_S, answers), stage=None) == ()


def test_rollups_and_the_total_are_never_named() -> None:
    """A rollup of three single items and the total are no components, though they have items enough."""
    low = {"1": 1, "2": 1, "3": 1, "4": 5, "5": 5, "6": 5, "7": 5, "8": 5}
    assert recommend(TRQ_S, scores=scored(TRQ_S, low), stage=None) == ()


def test_an_unknown_facet_without_a_key_of_its_own_gives_no_advice() -> None:
    """A weak component that no practice suits is passed over, not answered with filler."""
    odd = replace(WAI, components=tuple(_renamed(c, "bond", "zeal", facet="other") for c in WAI.components))
    odd_scores = tuple(replace(s, component="zeal") if s.component == "bond" else s for s in wai(bond=1))
    assert recommend(odd, scores=odd_scores, stage=None) == ()


# --- order, and at most three ---


def test_urgency_orders_ending_then_components() -> None:
    """The ending comes first, then the weaker component; the stage says nothing any more."""
    assert ids(wai(goal=2), staged("termination", ending="dropout")) == [
        "ending.dropout.leave_the_door_open",
        "practice.agree_goals_and_tasks",
    ]


def test_urgency_orders_components_then_stage() -> None:
    """A weaker component comes before the advice of the stage."""
    assert ids(wai(bond=2), staged("exploring_the_problem")) == [
        "practice.build_trust",
        "exploring_the_problem.check_understanding",
        "exploring_the_problem.ask_what_was_missed",
    ]


def test_at_most_three_are_given() -> None:
    """Two weaker components and a stage with two entries leave room for the stage's first only."""
    given = recommend(LONG, scores=long(rapport=1, encouragement=2), stage=staged("exploring_the_problem"))
    assert [r.id for r in given] == [
        "practice.get_to_know_the_client",
        "practice.support_and_celebrate_steps",
        "exploring_the_problem.check_understanding",
    ]


def test_a_practice_is_recommended_once_with_every_reason() -> None:
    """Where component and stage lead to one practice, the component gives the text and both are reasons."""
    given = recommend(WAI, scores=wai(goal=2), stage=staged("working_on_solutions"))
    assert [r.id for r in given] == ["practice.agree_goals_and_tasks", "working_on_solutions.notice_steps"]
    assert [b.rule for b in given[0].because] == ["component.weaker", "stage.working_on_solutions"]


@pytest.mark.parametrize("stage", [None, "establishing_rapport", "working_on_solutions", "termination"])
@pytest.mark.parametrize("ending", [None, "planned", "dropout", "transfer"])
def test_never_more_than_three_and_never_a_practice_twice(stage: StageName | None, ending: Ending | None) -> None:
    """Whatever comes together, three is the most and practices differ."""
    for scores in (long(), long(trust=1), long(trust=1, collaboration=1, empathy=2), long(acceptance=1, respect=1)):
        practices = [r.practice for r in recommend(LONG, scores=scores, stage=staged(stage, ending=ending))]
        assert len(practices) == len(set(practices)) <= 3


def test_every_rule_says_what_it_is() -> None:
    """The rules stand in the order of urgency, each with an id, a why and a source."""
    assert [rule.id for rule in RULES] == ["ending", "component.weaker", "stage"]
    assert all(rule.why and rule.source.startswith("Design choice of this project, not validated") for rule in RULES)


# --- the catalogue is whole ---


@pytest.mark.parametrize(
    ("component", "practice"),
    [
        ("rapport", "get_to_know_the_client"),
        ("trust", "build_trust"),
        ("genuineness", "be_genuine"),
        ("empathy", "offer_empathy"),
        ("boundaries", "respect_boundaries"),
        ("acceptance", "be_non_judgemental"),
        ("respect", "be_non_judgemental"),
        ("collaboration", "agree_goals_and_tasks"),
        ("encouragement", "support_and_celebrate_steps"),
    ],
)
def test_every_component_leads_to_its_practice(component: str, practice: str) -> None:
    """The key of a component decides first, whatever its facet."""
    [advice] = shipped_advice().for_component(_component(component, "goal"))
    assert (advice.id, advice.practice) == (f"practice.{practice}", practice)


@pytest.mark.parametrize(
    ("facet", "practices"),
    [
        ("bond", ["build_trust"]),
        ("goal", ["agree_goals_and_tasks"]),
        ("task", ["agree_goals_and_tasks"]),
        ("other", []),
    ],
)
def test_an_unknown_component_goes_by_its_facet(facet: Facet, practices: list[str]) -> None:
    """A component of another scale is understood by its facet."""
    assert [a.practice for a in shipped_advice().for_component(_component("zeal", facet))] == practices


def test_the_first_facet_with_a_practice_decides() -> None:
    """A facet without a practice is passed over for the next one."""
    component = replace(_component("zeal", "other"), facets=("other", "task", "bond"))
    assert [a.practice for a in shipped_advice().for_component(component)] == ["agree_goals_and_tasks"]


@pytest.mark.parametrize(
    ("stage", "clause"),
    [
        ("establishing_rapport", "general questions about the client's life"),
        ("establishing_rapport", "have been through"),
        ("establishing_rapport", "Slow down"),
        ("establishing_rapport", "context"),
        ("establishing_rapport", "who sees"),
        ("establishing_rapport", "open about"),
        ("establishing_rapport", "comfortable"),
        ("exploring_the_problem", "more specific questions"),
        ("exploring_the_problem", "thinks and lives through"),
        ("exploring_the_problem", "respect"),
        ("exploring_the_problem", "understanding before solutions"),
        ("exploring_the_problem", "what was missed"),
        ("working_on_solutions", "options together"),
        ("working_on_solutions", "decide what to try"),
        ("working_on_solutions", "Agree goals and tasks"),
        ("working_on_solutions", "Notice steps"),
        ("working_on_solutions", "adjust"),
        ("working_on_solutions", "courage"),
        ("termination", "Plan the ending"),
        ("termination", "Review the work together"),
        ("termination", "was gained"),
        ("termination", "goals"),
    ],
)
def test_every_clause_of_the_blueprint_is_in_the_advice_of_its_stage(stage: StageName, clause: str) -> None:
    """What the blueprint asks for at a stage stands in one of its entries."""
    assert clause in " ".join(f"{a.title['en']} {a.text['en']}" for a in shipped_advice().for_stage(stage))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(
            ("stage", s)
            for s in ("establishing_rapport", "exploring_the_problem", "working_on_solutions", "termination")
        ),
        *(("ending", e) for e in ("planned", "dropout", "transfer")),
        *(
            ("practice", p)
            for p in (
                "get_to_know_the_client",
                "build_trust",
                "be_genuine",
                "offer_empathy",
                "respect_boundaries",
                "be_non_judgemental",
                "agree_goals_and_tasks",
                "support_and_celebrate_steps",
            )
        ),
    ],
)
def test_every_stage_ending_and_practice_has_advice_and_its_absence_is_a_fault(kind: str, name: str) -> None:
    """Each has an entry, and a catalogue without it is refused by name."""
    assert [e.id for e in shipped_advice().entries if (e.target, e.applies_to) == (kind, name)]
    data = yaml.safe_load(TEXT)
    data["entries"] = [e for e in data["entries"] if e["applies_to"] != {kind: name}]
    with pytest.raises(CatalogueFault, match=f"^{kind} {name}: no advice$"):
        read_advice(yaml.safe_dump(data))


def test_disclosure_is_in_the_clients_interest_only() -> None:
    """The article contradicts itself on disclosure; the advice decides for the client's interest."""
    [advice] = shipped_advice().for_component(_component("genuineness", "other"))
    assert "Disclose something of your own only in the client's interest" in advice.text["en"]


# --- the words ---


def texts(catalogue: AdviceCatalogue) -> list[tuple[str, str]]:
    """List every title, text and source with the id of its entry."""
    return [(e.id, words) for e in catalogue.entries for words in (*e.title.values(), *e.text.values(), e.source)]


def test_no_text_is_empty_or_long() -> None:
    """Texts are there, have no stray spaces, and are short enough to be read between two sessions."""
    assert [i for i, words in texts(shipped_advice()) if not words.strip() or words != words.strip()] == []
    assert [i for i, words in texts(shipped_advice()) if len(words) > 400] == []
    assert [e.id for e in shipped_advice().entries if len(e.text["en"]) < 120] == []


@pytest.mark.parametrize(
    "word", ["diagnos", "patholog", "resistan", "you fail", "your fault", "you should", "you must"]
)
def test_no_text_diagnoses_or_judges(word: str) -> None:
    """A text is a prompt for a conversation, not a finding on the client or the therapist."""
    assert [i for i, words in texts(shipped_advice()) if word in words.lower()] == []


@pytest.mark.parametrize("word", ["improve", "outcome", "proven", "effective", "evidence shows", "research shows"])
def test_no_text_claims_an_effect(word: str) -> None:
    """Nothing claims that feedback or advice makes therapy work better."""
    assert [i for i, words in texts(shipped_advice()) if word in words.lower()] == []


def test_every_grade_is_honest_and_no_study_is_cited_for_it() -> None:
    """All advice is a design choice that says so, and cites no DOI as if it had been tested."""
    assert {e.evidence for e in shipped_advice().entries} == {"design"}
    assert all(e.source.startswith("Design choice of this project, not validated.") for e in shipped_advice().entries)
    assert "10." not in " ".join(words for _, words in texts(shipped_advice()))


# --- faults of a catalogue ---


def broken(old: str, new: str) -> str:
    """Break the first such place of a copy of the catalogue, and return what the loader says."""
    assert old in TEXT
    with pytest.raises(CatalogueFault) as fault:
        read_advice(TEXT.replace(old, new, 1))
    return str(fault.value)


def test_the_schema_is_a_schema_and_the_catalogue_is_read_once() -> None:
    """The schema is of the draft it names, and the shipped catalogue is kept."""
    assert advice_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert shipped_advice() is shipped_advice()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "id: practice.be_genuine",
            "id: practice.build_trust",
            "entries: the id practice.build_trust stands twice",
        ),
        (
            "rapport: get_to_know_the_client",
            "rapport: small_talk",
            "practice_of/component/rapport: no such practice: small_talk",
        ),
        ("bond: build_trust", "bond: small_talk", "practice_of/facet/bond: no such practice: small_talk"),
        ("    task: agree", "    zeal: agree", "practice_of/facet: no such facet: zeal"),
        (
            "practice: get_to_know_the_client",
            "practice: small_talk",
            "establishing_rapport.slow_down: no such practice: small_talk",
        ),
        (
            "{practice: be_genuine}",
            "{practice: build_trust}",
            "practice.be_genuine: applies to another practice; practice be_genuine: no advice",
        ),
        (
            "practice: be_non_judgemental",
            "practice: offer_empathy",
            "stage exploring_the_problem: two entries with the practice offer_empathy",
        ),
        (
            "{ending: dropout}",
            "{ending: ghosting}",
            "ending.dropout.leave_the_door_open: no such ending: ghosting; ending dropout: no advice",
        ),
    ],
)
def test_a_broken_rule_is_named(old: str, new: str, says: str) -> None:
    """What the schema can't say is said by the loader, fault by fault."""
    assert broken(old, new) == says


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("format: 1", "format: 2", "format: 1 was expected"),
        ("evidence: design", "evidence: strong", "entries/0/evidence: 'strong' is not one of"),
        ("{stage: establishing_rapport}", "{mood: good}", "entries/0/applies_to: Additional properties"),
        ("{stage: establishing_rapport}", "{}", "entries/0/applies_to: "),
        ("title: {en: ", "title: {de: ", "entries/0/title: 'en' is a required property"),
        ("title: {en: ", "title: {no: x, en: ", ""),
        ("review_after_sessions: 2", "review_after_sessions: 0", "entries/0/review_after_sessions: 0 is less than"),
        ("Design choice of this project, not validated", "As everybody knows", "entries/0/source: "),
        ('title: {en: "Slow down and ask about the person\'s context"}', 'title: {en: " "}', "entries/0/title/en: "),
        ("There is no hurry", "There is no hurry" * 30, "entries/0/text/en: "),
    ],
)
def test_a_broken_format_is_named(old: str, new: str, says: str) -> None:
    """What the schema refuses is named with its place; a language code `no` is a language, not False."""
    if says:
        assert broken(old, new).startswith(says)
    else:
        assert read_advice(TEXT.replace(old, new, 1)).entries[0].title["no"] == "x"


def test_all_faults_are_named_at_once() -> None:
    """Somebody who mends a catalogue sees every fault in one go."""
    data = yaml.safe_load(TEXT)
    data["entries"] = data["entries"][:2]
    data["practice_of"]["component"]["trust"] = "small_talk"
    with pytest.raises(CatalogueFault) as fault:
        read_advice(yaml.safe_dump(data))
    said = str(fault.value).split("; ")
    assert said[0] == "practice_of/component/trust: no such practice: small_talk"
    assert said[1:4] == [
        "stage exploring_the_problem: no advice",
        "stage working_on_solutions: no advice",
        "stage termination: no advice",
    ]
    assert len(said) == 1 + 3 + 3 + 8


def test_a_key_that_stands_twice_is_named() -> None:
    """A repeated key would silently replace the first text, so it is refused."""
    assert "a key stands twice" in broken("    bond: build_trust", "    bond: build_trust\n    bond: offer_empathy")


@pytest.mark.parametrize("text", ["", "entries: [", "- a\n- b\n"])
def test_what_is_no_catalogue_is_refused(text: str) -> None:
    """Nothing, broken YAML and a list are faults of the catalogue, not crashes."""
    with pytest.raises(CatalogueFault):
        read_advice(text)


def _component(key: str, facet: Facet) -> Component:
    return Component(key=key, kind="component", facets=(facet,), items=(ItemId("1"), ItemId("2"), ItemId("3")))


def _renamed(component: Component, old: str, new: str, *, facet: Facet) -> Component:
    return replace(component, key=new, facets=(facet,)) if component.key == old else component
