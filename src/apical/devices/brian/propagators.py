"""Exact integration of linear equations in Brian2, by propagators.

A linear system ``dy/dt = A y + b`` whose inputs b are constant over a step evolves from y to
``P y + Q b`` with the propagators ``P = exp(A h)`` and ``Q``, its integral over the step (Rotter &
Diesmann 1999, doi:10.1007/s004220050570, eq. 7). They are computed numerically when a block begins,
from the current constants of the model, by a matrix exponential: perfect integrators, for which A
is singular, and equal time constants are no special cases, and all time steps give the same
membrane potentials at common times. Programs receive them as constants.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import brian2 as b2
import numpy as np
import sympy
from brian2.core.namespace import DEFAULT_UNITS
from brian2.equations.equations import DIFFERENTIAL_EQUATION
from brian2.parsing.sympytools import str_to_sympy, sympy_to_str
from brian2.stateupdaters.base import StateUpdateMethod
from scipy.linalg import expm

from apical.devices.brian.integration import TIME_STEP

UNITS = {"ms": 1e-3, "Hz": 1.0, "1": 1.0, "integer": 1}
"""Base units in the units that parameters come in."""


BASE_UNITS = {name: float(unit) for name, unit in DEFAULT_UNITS.items()}
"""Units that equations may name, in base units."""


@dataclass(frozen=True)
class Entry:
    """One entry of a propagator matrix.

    Parameters
    ----------
    name
        What the equations call it.
    row, column
        Where it stands in P, or, where it is an `input`, in Q.
    input
        Whether it is one of Q.
    """

    name: str
    row: int
    column: int
    input: bool


@dataclass(frozen=True)
class Propagators(StateUpdateMethod):
    """Exact integration of a linear system, as a state update method of Brian2.

    Parameters
    ----------
    code
        Statements of a step.
    entries
        The numbers that they read, besides the variables.
    symbols
        Names that A is made of: constants, and units.
    rates
        Returns the entries of A [Hz], row by row, given the values of these.
    by_neuron
        Whether constants differ between neurons, and so do propagators.
    """

    code: str
    entries: tuple[Entry, ...]
    symbols: tuple[str, ...]
    rates: Callable[..., list[Any]] = field(repr=False)
    by_neuron: bool = False

    def __call__(
        self, equations: b2.Equations, variables: Any = None, method_options: Any = None
    ) -> str:
        """Return the statements of one step."""
        return self.code

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the constants that A is made of."""
        return tuple(name for name in self.symbols if name not in BASE_UNITS)

    @property
    def equations(self) -> list[str]:
        """Equations of the numbers; that of an input is a time [s], as a plain number."""
        kind = "constant" if self.by_neuron else "shared, constant"
        return [f"{entry.name} : 1 ({kind})" for entry in self.entries]

    def values(self, constants: Mapping[str, Any], dt: float) -> dict[str, Any]:
        """Work out the numbers.

        Parameters
        ----------
        constants
            Value of each of `numbers` in base units: one for all neurons, or shape (n,).
        dt
            Time step [ms].

        Returns
        -------
        dict
            Name of the entry -> its number, or one for each neuron, shape (n,).
        """
        known = {**BASE_UNITS, **constants}
        # constants may not be set yet: `BrianSimulator.run` checks
        with np.errstate(divide="ignore", invalid="ignore"):
            flat = self.rates(*(np.asarray(known[name], float) for name in self.symbols))
        n = round(len(flat) ** 0.5)
        a = np.stack(np.broadcast_arrays(*map(np.asarray, flat)), axis=-1).astype(float)
        a = a.reshape(*a.shape[:-1], n, n)
        # the upper right block of this exponential is the integral of exp(A s) over the step
        both = np.zeros((*a.shape[:-2], 2 * n, 2 * n))
        both[..., :n, :n], both[..., :n, n:] = a, np.eye(n)
        step = expm(both * (dt * 1e-3))
        return {e.name: step[..., e.row, e.column + n * e.input] for e in self.entries}


