r"""Conversion of neurons between this package and NIR: equations, units and the time step.

Here, with times in ms and potentials in units of the threshold:

.. math::

    \tau_m \frac{dv}{dt} &= I + b - v \\
    \tau_s \frac{dI}{dt} &= -I + \tau_s \sum_j w_j S_j(t)

so that a presynaptic spike adds :math:`w` to :math:`I`, or to :math:`v` where :math:`\tau_s = 0`,
and a neuron spikes at :math:`v > 1`. In NIR, with times in s:

.. math::

    \text{CubaLIF:}\quad
    \tau_{mem} \dot v &= v_{leak} - v + R I, \quad \tau_{syn} \dot I = -I + w_{in} S \\
    \text{LIF:}\quad \tau \dot v &= v_{leak} - v + R S \\
    \text{LI:}\quad \tau \dot v &= v_{leak} - v + R S, \quad\text{without spikes} \\
    \text{IF:}\quad \dot v &= R S

Simulators of NIR feed :math:`S = 1` for the :math:`\Delta t` of a time step with a spike (and not
an impulse of area 1 s), and go by Euler's method, the current first. A spike then adds
:math:`w_{in} w \Delta t/\tau_{syn}` to :math:`I` of a CubaLIF, :math:`R w \Delta t/\tau` to
:math:`v` of a LIF, and :math:`R w \Delta t` to that of an IF. That it adds :math:`w` here decides
the free constants; where the product of two matters alone, they are those that Norse and snnTorch
accept (`CubaLIF` with :math:`R = \tau_{mem}/\Delta t`, `LIF` with :math:`R = 1`).

This package integrates exactly. With the constants of a continuous neuron Euler's method comes
near that for short time steps. With those of `Steps.euler`, it does the very same in steps of
:math:`\Delta t`: time constants are

.. math:: \tau' = \frac{\Delta t}{1 - e^{-\Delta t/\tau}}

and what a current adds to the membrane in a step, :math:`\Delta t/\tau_m` by Euler's method, is

.. math::

    c = \frac{\tau_s}{\tau_m - \tau_s}\left(e^{-\Delta t/\tau_m} - e^{-\Delta t/\tau_s}\right)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, isclose, log1p

import numpy as np

from apical.errors import DataError
from apical.neurons.facts import Integrator

MS = 1e3
"""Milliseconds in a second."""


@dataclass(frozen=True)
class Steps:
    r"""Time steps, and what the constants of a graph mean in them.

    Parameters
    ----------
    dt
        Time step [ms].
    euler
        Whether constants are those with which Euler's method integrates exactly.

    Examples
    --------
    >>> from apical.nir.conversion import Steps
    >>> Steps(1.0).decay(20.0), round(Steps(1.0, euler=True).decay(20.0), 6)
    (0.05, 0.048771)
    """

    dt: float
    euler: bool = False

    def decay(self, tau: float) -> float:
        r"""Return the share that a leak takes in a step: dt/tau, or 1 - exp(-dt/tau)."""
        return 1 - exp(-self.dt / tau) if self.euler else self.dt / tau

    def time_constant(self, decay: float, name: str) -> float:
        """Return the time constant [ms] of a leak that takes a share in a step.

        Raises
        ------
        DataError
            If it is no share.
        """
        if not 0 < decay < (1 if self.euler else np.inf):
            raise DataError(
                f"Node {name!r} of this NIR graph has a time constant that does not fit time steps "
                f"of {self.dt:g} ms.",
                object=f"Node {name!r}",
            )
        return rounded(-self.dt / log1p(-decay) if self.euler else self.dt / decay)

    def coupling(self, tau_m: float, tau_s: float) -> float:
        """Return what a synaptic current of 1 adds to the membrane potential in a step."""
        if not self.euler:
            return self.dt / tau_m
        if isclose(tau_m, tau_s, rel_tol=1e-6):
            return self.dt / tau_m * exp(-self.dt / tau_m)
        share = tau_s / (tau_m - tau_s)
        return share * (exp(-self.dt / tau_m) - exp(-self.dt / tau_s))

    def charge(self, tau_s: float) -> float:
        """Return the mean of a current in a step after which it decays from 1."""
        return tau_s * self.decay(tau_s) / self.dt

    def kept(self, tau: float) -> float:
        """Return the share of a spike's effect on a membrane that is there after a step."""
        return exp(-self.dt / tau) if self.euler else 1.0


