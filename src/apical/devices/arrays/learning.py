"""Learning of one projection on arrays: a matrix product for each rank-one term of its rule."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np

from apical.devices.arrays.expression_program import Factor, Formula
from apical.devices.arrays.library import Array, Call, Library, Workspace
from apical.devices.arrays.optimizer_step import Plan, Stepping
from apical.devices.arrays.random import Streams
from apical.devices.arrays.storage import Storage
from apical.language.expressions import names_in, parse
from apical.language.rank_one import Term, compiled, terms
from apical.plasticity.optimizers import NOISE, UpdateDynamics
from apical.plasticity.rules import ELIGIBILITY, LearningRule, When
from apical.projections.projection import Projection

Pairs = Sequence[tuple[Array, Array]]
"""Neural factors of each term: shapes (n_trials, n_pre) and (n_trials, n_post)."""


@dataclass(frozen=True)
class Learning:
    """The calls that apply a rule, at a learning rate.

    Parameters
    ----------
    calls
        All of them, in order.
    plan
        Their optimiser step; None where there is none.
    sizes
        Factors on the products that are added to the weights directly.
    """

    calls: list[Call]
    plan: Plan | None
    sizes: list[Array]


class Learner:
    """Applies the learning rule of one projection.

    Parameters
    ----------
    projection
        A plastic projection.
    rule
        Its rule.
    storage
        How its weights lie in memory.
    room
        Workspace for intermediate results.
    streams
        Random streams.
    """

    def __init__(
        self,
        projection: Projection,
        rule: LearningRule,
        storage: Storage,
        room: Workspace,
        streams: Streams,
    ) -> None:
        library = storage.library
        self.projection, self._rule, self._library, self._room = projection, rule, library, room
        self._storage = storage
        self._steps = [(name, Mean(text, rule, storage, room)) for name, text in rule.steps]
        self._change = Mean(rule.update, rule, storage, room)
        means = [*(mean for _, mean in self._steps), self._change]
        self.outers = [outer for mean in means for outer in mean.outers]
        """Rank-one terms of presynaptic and postsynaptic factors, of steps and of the update."""
        # Without an optimiser, products are added to the weights directly, after the change that
        # depends on the synapse alone.
        weighed = any(outer.reads_weight for outer in self._change.outers)
        self._in_place = not (rule.dynamics or rule.state or weighed)
        dynamics = rule.dynamics or UpdateDynamics("none", {}, (), "update")
        if self._in_place and self._change.alone is not None:
            text = ast.unparse(self._change.alone)
            dynamics = UpdateDynamics("alone", {}, (), text, rule.parameters)
        self._dynamics = dynamics
        self._stepping = Stepping(dynamics, library, room)
        text = dynamics.spread
        self._wide = Formula(parse(text), library, room, dynamics.parameters) if text else None
        self._noise = streams.named("update", projection.name)
        self._explores = streams.named("explore", projection.name)
        self._held: dict[str, Array] = {}
        if projection.explores:
            self._held[ELIGIBILITY] = storage.full(0.0)
            self._before = library.empty(storage.shape)

    @property
    def when(self) -> When:
        """When the rule acts."""
        return self._rule.when

    def perturb(self, w: Array) -> None:
        """Perturb the weights `w` by noise, in place; `restore` undoes it."""
        operations, size = self._library.operations, self.projection.explores
        noise, number = self._held[ELIGIBILITY], self._library.number
        draws = self._explores()
        operations[ast.UAdd](w, out=self._before)
        self._storage.drawn(lambda shape: size * draws.standard_normal(shape, np.float32), noise)
        if self._storage.mask is not None:
            operations[ast.Mult](noise, self._storage.mask, out=noise)
        operations[ast.Add](w, noise, out=w)
        operations[ast.Mult](noise, number(size**-2), out=noise)

    def restore(self, w: Array) -> None:
        """Restore the weights `w` to the same bits as before `perturb`."""
        self._library.operations[ast.UAdd](self._before, out=w)

    def initial_state(self, first: Mapping[str, np.ndarray]) -> dict[str, Array]:
        """Return the state of the rule and of the optimiser, by name.

        Its shape is that of the weights in memory, or () where it is the same in all synapses.

        Parameters
        ----------
        first
            The state of the rule where synapses begin (`LearningRule.first`).
        """
        shared, library = self._stepping.shared, self._library
        found = {
            name: library.number(value) if name in shared else self._storage.full(value)
            for name, value in self._dynamics.state.items()
        }
        return found | {name: self._storage.array(values) for name, values in first.items()}

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the weights in memory."""
        return self._storage.shape

    def update(
        self,
        w: Array,
        state: Mapping[str, Array],
        pairs: Pairs,
        n_trials: int,
        out: Array,
        rows: slice = slice(None),
    ) -> list[Call]:
        """Return the calls that compute the update of the rule, before its optimiser.

        The next state of the rule is computed on the way, and taken over by `_taken_over`.

        Parameters
        ----------
        w
            Some rows of the weights, shape (n_rows, n_post).
        state
            All rows of the state of the rule, by name, which stays as it is.
        pairs
            Neural factors of each of `outers`.
        n_trials
            Number of trials in the batch; the update is their mean.
        out
            Where the update is written, shape (n_rows, n_post).
        rows
            Which rows of all weights `w` is.
        """
        values = {"w": w, **{name: held[rows] for name, held in self._held.items()}}
        values |= {name: state[name][rows] for name in self._rule.state}
        calls, first = list[Call](), 0
        for name, mean in self._steps:
            after = self._next(name, w)
            own = pairs[first : first + len(mean.outers)]
            calls += mean.calls(values, own, n_trials, after, rows)
            values[name], first = after, first + len(own)
        return calls + self._change.calls(values, pairs[first:], n_trials, out, rows)

    def _next(self, name: str, w: Array) -> Array:
        """Return where the next values of a state variable of the rule are computed."""
        return self._room(f"next {name}", tuple(w.shape))

    def _taken_over(self, w: Array, state: Mapping[str, Array], rows: slice) -> list[Call]:
        """Return the calls that take over the next state of the rule, of some rows."""
        copy = self._library.operations[ast.UAdd]
        names = dict.fromkeys(name for name, _ in self._steps)
        return [partial(copy, self._next(name, w), out=state[name][rows]) for name in names]

    def learn(
        self,
        w: Array,
        state: dict[str, Array],
        pairs: Pairs,
        n_trials: int,
        factor: float,
        before: Learning | None = None,
    ) -> Learning:
        """Return the calls that update the weights `w` and the `state`, in place.

        Parameters
        ----------
        w
            Weights, shape (n_pre, n_post).
        state
            State of the rule and of the optimiser, by name.
        pairs
            Neural factors of each of `outers`.
        n_trials
            Number of trials in the batch; the update is their mean.
        factor
            Factor on the learning rate [dimensionless].
        before
            Returned for another factor, all else the same, and no longer used; it is changed and
            returned again where possible, so that a learning-rate schedule costs little.
        """
        own = self.outers if self._in_place else []
        if before and (not before.plan or self._stepping.retuned(before.plan, state, factor)):
            for outer, size in zip(own, before.sizes, strict=True):
                size[...] = factor * outer.size / n_trials
            return before
        plan, calls = self._of_rows(w, state, pairs, n_trials, factor)
        sizes = [self._library.scale(factor * outer.size / n_trials) for outer in own]
        if own:
            for size, (x, d) in zip(sizes, pairs, strict=True):
                calls.append(self._storage.outer(x, d, w, size, add=True))
        if self.projection.limits is not None:
            least, largest = map(self._library.number, self.projection.limits)
            calls.append(partial(self._library.operations["clip"], w, least, largest, out=w))
        return Learning(calls, plan, sizes)

    def _of_rows(
        self, w: Array, state: dict[str, Array], pairs: Pairs, n_trials: int, factor: float
    ) -> tuple[Plan | None, list[Call]]:
        """Return the calls that process some rows at a time, beyond matrix products."""
        if self._in_place and self._change.alone is None:
            return None, []
        plan = self._stepping.begun(state, factor)
        whole, calls = self._measured(w, state, pairs, n_trials) if self._wide else (None, [])
        calls += self._stepping.of_all(plan, state)
        for strip in self._storage.strips(n_trials):
            values = {"w": w[strip]}
            if not self._in_place:
                values |= {k: v[strip] for k, v in state.items() if len(v.shape)}
                if whole is not None:
                    values["update"] = whole[strip]
                else:
                    update = values["update"] = self._room("update", tuple(values["w"].shape))
                    calls += self.update(values["w"], state, pairs, n_trials, update, strip)
                    calls += self._taken_over(values["w"], state, strip)
            if self._dynamics.draws:
                drawn = values[NOISE] = self._room(NOISE, tuple(values["w"].shape))
                calls.append(partial(self._draw, drawn, strip))
            calls += self._stepping.of_rows(plan, values)
        return plan, calls

    def _measured(
        self, w: Array, state: Mapping[str, Array], pairs: Pairs, n_trials: int
    ) -> tuple[Array, list[Call]]:
        """Return the update of all rows, and the calls that compute it and measure its spread."""
        assert self._wide is not None
        whole = self._room("whole update", self.shape)
        calls = self.update(w, state, pairs, n_trials, whole)
        calls += self._taken_over(w, state, slice(None))
        wide, more = self._wide.bound({"w": w, "update": whole}, "wide", self.shape)

        def measure() -> None:
            self._stepping.spread = self._storage.spread(wide)

        return whole, [*calls, *more, measure]

    def _draw(self, out: Array, rows: slice) -> None:
        """Draw standard normal numbers for the synapses of some rows."""
        draws = self._noise()
        self._storage.drawn(lambda shape: draws.standard_normal(shape, np.float32), out, rows)


