"""Device array where arrays are not in NumPy's memory: what crosses, when, and whether it fits.

No graphics card is needed: NumPy's arrays are taken for such that are elsewhere, and tensors
without content (PyTorch's device ``meta``) show that nothing reads them before a block is over.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from rate_networks import rates

from apical import Block, Network, dynamics, feedback, rules, simulate
from apical.data.datasets import Dataset, Samples
from apical.devices.arrays import transfer as supplying
from apical.devices.arrays.engine import ArraySimulator
from apical.devices.arrays.library import Elsewhere
from apical.devices.arrays.numpy_library import NumpyLibrary
from apical.errors import DeviceError, ParameterError
from apical.plasticity.rules import LearningRule
from apical.training.loop import Plan, steps

DYNAMICS = {
    "plain": None,
    "momentum": dynamics.momentum(),
    "rmsprop": dynamics.rmsprop(1e-2),
    "adam": dynamics.adam(1e-2),
}
WEIGHED = LearningRule("r", "eta*x_pre*teach_post*clip(w, -0.5, 0.5)", {"eta": 0.5})
SIZES = (6, 5, 4, 3)
FALLING = np.linspace(1, 0.1, 18)


class Far(NumpyLibrary, Elsewhere):
    """NumPy's arrays, taken for such that are elsewhere: notes what is sent there and back."""

    def __init__(self, *, room: bool = True) -> None:
        super().__init__("float32")
        self.room, self.crossed = room, list[tuple[str, tuple[int, ...]]]()

    def put(self, values: np.ndarray, out: Any) -> None:
        self.crossed.append(("there", values.shape))
        super().put(values, out)

    def back(self, array: Any) -> np.ndarray:
        if array.shape:  # not the sum of weights, which says after each block whether they diverged
            self.crossed.append(("back", array.shape))
        return super().back(array)

    def has_room(self, shape: tuple[int, int]) -> bool:
        return self.room

    def numbers(self, values: np.ndarray) -> Any:
        self.crossed.append(("there", values.shape))
        return values.copy()

    def take(self, table: Any, numbers: Any, out: Any) -> None:
        np.take(table, numbers, axis=0, out=out)


def net(kind: str = "plain", **options: Any) -> Network:
    rule = WEIGHED if kind == "weighed" else rules.three_factor(0.5, dynamics=DYNAMICS[kind])
    return rates(rule=rule, **options)


def samples(n: int = 40) -> Samples:
    rng = np.random.default_rng(3)
    values = rng.integers(0, 256, (n, SIZES[0]), np.uint8)
    return Samples(values, rng.integers(0, SIZES[-1], n), 255.0)


def block(of: Samples, first: int = 0, *, rows: bool = True) -> Block:
    index = np.random.default_rng(first).permutation(len(of))[:18]
    values = of.rows(index) if rows else of.block(index)[0]
    return Block(values, of.labels[index], FALLING, first)


def far(network: Network, **options: Any) -> tuple[ArraySimulator, Far]:
    library = Far(**options)
    return ArraySimulator(network, library, 4, ()), library


# ---- what crosses -------------------------------------------------------------------------------
def test_samples_are_sent_once_and_blocks_only_say_which_they_show() -> None:
    simulator, library = far(net("adam"))
    shown = samples()
    simulator.run(block(shown))
    assert ("there", (40, 6)) in library.crossed, "all samples"
    library.crossed.clear()
    simulator.run(block(shown, 1))
    order, targets, output = ("there", (18,)), ("there", (18, 3)), ("back", (18, 3))
    assert library.crossed == [order, targets, output]


def test_samples_that_nobody_has_any_more_make_room() -> None:
    simulator, _ = far(net())
    first = samples()
    simulator.run(block(first))
    assert len(simulator._supply._held) == 1
    del first
    gc.collect()
    assert not simulator._supply._held


def test_samples_that_do_not_fit_are_sent_in_large_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supplying, "PART", 8 * 6)
    simulator, library = far(net(), room=False)
    simulator.run(block(samples()))
    sent = [shape for where, shape in library.crossed if where == "there"]
    assert [shape for shape in sent if shape[1] == 6] == [(8, 6), (8, 6), (2, 6)]
    assert [shape for shape in sent if shape[1] == 3] == [(16, 3), (2, 3)]


def test_random_numbers_cross_as_they_are_drawn() -> None:
    """They are NumPy's wherever the arrays are, so that all devices learn the same."""
    simulator, library = far(net(unreliable=0.2))
    shown = samples()
    simulator.run(block(shown))
    library.crossed.clear()
    simulator.run(block(shown, 1))
    drawn = [("there", (n, size)) for n in (4, 4, 4, 4, 2) for size in (5, 4)]
    assert library.crossed[2:-1] == drawn


