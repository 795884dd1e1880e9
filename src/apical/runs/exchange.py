"""Exchange of trained networks with other simulators: NIR, and what is lost on the way."""

from dataclasses import dataclass
from pathlib import Path

from apical import nir
from apical._base.checking import checked
from apical._base.parameters import Count
from apical.devices import simulate
from apical.network.description import Network
from apical.nir.grading import Grade, Reset
from apical.nir.writing import Constants
from apical.runs.open import TrainedRun
from apical.training.loop import evaluated

DEVICE = "runtime"
"""Device on which both networks are measured: it compiles nothing."""


@dataclass(frozen=True)
class Exchanged:
    """A trained network that was written and read back.

    Parameters
    ----------
    grades
        What became of each of its parts.
    trials
        Test samples on which both were measured.
    before, after
        Accuracy of the trained network, and of what was read back.
    """

    grades: tuple[Grade, ...]
    trials: int
    before: float
    after: float


@checked()
def write_nir(
    run: TrainedRun,
    path: str | Path,
    *,
    reset: Reset = "own",
    constants: Constants = "continuous",
    trials: Count = 200,
    overwrite: bool = False,
) -> Exchanged:
    """Write the network of a run as NIR, read it back, and measure the accuracy of both.

    Parameters
    ----------
    run
        The run.
    path, reset, constants, overwrite
        As in `apical.nir.write`.
    trials
        Number of test samples to measure on, the first ones; all if there are fewer.

    Raises
    ------
    WiringError
        If NIR cannot hold the network.
    """
    dt = run.prepared.experiment.dt
    graded = nir.write(
        run.network,
        path,
        weights=run.weights,
        dt=dt,
        reset=reset,
        constants=constants,
        about=run.about(),
        overwrite=overwrite,
    )
    n = min(trials, len(run.data.test))
    before = _accuracy(run, run.network, n, trained=True)
    after = _accuracy(run, nir.read(path).network, n, trained=False)
    return Exchanged(graded, n, before, after)


def _accuracy(run: TrainedRun, network: Network, n: int, *, trained: bool) -> float:
    experiment = run.prepared.experiment
    with simulate(network, DEVICE, dt=experiment.dt, dtype=experiment.dtype) as simulator:
        if trained:
            simulator.load(run.weights.loadable(simulator))
        samples = run.data.subset(None, n).test
        return evaluated(simulator, samples, experiment.epochs).accuracy
