"""Learning curves of several wirings, and alignment angles to the backpropagation gradient."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from apical._base.checking import shown
from apical._base.metric_names import Metric, headline, one_name, parts
from apical._base.parameters import Matrix
from apical._base.rounding import is_nothing
from apical.plotting.checks import Numbers, checked, refuse, with_gaps
from apical.plotting.lines import Band, curves
from apical.plotting.style import GREY, NotebookFigure, color, styled

MOST_PANELS = 4


@styled
def comparison(curves: Mapping[str, Mapping[Metric, Matrix]]) -> Sequence[Axes]:
    """Draw error [%] and angle to the backpropagation gradient [degrees] for several wirings.

    Parameters
    ----------
    curves
        Name of the wiring -> metric -> values after every epoch, shape (n_seeds, n_epochs + 1).
        Metrics are ``"test_accuracy"``, ``"train_accuracy"`` and ``("angle", projection)``; of
        targets ``"test_r2"`` or ``"test_subset_accuracy"``, and the same of training samples.

    Returns
    -------
    Axes
        The error, then one for each projection that has an angle, from the input on; of many
        the first three and the last.

    Raises
    ------
    DataError
        If a curve is missing, or is no array of one row for each seed.

    Examples
    --------
    >>> import numpy as np
    >>> from apical import plotting
    >>> falling = np.array([[0.1, 0.6, 0.9], [0.1, 0.7, 0.8]])
    >>> angle = ("angle", "stimulus_to_hidden")
    >>> dfa = {"test_accuracy": falling, angle: np.array([[90.0, 60.0, 50.0]] * 2)}
    >>> bp = {"test_accuracy": falling, angle: np.zeros((2, 3))}
    >>> axes = plotting.comparison({"DFA": dfa, "BP": bp})
    >>> [ax.get_ylabel() for ax in axes]
    ['error, learning off [%]', 'angle to backpropagation [degrees]']
    """
    if not curves:
        refuse("curves", "one wiring or more", "none", "compare at least one")
    for wiring, metrics in curves.items():
        if not headline(metrics) or not metrics[headline(metrics)].size:
            known = (one_name(*parts(metric)) for metric in metrics)
            got, do = ", ".join(known) or "none", "measure it after every epoch"
            refuse(f"curves[{shown(wiring)}]", "the metric 'test_accuracy'", got, do)
    projections = _projections(curves)
    figure = NotebookFigure(figsize=(4.2 + 1.7 * len(projections), 3.2), layout="constrained")
    widths = [2.4] + [1.0] * len(projections)
    axes = np.atleast_1d(figure.subplots(1, len(widths), width_ratios=widths))
    for k, (wiring, metrics) in enumerate(curves.items()):
        _errors(axes[0], wiring, metrics, color(k))
        for ax, projection in zip(axes[1:], projections, strict=True):
            _angles(ax, wiring, metrics.get(("angle", projection)), color(k))
    first = next(iter(curves.values()))
    what = "variance not predicted" if headline(first) == "test_r2" else "error"
    axes[0].set(xlabel="epochs", ylabel=f"{what}, learning off [%]", yscale="log")
    axes[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes[0].yaxis.set_minor_locator(NullLocator())
    axes[0].yaxis.set_major_formatter(lambda y, _: f"{y:g}")
    trained = any(_trained(metrics) in metrics for metrics in curves.values())
    dotted = "dotted: training samples" if trained else None
    axes[0].legend(fontsize=8, title=dotted, title_fontsize=8, alignment="left")
    for ax, projection in zip(axes[1:], projections, strict=True):
        ax.set(xlabel="epochs")
        ax.set_title(projection.replace("_to_", " to\n").replace("_", " "), fontsize=8)
        _right_angles(ax)
        ax.tick_params(labelleft=ax is axes[1])
    if projections:
        axes[1].set_ylabel("angle to backpropagation [degrees]")
    return list(axes)


def _projections(curves: Mapping[str, Mapping[Metric, NDArray[np.floating]]]) -> list[str]:
    """Return the projections that have an angle, biases left out."""
    metrics = next(iter(curves.values()))
    found = [subject for metric, subject in map(parts, metrics) if metric == "angle"]
    found = [name for name in found if not name.startswith("bias")]
    return found if len(found) <= MOST_PANELS else [*found[: MOST_PANELS - 1], found[-1]]


def _errors(
    ax: Axes, wiring: str, metrics: Mapping[Metric, NDArray[np.floating]], color: str
) -> None:
    tested = 100 * (1 - metrics[headline(metrics)])
    epochs = np.arange(tested.shape[1])
    ax.plot(epochs, tested.mean(axis=0), color=color, label=wiring)
    if len(tested) > 1:
        ax.plot(epochs, tested.T, color=color, linewidth=0.6, alpha=0.35)
    if _trained(metrics) in metrics:
        trained = 100 * (1 - metrics[_trained(metrics)].mean(axis=0))
        # an error of 0 cannot be shown on a logarithmic axis
        trained[is_nothing(trained, 100)] = np.nan
        ax.plot(epochs, trained, ":", color=color)


def _trained(metrics: Mapping[Metric, NDArray[np.floating]]) -> str:
    """Return the name of the metric to report, measured on training samples."""
    return f"train_{headline(metrics).removeprefix('test_')}"


def _angles(ax: Axes, wiring: str, values: NDArray[np.floating] | None, color: str) -> None:
    if values is None:
        return
    epochs = np.arange(values.shape[1])
    seen = ~np.isnan(values).all(axis=0)
    if seen.any():
        ax.plot(epochs[seen], np.nanmean(values[:, seen], axis=0), color=color, label=wiring)


@styled
def angles(
    by_projection: Mapping[str, Numbers],
    *,
    x: Numbers | None = None,
    xlabel: str = "epochs",
    band: Band = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the alignment angle between each projection's update and the backpropagation gradient.

    90 degrees, where updates are orthogonal to the gradient, is marked; below it an update descends
    the gradient.

    Parameters
    ----------
    by_projection
        Name of the projection -> angle [degrees], shape (n_points,) or (n_runs, n_points). Points
        where it is not defined (NaN, for instance before the first update) in a run are left out.
    x
        Times of the measurements, shape (n_points,); 0, 1, ... by default.
    xlabel
        Label of `x`.
    band
        As in `curves`.

    See Also
    --------
    apical.measures.alignment.angles_to_backpropagation : Computes them.

    Examples
    --------
    >>> from apical import plotting
    >>> ax = plotting.angles({"stimulus_to_hidden": [90.0, 60.0, 50.0]})
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('epochs', 'angle to backpropagation [degrees]')
    """
    series = {}
    for name, given in by_projection.items():
        where, do = f"by_projection[{shown(name)}]", "give a row for each run"
        rows = np.atleast_2d(with_gaps(where, given, "angles, not all NaN", do))
        at = np.arange(rows.shape[-1]) if x is None else checked("x", x, "finite numbers", do)
        seen = np.atleast_1d(~np.isnan(rows).any(axis=0))
        if rows.ndim != 2 or not seen.any() or len(at) != len(seen):
            got = f"shape {rows.shape}, {seen.sum()} points without NaN"
            refuse(where, f"angles in rows of {len(at)}", got, do)
        checked(where, rows[:, seen], "angles from 0 to 180 degrees", do, (0, 180), ndim=2)
        series[name.replace("_to_", " to ").replace("_", " ")] = (at[seen], rows[:, seen])
    ax = curves(series, xlabel, "angle to backpropagation [degrees]", band=band, ax=ax)
    _right_angles(ax)
    return ax


def _right_angles(ax: Axes) -> None:
    """Set an axis for angles [degrees], with a line at 90 degrees (orthogonal)."""
    seen = max([90.0, *(float(np.nanmax(line.get_ydata())) for line in ax.lines)])
    top = 100 if seen <= 100 else 30 * int(np.ceil(seen / 30))
    ax.set(ylim=(0, top), yticks=range(0, top + 1, 30))
    ax.axhline(90, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
