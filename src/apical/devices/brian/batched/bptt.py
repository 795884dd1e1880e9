"""Backpropagation through time: learning by surrogate gradients, a reference for local rules."""

from contextlib import ExitStack

import numpy as np

from apical.devices.brian import build, plastic
from apical.devices.brian.batched.libraries import BatchLibrary
from apical.devices.brian.batched.program import Cells
from apical.devices.brian.batched.simulator import LockstepSimulator
from apical.devices.brian.batched.ways_back import check_ways_back
from apical.devices.simulator import Block, BlockResult
from apical.devices.surrogates import Surrogate
from apical.errors import DeviceError
from apical.network.description import Network
from apical.projections.projection import Projection, ReadBackwards

ETA = "eta"
PRODUCTS = {
    f"{size}x_pre*{d}" for size in ("", "eta*") for d in ("gain_post*teach_post", "delta_post")
}
"""Updates in whose place a gradient comes: presynaptic activity times the error of a neuron."""


class BpttSimulator(LockstepSimulator):
    """Trains a spiking network by backpropagation through time. Made by `apical.simulate`.

    The forward network is that of every device. In place of error neurons and of feedback, the
    gradient of the cross-entropy of spike counts goes back through all time steps of a trial; a
    weight changes by -``eta`` times its mean over the batch, or by the step of an optimiser.

    Parameters
    ----------
    network
        A spiking network with the pathway `apical.feedback.transposed`; or, with `own_feedback`,
        with one of fixed synapses.
    options, dtype, library, batch
        As in `LockstepSimulator`.
    surrogate
        How gradients pass thresholds.
    own_feedback
        Whether they go back to hidden populations through the network's own feedback synapses.
    checkpoint
        Gradient checkpointing: time steps after which the state is kept; 0 to keep everything.
    """

    _remembers = True

    def __init__(
        self,
        network: Network,
        options: build.Options,
        dtype: str,
        library: BatchLibrary,
        batch: int,
        surrogate: Surrogate,
        own_feedback: bool = False,
        checkpoint: int = 0,
    ) -> None:
        if own_feedback:
            check_ways_back(network)
        self._segment = checkpoint
        self._surrogate, self._shown_leaves = surrogate, dict[str, object]()
        super().__init__(forward_only(network), options, dtype, library, batch)
        # closing actions are local learning, in whose place gradients come
        self._actions = [action for action in self._actions if not action.closing]
        with self._place():
            self._steps = {
                p.name: self._making.wires[p.name].everywhere(
                    plastic.statements(p, "_factor", update="_mean"), "_mean", number="_factor"
                )
                for p in self.network.plastic
            }
        self._sizes = {p.name: _eta(p, options.dt) for p in self.network.plastic}
        scaling = {f"{p.name}_normalisation" for p in self.network.projections}
        self._scaling = [action for action in self._actions if action.name in scaling]
        self._actions = [action for action in self._actions if action.name not in scaling]
        self.network = network
        self._making.ways = self._ways() if own_feedback else None

    def weights(self, projection: Projection | str) -> np.ndarray:
        """Return W of a projection, shape (n_pre, n_post) [dimensionless]."""
        name = projection.name if isinstance(projection, Projection) else projection
        known = self.network.projection(name)
        if name in self._built.objects:
            return super().weights(name)
        if isinstance(known.weights, ReadBackwards):
            forward = self.weights(known.weights.projection)
            return known.weights.made(forward, self.network.magnitudes(known))
        return self.network.initial_weights(known)

    def _run(self, block: Block) -> BlockResult:
        learns = bool(block.learning.any())
        if learns:
            self._check_gradients(block)
        with ExitStack() as stack:
            if not learns:
                stack.enter_context(self.library.torch.no_grad())
            stack.callback(self._forget)
            return super()._run(block)

    def _forget(self) -> None:
        self._making.surrogate = None
        self._shown_leaves = {}

    def _begun(self, cells: Cells, batch: Block) -> Cells:
        """Let gradients be computed in a batch that learns."""
        learns = bool(batch.learning[0])
        self._making.surrogate = self._surrogate if learns else None
        self._shown.factor = float(batch.learning[0])
        for action in self._scaling:  # before gradients: they are those of the scaled weights
            action.run(cells)
        self._shown_leaves = self._leaves(cells, [*self._steps]) if learns else {}
        return cells

    def _ended_batch(self, cells: Cells, batch: Block) -> None:
        """Change the weights by the gradient of a batch."""
        leaves, factor = self._shown_leaves, float(batch.learning[0])
        gradients = self._slopes(cells, batch, leaves) if leaves else {}
        for name, value in cells.items():
            cells[name] = value.detach()
        for name, gradient in gradients.items():
            shape = self._layouts[name].shape
            size = self._sizes[name]
            mean = -gradient * cells[size] if size else -gradient
            self._steps[name](cells, shape, _mean=mean, _factor=factor)


def forward_only(network: Network) -> Network:
    """Return a network without error neurons, relays and feedback."""
    bare = network.altered()
    bare.populations = [p for p in bare.populations if not p.is_told and p.role != "relay"]
    kept = {p.name for p in bare.populations}
    back = {p.name for p in bare.feedback.projections} if bare.feedback else set[str]()
    bare.projections = [
        p for p in bare.projections if {p.pre.name, p.post.name} <= kept and p.name not in back
    ]
    bare.feedback = None
    return bare


def _eta(projection: Projection, dt: float) -> str:
    """Return the cell of the learning rate of a rule, or "" where it has none.

    Raises
    ------
    DeviceError
        If the rule is anything but a product with an error, at the end of a trial.
    """
    rule = projection.rule
    assert rule is not None
    keeps = rule.traces or rule.state
    if "".join(rule.update.split()) not in PRODUCTS or keeps or rule.when != "trial":
        raise DeviceError(
            f"Projection {projection.name!r} learns by {rule.name!r}, in whose place a gradient "
            "through time cannot come; use rules.three_factor(eta), with an optimiser or without.",
            object=f"Projection {projection.name!r}",
        )
    known = plastic.parameters(projection, dt)
    names = [name for name in (f"{ETA}_syn", ETA) if name in known and ETA in rule.parameters]
    return f"{projection.name}.{names[0]}" if names else ""
