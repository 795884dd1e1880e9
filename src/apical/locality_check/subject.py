"""The network under test, on one device, as a script simulates it."""

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from apical._base import seeds
from apical._base.checking import listed
from apical.devices import Block, BlockResult, Simulator, simulate
from apical.devices.simulator import Steps
from apical.errors import ApicalError, DeviceError, LocalityError, ParameterError
from apical.locality_check.causes import Outcome
from apical.locality_check.matrices import in_matrices
from apical.network.description import Network
from apical.projections.edges import Edges
from apical.projections.projection import Projection

Make = Callable[..., Simulator]

SCRIPT = "the script's make"
"""Object of errors about what a script made."""

NORMALISED = 8
"""Batch size of a network with batch normalisation, unless the script chooses one."""

_PACKAGE = str(Path(__file__).parents[1])
_FOREIGN = (_PACKAGE, "site-packages", "<frozen", "<string>", "/lib/python")


@contextmanager
def guarded(what: str) -> Iterator[None]:
    """Turn what a script raises into one line.

    Parameters
    ----------
    what
        What was done.

    Raises
    ------
    ParameterError
        In place of any exception that is not of this package.
    """
    try:
        yield
    except ApicalError:
        raise
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        frames = [
            f"{frame.filename}:{frame.lineno}"
            for one in (error, cause)
            for frame in traceback.extract_tb(one.__traceback__)
            if not any(part in frame.filename for part in _FOREIGN)
        ]
        place = f" ({frames[-1]})" if frames else ""
        text = " ".join(str(cause).split()) or "no message"
        raise ParameterError(
            f"{what} raised {type(cause).__name__}: {text[:300]}{place}; correct it, or check "
            "without --dynamic.",
            object=SCRIPT,
            parameter="make",
        ) from error


@dataclass(frozen=True)
class Shown:
    """Training trials to show, over and over.

    Parameters
    ----------
    network
        The network.
    values
        Stimuli, shape (n_trials, n_inputs).
    labels
        Class labels, shape (n_trials,), or targets, shape (n_trials, n_targets).
    """

    network: Network
    values: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        for stimulus in self.network.stimuli:
            if stimulus.encoder.takes_events:
                raise ParameterError(
                    f"The dynamic check perturbs the values of stimuli, but {stimulus.name!r} "
                    "shows events; check without --dynamic, or with another encoder.",
                    object=stimulus.name,
                    parameter="encoder",
                )
        frames = self.network.target_frames
        if frames > 1 and self.labels.ndim == 1:
            one_hot = np.eye(self.network.output.size)[self.labels]
            object.__setattr__(self, "labels", np.tile(one_hot, frames))

    @property
    def others(self) -> np.ndarray:
        """Other labels, or targets, in every trial."""
        if self.labels.ndim == 2:
            rolled = np.roll(self.labels, 1, axis=1)  # of one target nothing else
            return self.labels[::-1] if np.array_equal(rolled, self.labels) else rolled
        return (self.labels + 1) % self.network.output.size

    def block(
        self, n: int, first: int = 0, *, learning: float = 1.0, labels: np.ndarray | None = None
    ) -> Block:
        """Return `n` trials, `first` and those after it."""
        at = (first + np.arange(n)) % len(self.values)
        told = (self.labels if labels is None else labels)[at]
        made = Block.of_targets if self.labels.ndim == 2 else Block.of_labels
        index = seeds.presentation("disturbance")
        return made(self.values[at], told, learning, index=index, first=first)

    def training(self, n: int, first: int) -> Block:
        """Return `n` trials that look like those of the first epoch of a training."""
        return replace(self.block(n, first), index=0, phase="train", epoch=0)


def _check_sharing(network: Network) -> None:
    """Raise if synapses share weights: single ones cannot be perturbed."""
    shared = [p.name for p in network.projections if p.shares_weights]
    if shared:
        raise ParameterError(
            "The dynamic check perturbs one synapse and looks at what else changes, but synapses "
            f"of {listed(shared)} share weights, so that none can be changed alone; check without "
            "--dynamic, which finds sharing not local, or leave shared out.",
            object="locality_check",
            parameter="network",
        )


