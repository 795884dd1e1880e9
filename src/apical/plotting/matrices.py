"""Matrix plots: confusion matrix, representational dissimilarity, similarity."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from numpy.typing import ArrayLike, NDArray

from apical._base.checking import shown
from apical._base.rounding import is_flat
from apical.plotting.checks import MOST_CLASSES, Numbers, indices, refuse, with_gaps
from apical.plotting.style import NotebookFigure, color_bar, new_axes, styled

PANELS_IN_ROW = 4
"""Largest number of dissimilarity matrices side by side."""
LABELLED = 20
"""Largest number of patterns whose names are written beside a panel."""


@styled
def confusion_matrix(
    labels: Numbers,
    decisions: Numbers,
    class_names: Sequence[str] | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw a confusion matrix: true classes in rows, decisions in columns.

    Parameters
    ----------
    labels, decisions
        Class and decision of each trial, whole numbers from 0, shape (n_trials,).
    class_names
        Names of the classes, shape (n_classes,); None shows numbers.

    Examples
    --------
    >>> from apical import plotting
    >>> ax = plotting.confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1], ["cat", "dog"])
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('decision [class]', 'label [class]')
    >>> [text.get_text() for text in ax.texts]
    ['1', '1', '2']
    """
    most = MOST_CLASSES if class_names is None else len(class_names)
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


