"""Norms: what they refuse, what is read back from a document, and the parameters they give with and without."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.change.norms import ComponentNorm, Norm, parameters, uncalibrated
from app.instruments.catalog import shipped

LAWS = settings(max_examples=200, deadline=None, database=None)

TOTAL = ComponentNorm(
    mean=38.0,
    sd=4.7,
    reliability=0.88,
    reliability_kind="internal_consistency",
    items=4,
    within_sd=2.0,
    between_sd=4.0,
    percentile_table=((36.0, 0.0, 0.2), (38.0, 0.2, 0.26), (40.0, 0.46, 0.54)),
)
SRS = Norm(
    norm_id="0190f7c2-0000-7000-8000-000000000001",
    version=3,
    instrument="srs",
    instrument_version="1.0.0",
    rater="client",
    population="invented for this test",
    clients=200,
    forms=900,
    estimated_at=datetime(2026, 2, 1, tzinfo=UTC),
    source="invented",
    convention="sum",
    lowest=0.0,
    highest=10.0,
    components={"total": TOTAL},
)


def test_a_norm_survives_being_stored() -> None:
    """What msgspec writes it reads back as the same norm, from text and from what a JSON column returns."""
    text = msgspec.json.encode(SRS)
    assert msgspec.json.decode(text, type=Norm) == SRS
    assert msgspec.convert(msgspec.json.decode(text), Norm) == SRS


def test_a_document_without_what_is_optional_is_read() -> None:
    """A published norm may know neither the SDs within and between persons nor a table."""
    written = {"mean": 5.1, "sd": 0.9, "reliability": 0.9, "reliability_kind": "test_retest", "items": 12}
    read = msgspec.convert(written, ComponentNorm)
    assert (read.within_sd, read.between_sd, read.percentile_table) == (None, None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean": math.inf},
        {"sd": 0.0},
        {"sd": math.nan},
        {"within_sd": 0.0},
        {"between_sd": -0.1},
        {"reliability": 1.0},
        {"reliability": -0.01},
        {"items": 0},
        {"reliability_kind": "within_person", "within_sd": None},
        {"percentile_table": ()},
        {"percentile_table": ((2.0, 0.0, 0.5), (1.0, 0.5, 0.5))},
        {"percentile_table": ((1.0, 0.0, 0.5), (1.0, 0.5, 0.5))},
        {"percentile_table": ((1.0, 0.0, 0.5), (2.0, 0.4, 0.5))},
        {"percentile_table": ((1.0, 0.6, 0.5),)},
        {"percentile_table": ((1.0, -0.1, 0.5),)},
    ],
)
def test_numbers_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    """A component's norm with an impossible number is no norm."""
    with pytest.raises(ValueError, match=r"norm|SD|reliability|item|table"):
        replace(TOTAL, **wrong)


def test_an_impossible_document_is_refused_on_reading() -> None:
    """The checks also stand between a stored document and whoever uses it."""
    document = msgspec.json.decode(msgspec.json.encode(SRS))
    document["components"]["total"]["sd"] = 0
    with pytest.raises(msgspec.ValidationError, match="above 0"):
        msgspec.convert(document, Norm)


@pytest.mark.parametrize("wrong", [{"lowest": 10.0}, {"version": 0}, {"clients": 0}, {"forms": 0}])
def test_a_norm_of_nobody_is_refused(wrong: dict[str, Any]) -> None:
    """A range has a width, and a norm was made from somebody's forms."""
    with pytest.raises(ValueError, match="norm"):
        replace(SRS, **wrong)


def test_a_norm_in_the_other_convention_is_noticed() -> None:
    """A mean of 38 can't be an item mean of a scale that ends at 10."""
    with pytest.raises(ValueError, match="sum and mean"):
        replace(SRS, convention="mean")


def test_a_norm_is_one_of_its_version_of_its_instrument() -> None:
    """Neither another instrument nor another version is covered."""
    ref = shipped().latest("srs").ref
    assert SRS.applies_to(ref)
    assert not SRS.applies_to(replace(ref, version="1.0.1"))
    assert not SRS.applies_to(shipped().latest("wai-sr").ref)


