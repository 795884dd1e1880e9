"""Everything global that a public call could change behind the back of whoever called it."""

import gc
import importlib
import logging
import os
import random
import signal
import sys
import warnings
from typing import Any

import numpy as np


def snapshot() -> dict[str, Any]:
    """Return the state of this process, of Brian2 and of matplotlib, as far as they are loaded."""
    gc.collect()  # what other tests left is nobody's state
    numbers: Any = np.random
    legacy = numbers.get_state(legacy=False)
    state = {
        "random": random.getstate(),
        "np.random": (
            legacy["bit_generator"],
            legacy["state"]["key"].tobytes(),
            legacy["state"]["pos"],
            legacy["has_gauss"],
            legacy["gauss"],
        ),
        "np.random generator": id(numbers.get_bit_generator()),
        "np.seterr": np.geterr(),
        "np.printoptions": np.get_printoptions(),
        "environment": sorted(os.environ.items()),
        "cwd": os.getcwd(),
        "signals": {s: signal.getsignal(s) for s in signal.Signals if s.name != "SIGKILL"},
        "hooks": (sys.excepthook, sys.displayhook, sys.unraisablehook, sys.stdout, sys.stderr),
        "sys": (sys.getrecursionlimit(), list(sys.path), list(sys.argv)),
        "warnings": (list(warnings.filters), warnings.showwarning, warnings.formatwarning),
        "logging": _logging(),
    }
    if "matplotlib" in sys.modules:
        state |= _matplotlib()
    if "brian2" in sys.modules:
        state |= _brian2()
    return state


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return the names of what is not as it was; of what is new nothing can be said."""
    return [name for name, value in _flat(before).items() if _flat(after)[name] != value]


def _flat(state: dict[str, Any]) -> dict[str, Any]:
    """Return the entries of dictionaries in a dictionary by names of their own."""
    return {
        (f"{name}: {key}" if isinstance(value, dict) else name): part
        for name, value in state.items()
        for key, part in (value.items() if isinstance(value, dict) else [("", value)])
    }


def _logging() -> dict[str, Any]:
    """Return what was set of the root logger, and of those that Brian2 changes."""
    found: dict[str, Any] = {
        "raise": logging.raiseExceptions,
        "disabled": logging.root.manager.disable,
    }
    for name in ("root", "py.warnings", *(["brian2"] if "brian2" in sys.modules else [])):
        logger = logging.root if name == "root" else logging.getLogger(name)
        found[name] = (
            logger.level,
            logger.propagate,
            list(logger.filters),
            [(handler, handler.level, list(handler.filters)) for handler in logger.handlers],
        )
    return found


def _matplotlib() -> dict[str, Any]:
    import matplotlib

    raw = {key: dict.__getitem__(matplotlib.rcParams, key) for key in matplotlib.rcParams}
    plots = sys.modules.get("matplotlib.pyplot")
    return {
        "rcParams": {key: repr(value) for key, value in raw.items()},
        "figures": plots.get_fignums() if plots else [],
    }


def _brian2() -> dict[str, Any]:
    import brian2 as b2
    from brian2.core.base import BrianObject
    from brian2.core.tracking import Trackable
    from brian2.utils.logger import BrianLogger

    devices = importlib.import_module("brian2.devices.device")
    device = b2.get_device()
    sets, runtime = Trackable.__instancefollower__.instance_sets, b2.all_devices["runtime"]
    parts = ("main_queue", "arrays", "code_objects", "static_arrays", "clocks")
    return {
        "device": id(device),
        "device options": (device.build_on_run, device.build_options),
        "devices before": [(id(d), *rest) for d, *rest in devices.previous_devices],
        "all devices": {name: id(d) for name, d in b2.all_devices.items()},
        "dt": float(b2.defaultclock.dt),
        "device.seed": [repr(v) for k, v in vars(runtime).items() if "buffer" in k],
        "program": [repr(getattr(device, name, None)) for name in parts],
        "preferences": {name: repr(b2.prefs[name]) for name in b2.prefs},
        "magic": (b2.magic_network.id, len(b2.magic_network.objects), float(b2.magic_network.t)),
        "scope": BrianObject._scope_current_key,
        "instances": id(sets),
        "objects": sorted(o().name for o in list(sets[BrianObject]) if o() is not None),
        "running": (b2.Network._globally_running, b2.Network._globally_stopped),
        "said": set(BrianLogger._log_messages),
        "logger": (BrianLogger.console_handler, BrianLogger.file_handler, BrianLogger.initialized),
    }
