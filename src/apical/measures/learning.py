"""Measures of learning: angles to backpropagation, feedback and forward weights, weights, units.

All of them look at a network without changing it: at its weights, or at `Records` made with
learning off.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from apical._base.checking import check_fields, checked
from apical._base.parameters import Matrix, Measured
from apical._base.rounding import exceeds, is_nothing, or_nothing, size_of
from apical.errors import WiringError
from apical.measures.alignment import angle
from apical.measures.updates import Moments, backpropagated, rule_of, update, weights_of
from apical.network.description import Network
from apical.neurons.base import Population
from apical.projections.projection import Projection
from apical.records.arrays import Records

if TYPE_CHECKING:
    import pandas as pd

Weights = Mapping[str, Matrix]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
RANGES = {"tanh": (-1.0, 1.0), "logistic": (0.0, 1.0), "softmax": (0.0, 1.0)}
"""Activations that have an end, and where."""
NEAR, MOSTLY = 0.99, 0.99
"""A unit is saturated that is this near to its end, in more than this share of trials."""


@checked()
def update_angles(network: Network, weights: Weights, records: Records) -> dict[str, float]:
    """Return the angle between what a spiking network learns and what backpropagation would.

    No model of the neurons is made. Both updates are worked out from the signals that the network
    itself recorded at its present weights, and both are products of the same presynaptic activity
    and the same postsynaptic gain (the neuron's own, as its rule reads it). They differ in the
    feedback alone. The network's is that which arrived in the dendrite. Backpropagation's starts
    from the feedback of the output, the error that arrived there, and goes down through the
    forward weights: ``teach = (gain * teach)[above] @ W.T``. For the three-factor rule that is

    ``update = x_pre.T @ (gain * teach)``, ``update_BP = x_pre.T @ (gain * teach_BP)``.

    What it assumes: that `gain` stands for the slope of the neuron's response, and that the error
    of one moment is the fault of the activity of the same moment. Rules that act when a trial ends
    have one moment a trial, at its end, when ``x`` is the spike count; of those that act within a
    trial both updates are summed over its time steps. For networks of rates use
    `apical.measures.alignment.angles_to_backpropagation`, where no assumption is needed.

    Parameters
    ----------
    network
        The description, with a feedback pathway.
    weights
        W by name of projection, shape (n_pre, n_post); those with which the records were made.
    records
        What the network did, with the signals of `apical.measures.updates.update_signals` of all
        populations.

    Returns
    -------
    dict
        Name of each plastic projection that does not end on the output -> angle [degrees] between
        the updates of all its synapses, each the mean over trials; NaN where one of them is zero.
        90 is that of updates that have nothing to do with each other, 0 is backpropagation.

    Raises
    ------
    WiringError
        If neurons that learn have no `gain` and `teach`, so that there is no such comparison.
    DataError
        If a signal was not recorded.
    DeviceError
        If a rule is no sum of matrix products.

    References
    ----------
    Angles between updates: Lillicrap et al. 2016, doi:10.1038/ncomms13276, fig. 2; Nokland 2016,
    arXiv:1609.01596.
    """
    found = {}
    for p in compared(network):
        moments = Moments(records, rule_of(p))
        teach = backpropagated(network, weights, moments, p.post)
        w = weights_of(p, weights)
        here = update(p, w, records)
        there = update(p, w, records, teach)
        found[p.name] = angle(here, there)
    return found


@checked()
def compared(network: Network) -> list[Projection]:
    """Return the plastic projections below the output, or raise if they cannot be compared."""
    if network.feedback is None:
        raise WiringError(
            "Angles to backpropagation need a feedback pathway, but the network has none; attach "
            "one with network.teach."
        )
    back = {p.name for p in network.feedback.projections}
    chosen = [p for p in network.plastic if p.post is not network.output and p.name not in back]
    for population in [*(p.post for p in chosen), network.output]:
        missing = {"gain", "teach"} - set(population.signals)
        if missing and chosen:
            raise WiringError(
                f"Angles to backpropagation need neurons with the signals gain and teach, but "
                f"{population.name!r} lacks {' and '.join(sorted(missing))}; offer them, as LIF "
                "does, or leave angles out."
            )
    return chosen


@checked()
def feedback_measures(network: Network, weights: Weights) -> "pd.DataFrame":
    """Return how the feedback onto hidden populations lies to the forward weights above them.

    Feedback alignment turns the forward weights toward the fixed feedback. What error neurons send
    is compared with the product of the forward weights from the population up to the output,
    transposed, summed over paths; what another population relays, with the transpose of the
    forward weights to it. Where a class has two error neurons of opposite sign, their
    feedback is first joined into that of one signed error, by the pseudoinverse of the weights
    with which they teach the output.

    Parameters
    ----------
    network
        The description, with a feedback pathway.
    weights
        W by name of projection, shape (n_pre, n_post).

    Returns
    -------
    DataFrame
        A row for each feedback projection onto a hidden population that has such a counterpart:
        ``projection``, ``population``, ``angle`` [degrees] between all weights taken as vectors,
        NaN where all of one are 0, and ``ratio`` of the norms, feedback / forward [dimensionless].

    References
    ----------
    Lillicrap et al. 2016, doi:10.1038/ncomms13276; Akrout et al. 2019, arXiv:1904.05391.
    """
    import pandas as pd

    pathway, rows = network.feedback, []
    for p in pathway.projections if pathway else ():
        source = p.pre.relays or p.pre
        if p.post is network.output or p.post is source:
            continue
        sent = np.asarray(weights_of(p, weights), dtype=float)
        if p.pre.relays and p.pre.is_paired:  # halves say the opposite of each other
            sent = or_nothing(sent[source.size :] - sent[: source.size], size_of(sent)) / 2
        if p.pre.role == "error":
            sent = _product_of(np.linalg.pinv(_taught_by(network, weights, p.pre)), sent)
        above = _product(network, weights, p.post, source)
        if above is None:
            continue
        norm = np.linalg.norm(above)
        rows.append(
            {
                "projection": p.name,
                "population": p.post.name,
                "angle": angle(sent, above.T),
                "ratio": float(np.linalg.norm(sent) / norm) if norm else float("nan"),
            }
        )
    return pd.DataFrame(rows, columns=["projection", "population", "angle", "ratio"])


def _taught_by(network: Network, weights: Weights, error: Population) -> np.ndarray:
    """Return the weights with which error neurons teach the output, shape (n_error, n_classes)."""
    pathway = network.feedback
    for p in pathway.projections if pathway else ():
        if p.pre is error and p.post is network.output:
            return np.asarray(weights_of(p, weights), dtype=float)
    raise WiringError(
        f"Error neurons {error.name!r} do not teach the output {network.output.name!r}, so what "
        "their spikes mean for each class is not known; join them by a feedback projection.",
        object=f"Error neurons {error.name!r}",
    )


def _product(
    network: Network,
    weights: Weights,
    low: Population,
    to: Population,
    path: tuple[Population, ...] = (),
) -> np.ndarray | None:
    """Return the forward weights from a population up, or None if no path leads there.

    To the output where `to` is error neurons or a target; else by the projections to `to` alone.
    Paths are summed, recurrent ones left out.
    """
    total: np.ndarray | None = None
    for p in network.forward:
        if p.pre is not low or p.post in (low, *path):
            continue
        w = np.asarray(weights_of(p, weights), dtype=float)
        if to.is_told and p.post is not network.output:
            rest = _product(network, weights, p.post, to, (*path, low))
            if rest is None:
                continue
            w = _product_of(w, rest)
        elif not to.is_told and p.post is not to:
            continue
        total = w if total is None else or_nothing(total + w, size_of(total) + size_of(w))
    return total


def _product_of(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a matrix product, 0 where all of it cancels within rounding."""
    return or_nothing(a @ b, float(np.max(np.abs(a) @ np.abs(b), initial=0)))


@checked()
def weight_measures(
    network: Network, weights: Weights, before: Weights | None = None
) -> "pd.DataFrame":
    """Return how the weights of each projection that learns or drives are distributed.

    Parameters
    ----------
    network
        The description.
    weights
        W by name of projection, shape (n_pre, n_post).
    before
        Weights of an earlier moment, for instance an epoch ago; None for none.

    Returns
    -------
    DataFrame
        A row for each projection, all numbers [dimensionless]: ``norm`` (Frobenius), ``mean``,
        ``sd``, quantiles ``q05`` to ``q95``, ``zeros`` (share of weights that are 0 beside the
        largest), ``at_bounds`` (share at one of its bounds in the precision of the weights, NaN
        without any); with `before` also ``speed``, the norm of
        the change divided by the norm before, NaN where that is 0.
    """
    import pandas as pd

    chosen = {p.name: p for p in [*network.driving, *network.plastic]}
    rows = []
    for name, p in chosen.items():
        w = np.asarray(weights_of(p, weights), dtype=float)
        norm = float(np.linalg.norm(w))
        row = {
            "projection": name,
            "pre": p.pre.name,
            "post": p.post.name,
            "norm": norm,
            "mean": float(w.mean()),
            "sd": float(w.std()),
            **{f"q{100 * q:02.0f}": float(np.quantile(w, q)) for q in QUANTILES},
            "zeros": float(np.mean(is_nothing(w, size_of(w)))),
            "at_bounds": _at_bounds(weights[name], p.limits),
        }
        if before is not None:
            earlier = np.asarray(weights_of(p, before), dtype=float)
            row["speed"] = _share(float(np.linalg.norm(w - earlier)), np.linalg.norm(earlier))
        rows.append(row)
    return pd.DataFrame(rows)


def _at_bounds(w: np.ndarray, limits: tuple[float, float] | None) -> float:
    if limits is None:
        return float("nan")
    apart = np.subtract.outer(w, np.asarray(limits, w.dtype))
    return float(is_nothing(apart, size_of(w)).any(axis=-1).mean())


@checked()
def sign_measures(network: Network, weights: Weights) -> "pd.DataFrame":
    """Return how far neurons are from Dale's law, by which all synapses of one have one sign.

    Parameters
    ----------
    network
        The description.
    weights
        W by name of projection, shape (n_pre, n_post).

    Returns
    -------
    DataFrame
        A row for each population that drives others, over all synapses that do: ``mixed``, the
        share of its neurons with weights of both signs, and ``minority``, the share of the summed
        size of all weights that has the rarer sign of its neuron [dimensionless]: 0 under
        Dale's law, at most 0.5.

    References
    ----------
    Strata & Harvey 1999, doi:10.1016/S0361-9230(99)00100-8; of networks that learn: Song, Yang &
    Wang 2016, doi:10.1371/journal.pcbi.1004792.
    """
    import pandas as pd

    rows = []
    for population in dict.fromkeys(p.pre for p in network.driving):
        sent = [
            np.asarray(weights_of(p, weights), float)
            for p in network.driving
            if p.pre is population
        ]
        w = np.concatenate(sent, axis=1)
        up, down = np.maximum(w, 0).sum(axis=1), np.maximum(-w, 0).sum(axis=1)
        rows.append(
            {
                "population": population.name,
                "n": population.size,
                "mixed": float(np.mean(exceeds(np.minimum(up, down), 0, size_of(w)))),
                "minority": _share(np.minimum(up, down).sum(), (up + down).sum()),
            }
        )
    return pd.DataFrame(rows, columns=["population", "n", "mixed", "minority"])


@dataclass(frozen=True)
class Ceiling:
    """Where a unit can do no more.

    Parameters
    ----------
    low, high
        Ends of what it does in a trial: spikes, or activity [dimensionless]; NaN for none.
    criterion
        In words, when it counts as saturated.
    """

    low: Measured
    high: Measured
    criterion: str

    def __post_init__(self) -> None:
        check_fields(self)

    def reached(self, done: np.ndarray) -> np.ndarray:
        """Return where what units did is near an end, same shape as `done`."""
        if np.isnan(self.low):  # spikes: silence is no end of this kind
            return ~exceeds(NEAR * self.high, done, self.high)
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        return exceeds(np.abs(done - middle), NEAR * half, half)


@checked()
def ceiling(population: Population, records: Records) -> Ceiling | None:
    """Return where units of a population can do no more; None where there is no such place.

    Units that spike do so at most once in a time step, or in the time that they are refractory if
    that is longer. Activities that are tanh, logistic or softmax have two ends; others have none.
    """
    if population.is_spiking:
        rest = float(population.refractory)
        interval = max(records.dt, np.ceil(rest / records.dt - 1e-9) * records.dt)
        most = np.floor(records.duration / interval + 1e-9)
        return Ceiling(
            float("nan"),
            float(most),
            f"at least {NEAR:.0%} of {most:g} spikes, one every {interval:g} ms, in more than "
            f"{MOSTLY:.0%} of trials",
        )
    if population.curve and population.curve.name in RANGES:
        low, high = RANGES[population.curve.name]
        return Ceiling(
            low,
            high,
            f"over {NEAR:.0%} of the way from the middle to an end of [{low:g}, {high:g}] in more "
            f"than {MOSTLY:.0%} of trials",
        )
    return None


@checked()
def unit_measures(network: Network, records: Records) -> "pd.DataFrame":
    """Return how many units of each population do nothing, or can do no more.

    Parameters
    ----------
    network
        The description.
    records
        What it did; spikes of populations that spike, activity ``x`` of others. Their number of
        trials bounds what can be said: a unit is dead only for these.

    Returns
    -------
    DataFrame
        A row for each recorded population but error neurons and biases: ``n``, ``trials``,
        ``dead`` (share of units without a spike, or of activity 0 beside the largest of the
        population, in all trials), ``saturated`` (share that meet ``criterion``; NaN where the
        activity has no end).
    """
    import pandas as pd

    rows = []
    for population in network.populations:
        name = population.name
        apart = population.serves_learning or population.role == "bias"
        if apart or name not in records.units:
            continue
        done = records.counts(name) if population.is_spiking else records.rates(name)
        end = ceiling(population, records)
        often = np.mean(end.reached(done), axis=0) > MOSTLY if end else None
        rows.append(
            {
                "population": name,
                "n": population.size,
                "trials": len(records),
                "dead": float(np.mean(is_nothing(done, size_of(done)).all(axis=0))),
                "saturated": float("nan") if often is None else float(np.mean(often)),
                "criterion": end.criterion if end else "",
            }
        )
    return pd.DataFrame(
        rows, columns=["population", "n", "trials", "dead", "saturated", "criterion"]
    )


def _share(part: float | np.floating, whole: float | np.floating) -> float:
    return float(part / whole) if whole else float("nan")
