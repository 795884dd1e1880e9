"""Device lockstep, compiled: the bits that NumPy gives, in one program of all time steps."""

from typing import Any

import every_kind
import numpy as np
import pytest

import apical as ap
from apical import Block, Network, connectivity, simulate
from apical._base import compilers
from apical.devices.brian.batched.kernels import Table
from apical.devices.brian.batched.libraries import NumpyBatchLibrary
from apical.devices.brian.batched.program import Cells
from apical.devices.brian.batched.typed import Translator, Untranslatable, Value
from apical.testing.references import spiking

needs_compiler = pytest.mark.skipif(compilers.found() is None, reason="needs a C++ compiler")


def trials(net: Network, n: int = 6) -> Block:
    rng = np.random.default_rng(1)
    values = rng.random((n, net.stimulus.size * net.stimulus.frames))
    return Block.of_labels(values, rng.integers(0, net.output.size, n), learning=1.0)


def bits(net: Network, **options: Any) -> dict[str, bytes]:
    """Return all that two batches of trials leave behind."""
    with simulate(net, "lockstep", batch=3 if net.reset else 1, **options) as simulator:
        result = simulator.run(trials(net))
        found = {**simulator.state, **result.counts, **result.traces}
        found |= {f"{name}: times": spikes[0] for name, spikes in result.spikes.items()}
        found |= {f"{name}: neurons": spikes[1] for name, spikes in result.spikes.items()}
    return {name: np.ascontiguousarray(values).tobytes() for name, values in found.items()}


