"""Matrices: a colour for each pair."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from numpy.typing import ArrayLike

from apical.plotting.checks import indices, refuse
from apical.plotting.style import color_bar, new_axes, styled


@styled
def confusion_matrix(
    labels: ArrayLike,
    decisions: ArrayLike,
    class_names: Sequence[str] | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw how often each class (row) was decided as each class (column).

    Parameters
    ----------
    labels, decisions
        Class of each trial and what was decided, whole numbers from 0, shape (n_trials,).
    class_names
        Names of the classes, shape (n_classes,); None shows numbers.
    """
    most = np.inf if class_names is None else len(class_names)
    true = indices("labels", labels, most, "number and name all classes")
    decided = indices("decisions", decisions, most, "number and name all classes")
    if len(true) != len(decided) or not len(true):
        got = f"{len(decided)} for {len(true)} labels"
        refuse("decisions", "one for each label, and a trial", got, "pass both of the same trials")
    n = int(max(true.max(), decided.max())) + 1 if class_names is None else len(class_names)
    counts = np.zeros((n, n), dtype=np.int64)
    np.add.at(counts, (true, decided), 1)
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    ax = new_axes(ax, (5.0, 4.2))
    norm = PowerNorm(0.5, 0, 100)  # so that rare confusions show
    color_bar(ax, ax.imshow(shares, cmap="Blues", norm=norm), "share of the row [%]")
    for row, column in np.argwhere(counts) if n <= 12 else ():
        color = "white" if shares[row, column] > 35 else "#333333"
        at: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8, "color": color}
        ax.text(column, row, str(counts[row, column]), **at)
    if n <= 12 or class_names is not None:
        names = [str(name) for name in class_names or range(n)]
        ax.set_xticks(range(n), names, rotation=90 if max(map(len, names)) > 3 else 0)
        ax.set_yticks(range(n), names)
    ax.set(xlabel="decision [class]", ylabel="label [class]")
    ax.set_title(f"accuracy {100 * np.mean(true == decided):.1f} % of {len(true)} trials")
    return ax
