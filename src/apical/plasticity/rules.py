"""Learning rules: one update string each, in Brian2's grammar, checked when it is constructed."""

import warnings
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from apical._base.bibliography import cite
from apical._base.checking import check_fields, checked, described, listed, shown
from apical._base.names import check_name
from apical._base.parameters import Duration, NonNegative, Share, Time
from apical.errors import DescriptionWarning, LocalityError, ParameterError, concerning
from apical.errors.source_location import outside
from apical.language.evaluation import evaluated
from apical.language.expressions import FUNCTIONS, names, place
from apical.language.rank_one import HELD
from apical.plasticity.optimizers import NOISE, UpdateDynamics
from apical.plasticity.traces import PER_STEP, Trace, kept

When = Literal["trial", "feedback", "spike", "post", "noise"]

ELIGIBILITY = "eligibility"
"""Characteristic eligibility (score function) of a perturbation: its noise over the variance."""

RESERVED = frozenset(
    {
        "w",
        "w_min",
        "w_max",
        "w_step",
        "w_total",
        "exists",
        "release",
        "sent",
        "i",
        "j",
        "t",
        "dt",
        "learning",
        "learned",
        NOISE,
        ELIGIBILITY,
        PER_STEP,
        "N",
        "N_pre",
        "N_post",
        "lastupdate",
        "delay",
        "rand",
        "randn",
        "poisson",
        *FUNCTIONS,
    }
)
"""Reserved names, which have a meaning in a synapse already."""


