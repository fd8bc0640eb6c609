from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.instruments.catalog import shipped
from app.instruments.model import NOT_APPLICABLE, Answer, Instrument, ItemId
from app.scoring.many import DOES_NOT_APPLY, REASONS, UNANSWERED, score_forms, score_many, scores_of
from app.scoring.score import NotScored, Score, score

LAWS = settings(max_examples=100, deadline=None, database=None)
FORMS = 2_000

Form = dict[ItemId, Answer]

EVERY_VERSION = [pytest.param(one, id=f"{one.key} {one.version}") for one in shipped().instruments]


def _strange() -> list[Instrument]:
    """Make what may come: visual scales in tenths and hundredths, a range around 0, sums that no 16 bits hold."""
    sums, means = shipped().latest("wai-s"), shipped().latest("trq-s")
    return [
        replace(sums, minimum=0, maximum=100, divisor=10),
        replace(means, minimum=-3, maximum=3),
        replace(means, minimum=0, maximum=1000, divisor=100),
        replace(sums, minimum=-500, maximum=30_000),
    ]


STRANGE = [pytest.param(one, id=f"{one.minimum} to {one.maximum} by {one.divisor}") for one in _strange()]


def _random_form(random: Random, instrument: Instrument) -> Form:
    """Fill in a form: some with great care, some hardly at all, some lines not even there."""
    gaps = random.choice((0.0, 0.05, 0.15, 0.3, 0.6, 1.0))
    form: Form = {}
    for item in instrument.items:
        gap = random.choice((None, NOT_APPLICABLE, ...))
        if random.random() >= gaps:
            form[item.id] = random.randint(instrument.minimum, instrument.maximum)
        elif gap is not ...:
            form[item.id] = gap
    return form


def _matrix(instrument: Instrument, forms: list[Form]) -> npt.NDArray[np.int32]:
    codes: dict[Answer, int] = {None: UNANSWERED, NOT_APPLICABLE: DOES_NOT_APPLY}
    rows = [[codes.get(a, a) for a in (form.get(item.id) for item in instrument.items)] for form in forms]
    return np.array(rows, dtype=np.int32)


@pytest.mark.parametrize("instrument", EVERY_VERSION + STRANGE)
def test_two_thousand_forms_have_the_scores_that_they_have_one_by_one(instrument: Instrument) -> None:
    """All fields of all components are equal, to the last bit, in whatever layout the matrix comes."""
    random = Random(20_261_124)
    forms = [_random_form(random, instrument) for _ in range(FORMS)]
    one_by_one = [score(instrument, form) for form in forms]
    assert score_forms(instrument, forms) == one_by_one
    matrix = _matrix(instrument, forms)
    for layout in (matrix, np.asfortranarray(matrix), matrix.astype(np.int64)[:, ::-1][:, ::-1]):
        many = score_many(instrument, layout)
        assert [scores_of(many, form) for form in range(FORMS)] == one_by_one
    kinds = {type(s) for scores in one_by_one for s in scores}
    assert kinds == {Score, NotScored}


@pytest.mark.parametrize("instrument", EVERY_VERSION + STRANGE)
def test_forms_without_gaps_have_the_scores_that_they_have_one_by_one(instrument: Instrument) -> None:
    """The shorter way for complete forms gives the same, through several blocks and in the smallest integers."""
    forms = 40_000
    random = np.random.default_rng(20_261_124)
    small = np.int16 if instrument.maximum < 32_000 else np.int32
    matrix = random.integers(
        instrument.minimum, instrument.maximum, (forms, len(instrument.items)), dtype=small, endpoint=True
    )
    many = score_many(instrument, np.asfortranarray(matrix))
    ids = [item.id for item in instrument.items]
    for form in {*range(0, forms, 97), 16_383, 16_384, 32_767, 32_768, forms - 1}:
        assert scores_of(many, form) == score(instrument, dict(zip(ids, matrix[form].tolist(), strict=True)))


@st.composite
def batches(draw: st.DrawFn) -> tuple[Instrument, list[Form]]:
    """Draw an instrument and some forms of it, gaps and all."""
    instrument = draw(st.sampled_from([*shipped().instruments, *_strange()]))
    number: st.SearchStrategy[Answer] = st.integers(instrument.minimum, instrument.maximum)
    gap: st.SearchStrategy[Answer] = st.sampled_from([None, NOT_APPLICABLE])
    form = st.fixed_dictionaries({}, optional={i.id: st.one_of(number, number, number, gap) for i in instrument.items})
    return instrument, draw(st.lists(form, max_size=8))


@LAWS
@given(batches())
def test_many_at_a_time_is_one_by_one(batch: tuple[Instrument, list[Form]]) -> None:
    """The law: scoring forms together is scoring each of them, whatever stands next to it."""
    instrument, forms = batch
    assert score_forms(instrument, forms) == [score(instrument, form) for form in forms]


@pytest.mark.parametrize("instrument", EVERY_VERSION)
def test_the_columns_hold_what_the_scores_hold(instrument: Instrument) -> None:
    """Each column is that field of the scores; where nothing is scored there is no number, not 0."""
    random = Random(7)
    forms = [_random_form(random, instrument) for _ in range(300)]
    many = score_many(instrument, _matrix(instrument, forms))
    for position, of in enumerate(many.components):
        for form, answers in enumerate(forms):
            told = score(instrument, answers)[position]
            assert of.component.key == told.component
            assert of.answered[form] == told.answered
            numbers = (of.mean[form], of.sum[form], of.pomp[form], many.value(of)[form])
            if isinstance(told, Score):
                assert numbers == (told.mean, told.sum, told.pomp, told.value)
                assert (of.reason[form], of.prorated[form]) == (0, told.prorated)
            else:
                assert np.isnan(numbers).all()
                assert (REASONS[of.reason[form]], of.prorated[form]) == (told.reason, False)


def test_the_matrix_stays_as_it_was() -> None:
    """Turning items and filling gaps happens elsewhere: the caller's answers are the caller's."""
    instrument = shipped().latest("wai-s")
    matrix = np.asfortranarray([[4, UNANSWERED, *[7] * 10], [1, *[DOES_NOT_APPLY] * 11]], dtype=np.int16)
    before = matrix.copy()
    score_many(instrument, matrix)
    assert (matrix == before).all()


def test_no_forms_have_no_scores() -> None:
    """An empty batch is a batch."""
    instrument = shipped().latest("trq-s")
    assert score_forms(instrument, []) == []
    assert [of.mean.shape for of in score_many(instrument, np.empty((0, 12), dtype=np.int16)).components] == [(0,)] * 11


def test_a_matrix_of_another_shape_is_refused() -> None:
    """A column too few would score one item as another."""
    for shape in ((3, 11), (3, 13), (12,)):
        with pytest.raises(ValueError, match="one column for each item"):
            score_many(shipped().latest("trq-s"), np.ones(shape, dtype=np.int16))