# ---- the same numbers ---------------------------------------------------------------------------
@pytest.mark.parametrize("part", [10**6, 8 * 6, 1], ids=["at once", "parts", "trial by trial"])
@pytest.mark.parametrize("room", [True, False])
@pytest.mark.parametrize("kind", DYNAMICS)
def test_wherever_samples_are_the_bits_are_the_same(
    kind: str, room: bool, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supplying, "PART", part)
    network, shown = net(kind, unreliable=0.2), samples()
    record, traces = ("hidden_1",), ("x", "teach")
    near = ArraySimulator(network, NumpyLibrary("float32"), 4, record, traces)
    other = ArraySimulator(network, Far(room=room), 4, record, traces)
    for first in range(3):
        one, two = near.run(block(shown, first, rows=False)), other.run(block(shown, first))
        for name, values in (one.counts | one.traces).items():
            assert ((two.counts | two.traces)[name] == values).all()
    for name, values in near.state.items():
        np.testing.assert_array_equal(other.state[name], values)


def test_a_training_with_its_evaluations_is_the_same() -> None:
    data = Dataset("few", samples(), samples(12), 3, (6,))
    near = simulate(net("adam"), "array", batch=4)
    simulator, _ = far(net("adam"))
    plan = Plan(epochs=3, block=16)
    taken = [[s.metrics for s in steps(one, data, plan)] for one in (near, simulator)]
    assert taken[0] == taken[1]
    for name, values in near.state.items():
        np.testing.assert_array_equal(simulator.state[name], values)
    assert len(simulator._supply._held) == 2, "training and test samples"


def test_rows_of_samples_are_the_stimuli_that_a_block_of_them_is() -> None:
    shown, index = samples(), np.array([3, 0, 3, -1])
    rows, (values, _) = shown.rows(index), shown.block(index)
    assert (rows.shape, rows.ndim, len(rows)) == ((4, 6), 2, 4)
    np.testing.assert_array_equal(rows, values)
    np.testing.assert_array_equal(rows[1:3], values[1:3])
    np.testing.assert_array_equal(rows.reshape(-1, 3), values.reshape(-1, 3))
    assert rows.index.min() >= 0, "an array on a card has no row -1"
    with pytest.raises(ParameterError, match="whole numbers from 0 to 39"):
        shown.rows(np.array([40]))


# ---- PyTorch ------------------------------------------------------------------------------------
@pytest.fixture
def torch() -> Any:
    """Return PyTorch, or skip the test."""
    return pytest.importorskip("torch")


def blind() -> Any:
    """Return PyTorch's library with tensors that have no content: what reads it fails."""
    import torch

    from apical.devices.arrays.torch_library import TorchLibrary

    class Blind(TorchLibrary):
        def __init__(self) -> None:
            self.dtype, self.device, self._is_card = torch.float32, torch.device("meta"), False
            self.read = list[tuple[int, ...]]()

        def has_room(self, shape: tuple[int, int]) -> bool:
            return True

        def back(self, array: Any) -> np.ndarray:
            self.read.append(tuple(array.shape))
            return np.zeros(array.shape, np.float32)

    return Blind()


@contextmanager
def watched() -> Iterator[list[tuple[str, Any]]]:
    """Yield a list of all operations: their names, and the shape of what they take from memory."""
    import torch
    from torch import Tensor
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves, tree_map

    done: list[tuple[str, Any]] = []

    def sent(x: Any) -> Any:
        """Return a number as one of device meta, where some operations know no others."""
        return x.to("meta") if isinstance(x, Tensor) and not x.dim() else x

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            kwargs = kwargs or {}
            tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
            there = kwargs.get("device") == torch.device("meta") or any(t.is_meta for t in tensors)
            # numbers of shape () are arguments of an operation, where it is not a copy
            large = [t for t in tensors if t.dim() or "copy" in str(func)]
            taken = [tuple(t.shape) for t in large if not t.is_meta]
            done.append((str(func), taken[0] if there and taken else None))
            if there:
                args, kwargs = tree_map(sent, (args, kwargs))
            return func(*args, **kwargs)

    with Watch():
        yield done


@pytest.mark.parametrize("kind", [*DYNAMICS, "weighed"])
@pytest.mark.parametrize("wiring", ["direct", "transposed", "indirect"])
def test_nothing_crosses_between_the_trials_of_a_block(torch: Any, wiring: str, kind: str) -> None:
    library, shown = blind(), samples()
    network = net(kind, wiring=getattr(feedback, wiring), bounds=(-0.5, 0.5))
    simulator = ArraySimulator(network, library, 4, ())
    with watched() as done:
        simulator.run(block(shown))
        library.read.clear()
        done.clear()
        simulator.run(block(shown, 1))
    products = [k for k, (name, _) in enumerate(done) if "addmm" in name]
    assert len(products) >= 5 * 6, "five batches, forward and learning"
    sent = [(k, shape) for k, (_, shape) in enumerate(done) if shape is not None]
    assert {shape for _, shape in sent} == {(18,), (18, 3)}
    assert max(k for k, _ in sent) < products[0], "before the first batch"
    sums = [()] * len(network.plastic)
    assert library.read == [*sums, (18, 3)], "whether weights are finite, and the output, at last"


