from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import app.instruments
from app.safeguarding.form import safety_forms
from app.stages.advice import shipped_advice
from tests.core.readability import (
    MEASURES,
    english_syllables,
    fernandez_huerta,
    flesch_kincaid,
    german_syllables,
    sentences,
    spanish_syllables,
    wiener_sachtextformel,
    words,
)

DEFINITIONS = Path(app.instruments.__file__).parent / "definitions"
KEYS = ("trq", "trq-s", "trq-s-t", "trq-t")
FILES = [(key, locale) for key in KEYS for locale in MEASURES]


def _read(key: str, locale: str) -> dict[str, Any]:
    name = "1.0.0.yaml" if locale == "en" else f"1.0.0.{locale}.yaml"
    loaded: dict[str, Any] = yaml.safe_load((DEFINITIONS / key / name).read_text("utf-8"))
    return loaded


def _items(key: str, locale: str) -> dict[str, str]:
    """Map ids to texts, from a definition (English) or from the file of a translation."""
    data = _read(key, locale)
    if locale != "en":
        return {str(item): text for item, text in data["items"].items()}
    return {item["id"]: item["text"] for role in ("items", "beside", "focus") for item in data.get(role, [])}


def _lines(key: str, locale: str) -> list[list[str]]:
    """List what is read at one go: an instruction, an item, and a focus item together with the question it answers."""
    instructions = _read(key, locale)["instructions"]
    focus = [[instructions["focus"], text] for item, text in _items(key, locale).items() if item.startswith("f")]
    plain = [[text] for item, text in _items(key, locale).items() if not item.startswith("f")]
    return [[instructions["scored"]], *plain, *focus]


@pytest.mark.parametrize(("key", "locale"), FILES)
def test_our_texts_are_easy_to_read(key: str, locale: str) -> None:
    """Items and instructions taken together need no more than six years of school."""
    texts = [*_read(key, locale)["instructions"].values(), *_items(key, locale).values()]
    measure = MEASURES[locale]
    assert not measure.too_hard(texts, limit=measure.whole), measure.formula(texts)


@pytest.mark.parametrize(("key", "locale"), FILES)
def test_no_single_line_is_hard(key: str, locale: str) -> None:
    """No item or instruction alone is beyond grade 8: looser than the whole, since formulas jump on one sentence."""
    measure = MEASURES[locale]
    assert [line for line in _lines(key, locale) if measure.too_hard(line, limit=measure.alone)] == []


@pytest.mark.parametrize("locale", MEASURES)
def test_advice_is_as_easy_to_read_as_our_forms(locale: str) -> None:
    """Somebody reads it between two sessions: grade 6 taken together, and no entry alone beyond grade 8."""
    texts, measure = [entry.words[locale].text for entry in shipped_advice().entries], MEASURES[locale]
    assert not measure.too_hard(texts, limit=measure.whole), measure.formula(texts)
    assert [text for text in texts if measure.too_hard([text], limit=measure.alone)] == []


@pytest.mark.parametrize("locale", MEASURES)
def test_the_safety_check_is_as_easy_to_read_as_our_forms(locale: str) -> None:
    """Somebody who was hurt reads it: grade 6 taken together, and no question alone beyond grade 8."""
    texts, measure = list(safety_forms()[locale].questions.values()), MEASURES[locale]
    assert not measure.too_hard(texts, limit=measure.whole), measure.formula(texts)
    assert [text for text in texts if measure.too_hard([text], limit=measure.alone)] == []


def test_the_safety_check_is_whole_in_each_language() -> None:
    """The same questions and the same answers to choose, in other words; drafts until a second speaker has looked."""
    forms = safety_forms()
    assert {locale: form.status for locale, form in forms.items()} == {"de": "draft", "en": "original", "es": "draft"}
    for locale, form in forms.items():
        assert form.locale == locale
        assert list(form.questions) == ["happened", "may_contact", "contact", "words"]
        assert {name: list(labels) for name, labels in form.options.items()} == {
            "happened": ["no", "not_sure", "yes"], "may_contact": ["no", "yes"],
        }  # fmt: skip
    assert len({form.title for form in forms.values()}) == len(forms)
    assert len({text for form in forms.values() for text in form.questions.values()}) == 12


HARD = {
    "en": "The professional's interpersonal attunement facilitated comprehensive therapeutic collaboration.",
    "es": "La sintonización interpersonal del profesional facilitó significativamente la colaboración terapéutica.",
    "de": "Die zwischenmenschliche Feinfühligkeit der Fachperson ermöglichte therapeutische Zusammenarbeit.",
}


@pytest.mark.parametrize("locale", MEASURES)
def test_a_hard_sentence_is_found(locale: str) -> None:
    """A sentence as specialists write it is too hard as a line, and a form that has it eight times is as a whole."""
    measure = MEASURES[locale]
    easy = list(_items("trq-s", locale).values())[:8]
    assert measure.too_hard([HARD[locale]], limit=measure.alone)
    assert measure.too_hard([*easy, *[HARD[locale]] * 8], limit=measure.whole)
    assert not measure.too_hard(easy, limit=measure.whole)


@pytest.mark.parametrize("locale", MEASURES)
def test_the_limit_itself_is_allowed_and_what_lies_beyond_is_not(locale: str) -> None:
    """Grade 6 passes where the limit is grade 6, in the direction in which the formula of the language runs."""
    measure = MEASURES[locale]
    value = measure.formula(["Eins zwei.", "Uno dos."])
    step = 0.01 if measure.more_is == "harder" else -0.01
    assert not measure.too_hard(["Eins zwei.", "Uno dos."], limit=value)
    assert measure.too_hard(["Eins zwei.", "Uno dos."], limit=value - step)


