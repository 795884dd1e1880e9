"""Storage of the weights of a projection on arrays: a matrix, or the synapses that exist.

Where a connectivity says which synapses exist, weights and the optimiser's state go in and out of
a simulator as one value for each of them (`Edges`). Within, they are a matrix with zeros where
density is high, since BLAS is faster then; by window, where all maps of a position have the same
inputs (receptive fields), with one small matrix product each; and else one column of values, with
products that visit existing synapses alone. All compute the same, up to rounding. Weights that
windows share are one block; those that components of units share are stored once, in any of these
forms.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

import numpy as np

from apical.devices.arrays.library import Array, Call, Kernel, Library, Scale
from apical.network.description import Network
from apical.projections.edges import Edges, places_of
from apical.projections.projection import Projection, ReadBackwards

STRIP = 2**15
"""Number of weights processed at a time, if an update needs more than a matrix product: 128 kB."""

SPARSE_BELOW = 0.03
"""Density below which synapses are stored one by one. A product over a batch then takes less time
for the synapses that exist than BLAS takes for all pairs of neurons."""

BLOCKS_BELOW = 0.5
"""Density below which synapses of receptive fields are stored by window."""

ALL = slice(None)

Draw = Callable[[tuple[int, ...]], np.ndarray]


class Storage(ABC):
    """Form of the weights of one projection in memory.

    Parameters
    ----------
    library
        Array library.
    shape
        Shape of its arrays, (n_rows, n_columns).
    outside
        Shape of the same values in the state of a simulator.
    """

    mask: Array | None = None
    """Which values of an array are those of synapses, shape (n_rows, n_columns); None for all."""
    has_gaps: ClassVar[bool] = False
    """Whether arrays may have places for synapses that do not exist."""

    def __init__(self, library: Library, shape: tuple[int, int], outside: tuple[int, ...]) -> None:
        self.library, self.shape, self.outside = library, shape, outside

    @abstractmethod
    def inside(self, values: np.ndarray) -> np.ndarray:
        """Return values of a state in the form of arrays, as NumPy's."""

    @abstractmethod
    def outward(self, values: np.ndarray) -> np.ndarray:
        """Return values of an array, as NumPy's, in the form of a state."""

    @abstractmethod
    def product(
        self, x: Array, w: Array, out: Array, *, add: bool, transposed: bool = False
    ) -> Call:
        """Return the call that writes or adds ``x @ w`` (`transposed`: ``x @ w.T``) to `out`."""

    @abstractmethod
    def outer(
        self, x: Array, d: Array, out: Array, factor: Scale, *, add: bool, rows: slice = ALL
    ) -> Call:
        """Return the call that writes or adds some rows of ``factor * x.T @ d`` to `out`."""

    def array(self, values: np.ndarray) -> Array:
        """Return an array of values of a state."""
        return self.library.array(self.inside(values))

    def back(self, array: Array) -> np.ndarray:
        """Return the values of an array in the form of a state."""
        return self.outward(self.library.back(array))

    def full(self, value: float) -> Array:
        """Return an array of one value."""
        return self.library.full(value, self.shape)

    def drawn(self, draw: Draw, out: Array, rows: slice = ALL) -> None:
        """Write random numbers into some rows, one for each synapse, in the order of these.

        Parameters
        ----------
        draw
            Given a shape, returns random numbers.
        out
            Where they are written, shape (n_rows, n_columns).
        rows
            Which rows these are; rows are drawn one after the other.
        """
        self.library.put(draw(tuple(out.shape)), out)

    def strips(self, n_trials: int) -> Iterator[slice]:
        """Yield slices of rows to process at a time: few, but at least as many as trials."""
        n_rows, n_columns = self.shape
        rows = max(n_trials, STRIP // n_columns, 1)
        for start in range(0, n_rows, rows):
            yield slice(start, min(start + rows, n_rows))

    def spread(self, array: Array) -> float:
        """Return the standard deviation over all synapses."""
        if self.has_gaps:
            return float(np.std(self.back(array), dtype=np.float64))
        return self.library.spread(array)


class Dense(Storage):
    """A matrix of all pairs of neurons."""

    def __init__(self, library: Library, shape: tuple[int, int]) -> None:
        super().__init__(library, shape, shape)

    def inside(self, values: np.ndarray) -> np.ndarray:
        return values

    def outward(self, values: np.ndarray) -> np.ndarray:
        return values

    def product(
        self, x: Array, w: Array, out: Array, *, add: bool, transposed: bool = False
    ) -> Call:
        return self.library.product(x, w, out, add=add, transposed=transposed)

    def outer(
        self, x: Array, d: Array, out: Array, factor: Scale, *, add: bool, rows: slice = ALL
    ) -> Call:
        x = x if rows == ALL else x[:, rows]
        return self.library.outer(x, d, out, factor, add=add)


class Masked(Dense):
    """A matrix of all pairs of neurons, with 0 where there is no synapse."""

    has_gaps = True

    def __init__(self, library: Library, edges: Edges) -> None:
        super().__init__(library, edges.shape)
        self.edges, self.outside = edges, (len(edges),)
        self.mask = library.array(edges.mask)

    def inside(self, values: np.ndarray) -> np.ndarray:
        return self.edges.dense(values)

    def outward(self, values: np.ndarray) -> np.ndarray:
        return self.edges.of(values)

    def drawn(self, draw: Draw, out: Array, rows: slice = ALL) -> None:
        start, stop, _ = rows.indices(self.shape[0])
        one = slice(*np.searchsorted(self.edges.pre, (start, stop)))
        values = np.zeros((stop - start, self.shape[1]), np.float32)
        values[self.edges.pre[one] - start, self.edges.post[one]] = draw((one.stop - one.start,))
        self.library.put(values, out)


class _ByKernel(Storage):
    """A form in memory whose products are those of a kernel."""

    _kernel: Kernel[Any]

    def product(
        self, x: Array, w: Array, out: Array, *, add: bool, transposed: bool = False
    ) -> Call:
        return self._kernel.product(x, w, out, add=add, transposed=transposed)

    def outer(
        self, x: Array, d: Array, out: Array, factor: Scale, *, add: bool, rows: slice = ALL
    ) -> Call:
        return self._kernel.outer(x, d, out, factor, add=add, rows=rows)


class Sparse(_ByKernel):
    """One column of values: those of synapses that exist, in their order."""

    def __init__(self, library: Library, edges: Edges) -> None:
        super().__init__(library, (len(edges), 1), (len(edges),))
        self._kernel = library.sparse(edges)

    def inside(self, values: np.ndarray) -> np.ndarray:
        return values[:, np.newaxis]

    def outward(self, values: np.ndarray) -> np.ndarray:
        return values[:, 0]


class Blocks(_ByKernel):
    """Synapses by window: for each window its inputs, and for each of these the maps.

    Parameters
    ----------
    library
        Array library.
    edges
        The synapses that exist, each of them in a window.
    field
        Presynaptic neurons of each window, as in `Library.blocks`.
    """

    has_gaps = True

    def __init__(self, library: Library, edges: Edges, field: np.ndarray) -> None:
        n_windows, n_inputs = field.shape
        maps = edges.shape[1] // n_windows
        super().__init__(library, (field.size, maps), (len(edges),))
        self._inputs, self._kernel = n_inputs, library.blocks(field, edges.shape[0])
        self._places = places_of(edges, field)
        if len(edges) < field.size * maps:
            exists = np.zeros(field.size * maps, bool)
            exists[self._places] = True
            self.mask = library.array(exists.reshape(self.shape))
        self._drawn = np.zeros((0, maps), np.float32)

    def inside(self, values: np.ndarray) -> np.ndarray:
        found = np.zeros(self.shape[0] * self.shape[1], values.dtype)
        found[self._places] = values
        return found.reshape(self.shape)

    def outward(self, values: np.ndarray) -> np.ndarray:
        return values.ravel()[self._places]

    def strips(self, n_trials: int) -> Iterator[slice]:
        """Yield slices of whole windows."""
        n = max(1, max(n_trials, STRIP // self.shape[1]) // self._inputs) * self._inputs
        for start in range(0, self.shape[0], n):
            yield slice(start, min(start + n, self.shape[0]))

    def drawn(self, draw: Draw, out: Array, rows: slice = ALL) -> None:
        start, stop, _ = rows.indices(self.shape[0])
        if start == 0:  # all of them, in the order of synapses, for the rows that follow too
            self._drawn = self.inside(draw(self.outside))
        self.library.put(self._drawn[start:stop], out)


class Shared(_ByKernel):
    """One block of weights that all windows share, as in a convolution: inputs by maps.

    The update of a weight is the sum over the windows that use it, which is the gradient of what
    the network computes; the part of an update that depends on the weight alone counts once.

    Parameters
    ----------
    library
        Array library.
    edges
        The synapses that exist, with the weight of each.
    field
        Presynaptic neurons of each window, as in `Library.shared`.
    """

    def __init__(self, library: Library, edges: Edges, field: np.ndarray) -> None:
        inputs, maps = field.shape[1], edges.shape[1] // len(field)
        super().__init__(library, (inputs, maps), (edges.n_weights,))
        self._kernel = library.shared(field, edges.shape[0])
        self._places = np.unique(places_of(edges, field) % (inputs * maps))
        if edges.n_weights < inputs * maps:
            exists = np.zeros(inputs * maps, bool)
            exists[self._places] = True
            self.mask = library.array(exists.reshape(self.shape))

    def inside(self, values: np.ndarray) -> np.ndarray:
        found = np.zeros(self.shape[0] * self.shape[1], values.dtype)
        found[self._places] = values
        return found.reshape(self.shape)

    def outward(self, values: np.ndarray) -> np.ndarray:
        return values.ravel()[self._places]


class ByComponent(Storage):
    """Weights of one component of vectorised units, which act alike on every component.

    Neurons of a component stand together, so that the components of a trial are rows of one
    product, as those of other trials are; the update of a weight is the sum over both.

    Parameters
    ----------
    units
        Form in memory of the weights between units.
    shape
        Numbers of units on both sides.
    """

    def __init__(self, units: Storage, shape: tuple[int, int]) -> None:
        super().__init__(units.library, units.shape, units.outside)
        self._units, (self._n_pre, self._n_post) = units, shape
        self.mask = units.mask

    def inside(self, values: np.ndarray) -> np.ndarray:
        return self._units.inside(values)

    def outward(self, values: np.ndarray) -> np.ndarray:
        return self._units.outward(values)

    def product(
        self, x: Array, w: Array, out: Array, *, add: bool, transposed: bool = False
    ) -> Call:
        n_from, n_to = self._n_pre, self._n_post
        if transposed:
            n_from, n_to = n_to, n_from
        sent, total = x.reshape(-1, n_from), out.reshape(-1, n_to)
        return self._units.product(sent, w, total, add=add, transposed=transposed)

    def outer(
        self, x: Array, d: Array, out: Array, factor: Scale, *, add: bool, rows: slice = ALL
    ) -> Call:
        sent, heard = x.reshape(-1, self._n_pre), d.reshape(-1, self._n_post)
        return self._units.outer(sent, heard, out, factor, add=add, rows=rows)

    def drawn(self, draw: Draw, out: Array, rows: slice = ALL) -> None:
        self._units.drawn(draw, out, rows)

    def strips(self, n_trials: int) -> Iterator[slice]:
        """Yield slices of rows, as the units' form has them."""
        return self._units.strips(n_trials)

    def spread(self, array: Array) -> float:
        return self._units.spread(array)


def storages(
    network: Network, library: Library, projections: Iterable[Projection] | None = None
) -> dict[str, Storage]:
    """Return the form in memory of each projection that has weights of its own, by its name.

    Parameters
    ----------
    network
        The network.
    library
        Array library.
    projections
        Those of its projections that are held here; None for all.
    """
    held = network.projections if projections is None else projections
    return {
        p.name: _storage(network, p, library)
        for p in held
        if not isinstance(p.weights, ReadBackwards)
    }


def _storage(network: Network, projection: Projection, library: Library) -> Storage:
    edges = network.edges(projection)
    if edges is None:
        whole = Dense(library, projection.shape)
        exists = network.existing(projection)
        whole.mask = None if exists is None else library.array(exists)
        return whole
    components = projection.connectivity.components
    if components == 1:
        return _partial(projection, edges, library)
    units = edges.part(components)
    return ByComponent(_partial(projection, units, library), units.shape)


def _partial(projection: Projection, edges: Edges, library: Library) -> Storage:
    """Return the form in memory of weights of which not all pairs of neurons have one."""
    field = projection.connectivity.windows_of(projection.pre, projection.post)
    if field is not None and projection.shared:
        return Shared(library, edges, field)
    if field is not None and edges.density < BLOCKS_BELOW:
        return Blocks(library, edges, field)
    if edges.density >= SPARSE_BELOW or projection.pre.role == "bias":
        return Masked(library, edges)
    return Sparse(library, edges)
