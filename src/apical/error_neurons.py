"""Error neurons: they compare what a read-out does with what it should."""

from collections.abc import Mapping
from dataclasses import dataclass

from apical.errors import WiringError
from apical.populations import INFINITE, NeuronModel, Population


@dataclass(frozen=True)
class Error(Population):
    """Spiking error neurons of a population of classes: one positive, one negative for each.

    Neuron k of the first half is driven up by spikes of class k and down by the label; neuron
    k of the second half the other way round (Neftci et al. 2017,
    doi:10.3389/fnins.2017.00324, Methods). Their spikes say "class k fired too much" and
    "class k fired too little". `size` is twice the number of classes.

    Parameters
    ----------
    target
        Rate that the label asks of its class [Hz].
    theta
        Threshold [dimensionless]: the surplus of spikes that makes one error spike.
    tau
        Time constant with which the neurons forget [ms]; infinite: never.
    tau_label
        Time constant of each of the two low-passes through which the label arrives [ms], so
        that it comes as late as the output it is compared with; 0 for none.
    label_spikes
        True: the label comes as a regular spike train at `target`, each spike as strong as one
        of the output; False: as a current of that strength.
    rectified
        True: no membrane falls below 0, and the two neurons of a class know nothing of each
        other, as published. False: they push and pull each other (see `Network.teach`).
    """

    target: float = 100.0
    theta: float = 1.0
    tau: float = INFINITE
    tau_label: float = 0.0
    label_spikes: bool = False
    rectified: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._positive(target=self.target, theta=self.theta, tau=self.tau)
        if self.tau_label < 0 or self.size % 2:
            raise WiringError(
                f"Error {self.name!r} has a positive and a negative neuron for each class, so its "
                "size must be even, and its tau_label must not be negative; got "
                f"size={self.size}, tau_label={self.tau_label!r}."
            )

    @property
    def n_classes(self) -> int:
        """Number of classes, half the number of neurons."""
        return self.size // 2

    @property
    def inputs(self) -> Mapping[str, str]:
        return {"drive": "v"}

    @property
    def signals(self) -> tuple[str, ...]:
        return ("x", "v")

    @property
    def model(self) -> NeuronModel:
        leaks, delays = self.tau != INFINITE, self.tau_label > 0
        drift = "0*Hz" if self.label_spikes else "-side*target*shown"
        each_step = ["v = v*int(v > 0)"] * self.rectified
        label = """shown : 1"""
        if delays:
            label = """dshown/dt = (halfway - shown)/tau_label : 1
dhalfway/dt = (given - halfway)/tau_label : 1
given : 1"""
        if self.label_spikes:
            label += "\nphase : 1"
            count = "phase += target*shown*dt\nv -= side*int(phase >= 1)\nphase -= int(phase >= 1)"
            each_step.insert(0, count)
        return NeuronModel(
            equations=f"""dv/dt = {drift}{" - v/tau" if leaks else ""} : 1
side = 1 - 2*int(i >= half) : 1
x : 1
{label}""",
            threshold="v > theta",
            reset="v -= theta\nx += 1",
            at_trial=f"{'given' if delays else 'shown'} = label(t, i % half)",
            at_reset="v = 0\nx = 0" + ("\nshown = 0\nhalfway = 0" if delays else ""),
            at_step="\n".join(each_step),
            parameters={
                "half": (self.n_classes, "integer"),
                "target": (self.target, "Hz"),
                "theta": (self.theta, "1"),
                **({"tau": (self.tau, "ms")} if leaks else {}),
                **({"tau_label": (self.tau_label, "ms")} if delays else {}),
            },
            method="euler",
        )


@dataclass(frozen=True)
class RateError(Population):
    """The error of a read-out, target minus what arrives, signed in one neuron for each class.

    ``tau dx/dt = target - drive - x``.

    Parameters
    ----------
    tau
        Time constant [ms].
    """

    tau: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._positive(tau=self.tau)

    @property
    def n_classes(self) -> int:
        """Number of classes, or of targets."""
        return self.size

    @property
    def inputs(self) -> Mapping[str, str]:
        return {"drive": "drive"}

    @property
    def signals(self) -> tuple[str, ...]:
        return ("x",)

    @property
    def model(self) -> NeuronModel:
        return NeuronModel(
            "dx/dt = (shown - drive - x)/tau : 1\nshown : 1",
            at_trial="shown = label(t, i)",
            at_reset="x = 0",
            parameters={"tau": (self.tau, "ms")},
            method="exponential_euler",
            summed=("drive",),
        )


ErrorNeurons = Error | RateError
"""Populations that hold an error."""
