"""The catalogue: texts by language, a site's own folder over what is shipped, and what is known without a key."""

from __future__ import annotations

from pathlib import Path

import pytest

import app.instruments
from app.errors import DefinitionFault, InstrumentKeyNotAvailable, NotFound
from app.instruments.catalog import Catalog, open_catalog, shipped
from app.instruments.model import Instrument, ItemId
from app.instruments.texts import Texts, check_texts, in_words
from app.scoring.score import Score, score

DEFINITIONS = Path(app.instruments.__file__).parent / "definitions"
WAI_S = (DEFINITIONS / "wai-s" / "1.0.0.yaml").read_text("utf-8")

#: A key that is listed without one, in three items of our own invention.
ARM_12 = """\
format: 1
key: arm-12
version: 1.0.0
title: A site's own key
raters: [client]
scale: {min: 1, max: 7}
convention: mean
items: [{id: "1"}, {id: "2"}, {id: "3"}]
components: []
total: {key: total}
missing_rule: {minimum: standard, total_needs_components: false, source: Our licensed copy.}
key_status: verified
validated: true
license: Licensed to this site.
sources: [{says: Our licensed copy}]
"""

#: Texts as a licensed site would load them; the words are invented.
WAI_SR_EN = """\
format: 1
instrument: wai-sr
version: 1.0.0
locale: en
status: checked
license: Licensed to this site.
title: A title
instructions: {scored: Think of it.}
labels: {1: one, 2: two, 3: three, 4: four, 5: five}
items: {"1": A, "2": B, "3": C, "4": D, "5": E, "6": F, "7": G, "8": H, "9": I, "10": J, "11": K, "12": L}
notes: [Loaded by this site.]
"""


def _folder(path: Path, **files: str) -> Path:
    """Lay files out; `wai_s__1_0_1` stands for wai-s/1.0.1.yaml."""
    for name, text in files.items():
        key, _, version = name.partition("__")
        place = path / key.replace("_", "-") / f"{version.replace('_', '.')}.yaml"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    return path


def _refused(path: Path) -> list[str]:
    with pytest.raises(DefinitionFault) as refused:
        open_catalog(path)
    return str(refused.value).splitlines()


# --- a site's own folder ---


def test_without_a_folder_there_is_what_is_shipped(tmp_path: Path) -> None:
    """No setting, and an empty folder, are the same catalogue."""
    assert open_catalog(None) is shipped()
    assert open_catalog(tmp_path).listed() == shipped().listed()


def test_a_sites_new_version_takes_the_place_of_a_doubtful_key(tmp_path: Path) -> None:
    """A checked wai-s 1.0.1 is the newest and needs no enabling; 1.0.0 can still be got and scores as before."""
    newer = WAI_S.replace("1.0.0", "1.0.1").replace("key_status: recall", "key_status: verified")
    newer = newer.replace('reversed: ["4", "10"]', 'reversed: ["4"]')
    catalog = open_catalog(_folder(tmp_path, wai_s__1_0_1=newer))
    assert [i.version for i in catalog.versions("wai-s")] == ["1.0.0", "1.0.1"]
    assert (catalog.latest("wai-s").version, catalog.latest("wai-s").needs_enabling) == ("1.0.1", False)
    assert (catalog.get("wai-s", "1.0.0"), catalog.get("wai-s", None)) == (
        shipped().get("wai-s", "1.0.0"),
        catalog.get("wai-s", "1.0.1"),
    )
    goal = {ItemId("4"): 1, ItemId("6"): 7, ItemId("10"): 1, ItemId("11"): 7}
    sums = {
        version: next(s.sum for s in score(catalog.get("wai-s", version), {**goal}) if isinstance(s, Score))
        for version in ("1.0.0", "1.0.1")
    }
    assert sums == {"1.0.0": 28.0, "1.0.1": 22.0}
    assert [i.version for i in shipped().versions("wai-s")] == ["1.0.0"]
    with pytest.raises(NotFound):
        catalog.get("wai-s", "1.0.2")