@dataclass(frozen=True)
class Written:
    """The nodes of NIR that a population becomes, in the order in which signals pass them.

    Parameters
    ----------
    nodes
        Class of NIR and parameters of each node: numbers, the same for all neurons.
    scale
        Factor on the weights that reach it.
    """

    nodes: tuple[tuple[str, Mapping[str, float]], ...]
    scale: float = 1.0


def to_nir(neuron: Integrator, steps: Steps) -> Written:
    r"""Return the nodes of a population.

    ================  =================  ======================================================
    here              NIR                parameters, those of a continuous neuron
    ================  =================  ======================================================
    leak, tau_s > 0   CubaLIF            tau_mem = tau_m, tau_syn = tau_s, R = tau_m/dt,
                                         w_in = tau_s/tau_m, v_leak = b
    leak, tau_s = 0   LIF                tau = tau_m, R = 1, v_leak = b, weights times tau_m/dt
    none, tau_s > 0   LI, Affine, IF     tau = tau_s, R = tau_s/dt; adds b; R = 1/tau_m
    none, tau_s = 0   Affine, IF         adds b dt/tau_m; R = 1/dt
    ================  =================  ======================================================

    Thresholds are 1, resets 0. The Affine node is there only for a bias.

    Parameters
    ----------
    neuron
        The population.
    steps
        Time steps.

    Examples
    --------
    >>> from apical import LIF
    >>> from apical.nir.conversion import Steps, to_nir
    >>> neuron = LIF("hidden", 3, tau_m=20.0, tau_s=5.0).integrator
    >>> to_nir(neuron, Steps(1.0)).nodes[0][1]["w_in"]
    0.25
    """
    spikes = {"v_threshold": 1.0, "v_reset": 0.0}
    step, b = steps.dt / MS, neuron.bias
    tau_m = step / steps.decay(neuron.tau_m)
    if neuron.leak and not neuron.tau_s:
        scale = steps.kept(neuron.tau_m) * tau_m / step
        return Written((("LIF", {"tau": tau_m, "r": 1.0, "v_leak": b} | spikes),), scale)
    if not neuron.tau_s:
        adds = (("Affine", {"bias": b * steps.dt / neuron.tau_m}),) if b else ()
        return Written((*adds, ("IF", {"r": 1.0 / step} | spikes)))
    tau_s = step / steps.decay(neuron.tau_s)
    if neuron.leak:
        coupling = steps.coupling(neuron.tau_m, neuron.tau_s)
        times = {"tau_mem": tau_m, "tau_syn": tau_s}
        constants = {"r": tau_m / step, "w_in": coupling * tau_s / step, "v_leak": b}
        return Written((("CubaLIF", times | constants | spikes),))
    mean = steps.charge(neuron.tau_s)
    current = ("LI", {"tau": tau_s, "r": tau_s / step, "v_leak": 0.0})
    adds = (("Affine", {"bias": b / mean}),) if b else ()
    return Written((current, *adds, ("IF", {"r": mean * MS / neuron.tau_m} | spikes)))


@dataclass(frozen=True)
class Neuron:
    r"""What a node of NIR is here, in the potential :math:`u = (v - v_{reset})/D`.

    :math:`D = v_{threshold} - v_{reset}`, so that the reset is 0 and the threshold 1.

    Parameters
    ----------
    tau_m, tau_s
        Time constants [ms].
    leak
        Whether it leaks.
    bias
        Its bias, shape (n,).
    scale
        Factors on the weights that reach it, shape (n,).
    per_input
        Bias for a constant input of 1, shape (n,).
    """

    tau_m: float
    tau_s: float
    leak: bool
    bias: np.ndarray
    scale: np.ndarray
    per_input: np.ndarray


