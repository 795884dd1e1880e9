"""Brian2's objects as functions that act on a batch of trials in a time step."""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import brian2 as b2
import numpy as np
from brian2.core.variables import ArrayVariable
from brian2.groups.group import CodeRunner
from brian2.groups.neurongroup import Resetter, Thresholder
from brian2.synapses.synapses import SummedVariableUpdater, SynapticPathway

from apical._base import times
from apical.devices.brian import build, chance, graded, relaying
from apical.devices.brian.batched.capture import Captured, caught, read
from apical.devices.brian.batched.kernels import Arrivals, Kernel, Statements
from apical.devices.brian.batched.learning import Learning
from apical.devices.brian.batched.libraries import Array, BatchLibrary, Layout
from apical.devices.brian.batched.program import GRADED, Cells, Program, key
from apical.devices.brian.batched.shown import Shown
from apical.devices.brian.batched.synapses import Back, Delivery, Scaling, Sum, Wires
from apical.devices.brian.batched.ways_back import WayBack
from apical.devices.brian.build import Built
from apical.devices.surrogates import Surrogate
from apical.errors import DeviceError
from apical.projections.projection import Projection

PASSIVE = (b2.NeuronGroup, b2.Synapses, b2.StateMonitor, b2.SpikeMonitor, chance.Seeding)
"""Objects of Brian2 that change nothing in a time step by themselves."""


@dataclass(frozen=True)
class Action:
    """What one object does.

    Parameters
    ----------
    name
        Of Brian2's object.
    run
        Changes the cells.
    written
        Names of the cells that it replaces.
    period
        Time steps between two of its turns.
    closing
        Whether it ends a trial: it belongs to the trial before it.
    early
        Whether it comes before the next trial begins.
    kernel
        How it is written in C++; None where it is not.
    """

    name: str
    run: Callable[[Cells], None]
    written: Sequence[str]
    period: int
    closing: bool
    early: bool
    kernel: Kernel | None


Made = tuple[Callable[[Cells], None], Sequence[str], Kernel | None]
"""What an object does, the names of the cells that it replaces, and how it is written in C++."""


