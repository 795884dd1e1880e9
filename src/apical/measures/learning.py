"""Measures of learning: gradient alignment, feedback alignment, weights, Dale's law.

None of them changes the network: they read its weights, or `Records` made with learning off.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from apical._base.checking import checked
from apical._base.parameters import Matrix
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


@checked()
def update_angles(network: Network, weights: Weights, records: Records) -> dict[str, float]:
    """Return the angle between a spiking network's update and the surrogate backpropagation update.

    No model of the neurons is needed. Both updates are computed from signals recorded at the
    current weights, and both are products of the same presynaptic activity and the same
    postsynaptic gain (the neuron's own surrogate gradient, as its rule reads it). They differ only
    in the feedback. The network's is the feedback that arrived in the dendrite. That of
    backpropagation starts from the error that arrived at the output, and is propagated back through
    the forward weights: ``teach = (gain * teach)[above] @ W.T``. For the three-factor rule that is

    ``update = x_pre.T @ (gain * teach)``, ``update_BP = x_pre.T @ (gain * teach_BP)``.

    Assumptions: `gain` is the surrogate gradient of the neuron's response, and the error at one
    moment is due to the activity at the same moment (no credit assignment through time). Rules
    that act when a trial ends have one moment a trial, at its end, when ``x`` is the spike count;
    for rules that act within a trial both updates are summed over its time steps. For rate networks
    use `apical.measures.alignment.angles_to_backpropagation`, which needs no assumption.

    Parameters
    ----------
    network
        A network with a feedback pathway.
    weights
        W by name of projection, shape (n_pre, n_post); those with which the records were made.
    records
        Its recorded activity, with the signals of `apical.measures.updates.update_signals` of all
        populations.

    Returns
    -------
    dict
        Name of each plastic projection that does not end on the output -> angle [degrees] between
        the updates of all its synapses, averaged over trials; NaN where one of them is zero. 0 is
        backpropagation, 90 an update that is orthogonal to it (chance level).

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

    Examples
    --------
    Random feedback (DFA) asks for another update of the hidden neurons than backpropagation:

    >>> import numpy as np
    >>> from apical import simulate
    >>> from apical.data.samples import Samples
    >>> from apical.measures.learning import update_angles
    >>> from apical.measures.updates import update_signals
    >>> from apical.records.recording import record
    >>> from apical.testing.references import spiking
    >>> net, samples = spiking(), Samples(np.ones((1, 6), "float32"), np.array([0]))
    >>> names = [population.name for population in net.populations]
    >>> with simulate(net, "runtime", record=names, traces=update_signals(net)) as simulator:
    ...     records = record(simulator, samples, [0])
    ...     weights = {p.name: simulator.weights(p) for p in net.projections}
    >>> {name: round(angle) for name, angle in update_angles(net, weights, records).items()}
    {'stimulus_to_hidden': 52}
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
    """Return the plastic projections below the output, or raise if they cannot be compared.

    Parameters
    ----------
    network
        A network with a feedback pathway.

    Raises
    ------
    WiringError
        If there is no feedback pathway, or neurons that learn have no `gain` or `teach`.

    Examples
    --------
    >>> from apical.measures.learning import compared
    >>> from apical.testing.references import rates
    >>> [projection.name for projection in compared(rates())]  # doctest: +NORMALIZE_WHITESPACE
    ['stimulus_to_hidden_1', 'bias_to_hidden_1', 'hidden_1_to_hidden_2', 'bias_to_hidden_2']
    """
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
    """Return the alignment of feedback weights with the transposed forward weights.

    In feedback alignment the forward weights align with the fixed feedback weights. Feedback from
    error neurons is compared with the transposed product of the forward weights from the population
    to the output, summed over paths; feedback relayed by another population, with the transpose of
    the forward weights to it. Where a class has two error neurons of opposite sign, their feedback
    is first combined into that of one signed error, by the pseudoinverse of the weights with which
    they teach the output.

    Parameters
    ----------
    network
        A network with a feedback pathway.
    weights
        W by name of projection, shape (n_pre, n_post).

    Returns
    -------
    DataFrame
        A row for each feedback projection onto a hidden population that has such a counterpart:
        ``projection``, ``population``, ``angle`` [degrees] between all weights taken as vectors,
        NaN where all of one are 0, and ``ratio`` of the norms, feedback / forward [dimensionless].

    See Also
    --------
    update_angles : Of updates, not of weights.

    References
    ----------
    Lillicrap et al. 2016, doi:10.1038/ncomms13276; Akrout et al. 2019, arXiv:1904.05391.

    Examples
    --------
    The transposed forward weights are at 0 degrees, twice as large here:

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.learning import feedback_measures
    >>> from apical.scripts.layers import feedforward
    >>> net = feedforward(
    ...     [4, 3, 2], "tanh", wiring="dfa", weights=ap.FanIn(), rule=ap.rules.three_factor(0.1)
    ... )
    >>> with ap.simulate(net, "array") as simulator:
    ...     weights = {p.name: simulator.weights(p) for p in net.projections}
    >>> weights["error_to_hidden_1"] = 2 * weights["hidden_1_to_output"].T
    >>> found = feedback_measures(net, weights).round(4)
    >>> found.to_dict("records")
    [{'projection': 'error_to_hidden_1', 'population': 'hidden_1', 'angle': 0.0, 'ratio': 2.0}]
    """
    import pandas as pd

    pathway, rows = network.feedback, []
    for p in pathway.projections if pathway else ():
        source = p.pre.relays or p.pre
        if p.post is network.output or p.post is source:
            continue
        sent = np.asarray(weights_of(p, weights), dtype=float)
        if p.pre.relays and p.pre.is_paired:  # spikes of the two halves have opposite signs
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
    """Return statistics of the weight distribution of each plastic or driving projection.

    Parameters
    ----------
    network
        The network.
    weights
        W by name of projection, shape (n_pre, n_post).
    before
        Weights at an earlier time, for instance an epoch ago; None for none.

    Returns
    -------
    DataFrame
        A row for each projection, all numbers [dimensionless]: ``norm`` (Frobenius), ``mean``,
        ``sd``, quantiles ``q05`` to ``q95``, ``zeros`` (fraction of weights that are 0 relative to
        the largest), ``at_bounds`` (fraction at a bound within the precision of the weights, NaN
        without bounds); with `before` also ``speed``, the norm of the change divided by the norm
        before, NaN where that is 0.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.learning import weight_measures
    >>> from apical.scripts.layers import feedforward
    >>> net = feedforward([2, 2, 1], "tanh", "linear", wiring=None, weights=ap.Zero())
    >>> before = {"stimulus_to_hidden_1": np.eye(2), "hidden_1_to_output": np.ones((2, 1))}
    >>> after = {"stimulus_to_hidden_1": 3 * np.eye(2), "hidden_1_to_output": np.ones((2, 1))}
    >>> found = weight_measures(net, after, before).set_index("projection")
    >>> found[["mean", "zeros", "speed"]].T.to_dict()  # doctest: +NORMALIZE_WHITESPACE
    {'stimulus_to_hidden_1': {'mean': 1.5, 'zeros': 0.5, 'speed': 2.0}, 'hidden_1_to_output':
    {'mean': 1.0, 'zeros': 0.0, 'speed': 0.0}}
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
    r"""Return how far neurons violate Dale's law, by which all synapses of a neuron have one sign.

    .. math::

        \text{minority} = \sum_i \min(w_i^+, w_i^-) \Big/ \sum_i (w_i^+ + w_i^-), \quad
            w_i^\pm = \sum_j \max(\pm w_{ij}, 0)

    Parameters
    ----------
    network
        The network.
    weights
        W by name of projection, shape (n_pre, n_post).

    Returns
    -------
    DataFrame
        A row for each population that drives others, over all of its driving synapses: ``mixed``,
        the fraction of its neurons with weights of both signs, and ``minority``, the fraction of
        the summed absolute weights that has the rarer sign of its neuron [dimensionless]: 0 under
        Dale's law, at most 0.5.

    References
    ----------
    Strata & Harvey 1999, doi:10.1016/S0361-9230(99)00100-8; of networks that learn: Song, Yang &
    Wang 2016, doi:10.1371/journal.pcbi.1004792.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.learning import sign_measures
    >>> from apical.scripts.layers import feedforward
    >>> net = feedforward([2, 2, 1], "tanh", "linear", wiring=None, weights=ap.Zero())
    >>> signed = {
    ...     "stimulus_to_hidden_1": np.array([[3.0, -1.0], [2.0, 2.0]]),
    ...     "hidden_1_to_output": np.array([[1.0], [-1.0]]),
    ... }

    One of two inputs both excites and inhibits; of all weights 1 in 8 has the rarer sign:

    >>> sign_measures(net, signed).to_dict("records")  # doctest: +NORMALIZE_WHITESPACE
    [{'population': 'stimulus', 'n': 2, 'mixed': 0.5, 'minority': 0.125}, {'population': 'hidden_1',
    'n': 2, 'mixed': 0.0, 'minority': 0.0}]
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


def _share(part: float | np.floating, whole: float | np.floating) -> float:
    return float(part / whole) if whole else float("nan")
