"""The advice catalogue: whole in three languages, and plain in its words."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import resources

import pytest
import yaml

from app.errors import CatalogueFault
from app.instruments.model import Component, Facet, ItemId
from app.stages.advice import (
    Advice,
    Concern,
    Practice,
    read_advice,
    shipped_advice,
)
from app.stages.model import StageName

LANGUAGES = ("en", "es", "de")
TEXT = resources.files("app.stages").joinpath("advice_catalogues", "1.0.0.yaml").read_text("utf-8")

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
    [one] = shipped_advice().for_component(_component(component, "goal"))
    assert (one.id, one.practice) == (f"practice.{practice}", practice)


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
    assert clause in _words(shipped_advice().for_stage(stage), "en")


@pytest.mark.parametrize(
    ("stage", "es", "de"),
    [
        ("establishing_rapport", "preguntas generales sobre la vida", "allgemeine Fragen zum Leben"),
        ("establishing_rapport", "qué ha vivido", "was sie erlebt hat"),
        ("establishing_rapport", "Vaya despacio", "Langsamer werden"),
        ("establishing_rapport", "contexto", "Lebensumständen"),
        ("establishing_rapport", "quién ve", "wer die Antworten sieht"),
        ("establishing_rapport", "transparente", "offen darüber"),
        ("establishing_rapport", "a gusto", "wohlfühlen"),
        ("exploring_the_problem", "preguntas más concretas", "genauere Fragen"),
        ("exploring_the_problem", "piensa y vive", "denkt und erlebt"),
        ("exploring_the_problem", "respeto", "Respekt"),
        ("exploring_the_problem", "sin juzgarlo", "ohne es als gut oder schlecht zu bewerten"),
        ("exploring_the_problem", "antes de las soluciones", "Vor den Lösungen"),
        ("exploring_the_problem", "qué ha faltado", "was gefehlt hat"),
        ("working_on_solutions", "opciones juntos", "gemeinsam Möglichkeiten"),
        ("working_on_solutions", "decidir qué intentar", "entscheiden, was sie zuerst versucht"),
        ("working_on_solutions", "Acuerden metas y tareas", "Ziele und Aufgaben vereinbaren"),
        ("working_on_solutions", "Fíjese en los pasos", "Schritte bemerken"),
        ("working_on_solutions", "adapte", "passen Sie die Arbeitsweise"),
        ("working_on_solutions", "ánimo", "Mut"),
        ("termination", "Planeen juntos el final", "Das Ende gemeinsam planen"),
        ("termination", "Repasen juntos el trabajo", "Gemeinsam auf die Arbeit zurückblicken"),
        ("termination", "se ha ganado", "wurde gewonnen"),
        ("termination", "metas", "Ziele"),
    ],
)
def test_the_same_clauses_stand_in_the_translations(stage: StageName, es: str, de: str) -> None:
    """What the blueprint asks for at a stage is there in Spanish and German, too."""
    assert es in _words(shipped_advice().for_stage(stage), "es")
    assert de in _words(shipped_advice().for_stage(stage), "de")


@pytest.mark.parametrize(
    ("practice", "en", "es", "de"),
    [
        ("get_to_know_the_client", "interests, family and friends", "intereses", "Interessen"),
        ("get_to_know_the_client", "without words", "sin palabras", "ohne Worte"),
        ("build_trust", "Say what you will do, do it", "Diga lo que va a hacer, hágalo", "tun Sie es"),
        ("build_trust", "on their side", "de su lado", "auf ihrer Seite"),
        ("build_trust", "confidential", "confidencial", "vertraulich"),
        ("be_genuine", "genuine and present", "tal como es y esté presente", "Echt und präsent"),
        ("be_genuine", "only in the client's interest", "solo en interés de la persona", "nur im Interesse der Person"),
        ("offer_empathy", "from where the client stands", "desde donde está la persona", "wo die Person steht"),
        ("offer_empathy", "feelings included", "también los sentimientos", "auch die Gefühle"),
        ("respect_boundaries", "easy to say no", "fácil decir que no", "leicht, Nein zu sagen"),
        ("respect_boundaries", "before any touch", "antes de cualquier contacto físico", "vor jeder Berührung"),
        ("respect_boundaries", "sexual contact is never", "el contacto sexual nunca", "sexueller Kontakt gehört nie"),
        ("respect_boundaries", "not that of a friend", "no es el de una amistad", "keine Freundschaft"),
        ("be_non_judgemental", "being judged", "la juzgaban", "geurteilt"),
        ("be_non_judgemental", "their decisions stay theirs", "decisiones siguen siendo suyas", "bleiben ihre"),
        ("agree_goals_and_tasks", "Agree on the goal", "Acuerden la meta", "Vereinbaren Sie das Ziel"),
        ("agree_goals_and_tasks", "more of here, what less", "más aquí, de qué menos", "mehr, wovon weniger"),
        ("support_and_celebrate_steps", "celebrate steps", "celebre los pasos", "Schritte unterstützen und feiern"),
        ("support_and_celebrate_steps", "courage", "valor", "Mut"),
    ],
)
def test_every_practice_says_what_the_article_does_in_each_language(
    practice: Practice, en: str, es: str, de: str
) -> None:
    """The six tips of the article, and the two practices beside them, keep their content in translation."""
    for language, clause in (("en", en), ("es", es), ("de", de)):
        assert clause in _words(shipped_advice().for_practice(practice), language)


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


@pytest.mark.parametrize(
    ("concern", "practice"),
    [
        ("rupture", "repair_the_relationship"),
        ("wish_to_talk", "make_room_to_talk"),
        ("low", "check_in_on_the_relationship"),
        ("decline", "check_in_on_the_relationship"),
        ("cut_off", "check_in_on_the_relationship"),
        ("dip", "check_in_on_the_relationship"),
    ],
)
def test_every_signal_has_one_entry_and_those_that_ask_alike_share_a_practice(concern: Concern, practice: str) -> None:
    """Three reasons to ask how it is going are one conversation, so it is recommended once."""
    [one] = shipped_advice().for_signal(concern)
    assert (one.practice, one.id.split(".")[:2]) == (practice, ["signal", concern])


@pytest.mark.parametrize(
    ("language", "steps"),
    [
        ("en", ("Acknowledge:", "Explore:", "Validate:", "Renegotiate:")),
        ("es", ("Reconocer:", "Explorar:", "Validar:", "Renegociar:")),
        ("de", ("Anerkennen:", "Erkunden:", "Gelten lassen:", "Neu aushandeln:")),
    ],
)
def test_a_rupture_is_repaired_in_four_steps_in_their_order(language: str, steps: tuple[str, ...]) -> None:
    """To renegotiate before the client was heard would be another rupture."""
    [one] = shipped_advice().for_signal("rupture")
    places = [one.words[language].text.index(step) for step in steps]
    assert places == sorted(places)
    assert places[0] == 0


@pytest.mark.parametrize(
    ("concern", "en", "es", "de"),
    [
        ("rupture", "your own part", "su propia parte", "zu Ihrem Anteil"),
        ("rupture", "without defending yourself", "sin defenderse", "ohne sich zu verteidigen"),
        (
            "wish_to_talk",
            "no sign that anything is wrong",
            "No es señal de que algo vaya mal",
            "heißt nicht, dass etwas",
        ),
        ("wish_to_talk", "how much to say", "cuánto contar", "wie viel sie sagt"),
        ("low", "some people answer low whatever happens", "pase lo que pase", "was auch geschieht"),
        ("low", "what is missing so far", "qué falta hasta ahora", "was bisher fehlt"),
        ("decline", "easy to miss", "se pasan por alto", "übersieht man leicht"),
        ("decline", "has not been said", "no se ha dicho", "nicht gesagt wurde"),
        ("cut_off", "a reason to ask and says no more", "no dice más", "sagt nicht mehr"),
        ("cut_off", "If the client likes", "Si la persona quiere", "Wenn die Person möchte"),
        ("dip", "It may be chance", "Puede ser casualidad", "kann Zufall sein"),
        ("dip", "lightly and once", "con ligereza y una sola vez", "leicht und nur einmal"),
    ],
)
def test_advice_on_a_signal_says_how_little_it_may_mean_in_each_language(
    concern: Concern, en: str, es: str, de: str
) -> None:
    """A signal may be a false alarm, and a true one is nobody's fault; the words leave room for both."""
    for language, clause in (("en", en), ("es", es), ("de", de)):
        assert clause in _words(shipped_advice().for_signal(concern), language)


