"""How arrays learn quickly: expressions without new arrays, strips of weights, updates in place."""

import ast
import tracemalloc
from typing import Any

import numpy as np
import pytest
from rate_networks import rates, trials

from apical import Block, dynamics, feedback, rules, simulate
from apical._base import compilers
from apical.devices.arrays import storage
from apical.devices.arrays.compiled_loops import Loop
from apical.devices.arrays.engine import ArraySimulator
from apical.devices.arrays.expression_program import Program
from apical.devices.arrays.library import Workspace
from apical.devices.arrays.numpy_library import NumpyLibrary
from apical.language.activations import ACTIVATIONS
from apical.language.expressions import names, parse
from apical.language.rank_one import compiled
from apical.plasticity.optimizers import UpdateDynamics
from apical.plasticity.rules import LearningRule

LIBRARY = NumpyLibrary("float64")
DYNAMICS = (dynamics.momentum(), dynamics.rmsprop(1e-2), dynamics.adam(1e-2))
TEXTS = sorted(
    {text for a in ACTIVATIONS.values() for text in (a.response, a.slope)}
    | {text for d in DYNAMICS for text in (d.change, *(step for _, step in d.steps))}
    | {
        "x**2",
        "x**3*update",
        "(x + 1)**2",
        "-(x + w)**4",
        "x**5",
        "x**0.5",
        "2**x",
        "clip(x, 0.25, w)",
        "int(x > 0.5 and not w < 0.5 or x == w)*update",
        "(x - w)*(x + w)/(1 + x)",
        "abs(-x) % 0.3",
    }
)
# Terms of every kind: weighed by the weight, plain, and of the synapse alone.
WEIGHTY = "eta*x_pre*gain_post*teach_post*(1 - w*w) + eta*x_pre*teach_post - decay*abs(w)*w + up"