@lru_cache(maxsize=256)
def solved(equations: str, constants: frozenset[str], by_neuron: frozenset[str]) -> Any:
    """Return the propagators of equations; None where they have none.

    Parameters
    ----------
    equations
        In Brian2's grammar.
    constants
        Names that do not change in a run and are the same for all neurons.
    by_neuron
        Names that do not change in a run and differ between neurons.

    Returns
    -------
    Propagators or None
        None where equations are not linear, coefficients change in a run, inputs change within a
        step, there is noise, or what is held during refractoriness drives what is not.
    """
    parsed = b2.Equations(equations)
    if parsed.is_stochastic or not parsed.diff_eq_names:
        return None
    found = _linear(parsed)
    if found is None:
        return None
    names, a, b = found
    symbols = sorted({str(symbol) for symbol in a.free_symbols})
    known = constants | by_neuron | BASE_UNITS.keys()
    if not set(symbols) <= known or "t" in map(str, b.free_symbols):
        return None
    if any(part.has(sympy.core.function.AppliedUndef) for part in (*a, *b)):
        return None
    reach = _reach(a)
    held = [k for k, name in enumerate(names) if "unless refractory" in parsed[name].flags]
    if any(reach[i, j] and i != j for j in held for i in range(len(names)) if i not in held):
        return None
    if len(held) > 1 and reach[np.ix_(held, held)].sum() > len(held):
        return None
    code, entries = _step(names, a, b, reach, held)
    rates = sympy.lambdify([sympy.Symbol(s, real=True) for s in symbols], list(a), "numpy")
    local = bool(set(symbols) & by_neuron)
    return Propagators(code, tuple(entries), tuple(symbols), rates, local)


def _linear(parsed: b2.Equations) -> tuple[list[str], Any, Any] | None:
    """Return the variables of equations, the matrix A and the inputs b, if they are linear."""
    expressions = [
        (name, str_to_sympy(expression.code))
        for name, expression in parsed.get_substituted_expressions()
        if parsed[name].type == DIFFERENTIAL_EQUATION
    ]
    names = [name for name, _ in expressions]
    symbols = [sympy.Symbol(name, real=True) for name in names]
    system = sympy.Matrix([expression for _, expression in expressions])
    a = system.jacobian(symbols).applyfunc(sympy.simplify)
    if a.free_symbols & set(symbols):
        return None
    b = (system - a * sympy.Matrix(symbols)).applyfunc(sympy.simplify)
    return None if b.free_symbols & set(symbols) else (names, a, b)


def _reach(a: Any) -> np.ndarray:
    """Return which variable moves which in a step, directly or through others: shape (n, n)."""
    n = a.shape[0]
    reach = np.array([[a[i, j] != 0 or i == j for j in range(n)] for i in range(n)])
    for _ in range(n):
        reach = reach @ reach
    return reach


def _step(
    names: list[str], a: Any, b: Any, reach: np.ndarray, held: list[int]
) -> tuple[str, list[Entry]]:
    """Return the statements of a step, and the numbers that they read."""
    entries, lines = list[Entry](), list[str]()
    n = len(names)
    for i, name in enumerate(names):
        terms = []
        alone = a[i, i] == 0 and not any(reach[i, j] and reach[j, i] for j in range(n) if j != i)
        for j in np.flatnonzero(reach[i]):
            if i == j and alone:  # a perfect integrator keeps what it has
                terms.append(name)
                continue
            entries.append(Entry(f"propagator_{name}_{names[j]}", i, int(j), False))
            terms.append(f"{entries[-1].name}*{names[j]}")
        for j in np.flatnonzero(reach[i]):
            if b[j] == 0:
                continue
            if alone and i == j:
                terms.append(f"{TIME_STEP}*({sympy_to_str(b[j])})")
                continue
            entries.append(Entry(f"input_{name}_{names[j]}", i, int(j), True))
            terms.append(f"{entries[-1].name}*({sympy_to_str(b[j])})")
        lines.append(f"_{name} = {' + '.join(terms)}")
    for i, name in enumerate(names):
        free = "int(not_refractory)"
        lines.append(
            f"{name} = {free}*_{name} + (1 - {free})*{name}" if i in held else f"{name} = _{name}"
        )
    return "\n".join(lines), entries
