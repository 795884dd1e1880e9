"""Reports of sweeps: publication-ready tables in Markdown and LaTeX, with a figure."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from apical import plotting
from apical._base.metric_names import TESTED
from apical._base.whole_files import write_whole
from apical.errors import RunError
from apical.sweeps import statistics
from apical.sweeps.design import Level

MARKDOWN, LATEX, FIGURE = "table.md", "table.tex", "seeds.png"


@dataclass(frozen=True)
class Report:
    """The results of a sweep: summary, comparisons, tables and figure.

    Parameters
    ----------
    metric
        The metric that is reported.
    factors
        Factors of the sweep.
    baseline
        Factor -> level of the control condition.
    results
        A row for each run, as `sweep` returns.
    summary, comparisons
        As of `statistics.summary` and `statistics.comparisons`.

    See Also
    --------
    report : Makes it.

    Examples
    --------
    >>> from apical.sweeps import repeated, report
    >>> accuracy = {"bp": 0.98, "dfa": 0.96}
    >>> def measure(wiring, seed):
    ...     return accuracy[wiring] - 0.01 * seed
    >>> results = repeated(measure, ["bp", "dfa"], seeds=3, factor="wiring")
    >>> found = report(results, ["wiring"], {"wiring": "bp"})
    >>> print(found.markdown())  # doctest: +NORMALIZE_WHITESPACE
    | wiring | seeds | test accuracy [%] | difference [%] | p (Holm) | effect d_z |
    | --- | --- | --- | --- | --- | --- |
    | bp | 3 | 97.00 [96.00, 98.00] | - | - | - |
    | dfa | 3 | 95.00 [94.00, 96.00] | -2.00 [-2.00, -2.00] | - | - |
    <BLANKLINE>
    Mean over seeds with a 95 % bootstrap interval; difference from wiring = bp, paired by seed; p
    of a paired t test, corrected for 1 comparisons after Holm; effect size d_z (Cohen), corrected
    for small samples.
    """

    metric: str
    factors: tuple[str, ...]
    baseline: Mapping[str, Level]
    results: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """The table for publication, as text, with a row for each condition."""
        percent = self.metric.endswith("accuracy")
        unit = " [%]" if percent else ""
        name = self.metric.replace("_", " ")
        compared = {
            tuple(row[f] for f in self.factors): row for row in self.comparisons.to_dict("records")
        }
        rows = []
        for found in self.summary.to_dict("records"):
            row = {f: _short(found[f]) for f in self.factors} | {"seeds": str(found["n"])}
            row[f"{name}{unit}"] = _with_interval(found, "mean", percent)
            if self.baseline:
                other = compared.get(tuple(found[f] for f in self.factors), {})
                row[f"difference{unit}"] = _with_interval(other, "difference", percent)
                row["p (Holm)"] = _p(other.get("p_holm", math.nan))
                row["effect d_z"] = _number(other.get("effect", math.nan), 2)
            rows.append(row)
        return pd.DataFrame(rows)

    @property
    def caption(self) -> str:
        """The caption of the table."""
        text = "Mean over seeds with a 95 % bootstrap interval"
        if not self.baseline:
            return f"{text}."
        named = ", ".join(f"{f} = {_short(level)}" for f, level in self.baseline.items())
        return (
            f"{text}; difference from {named}, paired by seed; p of a paired t test, corrected "
            f"for {len(self.comparisons)} comparisons after Holm; effect size d_z (Cohen), "
            "corrected for small samples."
        )

    def _repr_markdown_(self) -> str:
        """Return what a notebook shows."""
        return self.markdown()

    def markdown(self) -> str:
        """Return the table in Markdown.

        Examples
        --------
        >>> from apical.sweeps import repeated, report
        >>> results = repeated(lambda n, seed: 1 - 1 / n, [10, 100], seeds=2, factor="hidden")
        >>> report(results, ["hidden"]).markdown().splitlines()[0]
        '| hidden | seeds | test accuracy [%] |'
        """
        table = self.table
        lines = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
        text = [
            f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
        ]
        return "\n".join([*text, "", self.caption, ""])

    def latex(self) -> str:
        r"""Return the table in LaTeX, with the rules of ``\usepackage{booktabs}``.

        Examples
        --------
        >>> from apical.sweeps import repeated, report
        >>> results = repeated(lambda n, seed: 1 - 1 / n, [10, 100], seeds=2, factor="hidden")
        >>> "toprule" in report(results, ["hidden"]).latex()
        True
        """
        table = self.table
        kinds = "".join("l" if name in self.factors else "r" for name in table.columns)
        lines = [" & ".join(map(_escaped, line)) + r" \\" for line in table.to_numpy().tolist()]
        head = " & ".join(map(_escaped, table.columns)) + r" \\"
        return "\n".join(
            [
                r"\begin{table}",
                r"\centering",
                rf"\caption{{{_escaped(self.caption)}}}",
                rf"\begin{{tabular}}{{{kinds}}}",
                r"\toprule",
                head,
                r"\midrule",
                *lines,
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )

    def figure(self) -> Any:
        """Return Axes with the values of all seeds.

        Examples
        --------
        >>> from apical.sweeps import repeated, report
        >>> results = repeated(lambda n, seed: 1 - 1 / n, [10, 100], seeds=2, factor="hidden")
        >>> report(results, ["hidden"]).figure().get_xlabel()
        'test accuracy, learning off [%]'
        """
        done = self.results[self.results["status"] == "done"]
        groups, means = {}, []
        for levels in self.summary.to_dict("records"):
            same = (done[list(self.factors)] == [levels[f] for f in self.factors]).all(axis=1)
            name = ", ".join(f"{f} {_short(levels[f])}" for f in self.factors)
            chosen = done[same]
            groups[name] = dict(zip(chosen["seed"], chosen[self.metric], strict=True))
            means.append((levels["mean"], levels["low"], levels["high"]))
        return plotting.every_seed(groups, self.metric, intervals=means)

    def write(self, folder: Path) -> list[Path]:
        """Write ``table.md``, ``table.tex`` and ``seeds.png``, and return their paths.

        Parameters
        ----------
        folder
            An existing folder.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from apical.sweeps import repeated, report
        >>> results = repeated(lambda n, seed: 1 - 1 / n, [10, 100], seeds=2, factor="hidden")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     [path.name for path in report(results, ["hidden"]).write(Path(folder))]
        ['seeds.png', 'table.md', 'table.tex']
        """
        try:
            written = [plotting.save(self.figure(), folder / FIGURE)]
            for name, text in ((MARKDOWN, self.markdown()), (LATEX, self.latex())):
                written.append(write_whole(folder / name, text.encode()))
        except OSError as error:
            raise RunError(f"The report in {folder} could not be written: {error}.") from None
        return written


def report(
    results: pd.DataFrame,
    factors: Sequence[str],
    baseline: Mapping[str, Level] | None = None,
    metric: str | None = None,
) -> Report:
    """Summarise the results of a sweep, ready to be written.

    Parameters
    ----------
    results
        As `sweep` returns.
    factors
        Those of its design.
    baseline
        As in `statistics.comparisons`; without one there are no comparisons.
    metric
        Column of `results` to report; by default the test accuracy, or that of subsets of labels,
        or R2, whichever there is.

    Returns
    -------
    Report
        Its tables and its figure.

    Raises
    ------
    DesignError
        If no run is finished, or the metric is unknown.

    Examples
    --------
    >>> from apical.sweeps import repeated, report
    >>> results = repeated(lambda n, seed: 1 - 1 / n - 0.001 * seed, [10, 100], factor="hidden")
    >>> found = report(results, ["hidden"], {"hidden": 10})
    >>> found.comparisons[["hidden", "n", "difference"]].round(3).to_dict("list")
    {'hidden': [100], 'n': [5], 'difference': [0.09]}
    >>> report(results, ["hidden"], metric="loss")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DesignError: metric must be one of test_accuracy; got 'loss'. ...
    """
    if metric is None:
        metric = next((name for name in TESTED if name in results), TESTED[0])
    means = statistics.summary(results, factors, metric)
    against = statistics.comparisons(results, factors, baseline or {}, metric)
    return Report(metric, tuple(factors), dict(baseline or {}), results, means, against)


def _with_interval(row: Mapping[str, Any], name: str, percent: bool) -> str:
    """Return a value with its interval; accuracies are fractions, and are shown in percent."""
    if name not in row:
        return "-"
    value, low, high = (
        f"{100 * x:.2f}" if percent else f"{x:.4g}" for x in (row[name], row["low"], row["high"])
    )
    return value if math.isnan(row["low"]) else f"{value} [{low}, {high}]"


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _p(value: float) -> str:
    return "-" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _short(level: Any) -> str:
    """Return a level as text; of a path, its name."""
    if isinstance(level, float):
        return f"{level:g}"
    return Path(level).stem if isinstance(level, str) and "/" in level else str(level) or "none"


def _escaped(text: str) -> str:
    """Return text as LaTeX shows it."""
    text = re.sub(r"([&%$#_{}])", r"\\\1", text.replace("\\", r"\textbackslash "))
    return (
        text.replace("~", r"\textasciitilde ")
        .replace("^", r"\textasciicircum ")
        .replace("<", "$<$")
        .replace(r"d\_z", "$d_z$")
    )
