"""Learning in a batch of trials: weights change by the mean of the updates of its trials."""

import ast

import numpy as np

from apical.devices.brian import plastic
from apical.devices.brian.batched.libraries import Array
from apical.devices.brian.batched.program import Cells, Program, key
from apical.devices.brian.batched.synapses import Wires
from apical.errors import DeviceError
from apical.language.expressions import names_in
from apical.language.rank_one import HELD, Term, terms
from apical.projections.projection import Projection

LARGEST = 2**22
"""Number of synapses times trials whose updates are computed at a time."""


class Learning:
    """The learning rule of a projection, its optimiser and its weight constraints.

    Parameters
    ----------
    wires
        The synapses, whose projection has a rule.
    masked
        Whether there are objects for synapses that do not exist.
    pre, post
        Names of the events among the cells at which it acts, of either neuron; "" for none.
    """

    def __init__(self, wires: Wires, *, masked: bool, pre: str = "", post: str = "") -> None:
        projection = wires.projection
        self._wires, self._pre, self._post = wires, pre, post
        self._change = Mean(wires, plastic.written_update(projection), pre=pre, post=post)
        self._steps = [
            (wires.cell(name), Mean(wires, text, pre=pre, post=post, stays=wires.cell(name)))
            for name, text in plastic.written_steps(projection)
        ]
        code = plastic.statements(projection, "_factor", masked=masked, update="_mean")
        self._step = wires.everywhere(code, "_mean", number="_factor")
        written = [key(variable) for variable in self._step.written.values()]
        self.written = [*(name for name, _ in self._steps), *written]

    def __call__(self, cells: Cells, factor: float) -> None:
        """Change the weights, at a factor on the learning rate; at 0 nothing changes."""
        mask = self._anywhere(cells) if self._pre or self._post else None
        if factor == 0 or (mask is not None and not bool(mask.any())):
            return
        shape, library = self._wires.layout.shape, self._wires.library
        for name, mean in self._steps:
            after = mean(cells)
            cells[name] = after if mask is None else library.where(mask, after, cells[name])
        self._step(cells, shape, mask, _mean=self._change(cells), _factor=factor)

    def _anywhere(self, cells: Cells) -> Array:
        """Return which synapses learn in any trial."""
        layout, library = self._wires.layout, self._wires.library
        events = cells[self._pre or self._post].any(0)
        there = layout.lifted(events, post=not self._pre)
        return library.hold(there, np.dtype(bool), layout.shape)


class Mean:
    """An expression of a rule in every synapse, as its mean over the trials of a batch.

    Parameters
    ----------
    wires
        The synapses.
    text
        The expression, with the names that a synapse has.
    pre, post
        Names of the events among the cells at which it is read, of either neuron; "" for none.
    stays
        Name of the cell whose value counts in trials without such an event; "" for 0.
    """

    def __init__(
        self, wires: Wires, text: str, *, pre: str = "", post: str = "", stays: str = ""
    ) -> None:
        projection = wires.projection
        self._wires, self._pre, self._post, self._stays = wires, pre, post, stays
        self._released = bool(pre) and projection.release < 1
        found = () if self._released or stays else _outers(projection, text)
        self._outers = [tuple(map(wires.on_one_side, _texts(term))) for term in found]
        self._each: Program | None = None
        if not self._outers:
            self._each = wires.everywhere(f"_change = {text}", result="_change")

    def __call__(self, cells: Cells) -> Array:
        """Return it, shape as that of the weights."""
        return self._of_products(cells) if self._outers else self._of_each(cells)

    def _of_products(self, cells: Cells) -> Array:
        """Return the mean update, by a matrix product for each of its terms."""
        layout, library = self._wires.layout, self._wires.library
        total: Array = 0.0
        for pre, post, size in self._outers:
            shapes = ((cells.n, n) for n in layout.neurons)
            x, d = (
                library.hold(p(cells, ()), library.dtype, shape)
                for p, shape in zip((pre, post), shapes, strict=True)
            )
            x = x * cells[self._pre] if self._pre else x
            d = d * cells[self._post] if self._post else d
            total = total + library.outer(x, d, layout) * (size(cells, ()) / cells.n)
        return total

    def _of_each(self, cells: Cells) -> Array:
        """Return the mean update, computed in every synapse of every trial."""
        assert self._each is not None
        layout, library = self._wires.layout, self._wires.library
        size = max(1, LARGEST // max(1, int(np.prod(layout.shape))))
        total: Array = 0.0
        for start in range(0, cells.n, size):
            part = cells.part(slice(start, start + size))
            change = self._each(part, ())
            otherwise = part[self._stays] if self._stays else 0 * change
            if self._pre or self._post:
                events = layout.lifted(part[self._pre or self._post], post=not self._pre)
                change = library.where(events, change, otherwise)
            if self._released:
                sent = part[self._wires.cell("sent")]
                change = (
                    library.where(sent != 0, change, otherwise) if self._stays else change * sent
                )
            total = total + library.hold(change, library.dtype, (part.n, *layout.shape)).sum(0)
        return total / cells.n


def _outers(projection: Projection, text: str) -> tuple[Term, ...]:
    """Return an update as products of two neurons' factors, if it is a sum of these alone."""
    if plastic.followed(projection):
        return ()
    held = HELD | {*plastic.names_of_state(projection).values()}
    try:
        found = terms(text, held)
    except DeviceError:  # not a sum of products: it is computed in every synapse
        return ()
    simple = all(term.is_outer and not held & names_in(term.synapse) for term in found)
    return found if simple else ()


def _texts(term: Term) -> tuple[str, str, str]:
    """Return the factors of a term: presynaptic, postsynaptic, and numbers."""
    return ast.unparse(term.pre), ast.unparse(term.post), ast.unparse(term.synapse)
