"""Array libraries that run the statements of a network for a batch of trials."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from apical._base.extras import library as extra
from apical._base.extras import quietly
from apical.errors import DeviceError

Array = Any
"""Array of a library."""


class BatchLibrary(ABC):
    """What statements need of an array library.

    Parameters
    ----------
    dtype
        Precision of floating-point numbers.
    """

    name = ""
    differentiates = False
    """Whether it computes gradients."""

    picks = False
    """Whether few elements of arrays are read and written one by one rather than all of them."""

    compiles = False
    """Whether compiled functions read and write its arrays."""

    torch: Any = None
    """PyTorch, where it computes gradients."""

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)

    @abstractmethod
    def array(self, values: np.ndarray) -> Array:
        """Return an array with these values, of their type."""

    @abstractmethod
    def back(self, array: Array) -> np.ndarray:
        """Return an array as NumPy's."""

    @abstractmethod
    def hold(self, value: Any, dtype: np.dtype, shape: tuple[int, ...]) -> Array:
        """Return a value as an array of a type and a shape."""

    @abstractmethod
    def columns(self, x: Array, i: Array) -> Array:
        """Return some columns of a matrix."""

    @abstractmethod
    def where(self, condition: Array, a: Array, b: Array) -> Array:
        """Return `a` where a condition is true, and `b` elsewhere."""

    @abstractmethod
    def opposite(self, condition: Array) -> Array:
        """Return where a condition is false."""

    def working(self) -> AbstractContextManager[None]:
        """Context in which statements run."""
        return nullcontext()

    @abstractmethod
    def function(self, name: str, function: Any, owner: Any) -> Callable[..., Any]:
        """Return what one of Brian2's functions is here.

        Raises
        ------
        DeviceError
            If there is no such function.
        """

    @abstractmethod
    def arriving(self, events: Array, w: Array, layout: "Layout") -> Array | None:
        """Return what events bring to each postsynaptic neuron, or None where there are none.

        Parameters
        ----------
        events
            Which presynaptic neurons send one, shape (batch, n_pre).
        w
            Weights.
        layout
            How these lie in memory.
        """

    @abstractmethod
    def weighted(self, x: Array, w: Array, layout: "Layout") -> Array:
        """Return the weighted sums of presynaptic signals, shape (batch, n_post)."""

    @abstractmethod
    def outer(self, x: Array, d: Array, layout: "Layout") -> Array:
        """Return the sum over trials of products of both neurons' factors, for each synapse."""

    @abstractmethod
    def gathered(self, values: Array, layout: "Layout") -> Array:
        """Return sums over the synapses of each postsynaptic neuron, shape (batch, n_post)."""

    @abstractmethod
    def uniform(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Return random numbers from 0 to 1."""

    @abstractmethod
    def normal(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Return random numbers of the standard normal distribution."""

    def poisson(self, rng: np.random.Generator, mean: Any, shape: tuple[int, ...]) -> Array:
        """Return random numbers of Poisson distributions with given means."""
        means = self.back(mean) if hasattr(mean, "shape") else mean
        return self.array(np.asarray(rng.poisson(means, shape)))


class Layout:
    """How the synapses of a projection lie in memory: a matrix, or a list.

    Parameters
    ----------
    shape
        Numbers of presynaptic and of postsynaptic neurons.
    pre, post
        The neurons of each synapse, ordered by presynaptic neuron; None for a matrix.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        pre: np.ndarray | None = None,
        post: np.ndarray | None = None,
    ) -> None:
        self.neurons, self.pre, self.post = shape, pre, post
        self.shape: tuple[int, ...] = shape
        if pre is not None:
            self.shape = (len(pre),)
            self.starts = np.searchsorted(pre, np.arange(shape[0] + 1))

    def matrix(self, w: np.ndarray) -> Any:
        """Return weights as a matrix, of SciPy where synapses are a list."""
        if self.pre is None:
            return w
        return quietly("scipy.sparse").csr_array((w, self.post, self.starts), shape=self.neurons)

    def lifted(self, x: Array, *, post: bool = False) -> Array:
        """Return values of neurons, shape (..., n), such that they meet those of synapses."""
        if self.pre is not None:
            return x[..., self.post if post else self.pre]
        return x[..., None, :] if post else x[..., :, None]


class NumpyBatchLibrary(BatchLibrary):
    """NumPy."""

    name = "numpy"
    picks = True
    compiles = True

    def array(self, values: np.ndarray) -> Array:
        """Return an array with these values, of their type."""
        return np.array(values)

    def back(self, array: Array) -> np.ndarray:
        """Return an array as NumPy's."""
        return np.asarray(array)

    def hold(self, value: Any, dtype: np.dtype, shape: tuple[int, ...]) -> Array:
        """Return a value as an array of a type and a shape."""
        found = np.asarray(value, dtype)
        if found.shape == shape:
            return found
        whole = np.empty(shape, dtype)  # in C order: a mixture of orders is many times slower
        whole[...] = found
        return whole

    def columns(self, x: Array, i: Array) -> Array:
        """Return some columns of a matrix, in C order."""
        return x.take(i, 1)

    def where(self, condition: Array, a: Array, b: Array) -> Array:
        """Return `a` where a condition is true, and `b` elsewhere."""
        return np.where(condition, a, b)

    def opposite(self, condition: Array) -> Array:
        """Return where a condition is false."""
        return np.logical_not(condition)

    def function(self, name: str, function: Any, owner: Any) -> Callable[..., Any]:
        """Return what one of Brian2's functions is here: its own for NumPy."""
        numpy_rt = importlib.import_module("brian2.codegen.runtime.numpy_rt")
        found: Callable[..., Any] = function.implementations[numpy_rt.NumpyCodeObject].get_code(
            owner
        )
        return found

    def arriving(self, events: Array, w: Array, layout: Layout) -> Array | None:
        """Return what events bring to each postsynaptic neuron, or None where there are none."""
        rows, senders = np.divmod(np.flatnonzero(events), events.shape[1])
        if not len(rows):
            return None
        starts = np.searchsorted(rows, np.arange(len(events) + 1))
        ones = np.ones(len(rows), w.dtype)
        sparse = quietly("scipy.sparse")
        sent = sparse.csr_array((ones, senders, starts), shape=events.shape)
        found = sent @ layout.matrix(w)
        return found.toarray() if sparse.issparse(found) else found

    def weighted(self, x: Array, w: Array, layout: Layout) -> Array:
        """Return the weighted sums of presynaptic signals, shape (batch, n_post)."""
        return np.asarray(x @ layout.matrix(w))

    def outer(self, x: Array, d: Array, layout: Layout) -> Array:
        """Return the sum over trials of products of both neurons' factors, for each synapse."""
        if layout.pre is None:
            return np.asarray(x.T @ d)
        return np.einsum("be,be->e", x[:, layout.pre], d[:, layout.post])

    def gathered(self, values: Array, layout: Layout) -> Array:
        """Return sums over the synapses of each postsynaptic neuron, shape (batch, n_post)."""
        if layout.pre is None:
            return np.asarray(values.sum(1))
        found = np.zeros((len(values), layout.neurons[1]), values.dtype)
        np.add.at(found.T, np.asarray(layout.post), values.T)
        return found

    def uniform(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Return random numbers from 0 to 1."""
        return rng.random(shape, self.dtype)

    def normal(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Return random numbers of the standard normal distribution."""
        return rng.standard_normal(shape, self.dtype)


class TorchBatchLibrary(BatchLibrary):
    """PyTorch on one of its devices.

    Parameters
    ----------
    dtype
        Precision of floating-point numbers.
    device
        Name of the device, for instance ``"cuda"``.
    """

    name = "torch"
    differentiates = True

    def __init__(self, dtype: str, device: str = "cpu") -> None:
        super().__init__(dtype)
        self.torch = extra("torch", "torch")
        try:
            self.device = self.torch.device(device)
            self.torch.zeros(1, device=self.device)
        except (RuntimeError, AssertionError) as error:
            said = str(error).splitlines()[0]
            raise DeviceError(
                f"PyTorch cannot use the device {device!r}: {said}",
                object="Device 'lockstep'",
                parameter="library",
            ) from None
        self._types = {np.dtype(t): getattr(self.torch, t) for t in _TYPES}
        self._functions = _torch_functions(self.torch)

    def array(self, values: np.ndarray) -> Array:
        """Return an array with these values, of their type."""
        return self.torch.tensor(
            np.asarray(values), dtype=self._types[values.dtype], device=self.device
        )

    def back(self, array: Array) -> np.ndarray:
        """Return an array as NumPy's."""
        return np.asarray(array.detach().cpu().numpy())

    def hold(self, value: Any, dtype: np.dtype, shape: tuple[int, ...]) -> Array:
        """Return a value as an array of a type and a shape."""
        kind = self._types[np.dtype(dtype)]
        if not isinstance(value, self.torch.Tensor):
            return self.torch.full(shape, value, dtype=kind, device=self.device)
        return value.to(kind).expand(shape)

    def columns(self, x: Array, i: Array) -> Array:
        """Return some columns of a matrix."""
        return x[:, i]

    def where(self, condition: Array, a: Array, b: Array) -> Array:
        """Return `a` where a condition is true, and `b` elsewhere."""
        return self.torch.where(condition, a, b)

    def opposite(self, condition: Array) -> Array:
        """Return where a condition is false."""
        return self._functions["logical_not"](condition)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Context in which whole numbers meet others in the precision of this library."""
        before = self.torch.get_default_dtype()
        self.torch.set_default_dtype(self._types[self.dtype])
        try:
            yield
        finally:
            self.torch.set_default_dtype(before)

    def function(self, name: str, function: Any, owner: Any) -> Callable[..., Any]:
        """Return what one of Brian2's functions is here."""
        if name not in self._functions:
            raise DeviceError(
                f"{owner.name!r} calls {name!r}, which PyTorch has no counterpart of here; use "
                "library='numpy'.",
                object=f"{owner.name!r}",
            )
        return self._functions[name]

    def arriving(self, events: Array, w: Array, layout: Layout) -> Array | None:
        """Return what events bring to each postsynaptic neuron."""
        return self.weighted(events.to(w.dtype), w, layout)

    def weighted(self, x: Array, w: Array, layout: Layout) -> Array:
        """Return the weighted sums of presynaptic signals, shape (batch, n_post)."""
        if layout.pre is None:
            return x @ w
        return self.gathered(x[:, layout.pre] * w, layout)

    def outer(self, x: Array, d: Array, layout: Layout) -> Array:
        """Return the sum over trials of products of both neurons' factors, for each synapse."""
        if layout.pre is None:
            return x.T @ d
        return (x[:, layout.pre] * d[:, layout.post]).sum(0)

    def gathered(self, values: Array, layout: Layout) -> Array:
        """Return sums over the synapses of each postsynaptic neuron, shape (batch, n_post)."""
        if layout.pre is None:
            return values.sum(1)
        post = self.torch.as_tensor(layout.post, device=self.device)
        shape = (len(values), layout.neurons[1])
        empty = self.torch.zeros(shape, dtype=values.dtype, device=self.device)
        return empty.index_add(1, post, values)

    def uniform(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Return random numbers from 0 to 1: the same as NumPy's."""
        return self.array(rng.random(shape, self.dtype))

    def normal(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Return random numbers of the standard normal distribution: the same as NumPy's."""
        return self.array(rng.standard_normal(shape, self.dtype))


_TYPES = ("float32", "float64", "int32", "int64", "bool", "int8", "uint8")


def _torch_functions(torch: Any) -> Mapping[str, Callable[..., Any]]:
    """Return what PyTorch has of Brian2's functions, by the names that they have there."""
    of_numbers = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "log10", "log1p")
    more = ("expm1", "sqrt", "floor", "ceil", "sign", "abs", "logical_not")
    renamed = {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}

    def of_tensor(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x: function(x if isinstance(x, torch.Tensor) else torch.tensor(x))

    def clip(x: Any, low: Any, high: Any) -> Any:
        least, most = (v if isinstance(v, torch.Tensor) else torch.tensor(v) for v in (low, high))
        return torch.minimum(torch.maximum(x, least.to(x.dtype)), most.to(x.dtype))

    def whole(x: Any) -> Any:
        return x.to(torch.int32) if isinstance(x, torch.Tensor) else int(x)

    def timestep(t: Any, dt: Any) -> Any:
        found = (t + 1e-3 * dt) / dt
        return found.to(torch.int64) if isinstance(found, torch.Tensor) else int(found)

    def exprel(x: Any) -> Any:
        near = torch.abs(x) < 1e-16
        return torch.where(near, 1.0, torch.expm1(x) / torch.where(near, 1.0, x))

    found = {name: of_tensor(getattr(torch, name)) for name in (*of_numbers, *more)}
    found |= {name: of_tensor(getattr(torch, other)) for name, other in renamed.items()}
    return found | {"clip": clip, "int": whole, "timestep": timestep, "exprel": exprel}


def load_library(name: str, dtype: str) -> BatchLibrary:
    """Return an array library by its name, for instance ``"torch:cuda"``.

    Raises
    ------
    DeviceError
        If there is no such library, or it cannot be used.
    """
    kind, _, device = name.partition(":")
    if name == "numpy":
        return NumpyBatchLibrary(dtype)
    if kind == "torch":
        return TorchBatchLibrary(dtype, device or "cpu")
    raise DeviceError(
        f"Device 'lockstep' has no array library {name!r}; choose 'numpy', 'torch', or 'torch:' "
        "and a device of PyTorch, for instance 'torch:cuda'.",
        object="Device 'lockstep'",
        parameter="library",
    )