@dataclass(frozen=True)
class LearningRule:
    """Learning rule: a local weight update of one synapse, as text.

    Parameters
    ----------
    name
        Name in messages and exports.
    update
        Change of the weight ``w`` per update [dimensionless], in Brian2's grammar. Every name
        is ``w``, one of `parameters`, `traces` or `state`, or ends in ``_pre`` or ``_post``: a
        signal of the presynaptic or postsynaptic neuron; or ``eligibility``, under weight
        perturbation.
    parameters
        Parameters: name -> value [dimensionless].
    when
        ``"trial"``: once, at the end of each trial. ``"feedback"``: whenever feedback arrives at
        the postsynaptic neuron. ``"spike"``: at each presynaptic spike, which is then the
        presynaptic factor. ``"post"``: at each postsynaptic spike. ``"noise"``: once, at the end of
        each trial in which the postsynaptic neuron is spontaneously active
        (`apical.network.noise_phase.NoisePhase`), and only then; such a rule reads only the
        activities of the two neurons and the drive of the presynaptic one.
    onset
        Time after trial onset from which a rule acts at feedback or at spikes [ms], for instance
        once the network has responded to the new stimulus.
    source
        Reference for the rule (paper, DOI, equation).
    dynamics
        Optimiser, for instance `apical.plasticity.optimizers.rmsprop`; None adds updates to the
        weight.
    traces
        Eligibility traces of the synapse, by name.
    state
        Variables that each synapse keeps from trial to trial, with their initial values
        [dimensionless]: a number, or an expression of the initial weight ``w`` and `parameters`,
        as in ``{"w0": "w"}``. Loaded weights are initial weights: what their synapses keep begins
        again with them.
    steps
        Assignments to `state`, as pairs of a variable and its new value, in order, before each
        update; they read what `update` reads. Trials of a batch share the mean of their new values.
        Empty: what synapses keep does not change.

    Raises
    ------
    LocalityError
        If `update`, a step or a trace reads a name that the synapse cannot know, or is not an
        expression.
    ParameterError
        If a value is not a number, or a name is already in use.

    See Also
    --------
    three_factor : The rule of feedback alignment.
    apical.optimizers : Optimisers: how updates become weight changes.

    Examples
    --------
    >>> from apical import LearningRule
    >>> oja = LearningRule("oja", "eta * x_post * (x_pre - x_post * w)", {"eta": 0.01})
    >>> sorted(oja.signals)
    ['x_post', 'x_pre']

    A synapse that keeps a running mean of its Hebbian updates, and learns by this mean:

    >>> slow = LearningRule(
    ...     "slow",
    ...     "eta * mean",
    ...     {"eta": 0.1, "share": 0.2},
    ...     state={"mean": 0.0},
    ...     steps=(("mean", "(1 - share) * mean + share * x_pre * x_post"),),
    ... )
    >>> slow.first(w=[0.5, -0.5])
    {'mean': array([0., 0.])}
    """

    name: str
    update: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    when: When = "trial"
    source: str = ""
    onset: Time = 0.0
    dynamics: UpdateDynamics | None = None
    traces: Mapping[str, Trace] = field(default_factory=dict)
    state: Mapping[str, float | str] = field(default_factory=dict)
    steps: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        with concerning(described(self)):
            self._check_arrays()
            check_fields(self)
            self._check()
            if self.when == "noise":
                self._check_noise()

    def _check_arrays(self) -> None:
        given = self.parameters if isinstance(self.parameters, Mapping) else {}
        for key, value in given.items():
            if isinstance(value, Sized) and not isinstance(value, str):
                raise LocalityError(
                    f"{described(self)}: parameter {shown(key)} must be one finite number, got "
                    f"{shown(value)}; an array would tell a synapse about other synapses.",
                    parameter=key,
                )

    def _check(self) -> None:
        check_name(self.name, "label", "LearningRule", "a rule")
        if self.onset and self.when in ("trial", "noise"):
            raise ParameterError(
                f"{described(self)} acts at the end of a trial and needs onset=0, got "
                f"{self.onset!r}.",
                parameter="onset",
            )
        self._check_names(self.parameters, "a parameter")
        self._check_names(self.traces, "a trace")
        self._check_names(self.state, "a state variable")
        of_traces = [*self.traces, *map(kept, self.traces)]
        self._check_twice("its traces", of_traces, self.parameters)
        self._check_twice("its state", self.state, [*self.parameters, *of_traces])
        self._check_state()
        if self.dynamics is not None:
            self._check_dynamics(self.dynamics)
        known = {"w", *self.parameters, *self.traces, *self.state}
        others = [*(trace.source for trace in self.traces.values()), *(t for _, t in self.steps)]
        asked = (names(self.update) - {ELIGIBILITY}).union(*map(names, others))
        strangers = sorted(n for n in asked if place(n) == "synapse" and n not in known)
        if strangers:
            raise LocalityError(
                f"LearningRule {self.name!r} reads {listed(strangers)}, which a "
                "synapse cannot know. End a name in '_pre' or '_post' to read a signal of one of "
                "its two neurons, or give a number in `parameters`, a trace, or `state`.",
            )
        self._warn()

    def _check_state(self) -> None:
        known = {"w", *self.parameters}
        for name, value in self.state.items():
            strangers = sorted(names(str(value)) - known)
            if strangers:
                raise LocalityError(
                    f"{described(self)}: its state {name!r} begins as {shown(value)}, which reads "
                    f"{listed(strangers)}; where a synapse begins, it knows "
                    f"{listed(sorted(known))}.",
                    parameter="state",
                )
        strangers = sorted({name for name, _ in self.steps} - {*self.state})
        if strangers:
            raise ParameterError(
                f"{described(self)}: its steps assign {listed(strangers)}, which is not in its "
                f"state ({listed(sorted(self.state)) or 'none'}); give it a first value, for "
                f"instance state={{{strangers[0]!r}: 0.0}}.",
                parameter="steps",
            )

    def _warn(self) -> None:
        """Warn of what has no effect, or hardly the one that was meant."""
        said = []
        begins = frozenset[str]().union(*(names(str(value)) for value in self.state.values()))
        for what, given, read in (
            ("parameter", self.parameters, self._reads | begins),
            ("trace", self.traces, self._reads),
            ("state", self.state, self._read_besides_itself),
        ):
            said += [
                f"{described(self)} does not read its {what} {name!r}; write it into the update "
                "or leave it out."
                for name in given
                if name not in read
            ]
        if self.parameters.get("eta", 0.0) < 0:
            said.append(
                f"{described(self)} has a negative learning rate, eta={self.parameters['eta']:g}, "
                "and learns the opposite of its update; write a minus into the update if that is "
                "meant."
            )
        for text in said:
            warnings.warn(text, DescriptionWarning, stacklevel=outside())

    def _check_names(self, keys: Iterable[str], what: str) -> None:
        for key in keys:
            check_name(key, "synaptic", described(self), what, taken=RESERVED)

    def _check_twice(self, what: str, used: Iterable[str], others: Iterable[str]) -> None:
        twice = sorted({*used} & {*others})
        if twice:
            raise ParameterError(
                f"{described(self)} and {what} both use {listed(twice)}; rename one.",
                parameter=twice[0],
            )

    def _check_noise(self) -> None:
        known = {"w", *self.parameters, *self.state, "x_pre", "drive_pre", "x_post"}
        others = sorted(self._reads - known)
        if others:
            raise LocalityError(
                f"{described(self)} acts in noise phases, in which there is no error, so it may "
                f"read 'x_pre', 'drive_pre' and 'x_post', got {listed(others)}."
            )

    def _check_dynamics(self, dynamics: UpdateDynamics) -> None:
        if self.when != "trial":
            raise ParameterError(
                f"{described(self)}: {described(dynamics)} need when='trial', got {self.when!r}.",
                parameter="when",
            )
        own = [*self.parameters, *self.traces, *map(kept, self.traces), *self.state, *RESERVED]
        used = [*dynamics.state, *dynamics.parameters, "update"]
        self._check_twice(f"its dynamics {dynamics.name!r}", used, own)

    @property
    def _reads(self) -> frozenset[str]:
        """All names that the update, a step or a trace reads."""
        texts = [*(trace.source for trace in self.traces.values()), *(t for _, t in self.steps)]
        return names(self.update).union(*map(names, texts))

    @property
    def _read_besides_itself(self) -> frozenset[str]:
        """All names that are read by more than the step that assigns them."""
        traces = (names(trace.source) for trace in self.traces.values())
        steps = (names(text) - {name} for name, text in self.steps)
        return names(self.update).union(*traces, *steps)

    @property
    def held(self) -> frozenset[str]:
        """Names that have a separate value in every synapse: weight, noise, state."""
        return HELD | {*self.state}

    def first(self, w: npt.ArrayLike) -> dict[str, np.ndarray]:
        """Return what synapses keep (`state`) where they begin.

        Parameters
        ----------
        w
            Their initial weights, of any shape.

        Returns
        -------
        dict
            Name -> values, shape as `w`.

        Raises
        ------
        ParameterError
            If a value is not finite.

        Examples
        --------
        >>> from apical import rules
        >>> rules.consolidated(rules.three_factor(0.1), strength=0.01).first([0.5, -0.5])
        {'w0': array([ 0.5, -0.5])}
        """
        weights = np.asarray(w, float)
        known = {**self.parameters, "w": weights}
        found = {
            name: np.broadcast_to(evaluated(str(value), known, {}), weights.shape).copy()
            for name, value in self.state.items()
        }
        for name, values in found.items():
            if not np.isfinite(values).all():
                raise ParameterError(
                    f"{described(self)}: its state {name!r}, which begins as "
                    f"{shown(self.state[name])}, has no finite value in "
                    f"{np.count_nonzero(~np.isfinite(values)):,} of {values.size:,} synapses; "
                    "write an expression that is finite for every weight, 0 included.",
                    object=described(self),
                    parameter="state",
                )
        return found

    @property
    def signals(self) -> frozenset[str]:
        """Signals read, with their suffix, for instance ``{'x_pre', 'teach_post'}``."""
        return frozenset(name for name in self._reads if place(name) != "synapse")


