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
an impulse of area 1 s), and integrate by Euler's method. A spike then adds
:math:`w_{in} w \Delta t/\tau_{syn}` to :math:`I` of a CubaLIF, :math:`R w \Delta t/\tau` to
:math:`v` of a LIF, and :math:`R w \Delta t` to that of an IF. That it adds :math:`w` here decides
the free constants; where the product of two matters alone, they are those that Norse and snnTorch
accept (`CubaLIF` with :math:`R = \tau_{mem}/\Delta t`, `LIF` with :math:`R = 1`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from apical.errors import DataError
from apical.neurons.facts import Integrator

MS = 1e3
"""Milliseconds in a second."""


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


def to_nir(neuron: Integrator, dt: float) -> Written:
    r"""Return the nodes of a population.

    ================  =================  ======================================================
    here              NIR                parameters
    ================  =================  ======================================================
    leak, tau_s > 0   CubaLIF            tau_mem = tau_m, tau_syn = tau_s, R = tau_m/dt,
                                         w_in = tau_s/tau_m, v_leak = b
    leak, tau_s = 0   LIF                tau = tau_m, R = 1, v_leak = b, weights times tau_m/dt
    none, tau_s > 0   LI, Affine, IF     tau = tau_s, R = tau_s/dt; adds b; R = 1/tau_m
    none, tau_s = 0   IF                 R = 1/dt; input of b dt/tau_m
    ================  =================  ======================================================

    Thresholds are 1, resets 0. The Affine node is there only for a bias; that of an IF without a
    synaptic current adds :math:`b\,\Delta t/\tau_m` in each time step.

    Parameters
    ----------
    neuron
        The population.
    dt
        Time step [ms].

    Examples
    --------
    >>> from apical import LIF
    >>> from apical.nir.conversion import to_nir
    >>> to_nir(LIF("h", 3, tau_m=20.0, tau_s=5.0, bias=0.5).integrator, dt=1.0).nodes[0][1]["w_in"]
    0.25
    """
    spikes = {"v_threshold": 1.0, "v_reset": 0.0}
    tau_m, tau_s, b = neuron.tau_m / MS, neuron.tau_s / MS, neuron.bias
    step = dt / MS
    if neuron.leak and neuron.tau_s:
        times = {"tau_mem": tau_m, "tau_syn": tau_s}
        constants = {"r": tau_m / step, "w_in": tau_s / tau_m, "v_leak": b}
        return Written((("CubaLIF", times | constants | spikes),))
    if neuron.leak:
        return Written((("LIF", {"tau": tau_m, "r": 1.0, "v_leak": b} | spikes),), tau_m / step)
    if not neuron.tau_s:
        adds = (("Affine", {"bias": b * step / tau_m}),) if b else ()
        return Written((*adds, ("IF", {"r": 1.0 / step} | spikes)))
    current = ("LI", {"tau": tau_s, "r": tau_s / step, "v_leak": 0.0})
    adds = (("Affine", {"bias": b}),) if b else ()
    return Written((current, *adds, ("IF", {"r": 1.0 / tau_m} | spikes)))


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


def from_cuba_lif(node: Mapping[str, np.ndarray], dt: float, name: str) -> Neuron:
    r"""Return a CubaLIF.

    .. math::

        w = \frac{w_{in} R}{D} \frac{\Delta t}{\tau_{syn}}\, w_{NIR},
        \qquad b = \frac{v_{leak} - v_{reset}}{D}
    """
    height = node["v_threshold"] - node["v_reset"]
    tau_s = same(node["tau_syn"], name, "tau_syn")
    gain = node["w_in"] * node["r"] / height
    return Neuron(
        rounded(same(node["tau_mem"], name, "tau_mem") * MS),
        rounded(tau_s * MS),
        True,
        (node["v_leak"] - node["v_reset"]) / height,
        gain * (dt / MS) / tau_s,
        gain,
    )


def from_lif(node: Mapping[str, np.ndarray], dt: float, name: str) -> Neuron:
    r"""Return a LIF: :math:`w = (R/D)(\Delta t/\tau)\,w_{NIR}`, the bias as that of a CubaLIF."""
    height = node["v_threshold"] - node["v_reset"]
    tau = same(node["tau"], name, "tau")
    gain = node["r"] / height
    bias = (node["v_leak"] - node["v_reset"]) / height
    return Neuron(rounded(tau * MS), 0.0, True, bias, gain * (dt / MS) / tau, gain)


def from_if(node: Mapping[str, np.ndarray], dt: float, tau_m: float) -> Neuron:
    r"""Return an IF: :math:`w = (R/D)\,\Delta t\,w_{NIR}`, at any time constant of the membrane.

    A constant input of 1 is a bias of :math:`(R/D)\,\tau_m`.
    """
    gain = node["r"] / (node["v_threshold"] - node["v_reset"])
    none = np.zeros_like(gain)
    return Neuron(tau_m, 0.0, False, none, gain * (dt / MS), gain * tau_m / MS)


def from_current_if(
    current: Mapping[str, np.ndarray], node: Mapping[str, np.ndarray], dt: float, name: str
) -> Neuron:
    r"""Return an LI that drives an IF: a perfect integrator with a synaptic current.

    .. math::

        \tau_m = D/R_{IF}, \qquad w = R_{LI} \frac{\Delta t}{\tau}\, w_{NIR}, \qquad b = v_{leak}
    """
    gain = node["r"] / (node["v_threshold"] - node["v_reset"])
    tau_m, tau_s = 1 / same(gain, name, "r"), same(current["tau"], name, "tau")
    return Neuron(
        rounded(tau_m * MS),
        rounded(tau_s * MS),
        False,
        current["v_leak"],
        current["r"] * (dt / MS) / tau_s,
        current["r"],
    )


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
