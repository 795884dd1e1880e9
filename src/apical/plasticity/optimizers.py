"""Optimisers as equations of one synapse: momentum, RMSprop, Adam, gradient clipping.

Their state is stored in the synapse, and they read only the rule's own update, so that a rule
remains local with them (synapse-local dynamics of the update).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from apical._base.bibliography import cite
from apical._base.checking import check_fields, checked, described, listed, shown
from apical._base.names import check_name
from apical._base.parameters import NonNegative, Positive, ShareBelowOne
from apical.errors import LocalityError, ParameterError, concerning
from apical.language.expressions import names, substituted

NOISE = "xi"
"""Name of the noise of a synapse: a standard normal number, independent at every update."""

SPREAD = "spread"
"""Name of the standard deviation over all synapses of a projection, in dynamics that use it."""

LIMIT = "clip_limit"
"""Parameter of gradient clipping: the largest absolute update."""

READS = frozenset({"update", "w", NOISE})
"""Names that dynamics may read besides their own state and parameters."""


@dataclass(frozen=True)
class UpdateDynamics:
    """Optimiser: maps the rule's update to a weight change, in each synapse.

    Parameters
    ----------
    name
        Name in messages and exports.
    state
        State variables of the synapse, with their initial values [dimensionless].
    steps
        Assignments, as pairs of a variable and its new value, in order, in Brian2's grammar;
        ``update`` is the update of the rule, ``xi`` a standard normal random number, independent
        for each synapse and update, and the same wherever it is read in one update.
    change
        Weight change after these steps [dimensionless].
    parameters
        Hyperparameters: name -> value [dimensionless].
    source
        Reference for the equations.
    spread
        Expression of ``w``, ``update`` and `parameters` whose standard deviation over all synapses
        of the projection the other expressions may read as ``spread``. No synapse knows it: such
        dynamics are not local, as `apical.check` reports, and only device ``array`` runs them, as
        it does backpropagation. Empty for none.

    Raises
    ------
    LocalityError
        If an expression reads a name that is not available in the synapse.

    See Also
    --------
    momentum, rmsprop, adam, clipped : Published optimisers.

    Examples
    --------
    >>> from apical.plasticity.optimizers import UpdateDynamics
    >>> sign = UpdateDynamics("signs", {}, (), "rate*sign(update)", {"rate": 1e-3})
    >>> sign.draws
    False
    """

    name: str
    state: Mapping[str, float]
    steps: tuple[tuple[str, str], ...]
    change: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    spread: str = ""

    def __post_init__(self) -> None:
        with concerning(described(self)):
            check_fields(self)
            self._check()

    def _check(self) -> None:
        check_name(self.name, "label", "UpdateDynamics", "an optimiser")
        for what, given in (("a state variable", self.state), ("a parameter", self.parameters)):
            for name in given:
                check_name(name, "synaptic", described(self), what, taken=READS)
        own = {*self.state, *self.parameters}
        if self.spread and SPREAD in own:
            raise ParameterError(
                f"UpdateDynamics {self.name!r} offers a standard deviation as {SPREAD!r}, but has "
                "a variable or parameter of that name; rename the latter.",
                object=described(self),
                parameter=SPREAD,
            )
        known: set[str] = {*READS, *own, *([SPREAD] if self.spread else [])}
        texts = [(text, known, name) for name, text in (*self.steps, ("", self.change))]
        if self.spread:
            texts.append((self.spread, {"w", "update", *self.parameters}, ""))
        for text, known, variable in texts:
            strangers = sorted(names(text) - known)
            if strangers or (variable and variable not in self.state):
                wrong = listed(strangers) or shown(variable)
                raise LocalityError(
                    f"UpdateDynamics {self.name!r} uses {wrong}, which is neither its state nor a "
                    f"parameter; it knows {listed(sorted(known))}.",
                    object=f"UpdateDynamics {self.name!r}",
                )

    @property
    def draws(self) -> bool:
        """Whether the synapse draws random numbers."""
        texts = [*(text for _, text in self.steps), self.change]
        return any(NOISE in names(text) for text in texts)

    @property
    def shared(self) -> frozenset[str]:
        """State variables that depend on no signal, and so are the same in all synapses."""
        found = set(self.state)
        while True:
            known = found | set(self.parameters)
            own = {name for name, text in self.steps if not names(text) <= known}
            if not own & found:
                return frozenset(found)
            found -= own


@checked()
def momentum(mu: ShareBelowOne = 0.9, rising: NonNegative = 0.0) -> UpdateDynamics:
    r"""Momentum (heavy ball): a decaying sum of past updates.

    .. math::

        m &\leftarrow \mu m + \Delta \\
        w &\leftarrow w + m

    Parameters
    ----------
    mu
        Momentum coefficient [dimensionless]; with 0.9, the usual choice, the total effect of an
        update is ten times its size.
    rising
        Momentum schedule: number of updates over which the coefficient rises from 1/2 to 3/4; at
        update k it is ``min(1 - 1/(2*floor(k/rising) + 2), mu)`` (Sutskever et al. 2013, eq. 5,
        where `rising` is 250). 0 for constant `mu`.

    See Also
    --------
    nesterov : With look-ahead.
    adam : With an adaptive learning rate for each synapse.

    References
    ----------
    Polyak 1964, doi:10.1016/0041-5553(64)90137-5, eq. 9. Sutskever, Martens, Dahl & Hinton 2013,
    On the importance of initialization and momentum in deep learning, ICML, eqs. 1, 2 and 5.

    Examples
    --------
    >>> from apical import optimizers
    >>> optimizers.momentum(0.9).steps
    (('m', 'mu*m + update'),)
    """
    share, parameters, counts, count = _share_kept(mu, rising)
    return UpdateDynamics(
        "momentum",
        {"m": 0.0, **counts},
        (("m", f"{share}*m + update"), *count),
        "m",
        parameters,
        source=cite("polyak1964", "eq. 9"),
    )


@checked()
def nesterov(mu: ShareBelowOne = 0.9, rising: NonNegative = 0.0) -> UpdateDynamics:
    r"""Nesterov momentum: the update is evaluated at the look-ahead weights.

    .. math::

        m &\leftarrow \mu m + \Delta \\
        w &\leftarrow w + \Delta + \mu m

    The weights of the network are the look-ahead weights, ``theta + mu*m``, so that the rule needs
    no second pass.

    Parameters
    ----------
    mu, rising
        As in `momentum`.

    See Also
    --------
    momentum : Without look-ahead.

    References
    ----------
    Nesterov 1983, in the form of Sutskever, Martens, Dahl & Hinton 2013, On the importance of
    initialization and momentum in deep learning, ICML, eqs. 3 to 5.

    Examples
    --------
    >>> from apical import optimizers
    >>> optimizers.nesterov(0.9).change
    'update + mu*m'
    """
    share, parameters, counts, count = _share_kept(mu, rising)
    return UpdateDynamics(
        "nesterov",
        {"m": 0.0, **counts},
        (("m", f"{share}*m + update"), *count),
        f"update + {share}*m",
        parameters,
        source=cite("sutskever2013", "ICML, eqs. 3 and 4"),
    )


def _share_kept(
    mu: float, rising: float
) -> tuple[str, dict[str, float], dict[str, float], tuple[tuple[str, str], ...]]:
    """Return the momentum coefficient, and the parameters, state and steps of its schedule."""
    if not rising:
        return "mu", {"mu": mu}, {}, ()
    share = "clip(1 - 0.5/(floor(count/rising) + 1), 0, mu)"
    count = (("count", "count + 1"),)
    return share, {"mu": mu, "rising": rising}, {"count": 0.0}, count


@checked()
def rmsprop(
    rate: float = 1e-3, rho: ShareBelowOne = 0.99, eps: NonNegative = 1e-8
) -> UpdateDynamics:
    r"""RMSprop: updates divided by their running root mean square (RMS).

    .. math::

        v &\leftarrow \rho v + (1 - \rho) \Delta^2 \\
        w &\leftarrow w + \alpha \frac{\Delta}{\sqrt{v} + \epsilon}

    Parameters
    ----------
    rate
        Learning rate [dimensionless]; give the rule itself ``eta=1``.
    rho
        Decay of the running mean square per update [dimensionless]; 0.99, as in PyTorch, averages
        over some 100 updates.
    eps
        Added to the root [dimensionless] to avoid division by 0.

    See Also
    --------
    adam : With momentum in addition.
    leaky_maximum : Divides by the running maximum instead.

    References
    ----------
    Tieleman & Hinton 2012, Neural Networks for Machine Learning, lecture 6.5.

    Examples
    --------
    >>> from apical import optimizers
    >>> optimizers.rmsprop(rate=1e-2).change
    'rate*update/(sqrt(v) + eps)'
    """
    return UpdateDynamics(
        "rmsprop",
        {"v": 0.0},
        (("v", "rho*v + (1 - rho)*update*update"),),
        "rate*update/(sqrt(v) + eps)",
        {"rate": rate, "rho": rho, "eps": eps},
        source=cite("tieleman2012", "lecture 6.5"),
    )


@checked()
def leaky_maximum(
    rate: float = 1e-3, keep: ShareBelowOne = 0.99, eps: NonNegative = 1e-12
) -> UpdateDynamics:
    r"""RMaxProp: updates divided by their running maximum.

    .. math::

        v &\leftarrow \max(\kappa v, \Delta^2) \\
        w &\leftarrow w + \alpha \frac{\Delta}{\sqrt{v} + \epsilon}

    Parameters
    ----------
    rate
        Learning rate: the largest weight change [dimensionless]; give the rule itself ``eta=1``.
    keep
        Decay of the running maximum of squares per update [dimensionless].
    eps
        Added to the root [dimensionless] to avoid division by 0.

    See Also
    --------
    rmsprop : Divides by the root of the mean square.

    References
    ----------
    Zenke & Ganguli 2018, doi:10.1162/neco_a_01086 (per-parameter learning rates), and
    github.com/fzenke/pub2018superspike.

    Examples
    --------
    >>> from apical import optimizers
    >>> optimizers.leaky_maximum().steps
    (('v', '(keep*v + update*update + abs(keep*v - update*update))/2'),)
    """
    return UpdateDynamics(
        "leaky_maximum",
        {"v": 0.0},
        (("v", "(keep*v + update*update + abs(keep*v - update*update))/2"),),
        "rate*update/(sqrt(v) + eps)",
        {"rate": rate, "keep": keep, "eps": eps},
        source=cite("zenke2018"),
    )


@checked()
def adam(
    rate: float = 1e-3,
    beta_1: ShareBelowOne = 0.9,
    beta_2: ShareBelowOne = 0.999,
    eps: NonNegative = 1e-8,
) -> UpdateDynamics:
    r"""Adam: momentum divided by the running root mean square, both bias-corrected.

    .. math::

        m &\leftarrow \beta_1 m + (1 - \beta_1) \Delta, \qquad
            v \leftarrow \beta_2 v + (1 - \beta_2) \Delta^2 \\
        w &\leftarrow w + \alpha \frac{m/(1 - \beta_1^k)}{\sqrt{v/(1 - \beta_2^k)} + \epsilon}

    ``p_1`` and ``p_2`` are the powers of `beta_1` and `beta_2` after k updates, state variables of
    the synapse. Defaults are those of the paper.

    Parameters
    ----------
    rate
        Learning rate [dimensionless]; give the rule itself ``eta=1``.
    beta_1, beta_2
        Decay of the running mean and mean square per update [dimensionless].
    eps
        Added to the root [dimensionless] to avoid division by 0.

    See Also
    --------
    rmsprop : Without momentum.
    momentum : Without an adaptive learning rate.

    References
    ----------
    Kingma & Ba 2015, arXiv:1412.6980, algorithm 1.

    Examples
    --------
    >>> from apical import optimizers
    >>> for variable, value in optimizers.adam().steps:
    ...     print(variable, "=", value)
    m = beta_1*m + (1 - beta_1)*update
    v = beta_2*v + (1 - beta_2)*update*update
    p_1 = beta_1*p_1
    p_2 = beta_2*p_2
    """
    return UpdateDynamics(
        "adam",
        {"m": 0.0, "v": 0.0, "p_1": 1.0, "p_2": 1.0},
        (
            ("m", "beta_1*m + (1 - beta_1)*update"),
            ("v", "beta_2*v + (1 - beta_2)*update*update"),
            ("p_1", "beta_1*p_1"),
            ("p_2", "beta_2*p_2"),
        ),
        "rate*m/(1 - p_1)/(sqrt(v/(1 - p_2)) + eps)",
        {"rate": rate, "beta_1": beta_1, "beta_2": beta_2, "eps": eps},
        source=cite("kingma2015", "algorithm 1"),
    )


@checked()
def go_up(alpha: float, sigma: NonNegative) -> UpdateDynamics:
    r"""Langevin dynamics: gradient descent with white noise of fixed size (GO-UP, made local).

    .. math:: w \leftarrow w + \alpha (\Delta + \sigma \xi), \qquad \xi \sim \mathcal{N}(0, 1)

    In the original (`go_up_global`) the size of the noise is a standard deviation over a whole
    tensor, which no synapse knows. Here a constant, `sigma`, replaces it; give each projection a
    rule with its own. The result is gradient descent with white noise.

    Parameters
    ----------
    alpha
        Learning rate [dimensionless]; give the rule itself ``eta=1``.
    sigma
        Standard deviation of the noise, in units of the update [dimensionless].

    See Also
    --------
    go_up_global : The original, not local.

    References
    ----------
    GO-UP, a note by Ryeongwoo Jang, who asks to be contacted before academic publication.

    Examples
    --------
    >>> from apical import optimizers
    >>> optimizers.go_up(0.1, sigma=0.01).change
    'alpha*(update + sigma*xi)'
    """
    return UpdateDynamics(
        "go_up",
        {},
        (),
        "alpha*(update + sigma*xi)",
        {"alpha": alpha, "sigma": sigma},
        source="GO-UP, a note by Ryeongwoo Jang, with noise of a fixed size",
    )


@checked()
def go_up_global(alpha: float) -> UpdateDynamics:
    r"""GO-UP: Ornstein-Uhlenbeck updates with noise as large as the weights; not local.

    .. math::

        w \leftarrow w + \alpha\big(\Delta + \operatorname{std}(w + \Delta)\,\xi\big), \qquad
        \xi \sim \mathcal{N}(0, 1)

    The original is ``theta <- (1 - alpha)*theta + alpha*(theta - g + std(theta - g)*xi)``, where g
    is the gradient, xi standard normal, and std the standard deviation over the whole tensor, here
    all synapses of a projection. The decay of theta and the theta that is added cancel, so this is
    the update above: without a gradient, each update increases the standard deviation of the
    weights by the factor ``sqrt(1 + alpha*alpha)``, and n updates need ``alpha*alpha*n/2`` to be
    small.

    Not local: std depends on all synapses, so no synapse knows it, and a broadcast would require
    reading them all. Only device ``array`` runs it; `go_up` is the local form.

    Parameters
    ----------
    alpha
        Learning rate [dimensionless]; give the rule itself ``eta=1``.

    See Also
    --------
    go_up : The local form.

    References
    ----------
    GO-UP, a note by Ryeongwoo Jang, who asks to be contacted before academic publication.

    Examples
    --------
    >>> from apical import optimizers
    >>> optimizers.go_up_global(0.1).spread
    'w + update'
    """
    return UpdateDynamics(
        "go_up_global",
        {},
        (),
        "alpha*(update + spread*xi)",
        {"alpha": alpha},
        source="GO-UP, a note by Ryeongwoo Jang",
        spread="w + update",
    )


@checked()
def clipped(limit: Positive, after: UpdateDynamics | None = None) -> UpdateDynamics:
    r"""Gradient clipping by value: limits the absolute update of each synapse.

    .. math:: \Delta \leftarrow \max(-c, \min(\Delta, c))

    Clipping by norm (Pascanu et al., algorithm 1) needs the norm of the whole gradient, which no
    synapse knows; clipping by value is local.

    Parameters
    ----------
    limit
        Largest absolute update [dimensionless], the rule's `eta` included.
    after
        Optimiser applied to the clipped update; None adds it to the weight.

    See Also
    --------
    adam, rmsprop : Optimisers for `after`.

    References
    ----------
    Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063, section 3.2, who cite element-wise clipping by
    Mikolov 2012.

    Examples
    --------
    >>> from apical import optimizers
    >>> optimizers.clipped(0.1, optimizers.momentum()).steps
    (('m', 'mu * m + clip(update, -clip_limit, clip_limit)'),)
    """
    if after and LIMIT in after.parameters:
        raise ParameterError(
            f"UpdateDynamics {after.name!r} clips already, got another limit of {limit!r}; clip "
            "once.",
            object=described(after),
            parameter="limit",
        )
    cut = {"update": f"clip(update, -{LIMIT}, {LIMIT})"}
    after = after or UpdateDynamics("plain", {}, (), "update")
    return UpdateDynamics(
        f"clipped {after.name}",
        after.state,
        tuple((variable, substituted(text, cut)) for variable, text in after.steps),
        substituted(after.change, cut),
        {**after.parameters, LIMIT: limit},
        source="; ".join(filter(None, (cite("pascanu2013"), after.source))),
        spread=substituted(after.spread, cut) if after.spread else "",
    )