def test_a_shipped_version_is_never_replaced(tmp_path: Path) -> None:
    """The same key and version with other content is refused; with the same content it may lie there."""
    assert open_catalog(_folder(tmp_path, wai_s__1_0_0=f"# our copy\n{WAI_S}")).listed() == shipped().listed()
    _folder(tmp_path, wai_s__1_0_0=WAI_S.replace("key_status: recall", "key_status: verified"))
    assert _refused(tmp_path) == [
        (
            "wai-s/1.0.0.yaml: wai-s 1.0.0 is shipped with other content; "
            "give yours a version of its own, such as the next one, for stored scores name the shipped one"
        )
    ]


def test_every_fault_of_every_file_is_named(tmp_path: Path) -> None:
    """A faulty folder stops the start, and an operator does not have to find the faults one by one."""
    _folder(
        tmp_path,
        a__1_0_0=ARM_12.replace("key: arm-12", "key: a").replace("max: 7", "max: 0"),
        arm_12__1_0_0=ARM_12.replace("validated: true", "validated: yess").replace("format: 1", "format: 9"),
        b__1_0_0=ARM_12,
        wai_sr__1_0_0_en=WAI_SR_EN.replace(', "12": L', ""),
    )
    (tmp_path / "loose.yaml").write_text("x", "utf-8")
    (tmp_path / "a" / "1.0.yml").write_text("x", "utf-8")
    (tmp_path / "a" / "2.0.0.yaml").write_bytes(b"\xff")
    (tmp_path / "a" / "README.md").write_text("left alone", "utf-8")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "1.0.0.yaml").write_text("left alone", "utf-8")
    assert _refused(tmp_path) == [
        "a/1.0.yml: put it at KEY/VERSION.yaml, or at KEY/VERSION.LOCALE.yaml for texts",
        "a/2.0.0.yaml: can't be read as UTF-8 text (UnicodeDecodeError)",
        "loose.yaml: put it at KEY/VERSION.yaml, or at KEY/VERSION.LOCALE.yaml for texts",
        "a/1.0.0.yaml: line 6, column 14: scale/min: min is not below max; write the lowest answer as min",
        "arm-12/1.0.0.yaml: line 1, column 9: format: 9 is not what stands here; write 1",
        (
            "arm-12/1.0.0.yaml: line 13, column 12: validated: 'yess' is not true or false; "
            "write true or false without quotes"
        ),
        "b/1.0.0.yaml: what it says belongs into arm-12/1.0.0.yaml; move it, or mend what it says",
        'wai-sr/1.0.0.en.yaml: line 10, column 8: items: no text for the item 12; add "12": with its text',
    ]


def test_a_folder_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    """A mistyped setting does not silently leave a site without its instruments."""
    assert _refused(tmp_path / "nowhere") == ["ALLIANCE_INSTRUMENTS_DIR: there is no such folder"]


# --- known without a key ---

KNOWN = ["arm-12", "arm-28", "b-l-ri", "br-wai", "calpas-p", "rri-c", "star-c", "star-p", "wai-sr-t"]


def test_what_is_known_without_a_key_is_listed_with_the_reason() -> None:
    """The nine of the science page, none of which can be got or scored."""
    assert [one.key for one in shipped().listed_unavailable()] == KNOWN
    assert all(one.reason.endswith(".") for one in shipped().listed_unavailable())
    for key in KNOWN:
        assert shipped().versions(key) == []
        with pytest.raises(InstrumentKeyNotAvailable, match=f"the scoring key of {key} is not available: "):
            shipped().latest(key)
        with pytest.raises(InstrumentKeyNotAvailable):
            shipped().get(key, "1.0.0")
    assert (shipped().unavailable("trq-s"), shipped().unavailable("no-such")) == (None, None)


def test_a_sites_own_definition_makes_one_available(tmp_path: Path) -> None:
    """With a key of the site's own the entry gives way, and the others stay."""
    catalog = open_catalog(_folder(tmp_path, arm_12__1_0_0=ARM_12))
    assert catalog.unavailable("arm-12") is None
    assert [one.key for one in catalog.listed_unavailable()] == KNOWN[1:]
    assert catalog.latest("arm-12").key_status == "verified"


