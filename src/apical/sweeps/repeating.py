"""Small sweeps in this process, for notebooks: conditions times seeds."""

from collections.abc import Callable, Mapping, Sequence
from numbers import Real

import pandas as pd

from apical._base.progress import SweepProgress
from apical.errors import DesignError
from apical.sweeps.design import Level

Measured = float | Mapping[str, float]


def repeated(
    measure: Callable[[Level, int], Measured],
    levels: Sequence[Level],
    seeds: int | Sequence[int] = 5,
    *,
    factor: str = "condition",
    metric: str = "test_accuracy",
    progress: bool = False,
) -> pd.DataFrame:
    """Measure every condition with every seed in this process, without files.

    For runs of seconds; use `sweep` for longer ones, which can be resumed.

    Parameters
    ----------
    measure
        Given a level and a seed, returns a number, or several by name; accuracies as fractions.
    levels
        The conditions to compare.
    seeds
        Seeds of each level; a number stands for 0, 1, ...
    factor
        Name of the column of levels.
    metric
        Name of the column of the measured value, where it is one number.
    progress
        Whether to show a progress bar.

    Returns
    -------
    pandas.DataFrame
        As `sweep` returns: `report` makes a table and a figure of it.

    Raises
    ------
    DesignError
        If there is nothing to measure, or a measured value is no number.

    See Also
    --------
    apical.sweeps.report : Statistics, table and figure of the results.

    Examples
    --------
    >>> from apical.sweeps import repeated, report
    >>> def measure(hidden, seed):
    ...     return 1 - 1 / hidden - 0.01 * seed
    >>> results = repeated(measure, [10, 100], seeds=3, factor="hidden")
    >>> results[["hidden", "seed", "test_accuracy"]].head(3).round(3)
       hidden  seed  test_accuracy
    0      10     0           0.90
    1     100     0           0.99
    2      10     1           0.89
    >>> report(results, ["hidden"]).summary[["hidden", "n", "mean"]].round(3).to_dict("list")
    {'hidden': [10, 100], 'n': [3, 3], 'mean': [0.89, 0.98]}
    """
    given = range(seeds) if isinstance(seeds, int) else seeds
    if not len(levels) or not len(given):
        raise DesignError(
            f"repeated needs one level or more and one seed or more, got {len(levels)} and "
            f"{len(given)}."
        )
    rows = []
    with SweepProgress(len(levels) * len(given), shown=progress) as bar:
        for seed in given:
            for level in levels:
                found = measure(level, seed)
                named = dict(found) if isinstance(found, Mapping) else {metric: found}
                wrong = [name for name, value in named.items() if not isinstance(value, Real)]
                if wrong:
                    raise DesignError(
                        f"measure must return numbers, but {wrong[0]} of {factor} {level!r} is "
                        f"{named[wrong[0]]!r}."
                    )
                run = {"run": f"{factor}={level}_seed={seed}", "status": "done", "error": ""}
                rows.append({**run, factor: level, "seed": seed, **named})
                bar.update(len(rows), 0)
    return pd.DataFrame(rows)
