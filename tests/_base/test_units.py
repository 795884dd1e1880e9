"""Units at the door: a quantity means what its number does, and what does not fit is refused."""

import inspect
import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import public_api
import pytest
from brian2 import Hz, Quantity, ms, mV, second, usecond

import apical
from apical import (
    LIF,
    ApicalError,
    Error,
    Network,
    NeuronModel,
    Neurons,
    Normal,
    Rate,
    Stimulus,
    check,
    rules,
    simulate,
)
from apical._base.parameters import Number
from apical.data.datasets import Dataset
from apical.errors import ParameterError
from apical.neurons.encoding import Regular

UNITS = {"ms": ms, "Hz": Hz}
STRANGE = [
    "20 ms",
    "",
    None,
    math.nan,
    math.inf,
    -math.inf,
    5 * mV,
    3 * ms,
    3 * Hz,
    -1,
    -0.5,
    0,
    1e300,
    10**30,
    np.array(0.5),
    np.array([0.1, 0.2]),
    np.array([[0.5]]),
    [0.1],
    [],
    {},
    True,
    1j,
    np.float32(0.5),
    np.int64(2),
    np.bool_(True),
    np.nan,
    object(),
    "a b",
    b"x",
    (1, 2),
    {"a": 1},
]
every_callable = pytest.mark.parametrize("name", public_api.callables())


@every_callable
def test_nothing_but_our_errors_comes_of_strange_values(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some write files
    function, given = public_api.callables()[name], public_api.working(name)
    function(**given)
    for parameter in public_api.parameters(function):
        for value in STRANGE:
            try:
                made = function(**{**given, parameter.name: value})
                repr(made)
            except ApicalError as error:
                if "\n" in str(error):
                    pytest.fail(f"{name}({parameter.name}={value!r}): several lines: {error}")
            except Exception as error:
                pytest.fail(f"{name}({parameter.name}={value!r}): {type(error).__name__}: {error}")


def numbers(function: Any) -> dict[str, Number]:
    """Return the markers of the parameters of a callable that are one number."""
    hints = get_type_hints(
        function.__init__ if inspect.isclass(function) else function, include_extras=True
    )
    found = {}
    for parameter in public_api.parameters(function):
        hint = hints.get(parameter.name)
        union = get_args(hint) if get_origin(hint) in (Union, UnionType) else ()
        for one in (hint, *union):
            if get_origin(one) is Annotated and isinstance(get_args(one)[1], Number):
                found[parameter.name] = get_args(one)[1]
            elif one is float:
                found[parameter.name] = Number()
    return found


def plain(made: Any) -> Any:
    """Return what a description holds, for comparison."""
    if isinstance(made, Network):  # networks are the same where their parts are
        parts = {k: v for k, v in vars(made).items() if k not in ("places", "_known")}
        return {k: plain(v) for k, v in parts.items()}
    if is_dataclass(made) and not isinstance(made, type):
        return [type(made), *(plain(getattr(made, f.name)) for f in fields(made) if f.compare)]
    if isinstance(made, dict):
        return {key: plain(value) for key, value in made.items()}
    if isinstance(made, list | tuple):
        return [plain(value) for value in made]
    return made.tolist() if isinstance(made, np.ndarray) else made


def drawn(given: dict[str, Any]) -> dict[str, Any]:
    """Return a generator anew, where one is given, so that the same is drawn."""
    return {"rng": np.random.default_rng(0)} if "rng" in given else {}


DESCRIBES = [
    name
    for name in public_api.callables()
    if not name.startswith(
        ("data", "training", "records", "reference", "measures", "plotting", "sweeps", "export")
    )
    and numbers(public_api.callables()[name])
]


@pytest.mark.parametrize("name", DESCRIBES)
def test_a_quantity_is_the_number_with_that_unit(name: str) -> None:
    function, given = public_api.callables()[name], public_api.working(name)
    for parameter, number in numbers(function).items():
        tried = 0
        for value in (2, 0.5, 0.3, 4, 7.25, 15, 1):
            value = int(value) if number.whole else float(value)
            try:
                expected = function(**{**given, **drawn(given), parameter: value})
            except ApicalError:
                continue
            tried += 1
            quantity = Quantity(value) if number.unit == "1" else value * UNITS[number.unit]
            found = function(**{**given, **drawn(given), parameter: quantity})
            assert plain(found) == plain(expected), (parameter, value)
        assert tried or parameter == "explores", f"no value of {parameter} works"


@pytest.mark.parametrize("name", DESCRIBES)
def test_a_wrong_dimension_says_what_is_wanted_and_where(name: str) -> None:
    function, given = public_api.callables()[name], public_api.working(name)
    for parameter, number in numbers(function).items():
        for value in (5 * mV, 3 * Hz if number.unit == "ms" else 3 * ms):
            with pytest.raises(ParameterError) as caught:
                function(**{**given, parameter: value})
            error, line = caught.value, inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]
            wanted = "dimensionless" if number.unit == "1" else number.unit
            assert error.parameter == parameter
            assert error.object and str(error).startswith(error.object)
            assert number.whole or f"[{wanted}]" in str(error)
            assert repr(value) in str(error)
            assert error.place.endswith(f"test_units.py:{line}")
            assert str(error).endswith(f"({error.place})")


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        (20 * ms, 20.0),
        (0.3 * ms, 0.3),
        (0.02 * second, 20.0),
        (5 * usecond, 0.005),
        (1 / (50 * Hz), 20.0),
        (ms, 1.0),
        (10 * ms + 10 * ms, 20.0),
        (np.float32(20), 20.0),
        (np.array(20), 20.0),
        (20, 20.0),
    ],
)
def test_a_time_is_stored_as_a_plain_number_of_milliseconds(quantity: Any, expected: float) -> None:
    found = LIF("h", 5, tau_m=quantity)
    assert found.tau_m == expected and type(found.tau_m) is float
    assert found == LIF("h", 5, tau_m=expected) and hash(found) == hash(LIF("h", 5, tau_m=expected))