# --- texts ---


def _texts(text: str) -> tuple[Texts | None, list[str]]:
    read = check_texts(text, lambda key, version: next(iter(_found(key, version)), None))
    return read.value, [fault.sentence for fault in read.faults]


def _found(key: str, version: str) -> list[Instrument]:
    return [i for i in shipped().versions(key) if i.version == version]


TEXT_FAULTS = [
    (
        "instrument: wai-sr",
        "instrument: wai",
        "line 3, column 10: version: no definition of wai 1.0.0; mend the key or",
    ),
    ("version: 1.0.0", "version: 1.0.9", "line 3, column 10: version: no definition of wai-sr 1.0.9; mend the key or"),
    (', "12": L', ', "13": L', "line 10, column 99: items/13: the definition has no item 13; mend its id, or take it"),
    (', "12": L', ', "13": L', 'line 10, column 8: items: no text for the item 12; add "12": with its text'),
    ("5: five", "6: six", "line 9, column 45: labels/6: a label for 6, which is no answer; the answers go from 1 to 5"),
    (", 5: five", "", "line 9, column 9: labels: no label for 5; give one for every value, or leave all of them out"),
    ("scored: Think of it.", "focus: Think", "line 8, column 16: instructions/focus: no instruction focus in the de"),
    ("locale: en", "locale: english", "line 4, column 9: locale: 'english' is not written as it must be; write a la"),
    (
        "status: checked",
        "status: final",
        "line 5, column 9: status: 'final' is not one of the choices; write one of: d",
    ),
    (
        "title: A title",
        "titel: A title",
        "line 7, column 1: titel: unknown field; remove it or mend its name, perhaps ",
    ),
    ("title: A title", "titel: A title", "line 1, column 1: (top): the field title is missing; add title: with its va"),
    ('"1": A', '"1": ""', "line 10, column 14: items/1: the text is empty; write something or remove the field"),
    ('"2": B', '"1": B', "line 10, column 17: items/1: the key stands twice (first in line 10); keep one of the two"),
]


@pytest.mark.parametrize(("right", "wrong", "says"), TEXT_FAULTS)
def test_a_fault_in_texts_is_named_with_its_place(right: str, wrong: str, says: str) -> None:
    """An item without text, a text without item, wrong labels or an unknown instrument is refused."""
    assert right in WAI_SR_EN
    value, said = _texts(WAI_SR_EN.replace(right, wrong, 1))
    assert value is None
    assert [one for one in said if one.startswith(says)], said


@pytest.mark.parametrize(
    ("left_out", "says"),
    [
        (
            "labels",
            "line 1, column 1: (top): no labels, though the definition has some; add labels: with one for every",
        ),
        ("instructions", "line 1, column 1: instructions: no text for focus; add focus: as the definition has it"),
    ],
)
def test_a_translation_says_all_that_the_definition_says(left_out: str, says: str) -> None:
    """Where the definition has labels and instructions, a translation has them too, or a form would mix languages."""
    spanish = (DEFINITIONS / "trq-s" / "1.0.0.es.yaml").read_text("utf-8")
    assert _texts(spanish)[1] == []
    _, said = _texts(spanish.replace(f"\n{left_out}:", f"\nx-{left_out}:", 1))
    assert any(f"x-{left_out}: unknown field" in one for one in said)
    assert any(one.startswith(says) for one in said)


def test_the_definitions_own_language_is_not_said_twice() -> None:
    """A text file in the language of the definition is refused, since nobody could say which of the two counts."""
    spanish = (DEFINITIONS / "trq-s" / "1.0.0.es.yaml").read_text("utf-8")
    _, said = _texts(spanish.replace("locale: es", "locale: en"))
    assert said[0].split(": ", 1)[1].startswith("locale: the definition itself is in en; a text file is for another")