def from_cuba_lif(node: Mapping[str, np.ndarray], steps: Steps, name: str) -> Neuron:
    r"""Return a CubaLIF.

    .. math::

        w = \frac{w_{in} R}{D} \frac{\Delta t^2}{\tau_{syn} \tau_{mem}\, c}\, w_{NIR},
        \qquad b = \frac{v_{leak} - v_{reset}}{D}

    with :math:`c = \Delta t/\tau_m`, or that of the module's text.
    """
    height = node["v_threshold"] - node["v_reset"]
    of_m, of_s = (steps.dt / MS / same(node[k], name, k) for k in ("tau_mem", "tau_syn"))
    tau_m, tau_s = steps.time_constant(of_m, name), steps.time_constant(of_s, name)
    gain = node["w_in"] * node["r"] / height
    scale = gain * of_m * of_s / steps.coupling(tau_m, tau_s)
    return Neuron(tau_m, tau_s, True, (node["v_leak"] - node["v_reset"]) / height, scale, gain)


def from_lif(node: Mapping[str, np.ndarray], steps: Steps, name: str) -> Neuron:
    r"""Return a LIF: :math:`w = (R/D)(\Delta t/\tau)\,w_{NIR}`, the bias as that of a CubaLIF."""
    height = node["v_threshold"] - node["v_reset"]
    decay = steps.dt / MS / same(node["tau"], name, "tau")
    tau = steps.time_constant(decay, name)
    gain = node["r"] / height
    bias = (node["v_leak"] - node["v_reset"]) / height
    return Neuron(tau, 0.0, True, bias, gain * decay / steps.kept(tau), gain)


def from_if(node: Mapping[str, np.ndarray], steps: Steps, tau_m: float) -> Neuron:
    r"""Return an IF: :math:`w = (R/D)\,\Delta t\,w_{NIR}`, at any time constant of the membrane.

    A constant input of 1 is a bias of :math:`(R/D)\,\tau_m`.
    """
    gain = node["r"] / (node["v_threshold"] - node["v_reset"])
    none = np.zeros_like(gain)
    return Neuron(tau_m, 0.0, False, none, gain * (steps.dt / MS), gain * tau_m / MS)


def from_current_if(
    current: Mapping[str, np.ndarray],
    node: Mapping[str, np.ndarray],
    added: np.ndarray | float,
    steps: Steps,
    name: str,
) -> Neuron:
    r"""Return an LI that drives an IF: a perfect integrator with a synaptic current.

    .. math::

        \tau_m = D/R_{IF}, \qquad w = R_{LI} \frac{\Delta t}{\tau}\, w_{NIR}, \qquad b = v_{leak}

    with what an Affine node between the two adds to the bias.
    """
    gain = node["r"] / (node["v_threshold"] - node["v_reset"])
    decay = steps.dt / MS / same(current["tau"], name, "tau")
    tau_s = steps.time_constant(decay, name)
    mean = steps.charge(tau_s)
    tau_m = rounded(MS * mean / same(gain, name, "r"))
    bias = current["v_leak"] + np.asarray(added) * mean
    return Neuron(tau_m, tau_s, False, bias, current["r"] * decay, current["r"])


def same(values: np.ndarray, name: str, parameter: str) -> float:
    """Return the value that all neurons of a node have.

    Raises
    ------
    DataError
        If they differ.
    """
    flat = np.asarray(values, np.float64).ravel()
    if not len(flat) or not np.allclose(flat, flat[0], rtol=1e-9, atol=0):
        raise DataError(
            f"Node {name!r} of this NIR graph has a {parameter} that differs between its neurons "
            f"({flat.min():g} to {flat.max():g}); a population has one. Split the node.",
            object=f"Node {name!r}",
        )
    return float(flat[0])


def rounded(value: float) -> float:
    """Return a number without the rounding errors of a conversion: 12 digits of it."""
    return float(f"{value:.12g}")
