"""Callbacks that measure a network during training (`--measure`), on a separate simulator."""

from collections.abc import Mapping, Sequence

import numpy as np

from apical.devices import DEVICES, Simulator, recordable
from apical.network.description import Network
from apical.records.arrays import Records
from apical.records.recording import record
from apical.runs.experiment import Prepared
from apical.runs.measures import MEASURES, Look, Measure
from apical.training.loop import Metric, Position

LOOK = 200
"""Largest number of test samples that are recorded for measures."""
ROOM = 128e6
"""Memory limit of their signals [bytes]; fewer samples are recorded where it is exceeded."""


def chosen(names: Sequence[str], network: Network, *, closely: bool = False) -> tuple[str, ...]:
    """Return the selected measures, each once, in the order of `MEASURES`.

    Parameters
    ----------
    names
        Requested measures.
    network
        The network to measure.
    closely
        Whether to add ``training`` and, in rate networks with error feedback, ``angles``.

    Raises
    ------
    ParameterError
        If a measure is unknown.

    Examples
    --------
    >>> from apical.runs.callbacks import chosen
    >>> from apical.testing.references import rates
    >>> chosen(["norms"], rates())  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: There is no measure 'norms'; known are training, ...
    """
    wanted = {MEASURES[name].name for name in names}
    if closely:
        wanted.add("training")
        if network.feedback is not None and not network.is_spiking:
            wanted.add("angles")
    return tuple(name for name in MEASURES if name in wanted)


class Measuring:
    """Callback that measures a network between blocks of training, without changing its state.

    Recordings are made on a second simulator, which takes over the state of the first.

    Parameters
    ----------
    prepared
        The experiment whose network is measured.
    names
        Measures, or their names in `MEASURES`.

    Raises
    ------
    ApicalError
        If the network cannot be measured in this way.

    Examples
    --------
    >>> from apical.runs.callbacks import Measuring
    >>> from apical.runs.experiment import Experiment, prepare
    >>> from apical.training import Plan, steps
    >>> prepared = prepare(Experiment("rate_dfa", train_trials=128, test_trials=50))
    >>> with prepared.simulator() as simulator:
    ...     measure = Measuring(prepared, ["weights"])
    ...     history = list(steps(simulator, prepared.data, Plan(epochs=1), measure=measure))
    >>> sorted(name for name in history[-1].metrics if "hidden_to_output" in name)
    [('norm', 'hidden_to_output'), ('speed', 'hidden_to_output'), ('zeros', 'hidden_to_output')]
    """

    def __init__(self, prepared: Prepared, names: Sequence[str | Measure]) -> None:
        self._prepared = prepared
        self._measures = [MEASURES[one] if isinstance(one, str) else one for one in names]
        network, traces = prepared.network, list[str]()
        self._looking: Simulator | None = None
        for measure in self._measures:
            measure.check(network)
        asked = [measure.records(network) for measure in self._measures]
        for signals in asked:
            traces += [signal for signal in signals or () if signal not in traces]
        if any(signals is not None for signals in asked):
            seen = recordable(network)
            every = [p.name for p in network.populations if p.role != "bias" and p.name in seen]
            self._looking = prepared.looking(every, traces)
        self.n_trials = min(LOOK, len(prepared.data.test), _that_fit(prepared, traces))

    @property
    def simulators(self) -> tuple[Simulator, ...]:
        """The second simulator, used for recording, if there is one."""
        return (self._looking,) if self._looking else ()

    @property
    def compile_seconds(self) -> float:
        """Time spent compiling so far [s]."""
        return self._looking.compile_seconds if self._looking else 0.0

    def __call__(
        self, simulator: Simulator, position: Position, before: Mapping[str, np.ndarray]
    ) -> dict[Metric, float]:
        """Measure the network in its current state.

        Parameters
        ----------
        simulator
            The network in training.
        position
            Progress of its training.
        before
            Its plastic weights before the last block, by name of projection.

        Returns
        -------
        dict
            Name of the metric -> value, as each measure of `apical.runs.measures` names them.
        """
        look = self.look(simulator, position, before)
        found: dict[Metric, float] = {}
        for measure in self._measures:
            found |= measure.measure(look)
        return found

    def look(
        self, simulator: Simulator, position: Position, before: Mapping[str, np.ndarray]
    ) -> Look:
        """Return what the measures look at: the network in its current state, recorded if needed.

        Parameters
        ----------
        simulator, position, before
            As when it is called; the simulator may be the second one.
        """
        weights = {p.name: simulator.weights(p) for p in self._prepared.network.projections}
        records = self._record(simulator, position)
        return Look(self._prepared, simulator, position, weights, before, records)

    def _record(self, simulator: Simulator, position: Position) -> Records | None:
        if self._looking is None:
            return None
        if simulator is not self._looking:
            self._looking.state = simulator.state
        test, dt = self._prepared.data.test, self._prepared.experiment.dt
        return record(
            self._looking,
            test,
            np.arange(self.n_trials),
            dt=dt,
            stream=position.trial,
            synapses=False,
        )


def _that_fit(prepared: Prepared, traces: Sequence[str]) -> int:
    """Return the number of trials whose signals fit into the memory limit."""
    e, network = prepared.experiment, prepared.network
    steps = round(network.trial / e.dt) if DEVICES[str(e.device)].takes("dt") else 1
    numbers = sum(p.size * len({*p.signals} & {*traces}) for p in network.populations)
    return max(1, int(ROOM // max(1, steps * numbers * np.dtype(e.dtype).itemsize)))
