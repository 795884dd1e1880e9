"""Contracts of encoders. Suites take the class, which has a default for every parameter."""

import re
from dataclasses import is_dataclass
from inspect import getdoc

import numpy as np

from apical.neurons.encoding import Encoder, SpikeModel
from apical.neurons.lif import LIF
from apical.neurons.rate import Rate
from apical.testing.contracts import claiming, contract, expect
from apical.testing.references import N_INPUTS, driven, made, of_events, trials


@contract("encoder")
def says_what_it_is(cls: type[Encoder]) -> None:
    """It is a frozen dataclass with a docstring and defaults, and returns a SpikeModel."""
    frozen = is_dataclass(cls) and cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    expect(frozen, f"{cls.__name__} must be a frozen dataclass.")
    expect((getdoc(cls) or "").strip(), f"{cls.__name__} has no docstring.")
    expect(cls() == cls(), f"Two {cls.__name__} made alike must be equal.")
    expect(isinstance(cls().spikes, SpikeModel), f"{cls.__name__}.spikes must be a SpikeModel.")


@contract("encoder")
def drives_with_finite_numbers(cls: type[Encoder]) -> None:
    """Values in [0, 1] become finite numbers of the same shape; the values are not modified.

    An encoder that takes events takes no values.
    """
    if cls.takes_events:
        return
    values = np.linspace(0, 1, 12).reshape(2, N_INPUTS)
    before = values.copy()
    found = cls().drive(values)
    expect(found.shape == values.shape, f"{cls.__name__}.drive changes the shape.")
    expect(np.isfinite(found).all(), f"{cls.__name__}.drive is not finite.")
    expect(np.array_equal(values, before), f"{cls.__name__}.drive changes what it is given.")


@contract("encoder")
def a_table_needs_nothing_but_the_neuron(cls: type[Encoder]) -> None:
    """Where its spikes are tabulated, what makes them draws nothing and asks for no time."""
    if not cls.tabulated or cls.takes_events:
        return
    spikes = cls().spikes
    expect(
        not spikes.refractory, f"{cls.__name__} has a refractory period: it must not be tabulated."
    )
    texts = (spikes.equations, spikes.threshold, spikes.reset)
    asked = {name for text in texts for name in re.findall(r"[A-Za-z_]\w*", text)}
    outside = sorted(
        asked & {"t", "t_in_timesteps", "rand", "randn", "learning", "label", "stimulus"}
    )
    expect(not outside, f"{cls.__name__} is tabulated, but its spikes depend on {outside}.")


@contract("encoder")
def the_same_state_gives_the_same_bits(cls: type[Encoder]) -> None:
    """On every device that claims it, the same state reproduces the same trials."""
    encoder = cls()
    post = LIF("units", 2) if encoder.spikes.threshold else Rate("units", 2)
    network = driven(post, encoder)
    devices = claiming(network)
    expect(devices, f"No device runs {cls.__name__}; one has to claim it.")
    for device in devices:
        simulator = made(network, device.name, record=["stimulus"])
        start = simulator.state
        shown = of_events() if cls.takes_events else trials()
        first = simulator.run(shown)
        simulator.state = start
        again = simulator.run(shown)
        for name, counts in first.counts.items():
            same = np.array_equal(counts, again.counts[name])
            expect(same, f"{cls.__name__} on {device.name} is not reproducible.")
            expect(np.isfinite(counts).all(), f"{cls.__name__} on {device.name} is not finite.")
        for name, (times, units) in first.spikes.items():
            for one, other in zip((times, units), again.spikes[name], strict=True):
                same = np.array_equal(one, other)
                expect(same, f"{cls.__name__} on {device.name}: spikes are not reproducible.")