THREE_FACTOR_SOURCE = f"{cite('lillicrap2016', 'eq. 4')}; {cite('nokland2016', 'eq. 3')}"


@checked()
def three_factor(
    eta: float = 1.0,
    when: Literal["trial", "feedback"] = "trial",
    *,
    decay: float = 0.0,
    dynamics: UpdateDynamics | None = None,
) -> LearningRule:
    r"""Three-factor rule (delta rule with feedback), with optional weight decay.

    .. math:: \Delta w_{ij} = \eta\,(x_i\, g_j\, T_j - \lambda w_{ij})

    Presynaptic activity ``x``, times postsynaptic gain ``g`` (slope, or surrogate gradient), times
    feedback ``teach``. The one rule of BP, FA, DFA and IFA; what differs is the pathway that
    carries the feedback.

    Parameters
    ----------
    eta
        Learning rate [dimensionless]; 1 for `dynamics` that have their own.
    when
        At the end of each trial, or whenever feedback arrives.
    decay
        Weight decay (L2 regularisation): fraction of the weight that is lost at every update, per
        unit of `eta` [dimensionless]; 0 for none.
    dynamics
        As in `LearningRule`.

    See Also
    --------
    three_factor_at_spikes : At presynaptic spikes.
    e_prop : With eligibility traces.

    Examples
    --------
    >>> from apical import rules
    >>> rules.three_factor(0.1).update
    'eta * x_pre * gain_post * teach_post'
    >>> rules.three_factor(0.1, decay=1e-4).update
    'eta * (x_pre * gain_post * teach_post - decay * w)'
    """
    return LearningRule(
        "three_factor",
        "eta * (x_pre * gain_post * teach_post - decay * w)"
        if decay
        else "eta * x_pre * gain_post * teach_post",
        {"eta": eta, **({"decay": decay} if decay else {})},
        when=when,
        source=THREE_FACTOR_SOURCE,
        dynamics=dynamics,
    )