def test_the_first_things_that_a_user_of_brian_types_work() -> None:
    net = Network(trial=100 * ms, settle=10 * ms)
    pre = net.add(Stimulus("stimulus", 4, Regular(100 * Hz), tau_x=20 * ms))
    post = net.add(LIF("hidden", 3, tau_m=20 * ms, refractory=2 * ms))
    net.connect(pre, post, weights=Normal(0.5), delay=2 * ms)
    plain_net = Network(trial=100.0, settle=10.0)
    pre = plain_net.add(Stimulus("stimulus", 4, Regular(100.0), tau_x=20.0))
    post = plain_net.add(LIF("hidden", 3, tau_m=20.0, refractory=2.0))
    plain_net.connect(pre, post, weights=Normal(0.5), delay=2.0)
    assert plain(net.populations) == plain(plain_net.populations)
    assert net.projections[0].delay == 2.0 and net.trial == plain_net.trial
    values = np.full((2, 4), 0.8)
    runs = [
        simulate(n, "runtime", dt=dt).run(apical.Block(values)).counts
        for n, dt in ((net, 1 * ms), (plain_net, 1.0))
    ]
    for name, counts in runs[0].items():
        np.testing.assert_array_equal(counts, runs[1][name])


def test_constants_of_own_neurons_may_be_quantities() -> None:
    constants = {"tau": 20 * ms, "rate": 5 * Hz, "n": (3, "integer"), "k": 2, "u": (4 * ms, "ms")}
    found = NeuronModel("v : 1", parameters=constants).parameters
    assert found == {
        "tau": (20.0, "ms"),
        "rate": (5.0, "Hz"),
        "n": (3, "integer"),
        "k": (2.0, "1"),
        "u": (4.0, "ms"),
    }
    for wrong in (5 * mV, (5 * Hz, "ms"), (5.0, "volt"), "20 ms", (1,), (math.nan, "ms")):
        with pytest.raises(ParameterError, match="NeuronModel: parameters"):
            NeuronModel("v : 1", parameters={"tau": wrong})  # type: ignore[dict-item]


def own(equations: str, **more: Any) -> Network:
    net = Network(trial=20.0)
    pre = net.add(Stimulus("stimulus", 4))
    settings = {"threshold": "v > 1", "reset": "v = 0\nx += 1", "parameters": {"tau": (9.0, "ms")}}
    model = NeuronModel(equations, **{**settings, **more})
    post = net.add(Neurons("own", 3, model, takes={"drive": "v"}, offers=("x",)))
    net.connect(pre, post)
    return net


