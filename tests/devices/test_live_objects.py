"""What is changed of a simulator's Brian2 objects acts from the next block on, or is refused.

Every test holds on every device: Brian2 in this process is the reference.
"""

from collections.abc import Callable
from typing import Any

import brian2 as b2
import numpy as np
import pytest
import rate_networks
from networks import N_CLASSES, N_INPUTS, small, trials

from apical import Network, NeuronModel, Neurons, Normal, Stimulus, simulate
from apical.errors import DeviceError
from apical.neurons.encoding import Regular

pytestmark = pytest.mark.slow

DEVICES: dict[str, dict[str, Any]] = {
    "runtime": {"device": "runtime"},
    "dense": {"device": "cpp_standalone"},
    "generic": {"device": "cpp_standalone", "dense": False},
}
COMPILED = [name for name in DEVICES if name != "runtime"]
every_device = pytest.mark.parametrize("device", DEVICES)
compiled = pytest.mark.parametrize("device", COMPILED)
first = pytest.mark.parametrize("when", ["before the first run", "after it"])


def made(device: str, network: Network | None = None, **options: Any) -> Any:
    """Return a simulator in double precision, so that devices agree."""
    network = network or small()
    return simulate(network, **{"dtype": "float64", **DEVICES[device], **options})


Change = Callable[[Any], Any]


def set_constant(s: Any) -> None:
    s.brian["hidden_0"].bias = 5


def set_time_constant(s: Any) -> None:
    s.brian["hidden_0"].tau_s = 9 * b2.ms


def set_rate_of_learning(s: Any) -> None:
    s.brian["stimulus_to_hidden_0"].eta = 0


def set_membranes(s: Any) -> None:
    s.brian["hidden_0"].v = np.linspace(0, 0.9, 8)


def set_some_membranes(s: Any) -> None:
    s.brian["hidden_0"].v[:3] = 0.5
    s.brian["hidden_0"].v_[4] = 0.7


def set_membranes_by_text(s: Any) -> None:
    s.brian["hidden_0"].v = "i / (N + 1.0)"
    s.brian["output"].v["i > 0"] = "0.5"


def add_to_membranes(s: Any) -> None:
    s.brian["hidden_0"].v += 0.25


def set_weights_by_condition(s: Any) -> None:
    s.brian["stimulus_to_hidden_0"].w["i == j"] = 0


def set_weights_by_neurons(s: Any) -> None:
    s.brian["stimulus_to_hidden_0"].w[2:, 3] = 1.5


def set_weights_at_once(s: Any) -> None:
    s.brian["hidden_0_to_output"].w = 0.2


def set_many(s: Any) -> None:
    s.brian["output"].set_states({"v": np.array([0.1, 0.2, 0.3])})


def load_weights(s: Any) -> None:
    s.load({"stimulus_to_hidden_0": np.full((N_INPUTS, 8), 0.3)})


def set_state(s: Any) -> None:
    s.state = {"hidden_0.v": np.full(8, 0.6)}


CHANGES = (
    set_constant,
    set_time_constant,
    set_rate_of_learning,
    set_membranes,
    set_some_membranes,
    set_membranes_by_text,
    add_to_membranes,
    set_weights_by_condition,
    set_weights_by_neurons,
    set_weights_at_once,
    set_many,
    load_weights,
    set_state,
)


def lasting() -> Network:
    """Return a network whose membranes last from trial to trial."""
    return small(reset=False)


def everything(s: Any) -> dict[str, np.ndarray]:
    """Return all that a block begins with, constants included."""
    return {name: np.array(v.get_value()) for name, v in s._variables.items()}


def put_back(s: Any, values: dict[str, np.ndarray]) -> None:
    for name, variable in s._variables.items():
        variable.get_value()[:] = values[name]


