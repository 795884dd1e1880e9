"""NumPy array library, with BLAS matrix products that write into existing arrays.

All products use one BLAS (that of SciPy), since the thread pools of NumPy and SciPy would block
each other.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy.linalg import blas

from apical.devices.arrays.compiled_loops import Loop
from apical.devices.arrays.expression_program import Program
from apical.devices.arrays.library import Call, Library

Array = np.ndarray


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

    def outer(self, x: Array, d: Array, out: Array, factor: float, *, add: bool) -> Call:
        if x.shape[1] == 1:  # a bias
            return partial(self._gemv, factor, d.T, x[:, 0], float(add), out[0], overwrite_y=True)
        return partial(
            self._gemm, factor, d.T, x.T, float(add), out.T, trans_b=True, overwrite_c=True
        )

    def spread(self, array: Array) -> float:
        return float(np.std(array, dtype=np.float64))

    def loop(self, programs: Sequence[tuple[str, Program]]) -> Loop | None:
        return Loop(programs, self.dtype) if self._loops else None

    def softmax(self, drive: Array, out: Array) -> Call:
        return partial(_softmax, drive, out)


def _softmax(drive: Array, out: Array) -> None:
    np.subtract(drive, drive.max(axis=1, keepdims=True), out=out)
    np.exp(out, out=out)
    out /= out.sum(axis=1, keepdims=True)