class Actions:
    """Makes what the objects of a network do, in their order.

    Parameters
    ----------
    built
        The network as Brian2's objects.
    library
        Array library.
    shown
        What trials show.
    dt
        Time step [ms].
    """

    def __init__(self, built: Built, library: BatchLibrary, shown: Shown, dt: float) -> None:
        self._built, self._library, self._shown, self._dt = built, library, shown, dt
        self._neurons = {p.name for p in built.network.populations if p.role == "neurons"}
        self.surrogate: Surrogate | None = None
        """How gradients pass thresholds; None where none are asked for."""
        self.ways: Mapping[str, Sequence[WayBack]] | None = None
        """Ways back of gradients to hidden populations; None for transposed weights."""
        self.wires = {p.name: self._wires(p) for p in built.network.projections}

    def made(self) -> list[Action]:
        """Return all of them."""
        found = []
        for item in self._built.brian_network.sorted_objects:
            if isinstance(item, PASSIVE) or not item.active:
                continue
            made = self._made(item)
            if made is None:
                continue
            run, written, kernel = made
            early = item.when == "start" and item.order < build.DRAW
            closing = any(item is one for one in self._built.closing)
            period = round(float(item.clock.dt_) * 1e3 / self._dt)
            kernel = None if early or closing else kernel
            found.append(Action(item.name, run, written, period, closing, early, kernel))
        return found

    def _made(self, item: Any) -> Made | None:
        """Return what an object does; None for nothing."""
        if isinstance(item, SynapticPathway):
            return self._pathway(item)
        if isinstance(item, SummedVariableUpdater):
            return self._sum(item)
        scaled = {f"{name}_normalisation": wires for name, wires in self.wires.items()}
        if isinstance(item, b2.NetworkOperation) and item.name in scaled:
            scaling = Scaling(scaled[item.name])
            return lambda cells: scaling(cells, self._shown.factor), scaling.written, None
        if isinstance(item, CodeRunner) and isinstance(item.group, b2.Synapses):
            return self._of_synapses(item)
        if isinstance(item, CodeRunner):
            captured = caught(item)
            return None if captured is None else self._of_group(item, captured)
        raise DeviceError(
            f"Device 'lockstep' cannot run {item.name!r}, a {type(item).__name__} of Brian2; use "
            "device='runtime'.",
            object=item.name,
        )

    # ---- neurons ---------------------------------------------------------------------------------
    def _of_group(self, item: Any, captured: Captured) -> Made:
        """Return what a group of neurons does: integrate, spike, reset, or as a model says."""
        n = captured.owner.N
        result = "_cond" if isinstance(item, Thresholder) else ""
        program = self._in_group(captured, result)
        written = [key(variable) for variable in program.written.values()]
        if isinstance(item, Thresholder):
            return self._threshold(item, program, n)
        if isinstance(item, Resetter):
            events = key(captured.keywords["eventspace_variable"])

            def reset(cells: Cells) -> None:
                soft = cells.get(f"{events}{GRADED}")
                if soft is None and not bool(cells[events].any()):
                    return
                if self._library.picks:
                    program.at(cells, (cells.n, n), cells[events])
                else:
                    program(cells, (cells.n, n), cells[events], self._through(soft))

            return reset, written, Statements(program, n, events)
        return lambda cells: program(cells, (cells.n, n)), written, Statements(program, n)

    def _threshold(self, item: Any, program: Program, n: int) -> Made:
        """Return what finds the neurons with an event, and makes those that spike refractory."""
        keywords, group, library = item.template_kwds, item.group, self._library
        events, boolean = key(keywords["eventspace_variable"]), np.dtype(bool)
        written, refractory = [events], keywords["_uses_refractory"]
        free, last = (f"{group.name}.{name}" for name in ("not_refractory", "lastspike"))

        graded = self._graded(item.group, item.event)
        sends = group.name in self._neurons and item.event == "spike"

        def find(cells: Cells) -> None:
            passes = sends and self.surrogate is not None
            moment = self._shown.moment if passes else {}
            found = library.hold(program(cells, (cells.n, n)), boolean, (cells.n, n))
            cells[events] = found
            if passes:
                with self._shown.again(moment):
                    cells[f"{events}{GRADED}"] = graded(cells, found)
            if refractory:
                cells[free] = library.where(found, False, cells[free])
                cells[last] = library.where(found, cells[CLOCK], cells[last])

        kernel = Statements(program, n, events, (free, last, CLOCK) if refractory else ())
        return find, [*written, *([free, last] if refractory else [])], kernel

    def _graded(self, group: Any, event: str) -> Callable[[Cells, Array], Array]:
        """Return the spikes of a group as numbers through which gradients pass."""
        library, n = self._library, group.N
        if not library.differentiates:
            return lambda cells, spiked: None
        above, allowed = distance(group.events[event])
        if above is None:
            return lambda cells, spiked: _refuse(group.name, group.events[event])
        free = " and not_refractory" if group._refractory is not False and event == "spike" else ""
        texts = [f"_value = {above}", f"_value = int(({allowed}){free})"]
        texts += ["_value = gain"] if "gain" in group.variables else []
        programs = [self._in_group(read(group, text, ("_value",)), "_value") for text in texts]

        def graded(cells: Cells, spiked: Array) -> Array:
            assert self.surrogate is not None
            found = [
                library.hold(program(cells, (cells.n, n)), library.dtype, (cells.n, n))
                for program in programs
            ]
            gain = found[2] if len(found) > 2 else None
            return self.surrogate.spikes(found[0], spiked, found[1] > 0, gain, group.name)

        return graded

    def _through(self, soft: Array | None) -> Any:
        """Return what puts values of a reset in their place, such that gradients pass."""
        if soft is None or self.surrogate is None:
            return None
        where, everywhere = self._library.where, self.surrogate.through_reset

        def put(mask: Array, new: Array, old: Array, name: str) -> Array:
            if not new.is_floating_point():
                return where(mask, new, old)
            share = soft if everywhere or name == "count" else soft.detach()
            return share * new + (1 - share) * old

        return put

    def signal(self, population: str, name: str) -> Callable[[Cells], Array]:
        """Return what reads a signal of a population, whether it is a variable or computed."""
        group = self._built.objects[population]
        captured, n = read(group, f"_value = {name}", ("_value",)), group.N
        program = self._in_group(captured, "_value")
        return lambda cells: self._library.hold(
            program(cells, (cells.n, n)), self._library.dtype, (cells.n, n)
        )

    def _in_group(self, captured: Captured, result: str) -> Program:
        """Return statements of a group of neurons as a function."""
        n = captured.owner.N
        functions = self._shown.functions(lambda trials: (trials, n))

        def place(variable: ArrayVariable, index: str) -> Callable[[Array], Array]:
            if index in ("_idx", "0"):
                return lambda x: x
            neurons = captured.variables[index].get_value()  # those that linked variables are of
            return lambda x: x[..., neurons]

        return Program(captured, self._library, place, functions, (), result)

    # ---- synapses --------------------------------------------------------------------------------
    def _wires(self, projection: Projection) -> Wires:
        synapses, edges = self._built.objects[projection.name], None
        if projection.name in self._built.made:
            edges = self._built.made[projection.name]
        of = () if edges is None else (edges.pre, edges.post)
        layout = Layout(projection.shape, *of)
        functions = self._shown.functions(lambda n: layout.shape)
        return Wires(projection, synapses, layout, self._library, functions)

    def _pathway(self, item: Any) -> Made:
        """Return what events do to the other neuron, or to the weight."""
        wires, what = self.wires[item.synapses.name], item.objname
        projection = wires.projection
        if what == "learn":
            events = key(item.source.variables[item.eventspace_name])
            return self._learn(wires, events, pre=item.prepost == "pre")
        targets = projection.carries if what == "pre" else {"teach": "x"}
        names = [projection.post.inputs[t] for t, signal in targets.items() if signal == "x"]
        post = self._built.objects[projection.post.name]
        events = key(item.source.variables[item.eventspace_name])
        sign = -1 if relaying.PATHWAYS.get(what) == "-=" else 1
        delivery = Delivery(
            wires,
            events,
            [post.variables[n] for n in names],
            sign,
            self._shown.draw,
            lambda: self._back(projection),
        )
        return delivery, delivery.written, Arrivals(delivery)

    def _back(self, projection: Projection) -> Back | None:
        """Return the ways of gradients back to the spikes that a projection delivers."""
        pre = projection.pre.name
        passes = self.ways is not None and self.surrogate is not None and projection.is_forward
        if self.ways is None or not passes or pre not in self._neurons:
            return None
        first = next(p for p in self._built.network.driving if p.pre.name == pre)
        ways = self.ways.get(pre, ()) if projection.name == first.name else ()
        return [(self._driven(way.source), way.weights) for way in ways]

    def _driven(self, population: str) -> list[ArrayVariable]:
        """Return the variables that forward spikes onto a population change."""
        onto = next(p for p in self._built.network.forward if p.post.name == population)
        names = [onto.post.inputs[t] for t, signal in onto.carries.items() if signal == "x"]
        return [self._built.objects[population].variables[name] for name in names]

    def _sum(self, item: Any) -> Made:
        """Return what adds up graded signals."""
        wires = self.wires[item.group.name]
        part = item.target_var.name
        _, signal = graded.sums(wires.projection)[part]
        found = Sum(wires, item.target_var, signal)
        return found, found.written, None

    def _of_synapses(self, item: Any) -> Made:
        """Return what synapses do at regular times: learn after trials, or follow traces."""
        wires = self.wires[item.group.name]
        if any(item is one for one in self._built.closing):
            return self._learn(wires)
        program = wires.everywhere(item.abstract_code)
        shape = wires.layout.shape
        written = [key(variable) for variable in program.written.values()]
        return lambda cells: program(cells, (cells.n, *shape)), written, None

    def _learn(self, wires: Wires, events: str = "", *, pre: bool = False) -> Made:
        projection = wires.projection
        rule = projection.rule
        assert rule is not None
        masked = projection.name in self._built.masked
        ends = {"pre" if pre else "post": events} if events else {}
        learning = Learning(wires, masked=masked, **ends)
        onset = times.steps(rule.onset, self._dt, "an onset") if events else 0
        shown = self._shown
        return (
            lambda cells: learning(cells, shown.factor if shown.step >= onset else 0.0),
            learning.written,
            None,
        )