@styled
def dissimilarity(
    rdm: Numbers,
    labels: Numbers | None = None,
    *,
    class_names: Sequence[str] | None = None,
    measure: str = "1 - correlation",
    of: str = "trials",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw a representational dissimilarity matrix (RDM) of pairs of stimuli.

    Kriegeskorte, Mur & Bandettini 2008, doi:10.3389/neuro.06.004.2008. The colours end at the 1st
    and the 99th percentile of the entries; the diagonal is left blank.

    Parameters
    ----------
    rdm
        Dissimilarity of each pair, symmetric, shape (n, n); NaN where it is not defined.
    labels
        Class of each row, whole numbers from 0, shape (n,): rows are put in the order of classes,
        with lines between them. None keeps their order.
    class_names
        Names of the classes, shape (n_classes,); None shows numbers.
    measure
        Name of the dissimilarity, with its unit if it has one.
    of
        Name of rows and columns, where they have no labels.

    See Also
    --------
    apical.measures.representation.dissimilarities : Computes it.

    Examples
    --------
    >>> import numpy as np
    >>> from apical import plotting
    >>> rdm = np.array([[0.0, 0.2, 1.0], [0.2, 0.0, 0.9], [1.0, 0.9, 0.0]])
    >>> ax = plotting.dissimilarity(rdm, [0, 0, 1], class_names=["cat", "dog"])
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['cat', 'dog']
    >>> ax.figure.axes[1].get_ylabel()
    'dissimilarity [1 - correlation]'
    """
    d = _rdm("rdm", rdm)
    ax = new_axes(ax, (4.8, 4.0))
    low, high = np.nanquantile(d, (0.01, 0.99))
    high = low + 1 if is_flat([low, high]) else high
    if labels is None:
        image = _matrix(ax, d, (low, high))
        ax.set(xlabel=f"{of} [index]", ylabel=f"{of} [index]")
    else:
        classes = _classes(labels, len(d), class_names)
        order = np.argsort(classes, kind="stable")
        image = _matrix(ax, d[np.ix_(order, order)], (low, high))
        _mark_classes(ax, classes[order], class_names)
    color_bar(ax, image, f"dissimilarity [{measure}]")
    ax.set_title(title)
    return ax


@styled
def dissimilarities(
    rdms: Mapping[str, Numbers],
    patterns: Sequence[str],
    *,
    measure: str = "1 - correlation",
    of: str = "class",
) -> NDArray[Any]:
    """Draw the dissimilarity matrices of several populations in panels that share one scale.

    Its colours go from 0 to the largest dissimilarity of all, so that panels can be compared.

    Parameters
    ----------
    rdms
        Name -> dissimilarity of each pair, as in `dissimilarity`, of one shape.
    patterns
        Names of rows and columns, shape (n,).
    measure
        Name of the dissimilarity, with its unit if it has one.
    of
        What the patterns are.

    Returns
    -------
    Axes
        Shape (n_panels,), at most `PANELS_IN_ROW` in a row.

    Examples
    --------
    >>> import numpy as np
    >>> from apical import plotting
    >>> rdm = np.array([[0.0, 0.2, 1.0], [0.2, 0.0, 0.9], [1.0, 0.9, 0.0]])
    >>> panels = plotting.dissimilarities({"hidden": rdm, "output": 2 * rdm}, ["a", "b", "c"])
    >>> [ax.get_title(loc="left") for ax in panels], panels[0].images[0].get_clim()
    (['hidden', 'output'], (0.0, 2.0))
    """
    if not rdms:
        refuse("rdms", "a population or more", "none", "analyse at least one")
    found = {name: _rdm(f"rdms[{shown(name)}]", rdm) for name, rdm in rdms.items()}
    for name, d in found.items():
        if len(d) != len(patterns):
            where, n = f"rdms[{shown(name)}]", len(patterns)
            refuse(where, f"{n} rows, one for each pattern", f"{len(d)}", "name those of its rows")
    top = max(float(np.nanmax(d)) for d in found.values())
    columns = min(len(found), PANELS_IN_ROW)
    rows = -(-len(found) // columns)
    size = (2.15 * columns + 1.1, 2.25 * rows + 0.25)
    figure = NotebookFigure(figsize=size, layout="compressed")
    every = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    axes = every[: len(found)]
    for ax, (name, d) in zip(axes, found.items(), strict=True):
        image = _matrix(ax, d, (0.0, top or 1.0))
        ax.set_title(name)
        if len(patterns) <= LABELLED:
            upright = max(map(len, patterns)) > 2
            ax.set_xticks(range(len(d)), patterns, fontsize=7, rotation=90 if upright else 0)
            ax.set_yticks(range(len(d)), patterns, fontsize=7)
        ax.tick_params(length=0, labelbottom=True)
        ax.spines[:].set_visible(False)
        ax.set_xlabel(of)
    for ax in axes[::columns]:
        ax.set_ylabel(of)
    for ax in every[len(found) :]:
        ax.remove()
    color_bar(axes, image, f"dissimilarity [{measure}]")
    return axes


def _matrix(ax: Axes, d: NDArray[Any], limits: tuple[float, float]) -> Any:
    low, high = limits
    return ax.imshow(d, cmap="viridis", interpolation="nearest", vmin=low, vmax=high)


def _rdm(where: str, given: ArrayLike) -> NDArray[Any]:
    """Validate dissimilarities, and return them with a blank diagonal."""
    needs = "a symmetric matrix of shape (n, n), n > 1"
    d = with_gaps(where, given, needs, "give the distance of each pair, both ways")
    if d.ndim != 2 or d.shape[0] != d.shape[1] or len(d) < 2 or not _symmetric(d):
        got = "one that is not" if d.ndim == 2 and len(set(d.shape)) == 1 else f"shape {d.shape}"
        refuse(where, needs, got, "scipy.spatial.distance.squareform makes one of a list of pairs")
    d = np.where(np.eye(len(d), dtype=bool), np.nan, d)
    if np.isnan(d).all():
        refuse(where, "a pair that is defined", "none beside the diagonal", "show more stimuli")
    return d


def _symmetric(matrix: NDArray[Any]) -> bool:
    return np.allclose(matrix, matrix.T, atol=1e-6 * np.nanmax(np.abs(matrix)), equal_nan=True)


def _classes(labels: ArrayLike, n: int, class_names: Sequence[str] | None) -> NDArray[np.int64]:
    most = MOST_CLASSES if class_names is None else len(class_names)
    classes = indices("labels", labels, most, "number and name all classes")
    if len(classes) != n:
        refuse("labels", f"one for each of {n} rows", f"{len(classes)}", "pass those of the rows")
    return classes


def _mark_classes(ax: Axes, classes: NDArray[Any], class_names: Sequence[str] | None) -> None:
    """Draw lines between sorted classes, and name each in its middle."""
    found, first = np.unique(classes, return_index=True)
    ends = np.append(first, len(classes))
    for edge in first[1:]:
        ax.axhline(edge - 0.5, color="white", linewidth=0.8)
        ax.axvline(edge - 0.5, color="white", linewidth=0.8)
    names = [str(k) if class_names is None else class_names[k] for k in found]
    middles = (ends[:-1] + ends[1:] - 1) / 2
    ax.set_xticks(middles, names, rotation=90 if max(map(len, names)) > 3 else 0)
    ax.set_yticks(middles, names)
    ax.set(xlabel="label [class]", ylabel="label [class]")


@styled
def similarity(
    matrix: Numbers,
    names: Sequence[str],
    others: Sequence[str] | None = None,
    *,
    measure: str = "linear CKA [dimensionless]",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw a similarity matrix of populations, with the values in the cells.

    Parameters
    ----------
    matrix
        Similarity at most 1, shape (n, n), or (n, m) with `others`; NaN where it is not defined.
        Where one is negative, as correlations may be, colours go from -1 to 1, else from 0.
    names
        Names of the rows, shape (n,), and of the columns unless there are `others`.
    others
        Names of the columns, shape (m,).
    measure
        Name of the similarity, with its unit.

    See Also
    --------
    apical.measures.representation.similarity : Computes it.

    Examples
    --------
    >>> import numpy as np
    >>> from apical import plotting
    >>> ax = plotting.similarity(np.array([[1.0, 0.4], [0.4, 1.0]]), ["hidden", "output"])
    >>> [text.get_text() for text in ax.texts]
    ['1.00', '0.40', '0.40', '1.00']
    """
    rows, columns = list(names), list(names if others is None else others)
    needs = f"numbers from -1 to 1 of shape {(len(rows), len(columns))}"
    do = "give one for each pair of names"
    s = with_gaps("matrix", matrix, needs, do)
    if s.shape != (len(rows), len(columns)):
        refuse("matrix", needs, f"shape {s.shape}", do)
    low, high = float(np.nanmin(s)), float(np.nanmax(s))
    if low < -1 - 1e-6 or high > 1 + 1e-6:
        refuse("matrix", needs, f"{low:g} to {high:g}", "divide by the largest possible")
    signed = low < -0.005  # values that are written as -0.00 do not count as negative
    size = (2.6 + 0.55 * len(columns), 1.6 + 0.5 * len(rows))
    ax = new_axes(ax, size)
    look: dict[str, Any] = {
        "cmap": "RdBu_r" if signed else "Blues",
        "vmin": -1.0 if signed else 0.0,
    }
    color_bar(ax, ax.imshow(s, vmax=1.0, **look), measure)
    for row, column in np.ndindex(s.shape) if max(s.shape) <= 12 else ():
        number = s[row, column]
        dark = abs(number) > 0.6
        text = "-" if np.isnan(number) else f"{number + 0.0:.2f}"
        at: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8}
        ax.text(column, row, text, color="white" if dark else "#333333", **at)
    ax.set_xticks(range(len(columns)), columns, rotation=90 if max(map(len, columns)) > 3 else 0)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_title(title)
    return ax