def values_of(text: str) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Return arrays for half of the names of an expression, and numbers for the others."""
    rng = np.random.default_rng(0)
    known = sorted(names(text))
    arrays = [name for name in known if name in ("drive", "update", "w", "x", "m", "v")]
    return (
        {name: rng.uniform(0.1, 1, (3, 4)) for name in arrays},
        {name: rng.uniform(0.1, 0.9) for name in known if name not in arrays},
    )


def run(program: Program, values: Any, numbers: Any, out: np.ndarray) -> Any:
    """Work out a program, and return its result."""
    registers = [np.empty_like(out) for _ in range(program.n_registers)]
    found, calls = program.bound(values, program.folded(numbers), out, registers)
    for call in calls:
        call()
    return found


@pytest.mark.parametrize("text", TEXTS)
def test_a_program_is_its_expression(text: str) -> None:
    arrays, numbers = values_of(text)
    expected = compiled(parse(text), LIBRARY.operations)({**arrays, **numbers})
    found = run(Program(parse(text), LIBRARY, numbers), arrays, numbers, np.empty((3, 4)))
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_a_program_makes_no_arrays() -> None:
    arrays, numbers = values_of(text := DYNAMICS[1].change)
    program = Program(parse(text), LIBRARY, numbers)
    big = {name: np.full((1000, 100), 0.5) for name in arrays}
    out, registers = big["v"], [np.empty((1000, 100)) for _ in range(program.n_registers)]
    found, calls = program.bound(big, program.folded(numbers), out, registers)
    tracemalloc.start()
    for call in calls:
        call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found is out
    assert peak < out.nbytes / 20
    assert program.n_registers == 2


def test_numbers_are_worked_out_once() -> None:
    program = Program(parse("rho*v + (1 - rho)*update*update"), LIBRARY, {"rho"})
    assert program.folded({"rho": 0.75}) == {"rho": 0.75, "1 - rho": 0.25}


def test_numbers_can_be_worked_out_again() -> None:
    program = Program(parse("w*(1 - rho)"), LIBRARY, {"rho"})
    folded, w, out = program.folded({"rho": 0.25}), np.ones(2), np.empty(2)
    _, (call,) = program.bound({"w": w}, folded, out, [])
    call()
    assert (out == 0.75).all()
    program.refold(folded, {"rho": 0.5})
    call()
    assert (out == 0.5).all()


@pytest.mark.parametrize("update", ["eta*x_pre*gain_post*teach_post", WEIGHTY])
def test_a_learning_rate_that_changes_is_the_one_that_is_used(update: str) -> None:
    numbers = {"eta": 0.05, "decay": 0.01, "up": 0.001}
    rule = LearningRule("r", update, {k: v for k, v in numbers.items() if k in update})
    simulator = simulate(rates(rule=rule), "array", dtype="float64", batch=5)
    for factor in (1.0, 0.25, 0.5, 1.0):
        block = trials(5, learning=factor)
        before, updates = simulator.state, simulator.updates(block)
        simulator.run(block)
        for name, asked in updates.items():
            expected = before[f"{name}.w"] + factor * asked
            np.testing.assert_allclose(simulator.weights(name), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", [dynamics.momentum(), dynamics.rmsprop(), dynamics.adam()])
def test_a_rate_that_falls_steps_as_if_planned_anew(kind: UpdateDynamics) -> None:
    rule = rules.three_factor(0.5, dynamics=kind, decay=0.1)
    kept = simulate(rates(rule=rule), "array", dtype="float64", batch=2)
    state = kept.state
    for factor in (1.0, 0.7, 0.3, 1.0):
        block = trials(6, learning=np.full(6, factor))
        kept.run(block)
        fresh = simulate(rates(rule=rule), "array", dtype="float64", batch=2)
        fresh.state = state
        fresh.run(block)
        state = fresh.state
        for name, values in kept.state.items():
            np.testing.assert_array_equal(values, state[name])


def test_batches_of_many_sizes_learn_their_own_trials() -> None:
    """The calls of a batch are kept; they are those of a simulator that never saw another size."""
    net = rates(rule=rules.three_factor(0.5))
    one = simulate(net, "array", dtype="float64", batch=10)
    for seed, n in enumerate((5, 3, 1, 2, 4, 6, 7, 8, 9, 10, 5, 3)):
        block, other = (
            trials(n, seed=seed, learning=1.0),
            simulate(net, "array", dtype="float64", batch=10),
        )
        other.state = one.state
        for simulator in (one, other):
            simulator.run(block)
        assert all((one.state[name] == values).all() for name, values in other.state.items())


@pytest.mark.parametrize("text", ["w", "rho", "1 - rho"])
def test_what_need_not_be_written_is_not(text: str) -> None:
    program = Program(parse(text), LIBRARY, {"rho"})
    assert not program.writes
    w = np.ones(2)
    found, calls = program.bound({"w": w}, program.folded({"rho": 0.25}), None, [])
    assert calls == []
    assert found is w if text == "w" else found == {"rho": 0.25, "1 - rho": 0.75}[text]


def test_a_result_may_replace_what_it_is_made_of() -> None:
    for text in ("w + w*w", "(1 - w)/(1 + w)", "w**3 + w**2", "w**2", "w - w**4"):
        program = Program(parse(text), LIBRARY)
        w = np.linspace(0.1, 0.9, 5)
        expected = compiled(parse(text), LIBRARY.operations)({"w": w.copy()})
        run(program, {"w": w}, {}, w)
        np.testing.assert_allclose(w, expected, rtol=1e-14)


def test_arrays_are_used_again() -> None:
    room = Workspace(LIBRARY)
    first = room("a", (10, 3))
    assert np.shares_memory(first, room("a", (4, 3)))
    assert room("a", (4, 3)).shape == (4, 3)
    assert not np.shares_memory(first, room("b", (10, 3)))
    assert room("a", (12, 3)).shape == (12, 3)


def learned(rule: LearningRule, block: Block, batch: int = 8) -> dict[str, np.ndarray]:
    net = rates(feedback.direct, rule=rule, bounds=(-0.9, 0.9))
    simulator = simulate(net, "array", dtype="float64", batch=batch)
    simulator.run(block)
    return simulator.state


@pytest.mark.parametrize("kind", [None, *DYNAMICS], ids=lambda d: d.name if d else "plain")
@pytest.mark.parametrize("update", ["eta*x_pre*gain_post*teach_post", WEIGHTY])
def test_strips_of_any_height_learn_the_same(
    update: str, kind: UpdateDynamics | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = {"eta": 0.05, "decay": 0.01, "up": 0.001}
    rule = LearningRule(
        "r", update, {k: v for k, v in numbers.items() if k in update}, dynamics=kind
    )
    block = trials(30, learning=np.repeat([1.0, 0.5, 1.0], 10))
    whole = learned(rule, block, batch=1)
    monkeypatch.setattr(storage, "STRIP", 1)
    for name, values in learned(rule, block, batch=1).items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-12, atol=1e-15)


def by_hand(kind: UpdateDynamics | None, updates: list[np.ndarray], w: np.ndarray) -> np.ndarray:
    """Return the weights after updates, by the equations of the dynamics on whole matrices."""
    if kind is None:
        return w + sum(updates)
    values = {**kind.parameters, **{name: np.full(w.shape, v) for name, v in kind.state.items()}}
    for update in updates:
        values |= {"update": update, "w": w}
        for name, text in kind.steps:
            values[name] = compiled(parse(text), LIBRARY.operations)(values)
        w = w + compiled(parse(kind.change), LIBRARY.operations)(values)
    return w


# A step before the shared variable is counted up must see it as it was.
ORDERLY = UpdateDynamics(
    "orderly",
    {"m": 0.0, "n": 1.0, "k": 0.0},
    (("k", "update"), ("m", "m + n*update"), ("n", "2*n")),
    "m/n + k - 0.1*w",
)


@pytest.mark.parametrize("kind", [None, *DYNAMICS, ORDERLY], ids=lambda d: d.name if d else "plain")
def test_dynamics_go_step_by_step(kind: UpdateDynamics | None) -> None:
    net = rates(rule=rules.three_factor(0.5, dynamics=kind))
    simulator = simulate(net, "array", dtype="float64", batch=5)
    start = {p.name: simulator.weights(p) for p in net.plastic}
    updates: dict[str, list[np.ndarray]] = {name: [] for name in start}
    for seed in range(4):
        block = trials(5, seed=seed, learning=1.0)
        for name, update in simulator.updates(block).items():
            updates[name].append(update)
        simulator.run(block)
    for name, w in start.items():
        expected = by_hand(kind, updates[name], w)
        np.testing.assert_allclose(simulator.weights(name), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("update", ["eta*x_pre*gain_post*teach_post - decay*w", WEIGHTY])
def test_terms_of_the_weight_read_it_as_it_was(update: str) -> None:
    numbers = {"eta": 0.5, "decay": 0.01, "up": 0.001}
    rule = LearningRule("r", update, {k: v for k, v in numbers.items() if k in update})
    simulator = simulate(rates(rule=rule), "array", dtype="float64", batch=5)
    block = trials(5, learning=0.5)
    before, updates = simulator.state, simulator.updates(block)
    simulator.run(block)
    for name, asked in updates.items():
        expected = before[f"{name}.w"] + 0.5 * asked
        np.testing.assert_allclose(simulator.weights(name), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("wiring", [feedback.direct, feedback.transposed], ids=["dfa", "bp"])
@pytest.mark.parametrize("kind", [None, *DYNAMICS], ids=lambda d: d.name if d else "plain")
def test_learning_makes_no_array_larger_than_the_activity(
    wiring: Any, kind: UpdateDynamics | None
) -> None:
    n_hidden, batch = 1000, 100
    net = rates(wiring, (50, n_hidden, n_hidden, 3), rule=rules.three_factor(0.1, dynamics=kind))
    simulator = simulate(net, "array", dtype="float32", batch=batch)
    rng = np.random.default_rng(0)
    values = rng.random((2 * batch, 50), np.float32)
    block = Block(values, rng.integers(0, 3, 2 * batch), 1.0)
    weights = simulator._weights["hidden_1_to_hidden_2"]
    simulator.run(block)
    activity = batch * n_hidden * 4
    assert weights.nbytes == 10 * activity
    assert simulator._weights["hidden_1_to_hidden_2"] is weights
    rooms = (simulator._settling._room, simulator._learners[0]._room)
    assert max(array.nbytes for room in rooms for array in room._arrays.values()) == activity
    tracemalloc.start()
    simulator.run(block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < activity


def test_signals_of_one_batch_do_not_leak_into_the_next() -> None:
    """What was returned stays, and a small batch after a large one sees its own trials only."""
    simulator = simulate(rates(), "array", dtype="float64", batch=4, record=["hidden_1"])
    large, small = trials(9, seed=1), trials(2, seed=2)
    first = simulator.run(large).counts["hidden_1"]
    kept = first.copy()
    alone = simulate(rates(), "array", dtype="float64", batch=4, record=["hidden_1"]).run(small)
    assert (simulator.run(small).counts["hidden_1"] == alone.counts["hidden_1"]).all()
    assert (first == kept).all()


def test_stimuli_are_left_as_they_are() -> None:
    block = trials(8, learning=1.0)
    before = block.values.copy()
    net = rates(rule=rules.three_factor(0.5))
    simulate(net, "array", dtype="float64", batch=4).run(block)
    assert (block.values == before).all()


def test_conditions_join_more_than_two() -> None:
    node = parse("int(x > 0 and x < 3 and not x == 2)")
    assert isinstance(node, ast.expr)
    program = Program(node, LIBRARY)
    x = np.array([-1.0, 1.0, 2.0, 4.0])
    found = run(program, {"x": x}, {}, np.empty(4))
    assert found.tolist() == [0, 1, 0, 0]


@pytest.fixture
def other_compiler(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that sets the compiler; loops are compiled anew, before and after."""
    compilers.loaded.cache_clear()
    yield lambda name: monkeypatch.setenv("CXX", name)
    compilers.loaded.cache_clear()


