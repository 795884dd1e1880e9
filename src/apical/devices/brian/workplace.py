"""Isolation of simulators from the global state of Brian2 in the process.

Brian2 has global state: the active device, the names and instances of all objects, its preferences,
its log, and NumPy's random numbers. A simulator has its own of each, which is active while it
works, and the user's is restored afterwards, also after an error.
"""

import importlib
import inspect
import logging
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from typing import Any

import brian2 as b2
import numpy as np
from brian2.core.base import BrianObject
from brian2.core.tracking import InstanceTrackerSet, Trackable
from brian2.utils.logger import BrianLogger, HierarchyFilter

from apical._base.extras import undisturbed

_devices = importlib.import_module("brian2.devices.device")  # of that name there is a proxy too

USUAL = {
    "core.network.default_schedule": ["start", "groups", "thresholds", "synapses", "resets", "end"],
    "core.stop_on_keyboard_interrupt": False,  # Ctrl-C is handled by the training loop
    "devices.cpp_standalone.openmp_threads": 0,
    "legacy.refractory_timing": False,
    "logging.std_redirection_to_file": False,  # for each process two files that a kill leaves
}
"""Preferences that would change results, end a run early, or leave files behind."""


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Give an attribute another value, and put back what it was."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def preferences(wanted: Mapping[str, Any]) -> Iterator[None]:
    """Set preferences of Brian2, by name, and put back what they were."""
    before = {name: b2.prefs[name] for name in wanted}
    try:
        for name, value in wanted.items():
            b2.prefs[name] = value
        yield
    finally:
        for name, value in before.items():
            b2.prefs[name] = value


@contextmanager
def random_numbers() -> Iterator[None]:
    """Let NumPy's global generator be seeded and drawn from, and put back the one there was."""
    numbers: Any = np.random  # Brian2 draws from the global generator, and seeds it
    generator, state = numbers.get_bit_generator(), numbers.get_state(legacy=False)
    numbers.set_bit_generator(np.random.MT19937())
    try:
        yield
    finally:
        numbers.set_bit_generator(generator)
        numbers.set_state(state)


def active(device: Any) -> AbstractContextManager[None]:
    """Make a device the active one, and nothing else: to set one changes both it and the last."""
    return replaced(_devices, "active_device", device)


@cache
def _remembering() -> tuple[Any, ...]:
    """Return the functions of Brian2 whose results are remembered for each set of variables."""
    found: dict[int, Any] = {}
    for name, module in list(sys.modules.items()):
        if not name.startswith("brian2."):
            continue
        kinds = [item for item in vars(module).values() if inspect.isclass(item)]
        for item in (v for owner in (module, *kinds) for v in list(vars(owner).values())):
            function = inspect.unwrap(getattr(item, "__func__", item)) if callable(item) else item
            if (
                inspect.isfunction(function)
                and hasattr(function, "_cache")
                and "variables" in inspect.signature(function).parameters
            ):
                found[id(function)] = function
    return tuple(found.values())


class Workplace:
    """Private Brian2 state of one simulator. Calling it gives a context in which it is active.

    Parameters
    ----------
    device
        The private Brian2 device of the simulator.
    settings
        Gives the preferences under which objects and code are made.
    quiet
        Loggers of Brian2 whose warnings are for those who write equations, not for users of ours.

    Notes
    -----
    Brian2 numbers the names it makes up through all living objects. The same network would then
    give another program whenever another simulator is alive, and be compiled again; here names are
    made up as if no other object existed.
    """

    def __init__(
        self,
        device: Any,
        settings: Callable[[], AbstractContextManager[None]],
        quiet: Sequence[str] = (),
    ) -> None:
        self.device = device
        self.network_id: object = self  # of a network that never came to be, to begin with
        self._settings = settings
        self._quiet = [HierarchyFilter(name) for name in quiet]
        self._instances: dict[type, InstanceTrackerSet] = defaultdict(InstanceTrackerSet)
        self._said: set[tuple[Any, ...]] = set()
        self._remembered: dict[Any, dict[Any, Any]] = defaultdict(dict)
        with self():
            device.activate(build_on_run=False)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with ExitStack() as stack:
            enter = stack.enter_context
            enter(active(self.device))
            enter(replaced(Trackable.__instancefollower__, "instance_sets", self._instances))
            enter(replaced(BrianLogger, "_log_messages", self._said))
            enter(self.remembering())
            enter(replaced(b2.Network, "_globally_running", False))
            enter(replaced(b2.Network, "_globally_stopped", False))
            enter(undisturbed())  # by what Cython sets, and what is imported for the first time
            enter(random_numbers())
            enter(preferences({k: v for k, v in USUAL.items() if k in b2.prefs}))
            enter(self._settings())
            enter(_quietly(self._quiet))
            stack.callback(self._claim)
            yield

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """Let what Brian2 remembers of variables be forgotten with the simulator."""
        with ExitStack() as stack:
            for function in _remembering():
                stack.enter_context(replaced(function, "_cache", self._remembered[function]))
            yield

    def _claim(self) -> None:
        """Say of all objects made here that they were used.

        Brian2 warns of those that were never run; a simulator may well be made and not run.
        """
        for reference in list(self._instances[BrianObject]):
            item = reference()
            if item is not None and getattr(item, "_network", self) is None:
                item._network = self.network_id


@contextmanager
def _quietly(filters: Sequence[HierarchyFilter]) -> Iterator[None]:
    """Keep some warnings from the console, and everything from Brian2's log file.

    The file would hold everything that it does, and prints tracebacks by the thousand once the
    disk is full.
    """
    logger, console = logging.getLogger("brian2"), BrianLogger.console_handler
    unfiled = [handler for handler in logger.handlers if handler is not BrianLogger.file_handler]
    with ExitStack() as stack:
        stack.enter_context(replaced(logger, "handlers", unfiled))
        if console is not None:
            stack.enter_context(replaced(console, "filters", [*console.filters, *filters]))
        yield
