"""Random draws in chunks of their own seed, here or spread over workers by joblib.

A chunk's random numbers depend on the seed and the chunk's number only, so the answer is the same
whether one process works through all chunks or a hundred share them. joblib is optional, and so is
what it may hand the work to: within ``joblib.parallel_config(backend="dask")`` a Dask cluster does
it.
"""

from importlib import import_module

import numpy as np

PIECES_PER_WORKER = 4


def spread(draw, draws, *, seed, jobs=None, chunk=2048):
    """Call a function for each chunk of a number of draws, and return the answers in order.

    Parameters
    ----------
    draw : callable
        Called as ``draw(size, rng)``; it must be picklable when `jobs` is given.
    draws : int
        Draws in all.
    seed : int
        Seed: the same one gives the same answers, whatever `jobs` is.
    jobs : int, optional
        Workers for joblib (-1: all there are). None works in this process and needs no joblib.
    chunk : int
        Draws at once.

    Returns
    -------
    list
        One answer each chunk.

    Raises
    ------
    ImportError
        When `jobs` is given and joblib is not installed.
    ValueError
        When `draws` is no number of 1 or more.

    Examples
    --------
    >>> spread(lambda size, rng: size, 5000, seed=1)
    [2048, 2048, 904]
    """
    if draws != int(draws) or draws < 1:
        raise ValueError(f"resamples: {draws!r} is no number of draws; give 1 or more.")
    count = -(-int(draws) // chunk)
    sizes = [chunk] * (count - 1) + [int(draws) - chunk * (count - 1)]
    chunks = list(zip(sizes, np.random.SeedSequence(seed).spawn(count), strict=True))
    if jobs is None:
        return _work(draw, chunks)
    joblib = optional_import("joblib")
    pieces = min(count, PIECES_PER_WORKER * joblib.effective_n_jobs(jobs))
    cuts = np.linspace(0, count, pieces + 1).astype(int)
    answers = joblib.Parallel(n_jobs=jobs)(
        joblib.delayed(_work)(draw, chunks[start:stop])
        for start, stop in zip(cuts[:-1], cuts[1:], strict=True)
    )
    return [answer for piece in answers for answer in piece]


def optional_import(name):
    """Import what only the `scale` extra installs, or say how to get it.

    Parameters
    ----------
    name : str
        Module to import.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        Naming the command that installs it.

    Examples
    --------
    >>> optional_import("no_such_module")
    Traceback (most recent call last):
        ...
    ImportError: no_such_module is not installed. It comes with: pip install .[scale]
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        package = missing.name or name
        raise ImportError(
            f"{package} is not installed. It comes with: pip install .[scale]"
        ) from missing


def _work(draw, chunks):
    return [draw(size, np.random.default_rng(seed)) for size, seed in chunks]