def resident() -> Any:
    from apical.devices.arrays.torch_library import TorchLibrary

    class Resident(TorchLibrary):
        def has_room(self, shape: tuple[int, int]) -> bool:
            return True

    return Resident("float32", "cpu")


@pytest.mark.parametrize("kind", ["plain", "adam"])
def test_an_epoch_on_tensors_is_that_on_arrays_within_single_precision(
    torch: Any, kind: str
) -> None:
    data = Dataset("few", samples(), samples(12), 3, (6,))
    near = simulate(net(kind, unreliable=0.2), "array", batch=4)
    simulator = ArraySimulator(net(kind, unreliable=0.2), resident(), 4, ())
    for one in (near, simulator):
        list(steps(one, data, Plan(epochs=1, block=16)))
    for name, values in near.state.items():
        np.testing.assert_allclose(simulator.state[name], values, rtol=0, atol=1e-5)


# ---- memory -------------------------------------------------------------------------------------
class Full(NumpyLibrary):
    """Arrays for which there is no memory, from some size on."""

    def __init__(self, most: int, error: Exception) -> None:
        super().__init__("float32")
        self.exhausted = (type(error),)
        self._most, self._error = most, error

    def array(self, values: np.ndarray) -> Any:
        if values.size > self._most:
            raise self._error
        return super().array(values)

    def empty(self, shape: tuple[int, ...]) -> Any:
        if np.prod(shape) > self._most:
            raise self._error
        return super().empty(shape)


@pytest.mark.parametrize("most", [10, 31], ids=["weights", "activities"])
def test_a_network_that_does_not_fit_is_told_what_it_needs(most: int) -> None:
    error = MemoryError("Unable to allocate 18.6 GiB for an array with shape (9, 9)")
    network = rates(sizes=(6, 5, 3))
    with pytest.raises(DeviceError) as said:
        ArraySimulator(network, Full(most, error), 12, ()).run(block(samples(), rows=False))
    for words in (
        "no memory left (Unable to allocate 18.6 GiB",
        "each signal 0 MB with batch=12",
        "'hidden_1' 5",
        "lower the number of hidden neurons or batch",
    ):
        assert words in str(said.value)


def test_what_is_needed_counts_weights_and_what_their_updates_keep() -> None:
    error = MemoryError("no")
    network = rates(
        sizes=(1000, 999, 1), rule=rules.three_factor(1.0, dynamics=dynamics.adam(1e-2))
    )
    n = 1000 * 999 + 999 * 1 + 999 + 1
    kept = 3 * n * 4 / 1e6  # with two moments; the counter is one number
    with pytest.raises(DeviceError, match=f"updates keep take {kept:.0f} MB"):
        ArraySimulator(network, Full(10, error), 1, ())


def test_a_card_that_is_full_is_one_line(torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.11 GiB "
        "of which 3.00 GiB is free. Including non-PyTorch memory, this process has ...\nAnd so on."
    )

    def full(*_: Any, **__: Any) -> Any:
        raise torch.cuda.OutOfMemoryError(text)

    monkeypatch.setattr(torch, "empty", full)
    with pytest.raises(DeviceError) as said:
        simulate(rates(), "array", batch=4, library="torch").run(block(samples(), rows=False))
    for words in ("Tried to allocate 20.00 GiB. GPU 0 has", "of which 3.00 GiB is free)", "lower"):
        assert words in str(said.value)
    assert "Including" not in str(said.value) and "\n" not in str(said.value)


def test_memory_that_is_full_is_one_line_too(torch: Any) -> None:
    library = resident()
    with pytest.raises(MemoryError, match="you tried to allocate 4000000000000000 bytes"):
        library.empty((10**9, 10**6))


@pytest.mark.parametrize(("free", "fits"), [(24 * 2, True), (24 * 2 - 1, False)])
def test_samples_are_kept_where_as_much_memory_is_left(
    torch: Any, monkeypatch: pytest.MonkeyPatch, free: int, fits: bool
) -> None:
    from apical.devices.arrays.torch_library import TorchLibrary

    library = TorchLibrary("float32", "cpu")
    assert not library.has_room((1, 1)), "in memory there is nothing to gain"
    monkeypatch.setattr(library, "_is_card", True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 10**9))
    assert library.has_room((2, 3)) is fits


def test_a_card_that_is_not_there_is_named(torch: Any) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(
        DeviceError, match=r"needs PyTorch's device 'cuda'.*PyTorch says: .*CUDA|NV"
    ):
        simulate(rates(), "array", library="torch:cuda")
