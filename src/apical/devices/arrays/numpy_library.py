"""NumPy arrays, with matrix products that write where the result belongs.

All products go through one library (that of SciPy), since two pools of threads, NumPy's and
SciPy's, would wait for each other.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.linalg import blas

Array = np.ndarray


class NumpyLibrary:
    """What the array device asks of an array library.

    Parameters
    ----------
    dtype
        ``"float32"`` or ``"float64"``.
    """

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self._gemm = blas.sgemm if self.dtype == np.float32 else blas.dgemm

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """What the functions of an expression do to arrays, by name."""
        return {
            "abs": np.abs,
            "ceil": np.ceil,
            "clip": np.clip,
            "exp": np.exp,
            "floor": np.floor,
            "int": lambda x: np.trunc(np.asarray(x, self.dtype)),
            "log": np.log,
            "sign": np.sign,
            "sqrt": np.sqrt,
            "tanh": np.tanh,
            "not": np.logical_not,
        }

    def array(self, values: np.ndarray) -> Array:
        """Return an array of this library, C-ordered, in its precision; always a copy."""
        return np.array(values, dtype=self.dtype, order="C")

    def empty(self, shape: tuple[int, ...]) -> Array:
        """Return an array of any content."""
        return np.empty(shape, self.dtype)

    def back(self, array: Array) -> np.ndarray:
        """Return a NumPy copy."""
        return np.array(array)

    def product(
        self, x: Array, w: Array, out: Array, *, add: bool = False, transposed: bool = False
    ) -> None:
        """Put ``x @ w`` into `out`, or add it; with `transposed`, ``x @ w.T``.

        All arrays are C-ordered, so their transposes are what BLAS calls ordered.
        """
        self._gemm(1, w.T, x.T, float(add), out.T, trans_a=transposed, overwrite_c=True)

    def outer(self, x: Array, d: Array, out: Array, factor: float, *, add: bool) -> None:
        """Put ``factor * x.T @ d`` into `out`, or add it."""
        self._gemm(factor, d.T, x.T, float(add), out.T, trans_b=True, overwrite_c=True)

    def full(self, value: Any, shape: tuple[int, ...]) -> Array:
        """Return `value`, a number or an array, as an array of a shape."""
        return np.ascontiguousarray(np.broadcast_to(np.asarray(value, self.dtype), shape))

    def softmax(self, drive: Array) -> Array:
        """Return the softmax of each row."""
        x = np.exp(drive - drive.max(axis=1, keepdims=True))
        x /= x.sum(axis=1, keepdims=True)
        return x

    def clip(self, array: Array, least: float, largest: float) -> None:
        """Hold an array within bounds, in place."""
        np.clip(array, least, largest, out=array)
