"""PyTorch array library, on the CPU or a GPU. Imported only when it is requested."""

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from apical.devices.arrays.library import Call, Elsewhere, Scale
from apical.errors import DeviceError
from apical.projections.edges import Edges

AT_A_TIME = 2**22
"""Number of factors gathered at a time for the updates of sparse synapses."""


def _floating(value: Any) -> Tensor:
    if isinstance(value, Tensor) and value.is_floating_point():
        return value
    return torch.as_tensor(value, dtype=torch.float64)


def _called(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Wrap a function of tensors so that it accepts numbers and conditions too."""

    def call(*arguments: Any, out: Tensor | None = None) -> Tensor:
        return function(*map(_floating, arguments), out=out)

    return call


def _clip(x: Tensor, least: Tensor, largest: Tensor, out: Tensor | None) -> Tensor:
    return torch.minimum(torch.maximum(x, least), largest, out=out)


def _copied(x: Tensor, out: Tensor) -> Tensor:
    """Copy a value; a number is filled in directly, without a transfer."""
    return out.copy_(x) if x.dim() else out.fill_(x.item())


_FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "abs": torch.abs,
    "ceil": torch.ceil,
    "clip": _clip,
    "exp": torch.exp,
    "floor": torch.floor,
    "int": torch.trunc,
    "log": torch.log,
    "sign": torch.sign,
    "sqrt": torch.sqrt,
    "tanh": torch.tanh,
    "not": torch.logical_not,
}
_OPERATIONS: Mapping[Any, Callable[..., Any]] = {
    **{name: _called(function) for name, function in _FUNCTIONS.items()},
    ast.Add: torch.add,
    ast.Sub: torch.sub,
    ast.Mult: torch.mul,
    ast.Div: torch.div,
    ast.Mod: torch.remainder,
    ast.Pow: torch.pow,
    ast.USub: torch.neg,
    ast.UAdd: _copied,
    ast.Lt: torch.lt,
    ast.LtE: torch.le,
    ast.Gt: torch.gt,
    ast.GtE: torch.ge,
    ast.Eq: torch.eq,
    ast.NotEq: torch.ne,
    ast.And: torch.logical_and,
    ast.Or: torch.logical_or,
}


def _times(out: Tensor, x: Tensor, w: Tensor, *, beta: float, alpha: Any) -> Tensor:
    """Write or add a product to an array."""
    return out.addmm_(x, w, beta=beta, alpha=float(alpha))


def _times_of_stacks(
    out: Tensor, x: Tensor, w: Tensor, *, beta: float, alpha: float | Tensor
) -> Tensor:
    """Write or add the products of all replicas."""
    if isinstance(alpha, Tensor):
        return out.baddbmm_(x * alpha, w, beta=beta)
    return out.baddbmm_(x, w, beta=beta, alpha=alpha)


_OF_STACKS: Mapping[Any, Callable[..., Any]] = {
    **{function: function for function in (*_OPERATIONS.values(), torch.softmax)},
    _times: _times_of_stacks,
}
"""Functions of arrays, and what they are for stacks of these."""


class TorchLibrary(Elsewhere[Tensor]):
    """Tensors of PyTorch.

    On a GPU operations are queued, and so are copies from (pinned) host memory: only `back` and
    `spread` synchronise.

    Parameters
    ----------
    dtype
        ``"float32"`` or ``"float64"``.
    device
        Where they are, as PyTorch names it, for instance ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    DeviceError
        If PyTorch has no such device.
    """

    operations = _OPERATIONS
    exhausted = (MemoryError, torch.cuda.OutOfMemoryError)

    def __init__(self, dtype: str, device: str) -> None:
        self.dtype = torch.float32 if dtype == "float32" else torch.float64
        try:
            self.device = torch.device(device)
            torch.zeros(1, device=self.device, dtype=self.dtype).cpu()
        except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
            raise DeviceError(
                f"library='torch:{device}' needs PyTorch's device {device!r} with {dtype}, but "
                f"PyTorch says: {str(error).partition(chr(10))[0]}"
            ) from None
        self._is_card = self.device.type == "cuda"

    def array(self, values: np.ndarray) -> Tensor:
        return torch.tensor(np.ascontiguousarray(values), dtype=self.dtype, device=self.device)

    def put(self, values: np.ndarray, out: Tensor) -> None:
        sent = torch.empty(values.shape, dtype=self.dtype, pin_memory=self._is_card)
        np.copyto(sent.numpy(), values, casting="unsafe")
        out.copy_(sent, non_blocking=True)

    def back(self, array: Tensor) -> np.ndarray:
        return np.array(array.cpu().numpy())

    def number(self, value: float) -> Tensor:
        # In memory wherever the others are: operations on a card take tensors of one number so.
        return torch.tensor(float(value), dtype=self.dtype)

    def scale(self, value: float) -> np.ndarray:
        return np.array(value)  # on the host, where operations on a card read it without waiting

    def empty(self, shape: tuple[int, ...]) -> Tensor:
        try:
            return torch.empty(shape, dtype=self.dtype, device=self.device)
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:  # PyTorch on the CPU has no specific out-of-memory error
            raise MemoryError(str(error).rpartition("DefaultCPUAllocator: ")[2]) from None

    def has_room(self, shape: tuple[int, int]) -> bool:
        """Say whether a GPU keeps as much free memory as the array takes; never on the CPU."""
        if not self._is_card:
            return False
        free, _ = torch.cuda.mem_get_info(self.device)
        return 2 * shape[0] * shape[1] * self.dtype.itemsize <= free

    def numbers(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, device=self.device)

    def take(self, table: Tensor, numbers: Tensor, out: Tensor) -> None:
        torch.index_select(table, 0, numbers, out=out)

    def product(
        self, x: Tensor, w: Tensor, out: Tensor, *, add: bool, transposed: bool = False
    ) -> Call:
        return partial(_times, out, x, w.T if transposed else w, beta=float(add), alpha=1.0)

    def outer(self, x: Tensor, d: Tensor, out: Tensor, factor: Scale, *, add: bool) -> Call:
        return partial(_times, out, x.T, d, beta=float(add), alpha=factor)

    def stacked(self, arrays: Sequence[Tensor], n_axes: int) -> Tensor | None:
        first, places = arrays[0], [array.storage_offset() for array in arrays]
        distance = places[1] - places[0] if len(places) > 1 else 0
        memory = first.untyped_storage().data_ptr()
        if any(a.untyped_storage().data_ptr() != memory for a in arrays):
            return None
        if any(a.stride() != first.stride() or a.device != first.device for a in arrays):
            return None
        if any(b - a != distance for a, b in pairwise(places)):
            return None
        extra = n_axes - first.dim()
        shape = len(arrays), *[1] * extra, *first.shape
        return first.as_strided(shape, (distance, *[0] * extra, *first.stride()))

    def of_stacks(self, function: Callable[..., Any]) -> Callable[..., Any] | None:
        return _OF_STACKS.get(function)

    def sparse(self, edges: Edges) -> "TorchSparse":
        return TorchSparse(edges, self)

    def blocks(self, field: np.ndarray, n_pre: int) -> "TorchBlocks":
        return TorchBlocks(field, n_pre, self)

    def shared(self, field: np.ndarray, n_pre: int) -> "TorchShared":
        return TorchShared(field, n_pre, self)

    def spread(self, array: Tensor) -> float:
        return float(torch.std(array, correction=0))

    def softmax(self, drive: Tensor, out: Tensor) -> Call:
        return partial(torch.softmax, drive, dim=-1, out=out)

    def gate(self, drive: Tensor, vectors: Tensor, out: Tensor) -> Call:
        by_component, gates = (x.reshape(len(x), *vectors.shape) for x in (drive, out))

        def call() -> None:
            open_ones = (by_component * vectors).sum(dim=1) >= 0
            gates.copy_(open_ones[:, None].expand_as(gates))

        return call


class TorchSparse:
    """Products with synapses that are stored one by one: compressed rows of PyTorch.

    Both directions have rows of their own, since a product with compressed rows is the one that
    adds up in the same order every time.

    Parameters
    ----------
    edges
        The synapses.
    library
        Where they are.
    """

    def __init__(self, edges: Edges, library: TorchLibrary) -> None:
        back, order = edges.transposed()
        self._order = library.numbers(order)
        self._pre, self._post = (
            library.numbers(a.astype(np.int64)) for a in (edges.pre, edges.post)
        )
        self._rows = self._starts(edges, library), self._post, edges.shape
        self._columns = (
            self._starts(back, library),
            library.numbers(back.post.astype(np.int64)),
            back.shape,
        )

    @staticmethod
    def _starts(edges: Edges, library: TorchLibrary) -> Tensor:
        return library.numbers(np.concatenate([[0], np.cumsum(edges.out_degrees)]))

    def product(
        self, x: Tensor, w: Tensor, out: Tensor, *, add: bool, transposed: bool = False
    ) -> Call:
        """Return the call that writes or adds a product; the weights are read when it is called."""
        starts, ends, shape = self._rows if transposed else self._columns

        def found() -> Tensor:
            values = w[:, 0] if transposed else w[:, 0][self._order]
            return (torch.sparse_csr_tensor(starts, ends, values, shape) @ x.T).T

        return _putting(found, out, add=add)

    def outer(
        self, x: Tensor, d: Tensor, out: Tensor, factor: Scale, *, add: bool, rows: slice
    ) -> Call:
        """Return the call that writes or adds the products of the neurons of each synapse."""
        pre, post, total = self._pre[rows], self._post[rows], out[:, 0]
        n = max(1, AT_A_TIME // len(x))

        def call() -> None:
            sent, heard = x.T.contiguous(), d.T.contiguous()
            for start in range(0, len(pre), n):
                some = slice(start, start + n)
                found = float(factor) * (sent[pre[some]] * heard[post[some]]).sum(dim=1)
                total[some].add_(found) if add else total[some].copy_(found)

        return call


class TorchBlocks:
    """Products with synapses that are stored by window: one matrix product for each window.

    Parameters
    ----------
    field, n_pre
        As in `apical.devices.arrays.library.Library.blocks`.
    library
        Where they are.
    """

    def __init__(self, field: np.ndarray, n_pre: int, library: TorchLibrary) -> None:
        self._n, self._inputs = field.shape
        self._field = library.numbers(np.maximum(field, 0).astype(np.int64))
        self._back = _to_senders(field.ravel(), n_pre, library)

    def product(
        self, x: Tensor, w: Tensor, out: Tensor, *, add: bool, transposed: bool = False
    ) -> Call:
        """Return the call that writes or adds a product; the weights are read when it is called."""
        by_window = w.reshape(self._n, self._inputs, -1)

        def forward() -> Tensor:
            got = by_window.transpose(1, 2) @ x.T.contiguous()[self._field]
            return got.permute(2, 1, 0).reshape(out.shape)

        def backward() -> Tensor:
            heard = x.reshape(len(x), -1, self._n).permute(2, 1, 0)
            return (self._back @ (by_window @ heard).reshape(-1, len(x))).T

        return _putting(backward if transposed else forward, out, add=add)

    def outer(
        self, x: Tensor, d: Tensor, out: Tensor, factor: Scale, *, add: bool, rows: slice
    ) -> Call:
        """Return the call that writes or adds the products of the neurons of some windows."""
        start, stop, _ = rows.indices(self._n * self._inputs)
        some = slice(start // self._inputs, stop // self._inputs)
        field = self._field[some]

        def found() -> Tensor:
            heard = d.reshape(len(d), -1, self._n).permute(2, 0, 1)[some]
            return float(factor) * (x.T.contiguous()[field] @ heard).reshape(out.shape)

        return _putting(found, out, add=add)


class TorchShared:
    """Products with weights that all windows share: one matrix product.

    Parameters
    ----------
    field, n_pre
        As in `apical.devices.arrays.library.Library.shared`.
    library
        Where they are.
    """

    def __init__(self, field: np.ndarray, n_pre: int, library: TorchLibrary) -> None:
        self._n, self._inputs = field.shape
        by_input = np.ascontiguousarray(field.T)
        self._field = library.numbers(np.where(by_input < 0, n_pre, by_input).astype(np.int64))
        self._back = _to_senders(by_input.ravel(), n_pre, library)

    def _by_map(self, array: Tensor) -> Tensor:
        """Return values by map, shape (n_maps, n_windows * n_trials)."""
        shaped = array.reshape(len(array), -1, self._n).permute(1, 2, 0)
        return shaped.reshape(len(shaped), -1)

    def product(
        self, x: Tensor, w: Tensor, out: Tensor, *, add: bool, transposed: bool = False
    ) -> Call:
        """Return the call that writes or adds a product; the weights are read when it is called."""

        def forward() -> Tensor:
            inputs = _with_nothing(x)[self._field].reshape(self._inputs, -1)
            got = (w.T @ inputs).reshape(w.shape[1], self._n, len(x))
            return got.permute(2, 0, 1).reshape(len(x), -1)

        def backward() -> Tensor:
            return (self._back @ (w @ self._by_map(x)).reshape(-1, len(x))).T

        return _putting(backward if transposed else forward, out, add=add)

    def outer(
        self, x: Tensor, d: Tensor, out: Tensor, factor: Scale, *, add: bool, rows: slice
    ) -> Call:
        """Return the call that writes or adds some weights' sums over windows."""
        field = self._field[rows]

        def call() -> None:
            inputs = _with_nothing(x)[field].reshape(len(field), -1)
            out.addmm_(inputs, self._by_map(d).T, beta=float(add), alpha=float(factor))

        return call


def _putting(found: Callable[[], Tensor], out: Tensor, *, add: bool) -> Call:
    """Return the call that writes what is found, or adds it."""

    def call() -> None:
        out.add_(found()) if add else out.copy_(found())

    return call


def _with_nothing(x: Tensor) -> Tensor:
    """Return activity by neuron, shape (n_pre + 1, n_trials): the last is 0."""
    return torch.nn.functional.pad(x, (0, 1)).T.contiguous()


def _to_senders(senders: np.ndarray, n_pre: int, library: TorchLibrary) -> Tensor:
    """Return the matrix that adds up what goes back to each neuron, from places of windows.

    Parameters
    ----------
    senders
        Presynaptic neuron of each place, shape (n_places,); -1 for none.
    n_pre
        Number of presynaptic neurons.
    library
        Where it is.
    """
    place = np.nonzero(senders >= 0)[0]
    order = np.argsort(senders[place], kind="stable")
    counts = np.bincount(senders[place], minlength=n_pre)
    starts = library.numbers(np.concatenate([[0], np.cumsum(counts)]))
    ones, shape = library.full(1.0, (len(place),)), (n_pre, senders.size)
    return torch.sparse_csr_tensor(starts, library.numbers(place[order]), ones, shape)


def peak_of_card() -> int:
    """Return the most memory that tensors of this process took on the current CUDA card [bytes]."""
    return int(torch.cuda.max_memory_allocated())