def test_parameters_of_a_sum_are_on_the_item_mean() -> None:
    """Four items: 38 of 40 is 9.5, SDs of 4 and 2 are 1 and .5, and 4.7 sqrt(.12) / 4 is .4070."""
    found = parameters(SRS, "total")
    assert found is not None
    assert (found.version, found.calibrated) == ("0190f7c2-0000-7000-8000-000000000001@3", True)
    assert (found.mu0, found.tau, found.s0) == (9.5, 1.0, 0.5)
    assert found.sem == pytest.approx(0.4070, abs=5e-5)


def test_parameters_of_a_mean_stay_as_they_are() -> None:
    """An instrument that reports means has nothing to divide."""
    one = replace(TOTAL, mean=4.0, sd=0.5, reliability=0.84, within_sd=0.3, between_sd=0.4, percentile_table=None)
    found = parameters(replace(SRS, convention="mean", lowest=1.0, highest=5.0, components={"total": one}), "total")
    assert found is not None
    assert (found.mu0, found.tau, found.s0) == (4.0, 0.4, 0.3)
    assert found.sem == pytest.approx(0.2)


@pytest.mark.parametrize("poorer", [replace(TOTAL, within_sd=None), replace(TOTAL, between_sd=None)])
def test_a_norm_that_knows_too_little_calibrates_nothing(poorer: ComponentNorm) -> None:
    """Without both SDs there are no calibrated parameters, and none for a component that the norm lacks."""
    assert parameters(replace(SRS, components={"total": poorer}), "total") is None
    assert parameters(SRS, "goals") is None


def test_a_within_person_reliability_goes_with_the_within_person_sd() -> None:
    """2 sqrt(1 - .75) = 1; with the SD over all forms it would be 2.35."""
    assert replace(TOTAL, reliability_kind="within_person", reliability=0.75).sem == 1.0
    assert replace(TOTAL, reliability_kind="test_retest", reliability=0.75).sem == pytest.approx(2.35)


def test_where_nothing_is_known_fractions_of_the_range_are_used() -> None:
    """On 1 to 5 these are the parameters of the fixtures of RUP-1; on 0 to 10 the plain fractions."""
    found = uncalibrated(1, 5)
    assert (found.version, found.calibrated) == ("uncalibrated-1", False)
    assert (found.mu0, found.tau, found.s0, found.sem) == pytest.approx((3.9, 0.6, 0.3, 0.2))
    found = uncalibrated(0, 10)
    assert (found.mu0, found.tau, found.s0, found.sem) == pytest.approx((7.25, 1.5, 0.75, 0.5))


def test_a_range_without_width_is_refused() -> None:
    """There is nothing to take fractions of."""
    with pytest.raises(ValueError, match="below"):
        uncalibrated(5, 5)


@LAWS
@given(st.integers(1, 40), st.floats(0.1, 9.9), st.floats(0.01, 3), st.floats(0.01, 3), st.floats(0, 0.99))
def test_sum_and_mean_are_one_norm(items: int, mean: float, within: float, between: float, r: float) -> None:
    """The same norm written as sums and as means gives the same parameters."""
    as_mean = replace(
        TOTAL,
        items=items,
        mean=mean,
        sd=1.5,
        within_sd=within,
        between_sd=between,
        reliability=r,
        percentile_table=None,
    )
    as_sum = replace(as_mean, mean=mean * items, sd=1.5 * items, within_sd=within * items, between_sd=between * items)
    one = parameters(replace(SRS, convention="mean", components={"total": as_mean}), "total")
    other = parameters(replace(SRS, convention="sum", components={"total": as_sum}), "total")
    assert one is not None
    assert other is not None
    assert (one.mu0, one.tau, one.s0, one.sem) == pytest.approx((other.mu0, other.tau, other.s0, other.sem))
