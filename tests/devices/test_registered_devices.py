"""The registry of devices: what each says of itself, and what is derived from it."""

import re
from dataclasses import fields, replace
from inspect import getdoc
from pathlib import Path

import every_kind
import pytest
import test_devices
from rate_networks import rates

from apical import LIF, simulate
from apical.cli.model_options import training_options
from apical.devices import DEVICES, Options, usual
from apical.errors import DeviceError, ParameterError
from apical.feedback import WIRINGS
from apical.neurons.base import POPULATIONS
from apical.neurons.encoding import ENCODERS, Poisson

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
    made = training_options(lambda: None).__click_params__
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


def test_what_is_registered_is_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device, population, encoder or wiring that is new is in the matrices of the tests."""

    class Squared(Poisson):
        pass

    class Quiet(LIF):
        pass

    monkeypatch.setitem(DEVICES, "mine", replace(DEVICES["runtime"], name="mine"))
    monkeypatch.setitem(ENCODERS, "squared", Squared)
    monkeypatch.setitem(POPULATIONS, "Quiet", Quiet)
    monkeypatch.setitem(WIRINGS, "loose", replace(WIRINGS["dfa"], name="loose"))
    assert test_devices.every_variant()["mine"] == {"device": "mine"}
    assert "mine" in test_devices.firsts() and "generic" not in test_devices.firsts()
    cases = every_kind.spiking_cases()
    for position, name in enumerate(("loose", "Quiet", "squared")):
        assert name in {case[position] for case in cases}, name
    assert ("loose", "Quiet", "squared", "trial") in cases
    assert "loose" in every_kind.rate_wirings()


def test_what_is_tested_elsewhere_is_tested_there() -> None:
    known = {name for name, device in DEVICES.items() if device.spikes}
    tested = {options["device"] for options in test_devices.every_variant().values()}
    assert tested | set(test_devices.ELSEWHERE) == known
    for name, file in test_devices.ELSEWHERE.items():
        assert name in Path(__file__).with_name(file).read_text(encoding="utf-8")


def test_every_registered_kind_of_a_spiking_network_is_in_the_matrix() -> None:
    ways, kinds, shown, _ = zip(*every_kind.SPIKING, strict=True)
    assert set(kinds) == set(every_kind.spiking_populations())
    assert set(ways) == {"none", "partial"} | {n for n, one in WIRINGS.items() if one.spikes}
    assert set(shown) >= {n for n, cls in ENCODERS.items() if cls().spikes.threshold}
    for kind in ("LIF", "ALIF"):  # which hear feedback of any kind
        assert {way for way, one, *_ in every_kind.SPIKING if one == kind} == set(ways)
