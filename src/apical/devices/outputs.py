"""Outputs of a network in the units of its targets, read from the results of blocks."""

from itertools import pairwise

import numpy as np

from apical.devices.simulator import BlockResult, Simulator
from apical.errors import ParameterError, RunError
from apical.network.description import Network


def outputs(simulator: Simulator, result: BlockResult, *, framed: bool = True) -> np.ndarray:
    """Return the outputs of the trials of a block, in the units of targets.

    Parameters
    ----------
    simulator
        A network on a device. For targets with frames it records its output, and signal ``x`` of an
        output of rates.
    result
        What its network did in the block.
    framed
        Whether outputs are those of every frame, where targets have frames; otherwise of trials.

    Returns
    -------
    ndarray
        Shape (n_trials, n_outputs); with target frames (n_trials, n_frames, n_outputs): the mean
        activity of rates, and the number of spikes, in each frame.

    Raises
    ------
    ParameterError
        If targets have frames, and the output was not recorded.
    RunError
        If outputs are NaN or infinite.

    See Also
    --------
    apical.Network.predicted : Outputs of trials without frames.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.devices.outputs import outputs
    >>> from apical.testing.references import rates
    >>> with ap.simulate(rates(), "array") as simulator:
    ...     outputs(simulator, simulator.run(ap.Block.of_stimuli(np.ones((2, 6))))).shape
    (2, 3)
    """
    network = simulator.network
    counts = result.counts[network.output.name]
    if framed and network.target_frames > 1:
        found = _framed(network, result, len(counts))
    else:
        found = network.predicted(counts)
    if not np.isfinite(found).all():
        raise RunError(
            f"Output {network.output.name!r} is NaN or infinite: activity diverged. Lower the "
            "learning rate, or scale stimuli and targets down.",
            object=f"Output {network.output.name!r}",
        )
    return found


def needed(network: Network) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the populations and signals that `outputs` needs recorded.

    Parameters
    ----------
    network
        A description.

    Examples
    --------
    >>> from apical.devices.outputs import needed
    >>> from apical.testing.references import rates
    >>> needed(rates())  # no frames
    ((), ())
    """
    if network.target_frames == 1:
        return (), ()
    return (network.output.name,), () if network.output.is_spiking else ("x",)


def _framed(network: Network, result: BlockResult, n_trials: int) -> np.ndarray:
    """Return the outputs in every frame, shape (n_trials, n_frames, n_outputs)."""
    output, frames = network.output, network.target_frames
    if output.is_spiking and output.name in result.spikes:
        times, neurons = result.spikes[output.name]
        frame = np.floor(np.asarray(times) * frames / network.trial + 1e-6).astype(np.int64)
        flat = frame * output.size + np.asarray(neurons)
        counts = np.bincount(flat, minlength=n_trials * frames * output.size)
        return counts.reshape(n_trials, frames, output.size).astype(np.float64)
    trace = result.traces.get(f"{output.name}.x")
    if output.is_spiking or trace is None:
        record, traces = needed(network)
        told = f", traces={list(traces)}" if traces else ""
        raise ParameterError(
            f"Targets have {frames} frames, but the simulator does not record output "
            f"{output.name!r} over time; make it with simulate(..., record={list(record)}{told}).",
            object="Simulator",
            parameter="record",
        )
    ends = np.rint(np.arange(frames + 1) * trace.shape[1] / frames).astype(int)
    each = [trace[:, a:b].mean(axis=1, dtype=np.float64) for a, b in pairwise(ends)]
    return np.stack(each, axis=1)
