"""Faults of a definition: each is named with its line, its column and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

import app.instruments
from app.errors import DefinitionFault
from app.instruments.definition import check_definition, read_definition
from app.instruments.rules import RULES

DEFINITIONS = Path(app.instruments.__file__).parent / "definitions"


def _text(key: str) -> str:
    return (DEFINITIONS / key / "1.0.0.yaml").read_text("utf-8")


def _said(text: str) -> list[str]:
    return [fault.sentence for fault in check_definition(text).faults]


#: A definition small enough to count its lines: a mistake is put in by replacing one piece.
SMALL = """\
format: 1
key: small
version: 1.0.0
title: A small one
language: en
raters: [client]
scale:
  min: 1
  max: 3
  labels: {1: never, 2: at times, 3: always}
convention: sum
items:
  - {id: "1", text: "One"}
  - {id: "2", text: "Two"}
  - {id: "3", text: "Three"}
focus:
  - {id: f1, stage: establishing_rapport, text: "A"}
  - {id: f2, stage: exploring_the_problem, text: "B"}
  - {id: f3, stage: working_on_solutions, text: "C"}
  - {id: f4, stage: termination, text: "D"}
beside:
  - {id: b1, topic: boundaries, text: "E"}
reversed: ["2"]
components:
  - {key: warmth, facet: [bond], items: ["1", "2"]}
  - {key: aims, facet: [goal], items: ["3"]}
rollups:
  - {key: both, of: [warmth, aims]}
total: {key: total}
missing_rule:
  minimum: {warmth: 1}
  total_needs_components: false
  source: Invented.
cut_offs:
  - {component: total, value: 5, direction: below, source: {says: Invented}}
key_status: own
validated: false
license: CC0-1.0
sources:
  - {says: Invented}
