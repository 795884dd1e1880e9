"""Parameter sweeps of a study: the same measurement for every combination of factor levels."""

import sys
from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Any

import click
import numpy as np

from apical._base.progress import SweepProgress
from apical.scripts.tables import Row, mean


def sweep(
    measure: Callable[..., Mapping[str, Any] | Iterable[Mapping[str, Any]]],
    said: str | Callable[..., str] | None = None,
    /,
    *,
    progress: bool = True,
    **factors: Iterable[Any] | Mapping[Any, str],
) -> list[Row]:
    """Measure for every combination of factor levels (full factorial); return the rows of a table.

    The last factor varies fastest; if it is ``seed``, its levels are the runs of a condition. Every
    row begins with the levels of the factors, in their order.

    Parameters
    ----------
    measure
        Called with a level of each factor by name, returns one or more rows: column -> value.
    said
        Text to print after each condition (the levels of all factors except the seed): a format
        string whose fields are the levels, ``called`` (their names), ``n`` (the number of runs)
        and, for every column, the mean of its last value over runs; or a function of the rows of
        the condition and its levels that returns the text. None prints nothing.
    progress
        Whether to show a progress bar in a terminal; False if `measure` shows one itself.
    **factors
        Name -> levels; a mapping also gives names of the levels.

    Examples
    --------
    >>> rows = sweep(lambda n, seed: {"sum": n + seed}, n=(10, 20), seed=[0, 1])
    >>> rows[1:3]
    [{'n': 10, 'seed': 1, 'sum': 11}, {'n': 20, 'seed': 0, 'sum': 20}]
    """
    levels = {name: list(values) for name, values in factors.items()}
    seeds = levels.pop("seed") if list(levels)[-1] == "seed" else [None]
    conditions = [dict(zip(levels, chosen, strict=True)) for chosen in product(*levels.values())]
    rows, total = list[Row](), len(conditions) * len(seeds)
    with SweepProgress(total, shown=progress and sys.stderr.isatty()) as bar:
        for k, about in enumerate(conditions):
            own, ends = list[Row](), list[Row]()
            called = ", ".join(_called(factors[name], level) for name, level in about.items())
            bar.describe(called)
            for seed in seeds:
                here = about if seed is None else about | {"seed": seed}
                own += [here | dict(row) for row in _several(measure(**here))]
                ends.append(own[-1])
                bar.update(k * len(seeds) + len(ends), 0)
            rows += own
            if isinstance(said, str):
                known = {"n": len(ends), "called": called} | _means(ends) | about
                click.echo(said.format(**known))
            elif said is not None:
                click.echo(said(own, **about))
    return rows


def _several(found: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    return [found] if isinstance(found, Mapping) else found


def _means(rows: list[Row]) -> Row:
    """Return the mean of every numeric column."""
    numbers = {name for name in rows[0] if isinstance(rows[0][name], int | float | np.number)}
    return {name: mean(rows, name) for name in numbers}


def _called(levels: Iterable[Any] | Mapping[Any, str], level: Any) -> str:
    return str(levels[level] if isinstance(levels, Mapping) else level)
