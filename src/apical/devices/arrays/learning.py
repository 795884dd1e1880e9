"""One projection that learns, on arrays: its rule's string, a matrix product for each term."""

from collections.abc import Callable, Mapping
from typing import Any

from apical.devices.arrays.numpy_library import NumpyLibrary
from apical.dynamics import UpdateDynamics
from apical.expressions import names, names_in, parse
from apical.projections import Projection
from apical.rules import LearningRule
from apical.terms import Term, compiled, terms

STRIP = 2**15
"""Weights worked on at a time, where an update needs more than a matrix product: 128 kB."""

Signal = Callable[[str], Any]
"""Returns a signal of a neuron, shape (n_trials, n), by its name with ``_pre`` or ``_post``."""


class Learner:
    """Applies the rule of one projection.

    Parameters
    ----------
    projection
        What learns.
    rule
        Its rule.
    library
        Whose arrays.
    """

    def __init__(self, projection: Projection, rule: LearningRule, library: NumpyLibrary) -> None:
        self.projection, self.rule, self.library = projection, rule, library
        functions = library.functions
        found = terms(rule.update)
        self._outer = [_Outer(t, projection, library) for t in found if t.is_outer]
        self._alone = [compiled(t.synapse, functions) for t in found if not t.is_outer]
        self._dynamics = _Dynamics(rule.dynamics, functions) if rule.dynamics else None
        self._is_plain = not (
            self._dynamics or self._alone or any(outer.reads_weight for outer in self._outer)
        )

    def initial_state(self) -> dict[str, Any]:
        """Return the variables of the dynamics, shape (n_pre, n_post), or () where all agree."""
        if self._dynamics is None:
            return {}
        return {
            name: self.library.full(value, () if name in self._dynamics.shared else self.shape)
            for name, value in self._dynamics.dynamics.state.items()
        }

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the weights."""
        return self.projection.shape

    def vectors(self, signal: Signal, n_trials: int) -> list[tuple[Any, Any]]:
        """Return what the two neurons bring to each term, from signals of the two populations."""
        return [outer.vectors(signal, self.rule.parameters, n_trials) for outer in self._outer]

    def update(self, w: Any, signal: Signal, n_trials: int) -> Any:
        """Return what the rule asks for, shape (n_pre, n_post), without its dynamics."""
        return self._update(w, self.vectors(signal, n_trials), n_trials)

    def learn(
        self, w: Any, state: dict[str, Any], pairs: list[tuple[Any, Any]], n_trials: int,
        factor: float,
    ) -> None:  # fmt: skip
        """Change the weights `w` and the `state` of their dynamics, in place.

        Parameters
        ----------
        w
            Weights, shape (n_pre, n_post).
        state
            Variables of the dynamics, by name.
        pairs
            What `vectors` returned before any weight of this batch was changed.
        n_trials
            Number of trials in the batch; the update is their mean.
        factor
            Factor on the learning rate [dimensionless].
        """
        if self._is_plain:
            for outer, (x, d) in zip(self._outer, pairs, strict=True):
                size = factor * outer.size(self.rule.parameters) / n_trials
                self.library.outer(x, d, w, size, add=True)
            self._hold(w)
            return
        rows = max(1, STRIP // self.shape[1])
        for start in range(0, self.shape[0], rows):
            strip = slice(start, min(start + rows, self.shape[0]))
            update = self._update(w[strip], [(x[:, strip], d) for x, d in pairs], n_trials)
            if self._dynamics is not None:
                values = {**self.rule.parameters, "w": w[strip], "update": update}
                update = self._dynamics.change(values, state, strip)
            update *= factor
            w[strip] += update
            self._hold(w[strip])
        if self._dynamics is not None:
            self._dynamics.step_shared(state)

    def _update(self, w: Any, pairs: list[tuple[Any, Any]], n_trials: int) -> Any:
        """Return what the rule asks of some rows of the weights."""
        values = {**self.rule.parameters, "w": w}
        update = None
        for outer, (x, d) in zip(self._outer, pairs, strict=True):
            product = self.library.empty(w.shape)
            size = 1.0 if outer.reads_weight else outer.size(self.rule.parameters)
            self.library.outer(x, d, product, size / n_trials, add=False)
            if outer.reads_weight:
                product *= outer.synapse(values)
            update = product if update is None else update + product
        for alone in self._alone:
            change = self.library.full(alone(values), w.shape)
            update = change if update is None else update + change
        return update

    def _hold(self, w: Any) -> None:
        if self.projection.bounds is not None:
            self.library.clip(w, *self.projection.bounds)


class _Outer:
    """A term that is a product of what the two neurons know."""

    def __init__(self, term: Term, projection: Projection, library: NumpyLibrary) -> None:
        self._library, self._shape = library, projection.shape
        functions = library.functions
        self._pre, self._post = compiled(term.pre, functions), compiled(term.post, functions)
        self.synapse = compiled(term.synapse, functions)
        self.reads_weight = "w" in names_in(term.synapse)

    def size(self, parameters: Mapping[str, float]) -> float:
        return float(self.synapse(parameters))

    def vectors(
        self, signal: Signal, parameters: Mapping[str, float], n_trials: int
    ) -> tuple[Any, Any]:
        """Return what the two neurons bring, shapes (n_trials, n_pre) and (n_trials, n_post)."""
        values = _Lazy(signal, parameters)
        found = []
        for factor, n in zip((self._pre, self._post), self._shape, strict=True):
            value = factor(values)
            if getattr(value, "shape", ()) != (n_trials, n):
                value = self._library.full(value, (n_trials, n))
            found.append(value)
        return found[0], found[1]


class _Dynamics:
    """Update dynamics as functions of arrays."""

    def __init__(self, dynamics: UpdateDynamics, functions: Mapping[str, Any]) -> None:
        self.dynamics = dynamics
        self._steps = [(name, compiled(parse(text), functions)) for name, text in dynamics.steps]
        self._change = compiled(parse(dynamics.change), functions)
        self.shared = _shared(dynamics)

    def change(self, values: dict[str, Any], state: dict[str, Any], strip: slice) -> Any:
        """Step the state of some rows, and return the change of their weights."""
        values |= self.dynamics.parameters
        values |= {k: v if k in self.shared else v[strip] for k, v in state.items()}
        for name, step in self._steps:
            values[name] = step(values)
            if name not in self.shared:
                state[name][strip] = values[name]
        return self._change(values)

    def step_shared(self, state: dict[str, Any]) -> None:
        """Step the variables that are the same in all synapses."""
        values = {**self.dynamics.parameters, **{name: state[name] for name in self.shared}}
        for name, step in self._steps:
            if name in self.shared:
                values[name] = step(values)
                state[name][...] = values[name]


def _shared(dynamics: UpdateDynamics) -> frozenset[str]:
    """Return the variables that hang on no signal, so that all synapses agree on them."""
    shared = set(dynamics.state)
    while True:
        known = shared | set(dynamics.parameters)
        own = {name for name, text in dynamics.steps if not names(text) <= known}
        if not own & shared:
            return frozenset(shared)
        shared -= own


class _Lazy(dict[str, Any]):
    """Parameters by name, and signals worked out when they are asked for."""

    def __init__(self, signal: Signal, parameters: Mapping[str, float]) -> None:
        super().__init__(parameters)
        self._signal = signal

    def __missing__(self, name: str) -> Any:
        return self._signal(name)
