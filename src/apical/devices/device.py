"""The protocol of devices, and the registry of all of them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_type_hints

from apical._base.checking import check_fields, fitting
from apical._base.parameters import Names
from apical._base.registry import Registry
from apical.devices.needs import Looked, Machine
from apical.devices.simulator import Simulator
from apical.errors import DeviceError, ParameterError
from apical.network.description import Network
from apical.plausibility import check


@dataclass(frozen=True)
class Options:
    """Options that every device has; a device derives its own from them.

    Parameters
    ----------
    dtype
        Precision of state variables and weights.
    record
        Populations whose spikes, or whose graded activity at the end of each trial, every block
        returns.
    traces
        Signals of these populations, for instance ``("v", "teach")``, that every block returns
        too, at every time step.
    """

    dtype: Literal["float32", "float64"] = "float32"
    record: Names = ()
    traces: Names = ()

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Form:
    """One way to use a device, for instance with one array library among several.

    Parameters
    ----------
    name
        What it is called behind the name of the device; empty where there is only one.
    options
        Options of the device that choose it.
    on_card
        Whether it computes on a graphics card.
    asked_for
        Why it is only measured by ``apical bench`` where it is named; empty if it always is.
    """

    name: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    on_card: bool = False
    asked_for: str = ""


def _is_there(machine: Machine) -> Iterable[Looked]:
    """Return nothing: a device that says nothing of what it needs is taken to be usable."""
    return ()


def _anything(network: Network, options: Any) -> None:
    """Refuse nothing."""


@dataclass(frozen=True)
class Device:
    """Something that a network can run on.

    Parameters
    ----------
    name
        What `apical.simulate` and commands know it by.
    about
        What it is for, in one line.
    options
        Its options: a frozen dataclass derived from `Options`, with a default and an annotation
        for each, by which it is checked.
    make
        Builds a simulator of a network with such options.
    check
        Raises if the device cannot run a network with such options, and names what it cannot;
        nothing is built.
    rates, spikes
        Whether it runs networks of graded and of spiking populations.
    transport
        Whether synapses may read the weights of others backwards, as backpropagation does.
    compiles
        Whether it compiles a program for each structure of a network, which takes a while.
    forms
        Ways to use it.
    diagnose
        Says what it needs of a machine and what is lacking, for each form, for ``apical doctor``.
    """

    name: str
    about: str
    make: Callable[[Network, Any], Simulator]
    options: type[Options] = Options
    check: Callable[[Network, Any], None] = _anything
    rates: bool = True
    spikes: bool = True
    transport: bool = False
    compiles: bool = False
    forms: tuple[Form, ...] = (Form(),)
    diagnose: Callable[[Machine], Iterable[Looked]] = _is_there

    @property
    def option_names(self) -> tuple[str, ...]:
        """Names of its options."""
        return tuple(f.name for f in fields(self.options))

    def takes(self, option: str) -> bool:
        """Say whether it has an option, for instance ``"batch"``."""
        return option in self.option_names

    def chosen(self, given: Mapping[str, Any]) -> Options:
        """Return options with the values that are given, and with defaults for the others.

        An option of another device may be given if it has the value that it has there by default.

        Raises
        ------
        DeviceError
            If only other devices have one of the options.
        ParameterError
            If none has it, or a value does not fit.
        """
        hints = get_type_hints(self.options, include_extras=True)
        values = {}
        for option, value in given.items():
            if self.takes(option):
                values[option] = fitting(value, hints[option], "devices.simulate", option)
            else:
                self._refuse(option, value)
        return self.options(**values)

    def _refuse(self, option: str, value: Any) -> None:
        owners = [device for device in DEVICES.values() if device.takes(option)]
        if not owners:
            raise ParameterError(
                f"Device {self.name!r} has no option {option!r}, and no other device has; it has "
                f"{', '.join(self.option_names)}.",
                object="devices.simulate",
                parameter=option,
            )
        other = owners[0].options
        defaults = {f.name: f.default for f in fields(other)}
        hint = get_type_hints(other, include_extras=True)[option]
        if fitting(value, hint, "devices.simulate", option) == defaults[option]:
            return
        names = " and ".join(repr(device.name) for device in owners)
        raise DeviceError(
            f"Device {self.name!r} has no option {option!r}, got {value!r}; only {names} "
            f"{'has' if len(owners) == 1 else 'have'} it. Leave it out.",
            object=f"Device {self.name!r}",
        )

    def require(self, network: Network, options: Options) -> None:
        """Raise if a network is not plausible, not complete, or nothing that the device can run."""
        check(network, transport=self.transport)
        self.check(network, options)


DEVICES: Registry[Device] = Registry(
    "device",
    {
        "array": "apical.devices.array:DEVICE",
        "runtime": "apical.devices.runtime:DEVICE",
        "cpp_standalone": "apical.devices.cpp_standalone:DEVICE",
        "cuda_standalone": "apical.devices.cuda_standalone:DEVICE",
        "genn": "apical.devices.genn:DEVICE",
    },
    fits=lambda value: isinstance(value, Device),
    hint="'apical doctor' says which can be used here.",
)
"""Every device, by name."""

FOR_SPIKES, FOR_RATES = "cpp_standalone", "array"
"""Devices that networks train on where none is named."""


def usual(network: Network) -> str:
    """Return the name of the device that a network trains on where none is named."""
    return FOR_SPIKES if network.is_spiking else FOR_RATES
