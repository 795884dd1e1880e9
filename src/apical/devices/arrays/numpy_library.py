"""NumPy array library, with BLAS matrix products that write into existing arrays.

All products use one BLAS (that of SciPy), since the thread pools of NumPy and SciPy would block
each other.
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.linalg import blas

from apical._base.extras import quietly
from apical.devices.arrays.compiled_loops import Loop
from apical.devices.arrays.expression_program import Program
from apical.devices.arrays.library import Call, Library, Scale
from apical.projections.edges import Edges

Array = np.ndarray

AT_A_TIME = 2**20
"""Number of factors gathered at a time for the updates of sparse synapses: 4 or 8 MB."""


def _by_row(values: Array, rows: Array, columns: Array, shape: tuple[int, int]) -> Any:
    """Return a sparse matrix, stored by row (`scipy.sparse.csr_array`)."""
    csr_array = quietly("scipy.sparse").csr_array  # slow to import, and full matrices need none

    return csr_array((values, (rows, columns)), shape=shape)


def _copy(x: Any, out: Array | None = None) -> Any:
    """Return a value; with `out`, copy it there, which is many times faster than `np.positive`."""
    if out is None:
        return x
    np.copyto(out, x)
    return out


def _whole(x: Any, out: Array | None = None) -> Any:
    """Truncate a number or condition to a whole number, in floating point."""
    return np.trunc(x) * 1.0 if out is None else np.trunc(x, out=out)


_OPERATIONS: Mapping[Any, Callable[..., Any]] = {
    "abs": np.absolute,
    "ceil": np.ceil,
    "clip": np.clip,
    "exp": np.exp,
    "floor": np.floor,
    "int": _whole,
    "log": np.log,
    "sign": np.sign,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "not": np.logical_not,
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
    ast.USub: np.negative,
    ast.UAdd: _copy,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.And: np.logical_and,
    ast.Or: np.logical_or,
}


class NumpyLibrary(Library[np.ndarray]):
    """Arrays of NumPy.

    Parameters
    ----------
    dtype
        ``"float32"`` or ``"float64"``.
    loops
        Whether the equations of synapses are compiled where there is a compiler; the same bits,
        sooner.
    """

    operations = _OPERATIONS

    def __init__(self, dtype: str, *, loops: bool = True) -> None:
        self._loops = loops
        self.dtype = np.dtype(dtype)
        single = self.dtype == np.float32
        self._gemm = blas.sgemm if single else blas.dgemm
        self._gemv = blas.sgemv if single else blas.dgemv

    def array(self, values: np.ndarray) -> Array:
        return np.array(values, dtype=self.dtype, order="C")

    def put(self, values: np.ndarray, out: Array) -> None:
        np.copyto(out, values, casting="unsafe")

    def back(self, array: Array) -> np.ndarray:
        return np.array(array)

    def number(self, value: float) -> Array:
        return np.array(value, self.dtype)

    def empty(self, shape: tuple[int, ...]) -> Array:
        return np.empty(shape, self.dtype)

    def product(
        self, x: Array, w: Array, out: Array, *, add: bool, transposed: bool = False
    ) -> Call:
        # All arrays are C-ordered, so their transposes are what BLAS calls ordered.
        return partial(
            self._gemm, 1, w.T, x.T, float(add), out.T, trans_a=transposed, overwrite_c=True
        )

    def outer(self, x: Array, d: Array, out: Array, factor: Scale, *, add: bool) -> Call:
        if x.shape[1] == 1:  # a bias
            return partial(self._gemv, factor, d.T, x[:, 0], float(add), out[0], overwrite_y=True)
        return partial(
            self._gemm, factor, d.T, x.T, float(add), out.T, trans_b=True, overwrite_c=True
        )

    def sparse(self, edges: Edges) -> "NumpySparse":
        return NumpySparse(edges)

    def blocks(self, field: np.ndarray, n_pre: int) -> "NumpyBlocks":
        return NumpyBlocks(field, n_pre, self.dtype)

    def shared(self, field: np.ndarray, n_pre: int) -> "NumpyShared":
        return NumpyShared(field, n_pre, self.dtype)

    def spread(self, array: Array) -> float:
        return float(np.std(array, dtype=np.float64))

    def loop(self, programs: Sequence[tuple[str, Program]]) -> Loop | None:
        return Loop(programs, self.dtype) if self._loops else None

    def stacked(self, arrays: Sequence[Array], n_axes: int) -> Array | None:
        first, places = arrays[0], [array.ctypes.data for array in arrays]
        distance = places[1] - places[0] if len(places) > 1 else 0
        one = _owner(first)
        if any(_owner(a) is not one or a.strides != first.strides for a in arrays):
            return None
        if any(b - a != distance for a, b in pairwise(places)):
            return None
        extra = n_axes - first.ndim
        return np.lib.stride_tricks.as_strided(
            first,
            (len(arrays), *[1] * extra, *first.shape),
            (distance, *[0] * extra, *first.strides),
        )

    def of_stacks(self, function: Callable[..., Any]) -> Callable[..., Any] | None:
        # products keep the bits of each; compiled loops cannot be hashed
        return function if id(function) in _BY_ELEMENT else None

    def softmax(self, drive: Array, out: Array) -> Call:
        return partial(_softmax, drive, out)

    def gate(self, drive: Array, vectors: Array, out: Array) -> Call:
        by_component, gates = (x.reshape(len(x), *vectors.shape) for x in (drive, out))

        def call() -> None:
            open_ones = np.einsum("tcu,cu->tu", by_component, vectors) >= 0
            np.copyto(gates, open_ones[:, np.newaxis])

        return call


def _softmax(drive: Array, out: Array) -> None:
    np.subtract(drive, drive.max(axis=-1, keepdims=True), out=out)
    np.exp(out, out=out)
    out /= out.sum(axis=-1, keepdims=True)


_BY_ELEMENT = frozenset(map(id, (*_OPERATIONS.values(), _softmax)))
"""Identities of functions that do to every row of a stack what they do to that row alone."""


def _owner(array: Array) -> Any:
    """Return the array in whose memory another one is."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