def assert_same_bits(net: Network, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
    found = bits(net, **options)
    with monkeypatch.context() as patch:
        patch.setattr(NumpyBatchLibrary, "compiles", False)
        expected = bits(net, **options)
    assert found.keys() == expected.keys()
    assert not [name for name, values in expected.items() if found[name] != values]


CASES = [
    pytest.param(
        case,
        marks=() if case in every_kind.covering(every_kind.SPIKING, 1) else pytest.mark.slow,
        id="-".join(case),
    )
    for case in every_kind.covering(every_kind.SPIKING, 2)
    if "event" not in "-".join(case)
]


@needs_compiler
@pytest.mark.parametrize("case", CASES)
def test_compiled_networks_give_the_bits_of_numpy(
    case: every_kind.Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_same_bits(every_kind.spiking(*case), monkeypatch)


@needs_compiler
@pytest.mark.parametrize("name", [*every_kind.OPTIONS])
def test_whatever_neurons_may_be_has_the_bits_of_numpy(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = every_kind.OPTIONS[name]()
    assert_same_bits(net, monkeypatch, record=tuple(p.name for p in net.populations))


TEXTS = """y = clip(v, 0.2, drive) + 0.5*(v - 1)**2
whole = int(3*v) + int(v > 0.5)
y += abs(v - 0.5) + sqrt(v) / 3 + floor(2.5*v) - ceil(0.3*v)
far = whole / 2 + i
y = y + far*0.1 + log(1.0 + tau) - (-v)
flag = (v > 0.3 and not (y > 5)) or whole >= 2
v += 0.1 + 0.01*int(flag)"""


def in_words(text: str = TEXTS) -> Network:
    """Describe neurons with one of each operation that is compiled."""
    net = Network(seed=0, trial=20.0)
    x = net.add(ap.Stimulus("stimulus", 12, ap.encoding.Regular(200.0)))
    model = ap.NeuronModel(
        "v : 1\nx : 1\ny : 1\ndrive : 1\nflag : boolean\nfar : 1",
        threshold="v > 0.55 + 0.01*i and (flag or y > 2)",
        reset="v = 0.1*x\nx += 1\nx = clip(x, 0, 3)",
        at_step=text,
        parameters={"tau": 20.0},
    )
    y = net.add(ap.Neurons("output", 9, model, takes={"drive": "drive"}, offers=("x", "v", "y")))
    net.connect(x, y, weights=ap.Normal(0.2), connectivity=connectivity.Probability(0.5))
    return net


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_operation_gives_the_bits_of_numpy(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"dtype": dtype, "record": ("output",), "traces": ("y", "v")}
    assert_same_bits(in_words(), monkeypatch, **options)
    with simulate(in_words(), "lockstep", **options) as simulator:
        assert simulator.run(trials(in_words())).counts["output"].any()
        every_step = {a.name for a in simulator._actions if a.period == 1 and not a.closing}
        assert every_step <= compiled(simulator)


def compiled(simulator: Any) -> set[str]:
    """Return the names of the objects that the program of a simulator runs by itself."""
    done = simulator._fused._plan.done
    return {action.name for k, action in enumerate(simulator._actions) if k in done}


@needs_compiler
def test_what_has_more_than_one_right_result_stays_with_numpy() -> None:
    net = in_words("y = exp(-v)\nv += 0.1*drive")
    with simulate(net, "lockstep", batch=2) as simulator:
        simulator.run(trials(net))
        there = {action.name for action in simulator._actions if not action.closing}
        left = there - compiled(simulator)
        assert "output_spike_thresholder" in compiled(simulator)
    assert any("output_run_regularly" in name for name in left)


@needs_compiler
def test_all_steps_of_perfect_integrators_are_one_program() -> None:
    net = spiking()
    with simulate(net, "lockstep", batch=2) as simulator:
        simulator.run(trials(net))
        every_step = {a.name for a in simulator._actions if a.period == 1 and not a.closing}
        assert every_step <= compiled(simulator)


@needs_compiler
def test_numbers_and_sizes_are_no_part_of_a_program() -> None:
    def run(hidden: int, tau_m: float) -> None:
        net = Network(seed=0, trial=20.0)
        x = net.add(ap.Stimulus("stimulus", 5, ap.encoding.Regular(200.0)))
        y = net.add(ap.LIF("output", hidden, tau_m=tau_m))
        net.connect(x, y, weights=ap.Normal(0.2))
        with simulate(net, "lockstep") as simulator:
            simulator.run(trials(net))

    run(8, 20.0)
    before = compilers.loaded.cache_info().misses
    run(9, 15.0)
    assert compilers.loaded.cache_info().misses == before


@pytest.mark.parametrize("name", ["no-such-compiler", "false"])
def test_without_a_compiler_the_same_is_learned(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    net = spiking()
    expected = bits(net)
    compilers.loaded.cache_clear()
    monkeypatch.setenv("CXX", name)
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path))
    assert bits(net) == expected
    assert not list(tmp_path.rglob("*.so"))
    compilers.loaded.cache_clear()


def test_an_array_of_another_type_needs_another_program() -> None:
    def cells(dtype: str) -> Cells:
        return Cells({"v": np.zeros((2, 3), dtype)}, 2, ("v",), ("v",))

    table = Table(cells("float32"))
    table.cell("v")
    assert table.filled(cells("float32")) is not None
    assert table.filled(cells("float64")) is None


@pytest.mark.parametrize("text", ["exp(v)", "v ** 0.5", "v % 2", "v // 2", "rand()", "-b", "b + b"])
def test_what_may_be_rounded_otherwise_is_not_translated(text: str) -> None:
    values = {"v": Value("v", np.dtype("float32")), "b": Value("b", np.dtype(bool))}
    translate = Translator(values, lambda text: Value(text, float), ("rand",))
    with pytest.raises(Untranslatable):
        translate(text)


@pytest.mark.parametrize(
    ("text", "dtype"),
    [("v*0.5", "float32"), ("v*d", "float64"), ("k/2", "float64"), ("v*k", "float64"),
     ("k + 1", "int32"), ("int(v)", "int32"), ("v > k", "bool"), ("v*tau", "float32")],
)  # fmt: skip
def test_types_are_those_of_numpy(text: str, dtype: str) -> None:
    known: dict[str, Any] = {"v": np.ones(2, "f4"), "d": np.ones(2), "k": np.ones(2, "i4")}
    values = {name: Value(name, array.dtype) for name, array in known.items()}
    found = Translator(values, lambda text: Value(text, float if text != "1" else int), ())(text)
    assert found.kind == np.dtype(dtype)
    known |= {"int": np.int32, "tau": 2.5}
    assert np.asarray(eval(text, known)).dtype == found.kind
