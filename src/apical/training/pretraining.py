"""Greedy layer-wise pretraining by (denoising) autoencoders.

Bengio, Lamblin, Popovici & Larochelle 2007, Greedy layer-wise training of deep networks (NIPS 19);
with masked stimuli, Vincent, Larochelle, Bengio & Manzagol 2008, Extracting and composing robust
features with denoising autoencoders, doi:10.1145/1390156.1390294.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from apical._base import seeds
from apical._base.checking import check_fields, checked
from apical._base.parameters import Count, Matrix, ShareBelowOne
from apical._base.progress import TrainingProgress
from apical.devices import simulate
from apical.devices.simulator import Block, Simulator
from apical.errors import WiringError
from apical.network.description import Network
from apical.neurons.base import Population
from apical.training.presentation import block_size

Describe = Callable[[int, int], Network]
"""Returns the autoencoder of a layer, given the layer and its number of inputs."""


@dataclass(frozen=True)
class Plan:
    """Hyperparameters of pretraining: epochs, batch size and masking noise.

    Parameters
    ----------
    epochs
        Number of passes through the samples.
    batch
        Batch size: trials per weight update.
    hidden_share
        Masking noise of a denoising autoencoder: fraction of the values of a sample set to 0, drawn
        anew at each presentation; the target is the whole sample [dimensionless].

    Examples
    --------
    >>> from apical.training.pretraining import Plan
    >>> Plan(epochs=5, hidden_share=0.3)
    Plan(epochs=5, batch=64, hidden_share=0.3)
    >>> Plan(hidden_share=1.0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Plan: hidden_share must be one finite number ...
    """

    epochs: Count = 10
    batch: Count = 64
    hidden_share: ShareBelowOne = 0.0

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, eq=False)
class Level:
    """The weights and reconstruction error of one pretrained layer.

    Parameters
    ----------
    weights
        Name of each projection onto its hidden population -> its weights, shape (n_pre, n_post).
    error
        Mean squared reconstruction error per value, of whole samples, with learning off.

    See Also
    --------
    pretrained : Makes one for each layer.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.training.pretraining import Level
    >>> Level({"stimulus_to_hidden_1": np.zeros((64, 20))}, error=0.05).error
    0.05
    """

    weights: Mapping[str, np.ndarray]
    error: float

    def __post_init__(self) -> None:
        check_fields(self)


@checked()
def pretrained(
    values: Matrix,
    levels: Count,
    describe: Describe,
    plan: Plan | None = None,
    *,
    progress: bool = True,
) -> list[Level]:
    """Pretrain a stack of autoencoders layer by layer, and return the weights of each.

    The hidden activity of one autoencoder is the training data of the next.

    Parameters
    ----------
    values
        Samples of the first layer, shape (n_samples, n_inputs); no labels are needed.
    levels
        Number of layers.
    describe
        Returns a rate network with one hidden population, as many outputs as inputs, and any
        wiring; its seed determines the trial order and the masks.
    plan
        Hyperparameters of each autoencoder.
    progress
        Whether to show a progress bar, in a terminal or a notebook.

    Raises
    ------
    WiringError
        If a network is no such autoencoder.

    References
    ----------
    Vincent et al. 2008, doi:10.1145/1390156.1390294: denoising autoencoders.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts.layers import feedforward
    >>> from apical.training.pretraining import Plan, pretrained
    >>> values, labels = ap.datasets.load("digits").train.block(slice(200))
    >>> def autoencoder(level, n_inputs):
    ...     sizes, rule = [n_inputs, (20, 10)[level], n_inputs], ap.rules.three_factor(0.1)
    ...     options = {"weights": ap.FanIn(), "bias": ap.Zero(), "rule": rule}
    ...     return feedforward(sizes, "logistic", "logistic", wiring="bp", name="hidden", **options)
    >>> levels = pretrained(values, 2, autoencoder, Plan(epochs=2, batch=10), progress=False)
    >>> [level.weights["stimulus_to_hidden"].shape for level in levels]
    [(64, 20), (20, 10)]
    >>> all(0 < level.error < 0.25 for level in levels)
    True
    """
    plan, found = plan or Plan(), list[Level]()
    with TrainingProgress(levels * plan.epochs * len(values), shown=progress) as bar:
        for level in range(levels):
            network = describe(level, values.shape[1])
            hidden = _hidden(network, values.shape[1])
            shown = network.output.name, hidden.name
            simulator = simulate(network, "array", batch=plan.batch, record=shown)
            for epoch in range(plan.epochs):
                _learn(simulator, values, plan, epoch)
                bar.update((level * plan.epochs + epoch + 1) * len(values), None)
            index = seeds.presentation("rebuilding")
            seen = simulator.run(Block.of_stimuli(values, index=index)).counts
            error = np.mean((seen[network.output.name] - values) ** 2, dtype=np.float64)
            learned = [p for p in network.plastic if p.post is hidden]
            found.append(Level({p.name: simulator.weights(p) for p in learned}, float(error)))
            values = np.asarray(seen[hidden.name], np.float32)
    return found


def _learn(simulator: Simulator, values: np.ndarray, plan: Plan, epoch: int) -> None:
    """Train an autoencoder on all samples, a large block at a time."""
    seed, index = simulator.network.seed, seeds.presentation("pretraining", epoch)
    order = seeds.stream(seed, "order", index=epoch).permutation(len(values))
    rng = seeds.stream(seed, "hidden values", index=epoch)
    size = block_size(simulator, _AT_ONCE, len(values))
    for start in range(0, len(order), size):
        whole = values[order[start : start + size]]
        seen = np.where(rng.random(whole.shape, np.float32) < plan.hidden_share, 0, whole)
        simulator.run(
            Block.of_targets(seen, whole, 1.0, index=index, first=start, phase="train", epoch=epoch)
        )


_AT_ONCE = 10_000


def _hidden(network: Network, n_inputs: int) -> Population:
    forward = network.forward
    if len(forward) != 2 or network.output.size != n_inputs or network.is_spiking:
        sizes = "-".join(str(p.pre.size) for p in forward) + f"-{network.output.size}"
        raise WiringError(
            "Pretraining needs a rate network with one hidden population and as many outputs "
            f"as inputs ({n_inputs}), got {sizes}; describe(level, n_inputs) returns it."
        )
    return forward[0].post