class NumpySparse:
    """Products with synapses that are stored one by one: compressed rows of SciPy.

    Parameters
    ----------
    edges
        The synapses.
    """

    def __init__(self, edges: Edges) -> None:
        self._shape, self._pre, self._post = edges.shape, edges.pre, edges.post
        self._starts = np.concatenate([[0], np.cumsum(edges.out_degrees)]).astype(np.int32)

    def product(
        self, x: Array, w: Array, out: Array, *, add: bool, transposed: bool = False
    ) -> Call:
        """Return the call that writes or adds a product; the weights are read when it is called."""
        csr_array = quietly("scipy.sparse").csr_array  # slow to import, and full matrices need none

        matrix = csr_array((w[:, 0], self._post, self._starts), shape=self._shape, copy=False)
        matrix = matrix if transposed else matrix.T

        def call() -> None:
            _put((matrix @ x.T).T, out, add=add)

        return call

    def outer(
        self, x: Array, d: Array, out: Array, factor: Scale, *, add: bool, rows: slice
    ) -> Call:
        """Return the call that writes or adds the products of the neurons of each synapse."""
        pre, post, total = self._pre[rows], self._post[rows], out[:, 0]
        n = max(1, AT_A_TIME // len(x))

        def call() -> None:
            sent, heard = np.ascontiguousarray(x.T), np.ascontiguousarray(d.T)
            for start in range(0, len(pre), n):
                some = slice(start, start + n)
                found = np.einsum("sb,sb->s", sent[pre[some]], heard[post[some]])
                found *= factor
                _put(found, total[some], add=add)

        return call


class NumpyBlocks:
    """Products with synapses that are stored by window: one matrix product for each window.

    Parameters
    ----------
    field, n_pre
        As in `Library.blocks`.
    dtype
        Of the arrays.
    """

    def __init__(self, field: np.ndarray, n_pre: int, dtype: np.dtype) -> None:
        self._field, (self._n, self._inputs) = np.maximum(field, 0), field.shape
        place = np.nonzero(field.ravel() >= 0)[0]
        ones, shape = np.ones(len(place), dtype), (n_pre, field.size)
        self._back = _by_row(ones, field.ravel()[place], place, shape)

    def _some(self, n_trials: int, first: int = 0, last: int | None = None) -> Iterator[slice]:
        """Yield slices of windows whose inputs are gathered at a time."""
        n = max(1, AT_A_TIME // (self._inputs * n_trials))
        last = self._n if last is None else last
        for start in range(first, last, n):
            yield slice(start, min(start + n, last))

    def product(
        self, x: Array, w: Array, out: Array, *, add: bool, transposed: bool = False
    ) -> Call:
        """Return the call that writes or adds a product; the weights are read when it is called."""
        by_window = w.reshape(self._n, self._inputs, -1)
        some = list(self._some(len(x)))

        def forward() -> None:
            sent, found = np.ascontiguousarray(x.T), by_map(out)
            for one in some:
                got = by_window[one].transpose(0, 2, 1) @ sent[self._field[one]]
                _put(got.transpose(2, 1, 0), found[:, :, one], add=add)

        def backward() -> None:
            heard = np.ascontiguousarray(by_map(x).transpose(2, 1, 0))
            got = np.concatenate([by_window[one] @ heard[one] for one in some])
            _put((self._back @ got.reshape(-1, len(x))).T, out, add=add)

        def by_map(array: Array) -> Array:
            return array.reshape(len(array), -1, self._n)

        return backward if transposed else forward

    def outer(
        self, x: Array, d: Array, out: Array, factor: Scale, *, add: bool, rows: slice
    ) -> Call:
        """Return the call that writes or adds the products of the neurons of some windows."""
        start, stop, _ = rows.indices(self._n * self._inputs)
        first, last = start // self._inputs, stop // self._inputs
        total = out.reshape(last - first, self._inputs, -1)
        some = list(self._some(len(x), first, last))

        def call() -> None:
            sent = np.ascontiguousarray(x.T)
            heard = np.ascontiguousarray(d.reshape(len(d), -1, self._n).transpose(2, 0, 1))
            for one in some:
                got = sent[self._field[one]] @ heard[one]
                got *= factor
                _put(got, total[one.start - first : one.stop - first], add=add)

        return call


class NumpyShared:
    """Products with weights that all windows share: one matrix product for some windows.

    Parameters
    ----------
    field, n_pre
        As in `Library.shared`.
    dtype
        Of the arrays.
    """

    def __init__(self, field: np.ndarray, n_pre: int, dtype: np.dtype) -> None:
        self._n, self._inputs = field.shape
        by_input = np.ascontiguousarray(field.T)
        self._field = np.where(by_input < 0, n_pre, by_input)
        place = np.nonzero(by_input.ravel() >= 0)[0]
        ones, shape = np.ones(len(place), dtype), (n_pre, field.size)
        self._back = _by_row(ones, by_input.ravel()[place], place, shape)

    def _some(self, n_trials: int) -> list[slice]:
        """Return slices of windows whose inputs are gathered at a time."""
        n = max(1, AT_A_TIME // (self._inputs * n_trials))
        return [slice(start, min(start + n, self._n)) for start in range(0, self._n, n)]

    def _by_map(self, array: Array) -> Array:
        """Return a view by map and window, shape (n_trials, n_maps, n_windows)."""
        return array.reshape(len(array), -1, self._n)

    def product(
        self, x: Array, w: Array, out: Array, *, add: bool, transposed: bool = False
    ) -> Call:
        """Return the call that writes or adds a product; the weights are read when it is called."""
        some = self._some(len(x))

        def forward() -> None:
            sent, found = _with_nothing(x), self._by_map(out)
            for one in some:
                inputs = sent[self._field[:, one]].reshape(self._inputs, -1)
                got = (w.T @ inputs).reshape(w.shape[1], -1, len(x))
                _put(got.transpose(2, 0, 1), found[:, :, one], add=add)

        def backward() -> None:
            heard = np.ascontiguousarray(self._by_map(x).transpose(1, 2, 0))
            got = w @ heard.reshape(w.shape[1], -1)
            _put((self._back @ got.reshape(-1, len(x))).T, out, add=add)

        return backward if transposed else forward

    def outer(
        self, x: Array, d: Array, out: Array, factor: Scale, *, add: bool, rows: slice
    ) -> Call:
        """Return the call that writes or adds some weights' sums over windows."""
        field, maps = self._field[rows], out.shape[1]

        def call() -> None:
            sent, heard = _with_nothing(x), self._by_map(d).transpose(1, 2, 0)
            total = np.zeros_like(out)
            for one in self._some(len(x)):
                inputs = sent[field[:, one]].reshape(len(field), -1)
                total += inputs @ heard[:, one].reshape(maps, -1).T
            total *= factor
            _put(total, out, add=add)

        return call


def _with_nothing(x: Array) -> Array:
    """Return activity by neuron, shape (n_pre + 1, n_trials): the last is 0."""
    found = np.zeros((x.shape[1] + 1, len(x)), x.dtype)
    found[:-1] = x.T
    return found


def _put(found: Array, out: Array, *, add: bool) -> None:
    if add:
        np.add(out, found, out=out)
    else:
        np.copyto(out, found)