def test_the_limits_are_those_of_grade_6_and_grade_8() -> None:
    """Years of school in English and German; the bounds of grade 6 and of grades 7 and 8 in the Spanish table."""
    assert {locale: (m.whole, m.alone, m.more_is) for locale, m in MEASURES.items()} == {
        "en": (6.0, 8.5, "harder"),
        "es": (70.0, 60.0, "easier"),
        "de": (6.0, 8.5, "harder"),
    }


def test_syllables_are_counted_as_spoken() -> None:
    """Words counted by hand, in each language, give the same number."""
    english = {
        "my": 1, "therapist": 3, "welcome": 2, "people": 2, "life": 1, "understood": 3, "unsaid": 2, "seriously": 4,
        "decisions": 3, "equal": 2, "safe": 1, "stays": 1, "someone": 2, "matters": 2, "together": 3, "honest": 2,
        "doing": 2, "judged": 1, "pushed": 1, "noticed": 2, "taken": 2, "troubles": 2, "arrange": 2, "courage": 2,
    }  # fmt: skip
    spanish = {
        "mi": 1, "terapeuta": 4, "acogió": 3, "país": 2, "también": 2, "cuestionario": 4, "quiero": 2, "que": 1,
        "seguir": 2, "sigue": 2, "vergüenza": 3, "estuvo": 3, "muy": 1, "mayor": 2, "oí": 2, "decía": 3, "ahora": 3,
        "se": 1, "importó": 3, "buenas": 2, "juzgara": 3, "ánimo": 3, "preocupa": 4, "acuerdo": 3,
    }  # fmt: skip
    german = {
        "ich": 1, "spürte": 2, "Wärme": 2, "willkommen": 3, "Gegenüber": 4, "Menschen": 2, "gehört": 2, "Seite": 2,
        "entscheiden": 3, "Augenhöhe": 4, "vertraulich": 3, "gearbeitet": 4, "zusammen": 3, "ehrlich": 2, "ging": 1,
        "beweisen": 3, "Fehlern": 2, "Situation": 4, "bequem": 2, "vereinbart": 3, "Meer": 1, "Bäume": 2, "die": 1,
    }  # fmt: skip
    assert {word: english_syllables(word) for word in english} == english
    assert {word: spanish_syllables(word) for word in spanish} == spanish
    assert {word: german_syllables(word) for word in german} == german


def test_the_formulas_are_counted_as_published() -> None:
    """Sentences counted by hand: words, syllables, long words."""
    # 4 words, 3 + 3 + 4 + 1 syllables, one sentence
    assert flesch_kincaid(["My therapist understood everything."]) == pytest.approx(
        0.39 * 4 + 11.8 * (1 + 3 + 3 + 4) / 4 - 15.59
    )
    # 7 words in 2 sentences; sen-tí que me en-ten-dí-a is 2 + 1 + 1 + 4, sa-lí con á-ni-mo is 2 + 1 + 3
    assert fernandez_huerta(["Sentí que me entendía.", "Salí con ánimo."]) == pytest.approx(
        206.84 - 60 * 14 / 7 - 1.02 * 7 / 2
    )
    # 4 words: fühl-te 2, ver-stan-den 3; verstanden alone has more than six letters; ich and mich have one syllable
    assert wiener_sachtextformel(["Ich fühlte mich verstanden."]) == pytest.approx(
        0.1935 * 25 + 0.1672 * 4 + 0.1297 * 25 - 0.0327 * 50 - 0.875
    )


def test_words_and_sentences_are_told_apart() -> None:
    """Numbers and marks are no words, an apostrophe is inside one, and a line without a full stop is a sentence."""
    assert words(["It's 5 o'clock: „Ja“, ¿sí?"]) == ["It's", "o'clock", "Ja", "sí"]
    assert sentences(["One. Two?", "No stop at the end", "Wait..."]) == 4


@pytest.mark.parametrize(("key", "locale"), [(key, locale) for key, locale in FILES if locale != "en"])
def test_a_translation_has_every_text_of_its_original(key: str, locale: str) -> None:
    """The same items, instructions and labels as in English; a draft until a second speaker has checked it; CC0."""
    told, original = _read(key, locale), _read(key, "en")
    assert list(_items(key, locale)) == list(_items(key, "en"))
    assert list(told["instructions"]) == list(original["instructions"])
    assert list(told["labels"]) == [1, 2, 3, 4, 5]
    assert (told["instrument"], told["version"], told["locale"]) == (key, "1.0.0", locale)
    assert (told["status"], told["license"]) == ("draft", "CC0-1.0")
    assert told["title"] != original["title"]


@pytest.mark.parametrize("locale", MEASURES)
@pytest.mark.parametrize("suffix", ["", "-t"])
def test_the_short_form_is_the_first_line_of_each_three(suffix: str, locale: str) -> None:
    """The eight lines of the short form stand in the long one in the same words, so that both can be compared."""
    short, full = _items(f"trq-s{suffix}", locale), _items(f"trq{suffix}", locale)
    assert [short[str(n)] for n in range(1, 9)] == [full[str(n)] for n in (1, 4, 7, 10, 13, 16, 19, 22)]
    assert [short.get(f"f{n}") for n in range(1, 5)] == [full.get(f"f{n}") for n in range(1, 5)]


@pytest.mark.parametrize(("key", "locale"), FILES)
def test_no_line_is_there_twice(key: str, locale: str) -> None:
    """Each line of a form asks something of its own, and each answer has a label of its own."""
    texts = list(_items(key, locale).values())
    assert len(set(texts)) == len(texts) == {"trq": 30, "trq-t": 26, "trq-s": 12, "trq-s-t": 8}[key]
    labels = _read(key, locale).get("labels") or _read(key, locale)["scale"]["labels"]
    assert len(set(labels.values())) == 5