def test_the_steps_of_repair_say_whose_they_are_and_that_they_are_no_quotation() -> None:
    """Safran and Muran described the repair of ruptures; the short form is ours, and written from memory."""
    [one] = shipped_advice().for_signal("rupture")
    for language, clause in (("en", "by recall"), ("es", "de memoria"), ("de", "aus dem Gedächtnis")):
        assert clause in one.words[language].source
        assert "Safran" in one.words[language].source
        assert "Safran" not in _words(shipped_advice().entries, language)


def test_disclosure_is_in_the_clients_interest_only() -> None:
    """The article contradicts itself on disclosure; the advice decides for the client's interest."""
    [one] = shipped_advice().for_component(_component("genuineness", "other"))
    assert "Disclose something of your own only in the client's interest" in one.words["en"].text


# --- the words ---


def texts(language: str) -> list[tuple[str, str]]:
    """List every title, text and source of a language with the id of its entry."""
    return [
        (e.id, words)
        for e in shipped_advice().entries
        for words in (e.words[language].title, e.words[language].text, e.words[language].source)
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_long(language: str) -> None:
    """Texts are there, have no stray spaces, and are short enough to be read between two sessions."""
    assert [i for i, words in texts(language) if not words.strip() or words != words.strip() or "  " in words] == []
    assert [i for i, words in texts(language) if len(words) > 400] == []
    assert [e.id for e in shipped_advice().entries if len(e.words[language].text) < 120] == []
    assert [e.id for e in shipped_advice().entries if len(e.words[language].title) > 70] == []


JUDGING = {
    "en": "diagnos|patholog|resistan|you fail|fault|blame|mistake|you should|you must",
    "es": "diagn[oó]|patol[oó]g|resisten|fracas|culpa|error|usted debe|debería|tiene que ",
    "de": "diagnos|patholog|krankhaft|widerst[aä]nd|versag|schuld|fehler|sie sollten|sie müssen",
}
CLAIMING = {
    "en": "improve|outcome|proven|effective|evidence shows|research shows",
    "es": "mejora|resultado|comprobad|demuestra|demostrad|eficaz|eficacia|efectiv|según los estudios",
    "de": "verbesser|ergebnis|bewiesen|nachweislich|wirksam|erfolg|studien zeigen|forschung zeigt",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_diagnoses_or_judges(language: str) -> None:
    """A text is a prompt for a conversation, not a finding on the client or the therapist."""
    assert [i for i, words in texts(language) if re.search(JUDGING[language], words.lower())] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_claims_an_effect(language: str) -> None:
    """Nothing claims that feedback or advice makes therapy work better."""
    assert [i for i, words in texts(language) if re.search(CLAIMING[language], words.lower())] == []


def test_therapists_are_addressed_formally() -> None:
    """Spanish says usted and German says Sie, all through."""
    familiar = {
        "es": r"\b(tú|te|ti|tu|tus|contigo|puedes|tienes|pregúntale)\b",
        "de": r"\b(du|dich|dir|dein\w*|euch|euer)\b",
    }
    for language, words_of_it in familiar.items():
        assert [i for i, words in texts(language) if re.search(words_of_it, words.lower())] == []


def test_every_grade_is_honest_and_no_study_is_cited_for_it() -> None:
    """All advice is a design choice that says so in each language, and cites no DOI as if it had been tested."""
    says = {
        "en": "Design choice of this project, not validated. ",
        "es": "Decisión de diseño de este proyecto, no validada. ",
        "de": "Gestaltungsentscheidung dieses Projekts, nicht validiert. ",
    }
    assert {e.evidence for e in shipped_advice().entries} == {"design"}
    for language, start in says.items():
        assert all(e.words[language].source.startswith(start) for e in shipped_advice().entries)
        assert "10." not in " ".join(words for _, words in texts(language))


def test_translations_are_marked_as_drafts() -> None:
    """Until a second speaker has checked it, each text of a translation says that it is a draft."""
    found = {(language, e.words[language].status) for e in shipped_advice().entries for language in LANGUAGES}
    assert found == {("en", "checked"), ("es", "draft"), ("de", "draft")}


def test_no_translation_is_left_in_english() -> None:
    """Titles and texts differ between the languages."""
    for e in shipped_advice().entries:
        assert len({e.words[language].title for language in LANGUAGES}) == 3
        assert len({e.words[language].text for language in LANGUAGES}) == 3


def _words(entries: tuple[Advice, ...], language: str) -> str:
    return " ".join(f"{e.words[language].title} {e.words[language].text}" for e in entries)


def _component(key: str, facet: Facet) -> Component:
    return Component(key=key, kind="component", facets=(facet,), items=(ItemId("1"), ItemId("2"), ItemId("3")))
