"""Reward neuron: the change of a trial's loss due to perturbation noise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NoReturn, final

from apical._base.checking import described
from apical._base.parameters import Count
from apical.errors import DeviceError, ParameterError
from apical.neurons.base import NeuronModel, Population
from apical.neurons.facts import Role


@final
@dataclass(frozen=True)
class Reward(Population):
    r"""Reward neuron: the decrease of a trial's loss due to the noise of perturbation.

    .. math:: x = L_{\xi = 0} - L_\xi

    It receives the loss from the error neurons. Every training trial is shown twice, first without
    noise and then with it; ``x`` is the loss of the first presentation minus that of the second, a
    global signal (`apical.feedback.broadcast`). With learning off there is no noise, and ``x`` is
    0. For device ``array``.

    See Also
    --------
    apical.rules.node_perturbation, apical.rules.weight_perturbation : Learn from it.
    apical.feedback.broadcast : Sends it to all neurons.

    References
    ----------
    Werfel, Xie & Seung 2005, doi:10.1162/089976605774320539; Fiete & Seung 2006,
    doi:10.1103/PhysRevLett.97.048104.

    Examples
    --------
    >>> from apical import Reward
    >>> Reward("reward").signals
    ('x',)
    """

    role: ClassVar[Role] = "reward"

    size: Count = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size != 1:
            raise ParameterError(
                f"{described(self)} is one neuron, got size={self.size}.",
                object=described(self),
                parameter="size",
            )

    @property
    def is_spiking(self) -> bool:
        return False

    @property
    def inputs(self) -> Mapping[str, str]:
        return {"drive": "drive"}

    @property
    def signals(self) -> tuple[str, ...]:
        return ("x",)

    @property
    def described(self) -> NeuronModel:
        # the loss twice: of the presentation without noise, and of the one with it
        return NeuronModel("x = before - drive : 1\nbefore : 1", at_trial="before = drive")

    @property
    def model(self) -> NoReturn:
        raise DeviceError(
            f"Reward {self.name!r} compares two presentations of each trial, which only device "
            "'array' makes; use that.",
            object=f"Reward {self.name!r}",
        )
