"""Device array with PyTorch: the same numbers as NumPy's, and those of its own autograd."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from rate_networks import rates, trials

from apical import Block, Network, dynamics, feedback, rules, simulate
from apical.cli.app import commands
from apical.devices import Simulator
from apical.errors import DeviceError, ParameterError
from apical.feedback import WIRINGS
from apical.language.activations import ACTIVATIONS
from apical.plasticity.rules import LearningRule
from apical.report import naming
from apical.runs.open import open_run

DYNAMICS = {
    "plain": None,
    "momentum": dynamics.momentum(),
    "rmsprop": dynamics.rmsprop(1e-2),
    "adam": dynamics.adam(1e-2),
}
RULES = {
    "decay": "eta*(x_pre*gain_post*teach_post - 0.01*w)",
    "weighed": "eta*x_pre*teach_post*clip(w, -0.5, 0.5) + eta*sqrt(0.5)*int(x_post > 0.5)*w",
    "of both": "eta*(x_pre - 0.5)*int(x_post > 0.25 and not x_post > 0.75)*teach_post",
}


@pytest.fixture
def torch() -> Any:
    """Return PyTorch, or skip the test."""
    return pytest.importorskip("torch")


def both(net: Network, **options: Any) -> tuple[Simulator, Simulator]:
    numpy_one = simulate(net, "array", dtype="float64", **options)
    return numpy_one, simulate(net, "array", dtype="float64", library="torch", **options)


def assert_same_after(block: Block, net: Network) -> None:
    one, other = both(net, batch=4, record=["hidden_1"])
    first, second = one.run(block), other.run(block)
    for name, activity in first.counts.items():
        np.testing.assert_allclose(second.counts[name], activity, rtol=0, atol=1e-10)
    for name, values in one.state.items():
        np.testing.assert_allclose(other.state[name], values, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", DYNAMICS)
@pytest.mark.parametrize("wiring", WIRINGS)
def test_same_as_numpy_under_every_wiring(torch: Any, wiring: str, kind: str) -> None:
    rule = rules.three_factor(0.5, dynamics=DYNAMICS[kind])
    net = rates(WIRINGS[wiring], rule=rule, unreliable=0.2, bounds=(-0.6, 0.6))
    assert_same_after(trials(18, learning=np.repeat([1.0, 0.5], 9)), net)


@pytest.mark.parametrize("output", ["logistic", "softmax"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_same_as_numpy_for_every_activation(torch: Any, activation: str, output: str) -> None:
    assert_same_after(trials(18, learning=1.0), rates(activation=activation, output=output))


@pytest.mark.parametrize("update", RULES.values(), ids=RULES)
def test_same_as_numpy_for_rules_of_every_kind(torch: Any, update: str) -> None:
    rule = LearningRule("r", update, {"eta": 0.5})
    assert_same_after(trials(18, learning=1.0), rates(rule=rule))


@pytest.mark.parametrize("readout", ["logistic", "softmax", "squared"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_transposed_feedback_is_autograd(
    torch: Any, library: str, activation: str, readout: str
) -> None:
    output, gain = ("linear", "slope") if readout == "squared" else (readout, "one")
    net = rates(
        feedback.transposed,
        (12, 9, 8, 5),
        activation=activation,
        output=output,
        gain=gain,
        rule=rules.three_factor(1.0),
    )
    simulator = simulate(net, "array", dtype="float64", library=library)
    rng = np.random.default_rng(1)
    simulator.load({p.name: rng.normal(size=p.shape) for p in net.plastic})
    block = trials(7, (12, 5))
    updates = simulator.updates(block)

    weights = {p.name: torch.tensor(simulator.weights(p), requires_grad=True) for p in net.plastic}
    x, target = torch.tensor(block.values), torch.tensor(np.eye(5)[block.labels])
    for layer in ("hidden_1", "hidden_2", "output"):
        before = {"hidden_1": "stimulus", "hidden_2": "hidden_1", "output": "hidden_2"}[layer]
        drive = x @ weights[f"{before}_to_{layer}"] + weights[f"bias_to_{layer}"]
        x = drive if layer == "output" else _activated(torch, activation, drive)
    functional = torch.nn.functional
    loss = {
        "logistic": lambda: functional.binary_cross_entropy_with_logits(x, target, reduction="sum"),
        "softmax": lambda: functional.cross_entropy(x, target, reduction="sum"),
        "squared": lambda: 0.5 * ((x - target) ** 2).sum(),
    }[readout]()
    (loss / len(block)).backward()
    for name, update in updates.items():
        np.testing.assert_allclose(update, -weights[name].grad.numpy(), rtol=0, atol=1e-10)


def _activated(torch: Any, name: str, drive: Any) -> Any:
    functional = torch.nn.functional
    return {
        "linear": lambda x: x,
        "logistic": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": functional.leaky_relu,
        "gelu": lambda x: functional.gelu(x, approximate="tanh"),
        "softplus": functional.softplus,
    }[name](drive)


def test_a_state_moves_from_one_library_to_the_other(torch: Any) -> None:
    net = rates(rule=rules.three_factor(0.5, dynamics=dynamics.adam(1e-2)))
    one, other = both(net, batch=4)
    one.run(trials(8, learning=1.0))
    other.state = one.state
    later = trials(8, seed=3, learning=1.0)
    one.run(later)
    other.run(later)
    for name, values in one.state.items():
        np.testing.assert_allclose(other.state[name], values, rtol=0, atol=1e-10)


def test_same_seed_same_bits(torch: Any) -> None:
    states = []
    for _ in range(2):
        simulator = simulate(rates(unreliable=0.3), "array", batch=4, library="torch:cpu")
        simulator.run(trials(20, learning=1.0))
        states.append(simulator.state)
    assert all(values.dtype == np.float32 for values in states[0].values())
    assert all((values == states[1][name]).all() for name, values in states[0].items())


def test_what_is_returned_is_a_copy(torch: Any) -> None:
    simulator = simulate(rates(), "array", library="torch")
    kept = simulator.weights("hidden_1_to_hidden_2")
    before = kept.copy()
    block = trials(8, learning=1.0)
    values = block.values.copy()
    simulator.run(block)
    assert (kept == before).all()
    assert (block.values == values).all()


def test_values_that_may_not_be_written_are_taken_without_a_warning(
    torch: Any, recwarn: pytest.WarningsRecorder
) -> None:
    values = np.broadcast_to(np.full(6, 0.5, np.float32), (4, 6))
    simulate(rates(), "array", library="torch", batch=4).run(Block(values))
    assert not [w for w in recwarn if "writ" in str(w.message)]


def test_cuda_is_the_same(torch: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    net = rates(rule=rules.three_factor(0.5, dynamics=dynamics.adam(1e-2)), unreliable=0.2)
    one = simulate(net, "array", dtype="float64", batch=4)
    other = simulate(net, "array", dtype="float64", batch=4, library="torch:cuda")
    for simulator in (one, other):
        simulator.run(trials(18, learning=1.0))
    for name, values in one.state.items():
        np.testing.assert_allclose(other.state[name], values, rtol=0, atol=1e-10)


def test_a_device_that_pytorch_lacks_is_named(torch: Any) -> None:
    with pytest.raises(DeviceError, match=r"needs PyTorch's device 'nowhere' with float32"):
        simulate(rates(), "array", library="torch:nowhere")


def test_pytorch_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "apical.devices.arrays.torch_library", raising=False)
    with pytest.raises(DeviceError, match=r"pip install 'apical\[torch\]'"):
        simulate(rates(), "array", library="torch")


@pytest.mark.parametrize("name", ["jax", "numpy:cpu", "Torch", ""])
def test_a_library_that_is_not_known_is_named(name: str) -> None:
    with pytest.raises(
        ParameterError, match=f"library must be 'numpy', 'torch' or .* got {name!r}"
    ):
        simulate(rates(), "array", library=name)


@pytest.mark.parametrize("device", ["runtime", "cpp_standalone"])
def test_other_devices_have_no_library(device: str) -> None:
    with pytest.raises(DeviceError, match=f"Device {device!r} has no option 'library'"):
        simulate(rates(), device, library="torch")


# ---- the command --------------------------------------------------------------------------------
TINY = (
    "rate_dfa",
    "--hidden",
    "4",
    "--train-trials",
    "24",
    "--test-trials",
    "8",
    "--epochs",
    "1",
    "--batch",
    "8",
    "--quiet",
    "--no-figures",
    "--out",
    "there",
)


def run(*words: str) -> Result:
    return CliRunner().invoke(commands, ["run", *words], standalone_mode=False)


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "there"


def test_a_run_names_its_library_and_goes_on_with_it(torch: Any, there: Path) -> None:
    assert run(*TINY, "--library", "torch").return_value == 0
    config, summary = (json.loads((there / f"{n}.json").read_text()) for n in ("config", "summary"))
    assert config["library"] == "torch"
    assert config["versions"]["torch"] == summary["versions"]["torch"] == torch.__version__
    words = shlex.split(naming.command(open_run(there)))
    assert words[words.index("--library") + 1] == "torch"
    (there / "summary.json").unlink()
    assert run("--resume", "there", "--quiet", "--no-figures").return_value == 0
    again = json.loads((there / "summary.json").read_text())
    assert again["versions"] == summary["versions"]
    assert again["test_accuracy"] == summary["test_accuracy"]
    (there / "summary.json").unlink()
    moved = run("--resume", "there", "--quiet", "--no-figures", "--library", "numpy")
    assert moved.return_value == 0, "on a machine without PyTorch, or without a card"
    assert "torch" not in json.loads((there / "summary.json").read_text())["versions"]


def test_libraries_that_a_run_cannot_have_are_refused(there: Path) -> None:
    assert "library must be 'numpy'" in str(run(*TINY, "--library", "jax").exception)
    said = run(*TINY, "--library", "torch", "--device", "runtime", "--batch", "1").exception
    assert isinstance(said, DeviceError) and "has no option 'library'" in str(said)
    assert not there.exists()


def test_a_run_on_numpy_says_nothing_of_libraries(there: Path) -> None:
    run(*TINY)
    config = json.loads((there / "config.json").read_text())
    assert "library" not in config and "torch" not in config["versions"]
    assert "--library" not in naming.command(open_run(there))