def looped(kind: UpdateDynamics | None, dtype: str, update: str, **options: Any) -> Any:
    """Return what is learned on arrays, with loops or without."""
    numbers = {"eta": 0.5, "decay": 0.01}
    rule = LearningRule("r", update, numbers if "decay" in update else {"eta": 0.5}, dynamics=kind)
    net = rates(rule=rule, sizes=(6, 37, 20, 3))
    simulator = ArraySimulator(net, NumpyLibrary(dtype, **options), 5, ())
    simulator.run(trials(30, learning=np.repeat([1.0, 0.5, 1.0], 10)))
    return simulator.state


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [None, *DYNAMICS, ORDERLY], ids=lambda d: d.name if d else "plain")
def test_compiled_loops_give_the_same_bits(kind: UpdateDynamics | None, dtype: str) -> None:
    for update in ("eta*x_pre*gain_post*teach_post", "eta*x_pre*teach_post - decay*w*abs(w)"):
        slow = looped(kind, dtype, update, loops=False)
        for name, values in looped(kind, dtype, update).items():
            assert values.tobytes() == slow[name].tobytes()


def test_numbers_out_of_the_ordinary_are_the_same_bits() -> None:
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-310, -1e-310, 1e300, -1e300, 1.0]
    update, v = (x.ravel() for x in np.meshgrid(special, special))
    programs = [
        (name, Program(parse(text), LIBRARY, {"rho", "rate", "eps"}))
        for name, text in (*DYNAMICS[1].steps, ("w", "w + abs(-rate*update)/(sqrt(v) + eps)"))
    ]
    numbers = [program.folded(DYNAMICS[1].parameters) for _, program in programs]
    slow, fast = ({"w": np.ones(100), "v": v.copy(), "update": update} for _ in range(2))
    with np.errstate(all="ignore"):
        for (name, program), folded in zip(programs, numbers, strict=True):
            registers = [np.empty(100) for _ in range(program.n_registers)]
            for call in program.bound(slow, folded, slow[name], registers)[1]:
                call()
    call = Loop(programs, np.dtype("float64")).bound(fast, numbers)
    if call is None:
        pytest.skip("no compiler")
    call()
    for name, values in slow.items():
        np.testing.assert_array_equal(fast[name], values)
        signs = np.signbit(fast[name]) == np.signbit(values)
        assert (signs | np.isnan(values)).all()


