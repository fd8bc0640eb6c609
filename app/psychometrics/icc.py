"""The six intraclass correlations of Shrout and Fleiss, by their own names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class ShroutFleiss:
    """ICC(model, form): of one rating (`_1`) or of the mean of all raters (`_k`) [1 is perfect; may be negative].

    Model 1: each target has raters of its own. 2: all targets have the same raters, drawn by chance. 3: these raters
    and no others.
    """

    icc_1_1: float
    icc_2_1: float
    icc_3_1: float
    icc_1_k: float
    icc_2_k: float
    icc_3_k: float
    targets: int
    raters: int


def shrout_fleiss(ratings: npt.ArrayLike) -> ShroutFleiss:
    """Compute the six intraclass correlations.

    Parameters
    ----------
    ratings
        [targets x raters], at least two of each, complete.

    Returns
    -------
    ShroutFleiss
        ICC(3,k) is Cronbach's alpha with raters as items.

    Raises
    ------
    ValueError
        When a rating is missing (NaN), there are fewer than two targets or raters, or all ratings are alike.

    Notes
    -----
    Mean squares of the two-way table without replication; no missing rating is filled. Where the mean squares make a
    form 0/0 (no variance between targets and none within), there is no value, and so no result.

    References
    ----------
    Shrout and Fleiss 1979, doi:10.1037/0033-2909.86.2.420.

    Examples
    --------
    >>> shown = shrout_fleiss([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
    >>> round(shown.icc_1_1, 2), round(shown.icc_2_1, 2), round(shown.icc_3_1, 2)
    (0.17, 0.29, 0.71)
    """
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise ValueError("a complete table of at least two targets and two raters")
    n, k = table.shape
    whole = table.mean()
    between = k * float(((table.mean(axis=1) - whole) ** 2).sum())
    raters = n * float(((table.mean(axis=0) - whole) ** 2).sum())
    total = float(((table - whole) ** 2).sum())
    bms, jms = between / (n - 1), raters / (k - 1)
    wms, ems = (total - between) / (n * (k - 1)), (total - between - raters) / ((n - 1) * (k - 1))
    if bms <= 0:
        raise ValueError("the targets do not differ")
    return ShroutFleiss(
        icc_1_1=(bms - wms) / (bms + (k - 1) * wms),
        icc_2_1=(bms - ems) / (bms + (k - 1) * ems + k * (jms - ems) / n),
        icc_3_1=(bms - ems) / (bms + (k - 1) * ems),
        icc_1_k=(bms - wms) / bms,
        icc_2_k=(bms - ems) / (bms + (jms - ems) / n),
        icc_3_k=(bms - ems) / bms,
        targets=n,
        raters=k,
    )
