"""How many answers a component needs where the source of an instrument is silent."""

from __future__ import annotations

from math import ceil


def standard_minimum(items: int) -> int:
    """Tell how many of a component's items must be answered for it to be scored.

    Parameters
    ----------
    items
        Number of items of the component [1-].

    Returns
    -------
    int
        All for up to 3 items, 3 of 4, 4 of 5, and 80 % (rounded up) above.

    Raises
    ------
    ValueError
        For a component without items.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> [standard_minimum(k) for k in (1, 3, 4, 5, 6, 8, 10, 12)]
    [1, 3, 3, 4, 5, 7, 8, 10]
    """
    if items < 1:
        raise ValueError("a component has at least one item")
    if items <= 3:
        return items
    return items - 1 if items <= 5 else ceil(items * 4 / 5)