class Mean:
    """An expression of a rule as its mean over trials: matrix products, and what is no product.

    Parameters
    ----------
    text
        The update, or the new value of a state variable.
    rule
        The rule it is of.
    storage
        How values of synapses lie in memory.
    room
        Workspace for intermediate results.
    """

    def __init__(self, text: str, rule: LearningRule, storage: Storage, room: Workspace) -> None:
        self._storage, self._library, self._room = storage, storage.library, room
        found = terms(text, rule.held)
        given = rule.parameters, rule.held, self._library, room
        outers = [Outer(term, *given) for term in found if term.is_outer]
        self.outers = sorted(outers, key=lambda outer: outer.reads_weight)
        """Rank-one terms of presynaptic and postsynaptic factors."""
        alone = [term.synapse for term in found if not term.is_outer]
        self.alone = _sum(alone) if alone else None
        """Syntax tree of what depends on the synapse alone; None for nothing."""
        self._alone = None
        if self.alone is not None:
            self._alone = Formula(self.alone, self._library, room, rule.parameters)

    def calls(
        self, values: Mapping[str, Array], pairs: Pairs, n_trials: int, out: Array, rows: slice
    ) -> list[Call]:
        """Return the calls that compute it in some rows.

        Parameters
        ----------
        values
            Values in synapses, shape (n_rows, n_post), by name: ``w``, state.
        pairs
            Neural factors of each of `outers`.
        n_trials
            Number of trials in the batch.
        out
            Where it is written, shape (n_rows, n_post).
        rows
            Which rows of all weights these are.
        """
        library, operations, storage = self._library, self._library.operations, self._storage
        shape, calls = tuple(out.shape), list[Call]()
        if not self.outers or self.outers[0].reads_weight:
            calls.append(partial(operations[ast.UAdd], library.number(0), out=out))
        for number, (outer, (x, d)) in enumerate(zip(self.outers, pairs, strict=True)):
            if not outer.reads_weight:
                size = outer.size / n_trials
                calls.append(storage.outer(x, d, out, size, add=number > 0, rows=rows))
                continue
            product = self._room("product", shape)
            weight, more = outer.weigh.bound(values, "of synapses", shape)
            calls += [
                storage.outer(x, d, product, 1 / n_trials, add=False, rows=rows),
                *more,
                partial(operations[ast.Mult], product, weight, out=product),
                partial(operations[ast.Add], out, product, out=out),
            ]
        if self._alone:
            alone, more = self._alone.bound(values, "of synapses", shape)
            calls += [*more, partial(operations[ast.Add], out, alone, out=out)]
        return calls


class Outer:
    """A rank-one term: the outer product of a presynaptic and a postsynaptic factor.

    Parameters
    ----------
    term
        The term.
    parameters
        Value of each free number of the rule.
    held
        Names that have a separate value in every synapse.
    library
        Whose arrays.
    room
        Workspace for intermediate results.
    """

    def __init__(
        self,
        term: Term,
        parameters: Mapping[str, float],
        held: frozenset[str],
        library: Library,
        room: Workspace,
    ) -> None:
        self.pre = Factor(term.pre, parameters, library, room)
        self.post = Factor(term.post, parameters, library, room)
        self.reads_weight = bool(held & names_in(term.synapse))
        if self.reads_weight:
            self.weigh = Formula(term.synapse, library, room, parameters)
        else:
            self.size = float(compiled(term.synapse, library.operations)(parameters))


def _sum(nodes: Sequence[ast.expr]) -> ast.expr:
    return reduce(lambda a, b: ast.BinOp(a, ast.Add(), b), nodes)