class Subject:
    """A network on a device, as `make` simulates it.

    Parameters
    ----------
    network
        The network.
    device
        Name of a device.
    make
        Factory of simulators, called as `apical.simulate` is.
    shown
        Trials to show.
    """

    def __init__(self, network: Network, device: str, make: Make, shown: Shown) -> None:
        self.network, self.device, self.make, self.shown = network, device, make, shown
        _check_sharing(network)
        self.simulator = self._made(network, make)
        self.batch = self.simulator.batch
        self.start = self.simulator.state
        self._check_state()
        self.simulator = in_matrices(self.simulator, network)

    @property
    def is_scripted(self) -> bool:
        """Whether a script does more than `apical.simulate`."""
        return self.make is not simulate

    @property
    def name(self) -> str:
        """What makes the simulator, for messages."""
        return f"make {getattr(self.make, '__qualname__', self.make)!r}"

    def _made(self, network: Network, make: Make) -> Simulator:
        names = [p.name for p in network.populations]
        signals = tuple({signal: None for p in network.populations for signal in p.signals})
        options: dict[str, Any] = {"dtype": "float64", "record": names, "traces": signals}
        if any(p.norm for p in network.populations):
            options["batch"] = NORMALISED
        with guarded(f"{self.name}, called with device={self.device!r},"):
            made = make(network, self.device, **options)
        lacks = [n for n in ("run", "weights", "load", "state", "network") if not hasattr(made, n)]
        if lacks:
            raise DeviceError(
                f"{self.name} returned {type(made).__name__}, which is no simulator (no "
                f"{', '.join(lacks)}); return what simulate() returns, or an object around it that "
                "passes on all of its attributes.",
                object=SCRIPT,
            )
        check_same(network, made.network, self.name)
        return made

    def _check_state(self) -> None:
        """Raise if what is around a simulator keeps its state to itself."""
        with guarded(f"The state of what {self.name} returned"):
            self.simulator.state = dict(self.start)
        if "state" in getattr(self.simulator, "__dict__", {}):
            raise DeviceError(
                f"{self.name} returned {type(self.simulator).__name__}, on which state can be set "
                "without reaching the simulator within; give it a property 'state' with a setter.",
                object=SCRIPT,
            )

    def plainly(self, network: Network, device: str, **options: Any) -> Simulator:
        """Return the same network from the same start without the script, on a device."""
        if self.batch != 1:
            options["batch"] = self.batch
        dt = getattr(self.simulator, "dt", None)
        if dt:
            options["dt"] = dt
        if any(values.dtype == np.float32 for values in self.start.values()):
            options["dtype"] = "float32"
        found = simulate(network, device, **options)
        constants = getattr(self.simulator, "constants", None)
        if constants is not None:
            found.constants = constants  # type: ignore[attr-defined]
        known = found.state
        found.state = {name: values for name, values in self.start.items() if name in known}
        return found

    def run(self, block: Block) -> BlockResult:
        """Present a block, from the present state on."""
        with guarded(f"A block of trials on what {self.name} returned"):
            result = self.simulator.run(block)
        if not isinstance(result, BlockResult):
            raise DeviceError(
                f"run of what {self.name} returned gave {type(result).__name__}, no BlockResult; "
                "return what the simulator returns.",
                object=SCRIPT,
            )
        return result

    def outcome(self, state: Mapping[str, np.ndarray] | None, block: Block) -> Outcome:
        """Present a block from a state, and return what happened."""
        if state is not None:
            with guarded(f"The state of what {self.name} returned"):
                self.simulator.state = dict(state)
        before = weights_of(self.simulator)
        result = self.run(block)
        changes = {name: w - before[name] for name, w in weights_of(self.simulator).items()}
        return Outcome(self.signals(result, len(block)), before, changes, len(block))

    def signals(self, result: BlockResult, n_trials: int) -> dict[str, np.ndarray]:
        """Return all that neurons did, over all time steps: name -> shape (n_steps, size)."""
        found = {k: v.reshape(-1, v.shape[-1]) for k, v in result.traces.items()}
        for p in self.network.populations:
            if not p.is_spiking and f"{p.name}.x" not in found and p.name in result.counts:
                found[f"{p.name}.x"] = result.counts[p.name]
        dt = getattr(self.simulator, "dt", None) or 1.0
        n_steps = n_trials * round(self.network.trial / dt)
        for name, (times, neurons) in result.spikes.items():
            size = next(p.size for p in self.network.populations if p.name == name)
            spikes = found[f"{name}.spike"] = np.zeros((n_steps, size), bool)
            at = np.rint(np.asarray(times) / dt).astype(int)
            spikes[np.clip(at, 0, n_steps - 1), neurons] = True
        return found

    @contextmanager
    def steps(self, n_trials: int, *, keyed: bool = False) -> Iterator[Steps | None]:
        """Let short blocks run fast, and give single time steps, where the simulator has them.

        Parameters
        ----------
        n_trials
            Largest number of trials in a block.
        keyed
            Whether an additional spike must not change what others draw.
        """
        stepping = getattr(self.simulator, "stepping", None)
        with ExitStack() as stack:
            found: Steps | None = None
            if callable(stepping):
                try:
                    with guarded(f"What {self.name} returned"):
                        found = stack.enter_context(stepping(n_trials, keyed=keyed))
                except DeviceError:
                    found = None
            yield found


def weights_of(simulator: Simulator) -> dict[str, np.ndarray]:
    """Return W of every projection."""
    return {p.name: simulator.weights(p) for p in simulator.network.projections}


def check_same(wanted: Network, got: Network, who: str) -> None:
    """Raise if a simulator is of another network than the one described.

    Raises
    ------
    LocalityError
        If the description was changed.
    """
    what = _difference(wanted, got)
    if what:
        raise LocalityError(
            f"{who} simulates another network than the one described ({what}), so that its "
            "scorecard would be that of the former; describe what you simulate.",
            object=SCRIPT,
        )


def _difference(wanted: Network, got: Network) -> str:
    """Return what differs between two networks, in words; empty if nothing does."""
    if not isinstance(got, Network):
        return f"its network is {type(got).__name__}"
    for name in ("seed", "trial", "reset", "settle"):
        if getattr(wanted, name) != getattr(got, name):
            return f"{name} is {getattr(got, name)!r}, not {getattr(wanted, name)!r}"
    one, other = ({p.name: p for p in net.populations} for net in (wanted, got))
    for name in (*one, *other):
        if one.get(name) != other.get(name):
            return f"population {name!r}"
    known, found = ({p.name: p for p in net.projections} for net in (wanted, got))
    for name in (*known, *found):
        if name not in known or name not in found or not _alike(known[name], found[name]):
            return f"projection {name!r}"
        if not _same_edges(wanted.edges(name), got.edges(name)):
            return f"synapses of projection {name!r}"
    return ""


def _same_edges(one: Edges | None, other: Edges | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and one.same_as(other)


def _alike(one: Projection, other: Projection) -> bool:
    said = "rule", "carries", "bounds", "levels", "missing", "inhibitory", "delay", "release"
    return (
        (one.pre.name, one.post.name) == (other.pre.name, other.post.name)
        and type(one.weights) is type(other.weights)
        and all(getattr(one, name) == getattr(other, name) for name in (*said, "total", "explores"))
    )
