"""What an organisation's own counts say of a component: mean, spread and reliability, in the instrument's own unit."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from app.change.norms import ComponentNorm
from app.instruments.model import Component, Instrument
from app.psychometrics.alpha import Alpha, alpha
from app.psychometrics.counts import Counts, SeriesCounts, covariance, positions_of
from app.psychometrics.variance import OneWay, one_way

#: So many clients an organisation needs before its own norm is estimated (design choice of this project).
LEAST_CLIENTS = 200


def own_norm(instrument: Instrument, counts: Counts, clients: Sequence[SeriesCounts]) -> dict[str, ComponentNorm]:
    """Estimate a norm for each component that can have one.

    Parameters
    ----------
    instrument
        The definition.
    counts
        Its complete forms of one rater, two at least.
    clients
        The same forms by client.

    Returns
    -------
    dict
        Component -> mean and SD over all forms, and alpha [in the unit of the instrument's convention]; the total also
        has the SDs between and within clients. A component of one item, without variance or with an alpha below 0 has
        no reliability that could be stated, and is left out.

    Notes
    -----
    All sessions are pooled: a client with many weighs more. Complete forms only.

    References
    ----------
    Alpha: doi:10.1007/BF02310555. Pooling and the least number of clients are design choices of this project, not
    validated.

    Examples
    --------
    >>> from app.instruments.catalog import shipped
    >>> from app.psychometrics.counts import count_forms, layout_of
    >>> sai = shipped().latest("sai")
    >>> forms = [(1, 1, 2, 1, 1, 2), (3, 3, 3, 4, 3, 3), (5, 5, 4, 5, 5, 5)]
    >>> found = own_norm(sai, count_forms(layout_of(sai), forms), [])
    >>> round(found["total"].mean, 4), round(found["total"].reliability, 4)
    (3.1111, 0.9861)
    """
    told = {one.key: _component(instrument, one, counts, clients) for one in instrument.components}
    return {key: norm for key, norm in told.items() if norm is not None}


def _component(
    instrument: Instrument, component: Component, counts: Counts, clients: Sequence[SeriesCounts]
) -> ComponentNorm | None:
    positions = positions_of(instrument, component.key)
    found = alpha(counts, positions)
    if not isinstance(found, Alpha) or not 0 <= found.value < 1:
        return None
    unit = instrument.divisor * (len(positions) if instrument.convention == "mean" else 1)
    split = one_way(clients) if component.kind == "total" else None
    parts = split if isinstance(split, OneWay) and split.within > 0 else None
    return ComponentNorm(
        mean=sum(counts.sums[at] for at in positions) / counts.forms / unit,
        sd=sqrt(float(covariance(counts, positions).sum())) / unit,
        reliability=found.value,
        reliability_kind="internal_consistency",
        items=len(positions),
        within_sd=sqrt(parts.within) / unit if parts else None,
        between_sd=sqrt(parts.between) / unit if parts else None,
    )
