"""Feedback pathways: how the third factor of learning reaches each population's dendrite.

The learning rule is the same under every pathway; only the wiring differs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from apical._base.bibliography import cite
from apical._base.checking import check_fields, checked, described, require, shown
from apical._base.names import check_name
from apical._base.parameters import Mask, ShareAboveZero
from apical.errors import WiringError
from apical.neurons.base import Population
from apical.neurons.error import RateTarget
from apical.neurons.relay import Relay
from apical.neurons.reward import Reward
from apical.projections.connectivity import AllToAll, Connectivity, OneToBlock, Transposed
from apical.projections.projection import Projection, TransposeOf
from apical.projections.weights import (
    Constant,
    FanIn,
    FanOut,
    Given,
    Identity,
    Masked,
    Normal,
    Opposed,
    WeightSource,
    ZeroSum,
)

ALL_TO_ALL = AllToAll()
"""Connectivity of feedback by default."""


@dataclass(frozen=True)
class FeedbackPathway:
    """The feedback pathway: the projections that carry the third factor (the error) back.

    Parameters
    ----------
    name
        Its name in messages, figures and exports, for instance ``"DFA"``.
    projections
        Synapses onto ``teach`` inputs: fixed at their initial values, or plastic by a local rule of
        their own.
    source
        Where the wiring comes from.
    relays
        Forward projections that also carry ``delta`` of their presynaptic neurons to ``teach`` of
        their postsynaptic ones.

    Raises
    ------
    WiringError
        If a projection does not reach a ``teach`` input.

    See Also
    --------
    direct : One pathway of several that are made by a function.
    apical.Network.teach : Attach it to a network.

    Examples
    --------
    >>> import apical as ap
    >>> net = ap.Network()
    >>> x, h = ap.Stimulus("stimulus", 4, ap.encoding.Graded()), ap.Rate("hidden", 3)
    >>> y, error = ap.Rate("output", 2), ap.RateError("error", 2)
    >>> forward = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=ap.rules.three_factor(0.1))
    >>> _ = net.add(error)
    >>> onto = {"teach": "x"}  # the activity of error neurons reaches dendrites
    >>> back = [ap.Projection(error, p, ap.Normal(0.5), carries=onto) for p in (y, h)]
    >>> net.teach(ap.FeedbackPathway("random for all", tuple(back))).name
    'random for all'
    >>> ap.FeedbackPathway("drives", tuple(forward))  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: FeedbackPathway 'drives' must end on 'teach' inputs, but
        'stimulus_to_hidden' reaches drive...
    """

    name: str
    projections: tuple[Projection, ...]
    source: str = ""
    relays: tuple[Projection, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        check_name(self.name, "label", "FeedbackPathway", "a pathway")
        for projection in self.projections:
            if "teach" not in projection.carries:
                raise WiringError(
                    f"FeedbackPathway {self.name!r} must end on 'teach' inputs, but "
                    f"{projection.name!r} reaches {', '.join(projection.carries)}.",
                    object=f"FeedbackPathway {self.name!r}",
                )


@checked()
def direct(
    error: Population,
    forward: Sequence[Projection],
    weights: WeightSource | None = None,
    *,
    connectivity: Connectivity = ALL_TO_ALL,
) -> FeedbackPathway:
    r"""Direct feedback alignment (DFA): the error reaches each population by fixed random weights.

    .. math:: \text{teach}_l = e\,B_l, \qquad \text{teach}_\text{output} = e

    Parameters
    ----------
    error
        The error neurons of the last population of `forward`.
    forward
        Forward projections, in order.
    weights
        Where the fixed weights onto hidden populations come from, shape (n_classes, n_hidden)
        [dimensionless]; by default standard normal where error neurons spike, else uniform up to
        ``1/sqrt(n_hidden)``. The output hears its own error with weight 1.
    connectivity
        Which synapses onto hidden populations exist; all by default.

    See Also
    --------
    layerwise : From each population to the one before.
    indirect : Some neurons hear the error and relay it.
    apical.Network.rewired : The same network under another wiring.

    References
    ----------
    Nokland 2016, arXiv:1609.01596, fig. 1c.

    Examples
    --------
    >>> import apical as ap
    >>> net = ap.Network()
    >>> x, h = ap.Stimulus("stimulus", 4, ap.encoding.Graded()), ap.Rate("hidden", 3)
    >>> y, error = ap.Rate("output", 2), ap.RateError("error", 2)
    >>> forward = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=ap.rules.three_factor(0.1))
    >>> for p in ap.feedback.direct(error, forward).projections:
    ...     print(p.name, p.shape, dict(p.carries), p.weights)
    error_to_output (2, 2) {'teach': 'x'} Identity(weight=1.0)
    error_to_hidden (2, 3) {'teach': 'x'} FanOut(scale=1.0, uniform=True)
    >>> ap.feedback.direct(y, forward)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Feedback begins at error neurons, but Rate 'output' has
        the role 'neurons'; give an Error or a RateError...
    """
    hidden, last = _taught(error, forward)
    return FeedbackPathway(
        "DFA",
        (
            _to_output(error, last),
            *(_from_error(error, population, weights, connectivity) for population in hidden),
        ),
        source=cite("nokland2016", "fig. 1c"),
    )


@checked()
def layerwise(
    error: Population,
    forward: Sequence[Projection],
    weights: WeightSource | None = None,
    *,
    connectivity: Connectivity | Literal["forward"] = ALL_TO_ALL,
) -> FeedbackPathway:
    r"""Feedback alignment (FA): the error goes back layer by layer through fixed random weights.

    .. math:: \text{teach}_l = \delta_{l+1}\,B_l, \qquad \delta_l = \text{gain}_l\,\text{teach}_l

    Parameters
    ----------
    error, forward
        As in `direct`.
    weights
        Where the fixed weights come from, shape (n_next, n) [dimensionless]; uniform up to
        ``1/sqrt(n)`` by default. Where neurons spike, `Relay` populations pass on what the next
        population received, and the weights are normal by default: standard from the output,
        shifted so that those onto each neuron sum to 0 (`ZeroSum`: an error common to all classes
        is left to the output, or activity would grow with every relay), and scaled by
        ``1/sqrt(n_next)`` from the others.
    connectivity
        Which synapses from one population to the one before exist; all by default. ``"forward"``:
        between the neurons that forward synapses join (`apical.connectivity.Transposed`), so that
        each neuron is taught by those that hear it; for rates.

    See Also
    --------
    direct : From the error to every population.
    transposed : Through the forward weights.

    References
    ----------
    Lillicrap et al. 2016, doi:10.1038/ncomms13276, eq. 4; Nokland 2016, arXiv:1609.01596,
    fig. 1b.

    Examples
    --------
    >>> import apical as ap
    >>> net = ap.Network()
    >>> x, h = ap.Stimulus("stimulus", 4, ap.encoding.Graded()), ap.Rate("hidden", 3)
    >>> y, error = ap.Rate("output", 2), ap.RateError("error", 2)
    >>> forward = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=ap.rules.three_factor(0.1))
    >>> for p in ap.feedback.layerwise(error, forward).projections:
    ...     print(p.name, p.shape, dict(p.carries), p.weights)
    error_to_output (2, 2) {'teach': 'x'} Identity(weight=1.0)
    feedback_output_to_hidden (2, 3) {'teach': 'delta'} FanOut(scale=1.0, uniform=True)
    >>> h, y, error = ap.LIF("hidden", 3), ap.LIF("output", 2), ap.Error("error", 4)
    >>> spiking = [ap.Projection(ap.Stimulus("stimulus", 4, ap.encoding.Regular()), h)]
    >>> spiking += [ap.Projection(h, y)]
    >>> [p.pre.name for p in ap.feedback.layerwise(error, spiking).projections]  # relayed by spikes
    ['error', 'relay_output']
    """
    hidden, last = _taught(error, forward)
    first = weights
    if weights is None and last.is_spiking:  # the only weight from a single class would be 0
        first = ZeroSum(Normal(1.0)) if last.size > 1 else Normal(1.0)
    back = [
        _relay(
            pre,
            post,
            first if pre is last else weights,
            _back(forward, pre, post) if connectivity == "forward" else connectivity,
        )
        for pre, post in _steps_back([*hidden, last], forward)
    ]
    return FeedbackPathway(
        "FA",
        (_to_output(error, last), *back),
        source=cite("lillicrap2016", "eq. 4"),
    )


@checked()
def indirect(
    error: Population,
    forward: Sequence[Projection],
    weights: WeightSource | None = None,
    *,
    hears: Mapping[Population, ShareAboveZero | Mask] | Sequence[Population] | None = None,
    relay: Literal["forward", "random"] = "forward",
    connectivity: Connectivity = ALL_TO_ALL,
) -> FeedbackPathway:
    r"""Indirect feedback alignment (IFA): some neurons receive the error and relay it to others.

    .. math::

        \text{teach}_1 = e\,B, \qquad
        \text{teach}_{l+1} = \sum_k \delta_k\,W_{k,l+1} \;\text{or}\; \delta_l\,B_l

    Parameters
    ----------
    error, forward
        As in `direct`.
    weights
        Where fixed random weights come from; as in `direct` by default.
    hears
        Hidden populations that receive the error directly; by default those that no other
        population reaches but stimuli: the first of a chain. A mapping gives the neurons that do: a
        fraction, counted from the first and rounded to the nearest number
        of neurons (half to even), or a mask, shape (n,) of bool. The rest of such a population is
        taught by those through fixed random synapses.
    relay
        How the error reaches the other populations: ``"forward"``, along the forward synapses onto
        them, ``teach = delta_before @ W``, summed over all earlier populations that reach them;
        ``"random"``, through separate fixed random synapses from the last of these.
    connectivity
        Which synapses from the error, and between different populations, exist; all by default.

    Raises
    ------
    WiringError
        If no population could relay the error to one of them.
    ParameterError
        If `hears` names a population that is not hidden, or no neuron of one.

    See Also
    --------
    direct : Every population hears the error.

    References
    ----------
    Nokland 2016, arXiv:1609.01596, fig. 1d and section 2. Texts differ on the relay, so there
    are both.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x, h = ap.Stimulus("stimulus", 4, ap.encoding.Graded()), ap.Rate("first", 3)
    >>> k, y, error = ap.Rate("second", 3), ap.Rate("output", 2), ap.RateError("error", 2)
    >>> forward = ap.chain(net, x, h, k, y, weights=ap.FanIn(), rule=rule)
    >>> along = ap.feedback.indirect(error, forward)  # relayed along the forward synapses
    >>> [p.name for p in along.projections], [p.name for p in along.relays]
    (['error_to_output', 'error_to_first'], ['first_to_second'])
    >>> beside = ap.feedback.indirect(error, forward, relay="random")
    >>> [p.name for p in beside.projections], beside.relays
    (['error_to_output', 'error_to_first', 'feedback_first_to_second'], ())
    >>> partly = ap.feedback.indirect(error, forward, hears={h: 1/3, k: 1.0})  # 1 of 3 neurons
    >>> [p.name for p in partly.projections]
    ['error_to_output', 'error_to_first', 'feedback_first_to_first', 'error_to_second']
    """
    hidden, last = _taught(error, forward)
    direct_ones = (
        dict(hears)
        if isinstance(hears, Mapping)
        else dict.fromkeys(hears or _first(hidden, forward), 1.0)
    )
    strangers = [p.name for p in direct_ones if p not in hidden]
    known = f"among {', '.join(p.name for p in hidden)}"
    require(not strangers, "feedback.indirect", "hears", known, ", ".join(strangers))
    projections, relays = [_to_output(error, last)], []
    for number, population in enumerate(hidden):
        if population in direct_ones:
            mask = _mask(population, direct_ones[population])
            projections += _partly(error, population, mask, weights, connectivity)
        elif number == 0:
            raise WiringError(
                f"Indirect feedback: {population.name!r} hears nothing, because relays run from "
                f"earlier populations to later ones and it is the first; add it to `hears`."
            )
        elif relay == "forward":
            relays += _onto(population, hidden[:number], forward)
        else:
            before = _before(population, hidden[:number], forward)
            projections.append(_relay(before, population, weights, connectivity))
    return FeedbackPathway(
        "IFA",
        tuple(projections),
        source=cite("nokland2016", "fig. 1d"),
        relays=tuple(relays),
    )


@checked()
def transposed(error: Population, forward: Sequence[Projection]) -> FeedbackPathway:
    r"""Backpropagation (BP): the error goes back through the transpose of the forward weights.

    .. math::

        \text{teach}_l = \delta_{l+1}\,W_l^\top, \qquad
        \delta_l = \text{gain}_l\,\text{teach}_l

    Not local: a reference that only devices ``array`` and, through time in spiking networks,
    ``lockstep`` run.

    Parameters
    ----------
    error, forward
        As in `direct`.

    See Also
    --------
    layerwise : Fixed random weights in place of the transposed ones.

    References
    ----------
    Rumelhart, Hinton & Williams 1986, doi:10.1038/323533a0.

    Examples
    --------
    >>> import apical as ap
    >>> net = ap.Network()
    >>> x, h = ap.Stimulus("stimulus", 4, ap.encoding.Graded()), ap.Rate("hidden", 3)
    >>> y, error = ap.Rate("output", 2), ap.RateError("error", 2)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=ap.rules.three_factor(0.1))
    >>> _ = net.add(error), net.teach(ap.feedback.transposed(error, net.forward))
    >>> [(p.name, p.shape, type(p.weights).__name__) for p in net.feedback.projections]
    [('error_to_output', (2, 2), 'Identity'), ('feedback_output_to_hidden', (2, 3), 'TransposeOf')]
    >>> ap.check(net, transport=True).is_local
    False
    >>> ap.check(net)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.LocalityError: Not biologically plausible: feedback_output_to_hidden:
        its weights are those of 'hidden_to_output' transposed (weight transport);
        feedback_output_to_hidden: follows the weights of 'hidden_to_output', without a rule of its
        own...
    """
    hidden, last = _taught(error, forward)
    return FeedbackPathway(
        "BP",
        (
            _to_output(error, last),
            *(_delta(p.post, p.pre, TransposeOf(p)) for p in forward if p.pre in hidden),
        ),
        source=cite("rumelhart1986"),
    )


@checked()
def broadcast(reward: Reward, forward: Sequence[Projection]) -> FeedbackPathway:
    r"""Reward broadcast (REINFORCE): one scalar, the reward prediction error, reaches every neuron.

    .. math:: \text{teach}_i = r \quad \text{for every neuron } i

    For node and weight perturbation, where populations or projections explore
    (`apical.plasticity.rules.node_perturbation`, ``weight_perturbation``). The network's
    `RateError`, which must have ``keeps="square"``, tells `reward` the loss.

    Parameters
    ----------
    reward
        The population that broadcasts it.
    forward
        As in `direct`.

    See Also
    --------
    apical.Reward : The population that broadcasts.
    apical.rules.node_perturbation : A rule that learns from it.

    References
    ----------
    Williams 1992, doi:10.1007/BF00992696.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.node_perturbation(0.01)
    >>> x, h = ap.Stimulus("stimulus", 4, ap.encoding.Graded()), ap.Rate("hidden", 3, explores=0.1)
    >>> y = ap.Rate("output", 2, explores=0.1)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule)
    >>> error = net.add(ap.RateError("error", 2, keeps="square"))  # tells the loss
    >>> reward = net.add(ap.Reward("reward"))
    >>> pathway = net.teach(ap.feedback.broadcast(reward, net.forward))
    >>> [(p.name, p.shape) for p in pathway.projections]  # one number for all neurons
    [('reward_to_hidden', (1, 3)), ('reward_to_output', (1, 2))]
    """
    _needed(forward)
    taught = dict.fromkeys(projection.post for projection in forward)
    return FeedbackPathway(
        "reward",
        tuple(
            Projection(reward, p, Given(np.ones((1, p.size))), carries={"teach": "x"})
            for p in taught
        ),
        source=cite("williams1992"),
    )


@checked()
def target_projection(
    error: Population,
    forward: Sequence[Projection],
    weights: WeightSource | None = None,
    *,
    connectivity: Connectivity = ALL_TO_ALL,
) -> FeedbackPathway:
    r"""Direct random target projection (DRTP): hidden neurons receive the target, not the error.

    .. math:: \text{teach}_l = t\,B_l, \qquad \text{teach}_\text{output} = e

    The target reaches them through fixed random synapses and does not depend on the output: a
    hidden population may learn before the next one has seen the stimulus (no update locking). Only
    the output receives its own error.

    Parameters
    ----------
    error, forward
        As in `direct`; of rates.
    weights
        Where the fixed weights onto hidden populations come from, shape (n_classes, n_hidden)
        [dimensionless]; by default uniform up to ``sqrt(6/n_hidden)``, as in the published code.
    connectivity
        Which synapses onto hidden populations exist; all by default.

    Raises
    ------
    WiringError
        If neurons spike.

    See Also
    --------
    direct : The error in place of the target.

    References
    ----------
    Frenkel, Lefebvre & Bol 2021, doi:10.3389/fnins.2021.629892, section 2 and
    github.com/ChFrenkel/DirectRandomTargetProjection.

    Examples
    --------
    >>> import apical as ap
    >>> net = ap.Network()
    >>> x, h = ap.Stimulus("stimulus", 4, ap.encoding.Graded()), ap.Rate("hidden", 3)
    >>> y, error = ap.Rate("output", 2), ap.RateError("error", 2)
    >>> forward = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=ap.rules.three_factor(0.1))
    >>> [(p.name, p.shape) for p in ap.feedback.target_projection(error, forward).projections]
    [('error_to_output', (2, 2)), ('target_to_hidden', (2, 3))]
    """
    hidden, last = _taught(error, forward)
    if error.is_spiking:
        raise WiringError(
            f"Target projection needs a RateError, but {error.name!r} spikes; use populations of "
            "rates, or feedback.direct."
        )
    target = RateTarget("target", error.n_classes)
    source = weights if weights is not None else FanOut(6**0.5)
    return FeedbackPathway(
        "DRTP",
        (
            _to_output(error, last),
            *(
                Projection(target, p, source, carries={"teach": "x"}, connectivity=connectivity)
                for p in hidden
            ),
        ),
        source=cite("frenkel2021", "section 2"),
    )


@checked()
def error_vector(error: Population, forward: Sequence[Projection]) -> FeedbackPathway:
    r"""Global error-vector broadcasting (GEVB): component k of every unit receives the error k.

    .. math:: \text{teach}^k_{l,i} = e_k \quad \text{for every unit } i \text{ of every layer } l

    There are no feedback weights to learn or to draw: one channel of each class reaches all units
    alike, with weight 1. It is made for vectorised nonnegative networks: populations of units of as
    many components as there are classes (`apical.Rate`, ``"vector_relu"``), joined by
    `apical.connectivity.ByComponent` with weights that are 0 or above. Under the three-factor rule,
    a weight from unit j to unit i then changes by

    .. math:: \Delta w_{ji} = \eta\, G_i \sum_k e_k\, x^k_j

    while the gradient of a trial is the same with a factor :math:`g_i \ge 0` in place of the gate
    :math:`G_i`: a sum over the paths from unit i to the output, of products of their weights. So no
    weight ever moves against the gradient of a trial. In other networks, hidden neurons are divided
    into as many blocks as there are classes, and nothing of that holds.

    Parameters
    ----------
    error, forward
        As in `direct`; of rates.

    Raises
    ------
    WiringError
        If neurons spike, or if a hidden population has fewer neurons than there are classes, or
        units of another number of components.

    See Also
    --------
    direct : Through random weights.
    broadcast : One number for all.
    apical.connectivity.ByComponent : Joins vectorised units.
    apical.OnOff : Their initial weights.

    Notes
    -----
    As published, the first hidden layer hears the stimulus by weights of each component's own, of
    either sign; later weights, those onto the output included, are shared by the components and
    clipped at 0 after every update; biases are each component's own; gates are those of
    `apical.Network.gating`; the loss is cross-entropy, learned by Adam (github.com/davidclark1/
    VectorizedNets at commit 0a5856d).

    References
    ----------
    Clark, Abbott & Chung 2021, arXiv:2106.04089.

    Examples
    --------
    >>> import apical as ap
    >>> net, by_class = ap.Network(), ap.connectivity.ByComponent(2)
    >>> x = net.add(ap.Stimulus("stimulus", 4, ap.encoding.Graded()))
    >>> h = net.add(ap.Rate("hidden", 6, "vector_relu", components=2))  # 3 units
    >>> y = net.add(ap.Rate("output", 2, "softmax", gain="one"))
    >>> error, rule = net.add(ap.RateError("error", 2)), ap.rules.three_factor(0.1)
    >>> _ = net.connect(x, h, weights=ap.FanIn(), rule=rule)
    >>> plus = {"weights": ap.Uniform(0.5, positive=True), "bounds": (0, 10)}
    >>> _ = net.connect(h, y, rule=rule, connectivity=by_class, **plus)
    >>> pathway = net.teach(ap.feedback.error_vector(error, net.forward))
    >>> net.initial_weights("error_to_hidden").tolist()
    [[1.0, 1.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]]
    """
    hidden, last = _taught(error, forward)
    if error.is_spiking:
        raise WiringError(
            f"Error-vector broadcasting needs a RateError, but {error.name!r} spikes; use "
            "populations of rates, or feedback.direct."
        )
    for population in hidden:
        if population.components not in (1, error.n_classes):
            raise WiringError(
                f"Error-vector broadcasting sends the error of each class to a component, but "
                f"{population.name!r} has {population.components} components for "
                f"{error.n_classes} classes; give it as many.",
                object=described(population),
            )
    return FeedbackPathway(
        "GEVB",
        (
            _to_output(error, last),
            *(
                Projection(error, p, Constant(), carries={"teach": "x"}, connectivity=OneToBlock())
                for p in hidden
            ),
        ),
        source=cite("clark2021"),
    )


def _needed(forward: Sequence[Projection]) -> None:
    wanted = "the forward projections that it teaches"
    got = "none; join populations by network.connect before network.teach"
    require(len(forward) > 0, "feedback", "forward", wanted, got)


def _taught(
    error: Population, forward: Sequence[Projection]
) -> tuple[list[Population], Population]:
    """Return the hidden populations, each once, and the last one of forward projections."""
    _needed(forward)
    if error.role != "error":
        raise WiringError(
            f"Feedback begins at error neurons, but {described(error)} has the role "
            f"{error.role!r}; give an Error or a RateError.",
            object=described(error),
        )
    last = forward[-1].post
    if last.size != error.n_classes:
        raise WiringError(
            f"Error {error.name!r} has {error.n_classes} classes, but the last population "
            f"{last.name!r} has {last.size} neurons; they must match.",
            object=f"Error {error.name!r}",
        )
    return list(dict.fromkeys(p.post for p in forward if p.post is not last)), last


def _relaying(population: Population, forward: Sequence[Projection]) -> list[Projection]:
    """Return the forward projections onto a population from others that feedback may reach."""
    onto = (p for p in forward if p.post is population and p.pre is not population)
    return [p for p in onto if p.pre.role == "neurons"]


def _onto(
    population: Population, earlier: Sequence[Population], forward: Sequence[Projection]
) -> list[Projection]:
    """Return the forward projections onto a population that relay feedback to it.

    They are those from all earlier populations that reach it; from the first that does, if none
    of these is earlier.
    """
    found = _relaying(population, forward)
    if not found:
        raise WiringError(
            f"Indirect feedback: {population.name!r} hears nothing, because no forward projection "
            "reaches it from a population that hears the error; add it to `hears`."
        )
    return [p for p in found if p.pre in earlier] or found[:1]


def _first(hidden: Sequence[Population], forward: Sequence[Projection]) -> list[Population]:
    """Return the hidden populations that none reaches but stimuli, and always the first."""
    return [p for p in hidden if p is hidden[0] or not _relaying(p, forward)]


def _before(
    population: Population, earlier: Sequence[Population], forward: Sequence[Projection]
) -> Population:
    """Return the last earlier population that reaches one, or the last of all if none does."""
    reaching = [p.pre for p in _relaying(population, forward)]
    return next((p for p in reversed(earlier) if p in reaching), earlier[-1])


def _steps_back(
    taught: Sequence[Population], forward: Sequence[Projection]
) -> Iterator[tuple[Population, Population]]:
    """Yield each hidden population after the first later one that hears it, or after the next."""
    for number, post in enumerate(taught[:-1]):
        later = taught[number + 1 :]
        heard = [p.post for p in forward if p.pre is post]
        yield next((p for p in later if p in heard), later[0]), post


def _to_output(error: Population, last: Population) -> Projection:
    return Projection(error, last, _signed(error, Identity()), carries={"teach": "x"})


def _from_error(
    error: Population,
    population: Population,
    weights: WeightSource | None,
    connectivity: Connectivity = ALL_TO_ALL,
) -> Projection:
    default = Normal(1.0) if error.is_paired else FanOut()
    source = _signed(error, weights if weights is not None else default)
    return Projection(error, population, source, carries={"teach": "x"}, connectivity=connectivity)


def _signed(error: Population, weights: WeightSource) -> WeightSource:
    return Opposed(weights) if error.is_paired else weights


def _back(forward: Sequence[Projection], pre: Population, post: Population) -> Connectivity:
    """Return the connectivity from a population to one before that forward synapses imply."""
    known = (p.connectivity for p in forward if p.pre is post and p.post is pre)
    found = next(known, ALL_TO_ALL)
    return found if found.is_full else Transposed(found)


def _relay(
    pre: Population,
    post: Population,
    weights: WeightSource | None,
    connectivity: Connectivity = ALL_TO_ALL,
) -> Projection:
    """Return synapses that relay the feedback of `pre`; a spiking population needs a `Relay`."""
    if not pre.is_spiking:
        return _delta(pre, post, weights if weights is not None else FanOut(), connectivity)
    relay = Relay(f"relay_{pre.name}", 2 * pre.size, of=pre)
    random = Opposed(weights if weights is not None else FanIn(uniform=False))
    return Projection(
        relay,
        post,
        random,
        carries={"teach": "x"},
        name=_name(pre, post),
        connectivity=connectivity,
    )


def _delta(
    pre: Population,
    post: Population,
    weights: WeightSource,
    connectivity: Connectivity = ALL_TO_ALL,
) -> Projection:
    carries, name = {"teach": "delta"}, _name(pre, post)
    return Projection(pre, post, weights, carries=carries, name=name, connectivity=connectivity)


def _name(pre: Population, post: Population) -> str:
    return f"feedback_{pre.name}_to_{post.name}"


def _mask(population: Population, share: float | np.ndarray) -> np.ndarray:
    """Return which neurons receive the error directly, shape (n,) of bool."""
    if isinstance(share, float):
        hear = round(share * population.size)
        wanted = f"a share of 1 or more of the {population.size} neurons of {population.name!r}"
        require(hear > 0, "feedback.indirect", "hears", wanted, shown(share))
        return np.arange(population.size) < hear
    fits = share.shape == (population.size,) and bool(share.any())
    wanted = f"a share or a mask of {population.size} bools, one True, for {population.name!r}"
    require(fits, "feedback.indirect", "hears", wanted, shown(share))
    return share


def _partly(
    error: Population,
    population: Population,
    mask: np.ndarray,
    weights: WeightSource | None,
    connectivity: Connectivity,
) -> list[Projection]:
    """Return feedback onto the neurons of a mask, and from those onto the rest."""
    heard = _from_error(error, population, weights, connectivity)
    if mask.all():
        return [heard]
    inside = Masked(weights or FanOut(), pre=mask, post=~mask)
    return [
        replace(heard, weights=Masked(heard.weights, post=mask)),
        _relay(population, population, inside),
    ]
