"""Figures of a finished run: learning curve, rasters, confusion matrix, receptive fields."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from apical import plotting
from apical._base import seeds
from apical._base.metric_names import headline
from apical.data.datasets import Dataset
from apical.devices import (
    Block,
    BlockResult,
    recordable,
    simulate,
    transports,
    usual,
    usual_options,
)
from apical.network.description import Network
from apical.neurons.encoding import decisions
from apical.projections.projection import Projection
from apical.runs.directory import FIGURES, METRICS, RunDirectory, read_metrics
from apical.training.loop import Evaluation


def draw(
    directory: RunDirectory,
    network: Network,
    data: Dataset,
    before: Mapping[str, np.ndarray],
    after: Mapping[str, np.ndarray],
    final: Evaluation,
) -> None:
    """Draw the figures of a finished training into its directory.

    Parameters
    ----------
    directory
        Directory of the run.
    network, data
        The trained network and its data set.
    before, after
        State of the simulator before and after training.
    final
        Evaluation on the test samples after training.

    Raises
    ------
    RunError
        If a figure cannot be written.
    """
    drawn: dict[str, Any] = {"learning_curve": _learning_curve(directory, data)}
    for figure, first in first_projections(network).items():
        edges, held = network.edges(first), after[f"{first.name}.w"]
        weights = held if edges is None else edges.of(held)
        shape = data.shape if len(network.stimuli) == 1 else first.pre.shape
        fields = plotting.receptive_fields(weights, shape or (first.pre.size,), edges=edges)
        drawn[figure] = fields
    if final.targets is None:
        drawn["confusion"] = plotting.confusion_matrix(final.labels, final.decided)
    elif final.outputs is not None:
        drawn["predictions"] = plotting.predictions(final.targets, final.outputs)
    if final.rates and final.targets is None:
        drawn["raster"] = _rasters(network, data, before, after, final)
    if final.rates:
        drawn["firing_rates"] = plotting.firing_rates(final.rates)
    with directory.writing(FIGURES) as folder:
        for name, axes in drawn.items():
            plotting.save(axes, folder / f"{name}.png")


def first_projections(network: Network) -> dict[str, Projection]:
    """Return the first projection out of each stimulus, by the name of the figure of its weights.

    Examples
    --------
    >>> from apical.runs.figures import first_projections
    >>> from apical.testing.references import rates
    >>> {figure: p.name for figure, p in first_projections(rates()).items()}
    {'receptive_fields': 'stimulus_to_hidden_1'}
    """
    found = {}
    for stimulus in network.stimuli:
        first = next((p for p in network.forward if p.pre is stimulus), None)
        several = f"_{stimulus.name}" if len(network.stimuli) > 1 else ""
        if first is not None:
            found[f"receptive_fields{several}"] = first
    return found


def _learning_curve(directory: RunDirectory, data: Dataset) -> Any:
    rows = list(read_metrics(directory.path / METRICS))
    name = headline({row["metric"]: row["value"] for row in rows})
    tests = [row for row in rows if row["metric"] == name]
    trials, values = [int(row["trial"]) for row in tests], [float(row["value"]) for row in tests]
    if name == "test_r2":
        ylabel = "R2 on test samples, learning off [dimensionless]"
        return plotting.curves({"": (trials, [values])}, "trials learned", ylabel)
    chance = None if data.n_targets else 1 / data.n_classes
    return plotting.learning_curve(trials, values, chance=chance)


def _rasters(
    network: Network,
    data: Dataset,
    before: Mapping[str, np.ndarray],
    after: Mapping[str, np.ndarray],
    final: Evaluation,
) -> Any:
    """Draw the raster of one test sample, correct after learning if possible, before and after."""
    right = np.flatnonzero(final.labels == final.decided)
    sample = int(right[0]) if len(right) else 0
    results = [_replay(network, data, sample, state) for state in (before, after)]
    seen = recordable(network)
    decided = [int(decisions(result.counts[network.output.name])[0]) for result in results]
    return plotting.raster_pair(
        results[0].spikes,
        results[1].spikes,
        {p.name: p.size for p in network.populations if p.name in seen},
        network.trial,
        int(final.labels[sample]),
        *decided,
    )


def _replay(
    network: Network, data: Dataset, sample: int, state: Mapping[str, np.ndarray]
) -> BlockResult:
    values, labels = data.test.block([sample])
    index = seeds.presentation("raster")
    device = usual(network) if transports(network) else "runtime"
    options = usual_options(network, device)
    with simulate(network, device, record=recordable(network), **options) as simulator:
        simulator.state = state
        return simulator.run(Block.of_labels(values, labels, index=index, phase="record"))