"""

FAULTS = [
    # YAML
    (
        "raters: [client]",
        "raters: [client",
        "line 7, column 6: (top): not readable as YAML: expected ',' or ']'",
    ),
    (
        "version: 1.0.0",
        "version: 1.0.0\nversion: 1.0.1",
        "line 4, column 1: version: the key stands twice (first in line 3); keep one of the two",
    ),
    (
        "{1: never, 2: at times",
        "{1: never, 1: at times",
        "line 10, column 22: scale/labels/1: the key stands twice (first in line 10); keep one of the two",
    ),
    (
        "title: A small one",
        "title: 2026-01-31",
        "line 4, column 8: title: a value of the kind timestamp; put it in quotes, or write it out plainly",
    ),
    (
        "title: A small one",
        "title: !!python/name:os.system",
        "line 4, column 8: title: a value of the kind python/name:os.system; put it in quotes, or write it out plainly",
    ),
    (
        "  - {says: Invented}",
        "  - &a {says: Invented}\n  - *a",
        "line 41, column 5: (top): not readable as YAML: an alias: write it out; ",
    ),
    (
        "title: A small one",
        "title: A small one\n? [a, b]\n: c",
        "line 5, column 3: (top): a key that is no plain word; write a name before the colon",
    ),
    # the schema
    ("{1: never,", "{1: no,", "line 10, column 15: scale/labels/1: False is not text; put it in quotes, as in"),
    ("format: 1", "format: 2", "line 1, column 9: format: 2 is not what stands here; write 1"),
    (
        "validated: false\n",
        "",
        "line 1, column 1: (top): the field validated is missing; add validated: with its value",
    ),
    (
        "validated: false",
        "validated: perhaps",
        "line 37, column 12: validated: 'perhaps' is not true or false; write true or false without quotes",
    ),
    (
        "convention: sum",
        "convention: sum\nrater: client",
        "line 12, column 1: rater: unknown field; remove it or mend its name, perhaps to raters; known here: fo",
    ),
    (
        "key: small",
        "key: Small_One",
        "line 2, column 6: key: 'Small_One' is not written as it must be; ",
    ),
    (
        "version: 1.0.0",
        "version: 1.0",
        "line 3, column 10: version: 1.0 is not text; write three numbers, such as 1.0.0",
    ),
    (
        "raters: [client]",
        "raters: [friend]",
        "line 6, column 10: raters/0: 'friend' is not one of the choices; ",
    ),
    ("raters: [client]", "raters: []", "line 6, column 9: raters: too few entries; give at least 1"),
    ("raters: [client]", "raters: client", "line 6, column 9: raters: 'client' is not a list; write [a, b], or one"),
    (
        "raters: [client]",
        "raters: [client, client]",
        "line 6, column 9: raters: an entry stands twice; keep one of the two",
    ),
    ('{id: "1", text', "{id: 1, text", "line 13, column 10: items/0/id: 1 is not text; write a number in quotes"),
    ("min: 1\n", "min: low\n", "line 8, column 8: scale/min: 'low' is not a whole number; write digits without quotes"),
    ("min: 1\n", "min: -1001\n", "line 8, column 8: scale/min: -1001 is too small; write -1000 or more"),
    (
        "minimum: {warmth: 1}",
        "minimum: {warmth: 0}",
        "line 31, column 21: missing_rule/minimum/warmth: 0 is too small;",
    ),
    (
        "minimum: {warmth: 1}",
        "minimum: usual",
        "line 31, column 12: missing_rule/minimum: 'usual' is not written as it",
    ),
    (
        "facet: [goal]",
        "facet: [aims]",
        "line 26, column 25: components/1/facet/0: 'aims' is not one of the choices; write one of: bond, task, goal,",
    ),
    (
        "sources:\n  - {says: Invented}",
        "sources:\n  - {says: Invented, doi: https://doi.org/10.1/x}",
        "line 40, column 27: sources/0/doi: 'https://doi.org/10.1/x' is not written as it must be; write the DOI",
    ),
    # the rules
    ('{id: "2", text', '{id: "1", text', "line 14, column 10: items/1/id: the id 1 stands twice; give each item an id"),
    (
        "{id: b1,",
        "{id: f1,",
        "line 22, column 10: beside/0/id: the id f1 stands twice; give each item an id of its own",
    ),
    ("{key: aims,", "{key: warmth,", "line 26, column 11: components/1/key: the key warmth stands twice; give each"),
    ("{key: both,", "{key: total,", "line 28, column 11: rollups/0/key: total is the key of the total; give each"),
    (
        'items: ["3"]',
        'items: ["4"]',
        "line 26, column 40: components/1/items/0: no scored item 4; declare it under items, or take it out here",
    ),
    ('items: ["3"]', 'items: ["b1"]', "line 26, column 40: components/1/items/0: no scored item b1; declare it under"),
    (
        'items: ["3"]',
        'items: ["3", "2"]',
        "line 26, column 45: components/1/items/1: the item 2 is in warmth already; leave it in one component",
    ),
    (
        'items: ["1", "2"]',
        'items: ["1"]',
        "line 14, column 10: items/1/id: no component has the item 2; put it into a component, or take it out",
    ),
    ('reversed: ["2"]', 'reversed: ["f1"]', "line 23, column 12: reversed/0: no scored item f1; declare it under"),
    (
        "of: [warmth, aims]",
        "of: [warmth, hope]",
        "line 28, column 30: rollups/0/of/1: no component hope; name one of: warmth, aims",
    ),
    (
        "minimum: {warmth: 1}",
        "minimum: {hope: 1}",
        "line 31, column 13: missing_rule/minimum/hope: no component hope; name one of: warmth, aims, both, total",
    ),
    (
        "minimum: {warmth: 1}",
        "minimum: {warmth: 3}",
        "line 31, column 21: missing_rule/minimum/warmth: 3 answers are more than the 2 items of warmth; write 1 to 2",
    ),
    (
        "stage: exploring_the_problem",
        "stage: termination",
        "line 18, column 21: focus/1/stage: termination where exploring_the_problem belongs; keep the order",
    ),
    ("min: 1\n", "min: 1.0\n", "line 8, column 8: scale/min: 1.0 has a point; write a whole number, such as 1"),
    ("max: 3\n", "max: 1\n", "line 8, column 8: scale/min: min is not below max; write the lowest answer as min"),
    ("max: 3\n", "max: 2\n", "line 10, column 35: scale/labels/3: a label for 3, which is no answer; the answers go"),
    (
        ", 3: always}",
        "}",
        "line 10, column 11: scale/labels: no label for 3; give one for every value, or leave all of them out",
    ),
    (
        "{1: never, 2: at times, 3: always}",
        "{2: at times, 1: never, 3: always}",
        "line 10, column 11: scale/labels: the labels are out of order; list them from the lowest value to the highest",
    ),
    (
        "{component: total,",
        "{component: hope,",
        "line 35, column 17: cut_offs/0/component: no component hope; name one",
    ),
    ("value: 5", "value: 10", "line 35, column 31: cut_offs/0/value: 10 is no value of total; write 3 to 9"),
    ("value: 5", "value: 2.9", "line 35, column 31: cut_offs/0/value: 2.9 is no value of total; write 3 to 9"),
    (
        ', text: "Three"}',
        "}",
        "line 15, column 5: items/2: no text, though other items have one; give every item a text, or take all of them",
    ),
    (
        "language: en\n",
        "",
        "line 1, column 1: (top): texts without a language; add language: with two letters, such as en",
    ),
]


def test_the_small_definition_has_no_fault() -> None:
    """So each fault below is the one that was put in."""
    assert _said(SMALL) == []
    assert [item.role for item in read_definition(SMALL).items if item.id == "b1"] == ["beside"]


@pytest.mark.parametrize(("right", "wrong", "says"), FAULTS)
def test_a_fault_is_named_with_its_place_and_what_to_do(right: str, wrong: str, says: str) -> None:
    """One thing broken is told with line, column, path, what is wrong and what to do; and the file is refused."""
    assert SMALL.count(right) >= 1
    text = SMALL.replace(right, wrong, 1)
    said = _said(text)
    assert [one for one in said if one.startswith(says)], said
    with pytest.raises(DefinitionFault) as refused:
        read_definition(text)
    assert str(refused.value) == "\n".join(said)


def test_all_faults_are_named_at_once_in_the_order_of_the_file() -> None:
    """An author does not have to find the faults one by one, those of the schema and of the rules together."""
    text = SMALL.replace("format: 1", "format: 3").replace('reversed: ["2"]', 'reversed: ["9"]')
    text = text.replace("of: [warmth, aims]", "of: [warmth, hope]").replace("license:", "licence:\n  x: 1\nlicense:")
    assert [one.split(": ")[1] for one in _said(text)] == ["format", "reversed/0", "rollups/0/of/1", "licence"]


def test_a_part_of_the_wrong_type_hides_the_rules_that_need_it() -> None:
    """Where items are no list, nothing is said of components that name them."""
    text = SMALL.replace('items:\n  - {id: "1", text: "One"}', "items: 7\nspare:\n  - {id: x}", 1)
    assert [one.split(": ")[1] for one in _said(text)] == ["items", "spare"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1, column 1: (top): the file is empty; write the fields it must have"),
        ("# only a comment\n", "line 1, column 1: (top): the file is empty; write the fields it must have"),
        ("- 1", "line 1, column 1: (top): [1] is not a mapping; write {name: value}, or one name: value a line"),
        (
            "just words",
            "line 1, column 1: (top): 'just words' is not a mapping; write {name: value}, or one name: value",
        ),
        (
            "a: " + "[" * 30 + "]" * 30,
            "line 1, column 24: a/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0: nested too deeply",
        ),
        ("a: " + "[" * 5000, "line 1, column 1: (top): not readable as YAML: RecursionError; "),
    ],
)
def test_what_is_no_mapping_is_no_definition(text: str, says: str) -> None:
    """An empty file, a list, a sentence and a heap of brackets are refused like any other fault."""
    said = _said(text)
    assert len(said) == 1
    assert said[0].startswith(says)


def test_every_rule_has_a_fault_that_shows_it() -> None:
    """A rule that no fault of this file breaks would be a rule nobody has seen at work."""
    broken = {rule.__name__ for rule in RULES for right, wrong, _ in FAULTS if _breaks(rule.__name__, right, wrong)}
    assert broken == {rule.__name__ for rule in RULES}


def _breaks(name: str, right: str, wrong: str) -> bool:
    from app.instruments.strict_yaml import load_strict

    rule = next(rule for rule in RULES if rule.__name__ == name)
    try:
        return bool(list(rule(load_strict(SMALL.replace(right, wrong, 1)))))
    except Exception:  # noqa: BLE001 - a fault of the YAML or the schema is not for the rules
        return False


@pytest.mark.parametrize("key", sorted(path.name for path in DEFINITIONS.iterdir()))
def test_what_is_shipped_has_no_fault(key: str) -> None:
    """The first version of every shipped definition."""
    assert _said(_text(key)) == []
