"""Sweeps of a study: the same measurement at every combination of conditions and seeds."""

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Any

import click

from apical._base.progress import SweepProgress
from apical.scripts.tables import Row


def sweep(
    measure: Callable[..., Mapping[str, Any] | Iterable[Mapping[str, Any]]],
    said: Callable[..., str] | None = None,
    /,
    *,
    progress: bool = True,
    **factors: Iterable[Any],
) -> list[Row]:
    """Measure at every combination of some factors, and return the rows of a table.

    The last factor, mostly the seed, changes fastest. Every row begins with the levels of the
    factors, in their order.

    Parameters
    ----------
    measure
        Is given a level of each factor by its name, and returns a row or several: column -> value.
    said
        Is given all rows of a condition and its levels, those of all factors but the last, and
        returns a line to print once they are there; None prints nothing.
    progress
        Whether to show a progress bar, in a terminal or a notebook; not around one that `measure`
        shows.
    **factors
        Name -> levels.

    Examples
    --------
    >>> rows = sweep(lambda n, seed: {"sum": n + seed}, n=(10, 20), seed=[0, 1])
    >>> rows[1:3]
    [{'n': 10, 'seed': 1, 'sum': 11}, {'n': 20, 'seed': 0, 'sum': 20}]
    """
    *outer, last = factors
    levels = {name: list(values) for name, values in factors.items()}
    conditions = list(product(*(levels[name] for name in outer)))
    rows, done = list[Row](), 0
    total = len(conditions) * len(levels[last])
    with SweepProgress(total, shown=progress) as bar:
        for condition in conditions:
            about, own = dict(zip(outer, condition, strict=True)), list[Row]()
            bar.describe(", ".join(map(str, condition)) or last)
            for level in levels[last]:
                here = about | {last: level}
                found = measure(**here)
                own += [here | dict(row) for row in _several(found)]
                bar.update(done := done + 1, 0)
            rows += own
            if said is not None:
                click.echo(said(own, **about))
    return rows


def _several(found: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    return [found] if isinstance(found, Mapping) else found