def distance(condition: str) -> tuple[str | None, str]:
    """Return the distance from threshold in a condition, and what must hold besides.

    Returns
    -------
    tuple
        An expression above 0 where the threshold is crossed, or None where the condition is no
        single comparison of sizes; and a condition.
    """
    node = ast.parse(condition.strip(), mode="eval").body
    parts = node.values if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And) else [node]
    sizes = [p for p in parts if isinstance(p, ast.Compare) and isinstance(p.ops[0], _SIZES)]
    if len(sizes) != 1 or len(sizes[0].ops) != 1:
        return None, "True"
    (found,) = sizes
    left, right = ast.unparse(found.left), ast.unparse(found.comparators[0])
    if isinstance(found.ops[0], ast.Lt | ast.LtE):
        left, right = right, left
    others = [f"({ast.unparse(part)})" for part in parts if part is not found]
    return f"({left}) - ({right})", " and ".join(others) or "True"


def _refuse(owner: str, condition: str) -> Array:
    raise DeviceError(
        f"{owner!r} has the threshold {condition!r}, which is no single comparison of sizes, so "
        "that there is no surrogate gradient of it; write it as 'v > threshold'.",
        object=f"{owner!r}",
    )


_SIZES = (ast.Gt, ast.GtE, ast.Lt, ast.LtE)

CLOCK = "step_clock.t"
"""The time among the cells [s], a row for each trial."""
