"""How hard a text is to read, in the three languages of our own texts.

Each formula is a published one. All of them are made for texts of a hundred words and more: on one sentence they jump,
so a single item is held to a looser limit than an instrument as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_SENTENCE_END = re.compile(r"[.?!]+")

#: Words whose silent e stands inside, where the rules can't see it.
_ENGLISH_COMPOUNDS = {"someone": 2, "something": 2, "somewhat": 2, "sometimes": 2}
_SPANISH_STRONG = "aeoáéó"
_SPANISH_WEAK = "iuüy"
_SPANISH_ACCENTED_WEAK = "íú"
_GERMAN_VOWEL = re.compile(r"(?<=[ts])io(?=n)|aa|ee|oo|ai|ei|ey|ay|au|äu|eu|ie|[aeiouäöüy]")


def words(texts: Iterable[str]) -> list[str]:
    """Split texts into words: letters only, with an apostrophe inside."""
    return [word for text in texts for word in _WORD.findall(text)]


def sentences(texts: Iterable[str]) -> int:
    """Count sentences: each text is one at least, as a line of a form is, even where no full stop ends it."""
    return sum(max(1, len(_SENTENCE_END.findall(text))) for text in texts)


def english_syllables(word: str) -> int:
    """Count groups of vowels, without the silent e of `-e`, `-es` and `-ed`, and one more in `doing` and `serious`.

    Other vowels that part inside a group are missed (`experience` is counted as three).

    Examples
    --------
    >>> [english_syllables(word) for word in ("therapist", "noticed", "decisions", "little", "being", "faults")]
    [3, 2, 3, 2, 2, 1]
    """
    letters = "".join(re.findall(r"[a-z]", word.lower()))
    if letters in _ENGLISH_COMPOUNDS:
        return _ENGLISH_COMPOUNDS[letters]
    groups = len(re.findall(r"[aeiouy]+", letters))
    silent = re.search(r"([^aeiouyl]|[aeiouy]l)e$|([^aeiouysxzcghl]|[aeiouy]l)es$|[^aeiouytd]ed$", letters)
    parting = re.search(r"[aeiouy]ing$|[^cgtx]iou", letters)
    return max(1, groups - bool(silent) + bool(parting))


def spanish_syllables(word: str) -> int:
    """Count syllables by the rules of diphthongs: two strong vowels part, a weak one joins, an accented weak one parts.

    The u of `que`, `gue` and `gui` is silent; a y counts as a vowel only at the end of a word.

    Examples
    --------
    >>> [spanish_syllables(word) for word in ("terapeuta", "país", "escuela", "quiero", "idea", "estuvo", "muy")]
    [4, 2, 3, 2, 3, 3, 1]
    """
    letters = re.sub(r"qu(?=[eiéí])|gu(?=[eiéí])", "q", word.lower())
    letters = re.sub(r"y(?=.)", "j", letters)
    count = 0
    before = ""
    for letter in letters:
        vowel = letter in _SPANISH_STRONG + _SPANISH_WEAK + _SPANISH_ACCENTED_WEAK
        parts = (
            not before
            or (letter in _SPANISH_STRONG and before in _SPANISH_STRONG)
            or letter in _SPANISH_ACCENTED_WEAK
            or before in _SPANISH_ACCENTED_WEAK
        )
        count += vowel and parts
        before = letter if vowel else ""
    return max(1, count)


def german_syllables(word: str) -> int:
    """Count vowels, where a double vowel, ai, ei, au, äu, eu, ie and the io of -tion are one, and the u of qu is none.

    It errs where a prefix meets a vowel (`beurteilt` is counted as two) and where `ie` is spoken apart (`Familie`).

    Examples
    --------
    >>> [german_syllables(word) for word in ("Gegenüber", "gearbeitet", "Situation", "Schritte", "bequem", "ehrlich")]
    [4, 4, 4, 2, 2, 2]
    """
    return max(1, len(_GERMAN_VOWEL.findall(word.lower().replace("qu", "q"))))


def flesch_kincaid(texts: list[str]) -> float:
    """Return the Flesch-Kincaid grade [years of school, more = harder].

    Notes
    -----
    0.39 words per sentence + 11.8 syllables per word - 15.59. Limits: 6 for a whole; for one item grade 8 to the
    nearest year, 8.5.

    References
    ----------
    Kincaid, Fishburne, Rogers and Chissom 1975, Research Branch Report 8-75, Naval Technical Training Command.

    Examples
    --------
    >>> round(flesch_kincaid(["The cat sat on the mat."]), 2)
    -1.45
    """
    said = words(texts)
    return 0.39 * len(said) / sentences(texts) + 11.8 * _mean(english_syllables, said) - 15.59


def fernandez_huerta(texts: list[str]) -> float:
    """Return the reading ease of a Spanish text [about 0-100 and above, more = easier].

    Notes
    -----
    206.84 - 60 syllables per word - 1.02 words per sentence. Its author's table: 70 to 80 is grade 6, 60 to 70 is
    grades 7 and 8. Limits: 70 for a whole, 60 for one item.

    References
    ----------
    Fernández Huerta 1959, Medidas sencillas de lecturabilidad, Consigna 214, 29-32; with words per sentence as Law 2011
    (Error in the Fernandez Huerta readability formula) has corrected what later copies of the formula say.

    Examples
    --------
    >>> round(fernandez_huerta(["La casa es muy grande."]), 2)
    117.74
    """
    said = words(texts)
    return 206.84 - 60 * _mean(spanish_syllables, said) - 1.02 * len(said) / sentences(texts)


def wiener_sachtextformel(texts: list[str]) -> float:
    """Return the first Viennese formula of a German text [years of school, from 4 on, more = harder].

    Notes
    -----
    0.1935 MS + 0.1672 SL + 0.1297 IW - 0.0327 ES - 0.875: MS is the percentage of words of three syllables and more, SL
    words per sentence, IW the percentage of words of more than six letters, ES of words of one syllable. Limits: 6 for
    a whole; for one item grade 8 to the nearest year, 8.5.

    References
    ----------
    Bamberger and Vanecek 1984, Lesen - Verstehen - Lernen - Schreiben, Jugend und Volk, Vienna.

    Examples
    --------
    >>> round(wiener_sachtextformel(["Die Katze sitzt auf dem Dach."]), 4)
    -2.5968
    """
    said = words(texts)
    many = 100 * _mean(lambda word: german_syllables(word) >= 3, said)
    long = 100 * _mean(lambda word: len(word) > 6, said)
    one = 100 * _mean(lambda word: german_syllables(word) == 1, said)
    return 0.1935 * many + 0.1672 * len(said) / sentences(texts) + 0.1297 * long - 0.0327 * one - 0.875


def _mean(count: Callable[[str], float], said: list[str]) -> float:
    return sum(map(count, said)) / len(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A formula and how hard a text may be by it: as a whole (grade 6), and one item alone (grade 8)."""

    formula: Callable[[list[str]], float]
    whole: float
    alone: float
    more_is: str

    def too_hard(self, texts: list[str], *, limit: float) -> bool:
        """Say whether texts taken together are beyond the limit."""
        value = self.formula(texts)
        return value > limit if self.more_is == "harder" else value < limit


MEASURES = {
    "en": Measure(formula=flesch_kincaid, whole=6.0, alone=8.5, more_is="harder"),
    "es": Measure(formula=fernandez_huerta, whole=70.0, alone=60.0, more_is="easier"),
    "de": Measure(formula=wiener_sachtextformel, whole=6.0, alone=8.5, more_is="harder"),
}