def learned(s: Any) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the state and the counts after a block that learns."""
    counts = s.run(trials(3, learning=1.0)).counts
    return s.state, dict(counts)


def assert_same(one: Any, other: Any, what: str) -> None:
    for some, others in zip(one, other, strict=True):
        for name, values in some.items():
            np.testing.assert_allclose(values, others[name], atol=1e-9, err_msg=f"{what}: {name}")


@every_device
def test_changes_of_live_objects_act_in_the_next_block(device: str) -> None:
    s, reference = made(device, lasting()), made("runtime", lasting())
    start = everything(s)
    assert_same((start,), (everything(reference),), "to begin with")
    plain, _ = learned(s)
    learned(reference)
    for change in CHANGES:
        put_back(s, start)
        put_back(reference, start)
        change(s)
        change(reference)
        state, counts = learned(s)
        assert any(not np.allclose(state[k], plain[k], atol=1e-12) for k in plain), change
        assert_same((state, counts), learned(reference), change.__name__)


@every_device
def test_changes_of_live_objects_act_in_the_first_block(device: str) -> None:
    s, reference = made(device, lasting()), made("runtime", lasting())
    for change in CHANGES:
        before = everything(s)
        change(s)
        change(reference)
        assert any(not np.array_equal(v, before[k]) for k, v in everything(s).items()), change
    assert_same(learned(s), learned(reference), "all of them")


@first
@every_device
def test_what_is_set_is_what_is_read(device: str, when: str) -> None:
    s = made(device)
    if when == "after it":
        s.run(trials(2))
    hidden, synapses = s.brian["hidden_0"], s.brian["stimulus_to_hidden_0"]
    hidden.tau_m = 5 * b2.ms
    hidden.v[:3] = 0.5
    synapses.w["i == j"] = 7
    assert hidden.tau_m[:] == 5 * b2.ms and hidden.tau_m_[:] == 0.005
    np.testing.assert_array_equal(hidden.v[:3], 0.5)
    np.testing.assert_array_equal(s.state["hidden_0.v"], hidden.v[:])
    np.testing.assert_array_equal(np.diag(s.weights("stimulus_to_hidden_0")), 7)
    np.testing.assert_array_equal(synapses.w[:], s.state["stimulus_to_hidden_0.w"].ravel())
    np.testing.assert_array_equal(synapses.w["i == j"], 7)
    assert (synapses.w[3, 3], len(synapses.i), int(synapses.j[9])) == (7, N_INPUTS * 8, 1)
    with pytest.raises(b2.DimensionMismatchError):
        hidden.tau_m = 5
    s.run(trials(1))
    np.testing.assert_array_equal(synapses.w["i == j"], 7)
    np.testing.assert_array_equal(s.state["hidden_0.v"], hidden.v[:])


@every_device
def test_random_values_are_those_of_whoever_draws_them(device: str) -> None:
    s = made(device)
    b2.seed(5)
    expected = np.random.rand(8)  # noqa: NPY002
    b2.seed(5)
    s.brian["hidden_0"].v = "rand()"
    np.testing.assert_allclose(s.state["hidden_0.v"], expected)


@every_device
def test_objects_are_read_and_set_whatever_device_is_active(device: str) -> None:
    one, other = made(device), made(device)
    for s, active in ((one, "runtime"), (other, "cpp_standalone")):
        b2.set_device(active, build_on_run=False)
        try:
            hidden = s.brian["hidden_0"]
            hidden.bias = 2
            hidden.v = "0.1*i"
            hidden.v["i == 3"] = 0.9
            counts = s.run(trials(2)).counts["hidden_0"]
            seen = float(hidden.bias[:]), np.array(hidden.v[:]), hidden.v["v > 0.5"].size, counts
            found = s.__dict__.setdefault("seen", seen)
        finally:
            b2.set_device("runtime")
        assert found is seen
    for a, b in zip(one.seen, other.seen, strict=True):
        np.testing.assert_array_equal(a, b)


@every_device
def test_constants_of_each_neuron_and_shared_variables_act(device: str) -> None:
    model = NeuronModel(
        "dv/dt = (-v + k + g)/(20*ms) : 1\nk : 1 (constant)\ng : 1 (shared)",
        threshold="v > 1",
        reset="v = 0",
        method="euler",
    )
    net = Network(trial=40.0)
    x = net.add(Stimulus("stimulus", N_INPUTS, Regular(200.0)))
    y = net.add(Neurons("output", N_CLASSES, model, takes={"drive": "v"}, offers=("v",)))
    net.connect(x, y, weights=Normal(0.0))
    s = made(device, net)
    assert not s.run(trials(2)).counts["output"].any()
    s.brian["output"].k = [0, 3, 6]
    one = s.run(trials(2)).counts["output"]
    assert np.all(np.diff(one) > 0) and not one[:, 0].any()
    s.brian["output"].g = 6
    two = s.run(trials(2)).counts["output"]
    assert np.all(two[:, 0] > 0) and np.all(two[:, 1:] > one[:, 1:])
    np.testing.assert_array_equal(s.brian["output"].k[:], [0, 3, 6])
    assert s.brian["output"].g[:] == 6


@every_device
def test_what_is_worked_out_anew_cannot_be_set(device: str) -> None:
    hidden = made(device, rate_networks.rates()).brian["hidden_1"]
    drive = next(name for name in hidden.equations if name.startswith("stimulus_to_hidden_1"))
    with pytest.raises(DeviceError, match=rf"hidden_1.{drive} is computed in every"):
        setattr(hidden, drive, 1)


# ---- what a program cannot take over -------------------------------------------------------------
def activity(s: Any) -> None:
    s.brian["hidden_0"].active = False


def namespace(s: Any) -> None:
    s.brian["hidden_0"].namespace["extra"] = 3.0


def place(s: Any) -> None:
    s.brian["hidden_0"].thresholder["spike"].order = 4


def reset(s: Any) -> None:
    s.brian["hidden_0"].event_codes["spike"] = "v = 0"


def operation(s: Any) -> None:
    s.brian["hidden_0"].run_regularly("v = 0")


def monitor(s: Any) -> None:
    s.add(b2.StateMonitor(s.brian["hidden_0"], "v", record=True))


LATE = (activity, namespace, place, reset, operation, monitor)


@compiled
@pytest.mark.parametrize("change", LATE)
def test_what_a_compiled_program_cannot_take_over_is_refused(device: str, change: Change) -> None:
    s = made(device)
    s.run(trials(1))
    with pytest.raises(DeviceError, match="before the first run|the first run,"):
        _change_and_run(s, change)


def _change_and_run(simulator: Any, change: Change) -> None:
    change(simulator)
    simulator.run(trials(1))


@every_device
def test_time_steps_and_equations_are_part_of_the_description(device: str) -> None:
    for change in ("clock", "equations"):
        s = made(device)
        if change == "clock":
            s.brian["hidden_0"].clock.dt = 0.5 * b2.ms
        else:
            s.brian["hidden_0"].equations = b2.Equations("v : 1")
        with pytest.raises(DeviceError, match="change the description of the network, or dt"):
            s.run(trials(1))


@every_device
def test_what_is_changed_before_the_first_run_acts(device: str) -> None:
    s = made(device)
    s.brian["hidden_0"].run_regularly("v = 0", when="before_thresholds", dt=1 * b2.ms)
    assert not s.run(trials(2)).counts["hidden_0"].any()
    silent = made(device)
    silent.brian["hidden_0"].active = False
    for _ in range(2):
        assert not silent.run(trials(2)).counts["hidden_0"].any()


@compiled
def test_functions_of_pythons_cannot_be_compiled(device: str) -> None:
    s = made(device)
    with pytest.raises(DeviceError, match="runs a function of Python's"):
        s.add(b2.NetworkOperation(lambda: None))


@every_device
def test_objects_of_a_users_own_keep_their_state_over_blocks(device: str) -> None:
    s = made(device)
    extra = b2.NeuronGroup(2, "dv/dt = g/ms : 1\ng : 1 (constant)", method="euler", name="extra")
    hidden = s.brian["hidden_0"]
    joined = b2.Synapses(hidden, extra, "u : 1", on_pre="u += 1", clock=hidden.clock, name="joined")
    joined.connect("i % 2 == j")
    s.add(extra, joined)
    extra.g = [1, 2]
    first = s.run(trials(2)).counts["hidden_0"].sum(axis=0)
    np.testing.assert_allclose(extra.v[:], [80, 160])
    np.testing.assert_allclose(joined.u[:], first)
    extra.g = [0, 1]
    second = s.run(trials(1)).counts["hidden_0"].sum(axis=0)
    np.testing.assert_allclose(extra.v[:], [80, 200])
    np.testing.assert_allclose(joined.u[:], first + second)
    assert extra.clock is not b2.defaultclock and not b2.defaultclock.t_[:]
