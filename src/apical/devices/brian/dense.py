"""Templates of our own for C++ standalone, and dense projections without index arrays.

Brian2 sends every spike through a queue of synapse numbers and looks up both neurons of every
synapse. Where every presynaptic neuron reaches every postsynaptic one, without delay, synapse
``i * n_post + j`` joins i and j: the spikes of a step are rows of the weight matrix, and the
inner loop runs over contiguous memory. The statements are Brian2's own translation of the same
strings, applied in the same order, so results are the same bits as those of the generic path.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from brian2.core.variables import ArrayVariable
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
from brian2.groups.group import CodeRunner

from apical.devices.brian import plastic
from apical.devices.brian.live import Holding
from apical.devices.brian.spike_tables import own
from apical.language.expressions import vanishes_where, vanishes_with
from apical.plasticity.traces import Trace
from apical.projections.projection import Projection

STRIP = 128
"""Columns of a weight matrix whose sums stay in registers while spikes arrive."""


def columns(variables: Mapping[str, Any], indices: Mapping[str, str]) -> list[ArrayVariable]:
    """Return the variables of postsynaptic neurons that a code object reads, each once."""
    found = [
        variable
        for name, variable in variables.items()
        if indices[name] == "_postsynaptic_idx" and isinstance(variable, ArrayVariable)
    ]
    return list(dict.fromkeys(found))


class DenseCodeObject(CPPStandaloneCodeObject):
    """C++ standalone code object that also knows the templates of this package."""

    templater = CPPStandaloneCodeObject.templater.derive(
        "apical.devices.brian", env_globals={"columns": columns, "own": own}
    )


class PlainDevice(Holding, CPPStandaloneDevice):
    """C++ standalone device with Brian2's own templates."""


class DenseDevice(PlainDevice):
    """C++ standalone device that takes our templates wherever we have one."""

    def code_object_class(
        self, codeobj_class: type | None = None, fallback_pref: str | None = None
    ) -> type:
        """Return the class of code objects to make."""
        return codeobj_class or DenseCodeObject


class AtSpikes(CodeRunner):
    """Runs statements for the synapses of the neurons that have just spiked, or had an event.

    `backward`: for the synapses onto the postsynaptic neurons that had it.
    """

    def __init__(
        self,
        synapses: Any,
        code: str,
        projection: Projection,
        what: str,
        when: str,
        order: int,
        event: str = "spike",
        *,
        backward: bool = False,
    ) -> None:
        events, group = f"_{event}space", synapses.target if backward else synapses.source
        super().__init__(
            synapses,
            "dense_backward" if backward else "dense_delivery",
            code=code,
            clock=synapses.source.clock,
            when=when,
            order=order,
            name=f"{synapses.name}_{what}",
            template_kwds={
                "n_pre": projection.pre.size,
                "n_post": projection.post.size,
                "spikespace": group.variables[events],
                "strip": 0 if plastic.draws(projection) else STRIP,
            },
            needed_variables=[events],
        )
        self.variables = synapses.variables.__class__(synapses)
        self.variables.add_reference(events, group)


class Sum(CodeRunner):
    """Adds up a graded signal for every postsynaptic neuron.

    Rows of neurons that send nothing are left out.

    Parameters
    ----------
    synapses
        The projection in Brian2.
    variable
        Variable of the postsynaptic group that the sum goes into.
    signal
        Presynaptic signal, with ``_pre``.
    projection
        What it is of.
    order
        Place before the groups of a time step.
    """

    def __init__(
        self, synapses: Any, variable: str, signal: str, projection: Projection, order: int
    ) -> None:
        total = f"{variable}_post"
        super().__init__(
            synapses,
            "dense_sum",
            code=f"_sent = {signal}",
            clock=synapses.target.clock,
            when="groups",
            order=order,
            name=f"{synapses.name}_sum_{variable}",
            template_kwds={
                "n_pre": projection.pre.size,
                "n_post": projection.post.size,
                "total": synapses.variables[total],
                "weights": synapses.variables["w"],
            },
            needed_variables=[total, "w"],
        )