@checked()
def three_factor_in_time(
    eta: float, trial: Duration, *, dynamics: UpdateDynamics | None = None
) -> LearningRule:
    r"""Three-factor rule of errors throughout a trial: the mean of the product over time.

    .. math:: \Delta w_{ij} = \frac{\eta}{T} \int_0^T x_i(t)\, g_j(t)\, T_j(t)\, dt

    What `three_factor` reads once, at the end of a trial, a trace of the synapse adds up in every
    time step. It is for time courses as targets (`apical.RateError` with frames): the update
    follows the gradient of the squared error over the trial where activity follows its input within
    a few time steps, since it has no trace of the past.

    Parameters
    ----------
    eta
        Learning rate [dimensionless].
    trial
        Presentation time of one stimulus ``T`` [ms]: that of the network.
    dynamics
        As in `LearningRule`.

    See Also
    --------
    three_factor : At the end of a trial.
    e_prop : With eligibility traces of the past, for spikes.

    Examples
    --------
    >>> from apical import rules
    >>> rule = rules.three_factor_in_time(0.1, trial=200.0)
    >>> rule.update, rule.traces["total"].source
    ('eta * total / span', 'x_pre * gain_post * teach_post')
    """
    return LearningRule(
        "three_factor_in_time",
        "eta * total / span",
        {"eta": eta, "span": trial},
        source=THREE_FACTOR_SOURCE,
        dynamics=dynamics,
        traces={"total": Trace("x_pre * gain_post * teach_post")},
    )


WERFEL = cite("werfel2005")
BATCH_NORM_SOURCE = cite("ioffe2015", "section 3")


@checked()
def norm_scale(eta: float = 1.0, *, dynamics: UpdateDynamics | None = None) -> LearningRule:
    r"""Learned scale (gain) of batch normalisation: from a `Bias` onto input ``scale``.

    .. math:: \Delta \gamma_j = \eta\, \hat z_j\, f'_j\, T_j

    ``z`` is the normalised drive, ``f'`` the slope of the activation function, ``T`` the feedback.

    Parameters
    ----------
    eta, dynamics
        As in `three_factor`.

    See Also
    --------
    norm_shift : The shift.
    apical.BatchNorm : What is scaled.

    Examples
    --------
    >>> from apical import rules
    >>> rules.norm_scale(0.1).update
    'eta * x_pre * normal_post * slope_post * teach_post'
    """
    return LearningRule(
        "norm_scale",
        "eta * x_pre * normal_post * slope_post * teach_post",
        {"eta": eta},
        source=BATCH_NORM_SOURCE,
        dynamics=dynamics,
    )


