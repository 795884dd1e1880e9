"""Signs within one neuron: whether a signal can be negative, and how inputs move its activity.

Both follow from the text of its model by numbers: expressions are evaluated for many values of what
they read. What an evaluation cannot read stays unknown, and is said to be so.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

import numpy as np

from apical.errors import ParameterError
from apical.language.evaluation import Function, comparisons, evaluated
from apical.language.model_text import Equation, Statement, equations, reads, statements
from apical.neurons.base import Population

SAMPLES = 512
"""Number of values that each variable is given."""

_UNITS = {"ms": 1e-3}
_STEPS = np.array([-1.0, -0.1, 0.0, 0.1, 1.0, 10.0])
"""Distances from rest at which the influence of a variable is looked at."""


class Signs:
    """What is known of the signs of signals and inputs of a population.

    Parameters
    ----------
    population
        Which.
    """

    def __init__(self, population: Population) -> None:
        self._population = population
        self._model = population.described
        self._equations: Mapping[str, Equation] = {
            equation.name: equation for equation in equations(self._model.equations)
        }
        self._parameters = {
            name: value * _UNITS.get(unit, 1.0)
            for name, (value, unit) in self._model.parameters.items()
        }
        self._open = set[str]()  # expressions that are being worked out
        self._synaptic = {*population.inputs.values(), *self._model.summed, *population.hears}

    # ---- the sign of a signal --------------------------------------------------------------------
    def may_be_negative(self, signal: str) -> bool:
        """Say whether nothing keeps a signal from being negative."""
        return not self._is_positive(signal, frozenset())

    def _is_positive(self, name: str, assumed: frozenset[str]) -> bool:
        """Say whether a variable that begins at 0 or above stays there.

        By induction: what is `assumed` is 0 or above until now, and is not asked again.
        """
        if name in assumed or name == "spike":
            return True
        equation = self._equations.get(name)
        known = assumed | {name}
        if name in self._synaptic or (equation is None and not self._changes(name)):
            return False
        if equation is not None and equation.kind == "expression":
            return self._never_below(equation.text, known)
        start = self._model.initial.get(name, 0.0)
        falls = isinstance(start, int | float) and start < 0
        if equation is not None and equation.kind == "differential":
            falls = falls or not self._never_below(equation.text, known, {name: 0.0})
        return not falls and all(
            change.operator != "-" and self._never_below(change.text, known)
            for change in self._changes(name)
        )

    def _changes(self, name: str) -> list[Statement]:
        model = self._model
        texts = (model.reset, model.at_trial, model.at_frame, model.at_reset, model.at_step)
        return [s for text in texts for s in statements(text) if s.target == name]

    def _never_below(
        self, text: str, assumed: frozenset[str], fixed: Mapping[str, float] | None = None
    ) -> bool:
        """Say whether no sample of an expression is below 0, by more than rounding."""
        values: dict[str, object] = {**_OF_BRIAN, **self._parameters, **(fixed or {})}
        try:
            self._sample(reads(text).names, values, assumed)
            found = evaluated(text, values, _SAMPLED)
        except ParameterError:
            return False
        found = found[np.isfinite(found)]
        return bool(found.size and found.min() >= -1e-12 * max(1.0, float(np.abs(found).max())))

    def _sample(
        self, names: Iterable[str], values: dict[str, object], assumed: frozenset[str]
    ) -> None:
        """Add samples of variables; those of an expression follow from what it reads."""
        for k, name in enumerate(sorted(names)):
            equation = self._equations.get(name)
            if name in values or (equation is None and not self._is_variable(name)):
                continue
            if equation is not None and equation.kind == "expression":
                if name in self._open:
                    raise ParameterError(f"{name} is defined by itself")
                self._open.add(name)
                try:
                    self._sample(reads(equation.text).names, values, assumed)
                finally:
                    self._open.discard(name)
                values[name] = evaluated(equation.text, values, _SAMPLED)
                continue
            rng = np.random.default_rng([k, len(values), *map(ord, name)])
            sizes = 10.0 ** rng.uniform(-3, 3, SAMPLES)
            sizes[0] = 0.0
            is_positive = self._is_positive(name, assumed)
            values[name] = sizes if is_positive else sizes * rng.choice([-1.0, 1.0], SAMPLES)

    def _is_variable(self, name: str) -> bool:
        return name in self._synaptic or bool(self._changes(name))

    # ---- the sign of an input --------------------------------------------------------------------
    def effect(self, variable: str) -> int | None:
        """Return the sign with which a variable moves the activity of its neuron.

        1: it excites. -1: it inhibits. 0: it may do either, or the text does not say. None: it does
        not reach the activity.
        """
        ends = {"spike"} if self._model.threshold else {"x"} & {*self._equations}
        ends = ends or {name for name in self._population.signals[:1]}
        found = set(self._products(variable, ends, 1, frozenset()))
        return None if not found else found.pop() if len(found) == 1 else 0

    def _products(
        self, variable: str, ends: set[str], sign: int, seen: frozenset[str]
    ) -> Iterator[int]:
        """Yield the product of signs along each way to the activity that crosses itself nowhere."""
        if variable in ends:
            yield sign
            return
        for target, influence in self._influences.get(variable, {}).items():
            if target not in seen and target != variable:
                yield from self._products(target, ends, sign * influence, seen | {variable})

    @cached_property
    def _influences(self) -> Mapping[str, Mapping[str, int]]:
        """Signs of the direct influence of each variable on others; 0 where it has either."""
        found: dict[str, dict[str, int]] = {}
        for target, sign, text in self._texts():
            for name in reads(text).names:
                if name in self._parameters or name == target:
                    continue
                influence = self._influence(text, name)
                if influence is not None:
                    known = found.setdefault(name, {})
                    new = sign * influence
                    known[target] = new if known.get(target, new) == new else 0
        return found

    def _texts(self) -> Iterator[tuple[str, int, str]]:
        """Yield what makes up each variable and the spike: its name, a sign, an expression."""
        model = self._model
        for equation in self._equations.values():
            if equation.text:
                yield equation.name, 1, equation.text
        for text in (model.at_trial, model.at_frame, model.at_step):
            for statement in statements(text):
                yield statement.target, -1 if statement.operator == "-" else 1, statement.text
        for sign, above, below in comparisons(model.threshold) if model.threshold else ():
            yield "spike", sign, above
            yield "spike", -sign, below

    def _influence(self, text: str, name: str) -> int | None:
        """Return the sign of the slope of an expression in a variable; None where it is flat."""
        for others in (0.0, 1.0):  # a product with what is 0 at rest is flat there
            try:
                rest = self._rest(others)
                points = rest.get(name, 0.0) + _STEPS
                slopes = np.diff(evaluated(text, {**rest, name: points}, _TYPICAL) + 0 * points)
            except ParameterError:
                return 0
            slopes = slopes[np.isfinite(slopes)]
            if slopes.any():
                up, down = bool((slopes > 0).any()), bool((slopes < 0).any())
                return 0 if up and down else 1 if up else -1
        return None

    def _rest(self, others: float) -> dict[str, float]:
        """Return each variable at rest, where a trial begins."""
        names = {*self._equations, *self._synaptic}
        start = {
            name: float(value) if isinstance(value, int | float) else 1.0
            for name, value in self._model.initial.items()
        }
        return {**dict.fromkeys(names, others), **_OF_BRIAN, **start, **self._parameters}


_OF_BRIAN: Mapping[str, float] = {
    "t": 0.05,
    "dt": 1e-3,
    "i": 1.0,
    "N": 2.0,
    "lastspike": 0.01,
    "not_refractory": 1.0,
}
"""Variables that Brian2 gives every neuron, none of which is ever negative."""


_TYPICAL: Mapping[str, Function] = {
    "stimulus": lambda *_: 0.5,
    "label": lambda *_: 0.5,
    "learning": lambda *_: 1.0,
    "rand": lambda *_: 0.5,
    "randn": lambda *_: 0.0,
    "poisson": lambda *_: 1.0,
    "binomial": lambda *_: 1.0,
    "timestep": lambda *_: 1.0,
}
"""What functions from outside a neuron return, as one value; only ``randn`` is ever negative."""

_SAMPLED: Mapping[str, Function] = {**_TYPICAL, "randn": lambda *_: np.linspace(-3, 3, SAMPLES)}
