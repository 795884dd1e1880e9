"""Devices (simulation back ends): their description, and their registry."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_type_hints

import numpy as np

from apical._base.checking import check_fields, fitting, shown
from apical._base.names import check_name
from apical._base.parameters import Names
from apical._base.registry import Registry
from apical.devices.needs import Looked, Machine
from apical.devices.simulator import Simulator
from apical.errors import DeviceError, ParameterError
from apical.network.description import Network
from apical.network.size import check_network_fits
from apical.plausibility import check
from apical.projections.projection import ReadBackwards


@dataclass(frozen=True)
class Options:
    """Options of every device; a device derives its own class from this one.

    Parameters
    ----------
    dtype
        Precision of state variables and weights.
    record
        Populations to record: their spikes, or graded activity at the end of each trial.
    traces
        Signals of these populations to record at every time step, for instance ``("v", "teach")``.

    Examples
    --------
    >>> from apical.devices import DEVICES
    >>> DEVICES["runtime"].chosen({"dt": 0.5}).dtype
    'float32'
    """

    dtype: Literal["float32", "float64"] = "float32"
    record: Names = ()
    traces: Names = ()

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Form:
    """Variant of a device, for instance with one of several array libraries.

    Parameters
    ----------
    name
        Name, appended to that of the device; empty if there is only one variant.
    options
        Options of the device that select it.
    on_card
        Whether it runs on a graphics card.
    asked_for
        Why ``apical bench`` measures it only on request; empty if it is always measured.

    Examples
    --------
    >>> from apical.devices import DEVICES
    >>> [form.name for form in DEVICES["array"].forms]
    ['numpy', 'torch', 'torch:cuda']
    """

    name: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    on_card: bool = False
    asked_for: str = ""


def _is_there(machine: Machine) -> Iterable[Looked]:
    """Return nothing: a device without a diagnosis is assumed to be available."""
    return ()


def _anything(network: Network, options: Any) -> None:
    """Refuse nothing."""


def _alone() -> None:
    """Join nobody: the device runs in this process."""


def _nothing(network: Network) -> Mapping[str, Any]:
    """Return no options."""
    return {}


@dataclass(frozen=True)
class Device:
    """Device: a simulation back end.

    Parameters
    ----------
    name
        Name in `apical.simulate` and in commands.
    about
        Purpose, in one line.
    options
        Its options: a frozen dataclass derived from `Options`, with defaults, and annotations by
        which values are validated.
    make
        Builds a simulator of a network with these options.
    check
        Raises if the device cannot run a network with these options, and names the unsupported
        feature; nothing is built.
    rates, spikes
        Whether it runs networks of graded and of spiking populations.
    transport
        Whether weight transport is possible, as backpropagation needs.
    compiles
        Whether it compiles a program for each network structure, which takes some time.
    usual
        Returns the options that a network needs here where a command or `apical.fit` was told none,
        for instance the one library that runs it.
    forms
        Its variants.
    join
        Called by a command before it does anything on this device: of several processes that run
        the same command, all but one serve that one here and end with it.
    diagnose
        Yields a diagnosis of each variant on a machine, for ``apical doctor``.
    source
        References of the simulator or libraries that it runs on, for ``apical cite``.

    Examples
    --------
    >>> from apical.devices import DEVICES
    >>> list(DEVICES)
    ['array', 'mpi', 'runtime', 'lockstep', 'cpp_standalone', 'cuda_standalone', 'genn']
    >>> device = DEVICES["array"]
    >>> device.rates, device.spikes, device.transport, device.compiles
    (True, False, True, False)
    >>> device.option_names
    ('dtype', 'record', 'traces', 'batch', 'library', 'replica')
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
    usual: Callable[[Network], Mapping[str, Any]] = _nothing
    forms: tuple[Form, ...] = (Form(),)
    join: Callable[[], None] = _alone
    diagnose: Callable[[Machine], Iterable[Looked]] = _is_there
    source: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, "word", "Device", "a device")

    @property
    def is_joint(self) -> bool:
        """Whether several processes that run the same command join in it.

        Examples
        --------
        >>> from apical.devices import DEVICES
        >>> [device.name for device in DEVICES.values() if device.is_joint]
        ['mpi']
        """
        return self.join is not _alone

    @property
    def option_names(self) -> tuple[str, ...]:
        """Names of its options.

        Examples
        --------
        >>> from apical.devices import DEVICES
        >>> DEVICES["runtime"].option_names
        ('dtype', 'record', 'traces', 'dt', 'capacity', 'codegen')
        """
        return tuple(f.name for f in fields(self.options))

    def takes(self, option: str) -> bool:
        """Say whether it has an option, for instance ``"batch"``.

        Parameters
        ----------
        option
            Name of an option.

        Examples
        --------
        >>> from apical.devices import DEVICES
        >>> [device.name for device in DEVICES.values() if device.takes("batch")]
        ['array', 'mpi', 'lockstep']
        """
        return option in self.option_names

    def chosen(self, given: Mapping[str, Any]) -> Options:
        """Return options with the given values, and defaults for the others.

        An option of another device is accepted if its value is the default of that device.

        Parameters
        ----------
        given
            Name of an option -> its value.

        Raises
        ------
        DeviceError
            If only other devices have one of the options.
        ParameterError
            If no device has it, or a value is invalid.

        Examples
        --------
        >>> from apical.devices import DEVICES
        >>> DEVICES["runtime"].chosen({"dt": 0.5, "batch": 1}).dt
        0.5
        >>> DEVICES["runtime"].chosen({"batch": 64})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.DeviceError: Device 'runtime' has no option 'batch', got 64; ...
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
                f"Device {self.name!r} has no option {shown(option)}, and no other device has; "
                f"it has {', '.join(self.option_names)}.",
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
            f"Device {self.name!r} has no option {shown(option)}, got {shown(value)}; only {names} "
            f"{'has' if len(owners) == 1 else 'have'} it. Leave it out.",
            object=f"Device {self.name!r}",
        )

    def require(self, network: Network, options: Options) -> None:
        """Raise if a network is too large, not plausible, incomplete, or not supported here.

        Parameters
        ----------
        network
            The network.
        options
            Options of this device, from `chosen`.

        Examples
        --------
        >>> from apical.devices import DEVICES
        >>> from apical.testing.references import rates, spiking
        >>> device = DEVICES["array"]
        >>> device.require(rates(), device.chosen({}))
        >>> device.require(spiking(), device.chosen({}))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.DeviceError: Device 'array' runs rate networks, but 'stimulus' ...
        """
        check_network_fits(network, np.dtype(options.dtype).itemsize)
        check(network, transport=self.transport)
        self.check(network, options)


DEVICES: Registry[Device] = Registry(
    "device",
    {
        "array": "apical.devices.array:DEVICE",
        "mpi": "apical.devices.mpi:DEVICE",
        "runtime": "apical.devices.runtime:DEVICE",
        "lockstep": "apical.devices.lockstep:DEVICE",
        "cpp_standalone": "apical.devices.cpp_standalone:DEVICE",
        "cuda_standalone": "apical.devices.cuda_standalone:DEVICE",
        "genn": "apical.devices.genn:DEVICE",
    },
    fits=lambda value: isinstance(value, Device),
    hint="'apical doctor' says which can be used here.",
)
"""Registry of devices, by name."""

FOR_SPIKES, FOR_RATES, FOR_GRADIENTS = "cpp_standalone", "array", "lockstep"
"""Default devices of spiking networks, of rate networks, and of spiking networks that learn by
backpropagation through time."""


def transports(network: Network) -> bool:
    """Say whether a network transports weights, as backpropagation does.

    Parameters
    ----------
    network
        The network.

    Examples
    --------
    >>> from apical.devices.device import transports
    >>> from apical.feedback import WIRINGS
    >>> from apical.testing.references import rates
    >>> transports(rates(WIRINGS["dfa"])), transports(rates(WIRINGS["bp"]))
    (False, True)
    """
    return any(isinstance(p.weights, ReadBackwards) for p in network.projections)


def usual(network: Network) -> str:
    """Return the name of the default device of a network.

    Parameters
    ----------
    network
        The network.

    See Also
    --------
    usual_options : The options that it needs there.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.devices import usual
    >>> from apical.testing.references import rates, spiking
    >>> usual(rates()), usual(spiking()), usual(spiking().rewired(ap.feedback.transposed))
    ('array', 'cpp_standalone', 'lockstep')
    """
    if not network.is_spiking:
        return FOR_RATES
    return FOR_GRADIENTS if transports(network) else FOR_SPIKES


def usual_options(network: Network, device: str) -> dict[str, Any]:
    """Return the options that a network needs on a device where nothing else is said.

    Parameters
    ----------
    network
        The network.
    device
        Name of the device.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.devices.device import usual_options
    >>> from apical.testing.references import spiking
    >>> usual_options(spiking(), "lockstep")
    {}
    >>> usual_options(spiking().rewired(ap.feedback.transposed), "lockstep")
    {'library': 'torch'}
    """
    return dict(DEVICES[device].usual(network))


def recordable(network: Network) -> list[str]:
    """Return the names of the populations that can be recorded.

    All of them; where backpropagation goes through time, no error neurons and relays, which are
    then not simulated.

    Parameters
    ----------
    network
        The network.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.devices.device import recordable
    >>> from apical.testing.references import spiking
    >>> recordable(spiking())
    ['stimulus', 'hidden', 'output', 'error']
    >>> recordable(spiking().rewired(ap.feedback.transposed))
    ['stimulus', 'hidden', 'output']
    """
    without = network.is_spiking and transports(network)
    return [
        p.name for p in network.populations if not (without and (p.is_told or p.role == "relay"))
    ]