def test_a_licensed_site_loads_texts_for_a_key(tmp_path: Path) -> None:
    """The items are told in the site's words; digest, version and scores stay those of the shipped key."""
    catalog = open_catalog(_folder(tmp_path, wai_sr__1_0_0_en=WAI_SR_EN))
    plain = catalog.latest("wai-sr")
    assert (plain.items[0].text, catalog.locales(plain)) == (None, ["en"])
    told = catalog.told(plain, None)
    assert [(i.id, i.text) for i in told.items][:2] == [("1", "A"), ("2", "B")]
    assert [o.label for o in told.items[11].options] == ["one", "two", "three", "four", "five"]
    assert (told.title, told.language, told.instructions) == ("A title", "en", {"scored": "Think of it."})
    assert told.notes == (*plain.notes, "Loaded by this site.")
    assert (told.digest, told.version, told.components) == (plain.digest, plain.version, plain.components)
    assert score(told, {ItemId("1"): 4}) == score(plain, {ItemId("1"): 4})


def test_texts_have_a_digest_of_their_own() -> None:
    """Another word is another digest, another layout is not; the definition's digest knows nothing of it."""
    one, other = _texts(WAI_SR_EN)[0], _texts(WAI_SR_EN.replace('"1": A', '"1": Z'))[0]
    same = _texts(f"# a comment\n{WAI_SR_EN}")[0]
    assert one is not None
    assert other is not None
    assert same is not None
    assert one.digest == same.digest != other.digest
    wai = shipped().latest("wai-sr")
    assert in_words(wai, one).digest == in_words(wai, other).digest == wai.digest


def test_our_own_instruments_are_told_in_three_languages() -> None:
    """English in the definition, German and Spanish beside it; an unknown language falls back to English."""
    trq = shipped().latest("trq-s")
    assert shipped().locales(trq) == ["en", "de", "es"]
    assert shipped().told(trq, "fr") is trq
    assert shipped().told(trq, None) is trq
    german = shipped().told(trq, "de")
    assert german.language == "de"
    assert [item.id for item in german.items] == [item.id for item in trq.items]
    assert not {item.text for item in german.items} & {item.text for item in trq.items}


def test_a_sites_checked_texts_replace_a_shipped_draft_and_nothing_else(tmp_path: Path) -> None:
    """A draft gives way to what a second speaker has checked; another draft is refused."""
    base = next(t for t in shipped().texts_of(shipped().latest("trq-s")) if t.locale == "es")
    assert base.status == "draft"
    spanish = (DEFINITIONS / "trq-s" / "1.0.0.es.yaml").read_text("utf-8")
    checked = spanish.replace("status: draft", "status: checked")
    catalog = open_catalog(_folder(tmp_path, trq_s__1_0_0_es=checked))
    assert [(t.locale, t.status) for t in catalog.texts_of(catalog.latest("trq-s"))][1] == ("es", "checked")
    _folder(tmp_path, trq_s__1_0_0_es=spanish.replace("license: CC0-1.0", "license: Ours"))
    assert _refused(tmp_path) == [
        "trq-s/1.0.0.es.yaml: texts in es are shipped already; only checked texts take the place of a shipped draft"
    ]


def test_texts_lie_where_they_say_they_belong(tmp_path: Path) -> None:
    """A file named for another language, or another instrument, is a mistake."""
    _folder(tmp_path, wai_sr__1_0_0_de=WAI_SR_EN)
    assert _refused(tmp_path) == [
        "wai-sr/1.0.0.de.yaml: what it says belongs into wai-sr/1.0.0.en.yaml; move it, or mend what it says"
    ]


def test_a_catalogue_may_be_made_by_hand() -> None:
    """Without texts and without anything known: what tests of other parts need."""
    catalog = Catalog((shipped().latest("wai-sr"),))
    assert (catalog.listed_unavailable(), catalog.locales(catalog.latest("wai-sr"))) == ([], [])
    with pytest.raises(NotFound):
        catalog.latest("arm-12")
