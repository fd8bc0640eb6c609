"""Counts over forms: exact, whatever the order, and as if a form that was taken out had never been there."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.instruments.catalog import shipped
from app.instruments.model import NOT_APPLICABLE, Answer, Instrument, ItemId
from app.psychometrics.counts import (
    NO_SERIES,
    CompleteForm,
    Counts,
    Layout,
    complete_form,
    count_forms,
    covariance,
    from_document,
    layout_of,
    no_counts,
    positions_of,
)

LAYOUT = Layout(items=3, lowest=1, options=5)
FORM = st.tuples(*[st.integers(1, 5)] * 3)
FORMS = st.lists(FORM, max_size=12)


def by_hand(forms: list[CompleteForm]) -> Counts:
    """Count slowly, in the words of the definition."""
    pairs = [(a, b) for a in range(3) for b in range(a, 3)]
    numbers = [sum(form[item] for form in forms) for item in range(3)]
    numbers += [sum(form[a] * form[b] for form in forms) for a, b in pairs]
    numbers += [sum(form[item] == value for form in forms) for item in range(3) for value in range(1, 6)]
    return Counts(layout=LAYOUT, forms=len(forms), numbers=tuple(numbers))


@given(forms=FORMS)
def test_one_by_one_is_all_at_once(forms: list[CompleteForm]) -> None:
    """Adding forms one by one, counting them at once and counting them by hand give the same integers."""
    counts = no_counts(LAYOUT)
    for form in forms:
        counts = counts.added(form)
    assert counts == count_forms(LAYOUT, forms) == by_hand(forms)


@given(kept=FORMS, gone=FORMS, order=st.randoms(use_true_random=False))
def test_taken_out_is_never_there(kept: list[CompleteForm], gone: list[CompleteForm], order: Random) -> None:
    """Whatever comes and goes in between, the counts are those of the forms that stayed."""
    counts, series = no_counts(LAYOUT), NO_SERIES
    arriving = kept + gone
    order.shuffle(arriving)
    for form in arriving:
        counts, series = counts.added(form), series.added(form)
    for form in gone:
        counts, series = counts.removed(form), series.removed(form)
    assert counts == by_hand(kept)
    totals = [sum(form) for form in kept]
    assert (series.forms, series.total, series.squares) == (len(kept), sum(totals), sum(t * t for t in totals))


@given(some=FORMS, others=FORMS)
def test_counts_merge_and_part(some: list[CompleteForm], others: list[CompleteForm]) -> None:
    """Two sets of forms counted apart and merged are counted together, and part again."""
    one, other = count_forms(LAYOUT, some), count_forms(LAYOUT, others)
    assert one.merged(other) == count_forms(LAYOUT, some + others) == other.merged(one)
    assert one.merged(other).without(other) == one
    assert no_counts(LAYOUT).without(one).merged(one) == no_counts(LAYOUT)


@given(forms=FORMS)
def test_documents_keep_everything(forms: list[CompleteForm]) -> None:
    """What is written to a database comes back as it was, as plain integers."""
    counts = count_forms(LAYOUT, forms)
    document = json.loads(json.dumps(counts.to_document()))
    assert from_document(LAYOUT, forms=counts.forms, document=document) == counts
    assert all(type(number) is int for number in (*counts.numbers, *counts.to_document()))


def test_parts_are_where_they_are_said_to_be() -> None:
    """Sums, products and counts per value, worked out by hand for two forms."""
    counts = count_forms(LAYOUT, [(1, 2, 5), (3, 2, 4)])
    assert counts.sums == (4, 4, 9)
    assert [counts.product(0, item) for item in range(3)] == [10, 8, 17]
    assert (counts.product(2, 1), counts.product(1, 2), counts.product(2, 2)) == (18, 18, 41)
    assert counts.values == ((1, 0, 1, 0, 0), (0, 2, 0, 0, 0), (0, 0, 0, 1, 1))
    assert covariance(counts, [0, 2]).tolist() == [[2.0, -1.0], [-1.0, 0.5]]


@pytest.mark.parametrize("form", [(1, 2), (1, 2, 3, 4), (0, 1, 1), (1, 1, 6)])
def test_a_form_of_another_instrument_is_refused(form: CompleteForm) -> None:
    """A wrong number of items, or a number that is no option, is never counted."""
    with pytest.raises(ValueError, match="number"):
        count_forms(LAYOUT, [form])
    with pytest.raises(ValueError, match="number"):
        no_counts(LAYOUT).added(form)


def test_counts_of_another_instrument_are_refused() -> None:
    """Counts merge with their like only, and a document of another length is not read."""
    other = no_counts(Layout(items=2, lowest=1, options=5))
    with pytest.raises(ValueError, match="another instrument"):
        no_counts(LAYOUT).merged(other)
    with pytest.raises(ValueError, match="another instrument"):
        from_document(LAYOUT, forms=0, document=other.to_document())
    with pytest.raises(ValueError, match="two forms"):
        covariance(no_counts(LAYOUT).added((1, 1, 1)), [0])


def test_only_complete_forms_count() -> None:
    """One scored item without a number leaves the form out; focus items may be empty."""
    trq = shipped().latest("trq-s")
    answers: dict[ItemId, Answer] = {ItemId(str(n)): 4 for n in range(1, 9)}
    assert complete_form(trq, answers) == (4,) * 8
    assert complete_form(trq, answers | {ItemId("f1"): 5}) == (4,) * 8
    assert complete_form(trq, answers | {ItemId("7"): None}) is None
    assert complete_form(trq, answers | {ItemId("7"): NOT_APPLICABLE}) is None


def test_reversed_items_are_turned_in_whole_options() -> None:
    """A reversed item counts min + max - x; a visual scale counts in tenths."""
    arm = shipped().latest("arm-5")
    assert complete_form(arm, {ItemId(str(n)): n for n in range(1, 6)}) == (1, 2, 5, 4, 5)
    srs = shipped().latest("srs")
    assert complete_form(srs, {ItemId(str(n)): 85 for n in range(1, 5)}) == (85, 85, 85, 85)
    assert layout_of(srs) == Layout(items=4, lowest=0, options=101)


@pytest.mark.parametrize("instrument", shipped().listed(), ids=lambda one: one.key)
def test_components_are_found_in_the_form(instrument: Instrument) -> None:
    """The total is every scored item; a component's positions are its items'."""
    layout = layout_of(instrument)
    assert positions_of(instrument, "total") == tuple(range(layout.items))
    assert layout.numbers == len(no_counts(layout).numbers)


def test_an_unknown_component_has_no_positions() -> None:
    """A key that the instrument does not have is a mistake of the caller."""
    with pytest.raises(KeyError):
        positions_of(shipped().latest("wai-sr"), "rapport")
