"""Synapses for a batch of trials: what they read, delivery of spikes, and graded sums."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brian2.core.variables import ArrayVariable

from apical.devices.brian.batched.capture import read
from apical.devices.brian.batched.libraries import Array, BatchLibrary, Layout
from apical.devices.brian.batched.program import GRADED, Cells, Program, key
from apical.errors import DeviceError
from apical.projections.projection import Projection

_PRE, _POST = "_presynaptic_idx", "_postsynaptic_idx"

Draw = Callable[[tuple[int, ...]], Array]
"""Draws random numbers from 0 to 1, in an array of a shape."""

Back = Sequence[tuple[Sequence[ArrayVariable], Array]]
"""Postsynaptic variables, and weights by which their gradients are sent back."""


@dataclass(frozen=True)
class Wires:
    """The synapses of a projection, in Brian2 and in memory.

    Parameters
    ----------
    projection
        The projection.
    synapses
        Brian2's object.
    layout
        How they lie in memory.
    library
        Array library.
    functions
        What stands for functions of the time, and for those that draw random numbers, by name.
    """

    projection: Projection
    synapses: Any
    layout: Layout
    library: BatchLibrary
    functions: Mapping[str, Callable[..., Any]]

    def cell(self, variable: str) -> str:
        """Return the name of a variable of the synapses among the cells."""
        return f"{self.projection.name}.{variable}"

    def everywhere(self, text: str, *given: str, result: str = "", number: str = "") -> Program:
        """Return statements that are run in every synapse.

        Parameters
        ----------
        text
            In Brian2's grammar.
        *given
            Names of arrays that are handed over at each call.
        result
            Name of a local value to return.
        number
            Name of a number that is handed over at each call.
        """
        names, numbers = (*given, *((result,) if result else ())), (number,) if number else ()
        captured = read(self.synapses, text, names, numbers)
        handed = (*given, *numbers)
        return Program(captured, self.library, self._in_synapse, self.functions, handed, result)

    def on_one_side(self, text: str) -> Program:
        """Return an expression of one of the two neurons, and of numbers."""
        captured = read(self.synapses, f"_value = {text}", ("_value",))
        return Program(captured, self.library, self._as_it_is, self.functions, result="_value")

    def _in_synapse(self, variable: ArrayVariable, index: str) -> Callable[[Array], Array]:
        """Return how a variable is read where every synapse has a value of its own."""
        layout = self.layout
        if variable.scalar or index == "0":
            tail = (None,) * (len(layout.shape) - 1)
            return lambda x: x[(..., *tail)] if len(getattr(x, "shape", ())) == 2 else x
        if index in (_PRE, _POST):
            return lambda x: layout.lifted(x, post=index == _POST)
        if index != "_idx":
            raise DeviceError(
                f"Projection {self.projection.name!r} reads {variable.name!r} by an index of its "
                "own, which device 'lockstep' cannot; use device='runtime'.",
                object=f"Projection {self.projection.name!r}",
            )
        return lambda x: x

    def _as_it_is(self, variable: ArrayVariable, index: str) -> Callable[[Array], Array]:
        return lambda x: x


class Delivery:
    """What events of presynaptic neurons add to postsynaptic variables.

    Parameters
    ----------
    wires
        The synapses.
    events
        Name of the events among the cells.
    targets
        Postsynaptic variables.
    sign
        Sign of what is added.
    draw
        Draws random numbers.
    back
        Returns other ways that gradients take back to these events, from variables by matrices,
        shape (n_post, n_pre); None where they take that of the synapses.
    """

    def __init__(
        self,
        wires: Wires,
        events: str,
        targets: list[ArrayVariable],
        sign: int,
        draw: Draw,
        back: Callable[[], Back | None] = lambda: None,
    ) -> None:
        self._wires, self._events, self._targets, self._sign = wires, events, targets, sign
        self._draw, self._back, rule = draw, back, wires.projection.rule
        self._keep = rule is not None and rule.when == "spike"
        self.written = [key(variable) for variable in targets]

    def __call__(self, cells: Cells) -> None:
        """Deliver the events of a time step."""
        wires, library = self._wires, self._wires.library
        events: Array = cells.get(f"{self._events}{GRADED}", cells[self._events])
        w, ways = cells[wires.cell("w")], self._back()
        sent = events if ways is None else events.detach()
        if wires.projection.release < 1:
            came = self._unreliable(cells, sent, w)
        else:
            came = library.arriving(sent, w, wires.layout)
        if came is None:
            return
        self._add(cells, self._targets, came if self._sign > 0 else -came)
        for variables, weights in ways or ():  # it is 0, with a derivative
            self._add(cells, variables, (events - sent) @ weights.T)

    def _add(self, cells: Cells, variables: Sequence[ArrayVariable], came: Array) -> None:
        library = self._wires.library
        for variable in variables:
            name = key(variable)
            now = cells[name]
            held = getattr(variable, "conditional_write", None)
            after = now + came
            after = after if held is None else library.where(cells[key(held)], after, now)
            cells[name] = library.hold(after, variable.dtype, tuple(now.shape))

    def _unreliable(self, cells: Cells, events: Array, w: Array) -> Array:
        """Return what arrives through synapses each of which may fail."""
        wires, library = self._wires, self._wires.library
        shape = (cells.n, *wires.layout.shape)
        release = self._draw(shape) < cells[wires.cell("release")]
        sent = library.hold(release & wires.layout.lifted(events), library.dtype, shape)
        if self._keep:
            cells[wires.cell("sent")] = sent
        return library.gathered(sent * w, wires.layout)


class Sum:
    """Graded input: a weighted sum of a presynaptic signal.

    Parameters
    ----------
    wires
        The synapses.
    target
        The postsynaptic variable.
    signal
        Name of the presynaptic signal.
    """

    def __init__(self, wires: Wires, target: ArrayVariable, signal: str) -> None:
        self._wires, self._target = wires, target
        self._signal = wires.on_one_side(f"{signal}_pre")
        self.written = [key(target)]

    def __call__(self, cells: Cells) -> None:
        """Add up the signals of a time step."""
        wires, library = self._wires, self._wires.library
        shape = (cells.n, wires.layout.neurons[0])
        x = library.hold(self._signal(cells, ()), library.dtype, shape)
        cells[key(self._target)] = library.weighted(x, cells[wires.cell("w")], wires.layout)


class Scaling:
    """Synaptic scaling: weights onto each neuron have a sum, before trials that learn.

    Parameters
    ----------
    wires
        The synapses, with the constant ``w_total``.
    """

    def __init__(self, wires: Wires) -> None:
        self._wires = wires
        self.written = [wires.cell("w")]

    def __call__(self, cells: Cells, factor: float) -> None:
        """Scale the weights where the trial learns."""
        wires, library = self._wires, self._wires.library
        if factor == 0:
            return
        w, layout = cells[wires.cell("w")], wires.layout
        sums = library.gathered(abs(w)[None], layout)[0]
        there = sums > 0
        factors = library.where(
            there, cells[wires.cell("w_total")] / library.where(there, sums, 1.0 + 0 * sums), 1.0
        )
        cells[wires.cell("w")] = w * library.hold(
            layout.lifted(factors, post=True), library.dtype, layout.shape
        )