@checked()
def norm_shift(eta: float = 1.0, *, dynamics: UpdateDynamics | None = None) -> LearningRule:
    r"""Learned shift (bias) of batch normalisation: from a `Bias` onto input ``shift``.

    .. math:: \Delta \beta_j = \eta\, f'_j\, T_j

    ``f'`` is the slope of the activation function, ``T`` the feedback.

    Parameters
    ----------
    eta, dynamics
        As in `three_factor`.

    See Also
    --------
    norm_scale : The scale.
    apical.BatchNorm : What is shifted.

    Examples
    --------
    >>> from apical import rules
    >>> rules.norm_shift(0.1).update
    'eta * x_pre * slope_post * teach_post'
    """
    return LearningRule(
        "norm_shift",
        "eta * x_pre * slope_post * teach_post",
        {"eta": eta},
        source=BATCH_NORM_SOURCE,
        dynamics=dynamics,
    )


@checked()
def three_factor_at_spikes(eta: float, onset: Time = 0.0) -> LearningRule:
    r"""Event-driven random backpropagation (eRBP): the three-factor rule at presynaptic spikes.

    .. math:: \frac{dw_{ij}}{dt} = \eta\, g_j\, T_j \sum_f \delta(t - t_i^f)

    The presynaptic factor is the spike itself; ``g`` and ``T`` are as in `three_factor`.

    Parameters
    ----------
    eta
        Learning rate [dimensionless].
    onset
        As in `LearningRule` [ms].

    See Also
    --------
    three_factor : At the end of a trial, or at feedback.

    Examples
    --------
    >>> from apical import rules
    >>> erbp = rules.three_factor_at_spikes(1e-3)
    >>> erbp.when, erbp.update
    ('spike', 'eta * gain_post * teach_post')
    """
    return LearningRule(
        "three_factor_at_spikes",
        "eta * gain_post * teach_post",
        {"eta": eta},
        when="spike",
        source=cite("neftci2017", "eq. 5"),
        onset=onset,
    )


@checked()
def node_perturbation(eta: float = 1.0, *, dynamics: UpdateDynamics | None = None) -> LearningRule:
    r"""Node perturbation (REINFORCE): the noise of the neuron times the resulting reward.

    .. math:: \Delta w_{ij} = \eta\, x_i\, \frac{\xi_j}{\sigma^2}\, R

    The reward ``R`` arrives as ``teach``. For populations with ``explores``, taught by
    `apical.feedback.broadcast`: ``eligibility`` is the noise of the neuron over its variance,
    ``teach`` the decrease of the trial's loss due to the noise of all neurons. No gradient is
    computed, and the expected update is that of backpropagation, up to terms that vanish with the
    noise (none in a linear network).

    Parameters
    ----------
    eta
        Learning rate [dimensionless].
    dynamics
        As in `LearningRule`.

    See Also
    --------
    weight_perturbation : Noise in synapses.
    apical.Reward : Computes the reward.

    References
    ----------
    Williams 1992, doi:10.1007/BF00992696, section 6 (the noise of the neuron over its variance is
    its characteristic eligibility); Werfel, Xie & Seung 2005, doi:10.1162/089976605774320539.

    Examples
    --------
    >>> from apical import rules
    >>> rules.node_perturbation(0.01).update
    'eta * x_pre * eligibility_post * teach_post'
    """
    return LearningRule(
        "node_perturbation",
        "eta * x_pre * eligibility_post * teach_post",
        {"eta": eta},
        source=f"{cite('williams1992', 'section 6')}; {WERFEL}",
        dynamics=dynamics,
    )