GOOD = "dv/dt = -v/tau : 1\nx : 1"


@pytest.mark.parametrize(
    ("equations", "more"),
    [
        ("dv/dt = -v/tau :", {}),
        ("dv/dt = = v : 1\nx : 1", {}),
        ("dv/dt = -v/stranger : 1\nx : 1", {}),
        ("dv/dt = -v : 1\nx : 1", {}),
        ("dv/dt = -v/tau : lumen7\nx : 1", {}),
        ("dv/dt = -v/tau : volt\nx : 1", {}),
        ("x : 1", {}),
        (GOOD, {"threshold": "v >"}),
        (GOOD, {"threshold": "nobody > 1"}),
        (GOOD, {"reset": "v = stranger"}),
        (GOOD, {"reset": "v ="}),
        (GOOD, {"reset": "v = 3*ms"}),
        (GOOD, {"at_trial": "v = stranger"}),
        (GOOD, {"at_step": "v = 5*second"}),
        (GOOD, {"at_reset": "((("}),
        (GOOD, {"refractory": "stranger"}),
        (GOOD, {"method": "no_such_method"}),
        (GOOD, {"initial": {"stranger": 1.0}}),
        (GOOD, {"parameters": {"tau": (9.0, "Hz")}}),
        (GOOD, {"parameters": {"v": (9.0, "ms"), "tau": (9.0, "ms")}}),
    ],
)
def test_what_brian_cannot_read_in_own_neurons_is_one_error_of_ours(
    equations: str, more: dict[str, Any]
) -> None:
    with pytest.raises(ApicalError, match="own") as caught:
        simulate(own(equations, **more), "runtime").run(apical.Block(np.ones((1, 4))))
    assert "\n" not in str(caught.value)
    assert caught.value.object == "Neurons 'own'"


def test_what_brian_can_read_in_own_neurons_runs() -> None:
    simulate(own(GOOD), "runtime").run(apical.Block(np.ones((1, 4))))


@pytest.mark.parametrize("gain", ["int(x >", "stranger", "x y", "v + 3*ms", "int(x > 0)\nq : 1"])
def test_what_brian_cannot_read_in_a_gain_is_one_error_of_ours(gain: str) -> None:
    net = Network(trial=20.0)
    pre, post = net.add(Stimulus("stimulus", 4)), net.add(LIF("hidden", 3, gain=gain))
    net.connect(pre, post)
    with pytest.raises(ApicalError, match="hidden"):
        simulate(net, "runtime").run(apical.Block(np.ones((1, 4))))


EXTREME = {
    "least": lambda number: number.least if number.least is not None else None,
    "small": lambda number: 1e-30,
    "huge": lambda number: 1e30,
    "negative": lambda number: -3.0,
    "infinite": lambda number: math.inf,
    "largest": lambda number: number.most,
}


def accepted(kind: Any) -> list[tuple[str, Any]]:
    found = []
    for parameter, number in numbers(kind).items():
        for extreme in EXTREME.values():
            value = extreme(number)
            if parameter in ("size", "frames") or value is None:
                continue
            value = int(value) if number.whole and math.isfinite(value) else value
            found.append((parameter, value))
    return found


def around(kind: Any, parameter: str, value: Any) -> Network:
    """Return a small network in which one parameter of one part has a value."""
    spikes = not issubclass(kind, Rate)
    net = public_api.networks.small() if spikes else public_api.rate_networks.rates()
    if kind is Network:
        return net.altered(**{parameter: value})
    if issubclass(kind, apical.Projection):
        return net.altered(projection=lambda p: _with(p, parameter, value, p.is_forward))
    if issubclass(kind, Regular):
        encoder = Regular(**{parameter: value})
        return net.altered(
            population=lambda p: _with(p, "encoder", encoder, isinstance(p, Stimulus))
        )
    return net.altered(population=lambda p: _with(p, parameter, value, isinstance(p, kind)))


def _with(part: Any, parameter: str, value: Any, here: bool) -> Any:
    from dataclasses import replace

    return replace(part, **{parameter: value}) if here else part