def test_what_has_more_than_one_right_result_is_not_compiled() -> None:
    def function(text: str) -> Any:
        return Loop([("w", Program(parse(text), LIBRARY))], np.dtype("float64")).function

    assert function("w + tanh(update)") is None
    assert function("w + update**0.5") is None
    assert function("w + exp(-update)") is None


@pytest.mark.parametrize("name", ["no-such-compiler", "false"])
def test_without_a_compiler_the_same_is_learned(
    name: str, other_compiler: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = "eta*x_pre*gain_post*teach_post"
    expected = looped(DYNAMICS[1], "float32", update)
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path))
    compilers.loaded.cache_clear()
    other_compiler(name)
    for key, values in looped(DYNAMICS[1], "float32", update).items():
        assert (values == expected[key]).all()
    assert not list(tmp_path.rglob("*.so"))


def test_a_cache_folder_that_cannot_be_written_is_done_without(
    other_compiler: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path / "file"))
    assert looped(DYNAMICS[1], "float32", "eta*x_pre*gain_post*teach_post")


@pytest.mark.parametrize("damage", [b"", b"no library", None])
def test_a_damaged_loop_is_compiled_again(
    damage: bytes | None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path))
    compilers.loaded.cache_clear()
    program = Program(parse("w + 0.5*update"), LIBRARY)
    if Loop([("w", program)], np.dtype("float64")).function is None:
        pytest.skip("no compiler")
    (library,) = tmp_path.rglob("*.so")
    size = library.stat().st_size
    library.unlink()  # it is mapped
    if damage is not None:
        library.write_bytes(damage)
    compilers.loaded.cache_clear()
    assert Loop([("w", program)], np.dtype("float64")).function is not None
    assert library.stat().st_size == size
    compilers.loaded.cache_clear()