@checked()
def weight_perturbation(
    eta: float = 1.0, *, dynamics: UpdateDynamics | None = None
) -> LearningRule:
    r"""Weight perturbation: the noise of the synapse times the resulting reward.

    .. math:: \Delta w_{ij} = \eta\, \frac{\xi_{ij}}{\sigma^2}\, R

    The reward ``R`` arrives as ``teach``. For projections with ``explores``, taught by
    `apical.feedback.broadcast`. As `node_perturbation`, with noise in each synapse in place of each
    neuron. All trials of a batch have the same noise.

    Parameters
    ----------
    eta, dynamics
        As in `node_perturbation`.

    See Also
    --------
    node_perturbation : Noise in neurons; its updates have less variance.

    References
    ----------
    Jabri & Flower 1992, doi:10.1109/72.105429; Werfel, Xie & Seung 2005,
    doi:10.1162/089976605774320539.

    Examples
    --------
    >>> from apical import rules
    >>> rules.weight_perturbation(0.01).update
    'eta * eligibility * teach_post'
    """
    return LearningRule(
        "weight_perturbation",
        "eta * eligibility * teach_post",
        {"eta": eta},
        source=f"{cite('jabri1992')}; {WERFEL}",
        dynamics=dynamics,
    )


@checked()
def stdp(eta: float, *, target: float = 0.4, largest: float = 1.0) -> LearningRule:
    r"""Spike-timing-dependent plasticity (STDP) at postsynaptic spikes, without feedback.

    .. math:: \Delta w_{ij} = \eta\,(x_i - x_{\mathrm{tar}})(w_{\max} - w_{ij})

    Synapses whose presynaptic neuron has fired recently are potentiated, the others depressed;
    ``x`` is the presynaptic trace. Give the projection ``bounds=(0, largest)``.

    Parameters
    ----------
    eta
        Learning rate [dimensionless].
    target
        Presynaptic trace at which the weight does not change [dimensionless]; 0.4 as in the
        published code.
    largest
        Largest weight [dimensionless]; 1 as in the published code.

    See Also
    --------
    apical.ConductanceLIF : The neurons it was published with.

    References
    ----------
    Diehl & Cook 2015, doi:10.3389/fncom.2015.00099, section 2.3, with mu = 1.

    Examples
    --------
    >>> from apical import rules
    >>> rules.stdp(0.01).update
    'eta * (x_pre - target) * (largest - w)'
    """
    return LearningRule(
        "stdp",
        "eta * (x_pre - target) * (largest - w)",
        {"eta": eta, "target": target, "largest": largest},
        when="post",
        source=cite("diehl2015", "section 2.3"),
    )


@checked()
def e_prop(
    eta: float,
    *,
    tau: Duration = 20.0,
    tau_a: Duration | None = None,
    homeostasis: NonNegative = 0.0,
    usual: float = 0.0,
) -> LearningRule:
    r"""E-prop: eligibility traces times the current learning signal of the neuron.

    .. math::

        \Delta w_{ij} &= \eta\, \bar e_{ij}\, T_j \\
        \bar e_{ij} &= \mathcal{F}_\tau\big[\psi_j\,(x_i - \beta_j a_{ij})\big], \qquad
            a_{ij} = \mathcal{F}_{\tau_a}\big[\psi_j\,(x_i - \beta_j a_{ij})\big]

    ``F`` are low-pass filters, ``psi`` is the surrogate gradient (``gain``). The eligibility trace
    ``e_trace``, low-pass filtered ``gain_post * x_pre``, is the effect of the weight on the spikes
    of the postsynaptic neuron. Where thresholds adapt, a second trace, ``slow``, is the effect on
    the adaptation, which is subtracted. The weight changes whenever feedback arrives. ``x_pre``
    must have the time constant of the postsynaptic membrane, which spikes change at once
    (``tau_s=0``), and the dendrite hold the feedback for one time step (``tau_teach=0``).

    Parameters
    ----------
    eta
        Learning rate [dimensionless].
    tau
        Time constant of the low-pass filter: that of the neurons that receive the spikes of the
        postsynaptic one [ms]; 20 ms as published.
    tau_a
        Time constant of adaptation, where the postsynaptic population is `apical.ALIF` [ms].
    homeostasis, usual
        Strength of the regularisation of firing rates, and the target value of the adaptation
        ``a`` [dimensionless]; as published, but at feedback and by each neuron for itself. For
        `apical.ALIF` only.

    See Also
    --------
    apical.ALIF : The neurons it was published with.
    apical.superspike.rule : Gradient descent on a spike train distance.

    Examples
    --------
    >>> from apical import rules
    >>> sorted(rules.e_prop(0.01, tau_a=2000.0).traces)
    ['e_trace', 'slow']
    >>> rules.e_prop(0.01).update
    'eta * e_trace * teach_post'
    """
    moved = "gain_post * x_pre" if tau_a is None else "gain_post * (x_pre - beta_post * slow)"
    teach = "(teach_post - homeostasis * (a_post - usual))" if homeostasis else "teach_post"
    return LearningRule(
        "e_prop",
        f"eta * e_trace * {teach}",
        {"eta": eta, **({"homeostasis": homeostasis, "usual": usual} if homeostasis else {})},
        when="feedback",
        source=cite("bellec2020", "Methods"),
        traces={
            "e_trace": Trace(moved, tau),
            **({} if tau_a is None else {"slow": Trace(moved, tau_a)}),
        },
    )


