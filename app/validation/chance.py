"""Chance with a seed: every part of a simulation draws from a stream of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.signedinteger[Any]]
Flags = npt.NDArray[np.bool_]


def stream(seed: int, *path: int) -> np.random.Generator:
    """Open the stream of chance of one part of a simulation.

    Parameters
    ----------
    seed
        The seed of the whole run [>= 0].
    path
        Which part: the same numbers give the same stream, others an independent one.

    Returns
    -------
    numpy.random.Generator
        A PCG64 generator. What is added to a simulation later leaves the streams of the other parts as they are.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> bool(stream(7, 1).random() == stream(7, 1).random()), bool(stream(7, 1).random() == stream(7, 2).random())
    (True, False)
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=path)))