def cases() -> Iterator[Any]:
    """Yield kinds, parameters and values; what Brian2 simulates, for some time, is a spread."""
    for kind in (Network, LIF, Stimulus, Error, Rate, apical.Projection, Regular):
        huge = [parameter for parameter, value in accepted(kind) if value == 1e30]
        for parameter, value in accepted(kind):
            always = kind is Rate or (value == 1e30 and parameter in huge[::3])
            name = f"{kind.__name__}-{parameter}-{value}"
            marks = [] if always else [pytest.mark.thorough]
            yield pytest.param(kind, parameter, value, id=name, marks=marks)


@pytest.mark.parametrize(("kind", "parameter", "value"), list(cases()))
def test_what_is_accepted_runs(kind: Any, parameter: str, value: Any) -> None:
    try:
        net = around(kind, parameter, value)
    except ApicalError:
        return
    spikes = net.is_spiking
    try:
        check(net)
        device = "runtime" if spikes else "array"
        trials = (public_api.networks if spikes else public_api.rate_networks).trials
        block = trials(2) if spikes else trials(2, (6, 3))
        with np.errstate(all="ignore"):
            simulate(net, device, **({"batch": 2} if not spikes else {})).run(block)
    except ApicalError:
        return


def test_a_bad_number_in_a_rule_is_a_bad_number() -> None:
    with pytest.raises(ParameterError) as caught:
        rules.LearningRule("mine", "eta*x_pre", {"eta": "fast"})  # type: ignore[dict-item]
    assert caught.value.object == "LearningRule 'mine'"
    assert caught.value.parameter == "parameters['eta']"


def test_arrays_of_another_dimension_are_refused() -> None:
    """Volts were read as numbers: stimuli in mV were a thousandth of what was written."""
    values, labels = np.eye(4), np.arange(4) % 2
    for wrong, parameter in (
        (lambda: apical.Block(values * mV), "values of a block"),
        (lambda: apical.Block(values, targets=values * ms), "targets of a block"),
        (lambda: apical.Block(values, labels, learning=5 * ms), "learning of a block"),
        (lambda: apical.Block(values, labels * Hz), "labels of a block"),
        (lambda: Dataset.from_arrays("d", values * mV, labels, values, labels), "d: x_train"),
    ):
        with pytest.raises(ApicalError, match=f"{parameter}: needs plain numbers, got .*unit") as c:
            wrong()
        assert c.value.object == parameter and "\n" not in str(c.value)
    same = apical.Block(Quantity(values), labels, learning=Quantity(1))
    np.testing.assert_array_equal(same.values, values)


@pytest.mark.parametrize("device", ["runtime", "array"])
def test_a_simulator_takes_nothing_strange(device: str) -> None:
    net = public_api.rate_networks.rates()
    simulator = simulate(net, device)
    calls = [simulator.run, simulator.load, lambda x: setattr(simulator, "state", x)]
    if device == "runtime":
        calls.append(simulator.add)
    for call in calls:
        # a text may name a file to load
        for value in (None, 3, 5 * mV, np.ones((2, 6)), *(["x"] if call != simulator.load else [])):
            with pytest.raises(ParameterError) as caught:
                call(value)
            assert caught.value.object == "Simulator" and "\n" not in str(caught.value)
    with pytest.raises(ApicalError, match="no projection None"):
        simulator.weights(None)  # type: ignore[arg-type]


def test_a_refractory_time_of_own_neurons_may_be_a_quantity() -> None:
    for time, expected in ((2 * ms, "2.0*ms"), (0.0005 * second, "0.5*ms")):
        assert NeuronModel("v : 1", refractory=time).refractory == expected  # type: ignore[arg-type]
    values = np.ones((1, 4))
    counts = [
        simulate(own("dv/dt = -v/tau : 1 (unless refractory)\nx : 1", refractory=time), "runtime")
        .run(apical.Block(values))
        .counts["own"]
        for time in (2 * ms, "2*ms")
    ]
    np.testing.assert_array_equal(*counts)
    for wrong in (2 * Hz, -2 * ms, math.inf * ms, np.array([1, 2]) * ms):
        with pytest.raises(ParameterError, match=r"NeuronModel: refractory must be .* \[ms\] >= 0"):
            NeuronModel("v : 1", refractory=wrong)