INITIAL, CONSOLIDATION = "w0", "consolidation"
"""Names of the initial weight in a synapse that keeps it, and of the strength of decay to it."""

CONSOLIDATED_SOURCE = f"{cite('li2018')}; {cite('kirkpatrick2017', 'eq. 3')}"


@checked()
def consolidated(rule: LearningRule, strength: Share) -> LearningRule:
    r"""Consolidation: a rule whose weights also decay toward their initial values.

    .. math:: \Delta w_{ij} = \Delta^{\mathrm{rule}}_{ij} - \lambda\,(w_{ij} - w^0_{ij})

    Each synapse keeps its initial weight ``w0``. Without error the distance to it shrinks by the
    factor ``1 - strength`` per update; weights that were loaded, for instance those of a network
    that has learned an earlier task, are initial weights. This is the penalty L2-SP of transfer
    learning, and elastic weight consolidation where every weight matters alike (a Fisher
    information of 1), which needs no second signal.

    Parameters
    ----------
    rule
        The rule.
    strength
        Share of the distance to the initial weight that is lost at every update, besides the
        learning rate of the rule [dimensionless]; a learning-rate schedule scales it too. An
        optimiser of the rule reads it as part of the update.

    Returns
    -------
    LearningRule
        The rule, with the term in its update and the state ``w0``.

    Raises
    ------
    ParameterError
        If the rule has a name ``w0`` or ``consolidation`` already.

    See Also
    --------
    LearningRule : Its `state`.
    three_factor : Its `decay` is toward 0.

    References
    ----------
    Li, Grandvalet & Davoine 2018, arXiv:1802.01483 (L2-SP); Kirkpatrick et al. 2017,
    doi:10.1073/pnas.1611835114, eq. 3 (elastic weight consolidation).

    Examples
    --------
    >>> from apical import rules
    >>> kept = rules.consolidated(rules.three_factor(0.1), strength=0.01)
    >>> kept.update
    'eta * x_pre * gain_post * teach_post - consolidation * (w - w0)'
    >>> kept.state
    {'w0': 'w'}
    """
    used = {*rule.parameters, *rule.traces, *rule.state}
    for name in sorted({INITIAL, CONSOLIDATION} & used):
        raise ParameterError(
            f"{described(rule)} has a name {name!r} already, which consolidation gives; rename it, "
            "and consolidate once.",
            object=described(rule),
            parameter="rule",
        )
    return replace(
        rule,
        name=f"{rule.name}_consolidated",
        update=f"{rule.update} - {CONSOLIDATION} * (w - {INITIAL})",
        parameters={**rule.parameters, CONSOLIDATION: strength},
        state={**rule.state, INITIAL: "w"},
        source="; ".join(filter(None, (rule.source, CONSOLIDATED_SOURCE))),
    )
