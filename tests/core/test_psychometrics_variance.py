"""Where variance lies: against REML, where both estimate the same, and against sums written out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.tools.sm_exceptions import ConvergenceWarning

from app.psychometrics.counts import NO_SERIES, SeriesCounts
from app.psychometrics.estimate import NotEstimated
from app.psychometrics.variance import Nested, OneWay, nested, one_way

#: The columns of Shrout and Fleiss 1979 as groups.
COLUMNS = [(9, 6, 8, 7, 10, 6), (2, 1, 4, 1, 5, 2), (5, 3, 6, 2, 6, 4), (8, 2, 8, 6, 9, 7)]
ROWS = list(zip(*COLUMNS, strict=True))


def sums(totals: Sequence[int]) -> SeriesCounts:
    """Sum one group."""
    return SeriesCounts(forms=len(totals), total=sum(totals), squares=sum(t * t for t in totals))


@contextmanager
def _their_warnings() -> Iterator[None]:
    """Let the oracle warn that its optimiser was near a border: its numbers are compared anyway."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def test_the_published_columns() -> None:
    """Between 4.818519, within 3.575: what REML gives for four groups of six."""
    told = one_way(map(sums, COLUMNS))
    assert isinstance(told, OneWay)
    assert (round(told.between, 6), round(told.within, 6)) == (4.818519, 3.575)
    assert (told.groups, told.forms, told.typical) == (4, 24, 6)


def test_sessions_in_clients_have_the_names_of_shrout_and_fleiss() -> None:
    """The six targets as groups of four: ICC(1,1) .165742 and ICC(1,k) .442797."""
    told = one_way(map(sums, ROWS))
    assert isinstance(told, OneWay)
    assert (round(told.icc_1_1, 6), round(told.icc_1_k, 6)) == (0.165742, 0.442797)


def test_balanced_groups_are_remls() -> None:
    """Another implementation of REML agrees for groups of equal size."""
    chance = np.random.default_rng(3)
    groups = [tuple(int(x) for x in np.rint(40 + 5 * chance.normal() + 3 * chance.normal(size=5))) for _ in range(40)]
    told = one_way(map(sums, groups))
    assert isinstance(told, OneWay)
    frame = pd.DataFrame([(g, t) for g, group in enumerate(groups) for t in group], columns=["group", "total"])
    with _their_warnings():
        fit = MixedLM(frame["total"], np.ones(len(frame)), groups=frame["group"]).fit(reml=True)
    assert told.within == pytest.approx(fit.scale, rel=1e-4)
    assert told.between == pytest.approx(float(np.asarray(fit.cov_re)[0, 0]), rel=1e-3)


def test_groups_of_unequal_size() -> None:
    """Sums written out: sizes 1, 2, 3 around means 2, 5, 8; n0 = (6 - 14/6)/2, MSB 32/2 - (28/6 by hand)."""
    groups = [(2,), (4, 6), (7, 8, 9)]
    told = one_way(map(sums, groups))
    assert isinstance(told, OneWay)
    whole = sum(map(sum, groups)) / 6
    msb = sum(len(g) * (sum(g) / len(g) - whole) ** 2 for g in groups) / 2
    assert told.within == pytest.approx(4 / 3)
    assert told.typical == pytest.approx((6 - 14 / 6) / 2)
    assert told.between == pytest.approx((msb - 4 / 3) / told.typical)
    assert told.mean == whole == 6


def test_equal_groups_have_nothing_between() -> None:
    """Groups that are more alike than chance makes them: 0 between, and a correlation below 0."""
    told = one_way(map(sums, [(1, 5), (2, 4)]))
    assert isinstance(told, OneWay)
    assert (told.between, told.within) == (0.0, 5.0)
    assert told.icc_1_1 == -1
    assert told.icc_1_k == 0


def test_a_split_says_why_there_is_none() -> None:
    """One group, groups of one, and totals all alike have no split; empty groups are none."""
    assert one_way([sums((1, 2)), NO_SERIES]) == NotEstimated(reason="too_few_groups")
    assert one_way([sums((1,)), sums((2,))]) == NotEstimated(reason="no_repetition")
    assert one_way([sums((3, 3)), sums((3, 3))]) == NotEstimated(reason="no_variance")


def caseload(therapists: int, clients: int, sessions: int, *, seed: int) -> dict[int, list[tuple[int, ...]]]:
    """Draw totals that differ between therapists, clients and sessions."""
    chance = np.random.default_rng(seed)
    return {
        therapist: [
            tuple(int(x) for x in np.rint(400 + own + 40 * chance.normal() + 30 * chance.normal(size=sessions)))
            for _ in range(clients)
        ]
        for therapist, own in enumerate(30 * chance.normal(size=therapists))
    }


def summed(found: dict[int, list[tuple[int, ...]]]) -> dict[object, list[SeriesCounts]]:
    """Sum each client."""
    return {therapist: [sums(client) for client in clients] for therapist, clients in found.items()}


def test_a_balanced_caseload_is_remls() -> None:
    """Another implementation of REML, with clients within therapists, gives the same three components."""
    found = caseload(20, 6, 4, seed=5)
    told = nested(summed(found))
    assert isinstance(told, Nested)
    rows = [(t, c, x) for t, clients in found.items() for c, client in enumerate(clients) for x in client]
    frame = pd.DataFrame(rows, columns=["therapist", "client", "total"])
    with _their_warnings():
        model = MixedLM.from_formula(
            "total ~ 1", groups="therapist", re_formula="1", vc_formula={"client": "0 + C(client)"}, data=frame
        )
        fit = model.fit(reml=True)
    assert told.sessions == pytest.approx(fit.scale, rel=1e-3)
    assert told.clients == pytest.approx(float(fit.vcomp[0]), rel=1e-3)
    assert told.therapists == pytest.approx(float(np.asarray(fit.cov_re)[0, 0]), rel=1e-2)
    assert told.number_of_therapists == 20


def test_an_uneven_caseload_finds_the_truth() -> None:
    """Of 1,500 therapists with caseloads of all sizes the components are those that were put in."""
    chance = np.random.default_rng(6)
    found = {
        therapist: [
            tuple(int(x) for x in np.rint(4000 + own + 400 * chance.normal() + 300 * chance.normal(size=sessions)))
            for sessions in chance.integers(1, 9, chance.integers(1, 8))
        ]
        for therapist, own in enumerate(300 * chance.normal(size=1500))
    }
    told = nested(summed(found))
    assert isinstance(told, Nested)
    assert told.therapists == pytest.approx(90_000, rel=0.1)
    assert told.clients == pytest.approx(160_000, rel=0.05)
    assert told.sessions == pytest.approx(90_000, rel=0.05)
    assert told.share_of_therapists == pytest.approx(90 / 340, abs=0.03)


def test_a_share_says_why_there_is_none() -> None:
    """One therapist, therapists of one client each, sessions never repeated, and totals all alike."""
    pair = [sums((1, 2)), sums((3, 5))]
    assert nested({"a": pair}) == NotEstimated(reason="too_few_groups")
    assert nested({"a": pair, "b": [NO_SERIES]}) == NotEstimated(reason="too_few_groups")
    assert nested({"a": pair[:1], "b": pair[1:]}) == NotEstimated(reason="too_few_groups")
    once = [sums((1,)), sums((2,))]
    assert nested({"a": once, "b": once}) == NotEstimated(reason="no_repetition")
    alike = [sums((2, 2)), sums((2, 2))]
    assert nested({"a": alike, "b": alike}) == NotEstimated(reason="no_variance")
