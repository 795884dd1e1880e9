"""The simulator protocol: blocks of trials in, spike counts and weights out."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, Self, TypedDict, Unpack, cast
from weakref import WeakSet

import numpy as np
import numpy.typing as npt

from apical._base.checking import check_fields, fitting
from apical._base.parameters import Array, CountOrZero
from apical._base.reading import UnreadableError, read_arrays
from apical._base.whole_files import file_at, write_whole
from apical.data import converting
from apical.data.datasets import EventRows, Rows, Samples
from apical.data.inputs import Inputs, names_of, side_by_side
from apical.errors import (
    DataError,
    DescriptionWarning,
    DeviceError,
    ParameterError,
    RunError,
    brief,
)
from apical.errors.source_location import outside
from apical.network import initialization as drawing
from apical.network.description import Network
from apical.network.order import check_circle, relays_within
from apical.network.stimuli import check_inputs, columns, n_values
from apical.network.targets import check_targets
from apical.neurons.stimulus import Stimulus
from apical.projections.projection import Projection, ReadBackwards


class Placed(TypedDict, total=False):
    """Place of trials in a run, as in `Block`: random numbers and labels of records."""

    index: int
    first: int
    phase: str
    epoch: int


Factor = float | npt.NDArray[np.floating]
"""Factor on every learning rate, of all trials or of each, shape (n_trials,) [dimensionless]."""


Shown = Rows | np.ndarray | Mapping[str, npt.ArrayLike]
"""Stimuli of trials, of several stimuli by their names."""


@dataclass(frozen=True)
class Block:
    """A block: trials (stimuli with labels or targets) for one call of a simulator.

    Constructors by purpose: `of_stimuli`, `of_labels`, `of_targets`, `of_samples`, `noise`.

    Parameters
    ----------
    values
        Stimuli, shape (n_trials, n_inputs), finite numbers of any type; frames of a trial in a row.
        For spiking input neurons they are >= 0, and 1 is the maximal rate of their encoder;
        `Graded` ones take any number. For several stimuli, the values of each by its name, or all
        in one array in alphabetical order of these names. For a simulator that ``takes_rows``, also
        `apical.data.datasets.Rows`. For the encoder `apical.encoding.Events`, events of a data
        set, as ``data.train.block(index)`` returns them.
    labels
        Class labels for the error neurons, whole numbers from 0, shape (n_trials,), or any form
        that `apical.data.datasets.Dataset.from_arrays` accepts; None for none.
    learning
        Factor on every learning rate in each trial [dimensionless], shape (n_trials,), or one
        number for all; 0, the default, switches learning off.
    index
        Number of the simulator's random stream, for instance the epoch.
    targets
        Target output, finite numbers, shape (n_trials, n_outputs), in place of `labels` where it is
        not one class. For time courses (`RateError` with frames), shape (n_trials, n_frames,
        n_outputs) or (n_trials, n_frames * n_outputs); for target spike trains (`Error` with
        frames), the number of spikes of each output in each frame.
    fires
        Name of a population that fires spontaneous noise in these trials, which then belong to a
        noise phase: the stimulus is silent whatever `values` are, there are no targets, and only
        rules that act at ``"noise"`` of this population learn; empty for none.
    first
        Place of its first trial in the stream that `index` selects: the random numbers of a trial
        follow from the seed of the network, that stream and its place, for any division of trials
        into blocks.
    phase
        Purpose of the trials: ``"train"``, ``"evaluate"``, ``"record"``, ``"noise"``; by default
        the first if anything learns, and the second otherwise. It only labels recorded samples.
    epoch
        Epoch that the trials belong to, for the same purpose; -1 where there is none.
    inputs
        Names of the stimuli whose values the columns are, with their numbers, as follow from values
        that are given by names; empty otherwise.

    Raises
    ------
    DataError
        If arrays do not fit each other, or hold invalid values.

    See Also
    --------
    apical.train : Makes blocks of a data set, in random order.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> block = ap.Block.of_labels(np.zeros((3, 64)), [5, 0, 4], learning=1.0)
    >>> len(block), block.phase, block.learning
    (3, 'train', array([1., 1., 1.]))
    >>> ap.Block.of_stimuli(np.zeros((3, 64))).phase
    'evaluate'
    >>> both = {"vision": np.ones((3, 16)), "touch": np.zeros((3, 4))}  # of two stimuli
    >>> ap.Block.of_stimuli(both).values.shape
    (3, 20)
    >>> ap.Block.of_labels(np.zeros((3, 64)), [5, 0])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DataError: labels of a block: needs one label for each of 3 ...
    """

    values: Rows | np.ndarray
    labels: Annotated[np.ndarray, Array(kinds="iu")] | None = None
    learning: Annotated[np.ndarray, Array((0, 1, 2), finite=True)] = field(
        default_factory=lambda: np.zeros(())
    )
    index: int = 0
    targets: np.ndarray | None = None
    fires: str = ""
    first: CountOrZero = 0
    phase: str = ""
    epoch: int = -1
    inputs: Inputs = ()

    def __post_init__(self) -> None:
        given: object = self.values
        if isinstance(given, Mapping):
            self._join(given)
        elif isinstance(given, Rows):
            object.__setattr__(self, "inputs", given.samples.inputs)
        else:
            object.__setattr__(self, "values", converting.numbers(self.values, "values of a block"))
        if self.values.ndim != 2 or not len(self.values):
            raise DataError(
                f"A block needs values of shape (n_trials, n_inputs), got {self.values.shape}.",
                object="Block",
                parameter="values",
            )
        n = len(self.values)
        if self.targets is not None:
            object.__setattr__(self, "targets", self._of_trials(self.targets, n))
        if self.labels is not None:
            labels = converting.labels(self.labels, n, "labels of a block")
            object.__setattr__(self, "labels", labels)
        learning = converting.numbers(self.learning, "learning of a block").astype(np.float64)
        if learning.shape not in ((), (n,)):
            raise DataError(
                f"A block of {n} trials needs one learning factor, or one for each trial, got "
                f"shape {learning.shape}.",
                object="Block",
                parameter="learning",
            )
        object.__setattr__(self, "learning", np.broadcast_to(learning, (n,)))
        check_fields(self)
        usual = "noise" if self.fires else "train" if learning.any() else "evaluate"
        object.__setattr__(self, "phase", self.phase or usual)

    def _join(self, given: Mapping[str, npt.ArrayLike]) -> None:
        """Put the values of several stimuli side by side, and keep their names."""
        where = "values of a block"
        names = names_of(given, where)
        parts = [converting.numbers(given[name], f"{where}, {brief(repr(name))}") for name in names]
        values, inputs = side_by_side(names, parts, where)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "inputs", inputs)

    def _of_trials(self, given: np.ndarray, n: int) -> np.ndarray:
        """Return targets, shape (n_trials, n_frames * n_outputs), after checking them."""
        targets = converting.numbers(given, "targets of a block")
        if self.labels is not None or targets.ndim not in (2, 3) or len(targets) != n:
            raise DataError(
                f"A block of {n} trials takes targets of shape ({n}, n_outputs) instead of "
                f"labels, got targets of shape {targets.shape}.",
                object="Block",
                parameter="targets",
            )
        if targets.size and np.abs(targets).max() > converting.LARGEST:
            raise DataError(
                f"The targets of a block reach {np.abs(targets).max():.3g}, which single precision "
                "cannot hold; divide them by their standard deviation.",
                object="Block",
                parameter="targets",
            )
        return targets.reshape(n, -1)

    @classmethod
    def of_stimuli(cls, values: Shown, **placed: Unpack[Placed]) -> Self:
        """Return trials with stimuli only, with learning off.

        Parameters
        ----------
        values
            Stimuli, shape (n_trials, n_inputs), or those of several stimuli by their names.
        **placed
            ``index``, ``first``, ``phase`` and ``epoch``, as in `Block`.

        Examples
        --------
        >>> import numpy as np
        >>> import apical as ap
        >>> block = ap.Block.of_stimuli(np.zeros((3, 64)), index=7, phase="record")
        >>> block.labels, block.learning, block.phase
        (None, array([0., 0., 0.]), 'record')
        """
        return cls(cast(Any, values), **placed)

    @classmethod
    def of_labels(
        cls,
        values: Shown,
        labels: np.ndarray,
        learning: Factor = 0.0,
        **placed: Unpack[Placed],
    ) -> Self:
        """Return trials with class labels for the error neurons.

        Parameters
        ----------
        values
            Stimuli, shape (n_trials, n_inputs).
        labels
            Classes, from 0, shape (n_trials,).
        learning
            Factor on every learning rate, one number or shape (n_trials,) [dimensionless]; 0
            switches learning off.
        **placed
            As in `of_stimuli`.

        Examples
        --------
        >>> import numpy as np
        >>> import apical as ap
        >>> block = ap.Block.of_labels(np.zeros((2, 64)), [5, 0], learning=[1.0, 0.5])
        >>> block.labels, block.learning
        (array([5, 0]), array([1. , 0.5]))

        Labels on their own do not teach:

        >>> ap.Block.of_labels(np.zeros((2, 64)), [5, 0]).learning
        array([0., 0.])

        Samples of a data set in [0, 1]; its ``values`` are stored numbers, here from 0 to 16:

        >>> train = ap.datasets.load("digits").train
        >>> block = ap.Block.of_labels(*train.block(slice(4)))
        >>> float(block.values.max()), int(train.values.max())
        (1.0, 16)
        """
        return cls(cast(Any, values), labels, np.asarray(learning), **placed)

    @classmethod
    def of_targets(
        cls,
        values: Shown,
        targets: np.ndarray,
        learning: Factor = 0.0,
        **placed: Unpack[Placed],
    ) -> Self:
        """Return trials with target outputs for the error neurons.

        Parameters
        ----------
        values
            Stimuli, shape (n_trials, n_inputs).
        targets
            Shape (n_trials, n_outputs), or of each frame, (n_trials, n_frames, n_outputs).
        learning, **placed
            As in `of_labels`.

        Examples
        --------
        >>> import numpy as np
        >>> import apical as ap
        >>> block = ap.Block.of_targets(np.zeros((2, 64)), np.array([[0.2], [0.9]]), learning=1.0)
        >>> block.targets.shape, block.labels
        ((2, 1), None)
        """
        return cls(cast(Any, values), None, np.asarray(learning), targets=targets, **placed)

    @classmethod
    def of_samples(
        cls,
        samples: Samples,
        chosen: slice | npt.ArrayLike,
        learning: Factor = 0.0,
        *,
        values: Rows | np.ndarray | None = None,
        **placed: Unpack[Placed],
    ) -> Self:
        """Return trials that show samples of a data set, with their labels or their targets.

        Parameters
        ----------
        samples
            Samples of a data set.
        chosen
            Which of them.
        learning, **placed
            As in `of_labels`.
        values
            Stimuli in place of those of the samples, for instance as eyes that move see them.

        Examples
        --------
        >>> import apical as ap
        >>> digits = ap.datasets.load("digits")
        >>> ap.Block.of_samples(digits.train, [0, 1, 2]).labels
        array([3, 9, 1])
        >>> x, t = [[0.0], [0.5], [1.0]], [0.0, 0.25, 1.0]
        >>> data = ap.Dataset.from_targets(x, t, x, t)
        >>> ap.Block.of_samples(data.train, [1, 2], learning=1.0).targets
        array([[0.25],
               [1.  ]])
        """
        chosen = chosen if isinstance(chosen, slice) else np.asarray(chosen)
        shown = samples.block(chosen)[0] if values is None else values
        factor, inputs = np.asarray(learning), samples.inputs
        if samples.targets is None:
            return cls(shown, samples.labels[chosen], factor, inputs=inputs, **placed)
        told = samples.targets[chosen]
        return cls(shown, None, factor, targets=told, inputs=inputs, **placed)

    @classmethod
    def noise(
        cls,
        fires: str,
        n_trials: int,
        n_inputs: int,
        learning: Factor = 1.0,
        **placed: Unpack[Placed],
    ) -> Self:
        """Return trials of a noise phase: spontaneous activity of a population, silent stimulus.

        Parameters
        ----------
        fires
            Name of the population.
        n_trials, n_inputs
            Number of trials and of inputs.
        learning, **placed
            As in `of_labels`; here it is on by default.

        See Also
        --------
        apical.feedback : Wirings that learn in a noise phase (weight mirrors).

        Examples
        --------
        >>> import apical as ap
        >>> block = ap.Block.noise("hidden", n_trials=4, n_inputs=64)
        >>> block.phase, block.fires, block.values.shape, block.learning
        ('noise', 'hidden', (4, 64), array([1., 1., 1., 1.]))
        """
        silent = np.zeros((n_trials, n_inputs))
        return cls(silent, None, np.asarray(learning), fires=fires, **placed)

    def __len__(self) -> int:
        return len(self.values)

    def slices(self, size: int) -> list[slice]:
        """Return slices of at most `size` consecutive trials.

        Parameters
        ----------
        size
            Largest number of trials of each.

        Examples
        --------
        >>> import numpy as np
        >>> import apical as ap
        >>> ap.Block.of_stimuli(np.zeros((5, 2))).slices(2)
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
        """
        return [slice(k, min(k + size, len(self))) for k in range(0, len(self), size)]

    def shown(self, n_outputs: int) -> np.ndarray | None:
        """Return the targets of the error neurons, shape (n_trials, n_outputs), or None.

        Parameters
        ----------
        n_outputs
            Number of classes, or of outputs.

        Examples
        --------
        >>> import numpy as np
        >>> import apical as ap
        >>> ap.Block.of_labels(np.zeros((2, 64)), [2, 0]).shown(3)
        array([[0., 0., 1.],
               [1., 0., 0.]])
        >>> ap.Block.of_stimuli(np.zeros((2, 64))).shown(3) is None
        True
        """
        if self.labels is None:
            return self.targets
        return np.eye(n_outputs)[self.labels]

    def part(self, trials: slice) -> "Block":
        """Return some of its trials as a block of the same stream.

        Parameters
        ----------
        trials
            Which of them.

        Examples
        --------
        >>> import numpy as np
        >>> import apical as ap
        >>> block = ap.Block.of_labels(np.zeros((5, 64)), [0, 1, 2, 3, 4], first=100)
        >>> part = block.part(slice(2, 4))
        >>> part.labels, part.first
        (array([2, 3]), 102)
        """
        return replace(
            self,
            values=self.values[trials],
            labels=None if self.labels is None else self.labels[trials],
            learning=self.learning[trials],
            targets=None if self.targets is None else self.targets[trials],
            first=self.first + trials.start,
        )

    def parts(self, size: int) -> list["Block"]:
        """Return the block as consecutive blocks of at most `size` trials.

        Parameters
        ----------
        size
            Largest number of trials of each.

        Examples
        --------
        >>> import numpy as np
        >>> import apical as ap
        >>> [len(part) for part in ap.Block.of_stimuli(np.zeros((5, 2))).parts(2)]
        [2, 2, 1]
        """
        return [self.part(trials) for trials in self.slices(size)]


@dataclass(frozen=True)
class BlockResult:
    """The result of a block: spike counts, recorded spikes and traces.

    Parameters
    ----------
    counts
        Spike count of each neuron in each trial that its decision is based on, or final activity of
        graded populations: name of the population -> shape (n_trials, size).
    spikes
        Spike times from the start of the block [ms] and neuron indices, for each population
        whose spikes were recorded: name -> (times, indices).
    traces
        Recorded signals at the end of every time step, or in the steady state of a trial:
        ``<population>.<signal>`` -> shape (n_trials, n_steps, size).

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.testing.references import rates
    >>> with ap.simulate(rates(), "array", record=["hidden_1"], traces=["x"]) as simulator:
    ...     result = simulator.run(ap.Block.of_stimuli(np.ones((2, 6))))
    >>> {name: counts.shape for name, counts in result.counts.items()}
    {'hidden_1': (2, 5), 'output': (2, 3)}
    >>> {name: trace.shape for name, trace in result.traces.items()}
    {'hidden_1.x': (2, 1, 5)}
    """

    counts: Mapping[str, np.ndarray]
    spikes: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    traces: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Addition:
    """Something that a script added to a simulator, or changed in it.

    Parameters
    ----------
    name, kind
        Its name, and its class.
    what
        What it does, or what was changed, in words.
    only_reads
        Whether it is known to write nothing but its own record: a monitor.

    See Also
    --------
    apical.plausibility.judge : Judges what a script added.

    Examples
    --------
    >>> from apical.devices.simulator import Addition
    >>> Addition("spikes", "SpikeMonitor", only_reads=True).only_reads
    True
    """

    name: str
    kind: str
    what: str = ""
    only_reads: bool = False


@dataclass(frozen=True)
class Moment:
    """A moment of a simulation, to which one can come back.

    Parameters
    ----------
    step
        Time steps since the block began.

    See Also
    --------
    Steps : Keeps moments, and comes back to them.

    Examples
    --------
    >>> from apical.devices.simulator import Moment
    >>> Moment(step=10).step
    10
    """

    step: int


@dataclass(frozen=True)
class Window:
    """What neurons did in some time steps.

    Parameters
    ----------
    signals
        Recorded signals at the end of every time step: ``<population>.<signal>`` -> shape
        (n_steps, size).
    spikes
        Whether neurons of recorded populations spiked: name -> shape (n_steps, size).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.devices.simulator import Window
    >>> window = Window({"h.v": np.zeros((10, 3))}, {"h": np.zeros((10, 3), bool)})
    >>> window.signals["h.v"].shape
    (10, 3)
    """

    signals: Mapping[str, np.ndarray]
    spikes: Mapping[str, np.ndarray]


class Steps(Protocol):
    """Protocol of simulators that run one time step at a time (`stepping` of device ``runtime``).

    Only what is in the network runs, neither more nor less than in `Simulator.run`; a simulator
    that wraps another is not asked.

    Examples
    --------
    Five time steps of a spiking network, and back:

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.testing.references import spiking
    >>> with ap.simulate(spiking(), "runtime", record=["hidden"], traces=["v"]) as simulator:
    ...     with simulator.stepping(1) as steps:
    ...         steps.show(ap.Block.of_stimuli(np.ones((1, 6))))
    ...         start = steps.keep()
    ...         first = steps.run(5).signals["hidden.v"]
    ...         steps.back(start)
    ...         again = steps.run(5).signals["hidden.v"]
    >>> first.shape, bool((first == again).all())
    ((5, 5), True)
    """

    step: int
    steps: int
    """Time steps of a trial."""

    def show(self, block: Block) -> None:
        """Let a block be what is shown, and begin at its first time step."""

    def run(self, stop: int) -> Window:
        """Run until before a time step of the block, and return what its neurons did."""

    def close(self, n_trials: int) -> None:
        """Let what acts after the last of a number of trials act: learning."""

    def keep(self) -> Moment:
        """Return the present moment, to come back to."""

    def back(self, moment: Moment) -> None:
        """Come back to a moment."""

    def get(self, name: str) -> np.ndarray:
        """Return a copy of a variable of the state, ``<object>.<variable>``."""

    def put(self, name: str, values: np.ndarray) -> None:
        """Set a variable of the state."""


class Simulator(Protocol):
    """Protocol of simulators: trials and weights in, counts and weights out.

    A simulator to which a script can add objects also has ``additions``, a tuple of `Addition`;
    one that can run single time steps has ``stepping(n_trials, keyed=False)``, a context manager
    that gives `Steps`.

    It is a context manager that closes it at the end; `Closing` has all that it takes.

    Examples
    --------
    A block with learning on changes the weights, one with learning off leaves them:

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.testing.references import rates
    >>> rng = np.random.default_rng(0)
    >>> values, labels = rng.random((3, 6)), [0, 1, 2]
    >>> with ap.simulate(rates(), "array", batch=3) as simulator:
    ...     before = simulator.weights("hidden_2_to_output")
    ...     off = simulator.run(ap.Block.of_labels(values, labels))
    ...     same = (simulator.weights("hidden_2_to_output") == before).all()
    ...     on = simulator.run(ap.Block.of_labels(values, labels, learning=1.0))
    ...     moved = (simulator.weights("hidden_2_to_output") != before).all()
    >>> bool(same), bool(moved)
    (True, True)
    >>> simulator.run(ap.Block.of_labels(values, labels))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DeviceError: The simulator is closed; make another one with ...
    """

    network: Network

    @property
    def dt(self) -> float | None:
        """Time step [ms]; None for steady states.

        Examples
        --------
        >>> import apical as ap
        >>> from apical.testing.references import rates
        >>> with ap.simulate(rates(), "array") as simulator:
        ...     print(simulator.dt)
        None
        >>> with ap.simulate(rates(), "runtime", dt=0.5) as simulator:
        ...     print(simulator.dt)
        0.5
        """

    @property
    def batch(self) -> int:
        """Batch size: number of trials per weight update.

        Examples
        --------
        >>> import apical as ap
        >>> from apical.testing.references import rates
        >>> with ap.simulate(rates(), "array", batch=16) as simulator:
        ...     simulator.batch
        16
        """

    @property
    def brian(self) -> Mapping[str, Any]:
        """The live Brian2 objects, by the names of populations and projections.

        Examples
        --------
        >>> import apical as ap
        >>> from apical.testing.references import spiking
        >>> with ap.simulate(spiking(), "runtime") as simulator:
        ...     print(sorted(simulator.brian)[:5], simulator.brian["hidden"].v.shape)
        ['error', 'error_to_error', 'error_to_hidden', 'error_to_output', 'hidden'] (5,)
        """

    @property
    def compile_seconds(self) -> float:
        """Time spent compiling so far [s].

        Examples
        --------
        >>> import apical as ap
        >>> from apical.testing.references import rates
        >>> with ap.simulate(rates(), "array") as simulator:
        ...     simulator.compile_seconds
        0.0
        """

    @property
    def state(self) -> dict[str, np.ndarray]:
        """Every variable that the next block depends on, weights included, by name.

        Examples
        --------
        Save it, go on, come back: the same block has the same result.

        >>> import numpy as np
        >>> import apical as ap
        >>> from apical.testing.references import rates
        >>> block = ap.Block.of_labels(np.ones((1, 6)), [0], learning=1.0)
        >>> with ap.simulate(rates(), "array") as simulator:
        ...     saved = simulator.state
        ...     first = simulator.run(block).counts["output"]
        ...     second = simulator.run(block).counts["output"]
        ...     simulator.state = saved
        ...     again = simulator.run(block).counts["output"]
        >>> bool((first == second).all()), bool((first == again).all())
        (False, True)
        >>> saved["hidden_2_to_output.w"].shape
        (4, 3)
        """

    @state.setter
    def state(self, state: Mapping[str, np.ndarray]) -> None: ...

    def run(self, block: Block) -> BlockResult:
        """Present a block of trials, starting from the current state.

        Parameters
        ----------
        block
            The trials.

        Raises
        ------
        DataError
            If the block does not fit the network.

        Examples
        --------
        >>> import numpy as np
        >>> import apical as ap
        >>> from apical.testing.references import rates
        >>> with ap.simulate(rates(), "array") as simulator:
        ...     result = simulator.run(ap.Block.of_stimuli(np.ones((2, 6))))
        >>> result.counts["output"].shape
        (2, 3)
        >>> with ap.simulate(rates(), "array") as simulator:
        ...     simulator.run(ap.Block.of_stimuli(np.ones((2, 7))))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.DataError: Stimulus 'stimulus' has 6 neurons, but the block's ...
        """

    def weights(self, projection: Projection | str) -> np.ndarray:
        """Return W, shape (n_pre, n_post), with 0 where there is no synapse.

        Parameters
        ----------
        projection
            The projection, or its name.

        Raises
        ------
        ParameterError
            If a sparse projection does not fit into free memory so; use `synapses`.

        Examples
        --------
        >>> import apical as ap
        >>> from apical.testing.references import rates
        >>> with ap.simulate(rates(), "array") as simulator:
        ...     simulator.weights("hidden_2_to_output").shape
        (4, 3)
        >>> with ap.simulate(rates(), "array") as simulator:
        ...     simulator.weights("hidden_to_output")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.WiringError: The network has no projection 'hidden_to_output'; ...
        """

    def synapses(self, projection: Projection | str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the synapses of a projection: presynaptic and postsynaptic neurons, and weights.

        Their memory goes with the synapses that exist. They are ordered by presynaptic neuron, and
        within one by postsynaptic neuron.

        Parameters
        ----------
        projection
            The projection, or its name.

        Returns
        -------
        tuple
            ``(i, j, w)``, each of shape (n_synapses,).

        Examples
        --------
        >>> import apical as ap
        >>> net = ap.Network()
        >>> x = net.add(ap.Stimulus("stimulus", 3, ap.encoding.Graded()))
        >>> y, some = net.add(ap.Rate("output", 3)), ap.connectivity.OneToOne()
        >>> _ = net.connect(x, y, weights=ap.Identity(0.5), connectivity=some)
        >>> with ap.simulate(net, "array") as simulator:
        ...     i, j, w = simulator.synapses("stimulus_to_output")
        >>> i.tolist(), j.tolist(), w.tolist()
        ([0, 1, 2], [0, 1, 2], [0.5, 0.5, 0.5])
        """

    def load(self, weights: Mapping[str, np.ndarray] | Path | str) -> None:
        """Take over weights, projection name -> W, or the state in a file.

        Parameters
        ----------
        weights
            Projection name -> W, shape (n_pre, n_post); where a connectivity says which synapses
            exist, also those of these alone, shape (n_synapses,), in the order of
            `Network.edges`. Others stay as they are. What rules of these synapses keep begins
            again with these weights (`LearningRule.state`). Or a file that `save` wrote, whose
            whole state is taken over.

        Raises
        ------
        DataError, ParameterError
            If their shapes do not fit, they violate a constraint of their projection, or the file
            cannot be read or is of another network or device.

        Examples
        --------
        >>> import numpy as np
        >>> import apical as ap
        >>> from apical.testing.references import rates
        >>> with ap.simulate(rates(), "array") as simulator:
        ...     simulator.load({"hidden_2_to_output": np.ones((4, 3))})
        ...     float(simulator.weights("hidden_2_to_output").sum())
        12.0
        >>> with ap.simulate(rates(), "array") as simulator:
        ...     simulator.load({"hidden_2_to_output": np.ones((3, 4))})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.DataError: State 'hidden_2_to_output.w' must have shape (4, ...
        """

    def save(self, path: Path | str) -> Path:
        """Write the whole state into a file, arrays as npz without pickle, and return its path.

        Training continues from it with the same bits, in a simulator of the same network on the
        same device. It holds no network: `Network.save` writes that.

        Parameters
        ----------
        path
            The file; the ending .npz is added to a name without one. One that exists is replaced.

        Raises
        ------
        DataError
            If it cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> import apical as ap
        >>> from apical.testing.references import rates
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with ap.simulate(rates(), "array") as simulator:
        ...         simulator.load({"hidden_2_to_output": np.ones((4, 3))})
        ...         path = simulator.save(Path(folder) / "state")
        ...     with ap.simulate(rates(), "array") as other:
        ...         other.load(path)
        ...         float(other.weights("hidden_2_to_output").sum())
        12.0
        """

    def close(self) -> None:
        """Give back its memory and remove its files; it cannot be used any more.

        Examples
        --------
        >>> import apical as ap
        >>> from apical.testing.references import rates
        >>> simulator = ap.simulate(rates(), "array")
        >>> simulator.close()
        >>> simulator.state  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.DeviceError: The simulator is closed; make another one with ...
        """

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class Closing:
    """Base of simulators that can be closed, once or more often, and are context managers.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.testing.references import rates
    >>> simulator = ap.simulate(rates(), "array")
    >>> simulator.close()
    >>> simulator.close()
    >>> simulator.network.output.name
    'output'
    """

    network: Network
    state: dict[str, np.ndarray]
    _closed = False

    def close(self) -> None:
        """Give back its memory and remove its files; only its network and what it took remain."""
        if self._closed:
            return
        self._release()
        kept = {name: vars(self)[name] for name in _KEPT if name in vars(self)}
        vars(self).clear()
        vars(self).update(kept, _closed=True)

    def save(self, path: Path | str) -> Path:
        """Write the whole state into a file, arrays as npz without pickle, and return its path."""
        given = Path(fitting(path, Path | str, "Simulator", "path"))
        target, state = given, self.state
        try:
            target = file_at(given, ".npz")
            held = {**state, SEED: np.array(self.network.seed)}
            return write_whole(target, lambda file: np.savez(file, **cast(Any, held)))
        except OSError as error:
            said = error.strerror or type(error).__name__
            raise DataError(f"{brief(str(target))} cannot be written: {said}.") from None

    def load(self, weights: Mapping[str, np.ndarray] | Path | str) -> None:
        """Take over weights, projection name -> shape (n_pre, n_post), or the state in a file."""
        if isinstance(weights, Path | str):
            self.state = read_state(Path(weights), self.state, self.network)
        else:
            found = of_projections(self.network, weights)
            self.state = found
            self.state = self._begun_again(found)

    def _begun_again(self, loaded: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return what the rules of loaded synapses keep, where it begins with their weights."""
        found = dict[str, np.ndarray]()
        for entry, weights in loaded.items():
            projection = self.network.projection(entry.removesuffix(".w"))
            if projection.rule is not None and projection.rule.state:
                called = self._state_names(projection)
                for name, values in projection.rule.first(weights).items():
                    found[f"{projection.name}.{called[name]}"] = values
        return found

    def _state_names(self, projection: Projection) -> Mapping[str, str]:
        """Return the state of a rule: the name that it has for it -> that in the state."""
        return {name: name for name in (projection.rule.state if projection.rule else ())}

    def _release(self) -> None:
        """Remove what lies outside this process."""

    def synapses(self, projection: Projection | str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the synapses of a projection, and their weights; see `Simulator.synapses`."""
        name = projection.name if isinstance(projection, Projection) else projection
        known = self.network.projection(name)
        edges = self.network.edges(known)
        if edges is None:
            weights = self.weights(name)
            exists = self.network.existing(known)
            i, j = np.nonzero(np.ones(weights.shape, bool) if exists is None else exists)
            return i.astype(np.int32), j.astype(np.int32), weights[i, j]
        if isinstance(known.weights, ReadBackwards):
            forward = self.synapses(known.weights.projection)[2]
            return edges.pre, edges.post, drawing.read_backwards(known, self.network.seed, forward)
        return edges.pre, edges.post, edges.each(self._held(name))

    def weights(self, projection: Projection | str) -> np.ndarray:
        """Return W of a projection, shape (n_pre, n_post) [dimensionless], 0 without a synapse."""
        raise NotImplementedError

    def _held(self, projection: str) -> np.ndarray:
        """Return the weights of a projection as the state has them."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        if self._closed:
            raise _is_closed()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    if not TYPE_CHECKING:  # which is to find names that no simulator has

        def __getattr__(self, name: str) -> Any:
            """Raise: an attribute is missing, which is so of most of them after `close`."""
            if self._closed:
                raise _is_closed()
            said = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(said, name=name)


SEED = "network.seed"
"""Entry of a file of a state: the seed of the network."""
NETWORK = "network"
"""Entry of a file of a network (`apical.Network.save`): all but its arrays, as text."""


def read_state(
    path: Path, now: Mapping[str, np.ndarray], network: Network
) -> dict[str, np.ndarray]:
    """Return the state in a file that `Closing.save` wrote.

    Parameters
    ----------
    path
        The file.
    now
        State of the simulator that takes it over, which has the same variables.
    network
        Its network.

    Raises
    ------
    DataError
        If it cannot be read, or lacks a variable; `check_state` finds those that are too many. If
        it is of a network of another seed, in which other synapses exist.
    """
    if not path.exists():
        raise DataError(f"{brief(str(path))} does not exist; Simulator.save writes it.")
    try:
        found = read_arrays(path)
    except UnreadableError as error:
        raise DataError(str(error)) from None
    if NETWORK in found:
        raise DataError(
            f"{brief(str(path))} holds a network, no state of a simulator; Network.load reads it, "
            "and simulate makes a simulator of it, whose save writes a state.",
            object="Simulator",
        )
    missing = sorted({*now} - {*found})
    if missing:
        raise DataError(
            f"{brief(str(path))} has no state {missing[0]!r}; it is of another network or device.",
            object=f"State {missing[0]!r}",
        )
    seed = found.pop(SEED, None)
    if seed is not None:
        _check_synapses(path, network, int(seed))
    return found


def _check_synapses(path: Path, network: Network, seed: int) -> None:
    """Raise if other synapses exist in the network of a seed that a file was written by."""
    for projection in network.projections:
        there, here = (drawing.edges(projection, s) for s in (seed, network.seed))
        if there is not None and here is not None and not there.same_as(here):
            raise DataError(
                f"{brief(str(path))} is of a network of seed {seed}, not {network.seed}: other "
                f"synapses of {projection.name!r} exist there; make a network of that seed.",
                object=f"Projection {projection.name!r}",
            )


_KEPT = ("network", "batch", "compile_seconds", "profile_seconds")
"""What is still known of a simulator that is closed."""


def _is_closed() -> DeviceError:
    return DeviceError(
        "The simulator is closed; make another one with simulate(), and take over a saved state "
        "if need be.",
        object="Simulator",
    )


@contextmanager
def left_as_it_was(simulator: Simulator) -> Iterator[None]:
    """Context manager that restores the state of a simulator afterwards.

    Parameters
    ----------
    simulator
        A network on a device.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.devices.simulator import left_as_it_was
    >>> from apical.testing.references import rates
    >>> with ap.simulate(rates(), "array") as simulator:
    ...     before = simulator.weights("hidden_2_to_output")
    ...     with left_as_it_was(simulator):
    ...         result = simulator.run(ap.Block.of_labels(np.ones((1, 6)), [0], learning=1.0))
    ...     bool((simulator.weights("hidden_2_to_output") == before).all())
    True
    """
    before = simulator.state
    try:
        yield
    finally:
        simulator.state = before


def check_state(state: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise if an array of a state does not fit the network."""
    for name, values in fitting(state, Mapping[str, Any], "Simulator", "state").items():
        if name not in shapes:
            raise DataError(
                f"The network has no state {name!r}; the saved state is of another network.",
                object=f"State {name!r}",
            )
        if np.shape(values) != shapes[name]:
            raise DataError(
                f"State {name!r} must have shape {shapes[name]}, got {np.shape(values)}; the saved "
                "state is of another network.",
                object=f"State {name!r}",
            )


def of_projections(network: Network, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Convert weights by name of projection to entries of a state.

    Raises
    ------
    WiringError
        If there is no such projection.
    ParameterError
        If one has no weights of its own, but transports those of another; or if there is a weight
        where no synapse exists.
    """
    found = dict[str, np.ndarray]()
    for name in fitting(weights, Mapping[str, Any], "Simulator", "weights"):
        source = network.projection(name).weights
        if isinstance(source, ReadBackwards):
            raise ParameterError(
                f"Projection {name!r} has no weights of its own: it transports the {source.what} "
                f"of {source.projection.name!r}; load those instead.",
                object=f"projection {name!r}",
                parameter="weights",
            )
        found[f"{name}.w"] = _of_synapses(network, network.projection(name), weights[name])
    return found


def _of_synapses(network: Network, projection: Projection, weights: np.ndarray) -> np.ndarray:
    """Return the weights of synapses that exist, from a matrix that has no others."""
    edges = network.edges(projection)
    if edges is None or np.shape(weights) != projection.shape:
        return weights
    matrix = np.asarray(weights)
    if np.count_nonzero(matrix) > np.count_nonzero(matrix[edges.pre, edges.post]):
        i, j = (int(at[0]) for at in np.nonzero((matrix != 0) & ~edges.mask))
        raise ParameterError(
            f"Projection {projection.name!r} has no synapse from neuron {i} to {j}, but the "
            f"weight given for it is {matrix[i, j]:g}; load weights that meet the constraints, "
            "such as network.held(projection, weights).",
            object=f"projection {projection.name!r}",
            parameter="weights",
        )
    shared = edges.of(matrix)
    unlike = np.flatnonzero(edges.each(shared) != matrix[edges.pre, edges.post])
    if len(unlike) and edges.shares is not None:
        i, j = int(edges.pre[unlike[0]]), int(edges.post[unlike[0]])
        known = shared[edges.shares[unlike[0]]]
        raise ParameterError(
            f"Projection {projection.name!r} shares weights among its windows, but that from "
            f"neuron {i} to {j} is {matrix[i, j]:g} and another {known:g}; load the same, such as "
            "network.held(projection, weights).",
            object=f"projection {projection.name!r}",
            parameter="weights",
        )
    return shared


def check_weights(
    network: Network, state: Mapping[str, np.ndarray], now: Callable[[str], np.ndarray]
) -> None:
    """Raise if a state has weights that violate the constraints of a projection.

    Parameters
    ----------
    network
        The network.
    state
        Arrays of the right shapes, by name; those of weights are ``<projection>.w``.
    now
        Returns the current weights of a projection. These are always accepted, so that a saved
        state can be restored.

    Raises
    ------
    ParameterError
        If weights are not finite, or violate a constraint: Dale's law, sparsity mask, quantisation.
        Weights beyond bounds act unchanged until an update clips them.
    WiringError
        If feedback within a population would form a cycle.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.devices.simulator import check_weights
    >>> from apical.testing.references import rates
    >>> state = {"hidden_2_to_output.w": np.full((4, 3), np.inf)}
    >>> check_weights(rates(), state, now=lambda name: np.ones((4, 3)))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Weights of projection 'hidden_2_to_output' must be ...
    """
    for p in network.projections:
        if f"{p.name}.w" not in state:
            continue
        weights = np.asarray(state[f"{p.name}.w"])
        about = {"object": f"projection {p.name!r}", "parameter": "weights"}
        if weights.dtype.kind not in "biuf":
            raise ParameterError(
                f"Weights of projection {p.name!r} must be real numbers, got an array of "
                f"{weights.dtype}; give floats.",
                **about,
            )
        at = None if np.isfinite(weights).all() else np.argwhere(~np.isfinite(weights))[0]
        wrong = drawing.broken(p, network.seed, weights) if at is None else None
        if at is None and wrong is None and not relays_within(network, p):
            continue
        if np.array_equal(weights, now(p.name), equal_nan=True):
            continue
        edges = network.edges(p)
        if edges is not None:
            weights = edges.dense(weights)
            at = at if at is None else np.array(edges.neurons(at[0]))
        if at is not None:
            raise ParameterError(
                f"Weights of projection {p.name!r} must be finite, got {weights[tuple(at)]} from "
                f"neuron {at[0]} to {at[1]}; load numbers.",
                **about,
            )
        if wrong is not None:
            raise ParameterError(
                f"Weights of projection {p.name!r} are constrained by {_restraints(p)}, but that "
                f"from neuron {wrong[0]} to {wrong[1]} is {weights[wrong]:g}; load weights that "
                "meet the constraints, such as network.held(projection, weights).",
                **about,
            )
        check_circle(network, p, weights)


def check_learned(network: Network, block: Block, total: Callable[[str], float]) -> None:
    """Raise if weights are not finite after a block in which they learned.

    Parameters
    ----------
    network
        The network.
    block
        The trials that were shown.
    total
        Returns the sum of the weights of a projection, which is not finite if one of them is not.

    Raises
    ------
    RunError
        If learning diverged.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.devices.simulator import check_learned
    >>> from apical.testing.references import rates
    >>> block = ap.Block.of_labels(np.ones((2, 6)), [0, 2], learning=1.0)
    >>> check_learned(rates(), block, total=lambda name: 1.0)
    >>> check_learned(rates(), block, total=lambda name: np.nan)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.RunError: The weights of projection 'stimulus_to_hidden_1' diverged ...
    """
    if block.learning.any():
        check_finite(network.plastic, len(block), total)


def check_finite(
    projections: Iterable[Projection], n_trials: int, total: Callable[[str], float]
) -> None:
    """Raise if weights of some projections are not finite; parameters as of `check_learned`."""
    for projection in projections:
        with np.errstate(over="ignore", invalid="ignore"):
            found = total(projection.name)
        if not np.isfinite(found):
            raise RunError(
                f"The weights of projection {projection.name!r} diverged in this block of "
                f"{n_trials} trials: they are NaN or infinite. Lower the learning rate, or scale "
                "stimuli and targets down; weights from before the block are of use, these are "
                "not.",
                object=f"Projection {projection.name!r}",
            )


def _restraints(projection: Projection) -> str:
    """Describe the weight constraints of a projection."""
    found = {
        "the signs of their neurons": projection.inhibitory is not None,
        "missing synapses": bool(projection.missing) or not projection.connectivity.is_full,
        "weight sharing": projection.shares_weights,
        "quantisation levels": projection.levels is not None,
        f"bounds {projection.limits}": projection.limits is not None,
    }
    return ", ".join(what for what, is_so in found.items() if is_so)


def check_block(network: Network, block: Block) -> None:
    """Raise if a block does not fit the network.

    Parameters
    ----------
    network
        The network.
    block
        The trials.

    Raises
    ------
    DataError
        If it does not.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.devices.simulator import check_block
    >>> from apical.testing.references import rates
    >>> check_block(rates(), ap.Block.of_labels(np.ones((2, 6)), [0, 2]))
    >>> check_block(rates(), ap.Block.of_labels(np.ones((2, 6)), [0, 3]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DataError: Output 'output' has 3 neurons, but the block's labels ...
    """
    fitting(block, Block, "Simulator", "block")
    check_inputs(network, block.inputs)
    _check_number(network, block.values.shape[1])
    several, places = len(network.stimuli) > 1, columns(network)
    for shown in network.stimuli:
        if not block.fires:
            _check_kind(shown, block.values, network.trial)
        if shown.is_spiking and not isinstance(block.values, Rows):
            _check_size(
                network, shown, block.values[:, places[shown.name]] if several else block.values
            )
    if block.fires:
        _check_noise(network, block)
    else:
        _check_told(network, block)


def _check_size(network: Network, shown: Stimulus, values: np.ndarray) -> None:
    """Raise if values are below 0, and warn if they are beyond what the encoder can show."""
    if values.min(initial=0) < 0:
        raise DataError(
            f"Stimulus {shown.name!r} spikes, so it takes values >= 0, but the block's start at "
            f"{values.min():g}; shift them, or use encoder=Graded().",
            object=f"Stimulus {shown.name!r}",
            parameter="values",
        )
    most, largest = float(values.max(initial=0)), shown.encoder.largest
    if most > largest and network not in _TOLD:
        _TOLD.add(network)
        warnings.warn(
            f"Stimulus {shown.name!r}: values of a block reach {most:g}, beyond {largest:g}, the "
            f"largest that {type(shown.encoder).__name__} is made for; divide them.",
            DescriptionWarning,
            stacklevel=outside(),
        )


_TOLD: "WeakSet[Network]" = WeakSet()
"""Networks of whose stimuli that was said."""


def _check_number(network: Network, found: int) -> None:
    """Raise if the trials of a block have another number of values than the stimuli take."""
    if found == n_values(network):
        return
    if len(network.stimuli) > 1:
        each = ", ".join(f"{one.name!r} ({one.size})" for one in network.stimuli)
        raise DataError(
            f"The stimuli {each} take {n_values(network)} values together, but the block's trials "
            f"have {found} values; they must match.",
            object="Block",
            parameter="values",
        )
    shown = network.stimulus
    frames = f" and {shown.frames} frames" if shown.frames > 1 else ""
    raise DataError(
        f"Stimulus {shown.name!r} has {shown.size} neurons{frames}, but the block's trials "
        f"have {found} values; they must match.",
        object=f"Stimulus {shown.name!r}",
        parameter="values",
    )


def _check_kind(stimulus: Stimulus, values: Rows | np.ndarray, trial: float) -> None:
    """Raise if events are shown to an encoder of values, or the other way, or last too long."""
    events = values if isinstance(values, EventRows) else None
    if (events is not None) != stimulus.encoder.takes_events:
        encoder = type(stimulus.encoder).__name__
        what = "events; give encoder=Events()" if events else "values; give it another encoder"
        raise DataError(
            f"Stimulus {stimulus.name!r} has the encoder {encoder}, but the block's trials are "
            f"{what}.",
            object=f"Stimulus {stimulus.name!r}",
            parameter="values",
        )
    if events is not None and events.longest > trial:
        raise DataError(
            f"Stimulus {stimulus.name!r} is shown events of {events.longest:g} ms, but a trial of "
            f"the network lasts {trial:g} ms; give Network(trial={events.longest:g}), or cut them: "
            f"data.until({trial:g}).",
            object=f"Stimulus {stimulus.name!r}",
            parameter="values",
        )


def _check_told(network: Network, block: Block) -> None:
    """Raise if labels or targets of a block do not fit the output."""
    told, n_classes = network.target_frames, network.output.size
    check_targets(network, block.targets)
    if block.labels is not None and told > 1:
        raise DataError(
            f"Output {network.output.name!r} has target spike trains of {told} frames, but the "
            "block has labels; give targets instead.",
            object=f"Output {network.output.name!r}",
            parameter="labels",
        )
    if block.labels is None:
        taught = any(population.is_told for population in network.populations)
        if taught and block.targets is None and np.any(block.learning):
            raise DataError(
                "The block has learning on but no labels or targets; give them, or learning=0.",
                object="Block",
                parameter="labels",
            )
    elif block.labels.min() < 0 or block.labels.max() >= n_classes:
        raise DataError(
            f"Output {network.output.name!r} has {n_classes} neurons, but the block's labels go "
            f"from {block.labels.min()} to {block.labels.max()}.",
            object=f"Output {network.output.name!r}",
            parameter="labels",
        )


def _check_noise(network: Network, block: Block) -> None:
    """Raise if a block of a noise phase does not fit the network."""
    able = [p.name for p in network.populations if p.noise]
    if block.fires not in able:
        raise ParameterError(
            f"The block lets {block.fires!r} fire spontaneous noise, but the populations of the "
            f"network that can are {', '.join(able) or 'none'}; give it noise above 0 (Rate).",
            object="Block",
            parameter="fires",
        )
    if block.labels is not None or block.targets is not None:
        raise ParameterError(
            f"The block lets {block.fires!r} fire spontaneous noise, so there are no targets; "
            "leave labels and targets out.",
            object="Block",
            parameter="fires",
        )
