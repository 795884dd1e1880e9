"""The registry of devices: what each says of itself, and what is derived from it."""

import re
from dataclasses import fields
from inspect import getdoc

import pytest
from rate_networks import rates

from apical import simulate
from apical.cli.model_options import _TRAINING
from apical.devices import DEVICES, Options, usual
from apical.errors import DeviceError, ParameterError

every_device = pytest.mark.parametrize("name", DEVICES)


@every_device
def test_a_device_says_what_it_is(name: str) -> None:
    device = DEVICES[name]
    assert device.name == name and device.about and (device.rates or device.spikes)
    doc = (getdoc(device.options) or "") + "".join(getdoc(c) or "" for c in device.options.__mro__)
    for option in device.option_names:
        assert f"\n{option}\n" in doc or option in ("record", "traces"), option


@every_device
def test_the_docstring_of_simulate_lists_its_options(name: str) -> None:
    doc = getdoc(simulate) or ""
    told = re.split(r"\n\s+``\w+``:", doc.partition("**options")[2].partition(f"``{name}``:")[2])[0]
    own = {f.name for f in fields(DEVICES[name].options)} - {f.name for f in fields(Options)}
    assert own and all(f"``{option}" in told for option in own)


def test_the_command_offers_every_device() -> None:
    made = [option(lambda: None).__click_params__[-1] for option in _TRAINING]
    (device,) = [option for option in made if option.name == "device"]
    assert tuple(device.type.choices) == tuple(DEVICES)
    assert usual(rates()) == "array"


def test_options_of_other_devices() -> None:
    simulate(rates(), "array", dt=1.0, capacity=5000)  # what they have by default anyway
    with pytest.raises(DeviceError, match="only 'runtime' and .* and 'genn' have it"):
        simulate(rates(), "array", dt=0.5)
    with pytest.raises(ParameterError, match="no option 'speed', and no other device has; it has"):
        simulate(rates(), "array", speed=2)
    with pytest.raises(ParameterError, match="Did you mean 'array'"):
        simulate(rates(), "arrays")