class Everywhere(CodeRunner):
    """Runs statements for every synapse of a dense projection at every tick of a clock.

    Parameters
    ----------
    synapses, code, projection
        The projection in Brian2, what to do, and the projection.
    clock, when, order
        At which ticks, in which slot of a time step, and at which place in it.
    what
        Its name.
    skip
        Presynaptic variable whose zeros mark rows that can be skipped; None for none.
    taught
        Postsynaptic variable whose zeros mark columns that keep their weights; "" for none.
    vanishes
        Whether the statements say so themselves.
    wakes
        Presynaptic variables without which rows that hold nothing but zeros keep them.
    rests
        Variables of synapses that such a row has at zero.
    """

    def __init__(
        self,
        synapses: Any,
        code: str,
        projection: Projection,
        clock: Any,
        when: str,
        order: int,
        what: str,
        *,
        skip: Any = None,
        taught: str = "",
        vanishes: bool = False,
        wakes: Sequence[Any] = (),
        rests: Sequence[Any] = (),
    ) -> None:
        super().__init__(
            synapses,
            "dense_update",
            code=code,
            clock=clock,
            when=when,
            order=order,
            name=f"{synapses.name}_{what}",
            template_kwds={
                "n_pre": projection.pre.size,
                "n_post": projection.post.size,
                "skip": skip,
                "taught": synapses.variables[taught] if taught else None,
                "vanishes": vanishes,
                "wakes": wakes,
                "rests": rests,
            },
            needed_variables=[taught] if taught else [],
        )


class Following(Everywhere):
    """Lets the traces of a dense projection follow its neurons, in every time step.

    Traces of synapses from neurons that have been silent since the traces were last zero are zero
    still, and are left out.
    """

    def __init__(
        self,
        synapses: Any,
        code: str,
        projection: Projection,
        followed: Mapping[str, Trace],
        clock: Any,
        when: str,
        order: int,
    ) -> None:
        wakes = _wakers(synapses, projection, followed)
        rests = [synapses.variables[name] for name in followed] if wakes else ()
        super().__init__(
            *(synapses, code, projection, clock, when, order, "traces"), wakes=wakes, rests=rests
        )


class Learning(Everywhere):
    """Applies the learning rule of a dense projection at every tick of a clock.

    Weight constraints are enforced wherever weights may have changed. A rule that acts at feedback
    is applied to the synapses of neurons that have just received it.
    """

    def __init__(
        self, synapses: Any, code: str, projection: Projection, clock: Any, when: str, order: int
    ) -> None:
        rule = projection.rule
        waits = rule is not None and rule.when == "feedback"
        taught = f"{projection.post.inputs['teach']}_post" if waits else ""
        super().__init__(
            synapses,
            code,
            projection,
            clock,
            when,
            order,
            "learning",
            skip=_silencer(synapses, projection),
            taught=taught,
            vanishes=rule is not None
            and waits
            and projection.bounds is None
            and not rule.steps
            and vanishes_with(rule.update, taught),
        )


def _silencer(synapses: Any, projection: Projection) -> Any:
    """Return a presynaptic signal that is a factor of the rule, if there is one.

    Rows of neurons where it is zero can be skipped, unless bounds must be enforced there too, or an
    optimiser or the rule has state there.
    """
    rule = projection.rule
    if rule is None or rule.dynamics or rule.steps or projection.bounds:
        return None
    for signal in projection.pre.signals:
        variable = synapses.variables.get(f"{signal}_pre")
        if isinstance(variable, ArrayVariable) and vanishes_with(rule.update, f"{signal}_pre"):
            return variable
    return None


def _wakers(
    synapses: Any, projection: Projection, followed: Mapping[str, Trace]
) -> list[ArrayVariable]:
    """Return the presynaptic signals without which traces at zero stay there; none if they may not.

    They are variables: the value of an expression would have to be worked out first.
    """
    read = {signal for trace in followed.values() for signal in trace.signals}
    held = {f"{signal}_pre" for signal in projection.pre.signals} & read
    found = {name: synapses.variables.get(name) for name in sorted(held)}
    found = {name: v for name, v in found.items() if isinstance(v, ArrayVariable)}
    zeros = {*followed, *found}
    rest = all(vanishes_where(trace.source, zeros) for trace in followed.values())
    return list(found.values()) if rest else []
