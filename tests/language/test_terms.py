"""Updates as sums of rank-one terms."""

import ast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apical.devices.arrays.numpy_library import NumpyLibrary
from apical.errors import DeviceError
from apical.language.expressions import parse
from apical.language.rank_one import compiled, terms

FUNCTIONS = NumpyLibrary("float64").operations
LEAVES = st.sampled_from(
    ["x_pre", "x_post", "teach_post", "w", "eta", "2", "0.5", "int(x_pre > 0.3)"]
)
UPDATES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda a: f"(-{a})"),
        st.sampled_from(["x_pre", "teach_post", "eta"]).map(lambda a: f"tanh({a})"),
        inner.map(lambda a: f"({a} / 4)"),
    ),
    max_leaves=8,
)


def values(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "x_pre": rng.normal(size=(3, 1)),
        "x_post": rng.normal(size=(1, 4)),
        "teach_post": rng.normal(size=(1, 4)),
        "w": rng.normal(size=(3, 4)),
        "eta": np.array(0.7),
    }


@given(UPDATES, st.integers(0, 100))
def test_terms_sum_up_to_the_update(text: str, seed: int) -> None:
    known = values(seed)
    whole = np.broadcast_to(compiled(parse(text), FUNCTIONS)(known), (3, 4))
    parts = [
        np.broadcast_to(compiled(t.synapse, FUNCTIONS)(known), (3, 4))
        * np.broadcast_to(compiled(t.pre, FUNCTIONS)(known), (3, 1))
        * np.broadcast_to(compiled(t.post, FUNCTIONS)(known), (1, 4))
        for t in terms(text)
    ]
    np.testing.assert_allclose(sum(parts), whole, rtol=1e-9, atol=1e-9)


def read(tree: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


@given(UPDATES)
def test_each_factor_reads_one_place(text: str) -> None:
    for term in terms(text):
        assert not any(name.endswith("_post") or name == "w" for name in read(term.pre))
        assert not any(name.endswith("_pre") or name == "w" for name in read(term.post))
        assert not any(name.endswith(("_pre", "_post")) for name in read(term.synapse))


def test_the_three_factor_rule_is_one_product() -> None:
    (term,) = terms("eta * x_pre * gain_post * teach_post")
    assert [ast.unparse(f) for f in (term.synapse, term.pre, term.post)] == [
        "eta",
        "x_pre",
        "gain_post * teach_post",
    ]


def test_decay_is_a_term_of_the_synapse_alone() -> None:
    products, decay = terms("eta * (x_pre * teach_post - decay * w)")
    assert products.is_outer and not decay.is_outer


def test_a_power_of_a_sum_is_multiplied_out() -> None:
    assert len(terms("(x_pre + x_post)**2")) == 4


@pytest.mark.parametrize(
    "update",
    ["tanh(x_pre*x_post)", "eta*int(x_pre > x_post)", "1/(x_pre + x_post)", "x_pre**x_post"],
)
def test_what_is_no_matrix_product_is_refused_by_name(update: str) -> None:
    with pytest.raises(DeviceError, match="mixes the two neurons in .* simulate it in Brian2"):
        terms(update)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int(x > 0.5)", [0.0, 1.0]),
        ("clip(x, 0.3, 0.6)", [0.3, 0.6]),
        ("abs(-x) + sqrt(x*x)", [0.5, 1.5]),
        ("int(x > 0.1 and not x > 0.5)", [1.0, 0.0]),
        ("int(x < 0.5 or x >= 0.75)", [1.0, 1.0]),
        ("exp(log(x)) % 0.5", [0.25, 0.25]),
    ],
)
def test_expressions_of_arrays(text: str, expected: list[float]) -> None:
    found = compiled(parse(text), FUNCTIONS)({"x": np.array([0.25, 0.75])})
    np.testing.assert_allclose(found, expected)
