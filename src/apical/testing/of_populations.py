"""Contracts of populations. Suites take the class, which needs only a name and a size."""

from dataclasses import fields, is_dataclass, replace
from functools import cache
from inspect import getdoc
from typing import Any

import numpy as np

from apical.devices import BlockResult, Simulator
from apical.errors import ApicalError
from apical.neurons.base import NeuronModel, Population
from apical.plausibility import audit
from apical.testing.contracts import claiming, contract, expect
from apical.testing.references import apart, driven, made, trials

SIZE = 4
NEARLY = 1e-9
"""Relative change of a parameter whose effect must be negligible."""


def _made(cls: type[Population]) -> Population:
    return cls("units", SIZE)


@cache
def _simulator(cls: type[Population], device: str) -> Simulator:
    return made(driven(_made(cls)), device, record=["units"])


def _devices(cls: type[Population]) -> list[str]:
    names = [device.name for device in claiming(driven(_made(cls)))]
    expect(names, f"No device runs {cls.__name__}; one has to claim it.")
    return names


def _from_start(cls: type[Population], device: str) -> tuple[Simulator, BlockResult]:
    """Return a simulator in its initial state, and its result in trials from there."""
    simulator = _simulator(cls, device)
    start = simulator.state
    result = simulator.run(trials())
    simulator.state = start
    return simulator, result


@contract("population")
def says_what_it_is(cls: type[Population]) -> None:
    """It is a frozen dataclass with a docstring, needs a name and a size, and is comparable."""
    name = cls.__name__
    frozen = is_dataclass(cls) and cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    expect(frozen, f"{name} must be a frozen dataclass.")
    expect((getdoc(cls) or "").strip(), f"{name} has no docstring.")
    one, other = _made(cls), _made(cls)
    expect(one == other and hash(one) == hash(other), f"Two {name} made alike must be equal.")
    expect(one.size == SIZE and one.name == "units", f"{name} must keep its name and its size.")
    expect(isinstance(one.model, NeuronModel), f"{name}.model must be a NeuronModel.")
    expect(one.model == other.model, f"{name}.model must be the same at every call.")
    expect(one.signals, f"{name} must offer a signal that synapses may read.")


@contract("population")
def runs_alike_on_every_device_that_claims_it(cls: type[Population]) -> None:
    """Devices that claim it give the same spikes, or activities within 2 %; units are correct."""
    first, *others = _devices(cls)
    counts = _from_start(cls, first)[1].counts["units"]
    expect(counts.shape == (3, SIZE), f"{cls.__name__} on {first}: counts of a wrong shape.")
    expect(np.isfinite(counts).all(), f"{cls.__name__} on {first}: counts are not finite.")
    for device in others:
        there = _from_start(cls, device)[1].counts["units"]
        limit = 0.0 if _made(cls).is_spiking else 0.02
        expect(apart(counts, there) <= limit, f"{cls.__name__}: {device} and {first} differ.")


@contract("population")
def the_same_state_gives_the_same_bits(cls: type[Population]) -> None:
    """Restoring a saved state reproduces the same spikes and the same final state."""
    for device in _devices(cls):
        simulator, first = _from_start(cls, device)
        start = simulator.state
        again = simulator.run(trials())
        end = simulator.state
        simulator.state = start
        simulator.run(trials())
        same = np.array_equal(first.counts["units"], again.counts["units"])
        expect(same, f"{cls.__name__} on {device}: the same state gives other spikes.")
        for name, values in simulator.state.items():
            expect(
                np.array_equal(values, end[name], equal_nan=True),
                f"{cls.__name__} on {device}: {name!r} depends on more than the state.",
            )
        simulator.state = start


@contract("population")
def a_reset_makes_trials_independent(cls: type[Population]) -> None:
    """In a network that resets, a trial does not depend on the trials before."""
    block = trials()
    for device in _devices(cls):
        simulator, whole = _from_start(cls, device)
        start = simulator.state
        last = simulator.run(block.part(slice(2, 3))).counts["units"]
        simulator.state = start
        same = np.array_equal(whole.counts["units"][2:], last)
        expect(same, f"{cls.__name__} on {device}: a trial depends on those before; see lasting.")


@contract("population")
def nearly_equal_parameters_do_nearly_the_same(cls: type[Population]) -> None:
    """Changing a parameter by 1e-9 changes no spike, and activities by less than 1e-6."""
    population = _made(cls)
    device = _devices(cls)[0]
    counts = _from_start(cls, device)[1].counts["units"]
    for field in fields(population):
        value = getattr(population, field.name)
        if type(value) is not float or not value or not np.isfinite(value):
            continue
        try:
            changed: dict[str, Any] = {field.name: value * (1 + NEARLY)}
            near = replace(population, **changed)
            simulator = made(driven(near), device, record=["units"])
        except ApicalError:  # only certain values are valid, such as multiples of the time step
            continue
        there = simulator.run(trials()).counts["units"]
        limit = 0.0 if population.is_spiking else 1e-6
        expect(
            apart(counts, there) <= limit,
            f"{cls.__name__}: {field.name} = {value!r} changed by {NEARLY:g} of it changes more "
            "than rounding does.",
        )


@contract("population")
def the_scorecard_finds_it_local(cls: type[Population]) -> None:
    """The scorecard of a network of it finds nothing that is not local."""
    findings = audit(driven(_made(cls))).findings
    wrong = [f for f in findings if f.level == "not local"]
    expect(not wrong, f"{cls.__name__}: {'; '.join(str(f) for f in wrong)}.")
